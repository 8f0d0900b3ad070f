//! The state of an attempt that people carry by hand.

use alloc::vec::Vec;
use core::time::Duration;

use crate::seam::description::{CANDIDATES_MAX, Candidate, Description, Signal};
use crate::time::Time;
use crate::wire::Bounded;

/// How long candidates are gathered after the description: own addresses come at once, and the hidden names of browsers
/// within a second.
const GATHERED_AFTER: Duration = Duration::from_secs(2);

/// The state of an attempt that people carry.
#[derive(Debug)]
pub(super) struct ByHandAttempt {
    /// Our description, with the candidates gathered so far.
    pub(super) description: Option<Description>,
    /// The time to make the text; `None` before the description came, and after the text was reported.
    pub(super) tell_at: Option<Time>,
    /// The time at which the attempt is abandoned.
    pub(super) until: Time,
}

impl ByHandAttempt {
    pub(super) fn new(until: Time) -> ByHandAttempt {
        ByHandAttempt { description: None, tell_at: None, until }
    }

    /// The time of its next action.
    pub(super) fn deadline(&self) -> Time {
        self.tell_at.map_or(self.until, |at| at.min(self.until))
    }

    /// The driver has a signal for the other end. `waiting` are candidates that came before the description.
    pub(super) fn gather(&mut self, now: Time, waiting: &mut Vec<Candidate>, signal: Signal) {
        match signal {
            Signal::Description(description) => {
                let mut candidates = description.candidates.clone().into_inner();
                candidates.append(waiting);
                candidates.truncate(CANDIDATES_MAX);
                let candidates = Bounded::new(candidates).expect("just cut to the limit");
                self.description = Some(Description { candidates, ..description });
                self.tell_at = Some(now + GATHERED_AFTER);
            }
            Signal::Candidate(candidate) => match &mut self.description {
                None if waiting.len() < CANDIDATES_MAX => waiting.push(candidate),
                None => {}
                Some(description) => {
                    let mut candidates = description.candidates.clone().into_inner();
                    candidates.push(candidate);
                    // Above the limit the first ones stay: own addresses come before those from servers.
                    if let Ok(candidates) = Bounded::new(candidates) {
                        description.candidates = candidates;
                    }
                }
            },
        }
    }
}
