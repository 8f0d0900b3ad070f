//! What records do to a room: who may write how much, what is taken out of the replica, who contradicted itself.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::equivocation::{Counted, Proof};
use super::records::law::{Standing, Taken, Void};
use super::records::sync::RecordOutput;
use super::records::{Erase, Limit, RECORD_MAX, Record, RecordError, RecordHash, Rules};
use super::{Room, RoomOutput, delivery::Rejection};
use crate::batches::batch::{Batch, SignedBatch, UnverifiedBatch};
use crate::clock::Stamp;
use crate::id::{Endpoint, Instance};
use crate::node::{CommandError, WritingLeft};
use crate::replica::{Content, Retraction};
use crate::room::equivocation::PROOF_MAX;
use crate::room::message::RoomMessage;
use crate::room::outbox::OUTBOX_MAX;
use crate::room::records::law::RECORD_HASHES_MAX;
use crate::seam::config::Config;
#[cfg(feature = "planted-bugs")]
use crate::seam::config::PlantedBug;
use crate::seam::event::{Event, Refusal};
use crate::seam::io::BatchKey;
use crate::time::{Now, Time, WallTime};
use crate::wire::{self, Bounded, Bytes};

/// Batches that wait for the record they were written under: all that somebody sends to whoever attaches, before the
/// records are compared. One that was beaten meanwhile is found by nothing else.
pub(super) const UNRULED_MAX: usize = OUTBOX_MAX;
/// Bytes of such batches, so that large ones do not multiply [`UNRULED_MAX`].
pub(super) const UNRULED_BYTES_MAX: usize = 1024 * 1024;

/// What a room remembers about being governed, beside its law.
#[derive(Debug)]
pub(super) struct Governing {
    /// Stamps up to this far ahead of room time count.
    ahead_max: core::time::Duration,
    /// What this program has used in a window of the limit of a record.
    counted: Option<(RecordHash, u64, u32)>,
    /// Batches under records that are not known yet, from whom, and whether they came live.
    unruled: VecDeque<(Endpoint, SignedBatch, bool)>,
    unruled_bytes: usize,
    /// Whether neighbours are to hear of changed records once these are stored.
    untold: bool,
    #[cfg(feature = "planted-bugs")]
    planted: Option<PlantedBug>,
}

impl Governing {
    pub(super) fn new(config: &Config) -> Governing {
        Governing {
            ahead_max: config.stamp_ahead_max,
            counted: None,
            unruled: VecDeque::new(),
            unruled_bytes: 0,
            untold: false,
            #[cfg(feature = "planted-bugs")]
            planted: config.planted,
        }
    }
}

/// Records as one string of bytes, in a form that stores keep.
type StoredRecords =
    (Bounded<Bytes<RECORD_MAX>, RECORD_HASHES_MAX>, Bounded<Bytes<PROOF_MAX>, RECORD_HASHES_MAX>);

impl Room {
    /// The rules that hold now.
    pub fn rules(&self) -> &Rules {
        self.law.rules()
    }

    /// The records of the room and what follows from them.
    pub fn law(&self) -> &super::records::law::Law {
        &self.law
    }

    /// Whether the member holds the same records as we do.
    pub fn has_our_records(&self, endpoint: Endpoint) -> bool {
        self.records.is_in_step(endpoint)
    }

    /// Takes in records as they were stored. Returns how many are not records of this room.
    pub fn restore_records(&mut self, stored: &[u8]) -> usize {
        if stored.is_empty() {
            return 0;
        }
        let Ok((records, proofs)) = wire::decode::<StoredRecords>(stored) else { return 1 };
        let mut refused = 0;
        for bytes in records.iter() {
            match Record::decode(bytes, &self.id)
                .map(|record| (record.stamp(), self.law.take(record, Stamp::LAST)))
            {
                Ok((stamp, Taken::Changed { .. })) => self.clock.merge(stamp),
                _ => refused += 1,
            }
        }
        for bytes in proofs.iter() {
            match Proof::decode(bytes, &self.id, self.counts()) {
                Ok(proof) => drop(self.law.take_proof(proof)),
                Err(_) => refused += 1,
            }
        }
        self.replica.enforce(&|_| true, &self.retractions(), &mut core::iter::empty());
        self.sync.handle_rules(Time(0), self.law.digest());
        refused
    }

