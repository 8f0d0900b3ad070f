//! What is known of one with whom it is compared.

use core::time::Duration;

use super::ASK_LEAST;
use super::both::{Both, Holding};
use super::serving::Serving;
use super::source::Source;
use crate::replica::Digest;
use crate::room::replicas::Replicas;
use crate::time::Time;

/// One with whom it is compared.
#[derive(Debug)]
pub(super) struct Neighbour {
    /// What it said that it holds; nothing before it has.
    pub(super) holding: Option<Holding>,
    /// What we said that we hold.
    pub(super) told_holding: Holding,
    /// The root that it last told.
    pub(super) heard: Option<Digest>,
    /// The last root that we told it.
    pub(super) told: Option<Digest>,
    pub(super) source: Source,
    pub(super) serving: Serving,
    pub(super) in_step: bool,
    /// Whether what both hold is equal, and something of which one holds a part is still to be fetched.
    pub(super) is_behind: bool,
    /// When to send our roots, if we still differ then.
    pub(super) ask_at: Option<Time>,
    pub(super) ask_pause: Duration,
    /// Since when they would have been sent if nothing went on changing.
    pub(super) ask_due: Option<Time>,
    /// Since when it knows that we differ and has not asked for anything.
    pub(super) idle_since: Option<Time>,
}

impl Neighbour {
    /// Somebody who is attached now.
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
            // Its own roots may be lost with a link that another one replaces.
            ask_at: Some(now + ASK_LEAST),
            ask_pause: ASK_LEAST,
            ask_due: None,
            idle_since: None,
        }
    }

    /// What is kept here of what it holds too.
    pub(super) fn both<'a>(&'a self, replicas: &'a Replicas) -> Both<'a> {
        Both { replicas, theirs: self.holding.as_ref() }
    }
}
