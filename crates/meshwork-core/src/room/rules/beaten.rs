//! Which batches win an entry, and which lost their last one and may compete again.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::Rules;
use super::admissions::Admissions;
use super::records::Records;
use super::waiting::Unruled;
use crate::id::PeerId;
use crate::signed::batch::{BatchKey, SignedBatch};

impl Rules {
    /// Notes a batch that stands and wins an entry.
    pub(in crate::room) fn note_kept(&mut self, batch: SignedBatch) {
        self.ledger.note_kept(batch);
    }

    /// A batch wins no entry from this day on. Returns whether it did, or was not held.
    pub(in crate::room) fn note_beaten(&mut self, batch: &SignedBatch, day: u32) -> bool {
        self.ledger.note_beaten(batch, day)
    }

    /// A batch that can still count.
    pub(in crate::room) fn held(&self, key: &BatchKey) -> Option<&SignedBatch> {
        self.ledger.get(key)
    }

    /// Forgets all batches but these. Returns the keys of those that won no entry.
    pub(in crate::room) fn retain(&mut self, is_held: impl Fn(&SignedBatch) -> bool) -> Vec<BatchKey> {
        let others = self.ledger.batches().filter(|batch| !is_held(batch)).map(|batch| batch.key());
        let others: Vec<BatchKey> = others.collect();
        others.into_iter().filter(|key| self.ledger.forget(key)).collect()
    }

    /// Forgets of what wins no entry what was held for long enough, and what is beyond the limits. Returns the keys.
    pub(in crate::room) fn bound_beaten(&mut self, today: u32) -> Vec<BatchKey> {
        let (records, admissions) = (&self.records, &self.admissions);
        self.ledger.bound(today, |peer| is_known(records, admissions, peer))
    }

    /// Whether a peer is no stranger: records name it, or an admission does.
    pub(in crate::room) fn knows_peer(&self, peer: &PeerId) -> bool {
        is_known(&self.records, &self.admissions, peer)
    }

    /// The first day on which something lost its last entry that is held.
    pub(in crate::room) fn first_beaten_day(&self) -> Option<u32> {
        self.ledger.first_day()
    }

    /// Batches that win no entry: they compete again where others do not any more.
    pub(in crate::room) fn beaten(&self) -> impl Iterator<Item = &SignedBatch> {
        self.ledger.beaten().filter(|_| !planted!(BeatenForgotten))
    }

    /// The same, each with the day on which it lost its last one.
    pub(in crate::room) fn beaten_since(&self) -> impl Iterator<Item = (&SignedBatch, u32)> {
        self.ledger.beaten_since()
    }

    /// The records changed, and these batches win an entry again. Returns those that waited for a record, and the keys of
    /// those that won no entry and cannot count any more.
    pub(in crate::room) fn handle_enforced(
        &mut self,
        restored: &[SignedBatch],
    ) -> (VecDeque<Unruled>, Vec<BatchKey>) {
        let fallen = self.ledger.batches().filter(|batch| !self.lets_stand(batch)).map(|batch| batch.key());
        let fallen: Vec<BatchKey> = fallen.collect();
        let fallen = fallen.into_iter().filter(|key| self.ledger.forget(key)).collect();
        restored.iter().for_each(|batch| self.ledger.note_kept(batch.clone()));
        (self.waiting.take(), fallen)
    }
}

fn is_known(records: &Records, admissions: &Admissions, peer: &PeerId) -> bool {
    records.owner() == Some(*peer) || !admissions.of(peer).is_empty() || records.names(peer)
}
