//! The stored state of a room: replicas, rules, delivery, storage, and events about them.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::comparison::Comparison;
use super::delivery::{Checked, Delivery, Rejection, Waiting};
use super::eviction::{self, Eviction};
use super::expiry::{self, Calendar};
use super::lanes::{Ring, Spoken};
use super::message::{Acknowledged, RoomMessage, SEQUENCES_MAX};
use super::outputs::Outputs;
use super::outputs::RoomOutput;
use super::replicas::{Makers, Replicas};
use super::rules::Rules;
use super::rules::access::Entrance;
use super::rules::exchange::ExchangeOutput;
use super::rules::records::Records;
use super::storage::Storage;
use super::superseded;
use super::writing::{Holders, WriteError, Writing, WritingLeft};
use crate::blobs::Share;
use crate::clock::{Clock, Stamp};
use crate::id::{Endpoint, PeerId, RoomId, Secret};
use crate::lanes::{Passing, Present};
use crate::replica::{Changes, ReplicaNumber};
use crate::seam::config::Config;
use crate::seam::event::{Event, Refusal, RoomHandle};
use crate::seam::lane::Slot;
use crate::signed::admission::EditSeed;
use crate::signed::app::{AppWord, CONVERSATION_SLOT, GENESIS_SLOT, GIVEN_SLOTS};
use crate::signed::batch::BatchKey;
use crate::signed::batch::{Batch, Header, SignedBatch, StampWindow, UnverifiedBatch};
use crate::signed::genesis::Genesis;
use crate::signed::header::Family;
use crate::time::{Now, Time, WallTime};
use crate::wire::{Bounded, Bytes};

/// The synchronised state of a room, with its rules. Members and links are elsewhere.
#[derive(Debug)]
pub struct Kept {
    pub(super) handle: RoomHandle,
    pub(super) id: RoomId,
    genesis: Genesis,
    genesis_bytes: Vec<u8>,
    pub(super) me: Endpoint,
    pub(super) stays: bool,
    pub(super) replicas: Replicas,
    clock: Clock,
    /// Whether a stamp of another peer was merged.
    has_others: bool,
    pub(super) calendar: Calendar,
    pub(super) writing: Writing,
    pub(super) delivery: Delivery,
    pub(super) said: Spoken,
    pub(super) passing: Passing,
    pub(super) present: Present,
    pub(super) ring: Ring,
    pub(super) blobs: Option<Box<dyn Share>>,
    pub(super) comparison: Comparison,
    pub(super) storage: Storage,
    pub(super) rules: Rules,
    pub(super) eviction: Eviction,
    /// Whether an erased batch was dropped because nothing needed it, since the last one was kept.
    pub(super) passed_over: bool,
    pub(super) outputs: Outputs,
}

impl Kept {
    pub(super) fn new(
        handle: RoomHandle,
        id: RoomId,
        genesis: Genesis,
        bytes: Vec<u8>,
        makers: Makers,
        me: Endpoint,
        config: &Config,
    ) -> Kept {
        let replicas = Replicas::new(makers, &genesis);
        Kept {
            handle,
            id,
            rules: Rules::new(me, id, genesis.owner(), config),
            genesis,
            storage: Storage::new(config, &bytes),
            genesis_bytes: bytes,
            me,
            stays: config.stays,
            replicas,
            clock: Clock::new(),
            has_others: false,
            calendar: Calendar::default(),
            writing: Writing::default(),
            delivery: Delivery::new(config.stamp_ahead_max),
            said: Spoken::default(),
            passing: Passing::default(),
            present: Present::default(),
            ring: Ring::default(),
            blobs: None,
            comparison: Comparison::default(),
            eviction: Eviction::default(),
            passed_over: false,
            outputs: Outputs::default(),
        }
    }

    /// Its blobs, if the application uses any.
    pub fn blobs(&self) -> Option<&dyn Share> {
        self.blobs.as_deref()
    }

    /// The room's records, and the rules that follow from them.
    pub fn records(&self) -> &Records {
        self.rules.records()
    }

    /// Endpoints that gave one sequence to two different batches.
    pub fn contradictors(&self) -> impl Iterator<Item = &Endpoint> {
        self.rules.contradictors()
    }

    /// Whether the member has the same records as we.
    pub fn has_our_records(&self, endpoint: Endpoint) -> bool {
        self.rules.is_in_step(endpoint)
    }

