//! The rules of a room: its records, the batches that they allow, and the use of the limit by this program.
//!
//! # How it works
//! [`Records`] interprets a set of records, [`Exchange`] synchronises the sets of neighbours, [`lists`] fetches the
//! lists of records, `admissions` knows the admitted peers, [`access`] decides about entry, and [`Ledger`] keeps the
//! batches that can still count. `Rules` asks them whether a batch may compete, accepts records of neighbours and of
//! our own person, and counts the writes of this program in a window of the limit.
//!
//! # Driving it
//! The room passes in messages, and applies the consequences to its replicas, storage and outbox.
//!
//! # Limits
//! Those of [`crate::rulebook`], of [`ledger`], [`lists`] and `admissions`; `waiting` limits the batches that wait for
//! their record.

pub mod access;
mod admissions;
mod contradictions;
pub mod exchange;
mod joining;
pub mod ledger;
pub mod lists;
pub mod publish;
pub mod records;
pub(crate) mod stored;
mod superseded;
pub mod terms;
pub(super) mod waiting;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use self::access::{Access, Entrance};
use self::admissions::Admissions;
use self::contradictions::Contradictions;
use self::exchange::{Exchange, ExchangeOutput};
use self::ledger::Ledger;
use self::lists::{Lists, Piece};
use self::records::{Outcome, Records};
use self::terms::Terms;
use self::waiting::{Unruled, Waiting};
use crate::clock::Stamp;
use crate::id::{Endpoint, PeerId, RoomId, Secret};
use crate::replica::{Content, Replica, ReplicaNumber};
use crate::room::message::RoomMessage;
use crate::room::replicas::Replicas;
use crate::room::writing::{WriteError, WritingLeft};
use crate::rulebook::{Claim, Refusal as Missing, Verdict};
use crate::seam::config::Config;
use crate::seam::event::Refusal;
use crate::signed::admission::{EditKey, EditSeed, SignedAdmission};
use crate::signed::batch::{Batch, BatchKey, Header, SignedBatch, StampWindow};
use crate::signed::change::{Change, Limit, NewSecret, Retraction, WhoWrites};
use crate::signed::header::{Family, RecordName};
use crate::signed::list::{List, ShortId};
use crate::signed::record::{Record, RecordError};
use crate::time::{Now, Time, WallTime};
use crate::wire::Bytes;

/// Pause before our own admission is sent again over a link that had no space for it.
const ADMIT_AGAIN: Duration = Duration::from_millis(100);

/// The rules that follow from a room's records.
#[derive(Debug)]
pub(super) struct Rules {
    me: Endpoint,
    room: RoomId,
    /// Stamps up to this far ahead of room time count.
    ahead_max: Duration,
    /// Most bytes of winning batches.
    held_bytes_max: usize,
    records: Records,
    lists: Lists,
    admissions: Admissions,
    access: Access,
    exchange: Exchange,
    ledger: Ledger,
    /// The use of this program in a window of the limit of a slot, by record.
    counted: BTreeMap<u8, (RecordName, u64, u32)>,
    waiting: Waiting,
    contradictions: Contradictions,
    /// Whether neighbours must receive changed records once these are stored.
    untold: bool,
    join_at: Option<Time>,
    /// The time to send our own admission again.
    admit_at: Option<Time>,
    /// The last record that this program wrote itself.
    written: Option<RecordName>,
}

/// The result of a message of a neighbour.
pub(super) enum Heard {
    /// Nothing changes for the room.
    Nothing,
    /// The records changed, by one with this stamp.
    Records(PeerId, Stamp),
    /// This peer is admitted: its waiting batches may be valid.
    Admission(PeerId),
    /// The secret in force arrived.
    Secret,
    /// An endpoint gave this sequence twice, which was unknown.
    Contradiction(Endpoint, u64),
}

impl Rules {
    /// The rules of a room without records, for `me`.
    pub(super) fn new(me: Endpoint, room: RoomId, owner: Option<PeerId>, config: &Config) -> Rules {
        Rules {
            me,
            room,
            ahead_max: config.stamp_ahead_max,
            held_bytes_max: config.held_bytes_max,
            records: Records::new(room, owner),
            lists: Lists::default(),
            admissions: Admissions::default(),
            access: Access::default(),
            exchange: Exchange::default(),
            ledger: Ledger::default(),
            counted: BTreeMap::new(),
            waiting: Waiting::default(),
            contradictions: Contradictions::default(),
            untold: false,
            join_at: None,
            admit_at: None,
            written: None,
        }
    }

