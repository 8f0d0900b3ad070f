//! In-band signalling: members introduce members, and carry sealed payloads for them.
//!
//! # Problem
//! A server may be gone, and while all is well it should have nothing to do. Whoever is linked to one member of
//! a room can reach the others through it, if members pass on what they can neither read nor change.
//!
//! # How it works
//! Members tell each other to whom they are attached. Who reads of an endpoint that it does not know asks for
//! its announcement, the signed key to which payloads for it are sealed. A payload then goes to a neighbour that
//! lists its addressee; failing that back along the way on which the addressee's own payloads came; failing that
//! to all neighbours, over at most [`HOPS_MAX`] links. A server is the second choice; each failure of an attempt
//! moves on to another neighbour and now and then to a server, so that nobody who carries badly can keep two
//! endpoints apart.
//!
//! # Invariants
//! - A payload is passed on at most once by one node, and never back to whom it came from.
//! - The way back is remembered only for announcements whose signature holds.
//! - A connection is begun only for a payload that opened: signed by its sender, sealed under the room's secret.
//!
//! # Limits
//! [`ROUTES_MAX`] ways back, [`SEEN_MAX`] remembered payloads, [`HEARD_MAX`] members; each neighbour may have
//! [`CARRIES_MAX`](super::peer::CARRIES_MAX) payloads carried and introduce
//! [`INTRODUCED_MAX`](super::peer::INTRODUCED_MAX) endpoints or attempts a minute.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::Node;
use super::overlays::WAYS_MAX;
use super::peer::Source;
use crate::id::Endpoint;
use crate::overlay::message::Tag;
use crate::room::message::{Carry, RoomMessage};
use crate::seam::event::{LinkState, Refusal, RoomHandle};
use crate::seam::io::ServerId;
use crate::signalling::announce;
use crate::signalling::announce::Introduction;
use crate::signalling::protocol::{Announcement, FromClient};
use crate::time::Time;
use crate::wire::{Base64, Bounded, Bytes};

/// Links over which a payload travels at most.
pub(super) const HOPS_MAX: u8 = 3;
/// Ways back that are remembered: as many as endpoints are known.
pub(super) const ROUTES_MAX: usize = super::PEERS_MAX;
/// How long a way back is remembered: longer than an attempt and its answer take.
const ROUTE_KEPT: Duration = Duration::from_secs(60);
/// Payloads that are remembered as passed on: those of a full room that links at once.
const SEEN_MAX: usize = 1024;
/// Members left to overlays that are remembered: those that came in the seconds within which they seek links.
const HEARD_MAX: usize = 128;

/// What a node remembers to introduce members to each other.
#[derive(Debug, Default)]
pub(super) struct Introductions {
    /// Whom each neighbour says that it is attached to.
    listed: BTreeMap<(RoomHandle, Endpoint), BTreeSet<Endpoint>>,
    /// Through which neighbour payloads of an endpoint came, and until when that is remembered.
    routes: BTreeMap<(RoomHandle, Endpoint), (Endpoint, Time)>,
    /// Along whom to reach endpoints that are sought, or that sought us.
    pub(super) ways: BTreeMap<(RoomHandle, Endpoint), Vec<Tag>>,
    /// Hashes of payloads that came by, the oldest first.
    seen: VecDeque<[u8; 32]>,
    /// Members that a server named and that were left to an overlay, the latest last: one of them may seek us.
    heard: VecDeque<(RoomHandle, Announcement)>,
}

impl Introductions {
    /// Remembers a payload. Returns whether it came by before.
    pub(super) fn is_seen(&mut self, payload: &[u8]) -> bool {
        let hash = *blake3::hash(payload).as_bytes();
        let seen = self.seen.contains(&hash);
        if !seen {
            if self.seen.len() == SEEN_MAX {
                self.seen.pop_front();
            }
            self.seen.push_back(hash);
        }
        seen
    }

    /// Remembers a member that was left to an overlay.
    pub(super) fn hear(&mut self, room: RoomHandle, announcement: &Announcement) {
        self.heard.retain(|(of, heard)| (*of, heard.endpoint) != (room, announcement.endpoint));
        if self.heard.len() == HEARD_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back((room, announcement.clone()));
    }

