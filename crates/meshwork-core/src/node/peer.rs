//! What a node knows of one other endpoint: whether it can be reached, and how it behaved.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::id::Endpoint;
use crate::links::resume::Session;
use crate::presence::PresenceAllowance;
use crate::seam::event::{LinkState, RoomHandle};
use crate::seam::io::{LinkId, ServerId};
use crate::signalling::protocol::Announcement;
use crate::time::Time;

/// Connection attempts that one endpoint may ask for in [`ALLOWANCE_WINDOW`]: three times what an honest one
/// needs while it resumes a session.
const ATTEMPTS_MAX: u32 = 40;
/// Payloads that one neighbour may have carried in [`ALLOWANCE_WINDOW`]: a newcomer that links to a full room
/// through it sends each member an offer or a question and up to 16 candidates.
pub(super) const CARRIES_MAX: u32 = 1024;
/// Endpoints and attempts that one neighbour may introduce in [`ALLOWANCE_WINDOW`]: half of a full
/// room that is cut off from us and resumes its sessions through this one.
pub(super) const INTRODUCED_MAX: u32 = 256;
const ALLOWANCE_WINDOW: Duration = Duration::from_secs(60);
/// Offences after which a link is closed: one may be a bug, eight are not.
pub(super) const OFFENCES_MAX: u32 = 8;
/// Attempts with one endpoint at a time: one that is still looking for a path, and the next.
pub(super) const ATTEMPTS_PER_PEER_MAX: usize = 2;
/// How long an endpoint that broke the protocol is not linked to again.
pub(super) const REFUSED_FOR: Duration = Duration::from_secs(60);
/// How long an endpoint that is gone is still shown.
pub(super) const GONE_SHOWN_FOR: Duration = Duration::from_secs(60);

/// Who says that an endpoint is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// A signalling server.
    Server(ServerId),
    /// A member that has a link to it.
    Neighbour(Endpoint),
    /// The room's overlay, which wants a link to it.
    Overlay,
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
        }
    }
}

/// Another endpoint.
#[derive(Debug)]
pub(super) struct Peer {
    /// The signed key to which signals for it are sealed; `None` when it is known by its link alone.
    pub(super) announcement: Option<Announcement>,
    /// Rooms in which it is listed now, and by whom.
    present: BTreeMap<RoomHandle, BTreeSet<Source>>,
    /// Rooms in which it was ever seen.
    pub(super) rooms: BTreeSet<RoomHandle>,
    /// Rooms in which it was a member, but no neighbour, when it was last heard of.
    pub(super) distant: BTreeSet<RoomHandle>,
    /// The proved link.
    pub(super) link: Option<LinkId>,
    /// The attempts that are under way, oldest first.
    pub(super) trying: Vec<LinkId>,
    /// What outlives its links.
    pub(super) session: Option<Session>,
    /// Whether its last link was of a version that has direct messages.
    pub(super) direct_links: bool,
    /// Since when its link is under suspicion: the network changed, and nothing was heard since.
    pub(super) suspect: Option<Time>,
    /// Rooms to which it was attached over the link before this one, and until when it may attach again without
    /// anybody noticing.
    pub(super) reattaching: BTreeSet<RoomHandle>,
    pub(super) reattach_until: Time,
    /// State of the link in the words that people see.
    pub(super) state: LinkState,
    /// Since when.
    pub(super) since: Time,
    /// Why.
    pub(super) reason: Option<String>,
    /// When to offer, or to ask for an offer, next.
    pub(super) next_try: Option<Time>,
    /// When it was first offered a link, or first asked for one, since the last link.
    pub(super) sought: Option<Time>,
    /// Attempts that failed since the last link.
    pub(super) failures: u32,
    /// What it calls itself.
    pub(super) name: String,
    /// Rooms that we told it we are in, over the present link.
    pub(super) sent_attach: BTreeSet<RoomHandle>,
    /// Rooms that it proved to be in over the present link, by its number for them.
    pub(super) attached: BTreeMap<u32, RoomHandle>,
    /// Offences since the last link came up.
    pub(super) offences: u32,
    /// Until when nothing of it is accepted.
    pub(super) refused_until: Option<Time>,
    /// Connection attempts that it asked for.
    pub(super) attempts: Allowance,
    /// Payloads of others that it handed to us.
    pub(super) carried: Allowance,
    /// Endpoints that it made known and attempts of others that it handed to us.
    pub(super) introduced: Allowance,
    /// What it says of its cursor.
    pub(super) presented: PresenceAllowance,
    /// Whether no direct path to it was found lately, so that the next attempt uses relays.
    pub(super) needs_relay: bool,
    /// Whether it named relayed candidates alone when its link was made.
    pub(super) they_hide: bool,
    /// When to look for a better path for its link, and how long after that again.
    pub(super) next_move: Option<Time>,
    pub(super) move_pause: Duration,
    /// Whether the person there does not want a link: none is tried until it begins one.
    pub(super) unlinked_us: bool,
}