    /// The records and their consequences.
    pub(super) fn records(&self) -> &Records {
        &self.records
    }

    /// The rules in force.
    pub(super) fn terms(&self) -> &Terms {
        self.records.terms()
    }

    /// Endpoints that gave one sequence to two different batches.
    pub(super) fn contradictors(&self) -> impl Iterator<Item = &Endpoint> {
        self.contradictions.endpoints()
    }

    /// Whether a batch competes.
    pub(super) fn judge(&self, batch: &Batch) -> Verdict {
        self.judge_header(&batch.header(), batch.key())
    }

    fn judge_header(&self, header: &Header, key: BatchKey) -> Verdict {
        let admitted = self.admissions.of(&header.author.peer);
        let book = self.records.book();
        match book.judge(&Claim { header, id: key.id, admitted }) {
            Verdict::Cut | Verdict::Suspended | Verdict::Refused(Missing::Banned) if planted!(LateBan) => {
                Verdict::Stands
            }
            Verdict::Refused(Missing::Limit) if planted!(RateRule) => Verdict::Stands,
            // Its author's admission may still come.
            Verdict::Refused(Missing::Writer)
                if book
                    .rule(&header.record, header.replica.slot())
                    .is_some_and(|rule| rule.1 == WhoWrites::Admitted) =>
            {
                Verdict::Unknown
            }
            verdict => verdict,
        }
    }

    /// Whether a batch is valid.
    pub(super) fn lets_stand(&self, batch: &Batch) -> bool {
        self.judge(batch) == Verdict::Stands
    }

    /// How a batch breaks the rules of the record that it names, as a message. Its content is unknown if its replica is
    /// not kept here.
    pub(super) fn breach(
        &self,
        verdict: Verdict,
        header: &Header,
        content: Option<&Content>,
    ) -> Option<String> {
        let author = header.author;
        let is_for_moderators = content.is_some_and(|content| content.is_for_moderators);
        if is_for_moderators && !self.records.book().moderates(&header.record, &author.peer) {
            return Some(format!("{author} says what only moderators may"));
        }
        let Verdict::Refused(missing) = verdict else { return None };
        Some(match missing {
            Missing::App => format!("the room has no app in slot {}", header.replica.slot()),
            Missing::Banned => format!("{author} is banned"),
            Missing::Writer => format!("{author} is not among those who may write"),
            Missing::Limit => {
                let limit = self.records.book().rule(&header.record, header.replica.slot());
                let most = limit.and_then(|(limit, _)| limit).map(|limit| limit.cost);
                let Header { used, cost, window, .. } = header;
                format!("it costs {cost} beside {used:?} at {window:?}, and the limit is {most:?}")
            }
        })
    }

    /// Whether a delivered batch need not be checked again.
    pub(super) fn knows(&self, batch: &Batch, live: bool) -> bool {
        // A batch that is no longer here must be checked when a neighbour serves it in a leaf: a ban may have erased
        // its winner. An author may have given the place to another batch, too.
        let key = batch.key();
        let mut held = self.ledger.at(&key).map(|held| held.key() == key).peekable();
        if held.peek().is_none() { live } else { held.any(|is_it| is_it) }
    }

    /// Reports a contradiction to neighbours if another batch has the place of this one in its author's sequence.
    /// Returns the place if that is new.
    pub(super) fn find_out(&mut self, batch: &Batch) -> Option<(Endpoint, u64)> {
        let key = batch.key();
        let other = self.ledger.at(&key).find(|other| other.key() != key && !planted!(Equivocation))?;
        self.contradictions.take(other, batch).then(|| {
            self.show(key.author);
            (key.author, key.sequence)
        })
    }

    fn show(&mut self, endpoint: Endpoint) {
        if let Some(message) = self.contradictions.shown(&endpoint) {
            self.exchange.spread(&message);
        }
    }

