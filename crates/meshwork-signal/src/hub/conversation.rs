//! What each message of a client brings about.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meshwork_core::id::{Code, Endpoint, RoomId};
use meshwork_core::signalling::announce;
use meshwork_core::signalling::protocol::{Announcement, FromClient, FromServer, ServerRefusal, VERSIONS};
use meshwork_core::signed::genesis::{GENESIS_MAX, Genesis, GenesisError};
use meshwork_core::time::Time;
use meshwork_core::wire::Base64;

use super::forwarding::{self, Signal};
use super::rooms::{Circle, RegisterError};
use super::socket::{Membership, NAMED_IN_ALL_MAX};
use super::waits::Wanted;
use super::{Hub, HubConfig, SocketId, to_text};

/// What a lookup of an unknown room and a first registration cost, in messages. It keeps those who try codes
/// at random to a few in a second, and those who make up rooms likewise.
const COSTLY: u32 = 20;
/// What a report costs, in messages: an attempt at a link takes longer than the twenty a second that are left.
const REPORT_COST: u32 = 5;
/// Bytes that a join brings about for each message that it costs: the answer, and what others are told.
const WEIGHT: usize = 1024;
/// Characters of an unreadable message that its sender is shown.
const EXCERPT_MAX: usize = 80;

impl Hub {
    /// Carries out what a socket said, or refuses it, or dooms the socket.
    pub(super) fn handle_message(&mut self, now: Time, id: SocketId, text: &str) {
        if text.len() > self.config.message_bytes_max {
            return self.doom_too_large(id, text.len());
        }
        // Nearly everything that is said is a signal, and most of the work would be to take it apart.
        if let Some(signal) = forwarding::read(text)
            && let Some(socket) = self.sockets.get_mut(&id)
            && let Some(from) = socket.endpoint()
        {
            socket.handle_heard(now);
            return self.handle_signal(now, id, from, &signal);
        }
        let message = match serde_json::from_str::<FromClient>(text) {
            Ok(message) => message,
            Err(error) => {
                let detail = format!("{error}: {:?}", excerpt(text));
                return self.doom(id, ServerRefusal::Malformed, detail);
            }
        };
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        socket.handle_heard(now);
        let speaker = socket.endpoint();
        match (message, speaker) {
            (FromClient::Ignored, _) => {}
            (FromClient::Enter { version, announcement, proof }, None) => {
                self.handle_enter(now, id, version, announcement, &proof);
            }
            (FromClient::Enter { .. }, Some(endpoint)) => {
                let detail = format!("`enter` again: this socket speaks for {endpoint}");
                self.doom(id, ServerRefusal::OutOfOrder, detail);
            }
            (message, None) => {
                let detail = format!("`{}` before `enter`", kind(&message));
                self.doom(id, ServerRefusal::OutOfOrder, detail);
            }
            (FromClient::Register { genesis }, Some(_)) => self.handle_register(now, id, genesis),
            (FromClient::Lookup { room, code }, Some(_)) => {
                if let Some(wanted) = self.read_wanted(id, "lookup", room, code) {
                    self.handle_lookup(now, id, wanted);
                }
            }
            (FromClient::Join { room, token }, Some(endpoint)) => {
                let circle = token.map(|token| *blake3::hash(&token).as_bytes());
                self.handle_join(now, id, endpoint, room, circle);
            }
            (FromClient::Leave { room, code }, Some(endpoint)) => {
                if let Some(wanted) = self.read_wanted(id, "leave", room, code) {
                    self.handle_leave(now, id, endpoint, wanted);
                }
            }
            (FromClient::Signal { room, to, payload }, Some(from)) => {
                let payload = URL_SAFE_NO_PAD.encode(&*payload);
                self.handle_signal(now, id, from, &Signal { room, to, payload: &payload });
            }
            (FromClient::IceServers { room }, Some(endpoint)) => {
                self.handle_ice_servers(now, id, endpoint, room);
            }
            (FromClient::Report { outcome, ms }, Some(_)) => {
                if self.charge(now, id, REPORT_COST - 1) {
                    self.counts.reported(outcome, ms);
                }
            }
            (FromClient::KeepAlive, Some(_)) => self.send(now, id, &FromServer::KeepAlive),
        }
    }

