//! Own batches that no member that stays has acknowledged: sent again to new members.
//!
//! A batch that a later own batch superseded is not sent again if nothing of it is visible: it waits with the later
//! one. So an author who wrote alone for a week hands over only batches that still count.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use crate::signed::batch::SignedBatch;
use crate::signed::header::ReplicaNumber;
use crate::time::Time;

/// Own batches that wait for acknowledgement. As many as a replica has parts at most, so that all of it can be written
/// at once.
pub const OUTBOX_MAX: usize = 4096;
/// Places for folds: one for every 64 batches, and those of former sessions.
const FOLDS: usize = OUTBOX_MAX / super::FOLD_LEAST + super::FORMER_FOLDS_MAX;
/// How long a batch may delay writing. A member that stays and acknowledges nothing, for whatever reason, must not stop
/// an author for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long an acknowledgement may take before a batch is sent again: a queue on its way may have been full, and
/// comparison does not find a superseded batch.
const RESEND_AFTER: Duration = Duration::from_secs(5);
/// Batches that are sent again at a time.
const RESENT_MAX: usize = 256;

/// The batches, by sequence.
#[derive(Debug, Default)]
pub(in crate::room) struct Outbox {
    batches: BTreeMap<u64, Waiting>,
    /// By the sequence of a batch: those that it superseded.
    beaten: BTreeMap<u64, Vec<u64>>,
    bytes: usize,
    /// The time of the last repetition, and the last repeated sequence.
    resent: (Time, u64),
}

/// A batch that waits.
#[derive(Debug)]
struct Waiting {
    since: Time,
    batch: SignedBatch,
    /// Whether a later one superseded it.
    is_beaten: bool,
    /// Whether only bans by moderators erased it: nobody accepts it until those fall.
    is_suspended: bool,
}

impl Waiting {
    /// Whether a member that lacks it can use it.
    fn is_due(&self) -> bool {
        !self.is_beaten && !self.is_suspended
    }

    fn replica(&self) -> ReplicaNumber {
        self.batch.header().replica
    }
}

impl Outbox {
    /// Whether n more batches have space. While a member can acknowledge, an author waits; alone it may go on, and the
    /// oldest are dropped: newcomers get the winning ones by comparison.
    ///
    /// # Errors
    /// The bytes that wait.
    pub(in crate::room) fn check(
        &self,
        now: Time,
        batches: usize,
        somebody_stays: bool,
    ) -> Result<(), usize> {
        let Some((_, first)) = self.batches.first_key_value() else { return Ok(()) };
        let fits = self.batches.len() + batches + FOLDS <= OUTBOX_MAX;
        if fits || !somebody_stays || now.since(first.since) >= PATIENCE { Ok(()) } else { Err(self.bytes) }
    }

    /// Adds a batch. Without space the oldest one is dropped.
    pub(in crate::room) fn insert(&mut self, now: Time, batch: SignedBatch) {
        if self.batches.len() == OUTBOX_MAX
            && let Some((sequence, oldest)) = self.batches.pop_first()
        {
            self.bytes -= oldest.batch.bytes().len();
            self.release(sequence);
        }
        self.bytes += batch.bytes().len();
        let waiting = Waiting { since: now, batch, is_beaten: false, is_suspended: false };
        self.batches.insert(waiting.batch.key().sequence, waiting);
    }

    /// A batch superseded another one.
    pub(in crate::room) fn handle_beaten(&mut self, by: u64, sequence: u64) {
        if let Some(waiting) = self.batches.get_mut(&sequence).filter(|_| by != sequence) {
            waiting.is_beaten = true;
            self.beaten.entry(by).or_default().push(sequence);
        }
    }

    /// A member that stays has acknowledged a batch. Returns the sequences of those that waited with it alone: an
    /// earlier one may have superseded another entry of theirs, and then they wait for that, too.
    pub(in crate::room) fn remove(&mut self, sequence: u64) -> Vec<u64> {
        self.take(sequence);
        let (mut with_it, mut due) = (Vec::new(), Vec::new());
        self.take_beaten(sequence, &mut due);
        while let Some((beaten, by)) = due.pop() {
            let Some(replica) = self.batches.get(&beaten).map(Waiting::replica) else { continue };
            let mut between = self.batches.range(beaten + 1..by).rev();
            if let Some((&other, _)) = between.find(|(_, waiting)| waiting.replica() == replica) {
                self.beaten.entry(other).or_default().push(beaten);
                continue;
            }
            self.take(beaten);
            with_it.push(beaten);
            self.take_beaten(beaten, &mut due);
        }
        // All repeated batches arrived: the next ones need not wait.
        if self.batches.first_key_value().is_some_and(|(first, _)| *first > self.resent.1) {
            self.resent.0 = Time(0);
        }
        with_it
    }

