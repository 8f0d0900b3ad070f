//! Servers of a node: conversations with them, and the state of each room at each server.
//!
//! It reads rooms, and returns the servers' reports. It knows nothing of sealed content and its receivers.

mod disconnected;
mod ice;
mod reach;
mod refused;
mod registration;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use self::registration::Registration;
use super::commands::CommandError;
use super::common::Own;
use super::rooms::{Entry, Rooms};
use crate::id::{Code, Endpoint, RoomId};
use crate::reach::Reach;
use crate::seam::choice::Choice;
use crate::seam::event::{Event, Refusal, RoomHandle, RoomRefusal, ServerState};
use crate::seam::io::{Effect, ServerId};
use crate::signalling::address::{
    FURTHER_SERVERS_MAX, LAN, RoomAddress, RoomKeys, check_server, signalling_url,
};
use crate::signalling::client::{ClientAction, ClientEvent, ServerClient};
use crate::signalling::protocol::{
    Announcement, FromClient, FromServer, LinkOutcome, ServerRefusal, VERSIONS,
};
use crate::time::{Time, WallTime};
use crate::wire::Base64;

/// Servers of one room: its own, and those that an address may name in addition. The local network counts besides.
const REGISTRATIONS_MAX: usize = 1 + FURTHER_SERVERS_MAX;
/// Time to reach one of the members that a server named, before others are requested.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// A server's report for other parts.
pub(super) enum Heard {
    /// It admitted us.
    Entered,
    /// It is away, and lists nobody in these rooms.
    Away(Vec<RoomHandle>),
    /// It knows the requested room.
    Found { handles: Vec<RoomHandle>, room: RoomId, code: Code, genesis: Vec<u8> },
    /// It names members of a room that we are in now.
    Members(RoomHandle, Vec<Announcement>),
    /// Somebody else joined a room.
    Joined(RoomHandle, Announcement),
    /// Somebody left a room.
    Left(RoomHandle, Endpoint),
    /// A sealed payload, for this endpoint by the server's report.
    Signal { room: RoomHandle, from: Endpoint, payload: Vec<u8> },
    /// It knows no such member of a room.
    NoSuchMember(RoomHandle, Endpoint),
    /// It does not carry our signals to a member, with whom others of our network began too much.
    HeldBack(RoomHandle, Endpoint),
    /// It does not admit us to a room.
    Refused(RoomHandle, RoomRefusal),
}

/// All conversations, and the servers of each room.
#[derive(Debug)]
pub(super) struct Servers {
    clients: BTreeMap<ServerId, ServerClient>,
    /// The servers of each room; the first one's LINK is the room's.
    registrations: BTreeMap<RoomHandle, Vec<Registration>>,
    /// Disconnected rooms, and their servers for later.
    disconnected: BTreeMap<RoomHandle, Vec<String>>,
    next: u32,
}

/// Whether a room may be registered at these servers, of which one may be [`LAN`].
///
/// # Errors
/// [`CommandError::Server`] or [`CommandError::TooManyServers`].
pub(super) fn check_servers(servers: &[impl AsRef<str>]) -> Result<(), CommandError> {
    let named = || servers.iter().map(AsRef::as_ref).filter(|server| *server != LAN);
    if named().count() > REGISTRATIONS_MAX {
        return Err(CommandError::TooManyServers(REGISTRATIONS_MAX));
    }
    named().try_for_each(|server| {
        let checked = check_server(server.trim_end_matches('/'));
        checked.map_err(|error| CommandError::Server(error.to_string()))
    })
}

impl Servers {
    pub(super) fn new() -> Servers {
        Servers {
            clients: BTreeMap::new(),
            registrations: BTreeMap::new(),
            disconnected: BTreeMap::new(),
            next: 1,
        }
    }

    /// All servers with a conversation.
    pub(super) fn ids(&self) -> Vec<ServerId> {
        self.clients.keys().copied().collect()
    }

    fn of(&self, room: RoomHandle) -> &[Registration] {
        self.registrations.get(&room).map_or(&[], Vec::as_slice)
    }