    fn handle_enter(
        &mut self,
        now: Time,
        id: SocketId,
        version: u16,
        announcement: Announcement,
        proof: &Base64<64>,
    ) {
        let Some(socket) = self.sockets.get(&id) else { return };
        let endpoint = announcement.endpoint;
        let (least, most) = VERSIONS;
        if !(least..=most).contains(&version) {
            let detail =
                format!("version {version} is not {least} to {most}: reload the page, or update the program");
            return self.doom(id, ServerRefusal::Version, detail);
        }
        if !announce::verify_entry(&endpoint, &socket.challenge, proof) {
            let detail =
                format!("the proof of {endpoint} does not hold against the challenge of this socket");
            return self.doom(id, ServerRefusal::Signature, detail);
        }
        if !announce::verify(&announcement) {
            let detail = format!("the sealing key of {endpoint} is not signed by that peer");
            return self.doom(id, ServerRefusal::Signature, detail);
        }
        if self.bans.has_peer(endpoint.peer) {
            return self.doom_banned(id);
        }
        if let Some(&former) = self.endpoints.get(&endpoint) {
            let detail = format!("{endpoint} entered on another socket");
            self.doom(former, ServerRefusal::Replaced, detail);
            // The former is gone from its rooms before this one may join them.
            self.settle(now);
        }
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        socket.entered = Some(announcement);
        socket.name = Some(endpoint.to_string().into_boxed_str());
        socket.handle_heard(now);
        self.endpoints.insert(endpoint, id);
        self.rank(id);
        self.counts.entered += 1;
        self.send(now, id, &FromServer::Entered);
    }

    fn handle_register(&mut self, now: Time, id: SocketId, genesis: Base64<GENESIS_MAX>) {
        // Bytes that hash to a room that is kept were verified when it was registered.
        let hashed = RoomId(*blake3::hash(&genesis).as_bytes());
        if self.rooms.get(hashed).is_some() {
            return self.send_found(now, id, hashed);
        }
        if !self.charge(now, id, COSTLY - 1) {
            return;
        }
        if self.bans.has_room(now, hashed) {
            let detail = format!("room {hashed} is kept out by whoever runs this server");
            return self.refuse(now, id, ServerRefusal::Banned, detail, hashed, None);
        }
        if self.config.only_room.is_some_and(|only| only != hashed) {
            let detail = String::from("this meeting point serves one room and takes in no other");
            return self.refuse(now, id, ServerRefusal::ServerFull, detail, hashed, None);
        }
        let room = match Genesis::decode(&genesis) {
            Ok((_, room)) => room,
            Err(error @ (GenesisError::First | GenesisError::Later(_))) => {
                return self.refuse(now, id, ServerRefusal::Version, error.to_string(), hashed, None);
            }
            Err(error @ GenesisError::Signature(_)) => {
                return self.doom(id, ServerRefusal::Signature, error.to_string());
            }
            Err(error) => return self.doom(id, ServerRefusal::Malformed, error.to_string()),
        };
        let Some(network) = self.sockets.get(&id).map(|socket| socket.network) else { return };
        if let Some(least) = self.rooms.gives_way(network, &self.config) {
            let why = "gave way: the server is full, and most of its rooms come from the network of this one";
            self.expel(now, least, ServerRefusal::NoSuchRoom, why);
        }
        match self.rooms.register(now, room, genesis, network, &self.key, &self.config) {
            Ok(()) => {
                self.counts.rooms_registered += 1;
                self.tell_found(now, id, room);
            }
            Err(error) => {
                let (reason, detail) = words_for(error, &self.config);
                self.refuse(now, id, reason, detail, room, None);
            }
        }
    }