    /// Adds the batches that this one superseded to those due, with the last of them first: it does not supersede the
    /// others.
    fn take_beaten(&mut self, by: u64, due: &mut Vec<(u64, u64)>) {
        if let Some(beaten) = self.beaten.remove(&by) {
            due.extend(beaten.into_iter().map(|beaten| (beaten, by)));
            due.sort_unstable();
        }
    }

    /// Removes a batch, if it is there.
    fn take(&mut self, sequence: u64) {
        let taken = self.batches.remove(&sequence);
        self.bytes -= taken.map_or(0, |waiting| waiting.batch.bytes().len());
    }

    /// A batch was dropped without an acknowledgement: those that it superseded wait by themselves.
    fn release(&mut self, by: u64) {
        for sequence in self.beaten.remove(&by).unwrap_or_default() {
            self.batches.entry(sequence).and_modify(|waiting| waiting.is_beaten = false);
        }
    }

    /// The time at which [`Outbox::resend`] has batches, if some are young enough.
    pub(in crate::room) fn poll_timeout(&self, now: Time) -> Option<Time> {
        let waiting = self.hopeful(now).next()?;
        Some(waiting.since.max(self.resent.0) + RESEND_AFTER)
    }

    /// Batches to send again, the oldest first.
    pub(in crate::room) fn resend(&mut self, now: Time) -> Vec<SignedBatch> {
        if self.poll_timeout(now).is_none_or(|at| at > now) {
            return Vec::new();
        }
        let late = self.hopeful(now).take_while(|waiting| now.since(waiting.since) >= RESEND_AFTER);
        let late: Vec<SignedBatch> = late.take(RESENT_MAX).map(|waiting| waiting.batch.clone()).collect();
        self.resent = (now, late.last().map_or(0, |batch| batch.key().sequence));
        late
    }

    fn hopeful(&self, now: Time) -> impl Iterator<Item = &Waiting> {
        let is_young = move |waiting: &&Waiting| now.since(waiting.since) < PATIENCE;
        self.batches.values().filter(is_young).filter(|waiting| waiting.is_due())
    }

    /// The room's records changed: some batches are suspended. Those that no longer are wait as if they were new.
    pub(in crate::room) fn suspend(&mut self, now: Time, is_suspended: impl Fn(&SignedBatch) -> bool) {
        for waiting in self.batches.values_mut() {
            let was_suspended = core::mem::replace(&mut waiting.is_suspended, is_suspended(&waiting.batch));
            if was_suspended && !waiting.is_suspended {
                waiting.since = now;
            }
        }
    }

    /// Keeps only batches for which `stands` is true.
    pub(in crate::room) fn retain(&mut self, stands: impl Fn(&SignedBatch) -> bool) {
        self.batches.retain(|_, waiting| stands(&waiting.batch));
        self.bytes = self.batches.values().map(|waiting| waiting.batch.bytes().len()).sum();
        let gone = self.beaten.keys().filter(|by| !self.batches.contains_key(by));
        let gone: Vec<u64> = gone.copied().collect();
        gone.into_iter().for_each(|by| self.release(by));
    }

    /// All batches, oldest first.
    pub(in crate::room) fn batches(&self) -> impl Iterator<Item = &SignedBatch> {
        self.batches.values().map(|waiting| &waiting.batch)
    }

