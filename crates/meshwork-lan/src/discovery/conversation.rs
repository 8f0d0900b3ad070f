//! The node's side: what a signalling server does, from docs/protocol/signalling.md.

use std::collections::BTreeSet;
use std::time::Duration;

use meshwork_core::id::{Code, Endpoint, RoomId};
use meshwork_core::signalling::announce::{Introduction, verify, verify_entry};
use meshwork_core::signalling::protocol::{FromClient, FromServer, ServerRefusal, VERSIONS};
use meshwork_core::signed::genesis::Genesis;
use meshwork_core::time::Time;
use meshwork_core::wire::Base64;

use super::rooms::{Joined, LOOKUPS_MAX, Lookup, NAMED_MAX, NAMED_OF_ONE_MAX, Room};
use super::signals::{Outgoing, SIGNALS_MAX};
use super::table::Known;
use super::{Discovery, Event, Output, ToNode};
use crate::wire::{TAGS_MAX, Tag};

/// Silence after which the node sends a keep-alive.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// When the node is told that nobody knows a room.
const UNKNOWN_AFTER: Duration = Duration::from_millis(1_500);

impl Discovery {
    /// The node begins a conversation, which ends any former one.
    pub fn handle_opened(&mut self, now: Time) {
        self.handle_closed(now);
        self.is_open = true;
        self.challenge = self.rng.bytes();
        self.push(Output::ToNode(ToNode::Up(self.own_address())));
        let welcome = FromServer::Welcome {
            versions: VERSIONS,
            challenge: self.challenge.into(),
            time_ms: self.wall.as_millis(),
            keep_alive_ms: KEEP_ALIVE.as_millis() as u64,
            overlay: None,
        };
        self.tell(&welcome);
    }

    /// A message from the node.
    pub fn handle_text(&mut self, now: Time, text: &str) {
        self.now = self.now.max(now);
        if !self.is_open {
            return;
        }
        match serde_json::from_str(text) {
            Ok(message) => self.handle_message(message),
            Err(error) => self.end(ServerRefusal::Malformed, &error.to_string()),
        }
    }

    /// The node ended the conversation, or dropped its end. The network is told that it left.
    pub fn handle_closed(&mut self, now: Time) {
        self.now = self.now.max(now);
        if self.own.is_some() {
            self.say_goodbye();
        }
        self.is_open = false;
        self.own = None;
        self.rooms = super::Rooms::default();
        self.outgoing.clear();
        self.replies.clear();
    }

    fn handle_message(&mut self, message: FromClient) {
        match message {
            FromClient::Enter { version, announcement, proof } if self.own.is_none() => {
                let is_known = (VERSIONS.0..=VERSIONS.1).contains(&version);
                let proves = verify_entry(&announcement.endpoint, &self.challenge, &proof);
                if !is_known {
                    return self.end(ServerRefusal::Version, &format!("version {version}"));
                } else if !proves || !verify(&announcement) {
                    return self.end(ServerRefusal::Signature, &announcement.endpoint.to_string());
                }
                self.own = Some(Introduction::from(&announcement));
                self.tell(&FromServer::Entered);
                self.announce_soon();
            }
            FromClient::Ignored => {}
            _ if self.own.is_none() => self.end(ServerRefusal::OutOfOrder, "the node has not entered"),
            FromClient::Enter { .. } => self.end(ServerRefusal::OutOfOrder, "the node has entered"),
            FromClient::Register { genesis } => self.register(&genesis),
            FromClient::Lookup { room, code } => self.look_up(room, code),
            FromClient::Join { room, token } => self.join(room, token.as_ref()),
            FromClient::Leave { room, code } => self.leave(room, code),
            FromClient::Signal { room, to, payload } => self.signal(room, to, payload.to_vec()),
            FromClient::KeepAlive => self.tell(&FromServer::KeepAlive),
            // There is no relay on a network, and nobody who counts links.
            FromClient::IceServers { .. } | FromClient::Report { .. } => {}
        }
    }

    fn end(&mut self, reason: ServerRefusal, detail: &str) {
        self.tell(&FromServer::Goodbye { reason, detail: detail.to_owned(), away_ms: None });
        self.push(Output::ToNode(ToNode::Down(format!("{reason:?}: {detail}"))));
        self.handle_closed(self.now);
    }

    fn refuse(
        &mut self,
        reason: ServerRefusal,
        detail: String,
        (room, code): (Option<RoomId>, Option<Code>),
        endpoint: Option<Endpoint>,
    ) {
        self.tell(&FromServer::Refused { reason, detail, room, code, endpoint });
    }

