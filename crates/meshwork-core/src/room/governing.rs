//! What the room does when its rules change, and how one's own person changes them.

use alloc::format;

use super::rules::publish::Act;
use super::{Room, RoomOutput};
use crate::clock::Stamp;
use crate::id::{Endpoint, Identity};
use crate::room::message::{AskList, Contradiction, ListPiece};
use crate::room::writing::WriteError;
use crate::rulebook::Verdict;
use crate::seam::event::{Event, Refusal};
use crate::signed::batch::SignedBatch;
use crate::signed::list::ShortId;
use crate::time::Now;

impl Room {
    /// Publishes something in the name of `identity`, who is this endpoint's peer. Returns what names the record.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] when it is not for this peer to do, [`WriteError::Record`] when a rule cannot be,
    /// [`WriteError::NotBanned`].
    pub fn govern(&mut self, now: Now, identity: &Identity, act: Act<'_>) -> Result<ShortId, WriteError> {
        let stamp = self.kept.clock.next(now.wall);
        let stated = self.kept.rules.state(identity.peer(), stamp, act, &*self.kept.replica)?;
        let record = self.kept.rules.publish(identity, stated)?;
        self.kept.clock.merge(stamp);
        self.enforce(now);
        self.finish(now);
        Ok(record)
    }

    /// A neighbour sent a record.
    pub(super) fn handle_record(&mut self, now: Now, from: Endpoint, bytes: &[u8]) {
        let taken = self.kept.rules.handle_record(now, from, bytes);
        self.handle_taken(now, from, taken);
    }

    /// A neighbour sent a piece of a list that a record names.
    pub(super) fn handle_piece(&mut self, now: Now, from: Endpoint, piece: &ListPiece) {
        let taken = self.kept.rules.handle_piece(now, from, piece);
        self.handle_taken(now, from, taken);
    }

    /// A neighbour asks for a piece of a list.
    pub(super) fn handle_ask_list(&mut self, from: Endpoint, ask: &AskList) {
        self.kept.rules.handle_ask_list(from, ask);
    }

    /// A neighbour sent an admission.
    pub(super) fn handle_admission(&mut self, from: Endpoint, bytes: &[u8]) {
        match self.kept.rules.handle_admission(bytes) {
            Ok(false) => {}
            Ok(true) => {
                self.kept.store_records();
                let waited = self.kept.rules.take_waiting();
                self.kept.delivery.push_again(waited);
            }
            Err((refusal, detail)) => {
                self.kept.outputs.push_back(RoomOutput::Offence(from, refusal, detail));
            }
        }
    }

    /// What became of a record: its stamp where it counts.
    fn handle_taken(
        &mut self,
        now: Now,
        from: Endpoint,
        taken: Result<Option<Stamp>, (Refusal, alloc::string::String)>,
    ) {
        match taken {
            Ok(None) => {}
            Ok(Some(stamp)) => {
                self.kept.clock.merge(stamp);
                self.enforce(now);
            }
            Err((refusal, detail)) => {
                self.kept.outputs.push_back(RoomOutput::Offence(from, refusal, detail));
            }
        }
    }

    /// Whether a verified batch may compete.
    pub(super) fn admits_batch(&mut self, batch: &SignedBatch) -> bool {
        let verdict = self.kept.rules.judge(batch);
        if verdict == Verdict::Cut {
            self.kept.tell_cut(batch.header().author);
        }
        verdict == Verdict::Stands
    }

    /// A batch is about to be applied: if another one has its place in its author's sequence, that is told.
    pub(super) fn find_out(&mut self, batch: &SignedBatch) {
        let found = self.kept.rules.find_out(batch);
        self.tell_contradiction(found);
    }

    /// A neighbour shows that somebody gave one sequence twice.
    pub(super) fn handle_contradiction(&mut self, from: Endpoint, shown: Contradiction) {
        match self.kept.rules.handle_contradiction(shown) {
            Ok(found) => self.tell_contradiction(found),
            Err((refusal, detail)) => {
                self.kept.outputs.push_back(RoomOutput::Offence(from, refusal, detail));
            }
        }
    }

    fn tell_contradiction(&mut self, found: Option<(Endpoint, u64)>) {
        if let Some((endpoint, sequence)) = found {
            let detail = format!("two different batches are number {sequence}");
            self.kept.event(Event::Equivocation { room: self.kept.handle, endpoint, detail });
        }
    }

    /// The records changed: takes out what does not stand any more, and lets what it had beaten win again.
    fn enforce(&mut self, now: Now) {
        let outdated = self.kept.rules.outdated(&*self.kept.replica);
        let rules = &self.kept.rules;
        let stands = |batch: &SignedBatch| rules.lets_stand(batch);
        let retractions = self.kept.rules.retractions();
        let enforced = self.kept.replica.enforce(&stands, &retractions, &mut rules.beaten());
        self.kept.writing.outbox_mut().retain(stands);
        for removed in &enforced.removed {
            self.kept.storage.remove(removed.key());
        }
        let waited = self.kept.rules.handle_enforced(&enforced.restored);
        enforced.restored.into_iter().for_each(|restored| self.kept.storage.insert_again(restored));
        if let Some(changes) = enforced.changed {
            self.kept.tell_changed(None, changes);
        }
        self.kept.event(Event::RulesChanged { room: self.kept.handle });
        self.keep_records(now);
        self.kept.comparison.handle_change(now.time);
        if outdated.cost > 0 {
            self.kept.writing.outdate(outdated);
            self.kept.outputs.push_back(RoomOutput::Sign);
        }
        self.kept.delivery.push_again(waited);
    }

    /// Stores changed records, and tells neighbours once they are durable.
    fn keep_records(&mut self, now: Now) {
        self.choose_overlay(now);
        self.kept.comparison.handle_rules(now.time, self.kept.records().digest());
        self.kept.store_records();
        self.kept.rules.tell_changed(now.time, self.kept.storage.stores());
    }
}

#[cfg(test)]
mod tests;