    /// What was said of a member that was left to an overlay.
    pub(super) fn heard(&self, room: RoomHandle, endpoint: Endpoint) -> Option<Announcement> {
        let heard = self.heard.iter().find(|(of, heard)| (*of, heard.endpoint) == (room, endpoint));
        heard.map(|(_, announcement)| announcement.clone())
    }

    fn remember_route(&mut self, now: Time, room: RoomHandle, origin: Endpoint, through: Endpoint) {
        if self.routes.len() >= ROUTES_MAX {
            self.routes.retain(|_, (_, until)| *until > now);
        }
        if self.routes.len() < ROUTES_MAX || self.routes.contains_key(&(room, origin)) {
            self.routes.insert((room, origin), (through, now + ROUTE_KEPT));
        }
    }

    /// Remembers along whom an endpoint reached us.
    pub(super) fn remember_way(&mut self, room: RoomHandle, origin: Endpoint, way: Vec<Tag>) {
        if self.ways.len() < WAYS_MAX || self.ways.contains_key(&(room, origin)) {
            self.ways.insert((room, origin), way);
        }
    }

    /// Forgets a room that was left.
    pub(super) fn forget_room(&mut self, room: RoomHandle) {
        self.listed.retain(|(listed, _), _| *listed != room);
        self.routes.retain(|(routed, _), _| *routed != room);
        self.ways.retain(|(led, _), _| *led != room);
    }
}

/// Neighbours that look further for somebody to whom nobody knows a way, at each step, where members keep some links
/// each: all of them would be the whole room, for each of those who died, again and again.
const SEEKERS_MAX: usize = 3;
/// After how many failed attempts through members a server is asked to carry, when there is one.
const SERVER_TURN: usize = 4;

/// How a payload begins its way.
pub(super) enum Way {
    /// Through these neighbours.
    Neighbours(Vec<Endpoint>),
    /// Through a server.
    Server(ServerId),
    /// Through this neighbour and those after it.
    Route(Endpoint, Vec<Tag>),
}

impl Node {
    /// Sends a sealed payload to an endpoint, through a neighbour or a server.
    pub(super) fn send_payload(&mut self, to: Endpoint, handle: RoomHandle, payload: Vec<u8>) {
        match self.way(handle, to) {
            Way::Neighbours(neighbours) => {
                let payload = Bytes::new(payload).expect("a sealed payload is within its limit");
                let from = Introduction::from(&self.announcement);
                let carry = Carry { hops_left: HOPS_MAX - 1, from, to, payload };
                for neighbour in neighbours {
                    self.send_to_member(handle, neighbour, RoomMessage::Carry(carry.clone()));
                }
            }
            Way::Route(next, rest) => self.send_along(handle, to, next, &rest, payload),
            Way::Server(server) => {
                let Some(room) = self.rooms.get(&handle).and_then(super::rooms::Entry::id) else { return };
                if let Ok(payload) = Base64::new(payload) {
                    self.request(server, &FromClient::Signal { room, to, payload });
                }
            }
        }
    }

    fn way(&self, handle: RoomHandle, to: Endpoint) -> Way {
        let Some(peer) = self.peers.get(&to) else { return Way::Neighbours(Vec::new()) };
        let neighbours = self.listing(handle, to, None);
        let entered = |server: &ServerId| self.servers.get(server).is_some_and(|client| client.is_entered());
        let servers = peer.sources(handle).filter_map(Source::server).filter(entered);
        let servers: Vec<ServerId> = servers.collect();
        let turn = peer.failures as usize;
        let sparse = self.rooms.get(&handle).and_then(|entry| entry.room.as_ref());
        if neighbours.is_empty() && sparse.is_some_and(|room| !room.is_full_mesh()) {
            // Nobody lists others there, and servers list a sample alone.
            let joined = self.rooms.get(&handle).into_iter().flat_map(|entry| &entry.registrations);
            let joined = joined.filter(|known| known.joined).map(|known| known.server).find(entered);
            let along = self.way_along(handle, to).filter(|_| joined.is_none() || turn % 3 < 2);
            if let Some(way) = along.or(joined.map(Way::Server)) {
                return way;
            }
        }
        if !servers.is_empty() && (neighbours.is_empty() || turn % SERVER_TURN == SERVER_TURN - 1) {
            return Way::Server(servers[turn / SERVER_TURN % servers.len()]);
        }
        if !neighbours.is_empty() {
            return Way::Neighbours(alloc::vec![neighbours[turn % neighbours.len()]]);
        }
        match self.route(handle, to) {
            Some(through) => Way::Neighbours(alloc::vec![through]),
            None => Way::Neighbours(self.seekers(handle, None, turn * SEEKERS_MAX)),
        }
    }