    /// The state of a room at `server`, if it is asked at all.
    fn registration(&mut self, room: RoomHandle, server: ServerId) -> Option<&mut Registration> {
        self.registrations.get_mut(&room)?.iter_mut().find(|known| known.server == server)
    }

    /// Whether a room uses `server`.
    fn uses(&self, room: RoomHandle, server: ServerId) -> bool {
        self.of(room).iter().any(|known| known.server == server)
    }

    /// Whether a room was made or requested by `server`.
    fn is_first(&self, room: RoomHandle, server: ServerId) -> bool {
        self.of(room).first().is_some_and(|first| first.server == server)
    }

    /// The rooms that use `server`.
    fn rooms_on(&self, server: ServerId) -> Vec<RoomHandle> {
        self.registrations.keys().copied().filter(|&room| self.uses(room, server)).collect()
    }

    fn room_on(&self, rooms: &Rooms, server: ServerId, id: RoomId) -> Option<RoomHandle> {
        let is_it = |room: &RoomHandle| rooms.get(*room).is_some_and(|entry| entry.id() == Some(id));
        self.rooms_on(server).into_iter().find(is_it)
    }

    /// A room's LINK, once it is registered.
    pub(super) fn address(&self, rooms: &Rooms, handle: RoomHandle) -> Option<RoomAddress> {
        let entry = rooms.get(handle)?;
        let keys = RoomKeys { room: entry.room()?.kept().id(), secrets: entry.secrets() };
        let registrations = self.of(handle);
        // A server may be under a path, where an address needs an app, or give an invalid code.
        let (first, address) = registrations.iter().find_map(|known| {
            let address = RoomAddress::at_server(&known.base, entry.app().cloned(), known.code?);
            Some((known.server, address.ok()?))
        })?;
        let others = registrations.iter().filter(|other| other.server != first && !other.is_lan());
        let others = others.map(|other| other.base.clone()).collect();
        address.with_keys(keys).with_further_servers(others).ok()
    }

    /// A room's LINK without a code: its servers, if it has any, find it by its id.
    pub(super) fn address_without_code(&self, rooms: &Rooms, handle: RoomHandle) -> Option<RoomAddress> {
        let entry = rooms.get(handle)?;
        let kept = entry.room()?.kept();
        let app = entry.app().unwrap_or(kept.genesis().app().0).clone();
        let address =
            RoomAddress::without_server(app, RoomKeys { room: kept.id(), secrets: entry.secrets() });
        let named = self.of(handle).iter().filter(|known| !known.is_lan());
        address.with_further_servers(named.map(|known| known.base.clone()).collect()).ok()
    }

    /// Number of others in a room, by its servers' reports; of several servers the most.
    pub(super) fn others_named(&self, room: RoomHandle) -> u64 {
        self.of(room).iter().map(|known| known.others).max().unwrap_or(0)
    }

    /// Whether one more server may be asked for a room.
    ///
    /// # Errors
    /// [`CommandError::NoSuchRoom`], [`CommandError::Server`] or [`CommandError::TooManyServers`].
    pub(super) fn check_further(&self, room: RoomHandle, base: &str) -> Result<(), CommandError> {
        check_servers(&[base])?;
        let known = self.registrations.get(&room).ok_or(CommandError::NoSuchRoom(room))?;
        if base != LAN && known.iter().filter(|known| !known.is_lan()).count() >= REGISTRATIONS_MAX {
            return Err(CommandError::TooManyServers(REGISTRATIONS_MAX));
        }
        Ok(())
    }

    /// A room is made or looked for.
    pub(super) fn add_room(&mut self, room: RoomHandle) {
        self.registrations.entry(room).or_default();
    }

    /// Uses the server at `base` for a room from here on. Returns the server, and whether an attempt to reach it is due: a
    /// server that was away is tried at once.
    pub(super) fn register(&mut self, own: &Own, room: RoomHandle, base: &str) -> (ServerId, bool) {
        let base = base.trim_end_matches('/');
        let url = signalling_url(base);
        let known = self.clients.iter().find(|(_, client)| client.url() == url).map(|(&server, _)| server);
        let server = known.unwrap_or_else(|| {
            let server = ServerId(self.next);
            self.next += 1;
            self.clients.insert(server, ServerClient::new(own.time(), url, &own.config));
            server
        });
        let client = self.clients.get_mut(&server);
        let (attempts, is_due) =
            client.map_or((0, false), |client| (client.attempts(), client.end_pause(own.time())));
        let registrations = self.registrations.entry(room).or_default();
        if !registrations.iter().any(|known| known.server == server) {
            registrations.push(Registration::new(server, String::from(base), attempts));
        }
        (server, is_due)
    }

