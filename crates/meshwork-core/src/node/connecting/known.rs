//! Known endpoints: their rooms and sources, the time of the next try, and counts of their requests.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::cmp::Reverse;
use core::fmt;
use core::time::Duration;

use super::attempt::{ASK_LATER, Attempt, Named};
use crate::id::{Endpoint, PeerId};
use crate::links::link::Link;
use crate::node::common::Own;
use crate::node::common::PEERS_MAX;
use crate::node::endpoints::Endpoints;
use crate::node::links::Links;
use crate::node::lower_parts::Base;
use crate::node::people::Person;
use crate::seam::event::RoomHandle;
use crate::seam::io::{LinkId, ServerId};
use crate::seam::path::Path;
use crate::signalling::protocol::Announcement;
use crate::time::Time;

/// Connection attempts that one endpoint may request in [`ALLOWANCE_WINDOW`]: three times the need of an honest one
/// that resumes a session.
const ATTEMPTS_MAX: u32 = 40;
/// Payloads that we carry for one neighbour in [`ALLOWANCE_WINDOW`]: a newcomer that links to a full room through it
/// sends each member an offer or a request and up to 16 candidates.
pub(super) const CARRIES_MAX: u32 = 1024;
/// Endpoints and attempts that one neighbour may introduce in [`ALLOWANCE_WINDOW`]: half of a full
/// room that is cut off from us and resumes its sessions through this one.
pub(super) const INTRODUCED_MAX: u32 = 256;
const ALLOWANCE_WINDOW: Duration = Duration::from_secs(60);
/// Most unlinked peers that a node remembers.
pub(super) const UNLINKED_MAX: usize = 256;
/// How long an endpoint that is gone is still shown.
const GONE_SHOWN_FOR: Duration = Duration::from_secs(60);

/// The source of the knowledge that an endpoint is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::node) enum Source {
    /// A signalling server.
    Server(ServerId),
    /// A member that has a link to it.
    Neighbour(Endpoint),
    /// The room's overlay, which wants a link to it.
    Overlay,
    /// It is visited, or visits.
    Visit,
}

impl Source {
    /// The server, if it is one.
    pub(super) fn server(self) -> Option<ServerId> {
        if let Source::Server(server) = self { Some(server) } else { None }
    }

    /// The member, if it is one.
    pub(super) fn neighbour(self) -> Option<Endpoint> {
        if let Source::Neighbour(neighbour) = self { Some(neighbour) } else { None }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Server(_) => f.write_str("the server"),
            Source::Neighbour(endpoint) => write!(f, "{endpoint}"),
            Source::Overlay => f.write_str("the overlay"),
            Source::Visit => f.write_str("a visit"),
        }
    }
}

/// Another endpoint.
#[derive(Debug)]
pub(super) struct Peer {
    /// The signed key to which signals for it are sealed; `None` when it is known by its link alone.
    pub(super) announcement: Option<Announcement>,
    /// Rooms in which it is listed now, with the sources.
    present: BTreeMap<RoomHandle, BTreeSet<Source>>,
    /// Rooms in which it was ever seen.
    pub(super) rooms: BTreeSet<RoomHandle>,
    /// The attempts that are under way, oldest first.
    pub(super) trying: Vec<LinkId>,
    /// The time of the next offer, or request for one.
    pub(super) next_try: Option<Time>,
    /// The time of the first offer to it, or request, since the last link.
    pub(super) sought: Option<Time>,
    /// Attempts that failed since the last link.
    pub(super) failures: u32,
    /// The time until which nothing of it is accepted.
    pub(super) refused_until: Option<Time>,
    /// The time of the last request for an offer that did not come yet.
    pub(super) asked: Option<Time>,
    /// Connection attempts that it requested.
    pub(super) attempts: Allowance,
    /// Payloads of others that it handed to us.
    pub(super) carried: Allowance,
    /// Endpoints that it made known and attempts of others that it handed to us.
    pub(super) introduced: Allowance,
    /// Whether no direct path to it was found lately, so that the next attempt uses relays.
    pub(super) needs_relay: bool,
    /// The candidates that it named for its link.
    pub(super) named: Named,
    /// Whether it named relayed candidates alone when its link was made.
    pub(super) they_hide: bool,
    /// The time of the next search for a better path for its link, and the pause after it.
    pub(super) next_move: Option<Time>,
    pub(super) move_pause: Duration,
    /// Whether its person does not want a link: none is tried until that person begins one.
    pub(super) unlinked_us: bool,
    /// The time at which something of it is due, as in [`Known::due`].
    due: Cell<Option<Time>>,
}

