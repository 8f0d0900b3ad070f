//! What the room does when its rules change, and how one's own person changes them.

use alloc::string::String;

use super::rules::proof::Proof;
use super::rules::publish::Act;
use super::rules::record::RecordHash;
use super::rules::{Admission, Heard, Proved};
use super::{Room, RoomOutput};
use crate::batches::batch::SignedBatch;
use crate::id::{Endpoint, Identity, Instance};
use crate::room::message::RoomMessage;
use crate::room::writing::WriteError;
use crate::seam::event::{Event, Refusal};
use crate::time::Now;
use crate::wire::Bytes;

impl Room {
    /// Publishes something in the name of `identity`, who is this endpoint's peer. Returns the record's name.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] when it is not for this peer to do, [`WriteError::Record`] when a rule cannot be,
    /// [`WriteError::NotBanned`].
    pub fn govern(&mut self, now: Now, identity: &Identity, act: Act<'_>) -> Result<RecordHash, WriteError> {
        let statement = self.kept.rules.state(identity.peer(), act, &*self.kept.replica)?;
        let stamp = self.kept.clock.next(now.wall);
        let hash = self.kept.rules.publish(identity, stamp, statement)?;
        self.kept.clock.merge(stamp);
        self.enforce(now);
        self.finish(now);
        Ok(hash)
    }

    /// A neighbour sent a record.
    pub(super) fn handle_record(&mut self, now: Now, from: Endpoint, bytes: &[u8]) {
        let Heard { changed, forked } = match self.kept.rules.handle_record(now, bytes) {
            Ok(heard) => heard,
            Err((refusal, detail)) => {
                return self.kept.outputs.push_back(RoomOutput::Offence(from, refusal, detail));
            }
        };
        if let Some(stamp) = changed {
            self.kept.clock.merge(stamp);
            self.enforce(now);
        }
        if forked {
            let endpoint = Endpoint { peer: self.kept.records().owner(), instance: Instance(0) };
            let detail = String::from("the owner signed two different records with one number");
            self.kept.event(Event::Equivocation { room: self.kept.handle, endpoint, detail });
        }
    }

    /// A neighbour sent a proof that somebody contradicted itself.
    pub(super) fn handle_proof(&mut self, now: Now, from: Endpoint, bytes: &[u8]) {
        match self.kept.rules.read_proof(bytes, &*self.kept.replica) {
            Ok(Some(proof)) => drop(self.take_proof(now, proof)),
            Ok(None) => {}
            Err(detail) => {
                self.kept.outputs.push_back(RoomOutput::Offence(from, Refusal::Equivocation, detail));
            }
        }
    }

    /// Whether a verified batch may compete. Who contradicts itself is told.
    pub(super) fn admits_batch(&mut self, now: Now, batch: &SignedBatch) -> bool {
        let proof = match self.kept.rules.admit(batch, &*self.kept.replica) {
            Admission::Admitted => return true,
            Admission::Unknown => return false,
            Admission::Void(void) => {
                self.kept.tell_void(batch.header().author, void);
                return false;
            }
            Admission::Contradicts(proof) => proof,
        };
        let message = Bytes::new(proof.encode()).map(RoomMessage::Equivocation);
        if self.take_proof(now, proof)
            && let Ok(message) = message
        {
            self.kept.rules.spread(&message);
        }
        false
    }

    /// Takes in a proof that was checked. Returns whether it is new.
    fn take_proof(&mut self, now: Now, proof: Proof) -> bool {
        let taken = self.kept.rules.take_proof(proof, &*self.kept.replica);
        let Some(Proved { endpoint, detail, has_written }) = taken else { return false };
        self.kept.event(Event::Equivocation { room: self.kept.handle, endpoint, detail });
        // Proofs against endpoints that nobody has heard of cost strangers little, so they must cost us little.
        if has_written {
            self.enforce(now);
        } else {
            self.keep_records(now);
        }
        true
    }

    /// The records changed: takes out what does not stand any more, and lets what it had beaten win again.
    fn enforce(&mut self, now: Now) {
        let outdated = self.kept.rules.outdated(&*self.kept.replica);
        let records = self.kept.rules.records();
        let stands = |batch: &SignedBatch| records.lets_stand(&batch.header());
        let retractions = self.kept.rules.retractions();
        let enforced = self.kept.replica.enforce(&stands, &retractions, &mut self.kept.rules.beaten());
        self.kept.writing.outbox_mut().retain(|header| records.lets_stand(header));
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
            self.kept.outputs.push_back(RoomOutput::SayAgain);
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