    /// Our person has the room's edit seed, and may write in rooms for the admitted.
    pub fn admit_self(&mut self, seed: &EditSeed) {
        if self.rules.admit_self(seed) {
            self.handle_admitted(self.me.peer);
        }
    }

    /// A peer is admitted: its waiting batches may be valid.
    pub(super) fn handle_admitted(&mut self, peer: PeerId) {
        self.store_records();
        let waited = self.rules.take_waiting();
        self.delivery.push_again(waited);
        if peer == self.me.peer {
            self.send_own_admission();
            self.event(Event::RulesChanged { room: self.handle });
        } else {
            self.outputs.push_back(RoomOutput::Admitted);
        }
    }

    /// Sends our own admission to all neighbours and visitors that lack it: our messages on lanes depend on it.
    pub(super) fn send_own_admission(&mut self) {
        let me = self.me.peer;
        let linked = if planted!(OwnAdmissionUntold) { Vec::new() } else { self.rules.linked() };
        for to in linked {
            self.send_admissions(to, &me);
        }
    }

    /// A LINK has this secret beside that of the genesis.
    pub fn hold_secret(&mut self, secret: Secret) {
        self.rules.hold_secret(secret);
    }

    /// This program will publish a record that commits to this secret.
    pub fn offer_secret(&mut self, secret: Secret) {
        self.rules.offer_secret(self.me, secret);
    }

    /// The secret that admits people beside that of the genesis, if it exists and is known here.
    pub fn secret(&self) -> Option<Secret> {
        self.rules.secret()
    }

    /// All such known secrets: the one in force, or any while no record decides, and earlier ones.
    pub fn secrets(&self) -> impl Iterator<Item = Secret> {
        self.rules.secrets()
    }

    /// Whether a peer with the secret of the genesis is admitted, and others by these proofs, the latest first.
    /// `proves` returns whether one proves a secret.
    pub fn entrance(
        &self,
        peer: &PeerId,
        renewed: &[[u8; 32]],
        proves: impl Fn(&Secret, &[u8; 32]) -> bool,
    ) -> Entrance {
        self.rules.entrance(peer, renewed, proves)
    }

    /// The node's handle of the room.
    pub fn handle(&self) -> RoomHandle {
        self.handle
    }

    /// The room's id.
    pub fn id(&self) -> RoomId {
        self.id
    }

    /// This endpoint.
    pub fn me(&self) -> Endpoint {
        self.me
    }

    /// The unchanging facts of the room.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The signed genesis.
    pub fn genesis_bytes(&self) -> &[u8] {
        &self.genesis_bytes
    }

    /// The slot of an app, by its name; `None` while it is not enabled. The conversation has a slot without a name.
    pub fn slot_of(&self, app: &AppWord) -> Option<u8> {
        if self.genesis.app().0 == app {
            return Some(GENESIS_SLOT);
        }
        GIVEN_SLOTS.into_iter().find(|slot| self.records().book().app(*slot).is_some_and(|on| on.app == *app))
    }

    /// Whether the app in a slot is enabled. The conversation always is.
    pub fn is_on(&self, slot: u8) -> bool {
        slot <= CONVERSATION_SLOT || self.records().book().app(slot).is_some()
    }

    /// A slot that no record has given to an app; `None` if none is left.
    pub(crate) fn free_slot(&self) -> Option<u8> {
        GIVEN_SLOTS.into_iter().find(|slot| self.records().book().app(*slot).is_none())
    }

    /// The replicas, by number.
    pub fn replicas(&self) -> &Replicas {
        &self.replicas
    }

    /// Whether the member's records and replicas equalled ours at the last comparison, and nothing changed since.
    pub fn is_in_step(&self, endpoint: Endpoint) -> bool {
        self.comparison.is_in_step(endpoint) && self.rules.is_in_step(endpoint)
    }

    /// The present moment in room time, given our own clock.
    pub fn present(&self, now: Now) -> Now {
        self.calendar.present(now)
    }

    /// The civil time that stamps are made from in room time `now`: see [`room_time`](crate::clock::room_time).
    pub(crate) fn stamping(&self, now: Now) -> WallTime {
        if planted!(StampsAhead) { now.wall } else { self.calendar.stamping(now, !self.has_others) }
    }

    /// The stamp that is next in room time `now`.
    pub(crate) fn next_stamp(&self, now: Now) -> Stamp {
        self.clock.next(self.stamping(now))
    }