    /// A batch waits for its record, or for its author's admission.
    pub(super) fn await_record(&mut self, from: Endpoint, batch: SignedBatch, live: bool) {
        self.waiting.push(from, batch, live);
    }

    /// The batches that wait for their record, and their bytes.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> (&VecDeque<Unruled>, usize) {
        self.waiting.batches()
    }

    /// The batches that waited, for another check.
    pub(super) fn take_waiting(&mut self) -> VecDeque<Unruled> {
        self.waiting.take()
    }

    /// A neighbour sent a message about the room's rules. Other messages change nothing.
    ///
    /// # Errors
    /// The error of the message; an honest neighbour would not send it.
    pub(super) fn handle_message(
        &mut self,
        now: Now,
        from: Endpoint,
        message: RoomMessage,
    ) -> Result<Heard, (Refusal, String)> {
        match message {
            RoomMessage::Records(hashes) => {
                self.exchange.handle_hashes(now.time, from, &hashes, &self.records)
            }
            RoomMessage::RecordsDigest(digest) => {
                self.exchange.handle_digest(now.time, from, digest, &self.records);
            }
            RoomMessage::Record(bytes) => match Record::decode(&self.room, &bytes) {
                Ok(record) => return self.take_record(now, from, record, None),
                // Written by a newer version: an honest neighbour may hold it.
                Err(RecordError::Later(_)) => {}
                Err(error) => return Err((Refusal::Record, error.to_string())),
            },
            RoomMessage::AskList(ask) => {
                let piece = lists::piece(&self.records, &ask);
                piece.into_iter().for_each(|piece| self.exchange.send(from, piece));
            }
            RoomMessage::ListPiece(piece) => match self.lists.handle_piece(now.time, from, &piece) {
                Piece::More(ask) => ask.into_iter().for_each(|ask| self.exchange.send(from, ask)),
                Piece::Whole(record, list) => {
                    let taken = self.take_record(now, from, record, Some(list))?;
                    self.exchange.handle_list(from, &self.records);
                    return Ok(taken);
                }
                Piece::Wrong(detail) => return Err((Refusal::Record, detail)),
            },
            RoomMessage::Admission(bytes) => match SignedAdmission::decode(&self.room, &bytes) {
                Ok(signed) if self.take_admission(signed) => {
                    return Ok(Heard::Admission(signed.admission().peer));
                }
                Ok(_) => {}
                Err(error) => return Err((Refusal::Admission, error.to_string())),
            },
            RoomMessage::Secret(secret) => {
                self.offer_secret(from, Secret(secret));
                if self.access.take_news() {
                    return Ok(Heard::Secret);
                }
            }
            RoomMessage::Contradiction(shown) => {
                let read = self.contradictions.read(&self.room, shown);
                let place = read.map_err(|detail| (Refusal::Contradiction, String::from(detail)))?;
                if let Some((endpoint, sequence)) = place {
                    self.show(endpoint);
                    return Ok(Heard::Contradiction(endpoint, sequence));
                }
            }
            _ => {}
        }
        Ok(Heard::Nothing)
    }

    /// This program's person has the room's edit seed. Returns whether that is new and counts.
    pub(super) fn admit_self(&mut self, seed: &EditSeed) -> bool {
        self.take_admission(seed.admit(&self.room, self.me.peer))
    }

    /// A LINK or the person's own store has this secret beside that of the genesis.
    pub(super) fn hold_secret(&mut self, secret: Secret) {
        self.access.hold(secret, new_secret(&self.records));
    }

    /// An endpoint sends this secret, which counts if a record in force commits to it.
    pub(super) fn offer_secret(&mut self, from: Endpoint, secret: Secret) {
        self.access.handle_told(from, secret);
        settle_secret(&mut self.access, &self.records);
    }

    /// The secret that admits people beside that of the genesis, if it exists and is known here.
    pub(super) fn secret(&self) -> Option<Secret> {
        self.access.secret(new_secret(&self.records))
    }

    /// All such known secrets, the one in force first.
    pub(super) fn secrets(&self) -> impl Iterator<Item = Secret> {
        self.access.secrets()
    }

    /// Whether a new secret is in force, and here, since the last call.
    pub(super) fn takes_secret(&mut self) -> bool {
        self.access.take_news()
    }

    /// Whether a peer with the secret of the genesis is admitted, and others by these proofs, the latest first.
    /// `proves` returns whether one proves a secret. The peer's secret may be newer than all records here, whether a
    /// link named it or not: then the result is unknown yet.
    pub(super) fn entrance(
        &self,
        peer: &PeerId,
        renewed: &[[u8; 32]],
        proves: impl Fn(&Secret, &[u8; 32]) -> bool,
    ) -> Entrance {
        if planted!(SecretIgnored) {
            return Entrance::Shown;
        }
        let is_recorded = |secret: &Secret| gives(&self.records, secret);
        let shows = |secret: &Secret| renewed.iter().any(|proof| proves(secret, proof));
        let is_known =
            |proof: &[u8; 32]| self.secrets().any(|secret| is_recorded(&secret) && proves(&secret, proof));
        match self.access.judge(self.records.new_secret(), peer, shows, is_recorded) {
            Entrance::Shut if renewed.first().is_some_and(|latest| !is_known(latest)) => Entrance::Unsure,
            entrance => entrance,
        }
    }

    /// The neighbours and visitors that must receive our own admission.
    pub(super) fn linked(&self) -> Vec<Endpoint> {
        self.admissions.linked()
    }

    /// An endpoint visits us.
    pub(super) fn handle_visited(&mut self, endpoint: Endpoint) {
        self.admissions.handle_linked(endpoint);
    }

    /// Forgets endpoints that neither are neighbours nor visit us any more.
    pub(super) fn retain_linked(&mut self, is_linked: impl Fn(Endpoint) -> bool) {
        self.admissions.retain_linked(is_linked);
    }

    /// An endpoint did not receive an admission: it must receive all of them again.
    pub(super) fn handle_admission_missed(&mut self, now: Time, endpoint: Endpoint) {
        self.admissions.forget(endpoint);
        self.admit_at.get_or_insert(now + ADMIT_AGAIN);
    }

    /// Whether our own admission must be sent again to endpoints that missed it.
    pub(super) fn takes_admission(&mut self, now: Time) -> bool {
        self.admit_at.take_if(|at| *at <= now).is_some()
    }

    /// The messages that `to` must receive before a message of `peer`.
    pub(super) fn admissions_for(&mut self, to: Endpoint, peer: &PeerId) -> Vec<RoomMessage> {
        let message = |signed: &SignedAdmission| {
            let bytes = Bytes::new(signed.to_bytes().to_vec()).expect("an admission has its length");
            RoomMessage::Admission(bytes)
        };
        let is_told = *peer == self.me.peer || !planted!(AdmissionUntold);
        self.admissions.tell(to, peer).iter().filter(|_| is_told).map(message).collect()
    }

    fn take_admission(&mut self, signed: SignedAdmission) -> bool {
        let is_named = names_key(&self.records, &signed.admission().key);
        self.admissions.take(signed, is_named)
    }

    fn take_record(
        &mut self,
        now: Now,
        from: Endpoint,
        record: Record,
        list: Option<Arc<List>>,
    ) -> Result<Heard, (Refusal, String)> {
        let millis = now.wall.as_millis().saturating_add(self.ahead_max.as_millis() as u64);
        let latest = Stamp(Stamp::at(WallTime::from_millis(millis)).0 | 0xffff);
        let (signer, stamp) = (record.body().signer, record.body().stamp);
        match self.records.take(record.clone(), list, latest) {
            Outcome::Changed => {
                self.handle_records();
                let is_forked =
                    self.records.owner() == Some(self.me.peer) && self.records.book().heads().len() > 1;
                self.join_at = is_forked.then(|| now.time + self.joins_after());
                Ok(Heard::Records(signer, stamp))
            }
            Outcome::Lacks(kind, name) => {
                let ask = self.lists.begin(now.time, from, record, (kind, name));
                ask.into_iter().for_each(|ask| self.exchange.send(from, ask));
                Ok(Heard::Nothing)
            }
            Outcome::Known | Outcome::Idle => Ok(Heard::Nothing),
            Outcome::Refused(refusal, detail) => Err((refusal, detail)),
        }
    }

    /// The records changed.
    fn handle_records(&mut self) {
        let records = &self.records;
        self.admissions.handle_records(|key| names_key(records, key));
        settle_secret(&mut self.access, &self.records);
    }

    /// The retractions of the records.
    pub(super) fn retractions(&self) -> Vec<Retraction> {
        self.records.retractions().map(|(_, retraction)| retraction.clone()).collect()
    }

    /// Own content under earlier records that later ones void, by replica. With a limit it would be re-signed as new,
    /// and so cover later writes of this peer's other programs: then it is this program's alone.
    pub(super) fn outdated(&self, replicas: &Replicas) -> Vec<(ReplicaNumber, Content)> {
        let is_outdated = |batch: &&SignedBatch| {
            let verdict = self.judge(batch);
            verdict.is_cut() || verdict == Verdict::Unknown
        };
        let is_to_be_said = |batch: &&SignedBatch| {
            let Header { author, replica, .. } = batch.header();
            author == self.me || self.limit(replica.slot()).is_none()
        };
        let own = self.ledger.of_peer(self.me.peer).filter(is_to_be_said);
        let outdated: Vec<&SignedBatch> = own.filter(is_outdated).collect();
        let said = |(number, replica): (ReplicaNumber, &dyn Replica)| {
            let mut of_it = outdated.iter().copied().filter(|batch| batch.header().replica == number);
            let said = replica.said_in(&mut of_it);
            (said.cost > 0).then_some((number, said))
        };
        if outdated.is_empty() { Vec::new() } else { replicas.iter().filter_map(said).collect() }
    }

    /// The limit of a slot under the record in force.
    pub(super) fn limit(&self, slot: u8) -> Option<Limit> {
        self.records.book().rule(&self.records.in_force(), slot)?.0
    }

    /// The amount that this peer may write at `stamp` in the app in a slot; `None` if the rules have no limit.
    ///
    /// # Errors
    /// [`WriteError::Banned`], [`WriteError::NotWriter`] and [`WriteError::AppIsOff`] if it may write nothing.
    pub(super) fn writing_left(&self, slot: u8, stamp: Stamp) -> Result<Option<WritingLeft>, WriteError> {
        let (limit, record) = (self.limit(slot), self.records.in_force());
        match self.right(slot, self.me.peer) {
            Verdict::Refused(Missing::Writer) => return Err(WriteError::NotWriter),
            Verdict::Refused(Missing::App) => return Err(WriteError::AppIsOff(slot)),
            Verdict::Cut | Verdict::Suspended | Verdict::Refused(Missing::Banned) if !planted!(BanUntold) => {
                return Err(WriteError::Banned);
            }
            _ => {}
        }
        let Some(limit) = limit else { return Ok(None) };
        let left = limit.cost.saturating_sub(self.used(slot, limit, record, limit.window(stamp)));
        let window_ms = u64::from(limit.window_ms);
        let wait_ms = window_ms - stamp.millis() % window_ms;
        Ok(Some(WritingLeft { left, limit, wait_ms }))
    }

    /// Whether a peer may use lanes of the app in a slot now.
    pub(super) fn may_be_heard(&self, slot: u8, peer: PeerId) -> bool {
        self.right(slot, peer) == Verdict::Stands
    }

    fn right(&self, slot: u8, peer: PeerId) -> Verdict {
        let Some(replica) = ReplicaNumber::new(slot, Family::Say) else {
            return Verdict::Refused(Missing::App);
        };
        let author = Endpoint { peer, ..self.me };
        let (record, window) = (self.records.in_force(), StampWindow::at(Stamp(1)));
        let header = Header { author, sequence: 1, replica, record, window, cost: 0, used: None };
        let (id, admitted) = (ShortId([0; 16]), self.admissions.of(&peer));
        self.records.book().judge(&Claim { header: &header, id, admitted })
    }

    /// Whether this peer may write at this cost at `stamp`, with the reason if not.
    pub(super) fn check_cost(&self, slot: u8, stamp: Stamp, cost: usize) -> Result<(), WriteError> {
        match self.writing_left(slot, stamp)? {
            Some(WritingLeft { left, limit, wait_ms }) if cost > left as usize => {
                Err(WriteError::TooFast { left, cost: limit.cost, window_ms: limit.window_ms, wait_ms })
            }
            _ => Ok(()),
        }
    }

    /// Counts a write. Returns the cost of earlier ones in the window, if the rules have a limit.
    pub(super) fn count_cost(&mut self, slot: u8, stamp: Stamp, cost: u32) -> Option<u32> {
        let window = self.limit(slot)?.window(stamp);
        let record = self.records.in_force();
        let before = self.counted_in(slot, record, window);
        self.counted.insert(slot, (record, window, before + cost));
        Some(before)
    }

    fn counted_in(&self, slot: u8, record: RecordName, window: u64) -> u32 {
        match self.counted.get(&slot) {
            Some(&(of, at, used)) if (of, at) == (record, window) => used,
            _ => 0,
        }
    }

    /// The use of this peer in a window of the limit: by this program, and by its others as far as known, so that a
    /// reload gives nothing new.
    fn used(&self, slot: u8, limit: Limit, record: RecordName, window: u64) -> u32 {
        let others = self.ledger.of_peer(self.me.peer).map(|batch| batch.header()).filter(|header| {
            let at = limit.window(header.window.most);
            header.author != self.me && (header.replica.slot(), header.record, at) == (slot, record, window)
        });
        self.counted_in(slot, record, window).saturating_add(others.map(|header| header.cost).sum())
    }
}

