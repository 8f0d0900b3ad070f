//! The node's side of signalling servers: registering, looking up and joining rooms, hearing of members.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::time::Duration;

use super::attempts::ASK_DELAY;
use super::overlays::UNSOUGHT;
use super::peer::{Peer, Source};
use super::registration::Registration;
use super::{Node, PEERS_MAX};
use crate::id::{Code, Endpoint, RoomId};
use crate::links::message::GoodbyeReason;
use crate::room::Room;
use crate::room::genesis::{Genesis, GenesisError};
use crate::room::rules::record::Terms;
use crate::seam::choice::Choice;
use crate::seam::event::{Event, LinkState, Refusal, RoomHandle, RoomRefusal, ServerState};
use crate::seam::io::{Effect, ServerId};
use crate::seam::path::Path;
use crate::signalling::announce;
use crate::signalling::client::{ClientAction, ClientEvent, ServerClient};
use crate::signalling::protocol::{Announcement, FromClient, FromServer, ServerRefusal, VERSIONS};
use crate::time::Time;
use crate::wire::{Base64, BoundedText};

/// Time to reach one of the members that a server named, before it is asked for others.
const ASK_AGAIN: Duration = Duration::from_secs(5);

impl Node {
    /// The conversation with the server at `url`, begun if there is none yet.
    pub(super) fn server(&mut self, url: String) -> ServerId {
        if let Some((&server, _)) = self.servers.iter().find(|(_, client)| client.url() == url) {
            return server;
        }
        let server = ServerId(self.next_server);
        self.next_server += 1;
        self.servers.insert(server, ServerClient::new(self.now.time, url, &self.config));
        self.handle_server_timeouts();
        server
    }

    pub(super) fn handle_server_timeouts(&mut self) {
        let servers: Vec<ServerId> = self.servers.keys().copied().collect();
        for server in servers {
            let Some(client) = self.servers.get_mut(&server) else { continue };
            let (action, event) = client.handle_timeout(self.now.time, &mut self.rng);
            self.carry_out_server(server, action, event);
        }
        self.ask_for_others();
    }

    /// Asks servers for other members where none of those that they named was reached.
    fn ask_for_others(&mut self) {
        let now = self.now.time;
        let is_due = |known: &&mut Registration| known.ask_again.is_some_and(|due| due <= now);
        let mut due = Vec::new();
        for (&handle, entry) in &mut self.rooms {
            for known in entry.registrations.iter_mut().filter(is_due) {
                known.ask_again = None;
                due.push((handle, known.server));
            }
        }
        for (handle, server) in due {
            if !self.peers.values().any(|peer| peer.is_attached(handle)) {
                self.ask_to_join(handle, server);
            }
        }
    }

    /// When [`Node::ask_for_others`] has something to do.
    pub(super) fn asking_deadlines(&self) -> impl Iterator<Item = Time> {
        let registrations = self.rooms.values().flat_map(|entry| &entry.registrations);
        registrations.filter_map(|known| known.ask_again)
    }

    /// How many others the servers of a room say are in it; of several servers the most. It is their word.
    pub fn others_named(&self, room: RoomHandle) -> u64 {
        let registrations = self.rooms.get(&room).map(|entry| entry.registrations.iter());
        registrations.into_iter().flatten().map(|known| known.others).max().unwrap_or(0)
    }

    fn count_others(&mut self, handle: RoomHandle, server: ServerId, change: impl Fn(u64) -> u64) {
        if let Some(known) = self.rooms.get_mut(&handle).and_then(|entry| entry.registration(server)) {
            known.others = change(known.others);
        }
    }

    /// Becomes a member of a room on a server, or asks it for members that it has not named yet.
    fn ask_to_join(&mut self, handle: RoomHandle, server: ServerId) {
        let Some(entry) = self.rooms.get(&handle) else { return };
        let Some(room) = entry.room.as_ref().map(Room::id) else { return };
        let token = entry.secret.map(|secret| secret.join_token(&room).into());
        self.request(server, &FromClient::Join { room, token });
    }

    pub(super) fn handle_server_text(&mut self, server: ServerId, text: &str) {
        let Some(client) = self.servers.get_mut(&server) else { return };
        let (action, event) = client.handle_text(self.now.time, text, &self.identity, &self.announcement);
        self.carry_out_server(server, action, event);
    }

    pub(super) fn handle_server_down(&mut self, server: ServerId, reason: String) {
        let Some(client) = self.servers.get_mut(&server) else { return };
        let event = client.handle_down(self.now.time, reason, &mut self.rng);
        self.carry_out_server(server, None, event);
    }