    /// Takes in a stamp of a peer: later stamps are greater.
    pub(super) fn merge_stamp(&mut self, peer: PeerId, stamp: Stamp) {
        self.has_others |= peer != self.me.peer;
        self.clock.merge(stamp);
    }

    /// Room time, for changes.
    pub fn calendar_mut(&mut self) -> &mut Calendar {
        &mut self.calendar
    }

    /// The amount that this peer may write at once now in the app in a slot; `None` if the rules have no limit.
    ///
    /// # Errors
    /// [`WriteError::Banned`], [`WriteError::NotWriter`] and [`WriteError::AppIsOff`] if it may write nothing.
    pub fn writing_left(&self, now: Now, slot: u8) -> Result<Option<WritingLeft>, WriteError> {
        self.rules.writing_left(slot, self.next_stamp(now))
    }

    /// Whether a peer may use lanes of the app in a slot now: bans and lists of writers bind lanes too.
    pub fn may_be_heard(&self, slot: u8, peer: PeerId) -> bool {
        self.rules.may_be_heard(slot, peer)
    }

    /// Does the cheap checks.
    pub(super) fn look(&self, batch: &UnverifiedBatch, live: bool) -> Result<(), Rejection> {
        if self.is_known(batch, live) {
            return Err(Rejection::Known(batch.key()));
        }
        if expiry::is_old(&self.replicas, batch) {
            return Err(Rejection::Old(batch.key()));
        }
        match self.rules.judge(batch) {
            verdict if verdict.is_cut() && !self.keeps_what_is_needed(batch) => {
                Err(Rejection::Cut(batch.header().author))
            }
            _ => Ok(()),
        }
    }

    /// Whether the replica of a batch may keep an erased batch that others need.
    pub(super) fn keeps_what_is_needed(&self, batch: &Batch) -> bool {
        self.replicas.get(batch.header().replica).is_some_and(|replica| replica.keeps_what_is_needed())
    }

    /// Whether a batch need not be checked again.
    pub(super) fn is_known(&self, batch: &Batch, live: bool) -> bool {
        let header = batch.header();
        if !header.replica.family().is_kept() && header.author == self.me {
            return true;
        }
        match header.replica.family() {
            Family::Say => return self.said.is_known(batch) || self.delivery.is_held(batch),
            Family::Presence => {
                let slot = Slot::of(header.replica);
                let is_news = self.present.is_news(header.author, slot, header.window.most);
                return !is_news || self.delivery.is_held(batch);
            }
            Family::Holding => return !self.ring.is_news(batch) || self.delivery.is_held(batch),
            _ => {}
        }
        if !self.delivery.is_delivered(&batch.key()) {
            return self.delivery.is_held(batch);
        }
        // Batches that a moderator's ban erased wait here, and later batches may need them.
        let may_be_needed =
            || self.rules.ledger().is_suspended(&batch.key()) && self.keeps_what_is_needed(batch);
        self.rules.knows(batch, live) && (live || !may_be_needed())
    }

    /// Decides whether a screened batch counts now.
    ///
    /// # Errors
    /// [`Rejection`] is the reason; nothing was remembered.
    pub(super) fn verify(&self, now: Now, batch: UnverifiedBatch) -> Result<Checked, Rejection> {
        self.delivery.verify(now, batch, &self.replicas, &self.rules)
    }

    /// Applies a batch. Returns whether it won an entry.
    pub(super) fn apply(&mut self, now: Now, checked: Checked) -> bool {
        let (batch, is_cut) = (checked.batch.clone(), checked.content.is_cut);
        let waited = self.rules.ledger().get(&batch.key()).is_some();
        let may_need = self.keeps_what_is_needed(&batch);
        let kept = self.apply_unstored(now, checked, true);
        match (kept, waited) {
            (true, false) => self.storage.insert(now, batch),
            (true, true) => self.storage.insert_again(batch),
            // A later batch may need an erased batch that nothing needs now, so it does not count as known.
            (false, _) if is_cut => self.passed_over = true,
            (false, _) => superseded::wait(self, now, &batch),
        }
        if kept && self.passed_over && may_need {
            // Then it is requested again, although it was served.
            self.passed_over = false;
            self.comparison.handle_forgotten();
        }
        eviction::bound(self, now);
        kept
    }

