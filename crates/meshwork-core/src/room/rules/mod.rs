//! The rules of a room: its records, which batches they let compete, and what its own program has used of its limit.
//!
//! # How it works
//! [`Records`] says what a set of records means, [`Exchange`] keeps the sets of neighbours equal, [`Ledger`] knows the
//! batches that somebody may contradict. `Rules` asks all three whether a batch may compete, takes in what neighbours
//! and one's own person publish, and remembers what this program has written in a window of the limit.
//!
//! # Driving it
//! The room hands in what it hears and carries out what follows for its replica, its storage and its outbox.
//!
//! # Limits
//! Those of [`record`], [`records`] and [`proof`]; `waiting` says how many batches wait for their record.

pub mod exchange;
pub mod proof;
pub mod publish;
pub mod record;
pub mod records;
pub(super) mod waiting;

use alloc::collections::VecDeque;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use self::exchange::{Exchange, ExchangeOutput};
use self::proof::{Counted, Ledger, PROOF_MAX, Proof, ProofError};
use self::record::{Erase, Limit, RECORD_MAX, Record, RecordError, RecordHash, Terms};
use self::records::{Outcome, RECORD_HASHES_MAX, Records, Standing, Void};
use self::waiting::{Unruled, Waiting};
use crate::batches::batch::{Batch, Header, SignedBatch, UnverifiedBatch};
use crate::clock::Stamp;
use crate::id::{Endpoint, PeerId, RoomId};
use crate::replica::{Content, Replica, Retraction};
use crate::room::message::RoomMessage;
use crate::room::writing::{WriteError, WritingLeft};
use crate::seam::choice::Choice;
use crate::seam::config::Config;
use crate::seam::event::Refusal;
use crate::seam::io::BatchKey;
use crate::time::{Now, Time, WallTime};
use crate::wire::{self, Bounded, Bytes};

/// What the records of a room let happen.
#[derive(Debug)]
pub(super) struct Rules {
    me: Endpoint,
    room: RoomId,
    /// Stamps up to this far ahead of room time count.
    ahead_max: Duration,
    records: Records,
    exchange: Exchange,
    ledger: Ledger,
    /// What this program has used in a window of the limit of a record.
    counted: Option<(RecordHash, u64, u32)>,
    waiting: Waiting,
    /// Whether neighbours are to hear of changed records once these are stored.
    untold: bool,
}

/// Whether a batch may compete.
pub(super) enum Admission {
    /// It may.
    Admitted,
    /// Its record is not known.
    Unknown,
    /// It never will.
    Void(Void),
    /// It contradicts another one of its author, and neither of both counts from here on.
    Contradicts(Proof),
}

/// What became of a record that a neighbour sent.
#[derive(Default)]
pub(super) struct Heard {
    /// It changed something, and has this stamp.
    pub(super) changed: Option<Stamp>,
    /// It shows that the owner contradicted itself.
    pub(super) forked: bool,
}

/// A proof that is new.
pub(super) struct Proved {
    /// Who contradicted itself.
    pub(super) endpoint: Endpoint,
    /// How, in words.
    pub(super) detail: String,
    /// Whether batches of it are known, which may have to go.
    pub(super) has_written: bool,
}

/// Records as one string of bytes, in a form that stores keep.
type StoredRecords =
    (Bounded<Bytes<RECORD_MAX>, RECORD_HASHES_MAX>, Bounded<Bytes<PROOF_MAX>, RECORD_HASHES_MAX>);

impl Rules {
    /// Those of a room without records, as `me` keeps them.
    pub(super) fn new(me: Endpoint, room: RoomId, owner: PeerId, config: &Config) -> Rules {
        Rules {
            me,
            room,
            ahead_max: config.stamp_ahead_max,
            records: Records::new(room, owner),
            exchange: Exchange::default(),
            ledger: Ledger::default(),
            counted: None,
            waiting: Waiting::default(),
            untold: false,
        }
    }

    /// The records and what follows from them.
    pub(super) fn records(&self) -> &Records {
        &self.records
    }

    /// The rules that hold now.
    pub(super) fn terms(&self) -> &Terms {
        self.records.rules()
    }

    /// Which overlay the rules ask for.
    pub(super) fn overlay_choice(&self) -> Choice {
        Choice::of_record(self.terms().overlay.as_str())
    }

