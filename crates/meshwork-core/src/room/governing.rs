//! What the room does when its rules change, and how one's own person changes them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::delivery::Rejection;
use super::rules::exchange::ExchangeOutput;
use super::rules::proof::Proof;
use super::rules::record::{Erase, Record, RecordHash, Statement, Terms};
use super::rules::records::{Records, Standing, Void};
use super::rules::{Admission, Heard, Proved};
use super::{Room, RoomOutput};
use crate::batches::batch::{Batch, SignedBatch, UnverifiedBatch};
use crate::id::{Endpoint, Identity, Instance, PeerId};
use crate::room::message::RoomMessage;
use crate::room::writing::{WriteError, WritingLeft};
use crate::seam::event::{Event, Refusal};
use crate::time::{Now, Time};
use crate::wire::Bytes;

impl Room {
    /// The rules that hold now.
    pub fn rules(&self) -> &Terms {
        self.rules.terms()
    }

    /// The records of the room and what follows from them.
    pub fn records(&self) -> &Records {
        self.rules.records()
    }

    /// Whether the member holds the same records as we do.
    pub fn has_our_records(&self, endpoint: Endpoint) -> bool {
        self.rules.is_in_step(endpoint)
    }

    /// Sets the room's rules in the name of `identity`, who is this endpoint's peer.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] when that is not the owner, [`WriteError::Record`] when a rule cannot be.
    pub fn set_rules(
        &mut self,
        now: Now,
        identity: &Identity,
        rules: Terms,
    ) -> Result<RecordHash, WriteError> {
        let statement = self.rules.state_terms(identity.peer(), rules, &[], &*self.replica)?;
        self.publish(now, identity, statement)
    }

    /// Bans a peer: what it wrote so far stays, what it writes from now on does not count.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless this peer is the owner, or a moderator and `peer` is neither.
    pub fn ban(&mut self, now: Now, identity: &Identity, peer: PeerId) -> Result<RecordHash, WriteError> {
        let statement = self.rules.state_ban(identity.peer(), peer, &*self.replica)?;
        self.publish(now, identity, statement)
    }

    /// Takes back what was written up to now.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] unless this peer is the owner or a moderator.
    pub fn erase(&mut self, now: Now, identity: &Identity, erase: Erase) -> Result<RecordHash, WriteError> {
        self.publish(now, identity, Statement::Erase(erase))
    }

    /// Lifts bans and erases: what was erased shows again, a banned peer can write again.
    ///
    /// # Errors
    /// [`WriteError::NotAllowed`] when this peer is not the owner.
    pub fn lift(
        &mut self,
        now: Now,
        identity: &Identity,
        hashes: &[RecordHash],
    ) -> Result<RecordHash, WriteError> {
        let rules = self.rules.terms().clone();
        let statement = self.rules.state_terms(identity.peer(), rules, hashes, &*self.replica)?;
        self.publish(now, identity, statement)
    }

    /// The bans of a peer that hold.
    pub fn bans_of(&self, peer: PeerId) -> Vec<RecordHash> {
        let of_peer =
            |record: &&Record| matches!(record.statement(), Statement::Ban(ban) if ban.peer == peer);
        self.records().edicts().filter(of_peer).map(Record::hash).collect()
    }

    /// What this peer may write at once now; `None` where the rules have no limit.
    ///
    /// # Errors
    /// [`WriteError::Banned`] and [`WriteError::NotWriter`] when that is nothing.
    pub fn writing_left(&self, now: Now) -> Result<Option<WritingLeft>, WriteError> {
        self.rules.writing_left(self.clock.next(now.wall), &*self.replica)
    }

    /// Takes in records as they were stored. Returns how many are not records of this room.
    pub fn restore_records(&mut self, stored: &[u8]) -> usize {
        if stored.is_empty() {
            return 0;
        }
        let (refused, stamps) = self.rules.restore(stored, &*self.replica);
        stamps.into_iter().for_each(|stamp| self.clock.merge(stamp));
        self.replica.enforce(&|_| true, &self.rules.retractions(), &mut core::iter::empty());
        self.comparison.handle_rules(Time(0), self.records().digest());
        refused
    }

    fn publish(
        &mut self,
        now: Now,
        identity: &Identity,
        statement: Statement,
    ) -> Result<RecordHash, WriteError> {
        let stamp = self.clock.next(now.wall);
        let hash = self.rules.publish(identity, stamp, statement)?;
        self.clock.merge(stamp);
        self.enforce(now);
        self.finish(now);
        Ok(hash)
    }

    /// A neighbour sent a record.
    pub(super) fn handle_record(&mut self, now: Now, from: Endpoint, bytes: &[u8]) {
        let Heard { changed, forked } = match self.rules.handle_record(now, bytes) {
            Ok(heard) => heard,
            Err((refusal, detail)) => {
                return self.outputs.push_back(RoomOutput::Offence(from, refusal, detail));
            }
        };
        if let Some(stamp) = changed {
            self.clock.merge(stamp);
            self.enforce(now);
        }
        if forked {
            let endpoint = Endpoint { peer: self.records().owner(), instance: Instance(0) };
            let detail = String::from("the owner signed two different records with one number");
            self.event(Event::Equivocation { room: self.handle, endpoint, detail });
        }
    }