    /// The batches that a newcomer lacks, oldest first.
    pub(in crate::room) fn to_hand_over(&self) -> impl Iterator<Item = &SignedBatch> {
        self.batches.values().filter(|waiting| waiting.is_due()).map(|waiting| &waiting.batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Endpoint, Identity, Instance, RoomId};
    use crate::signed::batch::{Header, StampWindow};
    use crate::signed::header::Family;

    fn batch(sequence: u64) -> SignedBatch {
        batch_for(ReplicaNumber::FIRST, sequence)
    }

    fn batch_for(replica: ReplicaNumber, sequence: u64) -> SignedBatch {
        let identity = Identity::from_secret([1; 32]);
        let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let window = StampWindow { least: crate::clock::Stamp(1), most: crate::clock::Stamp(1) };
        let header = Header { replica, ..Header::new(author, sequence, window, 0) };
        SignedBatch::sign(&identity, &RoomId([2; 32]), &header, b"entries").expect("small")
    }

    #[test]
    fn an_author_waits_a_limited_time_for_members() {
        let (mut outbox, soon) = (Outbox::default(), Time(5));
        assert_eq!(outbox.check(soon, OUTBOX_MAX, true), Ok(()), "as many as there are parts fit");
        for sequence in 1..=OUTBOX_MAX as u64 {
            outbox.insert(Time(0), batch(sequence));
        }
        assert!(outbox.check(soon, 1, true).is_err_and(|bytes| bytes > OUTBOX_MAX));
        assert_eq!(outbox.check(soon, 1, false), Ok(()), "alone nobody keeps one waiting");
        assert_eq!(outbox.check(Time(0) + PATIENCE, 1, true), Ok(()), "nor somebody who never acknowledges");
        outbox.insert(soon, batch(OUTBOX_MAX as u64 + 1));
        assert_eq!(
            (outbox.batches().count(), outbox.batches().next().map(|b| b.key().sequence)),
            (OUTBOX_MAX, Some(2))
        );
        for sequence in 2..200 {
            outbox.remove(sequence);
        }
        assert_eq!(outbox.check(soon, 1, true), Ok(()));
        let late = Time(0) + RESEND_AFTER;
        assert_eq!((outbox.poll_timeout(soon), outbox.resend(soon).len()), (Some(late), 0));
        assert_eq!(
            (outbox.resend(late).len(), outbox.resend(late).len()),
            (RESENT_MAX, 0),
            "once in a while"
        );
        assert_eq!(outbox.poll_timeout(late), Some(late + RESEND_AFTER));
        assert_eq!(outbox.poll_timeout(soon + PATIENCE), None);
        outbox.retain(|_| false);
        assert_eq!((outbox.batches().count(), outbox.bytes), (0, 0));
    }

    #[test]
    fn beaten_batches_wait_with_what_beat_them() {
        let (mut outbox, later) = (Outbox::default(), Time(0) + RESEND_AFTER);
        let other = ReplicaNumber::new(0, Family::ByValue).expect("a slot");
        for sequence in 1..=6 {
            let replica = if sequence == 3 { other } else { ReplicaNumber::FIRST };
            outbox.insert(Time(0), batch_for(replica, sequence));
        }
        let sequences = |batches: &mut dyn Iterator<Item = &SignedBatch>| {
            batches.map(|batch| batch.key().sequence).collect::<Vec<u64>>()
        };
        // The fourth contains the first two, the sixth contains the fourth and the fifth.
        for (by, sequence) in [(4, 1), (4, 2), (6, 4), (6, 5), (6, 6), (6, 99)] {
            outbox.handle_beaten(by, sequence);
        }
        assert_eq!(sequences(&mut outbox.to_hand_over()), [3, 6]);
        assert_eq!(sequences(&mut outbox.resend(later).iter()), [3, 6]);
        assert_eq!(sequences(&mut outbox.batches()), [1, 2, 3, 4, 5, 6], "all of them wait");
        assert!(outbox.remove(2).is_empty(), "it was sent before, and is acknowledged late");
        let mut with_it = outbox.remove(6);
        with_it.sort_unstable();
        assert_eq!(with_it, [1, 4, 5]);
        assert_eq!(sequences(&mut outbox.batches()), [3]);
        outbox.insert(Time(0), batch(7));
        outbox.handle_beaten(7, 3);
        outbox.retain(|batch| batch.key().sequence != 7);
        assert_eq!(sequences(&mut outbox.to_hand_over()), [3], "what beat it counts no more");
        assert!(outbox.remove(3).is_empty());
        assert_eq!((outbox.batches().count(), outbox.beaten.len(), outbox.bytes), (0, 0, 0));
    }

    #[test]
    fn beaten_batches_wait_for_all_that_beat_them() {
        let mut outbox = Outbox::default();
        (1..=4).for_each(|sequence| outbox.insert(Time(0), batch(sequence)));
        // The third superseded the part of the first that the second had left.
        outbox.handle_beaten(3, 1);
        assert!(outbox.remove(3).is_empty(), "who has the third may lack the second");
        assert_eq!(outbox.remove(2), [1]);
        assert_eq!(outbox.batches().count(), 1);
    }
}
