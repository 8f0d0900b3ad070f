//! Limits the signatures that one neighbour may cost us unasked, and counts the dropped batches.
//!
//! Keys and signatures are free for a flooder, so no signed bytes can limit it: unasked batches
//! are bounded for each neighbour. An honest neighbour that sends more loses nothing, since comparison fetches the
//! dropped ones, at the pace of our requests.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::id::Endpoint;
use crate::room::writing::outbox::OUTBOX_MAX;
use crate::time::Time;

/// Batches that a neighbour may send at once: all of its unacknowledged writes, twice.
pub const BURST_MAX: u32 = 2 * OUTBOX_MAX as u32;
/// Batches a second that it may send permanently: eight tiles in each frame of a page at 60 a second.
/// Their signatures take a native member a fortieth of its time, and a page an eighth.
pub const PER_SECOND: u32 = 512;
/// Interval of reports about dropped batches.
const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// The allowance of a neighbour: n at once, and one more in each stretch of time.
#[derive(Clone, Copy, Debug)]
pub(in crate::room) struct Bucket {
    left: u32,
    /// The time at which the bucket had this level.
    filled: Time,
}

impl Bucket {
    /// A full bucket.
    pub(in crate::room) fn full(now: Time, most: u32) -> Bucket {
        Bucket { left: most, filled: now }
    }

    /// Takes one; false if none is left. The bucket contains at most `most`, and one more comes in each `every`.
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

    /// A neighbour is gone. Returns how many of its dropped batches were not reported.
    pub(in crate::room) fn handle_detached(&mut self, endpoint: Endpoint) -> u64 {
        self.neighbours.remove(&endpoint).map_or(0, |neighbour| neighbour.dropped)
    }

    /// The authors and numbers of dropped batches, once a second.
    pub(in crate::room) fn take_dropped(&mut self, now: Time) -> impl Iterator<Item = (Endpoint, u64)> + '_ {
        let due = self.tell_at.take_if(|at| *at <= now).is_some();
        let told = self.neighbours.iter_mut().filter(move |(_, neighbour)| due && neighbour.dropped > 0);
        told.map(|(&endpoint, neighbour)| (endpoint, core::mem::take(&mut neighbour.dropped)))
    }

    /// The time of the next report.
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