    /// Neighbours that list `to` and can carry for it.
    fn listing(&self, handle: RoomHandle, to: Endpoint, but: Option<Endpoint>) -> Vec<Endpoint> {
        let Some(peer) = self.peers.get(&to) else { return Vec::new() };
        let neighbours = peer.sources(handle).filter_map(Source::neighbour);
        neighbours.filter(|neighbour| Some(*neighbour) != but && self.can_carry(handle, *neighbour)).collect()
    }

    /// The way back to `to`, while it is remembered and its first link is alive.
    fn route(&self, handle: RoomHandle, to: Endpoint) -> Option<Endpoint> {
        let &(through, until) = self.introductions.routes.get(&(handle, to))?;
        (until > self.now.time && self.can_carry(handle, through)).then_some(through)
    }

    pub(super) fn live_neighbours(&self, handle: RoomHandle, but: Option<Endpoint>) -> Vec<Endpoint> {
        let neighbours = self.peers.keys().copied();
        neighbours.filter(|neighbour| Some(*neighbour) != but && self.can_carry(handle, *neighbour)).collect()
    }

    /// Neighbours that look for somebody to whom nobody knows a way: all of a full mesh, which is small, and elsewhere
    /// a few from this place on, so that a second try goes elsewhere.
    fn seekers(&self, handle: RoomHandle, but: Option<Endpoint>, from: usize) -> Vec<Endpoint> {
        let mut neighbours = self.live_neighbours(handle, but);
        let room = self.rooms.get(&handle).and_then(|entry| entry.room.as_ref());
        if neighbours.len() > SEEKERS_MAX && room.is_some_and(|room| !room.is_full_mesh()) {
            let first = from % neighbours.len();
            neighbours.rotate_left(first);
            neighbours.truncate(SEEKERS_MAX);
        }
        neighbours
    }

    pub(super) fn can_carry(&self, handle: RoomHandle, neighbour: Endpoint) -> bool {
        let alive = |state| matches!(state, LinkState::Direct | LinkState::Relayed);
        let peer = self.peers.get(&neighbour);
        peer.is_some_and(|peer| peer.link.is_some() && alive(peer.state) && peer.is_attached(handle))
    }

    /// A neighbour says to whom it is attached.
    pub(super) fn handle_links(&mut self, handle: RoomHandle, from: Endpoint, endpoints: &[Endpoint]) {
        let listed: BTreeSet<Endpoint> =
            endpoints.iter().copied().filter(|endpoint| *endpoint != self.me && *endpoint != from).collect();
        let before = self.introductions.listed.insert((handle, from), listed.clone()).unwrap_or_default();
        for &endpoint in before.difference(&listed) {
            self.handle_absent(handle, endpoint, Source::Neighbour(from));
        }
        let mut unknown = Vec::new();
        for &endpoint in &listed {
            match self.peers.get(&endpoint).and_then(|peer| peer.announcement.clone()) {
                Some(announcement) => self.learn(handle, &announcement, Source::Neighbour(from)),
                None => unknown.push(endpoint),
            }
        }
        if let Ok(unknown) = Bounded::new(unknown)
            && !unknown.is_empty()
        {
            self.send_to_member(handle, from, RoomMessage::AskIntroductions(unknown));
        }
    }