/// How often something may happen in [`ALLOWANCE_WINDOW`].
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
    pub(super) fn new(now: Time) -> Peer {
        Peer {
            announcement: None,
            present: BTreeMap::new(),
            rooms: BTreeSet::new(),
            distant: BTreeSet::new(),
            link: None,
            sought: None,
            trying: Vec::new(),
            session: None,
            direct_links: false,
            suspect: None,
            reattaching: BTreeSet::new(),
            reattach_until: now,
            state: LinkState::Connecting,
            since: now,
            reason: None,
            next_try: None,
            failures: 0,
            name: String::new(),
            sent_attach: BTreeSet::new(),
            attached: BTreeMap::new(),
            offences: 0,
            refused_until: None,
            attempts: Allowance::new(now, ATTEMPTS_MAX),
            carried: Allowance::new(now, CARRIES_MAX),
            introduced: Allowance::new(now, INTRODUCED_MAX),
            presented: PresenceAllowance::default(),
            needs_relay: false,
            they_hide: false,
            next_move: None,
            move_pause: Duration::ZERO,
            unlinked_us: false,
        }
    }

    /// The key to which signals for it are sealed.
    pub(super) fn sealing_key(&self) -> Option<[u8; 32]> {
        self.announcement.as_ref()?.sealing_key.array()
    }

    /// Whether it is listed in any room.
    pub(super) fn is_listed(&self) -> bool {
        !self.present.is_empty()
    }

    /// The rooms in which it is listed.
    pub(super) fn present_rooms(&self) -> impl Iterator<Item = RoomHandle> + '_ {
        self.present.keys().copied()
    }

    /// Who lists it in `room`.
    pub(super) fn sources(&self, room: RoomHandle) -> impl Iterator<Item = Source> + '_ {
        self.present.get(&room).into_iter().flatten().copied()
    }

    /// `source` lists it in `room`. Returns whether that is news, or was said by a server, which says it once.
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

    /// It is not in `room` any more, whoever lists it.
    pub(super) fn remove_room(&mut self, room: RoomHandle) {
        self.present.remove(&room);
    }

    /// Whether it is attached to `room`, or was over the link before and is about to be again.
    pub(super) fn is_attached(&self, room: RoomHandle) -> bool {
        self.attached.values().any(|attached| *attached == room) || self.reattaching.contains(&room)
    }

    /// Whether it is in `room` and no neighbour, and nobody's wish but an overlay's.
    pub(super) fn is_distant(&self, room: RoomHandle) -> bool {
        self.state == LinkState::Gone && self.distant.contains(&room) && !self.unlinked_us
    }

    /// Whether it is shut out at present.
    pub(super) fn is_refused(&self, now: Time) -> bool {
        self.refused_until.is_some_and(|until| until > now)
    }

    /// When nothing needs to be remembered of it any more; `None` while something does.
    pub(super) fn forget_at(&self) -> Option<Time> {
        let idle =
            self.link.is_none() && self.trying.is_empty() && !self.is_listed() && self.session.is_none();
        let at = self.since + GONE_SHOWN_FOR;
        idle.then(|| self.refused_until.map_or(at, |until| at.max(until)))
    }
}

#[cfg(test)]
pub(super) mod tests;
