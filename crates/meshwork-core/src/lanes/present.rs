//! What endpoints say of themselves to whom there is no link: signed and passed on, the newest of each kept while it
//! lasts.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use crate::clock::Stamp;
use crate::id::Endpoint;
use crate::seam::lane::Slot;
use crate::signed::batch::SignedBatch;
use crate::time::{Time, WallTime};

/// How often an endpoint says the same of itself again: it may have gone without a word, or others come.
pub const REPEATED_EVERY: Duration = Duration::from_secs(60);
/// How long after it was heard last nothing is shown of it any more: two may be lost.
const LASTS: Duration = Duration::from_secs(150);
/// Endpoints and apps of which something is kept: more than anybody can look at.
const PRESENT_MAX: usize = 1024;
/// Those that are handed to a member that attaches; it hears of others when they say so again.
const HANDED_MAX: usize = 64;
/// How old what is handed may be, by room time: longer than until it is said again. So nobody who is gone is handed on for
/// ever.
const HANDED_WITHIN: Duration = Duration::from_secs(90);

/// What is kept of all.
#[derive(Debug, Default)]
pub struct Present {
    said: BTreeMap<(Endpoint, Slot), Statement>,
    /// Nothing ends before this.
    ends: Time,
}

#[derive(Debug)]
struct Statement {
    heard: Time,
    batch: SignedBatch,
    /// Its author left since it was said.
    is_over: bool,
}

impl Statement {
    fn stamp(&self) -> Stamp {
        self.batch.header().window.most
    }

    fn is_shown(&self) -> bool {
        !self.is_over && !self.batch.payload().is_empty()
    }
}

impl Present {
    /// Whether what an endpoint says at `stamp` is newer than what is kept of it.
    pub fn is_news(&self, endpoint: Endpoint, slot: Slot, stamp: Stamp) -> bool {
        self.said.get(&(endpoint, slot)).is_none_or(|said| said.stamp() < stamp)
    }

    /// Keeps what an endpoint says of itself, if there is a place.
    pub fn take(&mut self, now: Time, slot: Slot, batch: SignedBatch) -> bool {
        let name = (batch.header().author, slot);
        let has_place = self.said.len() < PRESENT_MAX || self.said.contains_key(&name);
        if has_place {
            if self.said.is_empty() {
                self.ends = now + LASTS;
            }
            self.said.insert(name, Statement { heard: now, batch, is_over: false });
        }
        has_place
    }

    /// Whether what is shown of an endpoint in an app is this already.
    pub fn shows(&self, endpoint: Endpoint, slot: Slot, state: &[u8]) -> bool {
        let said = self.said.get(&(endpoint, slot));
        said.is_some_and(|said| said.is_shown() && said.batch.payload() == state)
    }

    /// What an endpoint says of itself, where that is something.
    pub fn of(&self, endpoint: Endpoint) -> Vec<(Slot, Vec<u8>)> {
        let its = self.said.iter().filter(|((whose, _), said)| *whose == endpoint && said.is_shown());
        its.map(|(&(_, slot), said)| (slot, said.batch.payload().to_vec())).collect()
    }

    /// What every endpoint says of itself, where that is something.
    pub fn all(&self) -> impl Iterator<Item = (Endpoint, &[u8])> {
        let shown = self.said.iter().filter(|(_, said)| said.is_shown());
        shown.map(|(&(endpoint, _), said)| (endpoint, said.batch.payload()))
    }

    /// An endpoint left: what it said until now is not shown, however often it is handed on.
    pub fn handle_left(&mut self, endpoint: Endpoint) {
        let its = self.said.iter_mut().filter(|((whose, _), _)| *whose == endpoint);
        its.for_each(|(_, said)| said.is_over = true);
    }

    /// What a member that attaches is handed at this room time: the newest.
    pub fn to_hand(&self, wall: WallTime) -> Vec<SignedBatch> {
        let is_young = |said: &Statement| {
            let age = wall.as_millis().saturating_sub(said.stamp().millis());
            u128::from(age) <= HANDED_WITHIN.as_millis()
        };
        let mut shown: Vec<&Statement> =
            self.said.values().filter(|said| said.is_shown() && is_young(said)).collect();
        shown.sort_by_key(|said| core::cmp::Reverse(said.heard));
        shown.into_iter().take(HANDED_MAX).map(|said| said.batch.clone()).collect()
    }

    /// Nothing is kept of these any more. Returns what was shown.
    pub fn forget(&mut self, is_gone: impl Fn(Endpoint, Slot) -> bool) -> Vec<(Endpoint, Slot)> {
        let gone = self.said.extract_if(.., |&(endpoint, slot), _| is_gone(endpoint, slot));
        gone.filter(|(_, said)| said.is_shown()).map(|(name, _)| name).collect()
    }

    /// Forgets who was silent for too long. Returns what was shown.
    pub fn end_silent(&mut self, now: Time) -> Vec<(Endpoint, Slot)> {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return Vec::new();
        }
        let gone = self.said.extract_if(.., |_, said| said.heard + LASTS <= now);
        let gone = gone.filter(|(_, said)| said.is_shown()).map(|(name, _)| name).collect();
        self.ends = self.said.values().map(|said| said.heard + LASTS).min().unwrap_or(now);
        gone
    }

    /// When somebody may have been silent for too long.
    pub fn poll_timeout(&self) -> Option<Time> {
        (!self.said.is_empty()).then_some(self.ends)
    }
}