    /// A neighbour does not know some of those that we list.
    pub(super) fn handle_ask_introductions(
        &mut self,
        handle: RoomHandle,
        from: Endpoint,
        endpoints: &[Endpoint],
    ) {
        let introduction = |endpoint: &Endpoint| {
            let peer = self.peers.get(endpoint).filter(|peer| peer.is_attached(handle))?;
            peer.announcement.as_ref().map(Introduction::from)
        };
        let introductions: Vec<Introduction> = endpoints.iter().filter_map(introduction).collect();
        if let Ok(introductions) = Bounded::new(introductions)
            && !introductions.is_empty()
        {
            self.send_to_member(handle, from, RoomMessage::Introductions(introductions));
        }
    }

    /// A neighbour introduces endpoints that it lists.
    pub(super) fn handle_introductions(
        &mut self,
        handle: RoomHandle,
        from: Endpoint,
        introductions: &[Introduction],
    ) {
        for introduction in introductions {
            let listed = self.introductions.listed.get(&(handle, from));
            if !listed.is_some_and(|listed| listed.contains(&introduction.endpoint)) {
                continue;
            }
            if !self.peers.contains_key(&introduction.endpoint) && !self.counts_introduction(from) {
                return;
            }
            self.learn(handle, &introduction.announcement(), Source::Neighbour(from));
        }
    }

    /// Counts an endpoint or an attempt that a neighbour introduces. Returns whether it is within the limit.
    pub(super) fn counts_introduction(&mut self, neighbour: Endpoint) -> bool {
        let now = self.now.time;
        let within = self.peers.get_mut(&neighbour).is_some_and(|peer| peer.introduced.count(now));
        if !within {
            let detail =
                String::from("it introduces more endpoints and attempts than are allowed in a minute");
            self.refuse(Some(neighbour), Refusal::TooManyAttempts, detail);
        }
        within
    }

    /// A neighbour hands over a payload, for us or to be passed on.
    pub(super) fn handle_carry(&mut self, handle: RoomHandle, neighbour: Endpoint, carry: Carry) {
        let now = self.now.time;
        if carry.hops_left >= HOPS_MAX {
            let detail = format!("a payload that may be passed on {} times", carry.hops_left);
            return self.handle_offence(neighbour, Refusal::Message, detail);
        }
        if !self.peers.get_mut(&neighbour).is_some_and(|peer| peer.carried.count(now)) {
            let detail = String::from("it has more payloads carried than are allowed in a minute");
            return self.refuse(Some(neighbour), Refusal::TooManyAttempts, detail);
        }
        let origin = carry.from.endpoint;
        if origin == self.me || self.introductions.is_seen(&carry.payload) {
            return;
        }
        let announcement = carry.from.announcement();
        let known = self.peers.get(&origin).and_then(|peer| peer.announcement.as_ref());
        if known != Some(&announcement) && !announce::verify(&announcement) {
            let detail = format!("it carries a payload of {origin} with a key that {origin} did not sign");
            return self.handle_offence(neighbour, Refusal::SealingKey, detail);
        }
        self.introductions.remember_route(now, handle, origin, neighbour);
        if carry.to == self.me {
            if !self.peers.contains_key(&origin) && !self.counts_introduction(neighbour) {
                return;
            }
            if self.know(handle, &announcement) {
                self.handle_sealed_signal(handle, origin, &carry.payload, Source::Neighbour(neighbour));
            }
        } else {
            self.pass_on(handle, neighbour, carry);
        }
    }

    fn pass_on(&mut self, handle: RoomHandle, neighbour: Endpoint, carry: Carry) {
        let to = carry.to;
        let targets = if self.can_carry(handle, to) {
            alloc::vec![to]
        } else if carry.hops_left == 0 {
            return;
        } else {
            let listing = self.listing(handle, to, Some(neighbour));
            let route = self.route(handle, to).filter(|through| *through != neighbour);
            // Any of those that list it will do; the payload decides, so that a second try goes elsewhere.
            let pick = carry.payload.last().map_or(0, |&byte| usize::from(byte));
            match listing.get(pick % listing.len().max(1)).copied().or(route) {
                Some(through) => alloc::vec![through],
                None => self.seekers(handle, Some(neighbour), pick),
            }
        };
        let carry = Carry { hops_left: carry.hops_left.saturating_sub(1), ..carry };
        for target in targets.into_iter().filter(|target| *target != carry.from.endpoint) {
            self.send_to_member(handle, target, RoomMessage::Carry(carry.clone()));
        }
    }

