//! What a node knows of one other endpoint: whether it can be reached, and how it behaved.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use core::time::Duration;

use super::event::{LinkState, RoomHandle};
use super::io::LinkId;
use crate::time::Time;

/// Connection attempts that one endpoint may ask for in [`ATTEMPTS_WINDOW`]: more than the fastest honest retry.
const ATTEMPTS_MAX: u32 = 20;
const ATTEMPTS_WINDOW: Duration = Duration::from_secs(60);
/// Offences after which a link is closed: one may be a bug, eight are not.
pub(super) const OFFENCES_MAX: u32 = 8;
/// How long an endpoint that broke the protocol is not linked to again.
pub(super) const REFUSED_FOR: Duration = Duration::from_secs(60);
/// How long an endpoint that is gone is still shown.
pub(super) const GONE_SHOWN_FOR: Duration = Duration::from_secs(60);

/// Another endpoint.
#[derive(Debug)]
pub(super) struct Peer {
    /// Its announced X25519 key; `None` when it is known by its link alone.
    pub(super) sealing_key: Option<[u8; 32]>,
    /// Rooms in which a server lists it now.
    pub(super) present: BTreeSet<RoomHandle>,
    /// Rooms in which it was ever seen.
    pub(super) rooms: BTreeSet<RoomHandle>,
    /// The proved link.
    pub(super) link: Option<LinkId>,
    /// The attempt that is under way.
    pub(super) attempt: Option<LinkId>,
    /// State of the link in the words that people see.
    pub(super) state: LinkState,
    /// Since when.
    pub(super) since: Time,
    /// Why.
    pub(super) reason: Option<String>,
    /// When to offer, or to ask for an offer, next.
    pub(super) next_try: Option<Time>,
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
    attempts: (Time, u32),
}

impl Peer {
    pub(super) fn new(now: Time) -> Peer {
        Peer {
            sealing_key: None,
            present: BTreeSet::new(),
            rooms: BTreeSet::new(),
            link: None,
            attempt: None,
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
            attempts: (now, 0),
        }
    }

    /// Whether it is attached to `room`.
    pub(super) fn is_attached(&self, room: RoomHandle) -> bool {
        self.attached.values().any(|attached| *attached == room)
    }

    /// Whether it is shut out at present.
    pub(super) fn is_refused(&self, now: Time) -> bool {
        self.refused_until.is_some_and(|until| until > now)
    }

    /// Counts an attempt that the other end asked for. Returns whether it is within the limit.
    pub(super) fn count_attempt(&mut self, now: Time) -> bool {
        if now.since(self.attempts.0) > ATTEMPTS_WINDOW {
            self.attempts = (now, 0);
        }
        self.attempts.1 = self.attempts.1.saturating_add(1);
        self.attempts.1 <= ATTEMPTS_MAX
    }

    /// When nothing needs to be remembered of it any more; `None` while something does.
    pub(super) fn forget_at(&self) -> Option<Time> {
        let idle = self.link.is_none() && self.attempt.is_none() && self.present.is_empty();
        let at = self.since + GONE_SHOWN_FOR;
        idle.then(|| self.refused_until.map_or(at, |until| at.max(until)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_limited_within_a_minute() {
        let mut peer = Peer::new(Time(0));
        assert!((0..ATTEMPTS_MAX).all(|_| peer.count_attempt(Time(5))));
        assert!(!peer.count_attempt(Time(6)));
        assert!(peer.count_attempt(Time(0) + ATTEMPTS_WINDOW + Duration::from_secs(1)));
    }
}