    /// Applies a batch that is stored already.
    pub(super) fn apply_unstored(&mut self, now: Now, checked: Checked, tell: bool) -> bool {
        let (batch, key) = (checked.batch.clone(), checked.batch.key());
        let header = batch.header();
        let number = header.replica;
        if self.replicas.get(number).is_some() {
            self.merge_stamp(key.author.peer, header.window.most);
        }
        let Some(replica) = self.replicas.get_mut(number) else { return false };
        let again = self.delivery.is_delivered(&key);
        let (shows_past, is_bounded) = (replica.shows_past(), replica.is_bounded());
        let applied = self.delivery.apply(checked, replica);
        if key.author == self.me && !shows_past {
            let own = applied.dropped.iter().filter(|dropped| dropped.author == self.me);
            own.for_each(|own| self.writing.outbox_mut().handle_beaten(key.sequence, own.sequence));
        }
        if applied.kept {
            self.rules.ledger_mut().note_kept(batch, is_bounded);
        }
        superseded::lose(self, now, applied.dropped);
        self.comparison.handle_change(now.time);
        if tell && let Some(changes) = applied.changed {
            self.tell_changed(number, (!again).then_some(key), changes);
        }
        applied.kept
    }

    /// Requests missing batches from neighbours, once their earlier ones are processed.
    pub(super) fn fetch(&mut self, now: Now) {
        let delivery = &self.delivery;
        if delivery.is_restored() {
            self.comparison.fetch(now.time, &self.replicas, |neighbour| !delivery.has_live(neighbour));
        }
    }

    /// Decodes a batch of the past from a history, and checks it like one from a neighbour; `None` if its author
    /// did not sign it for this room, or the room's records void it.
    pub fn past(&self, bytes: &[u8]) -> Option<SignedBatch> {
        let batch = UnverifiedBatch::decode(&self.id, bytes).ok()?;
        let batch = batch.verify().ok()?;
        self.rules.lets_stand(&batch).then_some(batch)
    }

    /// Accepts stored records. Returns how many are not records of this room.
    pub fn restore_records(&mut self, stored: &[u8]) -> usize {
        if stored.is_empty() {
            return 0;
        }
        let (refused, stamps) = self.rules.restore(stored);
        stamps.into_iter().for_each(|(peer, stamp)| self.merge_stamp(peer, stamp));
        let rules = &self.rules;
        self.replicas.turn_on_apps(rules.records().book());
        self.replicas.handle_records(rules.records().book());
        let stands = |batch: &SignedBatch| rules.lets_stand(batch);
        self.replicas.enforce(&stands, &rules.retractions(), core::iter::empty);
        self.comparison.handle_rules(Time(0), self.rules.records().digest());
        refused
    }

    /// The send queue of `to` had no space for a message. Comparison will deliver a batch.
    pub fn handle_skipped(&mut self, now: Now, to: Endpoint, message: &RoomMessage) {
        if matches!(message, RoomMessage::Admission(_)) {
            self.rules.handle_admission_missed(now.time, to);
        }
        self.comparison.handle_missed(now.time, to);
        self.rules.handle_missed(now.time, to);
    }

    /// Acknowledges batches to their author, as stored or as applied.
    pub(super) fn acknowledge(&mut self, to: Endpoint, sequences: BTreeSet<u64>, stored: bool) {
        let sequences: Vec<u64> = sequences.into_iter().collect();
        for chunk in sequences.chunks(SEQUENCES_MAX) {
            let sequences = Bounded::new(chunk.to_vec()).expect("a chunk of at most the limit");
            let applied = RoomMessage::Acknowledged(Acknowledged { sequences, stored });
            self.outputs.push_back(RoomOutput::Send(to, applied));
        }
    }

    /// The driver stores this room from now on. `stored` are the batches that the store already has.
    pub(super) fn start_storing(&mut self, stored: &BTreeSet<BatchKey>) {
        let waiting = self.rules.ledger().beaten_since().filter(|_| self.rules.records().owner().is_some());
        // Of two contradicting batches with one number, only one was delivered.
        let ledger = self.rules.ledger();
        let is_delivered = |key: &BatchKey| {
            self.delivery.is_delivered(key) && ledger.at(key).all(|other| other.key() == *key)
        };
        self.storage.start(&self.genesis_bytes, stored, self.replicas.batches(), waiting, is_delivered);
        self.store_records();
    }

    /// The stored batches that this room has not read yet. Another program that writes the same store
    /// stored them.
    pub fn lacking(&self, stored: &BTreeSet<BatchKey>) -> Vec<BatchKey> {
        let is_known = |key: &BatchKey| {
            self.delivery.is_delivered(key)
                || self.rules.ledger().get(key).is_some()
                || self.storage.is_refused(key)
        };
        stored.iter().filter(|key| !is_known(key)).copied().collect()
    }

