//! Which batches win an entry, and which do not and may compete again.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::Rules;
use super::admissions::Admissions;
use super::records::Records;
use super::waiting::Unruled;
use crate::id::PeerId;
use crate::rulebook::Verdict;
use crate::signed::batch::{Batch, BatchKey, SignedBatch};

impl Rules {
    /// Notes a batch that stands and wins an entry, in a replica that may keep few whoever writes: then it `is_bounded`.
    pub(in crate::room) fn note_kept(&mut self, batch: SignedBatch, is_bounded: bool) {
        self.ledger.note_kept(batch, is_bounded);
    }

    /// Strangers of whom what wins an entry has to go, since all of it is more than is held here, in ascending order; nobody while
    /// it is not.
    pub(in crate::room) fn beyond(&self) -> Vec<PeerId> {
        let is_known = |peer: &PeerId| *peer == self.me.peer || self.knows_peer(peer);
        self.ledger.beyond(self.held_bytes_max, is_known)
    }

    /// Forgets a batch, whether it won an entry or not.
    pub(in crate::room) fn forget(&mut self, key: &BatchKey) {
        self.ledger.forget(key);
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

    /// Whether bans by moderators took a batch, and nothing else did.
    pub(in crate::room) fn suspends(&self, batch: &Batch) -> bool {
        self.judge(batch) == Verdict::Suspended
    }

    /// A batch that is suspended is held from this day on.
    pub(in crate::room) fn hold_suspended(&mut self, batch: &SignedBatch, day: u32) {
        self.ledger.suspend(batch, day);
    }

    /// The records changed today: no replica keeps the batches `gone`, which are in ascending order, any more, and those `restored` win an entry
    /// again, each with whether its replica is bounded.
    pub(in crate::room) fn handle_enforced(
        &mut self,
        gone: &[BatchKey],
        restored: &[(SignedBatch, bool)],
        today: u32,
    ) -> Enforced {
        let mut enforced = Enforced { waited: self.waiting.take(), ..Enforced::default() };
        let falls = |batch: &&SignedBatch| !self.lets_stand(batch);
        let falling: Vec<SignedBatch> = self.ledger.batches().filter(falls).cloned().collect();
        for batch in falling {
            let key = batch.key();
            let is_out = gone.binary_search(&key).is_ok() || self.ledger.is_beaten(&key);
            if is_out && self.suspends(&batch) {
                if self.ledger.suspend(&batch, today) {
                    enforced.suspended.push(batch);
                }
            } else if self.ledger.forget(&key) {
                enforced.fallen.push(key);
            }
        }
        restored.iter().for_each(|(batch, is_bounded)| self.ledger.note_kept(batch.clone(), *is_bounded));
        let standing = self.ledger.suspended().filter(|batch| self.lets_stand(batch)).cloned();
        enforced.resumed = standing.collect();
        enforced.resumed.iter().for_each(|batch| self.ledger.resume(&batch.key()));
        enforced
    }
}

/// What follows for batches when the records changed.
#[derive(Default)]
pub(in crate::room) struct Enforced {
    /// They waited for a record.
    pub(in crate::room) waited: VecDeque<Unruled>,
    /// They won no entry, and cannot count any more.
    pub(in crate::room) fallen: Vec<BatchKey>,
    /// They won an entry, and wait until the bans of moderators fall that took them.
    pub(in crate::room) suspended: Vec<SignedBatch>,
    /// Those bans fell: they compete again.
    pub(in crate::room) resumed: Vec<SignedBatch>,
}

fn is_known(records: &Records, admissions: &Admissions, peer: &PeerId) -> bool {
    records.owner() == Some(*peer) || !admissions.of(peer).is_empty() || records.names(peer)
}