    /// A neighbour sent a record.
    pub(super) fn handle_record(&mut self, now: Now, from: Endpoint, bytes: &[u8]) {
        let record = match Record::decode(bytes, &self.id) {
            Ok(record) => record,
            // Written by a newer version: an honest neighbour may hold it.
            Err(RecordError::Format(_)) => return,
            Err(error) => {
                let offence = RoomOutput::Offence(from, Refusal::Record, error.to_string());
                return self.outputs.push_back(offence);
            }
        };
        let millis = now.wall.as_millis().saturating_add(self.governing.ahead_max.as_millis() as u64);
        let latest = Stamp(Stamp::at(WallTime::from_millis(millis)).0 | 0xffff);
        let stamp = record.stamp();
        let forked = match self.law.take(record, latest) {
            Taken::Changed { forked } => {
                self.clock.merge(stamp);
                self.enforce(now);
                forked
            }
            Taken::Idle { forked } => forked,
            Taken::Known => false,
            Taken::Refused(refusal, detail) => {
                return self.outputs.push_back(RoomOutput::Offence(from, refusal, detail));
            }
        };
        if forked {
            let endpoint = Endpoint { peer: self.law.owner(), instance: Instance(0) };
            let detail = String::from("the owner signed two different records with one number");
            self.event(Event::Equivocation { room: self.handle, endpoint, detail });
        }
    }