    /// Tells every server that we leave, and closes the sockets.
    pub(super) fn leave_servers(&mut self) {
        let rooms: Vec<RoomHandle> = self.rooms.keys().copied().collect();
        for room in rooms {
            self.leave_on_servers(room);
        }
        for server in core::mem::take(&mut self.servers).into_keys() {
            self.effect(Effect::ServerClose { server });
        }
    }

    /// Tells the room's servers that we leave the room.
    pub(super) fn leave_on_servers(&mut self, handle: RoomHandle) {
        let Some(entry) = self.rooms.get_mut(&handle) else { return };
        let Some(room) = entry.id() else { return };
        let joined = |registration: &mut Registration| {
            core::mem::take(&mut registration.joined).then_some(registration.server)
        };
        let servers: Vec<ServerId> = entry.registrations.iter_mut().filter_map(joined).collect();
        for server in servers {
            self.request(server, &FromClient::Leave { room });
        }
    }

    /// Closes the conversation with a server that no room needs.
    pub(super) fn drop_unused_servers(&mut self) {
        let used = |server: &ServerId| self.rooms.values().any(|entry| entry.uses(*server));
        let unused: Vec<ServerId> = self.servers.keys().copied().filter(|server| !used(server)).collect();
        for server in unused {
            self.servers.remove(&server);
            self.effect(Effect::ServerClose { server });
        }
    }

    /// Sends a request, if the server let us in. Returns whether it was sent.
    pub(super) fn request(&mut self, server: ServerId, message: &FromClient) -> bool {
        let Some(client) = self.servers.get_mut(&server).filter(|client| client.is_entered()) else {
            return false;
        };
        let text = client.request(self.now.time, message);
        self.effect(Effect::ServerSend { server, text });
        true
    }

    /// Asks every server of the room for it.
    pub(super) fn ask_servers_for_room(&mut self, handle: RoomHandle) {
        let Some(entry) = self.rooms.get(&handle) else { return };
        let servers: Vec<ServerId> = entry.registrations.iter().map(|known| known.server).collect();
        for server in servers {
            self.ask_server_for_room(handle, server);
        }
    }

    /// Asks a server for the room, or hands it the genesis that we hold.
    pub(super) fn ask_server_for_room(&mut self, handle: RoomHandle, server: ServerId) {
        let Some(entry) = self.rooms.get(&handle) else { return };
        let message = match (&entry.room, entry.wanted_room) {
            (Some(room), _) => {
                let genesis =
                    Base64::new(room.genesis_bytes()).expect("a checked genesis is within the limit");
                FromClient::Register { genesis }
            }
            (None, Some(room)) => FromClient::Lookup { room: Some(room), code: None },
            (None, None) if entry.is_first(server) => {
                FromClient::Lookup { room: None, code: entry.wanted_code }
            }
            // Elsewhere the code is another room's, or nobody's: the id is awaited.
            (None, None) => return,
        };
        self.request(server, &message);
    }

    fn carry_out_server(
        &mut self,
        server: ServerId,
        action: Option<ClientAction>,
        event: Option<ClientEvent>,
    ) {
        let Some(url) = self.servers.get(&server).map(|client| String::from(client.url())) else { return };
        match action {
            None => {}
            Some(ClientAction::Open) => {
                self.effect(Effect::ServerOpen { server, url: url.clone() });
                self.event(Event::Server { url: url.clone(), state: ServerState::Connecting });
            }
            Some(ClientAction::Send(text)) => self.effect(Effect::ServerSend { server, text }),
            Some(ClientAction::Close) => self.effect(Effect::ServerClose { server }),
        }
        match event {
            None => {}
            Some(ClientEvent::Entered) => {
                self.event(Event::Server { url, state: ServerState::Connected });
                for handle in self.rooms_on(server) {
                    self.ask_server_for_room(handle, server);
                }
                // What took the connection away may have taken its relay away too.
                self.doubt_links(|path| path.kind() == Path::Relayed);
            }
            Some(ClientEvent::Away(reason)) => {
                self.event(Event::Server { url, state: ServerState::Away { reason } });
                self.forget_presence(server);
            }
            Some(ClientEvent::Rubbish(detail)) => self.refuse(None, Refusal::Server, detail),
            Some(ClientEvent::Version((least, most))) => {
                let newer = if least > VERSIONS.1 { "newer" } else { "older" };
                let detail =
                    format!("it speaks versions {least} to {most}, which are {newer} than this one's");
                self.refuse(None, Refusal::Version, detail);
            }
            Some(ClientEvent::Message(message)) => self.handle_server_message(server, message),
        }
    }