/// The new secret of the record in force; `None` while it is that of the genesis.
fn new_secret(records: &Records) -> Option<&NewSecret> {
    records.new_secret().map(|(new, _)| new)
}

/// The records changed, or a secret arrived.
fn settle_secret(access: &mut Access, records: &Records) {
    access.settle(new_secret(records), |secret| gives(records, secret));
}

/// Whether a valid record gives the room this secret.
fn gives(records: &Records, secret: &Secret) -> bool {
    let mut given = records.all().filter_map(|(record, _)| record.body().secret());
    given.any(|new| new.commitment == secret.commitment())
}

/// Whether a valid record sets this edit key.
fn names_key(records: &Records, key: &EditKey) -> bool {
    let changes = records.all().flat_map(|(record, _)| record.body().changes.iter());
    changes.into_iter().any(|change| matches!(change, Change::EditKey(Some(named)) if named == key))
}

/// Messages to neighbours about the records.
impl Rules {
    /// Whether the member has the same records as we.
    pub(super) fn is_in_step(&self, endpoint: Endpoint) -> bool {
        self.exchange.is_in_step(endpoint)
    }

    pub(super) fn handle_attached(&mut self, now: Time, endpoint: Endpoint) {
        self.admissions.handle_linked(endpoint);
        self.exchange.handle_attached(now, endpoint, &self.records);
        for known in self.contradictions.endpoints() {
            self.contradictions
                .shown(known)
                .into_iter()
                .for_each(|shown| self.exchange.send(endpoint, shown));
        }
    }

