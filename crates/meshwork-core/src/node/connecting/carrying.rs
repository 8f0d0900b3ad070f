//! In-band signalling: members introduce members, and carry sealed payloads for them.
//!
//! # Problem
//! A server may be gone, and it should have nothing to do while all is well. An endpoint with a link to one member of a
//! room can reach the others through it, if members forward payloads that they can neither read nor change.
//!
//! # How it works
//! Members send each other their lists of members. A member that finds an unknown endpoint in one requests its
//! announcement, the signed key to which payloads for it are sealed. A payload then goes to a neighbour that lists its
//! addressee; failing that back along the way of the addressee's own payloads; failing that to all neighbours, over at
//! most [`HOPS_MAX`] links. A server is the second choice; each failure of an attempt moves on to another neighbour and
//! now and then to a server, so that no bad carrier can keep two endpoints apart.
//!
//! # Invariants
//! - A node forwards a payload at most once, and never back to its sender.
//! - The way back is remembered only for announcements with a valid signature.
//! - A connection is begun only for a payload that opened: signed by its sender, sealed under the room's secret.
//!
//! # Limits
//! [`ROUTES_MAX`] ways back, [`SEEN_MAX`] remembered payloads, [`HEARD_MAX`] members; each neighbour may have
//! [`CARRIES_MAX`](super::known::CARRIES_MAX) payloads carried and introduce
//! [`INTRODUCED_MAX`](super::known::INTRODUCED_MAX) endpoints or attempts a minute.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use super::known::{Known, Source};
use crate::id::Endpoint;
use crate::node::common::PEERS_MAX;
use crate::node::lower_parts::Base;
use crate::overlay::message::Tag;
use crate::room::message::Carry;
use crate::seam::event::{LinkState, RoomHandle};
use crate::seam::io::ServerId;
use crate::signalling::protocol::Announcement;
use crate::time::Time;

/// Most links over which a payload travels.
pub(super) const HOPS_MAX: u8 = 3;
/// Remembered ways back: as many as known endpoints.
pub(super) const ROUTES_MAX: usize = PEERS_MAX;
/// How long a way back is remembered: longer than an attempt and its answer take.
pub(super) const ROUTE_KEPT: Duration = Duration::from_secs(60);
/// Remembered payloads: those of a full room that links at once.
const SEEN_MAX: usize = 1024;
/// Remembered members that were left to overlays: those of the seconds in which they search links.
const HEARD_MAX: usize = 128;
/// Remembered ways: one to each known endpoint.
const WAYS_MAX: usize = PEERS_MAX;
/// Neighbours asked per step to search for an unreachable member in a sparse overlay. Asking all would flood the room
/// for each dead member.
const SEEKERS_MAX: usize = 3;
/// Number of failed attempts through members before a server carries, if there is one.
const SERVER_TURN: usize = 4;

/// The begin of a payload's way.
pub(super) enum Way {
    /// Through these neighbours.
    Neighbours(Vec<Endpoint>),
    /// Through a server.
    Server(ServerId),
    /// Through this neighbour and those after it.
    Route(Endpoint, Vec<Tag>),
}

/// The facts for the choice of a way.
#[derive(Clone, Copy)]
pub(super) struct Reach<'a>(pub(super) &'a Base);