    /// A batch from the store cannot be accepted, and stays there.
    pub(super) fn refuse_stored(&mut self, key: BatchKey) {
        self.delivery.handle_refused_stored();
        self.storage.refuse_stored(key);
    }

    /// Whether some member was synchronised with us since the room was opened.
    pub fn was_in_step(&self) -> bool {
        self.writing.was_in_step
    }

    /// The number of batches that this program has written.
    pub fn written(&self) -> u64 {
        self.writing.next_sequence() - 1
    }

    /// Whether the driver stores this room.
    pub fn stores(&self) -> bool {
        self.storage.stores()
    }

    /// The holders of this program's last write in a part of a replica: see
    /// [`Replica::outline`](crate::replica::Replica::outline).
    pub fn holders(&self, replica: ReplicaNumber, part: u32) -> Holders {
        self.writing.whereabouts().of((replica, part), self.storage.stores(), self.storage.is_done())
    }

    /// Our own batches that no member that stays has acknowledged.
    pub fn unacknowledged(&self) -> impl Iterator<Item = &SignedBatch> {
        self.writing.outbox().batches()
    }

    /// Our own batches that, as far as known, neither another member nor this device's storage has.
    pub fn undelivered(&self) -> usize {
        self.writing.undelivered()
    }

    /// Whether a member that stays still must acknowledge a batch that counts.
    pub(crate) fn awaits_acknowledgement(&self) -> bool {
        self.writing.outbox().to_hand_over().next().is_some()
    }

    /// Whether changes are on their way to this device's storage, and storing works.
    pub(crate) fn is_storing(&self) -> bool {
        self.storage.is_storing()
    }

    /// Whether something was written since [`Kept::handle_arrived`].
    pub(crate) fn awaits_arrival(&self) -> bool {
        self.writing.awaits_arrival()
    }

    /// All attached members have received everything sent until now.
    pub(crate) fn handle_arrived(&mut self) {
        self.writing.handle_arrived();
    }

    /// Whether all stored batches have been read.
    pub fn is_restored(&self) -> bool {
        self.delivery.is_restored()
    }

    /// Number of batches that wait until they are due.
    pub fn held_batches(&self) -> usize {
        self.delivery.held()
    }

    /// Batches of others that wait here for their time: see [`Waiting`].
    pub fn waiting(&self) -> Vec<Waiting> {
        let own = |waiting: Waiting| Waiting { until: self.calendar.own(waiting.until), ..waiting };
        self.delivery.waiting().into_iter().map(own).collect()
    }

    /// When others accept a write with this stamp, by our own civil clock, as far as their clocks are known; `None` if they do
    /// already.
    pub fn appears_at(&self, present: Now, stamp: Stamp) -> Option<WallTime> {
        self.calendar.appears_at(present, self.delivery.due_wall(stamp))
    }

    /// Bytes of batches that wait for verification.
    pub fn unverified_bytes(&self) -> usize {
        self.delivery.unverified_bytes()
    }

    /// Reports how many stored batches were left out, once all were read.
    pub(super) fn restored(&mut self) {
        let refused = self.delivery.take_refused_stored();
        if refused > 0 {
            let reason = format!("{refused} stored batches do not verify and were left out");
            self.event(Event::StorageFailed { room: self.handle, reason });
        }
    }

    /// Stores the current records, if the room is stored.
    pub(super) fn store_records(&mut self) {
        if let Some(stored) = self.rules.stored() {
            self.storage.replace_records(stored);
        }
    }

    /// A change was stored, or failed: neighbours receive records once these are durable.
    pub(super) fn handle_records_stored(&mut self, now: Now, stored: bool) {
        if stored && !self.storage.is_storing_records() {
            self.rules.handle_stored(now.time);
        }
    }

    /// Sends the messages of the comparison of records. `stays` knows which members stay.
    pub(super) fn take_record_outputs(&mut self, stays: impl Fn(Endpoint) -> bool) {
        while let Some(output) = self.rules.poll_output() {
            match output {
                ExchangeOutput::Send(to, message) => self.outputs.push_back(RoomOutput::Send(to, message)),
                ExchangeOutput::InStep(endpoint) => {
                    self.event(Event::RecordsInStep { room: self.handle, endpoint });
                    self.tell_in_step(endpoint, stays(endpoint));
                }
            }
        }
    }