    /// Informs every server that we leave, and closes the sockets.
    pub(super) fn leave(&mut self, own: &mut Own, rooms: &Rooms) {
        for room in rooms.handles() {
            self.leave_room(own, rooms, room);
        }
        for server in core::mem::take(&mut self.clients).into_keys() {
            own.effect(Effect::ServerClose { server });
        }
    }

    /// Informs a room's servers that we leave the room, or no longer seek it.
    pub(super) fn leave_room(&mut self, own: &mut Own, rooms: &Rooms, handle: RoomHandle) {
        let Some(entry) = rooms.get(handle) else { return };
        let room = entry.id();
        let code = entry.wanted_code().filter(|_| room.is_none());
        let told = |known: &mut Registration| {
            let flags = [&mut known.joined, &mut known.waits].map(core::mem::take);
            flags.contains(&true).then_some(known.server)
        };
        let known = self.registrations.get_mut(&handle).into_iter().flatten();
        for server in known.filter_map(told).collect::<Vec<_>>() {
            self.request(own, server, &FromClient::Leave { room, code });
        }
    }

    /// Whether a server admitted us.
    pub(super) fn is_entered(&self, server: ServerId) -> bool {
        self.clients.get(&server).is_some_and(ServerClient::is_entered)
    }

    /// A connected server that counts us among a room's members.
    pub(super) fn joined(&self, room: RoomHandle) -> Option<ServerId> {
        let joined = self.of(room).iter().filter(|known| known.joined).map(|known| known.server);
        joined.into_iter().find(|&server| self.is_entered(server))
    }

    /// Sends a request, if the server admitted us. Returns whether it was sent.
    fn request(&mut self, own: &mut Own, server: ServerId, message: &FromClient) -> bool {
        let Some(client) = self.clients.get_mut(&server).filter(|client| client.is_entered()) else {
            return false;
        };
        let text = client.request(own.time(), message);
        own.effect(Effect::ServerSend { server, text });
        true
    }

    /// Sends a sealed payload to a member of a room through a server.
    pub(super) fn send_signal(
        &mut self,
        own: &mut Own,
        server: ServerId,
        room: RoomId,
        to: Endpoint,
        payload: Vec<u8>,
    ) {
        if let Ok(payload) = Base64::new(payload) {
            self.request(own, server, &FromClient::Signal { room, to, payload });
        }
    }

    /// Reports a link that was sought since `sought` to the first connected server of a room. Reports count links by
    /// kind, with their times, and name nobody.
    pub(super) fn report(&mut self, own: &mut Own, room: RoomHandle, outcome: LinkOutcome, sought: Time) {
        let ms = own.time().since(sought).as_millis().try_into().unwrap_or(u64::MAX);
        let servers: Vec<ServerId> = self.of(room).iter().map(|known| known.server).collect();
        let report = FromClient::Report { outcome, ms };
        servers.into_iter().any(|server| self.request(own, server, &report));
    }

    /// Asks every server of a room for it, or all but one.
    pub(super) fn ask_for_room(
        &mut self,
        own: &mut Own,
        rooms: &Rooms,
        handle: RoomHandle,
        but: Option<ServerId>,
    ) {
        let servers = self.of(handle).iter().map(|known| known.server);
        for server in servers.filter(|server| Some(*server) != but).collect::<Vec<_>>() {
            self.ask_one_for_room(own, rooms, handle, server);
        }
    }