impl Reach<'_> {
    /// Whether a neighbour can carry in a room.
    pub(super) fn can_carry(self, room: RoomHandle, neighbour: Endpoint) -> bool {
        let state = self.0.own.people.state(neighbour);
        matches!(state, Some(LinkState::Direct | LinkState::Relayed))
            && self.0.links.is_linked(neighbour)
            && self.0.rooms.attachments().is_attached(neighbour, room)
    }

    fn live_neighbours(self, room: RoomHandle, but: Option<Endpoint>) -> Vec<Endpoint> {
        let linked = self.0.links.linked();
        linked.filter(|neighbour| Some(*neighbour) != but && self.can_carry(room, *neighbour)).collect()
    }

    /// Neighbours that list `to` and can carry for it.
    fn listing(self, room: RoomHandle, to: Endpoint, but: Option<Endpoint>) -> Vec<Endpoint> {
        let Some(peer) = self.0.known.get(to) else { return Vec::new() };
        let neighbours = peer.sources(room).filter_map(Source::neighbour);
        neighbours.filter(|neighbour| Some(*neighbour) != but && self.can_carry(room, *neighbour)).collect()
    }

    /// Neighbours that search for an endpoint without a known way: all of a full mesh, which is small, and otherwise a
    /// few from this place on, so that a second try goes elsewhere.
    fn seekers(self, room: RoomHandle, but: Option<Endpoint>, from: usize) -> Vec<Endpoint> {
        let mut neighbours = self.live_neighbours(room, but);
        if neighbours.len() > SEEKERS_MAX && self.0.rooms.is_sparse(room) {
            let first = from % neighbours.len();
            neighbours.rotate_left(first);
            neighbours.truncate(SEEKERS_MAX);
        }
        neighbours
    }

    /// The last neighbour on a route, so that members that left meanwhile are skipped; and the rest of the route.
    pub(super) fn next_of(self, room: RoomHandle, tags: &[Tag]) -> Option<(Endpoint, &[Tag])> {
        let living = self.live_neighbours(room, None);
        let by_tag = |tag: &Tag| living.iter().copied().find(|one| Tag::of(one) == *tag);
        tags.iter().enumerate().rev().find_map(|(place, tag)| Some((by_tag(tag)?, &tags[place + 1..])))
    }
}

/// The state for introducing members to each other, and for carrying their payloads.
#[derive(Debug, Default)]
pub(super) struct Carrying {
    /// The neighbour from which payloads of an endpoint came, and how long that is remembered.
    routes: BTreeMap<(RoomHandle, Endpoint), (Endpoint, Time)>,
    /// The ways to endpoints that we seek, or that sought us.
    ways: BTreeMap<(RoomHandle, Endpoint), Vec<Tag>>,
    /// Hashes of earlier payloads, the oldest first.
    seen: VecDeque<[u8; 32]>,
    /// Members that a server named and that were left to an overlay, the latest last: one of them may seek us.
    heard: VecDeque<(RoomHandle, Announcement)>,
}

