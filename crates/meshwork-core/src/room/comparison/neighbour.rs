//! The state of the comparison with one member.

use core::time::Duration;

use super::ASK_LEAST;
use super::both::{Both, Holding};
use super::serving::Serving;
use super::source::Source;
use crate::replica::Digest;
use crate::room::replicas::Replicas;
use crate::time::Time;

/// A member that we compare with.
#[derive(Debug)]
pub(super) struct Neighbour {
    /// Its extent; nothing before it has sent one.
    pub(super) holding: Option<Holding>,
    /// The extent that we sent it.
    pub(super) told_holding: Holding,
    /// Its last root.
    pub(super) heard: Option<Digest>,
    /// Our last root that we sent it.
    pub(super) told: Option<Digest>,
    pub(super) source: Source,
    pub(super) serving: Serving,
    pub(super) in_step: bool,
    /// Whether the common data is equal, and a part that only one of the two stores must still be fetched.
    pub(super) is_behind: bool,
    /// The time to send our roots, if we still differ then.
    pub(super) ask_at: Option<Time>,
    pub(super) ask_pause: Duration,
    /// The time at which they would have been sent without further changes.
    pub(super) ask_due: Option<Time>,
    /// Since when it knows of a difference and has requested nothing.
    pub(super) idle_since: Option<Time>,
}

impl Neighbour {
    /// A newly attached member.
    pub(super) fn new(now: Time) -> Neighbour {
        Neighbour {
            holding: None,
            told_holding: Holding::default(),
            heard: None,
            told: None,
            source: Source::new(),
            serving: Serving::default(),
            in_step: false,
            is_behind: false,
            // Its own roots may be lost with a replaced link.
            ask_at: Some(now + ASK_LEAST),
            ask_pause: ASK_LEAST,
            ask_due: None,
            idle_since: None,
        }
    }

    /// The data here that it stores too.
    pub(super) fn both<'a>(&'a self, replicas: &'a Replicas) -> Both<'a> {
        Both { replicas, theirs: self.holding.as_ref() }
    }
}