    pub(super) fn handle_detached(&mut self, endpoint: Endpoint) {
        self.admissions.forget(endpoint);
        self.access.handle_detached(endpoint);
        self.lists.handle_detached(endpoint);
        self.exchange.handle_detached(endpoint);
    }

    pub(super) fn handle_missed(&mut self, now: Time, endpoint: Endpoint) {
        self.exchange.handle_missed(now, endpoint);
    }

    /// The records changed. Neighbours receive them at once, or, if the room is stored, once they are durable: a disk
    /// may be full for long, so members that differ are informed before.
    pub(super) fn tell_changed(&mut self, now: Time, are_stored: bool) {
        self.exchange.handle_change(now, &self.records);
        self.untold = are_stored;
        if !are_stored {
            self.exchange.tell_soon(now);
        }
    }

    /// The latest records are durable.
    pub(super) fn handle_stored(&mut self, now: Time) {
        if core::mem::take(&mut self.untold) {
            self.exchange.tell_soon(now);
        }
    }

    /// Sends a new record or list to all neighbours.
    pub(super) fn spread(&mut self, message: &RoomMessage) {
        self.exchange.spread(message);
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        self.exchange.handle_timeout(now, &self.records);
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.exchange.poll_timeout().into_iter().chain(self.join_at).chain(self.admit_at).min()
    }

    pub(super) fn poll_output(&mut self) -> Option<ExchangeOutput> {
        self.exchange.poll_output()
    }
}