    fn rooms_on(&self, server: ServerId) -> Vec<RoomHandle> {
        let here = self.rooms.iter().filter(|(_, entry)| entry.uses(server));
        here.map(|(&handle, _)| handle).collect()
    }

    /// A server that is away lists nobody; links do not depend on it.
    fn forget_presence(&mut self, server: ServerId) {
        for handle in self.rooms_on(server) {
            if let Some(known) = self.rooms.get_mut(&handle).and_then(|entry| entry.registration(server)) {
                known.joined = false;
                (known.others, known.ask_again) = (0, None);
            }
            for peer in self.peers.values_mut() {
                peer.remove_source(handle, Source::Server(server));
            }
        }
    }

    fn handle_server_message(&mut self, server: ServerId, message: FromServer) {
        match message {
            FromServer::Found { room, code, genesis } => self.handle_found(server, room, code, &genesis),
            FromServer::Unknown { room, code } => self.handle_unknown(server, room, code),
            FromServer::Joined { room, members, others } => {
                let Some(handle) = self.room_on(server, room) else { return };
                let (now, entry) = (self.now.time, self.rooms.get_mut(&handle));
                if let Some(known) = entry.and_then(|entry| entry.registration(server)) {
                    (known.joined, known.refused) = (true, false);
                    known.others = others.unwrap_or(members.len() as u64);
                    // It may name nobody twice, so that there is an end to it.
                    known.ask_again = (!members.is_empty()).then(|| now + ASK_AGAIN);
                }
                self.handle_sighted(handle, members.len());
                for announcement in members {
                    self.learn(handle, &announcement, Source::Server(server));
                }
            }
            FromServer::MemberJoined { room, announcement } => {
                if let Some(handle) = self.room_on(server, room) {
                    self.count_others(handle, server, |others| others.saturating_add(1));
                    self.learn(handle, &announcement, Source::Server(server));
                }
            }
            FromServer::MemberLeft { room, endpoint } => {
                if let Some(handle) = self.room_on(server, room) {
                    self.count_others(handle, server, |others| others.saturating_sub(1));
                    self.handle_absent(handle, endpoint, Source::Server(server));
                }
            }
            FromServer::IceServers { room, servers, lasts_ms } => {
                self.handle_ice_servers(server, room, servers, lasts_ms);
            }
            FromServer::Signal { room, from, payload } => {
                if let Some(handle) = self.room_on(server, room) {
                    if self.introductions.is_seen(&payload) {
                        let detail = String::from("the server hands out a payload that came before");
                        return self.refuse(Some(from), Refusal::Replay, detail);
                    }
                    self.handle_sealed_signal(handle, from, &payload, Source::Server(server));
                }
            }
            FromServer::Refused {
                reason: ServerRefusal::NoSuchMember,
                room: Some(room),
                endpoint: Some(gone),
                ..
            } => {
                if let Some(handle) = self.room_on(server, room) {
                    self.handle_no_such_member(handle, gone, server);
                }
            }
            FromServer::Refused { reason, detail, room, .. } => {
                self.handle_server_refusal(server, reason, &detail, room);
            }
            FromServer::Goodbye { reason, detail, .. } => {
                let refusal = match reason {
                    ServerRefusal::Version => Refusal::Version,
                    _ => Refusal::Server,
                };
                let detail = format!("the server closes the connection ({reason:?}): {detail}");
                self.refuse(None, refusal, detail);
            }
            // Handled by the conversation itself.
            _ => {}
        }
    }

    /// A source no longer lists an endpoint in a room. A link outlives that; an attempt cannot, when nobody
    /// else lists it.
    pub(super) fn handle_absent(&mut self, handle: RoomHandle, endpoint: Endpoint, source: Source) {
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        peer.remove_source(handle, source);
        if !peer.is_listed() && peer.link.is_none() && peer.state == LinkState::Connecting {
            let reason = if source == Source::Overlay { UNSOUGHT } else { GoodbyeReason::Left.words() };
            self.abandon(endpoint, reason);
        }
    }

    pub(super) fn room_on(&self, server: ServerId, room: RoomId) -> Option<RoomHandle> {
        let here = |entry: &super::rooms::Entry| entry.uses(server) && entry.id() == Some(room);
        self.rooms.iter().find(|(_, entry)| here(entry)).map(|(&handle, _)| handle)
    }

