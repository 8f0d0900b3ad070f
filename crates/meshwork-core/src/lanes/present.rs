//! Presence of endpoints without a link to us: signed and forwarded, the newest of each kept while it lasts.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use crate::clock::Stamp;
use crate::id::Endpoint;
use crate::seam::lane::Slot;
use crate::signed::batch::SignedBatch;
use crate::time::{Time, WallTime};

/// Interval at which an endpoint repeats its presence: it may have vanished, or others may have come.
pub const REPEATED_EVERY: Duration = Duration::from_secs(60);
/// Time after the last presence of an endpoint at which it ends: two may be lost.
const LASTS: Duration = Duration::from_secs(150);
/// Endpoints and apps with a kept presence: more than anybody can look at.
const PRESENT_MAX: usize = 1024;
/// Presences that a new member receives on attaching; it receives others at their next repetition.
const HANDED_MAX: usize = 64;
/// Greatest age of these, by room time: longer than the interval of repetitions. So a vanished endpoint is not
/// forwarded for ever.
const HANDED_WITHIN: Duration = Duration::from_secs(90);

/// The kept presences.
#[derive(Debug, Default)]
pub struct Present {
    said: BTreeMap<(Endpoint, Slot), Statement>,
    /// No presence ends before this.
    ends: Time,
}

#[derive(Debug)]
struct Statement {
    heard: Time,
    batch: SignedBatch,
    /// Its author has left since.
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
    /// Whether a presence at `stamp` is newer than the kept one.
    pub fn is_news(&self, endpoint: Endpoint, slot: Slot, stamp: Stamp) -> bool {
        self.said.get(&(endpoint, slot)).is_none_or(|said| said.stamp() < stamp)
    }

    /// Keeps a presence, if there is space.
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

    /// Whether the shown presence of an endpoint in an app equals this.
    pub fn shows(&self, endpoint: Endpoint, slot: Slot, state: &[u8]) -> bool {
        let said = self.said.get(&(endpoint, slot));
        said.is_some_and(|said| said.is_shown() && said.batch.payload() == state)
    }

    /// The presence of an endpoint, if it is not empty.
    pub fn of(&self, endpoint: Endpoint) -> Vec<(Slot, Vec<u8>)> {
        let its = self.said.iter().filter(|((whose, _), said)| *whose == endpoint && said.is_shown());
        its.map(|(&(_, slot), said)| (slot, said.batch.payload().to_vec())).collect()
    }

    /// The presence of every endpoint, if it is not empty.
    pub fn all(&self) -> impl Iterator<Item = (Endpoint, &[u8])> {
        let shown = self.said.iter().filter(|(_, said)| said.is_shown());
        shown.map(|(&(endpoint, _), said)| (endpoint, said.batch.payload()))
    }

    /// An endpoint left: its earlier presence is not shown, however often it is forwarded.
    pub fn handle_left(&mut self, endpoint: Endpoint) {
        let its = self.said.iter_mut().filter(|((whose, _), _)| *whose == endpoint);
        its.for_each(|(_, said)| said.is_over = true);
    }

    /// The presences that a new member receives at this room time: the newest.
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

    /// Forgets these. Returns those that were shown.
    pub fn forget(&mut self, is_gone: impl Fn(Endpoint, Slot) -> bool) -> Vec<(Endpoint, Slot)> {
        let gone = self.said.extract_if(.., |&(endpoint, slot), _| is_gone(endpoint, slot));
        gone.filter(|(_, said)| said.is_shown()).map(|(name, _)| name).collect()
    }

    /// Forgets endpoints that were silent for too long. Returns those that were shown.
    pub fn end_silent(&mut self, now: Time) -> Vec<(Endpoint, Slot)> {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return Vec::new();
        }
        let gone = self.said.extract_if(.., |_, said| said.heard + LASTS <= now);
        let gone = gone.filter(|(_, said)| said.is_shown()).map(|(name, _)| name).collect();
        self.ends = self.said.values().map(|said| said.heard + LASTS).min().unwrap_or(now);
        gone
    }

    /// The time at which an endpoint may have been silent for too long.
    pub fn poll_timeout(&self) -> Option<Time> {
        (!self.said.is_empty()).then_some(self.ends)
    }
}