    fn register(&mut self, bytes: &[u8]) {
        let (genesis, room) = match Genesis::decode(bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                return self.refuse(ServerRefusal::Signature, error.to_string(), (None, None), None);
            }
        };
        let Some(code) = self.rooms.register(room, &genesis, bytes) else {
            let words = format!("a program is in {TAGS_MAX} rooms on a network at most");
            return self.refuse(ServerRefusal::TooManyRooms, words, (Some(room), None), None);
        };
        self.answer_lookups(room, code, bytes);
        self.tell_found(room, code, bytes);
    }

    /// Tells the node of a room.
    fn tell_found(&mut self, room: RoomId, code: Code, genesis: &[u8]) {
        let genesis = Base64::new(genesis).expect("a checked genesis is within the limit");
        self.tell(&FromServer::Found { room, code, genesis });
    }

    /// Ends the lookups of a room, of which the node has not heard. Returns whether there was one.
    fn answer_lookups(&mut self, room: RoomId, code: Code, genesis: &[u8]) -> bool {
        let before = self.rooms.lookups.len();
        self.rooms.lookups.retain(|lookup| !lookup.is_for(&room, code));
        let was_wanted = self.rooms.lookups.len() < before;
        if was_wanted {
            self.tell_found(room, code, genesis);
        }
        was_wanted
    }

    /// A genesis came from the network.
    pub(super) fn handle_genesis(&mut self, bytes: &[u8]) {
        // Nothing is verified that nobody looks for.
        let decoded = Some(bytes).filter(|_| !self.rooms.lookups.is_empty());
        let wanted = decoded.and_then(|bytes| Genesis::decode(bytes).ok()).filter(|(_, room)| {
            let code = crate::wire::code(room);
            self.rooms.lookups.iter().any(|lookup| lookup.is_for(room, code))
        });
        let Some((genesis, room)) = wanted else {
            return self.note_dropped(|dropped| &mut dropped.excess);
        };
        if let Some(code) = self.rooms.register(room, &genesis, bytes) {
            self.answer_lookups(room, code, bytes);
        }
    }

    fn look_up(&mut self, room: Option<RoomId>, code: Option<Code>) {
        let known = self.rooms.by_id.iter().find(|(id, known)| match room {
            Some(room) => **id == room,
            None => code == Some(known.code),
        });
        if let Some((&room, known)) = known {
            let (code, genesis) = (known.code, known.genesis.clone());
            return self.tell_found(room, code, &genesis);
        }
        if self.rooms.lookups.len() >= LOOKUPS_MAX {
            let words = format!("a program looks for {LOOKUPS_MAX} rooms on a network at most");
            return self.refuse(ServerRefusal::ServerFull, words, (room, code), None);
        }
        let unknown = Some(self.now + UNKNOWN_AFTER);
        self.rooms.lookups.push(Lookup { room, code, asked: 0, next: self.now, unknown });
        self.ask_due();
    }

    fn join(&mut self, room: RoomId, token: Option<&Base64<32>>) {
        let tag = Tag::new(&room, token.and_then(|token| token.array()).as_ref());
        let Some(known) = self.rooms.by_id.get_mut(&room).filter(|known| !known.is_left) else {
            return self.refuse(ServerRefusal::NoSuchRoom, room.to_string(), (Some(room), None), None);
        };
        let is_again = known.joined.as_ref().is_some_and(|joined| joined.tag == tag);
        if !is_again {
            known.joined = Some(Joined { tag, told: Default::default() });
        }
        let (members, others) = self.draw_members(room, if is_again { 4 * NAMED_MAX } else { NAMED_MAX });
        let members = members.into_iter().map(|introduction| introduction.announcement()).collect();
        self.tell(&FromServer::Joined { room, members, others: Some(others as u64) });
        if !is_again {
            self.announce_soon();
        }
    }

    /// Draws members of a room of whom the node was not told, so that it knows `most` at most. Returns the number of all.
    fn draw_members(&mut self, room: RoomId, most: usize) -> (Vec<Introduction>, usize) {
        let members = self.members(room).map(|(one, known)| (*one, known.introduction.clone()));
        let members: Vec<_> = members.collect();
        let count = members.len();
        let mut new: Vec<_> = members.into_iter().filter(|(one, _)| !self.is_told(room, one)).collect();
        let mut drawn = Vec::new();
        while !new.is_empty() && drawn.len() < NAMED_MAX {
            let (endpoint, introduction) = new.swap_remove(self.rng.below(new.len() as u64) as usize);
            if self.is_one_too_many(room, &endpoint, most) {
                continue;
            }
            let joined = self.rooms.by_id.get_mut(&room).and_then(|known| known.joined.as_mut());
            if joined.is_some_and(|joined| joined.told.insert(endpoint)) {
                drawn.push(introduction);
            }
        }
        (drawn, count)
    }

    fn told(&self, room: RoomId) -> Option<&BTreeSet<Endpoint>> {
        Some(&self.rooms.by_id.get(&room)?.joined.as_ref()?.told)
    }

    fn is_told(&self, room: RoomId, endpoint: &Endpoint) -> bool {
        self.told(room).is_some_and(|told| told.contains(endpoint))
    }

    /// Whether the node knows enough members of a room, or of this one's address.
    fn is_one_too_many(&self, room: RoomId, endpoint: &Endpoint, most: usize) -> bool {
        let Some(told) = self.told(room) else { return true };
        let ip = |endpoint: &Endpoint| {
            let known = self.table.get(endpoint)?;
            known.freshest().first().map(|place| place.address.ip())
        };
        let own = ip(endpoint);
        told.len() >= most || told.iter().filter(|one| ip(one) == own).count() >= NAMED_OF_ONE_MAX
    }

    /// Whether an endpoint announces a room, at an address where that may be said.
    fn is_member(&self, room: &Room, known: &Known) -> bool {
        let Some(joined) = &room.joined else { return false };
        known.places.iter().any(|place| {
            place.tags.contains(&joined.tag) && (!room.is_local || self.is_near_address(place.address))
        })
    }

    /// The endpoints that announce a room.
    pub(super) fn members(&self, room: RoomId) -> impl Iterator<Item = (&Endpoint, &Known)> {
        let room = self.rooms.by_id.get(&room);
        let is_member = move |known: &Known| room.is_some_and(|room| self.is_member(room, known));
        self.table.iter().filter(move |(_, known)| is_member(known))
    }

    fn leave(&mut self, room: Option<RoomId>, code: Option<Code>) {
        self.rooms.lookups.retain(|lookup| (lookup.room, lookup.code) != (room, code));
        let known = room.and_then(|room| self.rooms.by_id.remove(&room));
        if known.is_some_and(|known| known.joined.is_some()) {
            self.announce_soon();
        }
    }

    fn signal(&mut self, room: RoomId, to: Endpoint, payload: Vec<u8>) {
        let joined = self.rooms.by_id.get(&room).and_then(|known| known.joined.as_ref());
        let Some(tag) = joined.map(|joined| joined.tag) else {
            return self.refuse(ServerRefusal::NoSuchRoom, room.to_string(), (Some(room), None), Some(to));
        };
        if self.table.get(&to).is_none() {
            return self.no_such_member(room, to);
        }
        if self.outgoing.len() >= SIGNALS_MAX {
            let words = format!("{SIGNALS_MAX} signals are under way");
            return self.refuse(ServerRefusal::TooFast, words, (Some(room), None), Some(to));
        }
        let number = self.rng.next_u64();
        self.outgoing.push(Outgoing::new(self.now, number, (room, tag), to, payload));
        self.signal_due();
    }

    /// Nobody takes signals for a member: the node is told of it again once it is heard again.
    pub(super) fn no_such_member(&mut self, room: RoomId, to: Endpoint) {
        if let Some(joined) = self.rooms.by_id.get_mut(&room).and_then(|known| known.joined.as_mut()) {
            joined.told.remove(&to);
        }
        let words = format!("{to} does not answer on this network");
        self.refuse(ServerRefusal::NoSuchMember, words, (Some(room), None), Some(to));
    }

    /// Tells the node who joined and who left by the latest announcement of `endpoint`, or by its end.
    pub(super) fn tell_changes(&mut self, endpoint: Endpoint) {
        let rooms: Vec<RoomId> = self.rooms.joined().map(|(id, _, _)| *id).collect();
        for room in rooms {
            let entry = self.rooms.by_id.get(&room);
            let is_member = |known: &&Known| entry.is_some_and(|room| self.is_member(room, known));
            let known = self.table.get(&endpoint).filter(is_member).map(|known| known.introduction.clone());
            let is_too_many = self.is_one_too_many(room, &endpoint, NAMED_MAX);
            let joined = self.rooms.by_id.get_mut(&room).and_then(|known| known.joined.as_mut());
            let Some(joined) = joined else { continue };
            match known {
                Some(introduction) if !is_too_many && joined.told.insert(endpoint) => {
                    let announcement = introduction.announcement();
                    self.tell(&FromServer::MemberJoined { room, announcement });
                }
                None if joined.told.remove(&endpoint) => {
                    self.tell(&FromServer::MemberLeft { room, endpoint });
                }
                _ => {}
            }
        }
    }

    /// Tells the node of a member that sends it a signal, unless it knows it.
    pub(super) fn tell_of_sender(&mut self, room: RoomId, endpoint: Endpoint) -> bool {
        let Some(known) = self.table.get(&endpoint) else { return false };
        let announcement = known.introduction.announcement();
        let joined = self.rooms.by_id.get_mut(&room).and_then(|known| known.joined.as_mut());
        let Some(joined) = joined else { return false };
        if joined.told.insert(endpoint) {
            self.tell(&FromServer::MemberJoined { room, announcement });
        }
        true
    }

    /// The machine is on another network: nothing that belongs to the former one is said here.
    pub(super) fn leave_local_rooms(&mut self) {
        let mut was_in_one = false;
        let mut left = Vec::new();
        for (&room, known) in self.rooms.by_id.iter_mut().filter(|(_, known)| known.is_local) {
            let Some(joined) = known.joined.take() else { continue };
            (was_in_one, known.is_left) = (true, true);
            left.extend(joined.told.into_iter().map(|endpoint| (room, endpoint)));
            self.outgoing.retain(|signal| signal.room != room);
        }
        for (room, endpoint) in left {
            self.tell(&FromServer::MemberLeft { room, endpoint });
        }
        if was_in_one {
            self.push(Output::Event(Event::Moved));
        }
    }
}