    fn handle_found(&mut self, server: ServerId, room: RoomId, code: Code, genesis: &[u8]) {
        let asked: Vec<RoomHandle> = self
            .rooms
            .iter()
            .filter(|(_, entry)| entry.uses(server) && entry.asked_for(server, room, code))
            .map(|(&handle, _)| handle)
            .collect();
        for handle in asked {
            if let Err(reason) = self.open_found(handle, room, genesis) {
                self.refuse_by_server(handle, server, reason);
                continue;
            }
            let Some(entry) = self.rooms.get_mut(&handle) else { continue };
            let was_open = entry.registrations.iter().any(|known| known.code.is_some());
            let Some(known) = entry.registration(server) else { continue };
            let news = known.code.replace(code) != Some(code);
            let is_new = core::mem::take(&mut entry.is_new);
            if is_new {
                self.take_overlay_of(server, handle);
            }
            if news {
                self.event(Event::RoomRegistered { room: handle, code });
            }
            if !was_open {
                // Now that the id is known, the other servers can be asked too.
                self.ask_other_servers(handle, server);
            }
            self.ask_to_join(handle, server);
        }
    }

    /// Gives a room of our own the overlay that its server wants for new rooms, as its first rules.
    fn take_overlay_of(&mut self, server: ServerId, handle: RoomHandle) {
        let wanted = self.servers.get(&server).map(ServerClient::overlay).unwrap_or_default();
        let Some(room) = self.rooms.get_mut(&handle).and_then(|entry| entry.room.as_mut()) else { return };
        // Its owner may have chosen already.
        if wanted == Choice::Auto || *room.rules() != Terms::default() {
            return;
        }
        let overlay = BoundedText::new(&wanted.record_name()).expect("names of overlays are short");
        let rules = Terms { overlay, ..Terms::default() };
        // Without it the room is one like any other.
        let _ = room.set_rules(room.present(self.now), &self.identity, rules);
    }

    fn ask_other_servers(&mut self, handle: RoomHandle, answered: ServerId) {
        let Some(entry) = self.rooms.get(&handle) else { return };
        let others = entry.registrations.iter().map(|known| known.server).filter(|other| *other != answered);
        for server in others.collect::<Vec<_>>() {
            self.ask_server_for_room(handle, server);
        }
    }

    /// Opens a room by the genesis that a server handed out, unless it is open.
    pub(super) fn open_found(
        &mut self,
        handle: RoomHandle,
        room: RoomId,
        bytes: &[u8],
    ) -> Result<(), RoomRefusal> {
        let Some(entry) = self.rooms.get(&handle) else { return Ok(()) };
        if entry.room.is_some() {
            return Ok(());
        }
        let (genesis, id) = Genesis::decode_signed(bytes).map_err(|error| match error {
            GenesisError::Format(_) => RoomRefusal::Version(error.to_string()),
            error => RoomRefusal::WrongRoom(error.to_string()),
        })?;
        if id != room || entry.wanted_room.is_some_and(|wanted| wanted != id) {
            return Err(RoomRefusal::WrongRoom(format!("its id is {id}")));
        }
        self.open_room(handle, genesis, bytes.to_vec(), id)?;
        self.store_genesis(handle);
        Ok(())
    }

    fn handle_unknown(&mut self, server: ServerId, room: Option<RoomId>, code: Option<Code>) {
        for handle in self.rooms_on(server) {
            let Some(entry) = self.rooms.get(&handle) else { continue };
            let meant = match room {
                Some(_) => entry.wanted_room == room,
                None => entry.wanted_room.is_none() && entry.wanted_code == code,
            };
            if meant && entry.room.is_none() {
                self.event(Event::RoomWaiting { room: handle });
            }
        }
    }

    fn handle_server_refusal(
        &mut self,
        server: ServerId,
        reason: ServerRefusal,
        detail: &str,
        room: Option<RoomId>,
    ) {
        let Some(handle) = room.and_then(|room| self.room_on(server, room)) else {
            return self.refuse(None, Refusal::Server, format!("{reason:?}: {detail}"));
        };
        match reason {
            ServerRefusal::RoomFull => {
                self.refuse_by_server(handle, server, RoomRefusal::Full(String::from(detail)));
            }
            ServerRefusal::ServerFull | ServerRefusal::TooManyRooms | ServerRefusal::Signature => {
                self.refuse_by_server(handle, server, RoomRefusal::Server(String::from(detail)));
            }
            // The server forgot the room: joining again follows from what it says next.
            _ => self.refuse(None, Refusal::Server, format!("{reason:?}: {detail}")),
        }
    }