    /// Answers whoever registered a room, and everyone who waits for it.
    fn tell_found(&mut self, now: Time, registrant: SocketId, room: RoomId) {
        let Some(code) = self.rooms.get(room).map(|room| room.code) else { return };
        let (by_room, by_code) = (Wanted::Room(room), Wanted::Code(code));
        let mut waiting = self.waits.take(by_room);
        waiting.append(&mut self.waits.take(by_code));
        waiting.insert(registrant);
        for id in waiting {
            if let Some(socket) = self.sockets.get_mut(&id) {
                socket.waits.remove(&by_room);
                socket.waits.remove(&by_code);
            }
            self.send_found(now, id, room);
        }
    }

    /// What a request is about; a socket that does not say it ends.
    fn read_wanted(
        &mut self,
        id: SocketId,
        request: &str,
        room: Option<RoomId>,
        code: Option<Code>,
    ) -> Option<Wanted> {
        match (room, code) {
            (Some(room), None) => Some(Wanted::Room(room)),
            (None, Some(code)) => Some(Wanted::Code(code)),
            _ => {
                let detail =
                    format!("`{request}` with room {room:?} and code {code:?}; exactly one is given");
                self.doom(id, ServerRefusal::Malformed, detail);
                None
            }
        }
    }

    fn handle_lookup(&mut self, now: Time, id: SocketId, wanted: Wanted) {
        let (room, code) = wanted.named();
        self.counts.lookups += 1;
        let Some(network) = self.sockets.get(&id).map(|socket| socket.network) else { return };
        let found = match code {
            Some(code) => self.guess(now, network, code),
            None => Ok(room.filter(|&room| self.rooms.get(room).is_some())),
        };
        match found {
            Err(too_many) => return self.doom(id, ServerRefusal::TooFast, too_many.to_string()),
            Ok(Some(known)) => return self.send_found(now, id, known),
            Ok(None) => {}
        }
        if !self.charge(now, id, COSTLY - 1) {
            return;
        }
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if !socket.waits.contains(&wanted) {
            let most = self.config.waits_per_socket_max;
            if socket.waits.len() >= most {
                let detail = format!("this socket waits for {most} rooms, the most the server allows");
                return self.refuse(now, id, ServerRefusal::TooManyRooms, detail, wanted, None);
            }
            let most = self.config.waits_max;
            let gives_way = self.waits.gives_way(network);
            if self.waits.len() >= most && gives_way.is_none() {
                let detail = format!(
                    "{most} lookups wait, the most the server allows, and no network has more of them than yours"
                );
                return self.refuse(now, id, ServerRefusal::ServerFull, detail, wanted, None);
            }
            socket.waits.insert(wanted);
            if let Some((least, given)) = gives_way.filter(|_| self.waits.len() >= most) {
                self.end_wait(now, least, given);
            }
            self.waits.insert(now, wanted, id, network);
        }
        self.send(now, id, &FromServer::Unknown { room, code });
    }

