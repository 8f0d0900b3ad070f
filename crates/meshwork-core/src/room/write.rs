//! Writes of this program: signed, sent, applied here, and compacted.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::num::NonZero;

use super::rules::publish::{Act, MODERATORS};
use super::writing::{FORMER_FOLDS_MAX, Part, Receipt, WriteError, WritingLeft};
use super::{Room, delivery};
use crate::id::{Identity, PeerId};
use crate::replica::{Again, Content, Fold, Replica, ReplicaNumber, WHENEVER};
use crate::signed::batch::{Header, SignedBatch, StampWindow};
use crate::time::Now;

impl Room {
    /// Writes payloads for a replica in the name of `identity`, which is this endpoint's peer: one batch each, all with
    /// one stamp.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was written.
    pub fn write(
        &mut self,
        now: Now,
        identity: &Identity,
        number: ReplicaNumber,
        payloads: Vec<Vec<u8>>,
    ) -> Result<Receipt, WriteError> {
        if payloads.is_empty() {
            return Err(WriteError::Empty);
        }
        let stamp = self.membership.overlay().stamped(self.kept.next_stamp(now));
        let window = StampWindow::at(stamp);
        let header = self.kept.header(number, window);
        let replica = self.kept.replicas.get(number).ok_or(WriteError::AppIsOff(number.slot()))?;
        let moderates = self.kept.records().moderates(identity.peer());
        let days = self.kept.replicas.age(number).map_or(0, NonZero::get);
        let check = |payload: Vec<u8>| match replica.check(&header, &payload) {
            Ok(_) if replica.is_old(&payload) => Err(WriteError::TooOld(days)),
            Ok(content) if content.is_for_moderators && !moderates => Err(WriteError::NotAllowed(MODERATORS)),
            Ok(content) => Ok((payload, content)),
            Err(error) => Err(WriteError::Content(error.0)),
        };
        let written: Vec<(Vec<u8>, Content)> = payloads.into_iter().map(check).collect::<Result<_, _>>()?;
        let cost = written.iter().map(|(_, content)| content.cost).sum();
        self.kept.rules.check_cost(number.slot(), stamp, cost)?;
        let waits = self.kept.writing.outbox.check(now.time, written.len(), self.membership.somebody_stays());
        waits.map_err(WriteError::Backpressure)?;
        let part = |(payload, _): &(Vec<u8>, Content)| Some((number, replica.outline(payload)?.0));
        let parts: Vec<Option<Part>> = written.iter().map(part).collect();
        self.kept.merge_stamp(self.kept.me.peer, stamp);
        let first = self.kept.writing.next_sequence;
        for ((payload, content), part) in written.into_iter().zip(&parts) {
            self.write_batch(now, identity, &header, &payload, content, *part);
        }
        let written_in: BTreeSet<Part> = parts.iter().flatten().copied().collect();
        let sequences = first..=self.kept.writing.next_sequence - 1;
        let receipt = Receipt { sequences, cost, parts: written_in.into_iter().collect() };
        for part in parts.into_iter().flatten() {
            self.fold_when_due(now, identity, part);
        }
        self.finish(now);
        Ok(receipt)
    }

    /// Signs due content in the name of `identity`: a record that joins concurrent records of the owner's programs, and
    /// own content that records erased, as far as the rules allow.
    pub(super) fn sign_due(&mut self, now: Now, identity: &Identity) {
        if self.kept.rules.joins(identity.peer()) {
            // A missed join happens with the next record.
            let _ = self.govern(now, identity, Act::Join);
        }
        self.talking().sign_passed(now, identity);
        self.talking().say_holding(now, identity);
        if let Some((number, said)) = self.kept.writing.unsaid.pop_front() {
            say_again(self, now, identity, number, &said);
            self.finish(now);
        }
    }