    /// A neighbour sent a proof that somebody contradicted itself.
    pub(super) fn handle_proof(&mut self, now: Now, from: Endpoint, bytes: &[u8]) {
        match Proof::decode(bytes, &self.id, self.counts()) {
            Ok(proof) => drop(self.take_proof(now, proof)),
            // Under a record that is not known here the neighbour may be right.
            Err(super::equivocation::ProofError::Consistent) if !self.knows_records_of(bytes) => {}
            Err(error) => {
                let offence = RoomOutput::Offence(from, Refusal::Equivocation, error.to_string());
                self.outputs.push_back(offence);
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
        match self.law.standing(&batch.header()) {
            Standing::Void(void) if !self.is_planted_late_ban() => {
                Err(Rejection::Void(batch.header().author, void))
            }
            _ => Ok(()),
        }
    }

    /// Whether a batch need not be looked at again. What was delivered but is not held any more must be when a
    /// neighbour shows it in a part: a ban may have taken out what had beaten it.
    pub(super) fn is_known(&self, batch: &Batch, live: bool) -> bool {
        let key = batch.key();
        if !self.delivery.is_delivered(&key) {
            return self.delivery.is_held(batch);
        }
        self.ledger.get(&key).map_or(live, |known| known.body() == batch.body())
    }

    /// Whether a verified batch may compete: it stands by the present records, and contradicts nothing.
    pub(super) fn admits_batch(&mut self, now: Now, batch: &SignedBatch) -> bool {
        match self.law.standing(&batch.header()) {
            Standing::Stands => {}
            Standing::Unknown => return false,
            Standing::Void(void) if !self.is_planted_late_ban() => {
                self.tell_void(batch.header().author, void);
                return false;
            }
            Standing::Void(_) => {}
        }
        let key = batch.key();
        let neighbours = self.ledger.neighbours(&key);
        let proofs = neighbours.filter_map(|other| Proof::of(other, batch, self.counts()));
        let proof = proofs.min_by_key(Proof::head);
        let Some(proof) = proof.filter(|_| !self.is_planted_equivocation()) else { return true };
        let message = Bytes::new(proof.encode()).map(RoomMessage::Equivocation);
        if self.take_proof(now, proof)
            && let Ok(message) = message
        {
            self.records.spread(&message);
        }
        false
    }

    /// Notes what became of an accepted batch.
    pub(super) fn note_in_ledger(&mut self, batch: SignedBatch, kept: bool, dropped: &[BatchKey]) {
        if kept {
            self.ledger.note_kept(batch);
        } else if self.ledger.get(&batch.key()).is_none() {
            self.ledger.note_beaten(batch);
        }
        dropped.iter().for_each(|dropped| self.ledger.beat(*dropped));
    }

    /// A batch waits for the record that it was written under.
    pub(super) fn await_record(&mut self, from: Endpoint, batch: SignedBatch, live: bool) {
        self.governing.unruled_bytes += batch.bytes().len();
        self.governing.unruled.push_back((from, batch, live));
        while self.governing.unruled.len() > UNRULED_MAX || self.governing.unruled_bytes > UNRULED_BYTES_MAX {
            let Some((_, oldest, _)) = self.governing.unruled.pop_front() else { break };
            self.governing.unruled_bytes -= oldest.bytes().len();
        }
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

    /// What this peer may write at once now; `None` where the rules have no limit.
    ///
    /// # Errors
    /// [`CommandError::Banned`] and [`CommandError::NotWriter`] when that is nothing.
    pub fn writing_left(&self, now: Now) -> Result<Option<WritingLeft>, CommandError> {
        self.writing_left_at(self.clock.next(now.wall))
    }

    /// Whether this peer may write what costs so much at `stamp`, in words where not.
    pub(super) fn check_cost(&self, stamp: Stamp, cost: usize) -> Result<(), CommandError> {
        match self.writing_left_at(stamp)? {
            Some(WritingLeft { left, limit: Limit { cost: most, window_ms }, wait_ms })
                if cost > left as usize =>
            {
                Err(CommandError::TooFast { left, cost: most, window_ms, wait_ms })
            }
            _ => Ok(()),
        }
    }

    fn writing_left_at(&self, stamp: Stamp) -> Result<Option<WritingLeft>, CommandError> {
        if self.law.is_banned(self.me.peer) || self.law.is_contradicted(self.me) {
            return Err(CommandError::Banned);
        }
        if !self.law.may_write(self.me.peer) {
            return Err(CommandError::NotWriter);
        }
        let Some(limit) = self.law.rules().limit else { return Ok(None) };
        let left = limit.cost.saturating_sub(self.used(stamp));
        let window_ms = u64::from(limit.window_ms);
        let wait_ms = window_ms - stamp.millis() % window_ms;
        Ok(Some(WritingLeft { left, limit, wait_ms }))
    }

    /// Counts what is about to be written. Returns what that before it in the window cost, where the rules have a
    /// limit.
    pub(super) fn count_cost(&mut self, stamp: Stamp, cost: usize) -> Option<u32> {
        let limit = self.law.rules().limit?;
        let (record, window) = (self.law.last(), limit.window(stamp));
        let before = match self.governing.counted {
            Some((of, at, used)) if of == record && at == window => used,
            _ => 0,
        };
        self.governing.counted = Some((record, window, before + cost as u32));
        Some(before)
    }

    /// Stores the records as they are, if the room is stored.
    pub(super) fn store_records(&mut self) {
        if self.law.is_empty() {
            return;
        }
        let records = self.law.chain().iter().chain(self.law.edicts());
        let records = records.filter_map(|record| Bytes::new(record.bytes().to_vec()).ok()).collect();
        let proofs = self.law.proofs().filter_map(|(_, proof)| Bytes::new(proof.encode()).ok()).collect();
        let fits = "each kind of record has its limit";
        let stored: StoredRecords = (Bounded::new(records).expect(fits), Bounded::new(proofs).expect(fits));
        self.storage.replace_records(wire::encode(&stored));
    }

    /// A change was stored, or could not be: neighbours hear of records once these are durable.
    pub(super) fn handle_records_stored(&mut self, now: Now, stored: bool) {
        if stored && self.governing.untold && !self.storage.is_storing_records() {
            self.governing.untold = false;
            self.records.handle_change(now.time, &self.law);
        }
    }

    /// Takes over what the comparison of records wants said.
    pub(super) fn take_record_outputs(&mut self) {
        while let Some(output) = self.records.poll_output() {
            match output {
                RecordOutput::Send(to, message) => self.outputs.push_back(RoomOutput::Send(to, message)),
                RecordOutput::InStep(endpoint) => {
                    self.event(Event::RecordsInStep { room: self.handle, endpoint });
                    self.tell_in_step(endpoint);
                }
            }
        }
    }

    /// Takes in a proof that was checked. Returns whether it is new.
    fn take_proof(&mut self, now: Now, proof: Proof) -> bool {
        let endpoint = proof.endpoint();
        let law = &self.law;
        // Who may not write has nothing to take out, and must not fill the table of proofs.
        if !law.may_write(endpoint.peer) && self.ledger.of(endpoint).next().is_none() {
            return false;
        }
        let detail = proof.words(self.counts());
        if !self.law.take_proof(proof) {
            return false;
        }
        self.event(Event::Equivocation { room: self.handle, endpoint, detail });
        // Proofs against endpoints that nobody has heard of cost strangers little, so they must cost us little.
        if self.ledger.of(endpoint).next().is_some() {
            self.enforce(now);
        } else {
            self.keep_records(now);
        }
        true
    }

    /// Whether the records are known that the two batches of a proof name.
    fn knows_records_of(&self, proof: &[u8]) -> bool {
        let Ok((one, other)) = wire::decode::<(Bytes<PROOF_MAX>, Bytes<PROOF_MAX>)>(proof) else {
            return true;
        };
        let known = |bytes: &[u8]| {
            let header = UnverifiedBatch::decode(bytes).map(|batch| batch.header());
            header.is_ok_and(|header| self.law.standing(&header) != Standing::Unknown)
        };
        known(&one) && known(&other)
    }

    fn retractions(&self) -> Vec<Retraction> {
        let retraction = |(until, erase): (Stamp, Erase)| Retraction {
            until,
            author: erase.author,
            scope: erase.region.map(|region| [region.x, region.y, region.width, region.height]),
        };
        self.law.erases().map(retraction).collect()
    }

    /// What batches count under the limits of records.
    fn counts(&self) -> impl Fn(&Batch) -> Option<Counted> {
        |batch| {
            let limit = self.law.limit_of(batch.header().record)?;
            let (_, cost) = self.replica.outline(batch.payload())?;
            Some(Counted { limit, cost })
        }
    }

    /// The records changed: takes out what does not stand any more, and lets what it had beaten win again.
    pub(super) fn enforce(&mut self, now: Now) {
        let outdated = self.shown_of_outdated();
        let law = &self.law;
        let stands = |batch: &SignedBatch| law.lets_stand(&batch.header());
        let retractions = self.retractions();
        let enforced = self.replica.enforce(&stands, &retractions, &mut self.ledger.beaten());
        self.ledger.retain(stands);
        for removed in &enforced.removed {
            self.storage.remove(removed.key());
        }
        for restored in enforced.restored {
            self.storage.insert_again(restored.clone());
            self.ledger.note_kept(restored);
        }
        self.outbox.retain(|header| law.lets_stand(header));
        if let Some(changes) = enforced.changed {
            self.tell_changed(None, changes);
        }
        self.event(Event::RulesChanged { room: self.handle });
        self.keep_records(now);
        self.sync.handle_change(now.time);
        if outdated.cost > 0 {
            self.unsaid.push_back(outdated);
            self.outputs.push_back(RoomOutput::SayAgain);
        }
        self.governing.unruled_bytes = 0;
        for (from, batch, live) in core::mem::take(&mut self.governing.unruled) {
            self.queue.push_again(from, batch, live);
        }
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
        self.sync.handle_rules(now.time, self.law.digest());
        self.store_records();
        if self.storage.stores() {
            self.governing.untold = true;
        } else {
            self.records.handle_change(now.time, &self.law);
        }
    }

    /// What was written here under earlier rules, is not named by later ones, and shows now.
    fn shown_of_outdated(&self) -> Content {
        let outdated = |batch: &&SignedBatch| {
            matches!(self.law.standing(&batch.header()), Standing::Void(Void::Outdated) | Standing::Unknown)
        };
        self.replica.shown_of(&mut self.ledger.of(self.me).filter(outdated))
    }

    /// What this peer has used of the limit in the window of a stamp: this program, and its others as far as they are
    /// known, so that a reload gives nothing new.
    fn used(&self, stamp: Stamp) -> u32 {
        let (Some(record), Some(limit)) = (self.law.current(), self.law.rules().limit) else { return 0 };
        let window = limit.window(stamp);
        let own = match self.governing.counted {
            Some((of, at, used)) if of == record && at == window => used,
            _ => 0,
        };
        let others = self.ledger.of_peer(self.me.peer).filter(|batch| {
            let header = batch.header();
            header.author != self.me
                && header.record == Some(record)
                && limit.window(header.window.most) == window
        });
        let costs = others.filter_map(|batch| Some(self.replica.outline(batch.payload())?.1 as u32));
        own.saturating_add(costs.sum())
    }

    #[cfg(feature = "planted-bugs")]
    fn is_planted_late_ban(&self) -> bool {
        self.governing.planted == Some(PlantedBug::LateBan)
    }

    #[cfg(not(feature = "planted-bugs"))]
    fn is_planted_late_ban(&self) -> bool {
        false
    }

    #[cfg(feature = "planted-bugs")]
    fn is_planted_equivocation(&self) -> bool {
        self.governing.planted == Some(PlantedBug::Equivocation)
    }

    #[cfg(not(feature = "planted-bugs"))]
    fn is_planted_equivocation(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