    /// Asks a server for a room, or sends it the genesis that we have.
    pub(super) fn ask_one_for_room(
        &mut self,
        own: &mut Own,
        rooms: &Rooms,
        handle: RoomHandle,
        server: ServerId,
    ) {
        let Some(entry) = rooms.get(handle) else { return };
        let message = match (entry.room(), entry.wanted_room()) {
            (Some(room), _) => {
                let genesis =
                    Base64::new(room.kept().genesis_bytes()).expect("a checked genesis is within the limit");
                FromClient::Register { genesis }
            }
            (None, Some(room)) => FromClient::Lookup { room: Some(room), code: None },
            (None, None) if self.is_first(handle, server) => {
                FromClient::Lookup { room: None, code: entry.wanted_code() }
            }
            // Elsewhere the code is another room's, or nobody's: the id is needed.
            (None, None) => return,
        };
        self.request(own, server, &message);
    }

    /// Joins a room on a server, or requests members that it has not named yet.
    fn ask_to_join(&mut self, own: &mut Own, rooms: &Rooms, handle: RoomHandle, server: ServerId) {
        let Some(room) = rooms.room(handle).map(|room| room.kept().id()) else { return };
        let secret = rooms.get(handle).and_then(|entry| entry.secret());
        let token = secret.map(|secret| secret.join_token(&room).into());
        self.request(own, server, &FromClient::Join { room, token });
    }

    /// Requests other members from servers if none of the named ones was reached.
    pub(super) fn ask_for_others(&mut self, own: &mut Own, rooms: &Rooms) {
        let mut due = Vec::new();
        for (&handle, known) in &mut self.registrations {
            for known in known.iter_mut().filter(|known| known.ask_again.is_some_and(|at| at <= own.time())) {
                known.ask_again = None;
                due.push((handle, known.server));
            }
        }
        for (handle, server) in due {
            if !rooms.attachments().has_attached(handle) {
                self.ask_to_join(own, rooms, handle, server);
            }
        }
    }

    /// A WebSocket is open. The server speaks first.
    pub(super) fn handle_up(&mut self, server: ServerId, address: Option<IpAddr>) {
        if let (Some(client), Some(address)) = (self.clients.get_mut(&server), address) {
            client.set_reach(Reach::of(address));
        }
    }

    pub(super) fn handle_text(
        &mut self,
        own: &mut Own,
        rooms: &Rooms,
        server: ServerId,
        text: &str,
    ) -> Option<Heard> {
        let client = self.clients.get_mut(&server)?;
        let (action, event) = client.handle_text(own.time(), text, &own.identity, &own.announcement);
        self.carry_out(own, rooms, server, action, event)
    }

    pub(super) fn handle_down(
        &mut self,
        own: &mut Own,
        rooms: &Rooms,
        server: ServerId,
        reason: String,
    ) -> Option<Heard> {
        let client = self.clients.get_mut(&server)?;
        let event = client.handle_down(own.time(), reason, &mut own.rng);
        self.carry_out(own, rooms, server, None, event)
    }

    /// Does due work for one server.
    pub(super) fn handle_timeout(&mut self, own: &mut Own, rooms: &Rooms, server: ServerId) -> Option<Heard> {
        let client = self.clients.get_mut(&server)?;
        let (action, event) = client.handle_timeout(own.time(), &mut own.rng);
        self.carry_out(own, rooms, server, action, event)
    }