    /// A neighbour is attached no longer: what it said of others counts no more.
    pub(super) fn forget_neighbour(&mut self, handle: RoomHandle, neighbour: Endpoint) {
        for endpoint in self.introductions.listed.remove(&(handle, neighbour)).unwrap_or_default() {
            self.handle_absent(handle, endpoint, Source::Neighbour(neighbour));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::peer::tests::{World, member};
    use super::super::peer::{CARRIES_MAX, INTRODUCED_MAX};
    use super::*;
    use crate::id::Instance;
    use crate::room::message::Neighbours;
    use crate::seam::config::ROOM_ENDPOINTS_MAX;

    const MINUTE: Duration = Duration::from_secs(61);

    /// Somebody whom nobody knows.
    fn stranger() -> Endpoint {
        Endpoint { instance: Instance(u64::MAX), ..member(0).endpoint }
    }

    /// A payload that differs from all others.
    fn carry(from: &Announcement, to: Endpoint, number: u64) -> Carry {
        let payload = Bytes::new(number.to_le_bytes().to_vec()).expect("short");
        Carry { hops_left: HOPS_MAX - 1, from: from.into(), to, payload }
    }

    /// How many payloads a neighbour was handed since this was last asked.
    fn carried(world: &mut World, neighbour: u64) -> usize {
        let heard = world.heard(neighbour);
        heard.iter().filter(|message| matches!(message, RoomMessage::Carry(_))).count()
    }

    #[test]
    fn a_neighbour_has_so_many_payloads_carried_a_minute() {
        let mut world = World::new();
        let [one, other] = [1, 2].map(|number| world.link(number));
        for number in 0..u64::from(CARRIES_MAX) {
            world.say(1, RoomMessage::Carry(carry(&member(1), other, number)));
        }
        assert_eq!(carried(&mut world, 2), CARRIES_MAX as usize);
        assert_eq!(world.refused(one, Refusal::TooManyAttempts), 0);
        world.say(1, RoomMessage::Carry(carry(&member(1), other, u64::MAX)));
        assert_eq!(carried(&mut world, 2), 0);
        assert_eq!(world.refused(one, Refusal::TooManyAttempts), 1);
        world.now += MINUTE;
        world.say(1, RoomMessage::Carry(carry(&member(1), other, u64::MAX)));
        assert_eq!(carried(&mut world, 2), 1);
    }

    #[test]
    fn a_neighbour_introduces_so_many_endpoints_a_minute() {
        let mut world = World::new();
        let one = world.link(1);
        let introduced: Vec<Introduction> =
            (0..=u64::from(INTRODUCED_MAX)).map(|number| (&member(100 + number)).into()).collect();
        let introduce = |world: &mut World, introductions: &[Introduction]| {
            let endpoints = introductions.iter().map(|introduction| introduction.endpoint).collect();
            world.say(
                1,
                RoomMessage::Neighbours(Neighbours { endpoints: Bounded::new(endpoints).expect("few") }),
            );
            let introductions = Bounded::new(introductions.to_vec()).expect("few");
            world.say(1, RoomMessage::Introductions(introductions));
        };
        let (within, beyond) = introduced.split_at(INTRODUCED_MAX as usize);
        within.chunks(ROOM_ENDPOINTS_MAX).for_each(|chunk| introduce(&mut world, chunk));
        assert_eq!(world.node.usage().peers, 1 + INTRODUCED_MAX as usize);
        assert_eq!(world.refused(one, Refusal::TooManyAttempts), 0);
        introduce(&mut world, beyond);
        assert_eq!(world.node.usage().peers, 1 + INTRODUCED_MAX as usize);
        assert_eq!(world.refused(one, Refusal::TooManyAttempts), 1);
        world.say(1, RoomMessage::Carry(carry(&member(99), world.node.endpoint(), 0)));
        assert_eq!(world.refused(one, Refusal::TooManyAttempts), 2, "payloads of strangers count too");
        world.now += MINUTE;
        introduce(&mut world, beyond);
        assert_eq!(world.node.usage().peers, 2 + INTRODUCED_MAX as usize);
    }

    #[test]
    fn a_payload_is_passed_on_so_often() {
        let mut world = World::new();
        let [one, other] = [1, 2].map(|number| world.link(number));
        let sent = |hops_left: u8, to| Carry { hops_left, ..carry(&member(1), to, u64::from(hops_left)) };
        for hops_left in (0..HOPS_MAX).rev() {
            world.say(1, RoomMessage::Carry(sent(hops_left, stranger())));
            let heard = world.heard(2);
            let left = heard.iter().filter_map(|message| match message {
                RoomMessage::Carry(carry) => Some(carry.hops_left),
                _ => None,
            });
            assert_eq!(left.max(), hops_left.checked_sub(1), "each takes one off");
        }
        assert_eq!(world.refused(one, Refusal::Message), 0);
        world.say(1, RoomMessage::Carry(Carry { hops_left: 0, ..carry(&member(1), other, 100) }));
        assert_eq!(carried(&mut world, 2), 1, "a neighbour is handed what is for it");
        world.say(1, RoomMessage::Carry(sent(HOPS_MAX, other)));
        assert_eq!(carried(&mut world, 2), 0);
        assert_eq!(world.refused(one, Refusal::Message), 1, "nobody begins with more");
    }

    /// Whether an answer to `origin`, whose payload neighbour 1 brought, goes back there and not to everybody.
    fn has_way_back(world: &mut World, origin: &Announcement, number: u64) -> bool {
        world.say(2, RoomMessage::Carry(carry(&member(2), origin.endpoint, number)));
        assert_eq!(carried(world, 1), 1);
        carried(world, 3) == 0
    }

    #[test]
    fn so_many_ways_back_are_remembered() {
        let mut world = World::new();
        for number in 1..=3 {
            world.link(number);
        }
        let origins: Vec<Announcement> = (0..=ROUTES_MAX as u64).map(|number| member(100 + number)).collect();
        for (origin, number) in origins.iter().zip(0..) {
            world.say(1, RoomMessage::Carry(carry(origin, stranger(), number)));
        }
        (1..=3).for_each(|number| drop(world.heard(number)));
        assert!(has_way_back(&mut world, &origins[0], 10_000));
        assert!(has_way_back(&mut world, &origins[ROUTES_MAX - 1], 10_001));
        assert!(!has_way_back(&mut world, &origins[ROUTES_MAX], 10_002));
    }

    #[test]
    fn a_way_back_is_remembered_for_a_minute() {
        let mut world = World::new();
        for number in 1..=3 {
            world.link(number);
        }
        let origin = member(100);
        world.say(1, RoomMessage::Carry(carry(&origin, stranger(), 0)));
        (1..=3).for_each(|number| drop(world.heard(number)));
        world.now += ROUTE_KEPT - Duration::from_micros(1);
        assert!(has_way_back(&mut world, &origin, 10_000));
        world.now += Duration::from_micros(1);
        assert!(!has_way_back(&mut world, &origin, 10_001));
    }

    #[test]
    fn so_many_payloads_are_remembered() {
        let mut introductions = Introductions::default();
        let payload = |number: usize| number.to_le_bytes();
        assert!((0..SEEN_MAX).all(|number| !introductions.is_seen(&payload(number))));
        assert!((0..SEEN_MAX).all(|number| introductions.is_seen(&payload(number))));
        assert!(!introductions.is_seen(&payload(SEEN_MAX)));
        assert!(introductions.is_seen(&payload(1)));
        assert!(!introductions.is_seen(&payload(0)), "the oldest is forgotten");
    }
}