impl Carrying {
    /// The begin of the way of a payload for an endpoint.
    pub(super) fn way(&self, reach: Reach<'_>, room: RoomHandle, to: Endpoint) -> Way {
        let Some(peer) = reach.0.known.get(to) else { return Way::Neighbours(Vec::new()) };
        let neighbours = reach.listing(room, to, None);
        let servers = peer.sources(room).filter_map(Source::server);
        let servers: Vec<ServerId> = servers.filter(|&server| reach.0.servers.is_entered(server)).collect();
        let turn = peer.failures as usize;
        // A server may not know a member that searches us, and the other end may not know us.
        if peer.sources(room).any(|source| source == Source::Visit)
            && let Some(through) = self.route(reach, room, to)
        {
            return Way::Neighbours(alloc::vec![through]);
        }
        if neighbours.is_empty() && reach.0.rooms.is_sparse(room) {
            // Nobody lists others there, and servers list only a sample.
            let joined = reach.0.servers.joined(room);
            let along = self.way_along(reach, room, to).filter(|_| joined.is_none() || turn % 3 < 2);
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
        match self.route(reach, room, to) {
            Some(through) => Way::Neighbours(alloc::vec![through]),
            None => Way::Neighbours(reach.seekers(room, None, turn * SEEKERS_MAX)),
        }
    }

    /// The receivers of a payload that a neighbour handed over for another endpoint.
    pub(super) fn targets(
        &self,
        reach: Reach<'_>,
        room: RoomHandle,
        neighbour: Endpoint,
        carry: &Carry,
    ) -> Vec<Endpoint> {
        let to = carry.to;
        if reach.can_carry(room, to) {
            return alloc::vec![to];
        }
        let route = self.route(reach, room, to).filter(|through| *through != neighbour);
        if carry.hops_left == 0 {
            // It may go further along the way of a search: it comes by only once.
            return route.into_iter().collect();
        }
        let listing = reach.listing(room, to, Some(neighbour));
        // Any of those that list it will do; the payload decides, so that a second try goes elsewhere.
        let pick = carry.payload.last().map_or(0, |&byte| usize::from(byte));
        match listing.get(pick % listing.len().max(1)).copied().or(route) {
            Some(through) => alloc::vec![through],
            None => reach.seekers(room, Some(neighbour), pick),
        }
    }

    /// The way back to `to`, while it is remembered and its first link is alive.
    fn route(&self, reach: Reach<'_>, room: RoomHandle, to: Endpoint) -> Option<Endpoint> {
        let &(through, until) = self.routes.get(&(room, to))?;
        (until > reach.0.own.time() && reach.can_carry(room, through)).then_some(through)
    }

    /// The way to an endpoint over living neighbours, and its rest.
    fn way_along(&self, reach: Reach<'_>, room: RoomHandle, to: Endpoint) -> Option<Way> {
        let (next, rest) = reach.next_of(room, self.ways.get(&(room, to))?)?;
        Some(Way::Route(next, rest.to_vec()))
    }

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

    /// The announcement of a member that was left to an overlay.
    pub(super) fn heard(&self, room: RoomHandle, endpoint: Endpoint) -> Option<Announcement> {
        let heard = self.heard.iter().find(|(of, heard)| (*of, heard.endpoint) == (room, endpoint));
        heard.map(|(_, announcement)| announcement.clone())
    }

    /// Remembers the neighbour from which payloads of an endpoint come.
    pub(super) fn remember_route(
        &mut self,
        now: Time,
        room: RoomHandle,
        origin: Endpoint,
        through: Endpoint,
    ) {
        if self.routes.len() >= ROUTES_MAX {
            self.routes.retain(|_, (_, until)| *until > now);
        }
        if self.routes.len() < ROUTES_MAX || self.routes.contains_key(&(room, origin)) {
            self.routes.insert((room, origin), (through, now + ROUTE_KEPT));
        }
    }

    /// Remembers the way by which an endpoint reached us.
    pub(super) fn remember_way(&mut self, room: RoomHandle, origin: Endpoint, way: Vec<Tag>) {
        if self.ways.len() < WAYS_MAX || self.ways.contains_key(&(room, origin)) {
            self.ways.insert((room, origin), way);
        }
    }

    /// The overlay gives the way to an endpoint that it seeks.
    pub(super) fn set_way(&mut self, room: RoomHandle, to: Endpoint, way: Vec<Tag>) {
        self.ways.insert((room, to), way);
    }

    pub(super) fn forget_way(&mut self, room: RoomHandle, to: Endpoint) {
        self.ways.remove(&(room, to));
    }

    /// Forgets the ways to forgotten endpoints.
    pub(super) fn forget_ways(&mut self, known: &Known) {
        self.ways.retain(|(_, to), _| known.contains(*to));
    }

    /// Forgets a room that was left.
    pub(super) fn forget_room(&mut self, room: RoomHandle) {
        self.routes.retain(|(routed, _), _| *routed != room);
        self.ways.retain(|(led, _), _| *led != room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_payloads_are_remembered() {
        let mut carrying = Carrying::default();
        let payload = |number: usize| number.to_le_bytes();
        assert!((0..SEEN_MAX).all(|number| !carrying.is_seen(&payload(number))));
        assert!((0..SEEN_MAX).all(|number| carrying.is_seen(&payload(number))));
        assert!(!carrying.is_seen(&payload(SEEN_MAX)));
        assert!(carrying.is_seen(&payload(1)));
        assert!(!carrying.is_seen(&payload(0)), "the oldest is forgotten");
    }
}