    /// The next due time of a server.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let known = self.registrations.values().flatten();
        let asking = known.clone().filter_map(|known| known.ask_again);
        let renewals = known.filter(|known| known.joined).filter_map(|known| known.ice.as_ref()?.renewal());
        self.clients.values().map(ServerClient::poll_timeout).chain(asking).chain(renewals).min()
    }

    /// The machine may have another network now.
    pub(super) fn handle_network_changed(&mut self, now: Time) {
        self.clients.values_mut().for_each(|client| client.handle_network_changed(now));
    }

    /// The local network, if a room is found nowhere else.
    pub(super) fn lan_alone(&self, room: RoomHandle) -> Option<ServerId> {
        let all = self.of(room);
        all.first().filter(|_| all.iter().all(Registration::is_lan)).map(|known| known.server)
    }

    /// The conversations with a room's servers that have a clock. The local network has ours.
    fn timed(&self, room: RoomHandle) -> impl Iterator<Item = &ServerClient> {
        let servers = self.of(room).iter().filter(|known| !known.is_lan());
        servers.filter_map(|known| self.clients.get(&known.server))
    }

    /// How far the clocks of a room's servers are ahead of ours, in microseconds.
    pub(super) fn clocks(&self, own: &Own, room: RoomHandle) -> Vec<i64> {
        let walls = self.timed(room).filter_map(|client| client.wall(own.time()));
        walls.map(|wall: WallTime| own.now.ahead_by(wall)).collect()
    }

    /// How far the least of them is, also of a server that is away, by its last welcome.
    pub(super) fn least_clock(&self, own: &Own, room: RoomHandle) -> Option<i64> {
        let walls = self.timed(room).filter_map(|client| client.last_wall(own.time()));
        walls.map(|wall| own.now.ahead_by(wall)).min()
    }

    /// Our civil clock moved ahead of our monotonic clock.
    pub(super) fn handle_clock_ahead(&mut self) {
        self.clients.values_mut().for_each(ServerClient::handle_clock_ahead);
    }

    /// The overlay that a server proposes for new rooms.
    pub(super) fn overlay(&self, server: ServerId) -> Choice {
        self.clients.get(&server).map(ServerClient::overlay).unwrap_or_default()
    }

    fn carry_out(
        &mut self,
        own: &mut Own,
        rooms: &Rooms,
        server: ServerId,
        action: Option<ClientAction>,
        event: Option<ClientEvent>,
    ) -> Option<Heard> {
        let url = String::from(self.clients.get(&server)?.url());
        match action {
            None => {}
            Some(ClientAction::Open) => {
                own.effect(Effect::ServerOpen { server, url: url.clone() });
                own.event(Event::Server { url: url.clone(), state: ServerState::Connecting });
            }
            Some(ClientAction::Send(text)) => own.effect(Effect::ServerSend { server, text }),
            Some(ClientAction::Close) => own.effect(Effect::ServerClose { server }),
        }
        match event? {
            ClientEvent::Entered => {
                own.event(Event::Server { url, state: ServerState::Connected });
                for handle in self.rooms_on(server) {
                    self.ask_one_for_room(own, rooms, handle, server);
                }
                return Some(Heard::Entered);
            }
            ClientEvent::Away(reason) => {
                own.event(Event::Server { url, state: ServerState::Away { reason } });
                let away = self.rooms_on(server);
                for &handle in &away {
                    if let Some(known) = self.registration(handle, server) {
                        (known.joined, known.waits) = (false, false);
                        (known.others, known.ask_again) = (0, None);
                    }
                }
                return Some(Heard::Away(away));
            }
            ClientEvent::Rubbish(detail) => own.refuse(None, Refusal::Server, detail),
            ClientEvent::Version((least, most)) => {
                let newer = if least > VERSIONS.1 { "newer" } else { "older" };
                let detail =
                    format!("it speaks versions {least} to {most}, which are {newer} than this one's");
                own.refuse(None, Refusal::Version, detail);
            }
            ClientEvent::Message(message) => return self.handle_message(own, rooms, server, message),
        }
        None
    }

    fn handle_message(
        &mut self,
        own: &mut Own,
        rooms: &Rooms,
        server: ServerId,
        message: FromServer,
    ) -> Option<Heard> {
        let on = |servers: &Servers, room| servers.room_on(rooms, server, room);
        match message {
            FromServer::Found { room, code, genesis } => {
                let mut handles = self.rooms_on(server);
                handles.retain(|&handle| self.asked_for(rooms, handle, server, room, code));
                return Some(Heard::Found { handles, room, code, genesis: genesis.to_vec() });
            }
            FromServer::Unknown { room, code } => self.handle_unknown(own, rooms, server, room, code),
            FromServer::Joined { room, members, others } => {
                let handle = on(self, room)?;
                if let Some(known) = self.registration(handle, server) {
                    (known.joined, known.refused) = (true, false);
                    known.others = others.unwrap_or(members.len() as u64);
                    // It may name nobody twice, so that this ends.
                    known.ask_again = (!members.is_empty()).then(|| own.time() + ASK_AGAIN);
                }
                return Some(Heard::Members(handle, members.into_iter().collect()));
            }
            FromServer::MemberJoined { room, announcement } => {
                let handle = on(self, room)?;
                if let Some(known) = self.registration(handle, server) {
                    known.others = known.others.saturating_add(1);
                }
                return Some(Heard::Joined(handle, announcement));
            }
            FromServer::MemberLeft { room, endpoint } => {
                let handle = on(self, room)?;
                if let Some(known) = self.registration(handle, server) {
                    known.others = known.others.saturating_sub(1);
                }
                return Some(Heard::Left(handle, endpoint));
            }
            FromServer::IceServers { room, servers, lasts_ms } => {
                let handle = on(self, room);
                self.handle_ice_servers(own, handle, server, servers, lasts_ms);
            }
            FromServer::Signal { room, from, payload } => {
                return Some(Heard::Signal { room: on(self, room)?, from, payload: payload.to_vec() });
            }
            FromServer::Refused {
                reason: ServerRefusal::NoSuchMember,
                room: Some(room),
                endpoint: Some(gone),
                ..
            } => return Some(Heard::NoSuchMember(on(self, room)?, gone)),
            FromServer::Refused {
                reason: ServerRefusal::TooFast,
                room: Some(room),
                endpoint: Some(to),
                ..
            } => return Some(Heard::HeldBack(on(self, room)?, to)),
            FromServer::Refused { reason, detail, room, code, .. } => {
                let by_id = room.and_then(|room| on(self, room));
                let handle = by_id.or_else(|| self.sought_on(rooms, server, code?));
                return refused::refusal(own, handle, reason, &detail);
            }
            FromServer::Goodbye { reason, detail, .. } => {
                let refusal = match reason {
                    ServerRefusal::Version => Refusal::Version,
                    _ => Refusal::Server,
                };
                let detail = format!("the server closes the connection ({reason:?}): {detail}");
                own.refuse(None, refusal, detail);
            }
            // Handled by the conversation itself.
            _ => {}
        }
        None
    }

    /// Whether an answer about `room` under `code` was requested.
    fn asked_for(
        &self,
        rooms: &Rooms,
        handle: RoomHandle,
        server: ServerId,
        room: RoomId,
        code: Code,
    ) -> bool {
        rooms.get(handle).is_some_and(|entry| entry.id() == Some(room))
            || self.is_sought_by(rooms, handle, server, code)
    }

    /// Whether a room is sought on `server` by this code alone.
    fn is_sought_by(&self, rooms: &Rooms, handle: RoomHandle, server: ServerId, code: Code) -> bool {
        let is_it = |entry: &Entry| entry.id().is_none() && entry.wanted_code() == Some(code);
        // A code means something on its own server alone.
        self.is_first(handle, server) && rooms.get(handle).is_some_and(is_it)
    }

    /// A room that a server found is open: notes its code there, and joins it there.
    pub(super) fn handle_opened(
        &mut self,
        own: &mut Own,
        rooms: &Rooms,
        handle: RoomHandle,
        server: ServerId,
        code: Code,
    ) {
        let was_open = self.of(handle).iter().any(|known| known.code.is_some());
        let Some(known) = self.registration(handle, server) else { return };
        known.waits = false;
        if known.code.replace(code) != Some(code) {
            own.event(Event::RoomRegistered { room: handle, code });
        }
        if !was_open {
            // Now that the id is known, the other servers can be asked too.
            self.ask_for_room(own, rooms, handle, Some(server));
        }
        self.ask_to_join(own, rooms, handle, server);
    }

    fn handle_unknown(
        &mut self,
        own: &mut Own,
        rooms: &Rooms,
        server: ServerId,
        room: Option<RoomId>,
        code: Option<Code>,
    ) {
        for handle in self.rooms_on(server) {
            let Some(entry) = rooms.get(handle) else { continue };
            let is_meant = match room {
                Some(_) => entry.wanted_room() == room,
                None => code.is_some_and(|code| self.is_sought_by(rooms, handle, server, code)),
            };
            if is_meant && let Some(known) = self.registration(handle, server) {
                known.waits = true;
                if entry.room().is_none() {
                    own.event(Event::RoomWaiting { room: handle });
                }
            }
        }
    }
}