    /// Signs a payload, sends it to everybody and applies it here. Returns whether it was accepted.
    fn write_batch(
        &mut self,
        now: Now,
        identity: &Identity,
        header: &Header,
        payload: &[u8],
        content: Content,
        part: Option<Part>,
    ) -> bool {
        let (cost, sequence) = (content.cost as u32, self.kept.writing.next_sequence());
        let used = self.kept.rules.count_cost(header.replica.slot(), header.window.most, cost);
        let header = Header { sequence, cost, used, ..*header };
        let batch = SignedBatch::sign(identity, &self.kept.id, &header, payload)
            .expect("a payload that its replica read is within the limit and the author is this peer");
        self.kept.writing.take_sequence();
        self.kept.writing.outbox.insert(now.time, batch.clone());
        part.into_iter().for_each(|part| self.kept.writing.whereabouts.handle_written(part, sequence));
        let targets = self.membership.overlay_mut().targets(now, &batch, None);
        self.kept.send_live(targets, &batch);
        let is_kept = self.kept.apply(now, delivery::Checked { batch, content });
        // This program receives acknowledgements of its own batches, as their author does elsewhere.
        self.kept.storage.acknowledge(self.kept.me, sequence);
        is_kept
    }

    /// Repeats our writes in a part in one batch, once many small batches contain them: storage and the data for
    /// newcomers shrink. The larger the fold, the more batches it waits for, so that folds cost a fixed share of the
    /// traffic.
    fn fold_when_due(&mut self, now: Now, identity: &Identity, part: Part) {
        let is_due = self.kept.writing.counts_to_fold(part);
        // With a limit, each entry keeps the batch that counted it.
        if self.kept.rules.limit(part.0.slot()).is_some() {
            return;
        }
        if is_due {
            let folded = self.write_fold(now, identity, part, |replica, me| replica.fold(part.1, me));
            self.kept.writing.handle_folded(part, folded.unwrap_or(0));
        }
        self.fold_former(now, identity, part);
    }

    /// Repeats likewise this peer's batches of former sessions in a part, at the first write there: an author of few
    /// writes in many sessions would never reach a fold.
    fn fold_former(&mut self, now: Now, identity: &Identity, part: Part) {
        let replica = self.kept.replicas.get(part.0);
        let folds = replica.is_some_and(|replica| replica.folds_former());
        if !folds || !self.kept.is_restored() || !self.kept.writing.has_to_look(part) {
            return;
        }
        for _ in 0..FORMER_FOLDS_MAX {
            let fold = |replica: &dyn Replica, me| replica.fold_former(part.1, me);
            if self.write_fold(now, identity, part, fold).is_none() {
                self.kept.writing.looked.insert(part);
                return;
            }
        }
    }

    /// Writes a fold, if there is one. Returns its cost; `None` also if it was not accepted.
    fn write_fold(
        &mut self,
        now: Now,
        identity: &Identity,
        part: Part,
        fold: impl FnOnce(&dyn Replica, PeerId) -> Option<(Fold, Content)>,
    ) -> Option<usize> {
        let (fold, content) = fold(self.kept.replicas.get(part.0)?, self.kept.me.peer)?;
        // Later than all repeated batches, so that it supersedes them.
        let window = StampWindow { least: fold.least, most: self.kept.next_stamp(now) };
        let header = self.kept.header(part.0, window);
        let is_kept = self.write_batch(now, identity, &header, &fold.payload, content, Some(part));
        is_kept.then_some(fold.cost)
    }
}

/// Re-signs content that a record erased. With a limit, each batch is of one time, so this re-signs the visible part
/// within the limit. The author must write the rest later.
fn say_again(room: &mut Room, now: Now, identity: &Identity, number: ReplicaNumber, said: &Content) {
    let stamp = room.membership.overlay().stamped(room.kept.next_stamp(now));
    let how = match room.kept.rules.writing_left(number.slot(), stamp) {
        Ok(None) => Again::AsItWas,
        Ok(Some(WritingLeft { left, .. })) => Again::AsNew(left as usize),
        // The rules allow nothing of it any more.
        Err(_) => return,
    };
    let moderates = room.kept.records().moderates(identity.peer());
    let replica = room.kept.replicas.get(number);
    let folds = replica.map(|replica| replica.say_again(said, how)).unwrap_or_default();
    room.kept.merge_stamp(room.kept.me.peer, stamp);
    for Fold { payload, least, .. } in folds {
        let least = if least == WHENEVER { stamp } else { least };
        let header = room.kept.header(number, StampWindow { least, most: stamp });
        let checked = room.kept.replicas.get(number).and_then(|replica| {
            let content = replica.check(&header, &payload).ok()?;
            Some((content, Some((number, replica.outline(&payload)?.0))))
        });
        let Some((content, part)) = checked else { continue };
        if moderates || !content.is_for_moderators {
            room.write_batch(now, identity, &header, &payload, content, part);
        }
    }
}