    /// A neighbour sent a proof that somebody contradicted itself.
    pub(super) fn handle_proof(&mut self, now: Now, from: Endpoint, bytes: &[u8]) {
        match self.rules.read_proof(bytes, &*self.replica) {
            Ok(Some(proof)) => drop(self.take_proof(now, proof)),
            Ok(None) => {}
            Err(detail) => {
                self.outputs.push_back(RoomOutput::Offence(from, Refusal::Equivocation, detail));
            }
        }
    }

    /// Reads a batch and does the checks that cost little: it may be queued for the others.
    pub(super) fn screen(&self, bytes: &[u8], live: bool) -> Result<UnverifiedBatch, Rejection> {
        let batch = self.delivery.decode(bytes)?;
        self.look(&batch, live).map(|()| batch)
    }

    /// Does the checks that cost little.
    pub(super) fn look(&self, batch: &UnverifiedBatch, live: bool) -> Result<(), Rejection> {
        self.delivery.screen(batch)?;
        if self.is_known(batch, live) {
            return Err(Rejection::Known(batch.key()));
        }
        match self.rules.standing(&batch.header()) {
            Standing::Void(void) => Err(Rejection::Void(batch.header().author, void)),
            _ => Ok(()),
        }
    }

    /// Whether a batch need not be looked at again.
    pub(super) fn is_known(&self, batch: &Batch, live: bool) -> bool {
        if !self.delivery.is_delivered(&batch.key()) {
            return self.delivery.is_held(batch);
        }
        self.rules.knows(batch, live)
    }

    /// Whether a verified batch may compete. Who contradicts itself is told.
    pub(super) fn admits_batch(&mut self, now: Now, batch: &SignedBatch) -> bool {
        let proof = match self.rules.admit(batch, &*self.replica) {
            Admission::Admitted => return true,
            Admission::Unknown => return false,
            Admission::Void(void) => {
                self.tell_void(batch.header().author, void);
                return false;
            }
            Admission::Contradicts(proof) => proof,
        };
        let message = Bytes::new(proof.encode()).map(RoomMessage::Equivocation);
        if self.take_proof(now, proof)
            && let Ok(message) = message
        {
            self.rules.spread(&message);
        }
        false
    }

    /// Tells that somebody writes who does not count any more.
    pub(super) fn tell_void(&mut self, author: Endpoint, void: Void) {
        let detail = match void {
            // Honest programs write under earlier rules until they hear of later ones.
            Void::Outdated => return,
            Void::Banned => format!("{author} is banned, and wrote after that"),
            Void::Contradicted => format!("{author} contradicted itself, and wrote after that"),
        };
        self.outputs.push_back(RoomOutput::Refused(author, Refusal::BatchBanned, detail));
    }

    /// Stores the records as they are, if the room is stored.
    pub(super) fn store_records(&mut self) {
        if let Some(stored) = self.rules.stored() {
            self.storage.replace_records(stored);
        }
    }

    /// A change was stored, or could not be: neighbours hear of records once these are durable.
    pub(super) fn handle_records_stored(&mut self, now: Now, stored: bool) {
        if stored && !self.storage.is_storing_records() {
            self.rules.handle_stored(now.time);
        }
    }

    /// Takes over what the comparison of records wants said.
    pub(super) fn take_record_outputs(&mut self) {
        while let Some(output) = self.rules.poll_output() {
            match output {
                ExchangeOutput::Send(to, message) => self.outputs.push_back(RoomOutput::Send(to, message)),
                ExchangeOutput::InStep(endpoint) => {
                    self.event(Event::RecordsInStep { room: self.handle, endpoint });
                    self.tell_in_step(endpoint);
                }
            }
        }
    }

    /// Takes in a proof that was checked. Returns whether it is new.
    fn take_proof(&mut self, now: Now, proof: Proof) -> bool {
        let taken = self.rules.take_proof(proof, &*self.replica);
        let Some(Proved { endpoint, detail, has_written }) = taken else { return false };
        self.event(Event::Equivocation { room: self.handle, endpoint, detail });
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
        let outdated = self.rules.outdated(&*self.replica);
        let records = self.rules.records();
        let stands = |batch: &SignedBatch| records.lets_stand(&batch.header());
        let retractions = self.rules.retractions();
        let enforced = self.replica.enforce(&stands, &retractions, &mut self.rules.beaten());
        self.writing.outbox_mut().retain(|header| records.lets_stand(header));
        for removed in &enforced.removed {
            self.storage.remove(removed.key());
        }
        let waited = self.rules.handle_enforced(&enforced.restored);
        enforced.restored.into_iter().for_each(|restored| self.storage.insert_again(restored));
        if let Some(changes) = enforced.changed {
            self.tell_changed(None, changes);
        }
        self.event(Event::RulesChanged { room: self.handle });
        self.keep_records(now);
        self.comparison.handle_change(now.time);
        if outdated.cost > 0 {
            self.writing.outdate(outdated);
            self.outputs.push_back(RoomOutput::SayAgain);
        }
        self.delivery.push_again(waited);
    }

    /// Tells that a member holds and shows what we do, once both are so.
    pub(super) fn tell_in_step(&mut self, endpoint: Endpoint) {
        if self.is_in_step(endpoint) {
            self.event(Event::InStep { room: self.handle, endpoint });
        }
    }

    /// Stores changed records, and tells neighbours once they are durable.
    fn keep_records(&mut self, now: Now) {
        self.choose_overlay(now);
        self.comparison.handle_rules(now.time, self.records().digest());
        self.store_records();
        self.rules.tell_changed(now.time, self.storage.stores());
    }
}

#[cfg(test)]
mod tests;