/// Limit of events in [`ALLOWANCE_WINDOW`].
#[derive(Debug)]
pub(super) struct Allowance {
    most: u32,
    since: Time,
    count: u32,
}

impl Allowance {
    fn new(now: Time, most: u32) -> Allowance {
        Allowance { most, since: now, count: 0 }
    }

    /// Counts one more. Returns whether it is within the limit.
    pub(super) fn count(&mut self, now: Time) -> bool {
        if now.since(self.since) > ALLOWANCE_WINDOW {
            (self.since, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(1);
        self.count <= self.most
    }
}

impl Peer {
    fn new(now: Time) -> Peer {
        Peer {
            announcement: None,
            present: BTreeMap::new(),
            rooms: BTreeSet::new(),
            trying: Vec::new(),
            next_try: None,
            sought: None,
            failures: 0,
            refused_until: None,
            asked: None,
            attempts: Allowance::new(now, ATTEMPTS_MAX),
            carried: Allowance::new(now, CARRIES_MAX),
            introduced: Allowance::new(now, INTRODUCED_MAX),
            needs_relay: false,
            named: Named::default(),
            they_hide: false,
            next_move: None,
            move_pause: Duration::ZERO,
            unlinked_us: false,
            due: Cell::new(None),
        }
    }

    /// Whether it is listed in any room.
    pub(super) fn is_listed(&self) -> bool {
        !self.present.is_empty()
    }

    /// The rooms in which it is listed.
    pub(super) fn present_rooms(&self) -> impl Iterator<Item = RoomHandle> + '_ {
        self.present.keys().copied()
    }

    /// The sources that list it in `room`.
    pub(super) fn sources(&self, room: RoomHandle) -> impl Iterator<Item = Source> + '_ {
        self.present.get(&room).into_iter().flatten().copied()
    }

    /// `source` lists it in `room`. Returns whether that is new, or from a server, which lists it once.
    pub(super) fn add_source(&mut self, room: RoomHandle, source: Source) -> bool {
        let sources = self.present.entry(room).or_default();
        let news = sources.is_empty() || matches!(source, Source::Server(_));
        sources.insert(source);
        news
    }

    /// `source` does not list it in `room` any more.
    pub(super) fn remove_source(&mut self, room: RoomHandle, source: Source) {
        if let Some(sources) = self.present.get_mut(&room) {
            sources.remove(&source);
            if sources.is_empty() {
                self.present.remove(&room);
            }
        }
    }

    /// It is no longer in `room`, for any source.
    pub(super) fn remove_room(&mut self, room: RoomHandle) {
        self.present.remove(&room);
    }

    /// Whether it has neither link nor session, nor an attempt.
    pub(super) fn is_idle(&self, is_bound: bool) -> bool {
        !is_bound && self.trying.is_empty()
    }

    /// The time at which it can be forgotten, given the time of its state; `None` while it cannot.
    fn forget_at(&self, is_bound: bool, since: Time) -> Option<Time> {
        let at = since + GONE_SHOWN_FOR;
        let is_over = self.is_idle(is_bound) && !self.is_listed();
        is_over.then(|| self.refused_until.map_or(at, |until| at.max(until)))
    }

    /// Whether it is refused at present.
    pub(super) fn is_refused(&self, now: Time) -> bool {
        self.refused_until.is_some_and(|until| until > now)
    }
}