    /// Whether a batch with this header competes.
    pub(super) fn standing(&self, header: &Header) -> Standing {
        match self.records.standing(header) {
            Standing::Void(_) if planted!(LateBan) => Standing::Stands,
            standing => standing,
        }
    }

    /// Whether a batch that was delivered need not be looked at again.
    pub(super) fn knows(&self, batch: &Batch, live: bool) -> bool {
        // What is not held any more must be looked at when a neighbour shows it in a part: a ban may have taken out
        // what had beaten it.
        self.ledger.get(&batch.key()).map_or(live, |known| known.body() == batch.body())
    }

    /// Whether a verified batch may compete: it stands by the present records, and contradicts nothing.
    pub(super) fn admit(&self, batch: &SignedBatch, replica: &dyn Replica) -> Admission {
        match self.standing(&batch.header()) {
            Standing::Stands => {}
            Standing::Unknown => return Admission::Unknown,
            Standing::Void(void) => return Admission::Void(void),
        }
        let key = batch.key();
        let neighbours = self.ledger.neighbours(&key);
        let proofs = neighbours.filter_map(|other| Proof::of(other, batch, self.counts(replica)));
        let proof = proofs.min_by_key(Proof::head).filter(|_| !planted!(Equivocation));
        proof.map_or(Admission::Admitted, Admission::Contradicts)
    }

    /// Notes what became of an admitted batch.
    pub(super) fn note(&mut self, batch: SignedBatch, kept: bool, dropped: &[BatchKey]) {
        if kept {
            self.ledger.note_kept(batch);
        } else if self.ledger.get(&batch.key()).is_none() {
            self.ledger.note_beaten(batch);
        }
        dropped.iter().for_each(|dropped| self.ledger.beat(*dropped));
    }

    /// A batch waits for the record that it was written under.
    pub(super) fn await_record(&mut self, from: Endpoint, batch: SignedBatch, live: bool) {
        self.waiting.push(from, batch, live);
    }