    /// One server does not let us into a room. It cannot be entered when no other server is left to ask and
    /// nobody is in it with us; a wrong secret is wrong everywhere.
    fn refuse_by_server(&mut self, handle: RoomHandle, server: ServerId, reason: RoomRefusal) {
        let everywhere = matches!(reason, RoomRefusal::SecretMissing | RoomRefusal::SecretWrong);
        let Some(entry) = self.rooms.get_mut(&handle) else { return };
        if let Some(known) = entry.registration(server) {
            known.refused = true;
        }
        let alone = entry.registrations.len() == 1;
        let refused = entry.registrations.iter().all(|known| known.refused);
        let attached = self.peers.values().any(|peer| peer.is_attached(handle));
        if everywhere || alone || (refused && !attached) {
            self.refuse_room(handle, reason);
        } else {
            self.refuse(None, Refusal::Server, reason.to_string());
        }
    }

    /// Somebody says that an endpoint is in a room, with the key to which signals are sealed.
    pub(super) fn learn(&mut self, handle: RoomHandle, announcement: &Announcement, source: Source) {
        let endpoint = announcement.endpoint;
        if endpoint == self.me {
            return;
        }
        if self.leave_to_overlay(handle, announcement, source) {
            return;
        }
        let known =
            self.peers.get(&endpoint).is_some_and(|peer| peer.announcement.as_ref() == Some(announcement));
        if !known && !announce::verify(announcement) {
            let detail = format!("the sealing key that {source} hands out is not signed by this peer");
            return self.refuse(Some(endpoint), Refusal::SealingKey, detail);
        }
        if !self.know(handle, announcement) {
            return;
        }
        let (resumes, now) = (self.is_resuming(endpoint), self.now.time);
        let offers = self.me > endpoint || resumes;
        // What is under way to resume a session was offered while nobody could carry it.
        let trying = self.is_trying(endpoint) && !resumes;
        let Some(peer) = self.peers.get_mut(&endpoint) else { return };
        let news = peer.add_source(handle, source);
        if peer.link.is_some() {
            self.send_attach(endpoint, handle);
        } else if news && !trying {
            peer.next_try = Some(if offers { now } else { now + ASK_DELAY });
            self.try_link(endpoint);
        }
    }

    /// Enters an announcement, whose signature holds, into the table of peers. Returns whether there is a place.
    pub(super) fn know(&mut self, handle: RoomHandle, announcement: &Announcement) -> bool {
        let endpoint = announcement.endpoint;
        if !self.peers.contains_key(&endpoint) {
            if self.peers.len() >= PEERS_MAX && !self.forget_least_peer() {
                let detail = format!("{PEERS_MAX} endpoints are known already");
                self.refuse(Some(endpoint), Refusal::TooManyAttempts, detail);
                return false;
            }
            self.peers.insert(endpoint, Peer::new(self.now.time));
            self.event(Event::Link { endpoint, state: LinkState::Connecting, reason: None });
            self.keep_unlinked(endpoint);
        }
        if let Some(peer) = self.peers.get_mut(&endpoint) {
            peer.announcement = Some(announcement.clone());
            peer.rooms.insert(handle);
        }
        true
    }

    /// Forgets one of those that are neither linked nor being tried: who failed most often, then who was tried longest
    /// ago. False when there is none. Members that answer nobody must not keep others from being known.
    fn forget_least_peer(&mut self) -> bool {
        let now = self.now.time;
        let is_idle = |peer: &Peer| {
            peer.link.is_none() && peer.trying.is_empty() && peer.session.is_none() && !peer.is_refused(now)
        };
        let idle = self.peers.iter().filter(|(_, peer)| is_idle(peer));
        let least = idle.min_by_key(|(_, peer)| (Reverse(peer.failures), peer.since));
        let Some(least) = least.map(|(&endpoint, _)| endpoint) else { return false };
        self.set_state(least, LinkState::Gone, Some(String::from("gave way to others")));
        self.peers.remove(&least);
        self.forget_ways();
        true
    }

    /// Tries links that are due and forgets who is long gone.
    pub(super) fn handle_peer_timeouts(&mut self) {
        let now = self.now.time;
        let due: Vec<Endpoint> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.next_try.is_some_and(|at| at <= now))
            .map(|(&endpoint, _)| endpoint)
            .collect();
        for endpoint in due {
            self.try_link(endpoint);
        }
        self.forget_unsought();
        let known = self.peers.len();
        self.peers.retain(|_, peer| peer.forget_at().is_none_or(|at| at > now));
        if self.peers.len() < known {
            self.forget_ways();
        }
    }
}