/// All known endpoints, at most [`PEERS_MAX`].
#[derive(Debug, Default)]
pub(in crate::node) struct Known {
    peers: Endpoints<Peer>,
    /// The due times of endpoints, the earliest first.
    due: RefCell<BTreeSet<(Time, Endpoint)>>,
    /// The members to which each neighbour is attached, by its own report.
    listed: BTreeMap<(RoomHandle, Endpoint), BTreeSet<Endpoint>>,
    /// People with whom no link is wanted, at most [`UNLINKED_MAX`].
    unlinked: BTreeSet<PeerId>,
}

impl Known {
    pub(in crate::node) fn count(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.peers.len() >= PEERS_MAX
    }

    pub(in crate::node) fn contains(&self, endpoint: Endpoint) -> bool {
        self.peers.get(endpoint).is_some()
    }

    pub(super) fn insert(&mut self, now: Time, endpoint: Endpoint) {
        self.peers.insert(endpoint, Peer::new(now));
    }

    pub(super) fn remove(&mut self, endpoint: Endpoint) {
        if let Some(at) = self.peers.remove(endpoint).and_then(|peer| peer.due.get()) {
            self.due.get_mut().remove(&(at, endpoint));
        }
    }

    pub(in crate::node) fn clear(&mut self) {
        self.peers.clear();
        self.due.get_mut().clear();
    }

    pub(super) fn get(&self, endpoint: Endpoint) -> Option<&Peer> {
        self.peers.get(endpoint)
    }

    pub(super) fn get_mut(&mut self, endpoint: Endpoint) -> Option<&mut Peer> {
        self.peers.get_mut(endpoint)
    }

    /// All known endpoints.
    pub(in crate::node) fn endpoints(&self) -> Vec<Endpoint> {
        self.peers.those(|_| true)
    }

    /// The endpoints for which `holds` is true.
    pub(super) fn those(&self, holds: impl Fn(&Peer) -> bool) -> Vec<Endpoint> {
        self.peers.those(holds)
    }

    /// All endpoints of a peer.
    pub(super) fn endpoints_of(&self, peer: PeerId) -> Vec<Endpoint> {
        self.peers.iter().map(|(endpoint, _)| endpoint).filter(|endpoint| endpoint.peer == peer).collect()
    }

    /// The endpoints that were ever seen in a room.
    pub(in crate::node) fn seen_in(&self, room: RoomHandle) -> impl Iterator<Item = Endpoint> {
        self.peers.iter().filter(move |(_, peer)| peer.rooms.contains(&room)).map(|(endpoint, _)| endpoint)
    }

    /// Whether an endpoint was ever seen in a room.
    pub(in crate::node) fn is_seen_in(&self, endpoint: Endpoint, room: RoomHandle) -> bool {
        self.peers.get(endpoint).is_some_and(|peer| peer.rooms.contains(&room))
    }

    /// The signed announcement of an endpoint's sealing key.
    pub(in crate::node) fn announcement(&self, endpoint: Endpoint) -> Option<&Announcement> {
        self.peers.get(endpoint)?.announcement.as_ref()
    }

    /// The key to which signals for an endpoint are sealed.
    pub(super) fn sealing_key(&self, endpoint: Endpoint) -> Option<[u8; 32]> {
        self.announcement(endpoint)?.sealing_key.array()
    }

    /// An endpoint was seen in a room.
    pub(in crate::node) fn note_seen(&mut self, endpoint: Endpoint, room: RoomHandle) {
        if let Some(peer) = self.peers.get_mut(endpoint) {
            peer.rooms.insert(room);
        }
    }

    /// An endpoint is no longer in a room, for any source.
    pub(in crate::node) fn unlist(&mut self, endpoint: Endpoint, room: RoomHandle) {
        if let Some(peer) = self.peers.get_mut(endpoint) {
            peer.remove_room(room);
        }
    }

