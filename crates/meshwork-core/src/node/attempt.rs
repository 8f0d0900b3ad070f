//! What is known of one connection attempt.

use alloc::vec::Vec;

use super::ice::Named;
use super::invitations::ByHandAttempt;
use crate::seam::description::{Candidate, Description};
use crate::seam::event::RoomHandle;
use crate::time::Time;

/// What is known of a connection attempt beside its [`Link`].
#[derive(Debug)]
pub(super) struct Attempt {
    /// The room in which it is signalled.
    pub(super) room: RoomHandle,
    /// Whether our description was sent.
    pub(super) described: bool,
    /// Whether the other end's description came.
    pub(super) answered: bool,
    /// Our candidates that wait for our description.
    pub(super) waiting: Vec<Candidate>,
    /// Candidates sent and received so far.
    pub(super) sent: usize,
    pub(super) received: usize,
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
    /// Since when both ends look for a direct path; `None` before they do, when relays are used already, and when it
    /// was seen to.
    pub(super) relay_from: Option<Time>,
    /// Whether this end uses no relay in it.
    pub(super) is_direct_only: bool,
    /// Which kinds of candidates the other end named.
    pub(super) named: Named,
}

impl Attempt {
    pub(super) fn new(room: RoomHandle, answered: bool) -> Attempt {
        Attempt {
            room,
            described: false,
            answered,
            waiting: Vec::new(),
            sent: 0,
            received: 0,
            by_hand: None,
            resumes: false,
            for_silence: false,
            moves: false,
            is_answerer: answered,
            relay_from: None,
            is_direct_only: false,
            named: Named::default(),
        }
    }
}

impl Attempt {
    /// From here on both ends look for a path, if the other end has described itself.
    pub(super) fn note_answered(&mut self, now: Time) {
        self.relay_from = (self.answered && self.is_direct_only).then_some(now);
    }

    /// Notes the candidates that the other end named at once.
    pub(super) fn note_description(&mut self, description: &Description) {
        self.received = description.candidates.len();
        description.candidates.iter().for_each(|candidate| self.named.add(candidate));
    }
}