    /// The batches that wait for their record, and their bytes.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> (&VecDeque<Unruled>, usize) {
        self.waiting.batches()
    }

    /// Takes in records as they were stored. Returns how many are not records of this room, and the stamps of the
    /// others.
    pub(super) fn restore(&mut self, stored: &[u8], replica: &dyn Replica) -> (usize, Vec<Stamp>) {
        let mut stamps = Vec::new();
        let Ok((records, proofs)) = wire::decode::<StoredRecords>(stored) else { return (1, stamps) };
        let mut refused = 0;
        for bytes in records.iter() {
            match Record::decode(bytes, &self.room)
                .map(|record| (record.stamp(), self.records.take(record, Stamp::LAST)))
            {
                Ok((stamp, Outcome::Changed { .. })) => stamps.push(stamp),
                _ => refused += 1,
            }
        }
        for bytes in proofs.iter() {
            match Proof::decode(bytes, &self.room, self.counts(replica)) {
                Ok(proof) => drop(self.records.take_proof(proof)),
                Err(_) => refused += 1,
            }
        }
        (refused, stamps)
    }

    /// The records as they are stored; `None` while there are none.
    pub(super) fn stored(&self) -> Option<Vec<u8>> {
        if self.records.is_empty() {
            return None;
        }
        let records = self.records.chain().iter().chain(self.records.edicts());
        let records = records.filter_map(|record| Bytes::new(record.bytes().to_vec()).ok()).collect();
        let proofs = self.records.proofs().filter_map(|(_, proof)| Bytes::new(proof.encode()).ok()).collect();
        let fits = "each kind of record has its limit";
        let stored: StoredRecords = (Bounded::new(records).expect(fits), Bounded::new(proofs).expect(fits));
        Some(wire::encode(&stored))
    }

    /// A neighbour sent a record.
    ///
    /// # Errors
    /// What is wrong with it; an honest neighbour would not hold it.
    pub(super) fn handle_record(&mut self, now: Now, bytes: &[u8]) -> Result<Heard, (Refusal, String)> {
        let record = match Record::decode(bytes, &self.room) {
            Ok(record) => record,
            // Written by a newer version: an honest neighbour may hold it.
            Err(RecordError::Format(_)) => return Ok(Heard::default()),
            Err(error) => return Err((Refusal::Record, error.to_string())),
        };
        let millis = now.wall.as_millis().saturating_add(self.ahead_max.as_millis() as u64);
        let latest = Stamp(Stamp::at(WallTime::from_millis(millis)).0 | 0xffff);
        let stamp = record.stamp();
        match self.records.take(record, latest) {
            Outcome::Changed { forked } => Ok(Heard { changed: Some(stamp), forked }),
            Outcome::Idle { forked } => Ok(Heard { changed: None, forked }),
            Outcome::Known => Ok(Heard::default()),
            Outcome::Refused(refusal, detail) => Err((refusal, detail)),
        }
    }

    /// Reads a proof that a neighbour sent; `None` when the neighbour may be right, but not by the records known here.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn read_proof(&self, bytes: &[u8], replica: &dyn Replica) -> Result<Option<Proof>, String> {
        match Proof::decode(bytes, &self.room, self.counts(replica)) {
            Ok(proof) => Ok(Some(proof)),
            Err(ProofError::Consistent) if !self.knows_records_of(bytes) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Takes in a proof that was checked, if it is new.
    pub(super) fn take_proof(&mut self, proof: Proof, replica: &dyn Replica) -> Option<Proved> {
        let endpoint = proof.endpoint();
        let has_written = self.ledger.of(endpoint).next().is_some();
        // Who may not write has nothing to take out, and must not fill the table of proofs.
        if !self.records.may_write(endpoint.peer) && !has_written {
            return None;
        }
        let detail = proof.words(self.counts(replica));
        self.records.take_proof(proof).then_some(Proved { endpoint, detail, has_written })
    }

    /// What the records take back.
    pub(super) fn retractions(&self) -> Vec<Retraction> {
        let retraction = |(until, erase): (Stamp, Erase)| Retraction {
            until,
            author: erase.author,
            scope: erase.region.map(|region| [region.x, region.y, region.width, region.height]),
        };
        self.records.erases().map(retraction).collect()
    }

    /// Batches that win no entry: they compete again where others do not any more.
    pub(super) fn beaten(&self) -> impl Iterator<Item = &SignedBatch> {
        self.ledger.beaten()
    }

    /// The records changed, and these batches win an entry again. Returns those that waited for a record.
    pub(super) fn handle_enforced(&mut self, restored: &[SignedBatch]) -> VecDeque<Unruled> {
        let records = &self.records;
        self.ledger.retain(|batch| records.lets_stand(&batch.header()));
        restored.iter().for_each(|batch| self.ledger.note_kept(batch.clone()));
        self.waiting.take()
    }

    /// What was written here under earlier rules, is not named by later ones, and shows now.
    pub(super) fn outdated(&self, replica: &dyn Replica) -> Content {
        let is_outdated = |batch: &&SignedBatch| {
            matches!(
                self.records.standing(&batch.header()),
                Standing::Void(Void::Outdated) | Standing::Unknown
            )
        };
        replica.shown_of(&mut self.ledger.of(self.me).filter(is_outdated))
    }

    /// What this peer may write at `stamp`; `None` where the rules have no limit.
    ///
    /// # Errors
    /// [`WriteError::Banned`] and [`WriteError::NotWriter`] when that is nothing.
    pub(super) fn writing_left(
        &self,
        stamp: Stamp,
        replica: &dyn Replica,
    ) -> Result<Option<WritingLeft>, WriteError> {
        if self.records.is_banned(self.me.peer) || self.records.is_contradicted(self.me) {
            return Err(WriteError::Banned);
        }
        if !self.records.may_write(self.me.peer) {
            return Err(WriteError::NotWriter);
        }
        let Some(limit) = self.records.rules().limit else { return Ok(None) };
        let left = limit.cost.saturating_sub(self.used(stamp, replica));
        let window_ms = u64::from(limit.window_ms);
        let wait_ms = window_ms - stamp.millis() % window_ms;
        Ok(Some(WritingLeft { left, limit, wait_ms }))
    }

    /// Whether this peer may write what costs so much at `stamp`, in words where not.
    pub(super) fn check_cost(
        &self,
        stamp: Stamp,
        cost: usize,
        replica: &dyn Replica,
    ) -> Result<(), WriteError> {
        match self.writing_left(stamp, replica)? {
            Some(WritingLeft { left, limit: Limit { cost: most, window_ms }, wait_ms })
                if cost > left as usize =>
            {
                Err(WriteError::TooFast { left, cost: most, window_ms, wait_ms })
            }
            _ => Ok(()),
        }
    }

    /// Counts what is about to be written. Returns what that before it in the window cost, where the rules have a
    /// limit.
    pub(super) fn count_cost(&mut self, stamp: Stamp, cost: usize) -> Option<u32> {
        let limit = self.records.rules().limit?;
        let (record, window) = (self.records.last(), limit.window(stamp));
        let before = match self.counted {
            Some((of, at, used)) if of == record && at == window => used,
            _ => 0,
        };
        self.counted = Some((record, window, before + cost as u32));
        Some(before)
    }

    /// What this peer has used of the limit in the window of a stamp: this program, and its others as far as they are
    /// known, so that a reload gives nothing new.
    fn used(&self, stamp: Stamp, replica: &dyn Replica) -> u32 {
        let (Some(record), Some(limit)) = (self.records.current(), self.records.rules().limit) else {
            return 0;
        };
        let window = limit.window(stamp);
        let own = match self.counted {
            Some((of, at, used)) if of == record && at == window => used,
            _ => 0,
        };
        let others = self.ledger.of_peer(self.me.peer).filter(|batch| {
            let header = batch.header();
            header.author != self.me
                && header.record == Some(record)
                && limit.window(header.window.most) == window
        });
        let costs = others.filter_map(|batch| Some(replica.outline(batch.payload())?.1 as u32));
        own.saturating_add(costs.sum())
    }

    /// What batches count under the limits of records.
    fn counts(&self, replica: &dyn Replica) -> impl Fn(&Batch) -> Option<Counted> {
        |batch| {
            let limit = self.records.limit_of(batch.header().record)?;
            let (_, cost) = replica.outline(batch.payload())?;
            Some(Counted { limit, cost })
        }
    }

    /// Whether the records are known that the two batches of a proof name.
    fn knows_records_of(&self, proof: &[u8]) -> bool {
        let Ok((one, other)) = wire::decode::<(Bytes<PROOF_MAX>, Bytes<PROOF_MAX>)>(proof) else {
            return true;
        };
        let known = |bytes: &[u8]| {
            let header = UnverifiedBatch::decode(bytes).map(|batch| batch.header());
            header.is_ok_and(|header| self.records.standing(&header) != Standing::Unknown)
        };
        known(&one) && known(&other)
    }
}

