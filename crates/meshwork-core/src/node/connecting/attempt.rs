//! Connection attempts: what is known of each beside its link.

use alloc::vec::Vec;

use super::by_hand::ByHandAttempt;
use super::offers::ASK_LATER;
use crate::node::own::Own;
use crate::seam::description::{CANDIDATES_MAX, Candidate, CandidateKind, Description};
use crate::seam::event::RoomHandle;
use crate::time::Time;

/// What is known of a connection attempt beside its [`Link`](crate::links::link::Link).
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
    /// Set when people carry what the ends tell each other.
    pub(super) by_hand: Option<ByHandAttempt>,
    /// Whether it is to resume a session, and not to begin one.
    pub(super) resumes: bool,
    /// Whether it is for nothing once the older link is heard again: it was begun because that one was silent
    /// here.
    pub(super) for_silence: bool,
    /// Whether it was begun here to find a better path for a link that is alive.
    pub(super) moves: bool,
    /// Whether this end answers.
    pub(super) is_answerer: bool,
    /// Whether this end wants it, and not the other end alone.
    pub(super) is_own: bool,
    /// Since when both ends look for a direct path; `None` before they do, when relays are used already, and when it
    /// was seen to.
    pub(super) relay_from: Option<Time>,
    /// Whether this end uses no relay in it.
    pub(super) is_direct_only: bool,
    /// What the other end named.
    pub(super) named: Named,
}

/// How many candidates the other end of a connection named, and of which kinds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Named {
    count: usize,
    direct: bool,
    relayed: bool,
}

impl Named {
    /// One more. Returns whether it is within [`CANDIDATES_MAX`].
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

    /// From here on both ends look for a path, if the other end has described itself.
    pub(super) fn note_answered(&mut self, now: Time) {
        self.relay_from = (self.answered && self.is_direct_only).then_some(now);
    }

    /// Notes the candidates that the other end named at once.
    pub(super) fn note_description(&mut self, description: &Description) {
        for candidate in description.candidates.iter() {
            self.named.add(candidate);
        }
    }

    /// When it is to be made again with relays.
    pub(super) fn relay_due(&self, own: &Own) -> Option<Time> {
        let after = own.config.relay_after;
        Some(self.relay_from? + if self.is_answerer { after + ASK_LATER } else { after })
    }

    /// How long it may take.
    pub(super) fn timeout(&self, own: &Own) -> core::time::Duration {
        if self.resumes { own.config.resume_probe } else { own.config.connect_timeout }
    }
}