    /// Ends a lookup that waits, for one of a network that has fewer, and says so.
    fn end_wait(&mut self, now: Time, id: SocketId, wanted: Wanted) {
        self.waits.remove(wanted, id);
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.waits.remove(&wanted);
        }
        let most = self.config.waits_max;
        let detail = format!(
            "{most} lookups wait, the most the server allows; your network has the most of them, and this one gives way"
        );
        self.refuse(now, id, ServerRefusal::ServerFull, detail, wanted, None);
    }

    fn handle_join(&mut self, now: Time, id: SocketId, endpoint: Endpoint, room: RoomId, circle: Circle) {
        let Some(kept) = self.rooms.get(room) else {
            return self.refuse_room(now, id, room, "is not registered here");
        };
        let HubConfig { members_max, rooms_per_socket_max, .. } = self.config;
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        let former = socket.rooms.get(&room).map(|membership| membership.circle);
        let is_member = former == Some(circle);
        if let Some(former) = former.filter(|_| !is_member) {
            // Another token is another circle.
            socket.rooms.remove(&room);
            self.rooms.leave(room, &former, endpoint, now + self.config.room_keep);
            self.tell_left(now, room, &former, endpoint);
            return self.handle_join(now, id, endpoint, room, circle);
        }
        let members = kept.circle(&circle);
        if !is_member && members.is_some_and(|members| members.len() >= members_max) {
            let detail = format!("it has {members_max} members, the most this server allows");
            return self.refuse(now, id, ServerRefusal::RoomFull, detail, room, None);
        }
        if !is_member && socket.rooms.len() >= rooms_per_socket_max {
            let detail =
                format!("this socket is in {rooms_per_socket_max} rooms, the most the server allows");
            return self.refuse(now, id, ServerRefusal::TooManyRooms, detail, room, None);
        }
        let Some(announcement) = socket.entered.clone() else { return };
        // Who is a member already is told of those alone that it does not know.
        let membership = socket.rooms.entry(room).or_insert_with(|| Membership::new(circle));
        let known = &mut membership.named;
        let others = members.map_or(0, |members| members.len() - usize::from(members.contains(endpoint)));
        let sockets = members.map_or(Vec::new(), |members| members.named(endpoint, known, &mut self.rng));
        let left = NAMED_IN_ALL_MAX.saturating_sub(known.len());
        let sockets = &sockets[..sockets.len().min(left)];
        known.extend(sockets);
        let network = socket.network;
        let members = sockets.iter().filter_map(|socket| self.sockets.get(socket)?.entered.clone()).collect();
        if !is_member {
            self.rooms.join(room, circle, endpoint, id, network);
        }
        self.rank(id);
        let joined = to_text(&FromServer::Joined { room, members, others: Some(others as u64) });
        let told = to_text(&FromServer::MemberJoined { room, announcement });
        let told_to = if is_member { &[][..] } else { sockets };
        let weight = (joined.len() + told.len() * told_to.len()) / WEIGHT;
        if !self.charge(now, id, u32::try_from(weight).unwrap_or(u32::MAX)) {
            return;
        }
        // First, so that it has them when it begins to link to the members.
        if !self.config.ice.is_empty() {
            self.send_ice_servers(now, id, endpoint, room, &circle);
        }
        self.counts.joins += u64::from(!is_member);
        self.send_text(now, id, joined);
        for &other in told_to {
            if let Some(membership) = self.membership(other, room)
                && membership.named.len() < NAMED_IN_ALL_MAX
            {
                membership.named.push(id);
            }
            self.send_text(now, other, told.clone());
        }
    }

    fn handle_leave(&mut self, now: Time, id: SocketId, endpoint: Endpoint, wanted: Wanted) {
        let Some(socket) = self.sockets.get_mut(&id) else { return };
        if socket.waits.remove(&wanted) {
            self.waits.remove(wanted, id);
        }
        let Wanted::Room(room) = wanted else { return };
        if let Some(membership) = socket.rooms.remove(&room) {
            self.rooms.leave(room, &membership.circle, endpoint, now + self.config.room_keep);
            self.rank(id);
            self.tell_left(now, room, &membership.circle, endpoint);
        }
    }

    fn membership(&mut self, id: SocketId, room: RoomId) -> Option<&mut Membership> {
        self.sockets.get_mut(&id)?.rooms.get_mut(&room)
    }

    fn handle_signal(&mut self, now: Time, id: SocketId, from: Endpoint, signal: &Signal<'_>) {
        let &Signal { room, to, payload } = signal;
        let circle = self.membership(id, room).map(|membership| membership.circle);
        let members = circle.and_then(|circle| self.rooms.get_mut(room)?.circle_mut(&circle));
        let Some(members) = members else {
            return self.refuse_room(now, id, room, "is not one that this socket is in");
        };
        let Some(receiver) = members.socket_of(to).filter(|_| to != from) else {
            let detail = format!("{to} is no other member of room {room}");
            return self.refuse(now, id, ServerRefusal::NoSuchMember, detail, room, Some(to));
        };
        let Some(sender) = self.sockets.get(&id) else { return };
        let is_answer = sender.rooms.get(&room).is_some_and(|held| held.asked.contains(&receiver));
        if is_answer {
            members.note_answer(from);
        }
        let (network, is_answer) = (sender.network, is_answer || sender.begun.contains(receiver));
        if !is_answer
            && let Some(receiver) = self.sockets.get_mut(&receiver)
            && !receiver.begun.begin(now, id, network)
        {
            let detail = format!("others of your network ask {to} for links faster than it can answer");
            return self.refuse(now, id, ServerRefusal::TooFast, detail, room, Some(to));
        }
        let Some(speaker) = self.sockets.get(&id).and_then(|socket| socket.name.as_deref()) else { return };
        let text = forwarding::write(room, speaker, payload);
        let unread = self.sockets.get(&receiver).map_or(0, |socket| socket.unread_bytes);
        if unread + text.len() > self.config.queue_bytes_max / 4 * 3 {
            let detail = format!("{to} does not read what is sent: {unread} bytes wait");
            return self.refuse(now, id, ServerRefusal::SlowReader, detail, room, Some(to));
        }
        if let Some(membership) = self.membership(receiver, room) {
            membership.note_asked(id);
        }
        self.counts.signals += 1;
        self.send_text(now, receiver, text);
    }

    fn handle_ice_servers(&mut self, now: Time, id: SocketId, endpoint: Endpoint, room: RoomId) {
        match self.membership(id, room).map(|membership| membership.circle) {
            Some(circle) => self.send_ice_servers(now, id, endpoint, room, &circle),
            None => self.refuse_room(now, id, room, "is not one that this socket is in"),
        }
    }

    fn send_ice_servers(
        &mut self,
        now: Time,
        id: SocketId,
        endpoint: Endpoint,
        room: RoomId,
        circle: &Circle,
    ) {
        let (read, wall) = self.civil;
        let message = self.config.ice.message(wall + now.since(read), room, circle, endpoint);
        self.send(now, id, &message);
    }

    fn send_found(&mut self, now: Time, id: SocketId, room: RoomId) {
        let Some(kept) = self.rooms.get(room) else { return };
        let found = FromServer::Found { room, code: kept.code, genesis: kept.genesis.clone() };
        self.send(now, id, &found);
    }

    fn refuse_room(&mut self, now: Time, id: SocketId, room: RoomId, why: &str) {
        self.refuse(now, id, ServerRefusal::NoSuchRoom, format!("room {room} {why}"), room, None);
    }

    pub(super) fn refuse(
        &mut self,
        now: Time,
        id: SocketId,
        reason: ServerRefusal,
        detail: String,
        about: impl Into<Wanted>,
        endpoint: Option<Endpoint>,
    ) {
        self.counts.refused(reason);
        let (room, code) = about.into().named();
        self.send(now, id, &FromServer::Refused { reason, detail, room, code, endpoint });
    }
}