    /// The endpoints that a server names in a room.
    pub(in crate::node) fn named_by(&self, room: RoomHandle, server: ServerId) -> BTreeSet<Endpoint> {
        let names = |peer: &Peer| peer.sources(room).any(|source| source.server() == Some(server));
        self.those(names).into_iter().collect()
    }

    /// Whether an endpoint is listed in a room, and whether it is in another.
    pub(in crate::node) fn is_listed(&self, endpoint: Endpoint, room: RoomHandle) -> (bool, bool) {
        let rooms: Vec<RoomHandle> =
            self.peers.get(endpoint).map(|peer| peer.present_rooms().collect()).unwrap_or_default();
        (rooms.contains(&room), rooms.iter().any(|other| *other != room))
    }

    /// A server lists nobody in these rooms any more.
    pub(in crate::node) fn unlist_all_of(&mut self, server: ServerId, rooms: &[RoomHandle]) {
        for (_, peer) in self.peers.iter_mut() {
            rooms.iter().for_each(|&room| peer.remove_source(room, Source::Server(server)));
        }
    }

    /// A room was left.
    pub(in crate::node) fn forget_room(&mut self, room: RoomHandle) {
        self.listed.retain(|(listed, _), _| *listed != room);
        for (_, peer) in self.peers.iter_mut() {
            peer.remove_room(room);
            peer.rooms.remove(&room);
        }
    }

    /// A link to an endpoint is tried at this time, or not of our own accord.
    pub(in crate::node) fn try_at(&mut self, endpoint: Endpoint, at: Option<Time>) {
        if let Some(peer) = self.peers.get_mut(endpoint) {
            peer.next_try = at;
        }
    }

    /// A link to an endpoint is tried at this time, unless it is planned already.
    pub(in crate::node) fn try_at_latest(&mut self, endpoint: Endpoint, at: Time) {
        if let Some(peer) = self.peers.get_mut(endpoint) {
            peer.next_try.get_or_insert(at);
        }
    }

    /// Retries waiting links at once, as if nothing had failed.
    pub(in crate::node) fn retry_at_once(&mut self, own: &Own, links: &Links) {
        let now = own.time();
        for (endpoint, peer) in self.peers.iter_mut() {
            if !links.is_linked(endpoint) {
                peer.failures = 0;
                peer.next_try = peer.next_try.map(|_| now);
            }
        }
    }

    /// Nothing of an endpoint is accepted until then.
    pub(in crate::node) fn refuse_until(&mut self, endpoint: Endpoint, until: Time) {
        if let Some(peer) = self.peers.get_mut(endpoint) {
            (peer.refused_until, peer.next_try) = (Some(until), Some(until));
        }
    }

    /// No link to a peer is wanted from here on. Returns whether there was space to remember that.
    pub(super) fn unlink(&mut self, peer: PeerId) -> bool {
        let is_remembered = self.unlinked.len() < UNLINKED_MAX || self.unlinked.contains(&peer);
        if is_remembered {
            self.unlinked.insert(peer);
        }
        is_remembered
    }

    /// Links to a peer may be made again.
    pub(super) fn link_again(&mut self, peer: PeerId) {
        self.unlinked.remove(&peer);
    }

    /// Whether no link to a peer is wanted.
    pub(in crate::node) fn is_unlinked(&self, peer: PeerId) -> bool {
        self.unlinked.contains(&peer)
    }

    /// The person at the other end does not want a link.
    pub(in crate::node) fn note_unlinked(&mut self, endpoint: Endpoint) {
        if let Some(peer) = self.peers.get_mut(endpoint) {
            peer.unlinked_us = true;
        }
    }

    /// Whether the person at the other end does not want a link.
    pub(in crate::node) fn has_unlinked_us(&self, endpoint: Endpoint) -> bool {
        self.peers.get(endpoint).is_some_and(|peer| peer.unlinked_us)
    }

    /// A neighbour sends the list of its members. Returns the former members that are missing in it.
    pub(super) fn set_listed(
        &mut self,
        room: RoomHandle,
        from: Endpoint,
        listed: BTreeSet<Endpoint>,
    ) -> Vec<Endpoint> {
        let known = self.listed.entry((room, from)).or_default();
        let gone = known.difference(&listed).copied().collect();
        *known = listed;
        gone
    }

