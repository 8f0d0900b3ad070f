//! How many signatures one neighbour may cost us unasked, and what was dropped beyond.
//!
//! Keys and signatures cost a flooder nothing, so no signed bytes can limit it: what a neighbour sends without being
//! asked is bounded by neighbour. Who is honest and sends more loses nothing, since comparison brings what was
//! dropped, at the pace at which it is asked for.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::id::Endpoint;
use crate::room::OUTBOX_MAX;
use crate::time::Time;

/// Batches that a neighbour may send at once: all that it has written and nobody acknowledged, twice.
pub const BURST_MAX: u32 = 2 * OUTBOX_MAX as u32;
/// Batches a second that it may send for as long as it likes: eight tiles in each frame of a page at 60 a second.
/// Their signatures take a native member a fortieth of its time, and a page an eighth.
pub const PER_SECOND: u32 = 512;
/// How often it is told what was dropped.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// How much is left to a neighbour: so many at once, and one more in each stretch of time.
#[derive(Clone, Copy, Debug)]
pub(in crate::room) struct Bucket {
    left: u32,
    /// When the bucket was filled up to what is left.
    filled: Time,
}

impl Bucket {
    /// One from which nothing was taken.
    pub(in crate::room) fn full(now: Time, most: u32) -> Bucket {
        Bucket { left: most, filled: now }
    }

    /// Takes one; false when none is left. The bucket holds `most`, and one more comes in each `every`.
    pub(in crate::room) fn take(&mut self, now: Time, most: u32, every: Duration) -> bool {
        let more = now.since(self.filled).as_micros() / every.as_micros();
        let more = u32::try_from(more).unwrap_or(most).min(most);
        self.left = self.left.saturating_add(more).min(most);
        self.filled = if self.left == most { now } else { self.filled + every * more };
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

#[derive(Clone, Copy, Debug)]
struct Neighbour {
    bucket: Bucket,
    dropped: u64,
}

/// The allowances of all attached neighbours.
#[derive(Debug, Default)]
pub(in crate::room) struct Allowances {
    neighbours: BTreeMap<Endpoint, Box<Neighbour>>,
    tell_at: Option<Time>,
}

impl Allowances {
    /// Whether `from` may send one more batch unasked. It counts as sent.
    pub(in crate::room) fn take(&mut self, now: Time, from: Endpoint) -> bool {
        let every = Duration::from_secs(1) / PER_SECOND;
        self.neighbour(now, from).bucket.take(now, BURST_MAX, every)
    }

    /// Notes that a batch of `from` was dropped.
    pub(in crate::room) fn handle_dropped(&mut self, now: Time, from: Endpoint) {
        let neighbour = self.neighbour(now, from);
        neighbour.dropped = neighbour.dropped.saturating_add(1);
        self.tell_at.get_or_insert(now + TELL_INTERVAL);
    }

    /// Somebody is gone. Returns how many of its batches were dropped and not told.
    pub(in crate::room) fn handle_detached(&mut self, endpoint: Endpoint) -> u64 {
        self.neighbours.remove(&endpoint).map_or(0, |neighbour| neighbour.dropped)
    }

    /// Whose batches were dropped, and how many, once a second.
    pub(in crate::room) fn take_dropped(&mut self, now: Time) -> impl Iterator<Item = (Endpoint, u64)> + '_ {
        let due = self.tell_at.take_if(|at| *at <= now).is_some();
        let told = self.neighbours.iter_mut().filter(move |(_, neighbour)| due && neighbour.dropped > 0);
        told.map(|(&endpoint, neighbour)| (endpoint, core::mem::take(&mut neighbour.dropped)))
    }

    /// When there is something to tell.
    pub(in crate::room) fn poll_timeout(&self) -> Option<Time> {
        self.tell_at
    }

    fn neighbour(&mut self, now: Time, from: Endpoint) -> &mut Neighbour {
        let new = || Box::new(Neighbour { bucket: Bucket::full(now, BURST_MAX), dropped: 0 });
        self.neighbours.entry(from).or_insert_with(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Instance, PeerId};
    use alloc::vec::Vec;

    #[test]
    fn a_burst_and_then_a_rate() {
        let mut allowances = Allowances::default();
        let from = |number| Endpoint { peer: PeerId([number; 32]), instance: Instance(0) };
        let mut now = Time(5);
        let count = |allowances: &mut Allowances, now, most: u32| {
            (0..most).filter(|_| allowances.take(now, from(1))).count() as u32
        };
        assert_eq!(count(&mut allowances, now, 100_000), BURST_MAX);
        for _ in 0..100 {
            now += Duration::from_millis(10);
            allowances.take(now, from(1));
        }
        now += Duration::from_secs(1);
        let more = count(&mut allowances, now, 100_000);
        assert!((2 * PER_SECOND - 110..=2 * PER_SECOND).contains(&(more + 100)), "{more}");
        assert!(allowances.take(now, from(2)), "the others have their own");
        now += Duration::from_secs(100_000);
        assert_eq!(count(&mut allowances, now, 100_000), BURST_MAX);
    }

    #[test]
    fn what_was_dropped_is_told_once_a_second() {
        let mut allowances = Allowances::default();
        let from = Endpoint { peer: PeerId([1; 32]), instance: Instance(0) };
        (0..7).for_each(|_| allowances.handle_dropped(Time(0), from));
        assert_eq!(allowances.take_dropped(Time(999_999)).count(), 0);
        let due = allowances.poll_timeout().expect("something is to be told");
        assert_eq!(allowances.take_dropped(due).collect::<Vec<_>>(), [(from, 7)]);
        assert_eq!(allowances.poll_timeout(), None);
        allowances.handle_dropped(due, from);
        assert_eq!(allowances.handle_detached(from), 1);
    }
}
