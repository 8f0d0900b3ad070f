//! Winning and superseded batches, and the changes between them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::Rules;
use super::admissions::Admissions;
use super::ledger::Ledger;
use super::records::Records;
use super::waiting::Unruled;
use crate::id::PeerId;
use crate::rulebook::Verdict;
use crate::signed::batch::{Batch, BatchKey, SignedBatch};

impl Rules {
    /// The batches that can still count.
    pub(in crate::room) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The same, for changes.
    pub(in crate::room) fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Strangers whose winning batches must go, because all winning batches exceed the limit, in ascending order;
    /// otherwise none.
    pub(in crate::room) fn beyond(&self) -> Vec<PeerId> {
        let is_known = |peer: &PeerId| *peer == self.me.peer || self.knows_peer(peer);
        self.ledger.beyond(self.held_bytes_max, is_known)
    }

    /// Forgets superseded batches after their days, and beyond the limits. Returns the keys.
    pub(in crate::room) fn bound_beaten(&mut self, today: u32) -> Vec<BatchKey> {
        let (records, admissions) = (&self.records, &self.admissions);
        self.ledger.bound(today, |peer| is_known(records, admissions, peer))
    }

    /// Whether a peer is no stranger: a record or an admission names it.
    pub(in crate::room) fn knows_peer(&self, peer: &PeerId) -> bool {
        is_known(&self.records, &self.admissions, peer)
    }

    /// Superseded batches. They compete again if their winners no longer do.
    pub(in crate::room) fn beaten(&self) -> impl Iterator<Item = &SignedBatch> {
        self.ledger.beaten().filter(|_| !planted!(BeatenForgotten))
    }

    /// Whether only bans by moderators erased a batch.
    pub(in crate::room) fn suspends(&self, batch: &Batch) -> bool {
        self.judge(batch) == Verdict::Suspended
    }

    /// The records changed today: no replica keeps the batches `gone` any more, which are in ascending order, and those
    /// `restored` win an entry again, each with whether its replica is bounded.
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

/// The consequences for batches of a change of the records.
#[derive(Default)]
pub(in crate::room) struct Enforced {
    /// Batches that waited for a record.
    pub(in crate::room) waited: VecDeque<Unruled>,
    /// Superseded batches that cannot count any more.
    pub(in crate::room) fallen: Vec<BatchKey>,
    /// Winning batches that wait until the bans of moderators fall that erased them.
    pub(in crate::room) suspended: Vec<SignedBatch>,
    /// Batches whose bans fell: they compete again.
    pub(in crate::room) resumed: Vec<SignedBatch>,
}

fn is_known(records: &Records, admissions: &Admissions, peer: &PeerId) -> bool {
    records.owner() == Some(*peer) || !admissions.of(peer).is_empty() || records.names(peer)
}