    /// Whether a neighbour is attached to an endpoint, by its own report.
    pub(super) fn lists(&self, room: RoomHandle, from: Endpoint, endpoint: Endpoint) -> bool {
        self.listed.get(&(room, from)).is_some_and(|listed| listed.contains(&endpoint))
    }

    /// A neighbour is no longer attached. Returns its listed members.
    pub(super) fn remove_neighbour(&mut self, room: RoomHandle, neighbour: Endpoint) -> BTreeSet<Endpoint> {
        self.listed.remove(&(room, neighbour)).unwrap_or_default()
    }

    /// A link to an endpoint is up: no more tries. Returns the rooms that it is for, that of its attempt among them.
    pub(in crate::node) fn note_proved(
        &mut self,
        endpoint: Endpoint,
        attempt: Option<&Attempt>,
        is_resumed: bool,
    ) -> BTreeSet<RoomHandle> {
        let Some(peer) = self.peers.get_mut(endpoint) else { return BTreeSet::new() };
        (peer.next_try, peer.failures) = (None, 0);
        peer.named = attempt.map(|attempt| attempt.named).unwrap_or_default();
        peer.they_hide = peer.named.hides();
        let mut rooms: BTreeSet<RoomHandle> = peer.present_rooms().collect();
        rooms.extend(attempt.map(|attempt| attempt.room));
        if is_resumed {
            rooms.extend(&peer.rooms);
        }
        rooms
    }

    /// Whether a link to an endpoint is being made, or will be tried again.
    pub(in crate::node) fn is_sought(&self, endpoint: Endpoint) -> bool {
        self.peers.get(endpoint).is_some_and(|peer| peer.sought.is_some())
    }

    /// The time since when the present link of an endpoint was sought.
    pub(in crate::node) fn take_sought(&mut self, endpoint: Endpoint) -> Option<Time> {
        self.peers.get_mut(endpoint)?.sought.take()
    }

    /// Whether an endpoint named relayed candidates alone when its link was made.
    pub(in crate::node) fn hides(&self, endpoint: Endpoint) -> bool {
        self.peers.get(endpoint).is_some_and(|peer| peer.they_hide)
    }

    /// Plans to search a better path for a link, after `pause` if there is one. Without a pause it is also searched if
    /// the other end hid when the link was made, which it may no longer do.
    pub(in crate::node) fn plan_move(
        &mut self,
        own: &Own,
        links: &Links,
        endpoint: Endpoint,
        pause: Duration,
    ) {
        let later = if own.me > endpoint { Duration::ZERO } else { ASK_LATER };
        let (now, hides) = (own.time(), own.config.hides_address);
        let path = links.of(endpoint).map(|link| link.path().kind());
        let Some(peer) = self.peers.get_mut(endpoint) else { return };
        peer.move_pause = pause;
        peer.next_move = match (path, hides) {
            (Some(Path::Direct), true) => Some(now),
            (Some(Path::Relayed), false) if !peer.they_hide || pause.is_zero() => Some(now + pause + later),
            _ => None,
        };
    }

    /// The link to an endpoint is up, or has another path: searches a better one in time.
    pub(in crate::node) fn handle_path_known(&mut self, own: &Own, links: &Links, endpoint: Endpoint) {
        let Some(path) = links.of(endpoint).map(Link::path) else { return };
        let Some(peer) = self.peers.get_mut(endpoint) else { return };
        peer.needs_relay = path.kind() == Path::Relayed;
        let pause = if peer.needs_relay { peer.move_pause } else { Duration::ZERO };
        self.plan_move(own, links, endpoint, pause.max(own.config.direct_again_least));
    }