    /// Reports that a member is synchronised with us, once both records and replicas are equal.
    pub(super) fn tell_in_step(&mut self, endpoint: Endpoint, stays: bool) {
        if self.is_in_step(endpoint) {
            self.writing.handle_in_step();
            if stays {
                let last = self.writing.next_sequence() - 1;
                let lacks = self.comparison.lacks(endpoint, &self.replicas);
                self.writing.whereabouts_mut().handle_in_step(endpoint, last, lacks);
            }
            self.event(Event::InStep { room: self.handle, endpoint });
        }
    }

    /// Reports that a replica looks different, because of a new batch or for another reason.
    pub(super) fn tell_changed(&mut self, replica: ReplicaNumber, batch: Option<BatchKey>, changes: Changes) {
        self.event(Event::Changed { room: self.handle, replica, batch, changes });
    }

    /// A batch is about to be applied. Reports a contradiction if another one has its place in its author's sequence.
    pub(super) fn find_out(&mut self, batch: &SignedBatch) {
        if let Some((endpoint, sequence)) = self.rules.find_out(batch) {
            self.tell_contradiction(endpoint, sequence);
        }
    }

    /// Reports that an endpoint gave one sequence twice.
    pub(super) fn tell_contradiction(&mut self, endpoint: Endpoint, sequence: u64) {
        let detail = format!("two different batches are number {sequence}");
        self.event(Event::Equivocation { room: self.handle, endpoint, detail });
    }

    /// Reports that a banned peer writes. Others write under earlier rules until they receive later ones.
    pub(super) fn tell_cut(&mut self, author: Endpoint) {
        if self.records().is_banned(author.peer) {
            let detail = format!("{author} is banned, and wrote after that");
            self.outputs.push_back(RoomOutput::Refused(author, Refusal::BatchBanned, detail));
        }
    }

    /// Reports authors whose batches were dropped.
    pub(super) fn tell_dropped(&mut self, now: Now) {
        for (from, count) in self.delivery.take_dropped(now.time) {
            self.tell_dropped_of(from, count);
        }
    }

    pub(super) fn tell_dropped_of(&mut self, from: Endpoint, count: u64) {
        if count > 0 {
            let detail =
                String::from("it sends more than is taken from one neighbour; comparison brings what counts");
            self.outputs.push_back(RoomOutput::RefusedMany(from, Refusal::Flood, detail, count));
        }
    }

    /// Reports that a batch is too early.
    pub(super) fn refuse_future(&mut self, from: Endpoint) {
        self.comparison.handle_forgotten();
        let detail = String::from("its stamp is ahead of room time, and as many as allowed are held");
        self.outputs.push_back(RoomOutput::Refused(from, Refusal::BatchFuture, detail));
    }

    /// Sends a batch to neighbours.
    pub(super) fn send_live(&mut self, targets: Vec<Endpoint>, batch: &SignedBatch) {
        if targets.is_empty() {
            return;
        }
        targets.iter().for_each(|to| self.send_admissions(*to, &batch.peer()));
        let bytes = Bytes::new(batch.bytes().to_vec()).expect("a signed batch is within its limit");
        self.outputs.push_back(RoomOutput::SendAll(targets, RoomMessage::Batch(bytes)));
    }

    /// Sends an endpoint the admissions of an author, once. A batch that arrives first waits for them.
    pub(super) fn send_admissions(&mut self, to: Endpoint, author: &PeerId) {
        let admissions = self.rules.admissions_for(to, author);
        self.outputs.extend(admissions.into_iter().map(|message| RoomOutput::Send(to, message)));
    }

    pub(super) fn event(&mut self, event: Event) {
        self.outputs.push_back(RoomOutput::Event(event));
    }

    /// The header of the next batch for a replica, without its cost.
    pub(super) fn header(&self, replica: ReplicaNumber, window: StampWindow) -> Header {
        let (author, sequence, record) =
            (self.me, self.writing.next_sequence(), self.rules.records().in_force());
        Header { author, sequence, replica, record, window, cost: 0, used: None }
    }
}

/// The secret that a record in force gives the room, if it is known here. We send the secret of no other record: a peer
/// that it would admit need not be on its list.
pub(crate) fn given_secret(kept: &Kept) -> Option<Secret> {
    kept.records().new_secret().and_then(|_| kept.secret())
}