fn words_for(error: RegisterError, config: &HubConfig) -> (ServerRefusal, String) {
    match error {
        RegisterError::Full => {
            let most = config.rooms_max;
            let detail = format!(
                "the server keeps {most} rooms, the most it allows, and no network has more than yours"
            );
            (ServerRefusal::ServerFull, detail)
        }
        RegisterError::NetworkFull => {
            let most = config.rooms_per_network_max;
            let detail = format!("the server keeps {most} rooms of your network, the most it allows");
            (ServerRefusal::TooManyRooms, detail)
        }
        RegisterError::CodesTaken => {
            (ServerRefusal::ServerFull, String::from("every code of this room belongs to another room"))
        }
    }
}

/// The `type` of a message, for words.
fn kind(message: &FromClient) -> &'static str {
    match message {
        FromClient::Enter { .. } => "enter",
        FromClient::Register { .. } => "register",
        FromClient::Lookup { .. } => "lookup",
        FromClient::Join { .. } => "join",
        FromClient::Leave { .. } => "leave",
        FromClient::Signal { .. } => "signal",
        FromClient::IceServers { .. } => "ice-servers",
        FromClient::Report { .. } => "report",
        FromClient::KeepAlive => "keep-alive",
        FromClient::Ignored => "unknown",
    }
}

fn excerpt(text: &str) -> &str {
    &text[..text.floor_char_boundary(EXCERPT_MAX)]
}