/// What neighbours hear of the records.
impl Rules {
    /// Whether the member holds the same records as we do.
    pub(super) fn is_in_step(&self, endpoint: Endpoint) -> bool {
        self.exchange.is_in_step(endpoint)
    }

    pub(super) fn handle_attached(&mut self, now: Time, endpoint: Endpoint) {
        self.exchange.handle_attached(now, endpoint, &self.records);
    }

    pub(super) fn handle_detached(&mut self, endpoint: Endpoint) {
        self.exchange.handle_detached(endpoint);
    }

    pub(super) fn handle_hashes(&mut self, from: Endpoint, hashes: &[RecordHash]) {
        self.exchange.handle_hashes(from, hashes, &self.records);
    }

    pub(super) fn handle_digest(&mut self, now: Time, from: Endpoint, digest: [u8; 32]) {
        self.exchange.handle_digest(now, from, digest, &self.records);
    }

    pub(super) fn handle_missed(&mut self, now: Time, endpoint: Endpoint) {
        self.exchange.handle_missed(now, endpoint);
    }

    /// The records changed. Neighbours hear of it at once, or where they are stored, once they are durable.
    pub(super) fn tell_changed(&mut self, now: Time, are_stored: bool) {
        self.untold = are_stored;
        if !are_stored {
            self.exchange.handle_change(now, &self.records);
        }
    }

    /// The records that changed last are durable.
    pub(super) fn handle_stored(&mut self, now: Time) {
        if core::mem::take(&mut self.untold) {
            self.exchange.handle_change(now, &self.records);
        }
    }

    /// Sends something that was just made to all neighbours.
    pub(super) fn spread(&mut self, message: &RoomMessage) {
        self.exchange.spread(message);
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        self.exchange.handle_timeout(now, &self.records);
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.exchange.poll_timeout()
    }

    pub(super) fn poll_output(&mut self) -> Option<ExchangeOutput> {
        self.exchange.poll_output()
    }
}
