//! Connection attempts: their state beside the link.

use alloc::vec::Vec;
use core::time::Duration;

use super::by_hand_attempt::ByHandAttempt;
use crate::node::common::Own;
use crate::seam::description::{CANDIDATES_MAX, Candidate, CandidateKind, Description};
use crate::seam::event::RoomHandle;
use crate::time::Time;
use crate::wire::VersionRange;

/// Versions of the link protocol that this build supports: 2 brought resumption and direct messages, 3 messages about
/// overlays.
pub(in crate::node) const LINK_VERSIONS: VersionRange = VersionRange { least: 1, most: 3 };
/// How long the lesser endpoint waits for an offer before it requests one.
pub(super) const ASK_DELAY: Duration = Duration::from_secs(2);
/// How much longer than the greater end the lesser one waits for the next attempt of a session before it requests one.
pub(in crate::node) const ASK_LATER: Duration = Duration::from_secs(1);
/// The reason for no link to a member that an overlay does not want as neighbour.
pub(super) const UNSOUGHT: &str = "is linked through others";

/// The state of a connection attempt beside its [`Link`](crate::links::link::Link).
#[derive(Debug)]
pub(in crate::node) struct Attempt {
    /// The room in which it is signalled.
    pub(super) room: RoomHandle,
    /// Whether our description was sent.
    pub(super) described: bool,
    /// Whether the other end's description came.
    pub(super) answered: bool,
    /// Our candidates that wait for our description.
    pub(super) waiting: Vec<Candidate>,
    /// Candidates sent so far.
    pub(super) sent: usize,
    /// Set if people carry the messages of the ends.
    pub(super) by_hand: Option<ByHandAttempt>,
    /// Whether it resumes a session instead of beginning one.
    pub(super) resumes: bool,
    /// Whether it ends when the older link is heard again: it began because that link was silent here.
    pub(super) for_silence: bool,
    /// Whether it began here to find a better path for a living link.
    pub(super) moves: bool,
    /// Whether this end answers.
    pub(super) is_answerer: bool,
    /// Whether this end wants it, and not the other end alone.
    pub(super) is_own: bool,
    /// The time since when both ends search a direct path; `None` before that, if relays are used already, and after
    /// the check.
    pub(super) relay_from: Option<Time>,
    /// Whether this end uses no relay in it.
    pub(super) is_direct_only: bool,
    /// The candidates of the other end.
    pub(super) named: Named,
}

/// Numbers of candidates of the other end, by kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Named {
    count: usize,
    direct: bool,
    relayed: bool,
}

impl Named {
    /// Counts a candidate. Returns whether it is within [`CANDIDATES_MAX`].
    pub(super) fn add(&mut self, candidate: &Candidate) -> bool {
        let is_within = self.count < CANDIDATES_MAX;
        if is_within {
            self.count += 1;
            match candidate.kind {
                CandidateKind::Relayed => self.relayed = true,
                CandidateKind::Host | CandidateKind::ServerReflexive => self.direct = true,
            }
        }
        is_within
    }

    /// Whether the other end seems to hide its address.
    pub(super) fn hides(self) -> bool {
        self.relayed && !self.direct
    }
}

impl Attempt {
    pub(super) fn new(room: RoomHandle, is_answerer: bool) -> Attempt {
        Attempt {
            room,
            described: false,
            answered: is_answerer,
            waiting: Vec::new(),
            sent: 0,
            by_hand: None,
            resumes: false,
            for_silence: false,
            moves: false,
            is_answerer,
            is_own: !is_answerer,
            relay_from: None,
            is_direct_only: false,
            named: Named::default(),
        }
    }

    /// From here on both ends search a path, if the other end has described itself.
    pub(super) fn note_answered(&mut self, now: Time) {
        self.relay_from = (self.answered && self.is_direct_only).then_some(now);
    }

    /// Notes the candidates in the other end's description.
    pub(super) fn note_description(&mut self, description: &Description) {
        for candidate in description.candidates.iter() {
            self.named.add(candidate);
        }
    }

    /// The time to repeat it with relays.
    pub(super) fn relay_due(&self, own: &Own) -> Option<Time> {
        let after = own.config.relay_after;
        Some(self.relay_from? + if self.is_answerer { after + ASK_LATER } else { after })
    }

    /// How long it may take.
    pub(super) fn timeout(&self, own: &Own) -> core::time::Duration {
        if self.resumes { own.config.resume_probe } else { own.config.connect_timeout }
    }
}