    /// All known endpoints, whether each is bound by a link or a session, and its display state. The lower parts have
    /// tables of the same endpoints, so that nothing is looked up.
    pub(super) fn all<'a>(
        &'a self,
        base: &'a Base,
    ) -> impl Iterator<Item = (Endpoint, &'a Peer, bool, &'a Person)> {
        let ends = base.links.ends().bound().zip(base.own.people.iter());
        let all = self.peers.iter().zip(ends);
        all.map(|((endpoint, peer), (is_bound, person))| (endpoint, peer, is_bound, person))
    }

    /// Endpoints that can be forgotten.
    pub(super) fn long_gone(&self, base: &Base) -> Vec<Endpoint> {
        let now = base.own.time();
        let gone = self.all(base).filter(|(_, peer, is_bound, person)| {
            peer.forget_at(*is_bound, person.since).is_some_and(|at| at <= now)
        });
        gone.map(|(endpoint, ..)| endpoint).collect()
    }

    /// Of the endpoints without link and attempt, the one with the most failures, then the one tried longest ago.
    /// Members that never answer must not keep others from being known.
    pub(super) fn least(&self, base: &Base) -> Option<Endpoint> {
        let now = base.own.time();
        let idle =
            self.all(base).filter(|(_, peer, is_bound, _)| peer.is_idle(*is_bound) && !peer.is_refused(now));
        let least = idle.min_by_key(|(_, peer, _, person)| (Reverse(peer.failures), person.since));
        least.map(|(endpoint, ..)| endpoint)
    }

    /// The next due time of any endpoint, in any part of the node.
    pub(in crate::node) fn poll_timeout(&self, base: &Base) -> Option<Time> {
        let Base { own, links, rooms, .. } = base;
        let mut changed = self.peers.take_changed();
        for mut more in
            [own.people.take_changed(), links.ends().take_changed(), rooms.attachments().take_changed()]
        {
            changed.append(&mut more);
        }
        let mut due = self.due.borrow_mut();
        for endpoint in changed {
            let Some(peer) = self.peers.get(endpoint) else { continue };
            let earliest = self.due_of(base, endpoint);
            if peer.due.get() != earliest {
                if let Some(before) = peer.due.replace(earliest) {
                    due.remove(&(before, endpoint));
                }
                due.extend(earliest.map(|at| (at, endpoint)));
            }
        }
        due.first().map(|(at, _)| *at)
    }

    /// All due times, as last computed.
    #[cfg(test)]
    pub(in crate::node) fn noted(&self) -> BTreeSet<(Time, Endpoint)> {
        self.due.borrow().clone()
    }

    /// The due time of an endpoint.
    pub(in crate::node) fn due_of(&self, base: &Base, endpoint: Endpoint) -> Option<Time> {
        let Base { own, links, rooms, .. } = base;
        let peer = self.peers.get(endpoint)?;
        let forget_at = peer.forget_at(links.ends().is_bound(endpoint), own.people.get(endpoint)?.since);
        let due = [peer.next_move, peer.next_try, forget_at];
        due.into_iter()
            .chain([links.ends().due(own, endpoint), rooms.attachments().due(endpoint)])
            .flatten()
            .min()
    }

    /// Counts a payload that a neighbour hands over. Returns whether it is within the limit.
    pub(super) fn counts_carried(&mut self, own: &Own, neighbour: Endpoint) -> bool {
        self.peers.get_mut(neighbour).is_some_and(|peer| peer.carried.count(own.time()))
    }

    /// Counts an endpoint or an attempt that a neighbour introduces. Returns whether it is within the limit.
    pub(super) fn counts_introduced(&mut self, own: &Own, neighbour: Endpoint) -> bool {
        self.peers.get_mut(neighbour).is_some_and(|peer| peer.introduced.count(own.time()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_limited_within_a_minute() {
        let mut peer = Peer::new(Time(0));
        assert!((0..ATTEMPTS_MAX).all(|_| peer.attempts.count(Time(5))));
        assert!(!peer.attempts.count(Time(6)));
        assert!(peer.attempts.count(Time(0) + ALLOWANCE_WINDOW + Duration::from_secs(1)));
    }
}
