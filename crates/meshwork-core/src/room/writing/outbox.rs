//! Own batches that no member which stays has acknowledged yet: sent again to whoever attaches.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use crate::signed::batch::SignedBatch;
use crate::time::Time;

/// Own batches that wait for acknowledgement. As many as a replica has parts at most, so that all of it can be written
/// at once.
pub const OUTBOX_MAX: usize = 4096;
/// Places kept for folds of what is written: one for every 64 batches, and those of what former sessions left.
const FOLDS: usize = OUTBOX_MAX / super::FOLD_LEAST + super::FORMER_FOLDS_MAX;
/// How long a batch may hold up writing. A member that stays and acknowledges nothing, for whatever reason, must
/// not stop an author for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long an acknowledgement may take before a batch is sent again: a queue on its way may have been full, and
/// a batch that was beaten meanwhile is not found by comparison.
const RESEND_AFTER: Duration = Duration::from_secs(5);
/// Batches that are sent again at a time.
const RESENT_MAX: usize = 256;

/// The batches, by sequence.
#[derive(Debug, Default)]
pub(in crate::room) struct Outbox {
    batches: BTreeMap<u64, (Time, SignedBatch)>,
    bytes: usize,
    /// When some were last sent again, and the last of them.
    resent: (Time, u64),
}

impl Outbox {
    /// Whether so many more batches have a place. While somebody is there to acknowledge, an author waits for
    /// that; alone it may go on, and the oldest are given up: newcomers get by comparison what still wins.
    ///
    /// # Errors
    /// The bytes that wait.
    pub(in crate::room) fn check(
        &self,
        now: Time,
        batches: usize,
        somebody_stays: bool,
    ) -> Result<(), usize> {
        let Some((_, (since, _))) = self.batches.first_key_value() else { return Ok(()) };
        let fits = self.batches.len() + batches + FOLDS <= OUTBOX_MAX;
        if fits || !somebody_stays || now.since(*since) >= PATIENCE { Ok(()) } else { Err(self.bytes) }
    }

    /// Adds a batch; the oldest one gives way when there is no place.
    pub(in crate::room) fn insert(&mut self, now: Time, batch: SignedBatch) {
        if self.batches.len() == OUTBOX_MAX
            && let Some((_, (_, oldest))) = self.batches.pop_first()
        {
            self.bytes -= oldest.bytes().len();
        }
        self.bytes += batch.bytes().len();
        self.batches.insert(batch.key().sequence, (now, batch));
    }

    /// A member that stays has acknowledged a batch.
    pub(in crate::room) fn remove(&mut self, sequence: u64) {
        if let Some((_, batch)) = self.batches.remove(&sequence) {
            self.bytes -= batch.bytes().len();
        }
        // All that was sent again is through: the next ones need not wait.
        if self.batches.first_key_value().is_some_and(|(first, _)| *first > self.resent.1) {
            self.resent.0 = Time(0);
        }
    }

    /// When [`Outbox::resend`] has something to give: only for batches that are young enough for hope.
    pub(in crate::room) fn poll_timeout(&self, now: Time) -> Option<Time> {
        let (since, _) = self.hopeful(now).next()?;
        Some((*since).max(self.resent.0) + RESEND_AFTER)
    }

    /// Batches to be sent again, the oldest first.
    pub(in crate::room) fn resend(&mut self, now: Time) -> Vec<SignedBatch> {
        if self.poll_timeout(now).is_none_or(|at| at > now) {
            return Vec::new();
        }
        let late = self.hopeful(now).take_while(|(since, _)| now.since(*since) >= RESEND_AFTER);
        let late: Vec<SignedBatch> = late.take(RESENT_MAX).map(|(_, batch)| batch.clone()).collect();
        self.resent = (now, late.last().map_or(0, |batch| batch.key().sequence));
        late
    }

    fn hopeful(&self, now: Time) -> impl Iterator<Item = &(Time, SignedBatch)> {
        self.batches.values().skip_while(move |(since, _)| now.since(*since) >= PATIENCE)
    }

    /// Keeps only what `stands` says.
    pub(in crate::room) fn retain(&mut self, stands: impl Fn(&SignedBatch) -> bool) {
        self.batches.retain(|_, (_, batch)| stands(batch));
        self.bytes = self.batches.values().map(|(_, batch)| batch.bytes().len()).sum();
    }

    /// All of them, oldest first.
    pub(in crate::room) fn batches(&self) -> impl Iterator<Item = &SignedBatch> {
        self.batches.values().map(|(_, batch)| batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Endpoint, Identity, Instance, RoomId};
    use crate::signed::batch::{Header, StampWindow};

    fn batch(sequence: u64) -> SignedBatch {
        let identity = Identity::from_secret([1; 32]);
        let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
        let window = StampWindow { least: crate::clock::Stamp(1), most: crate::clock::Stamp(1) };
        let header = Header::new(author, sequence, window, 0);
        SignedBatch::sign(&identity, &RoomId([2; 32]), &header, b"entries").expect("small")
    }

    #[test]
    fn an_author_waits_for_who_is_there_and_not_for_ever() {
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
}
