//! Rooms: people who meet, what they keep in step, and over which links.
//!
//! # Problem
//! Several machines share a room: who is attached, what each of them lacks, which batches count, and what must
//! be stored before it is acknowledged. None of them should know the others.
//!
//! # How it works
//! A [`Room`] routes: the overlay says to whom a batch goes, [`comparison`] compares the replica with each neighbour,
//! [`delivery::queue`] queues what arrives and [`delivery`] decides whether a batch counts. Links and signalling are the
//! node's.
//!
//! # Invariants
//! - A replica changes through signed batches only, one's own included.
//! - A batch is applied, told to the application and passed on at most once.
//! - A member that stores acknowledges a batch as stored after it is on durable storage, never before.
//!
//! # Limits
//! [`OUTBOX_MAX`] own batches wait for acknowledgement, and their author with them; [`delivery`] states its own.

pub mod comparison;
pub mod delivery;
pub mod genesis;
mod governing;
pub mod history;
mod linking;
mod membership;
pub mod message;
pub mod rules;
pub mod storage;
pub mod writing;

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use self::comparison::{Comparison, ComparisonOutput};
use self::delivery::Delivery;
use self::genesis::Genesis;
use self::history::History;
use self::membership::Membership;
use self::rules::Rules;
use self::storage::{Storage, StorageOutput};
use self::writing::Writing;
pub use self::writing::outbox::OUTBOX_MAX;
use crate::clock::{Clock, room_time};
use crate::id::{Endpoint, RoomId};
use crate::links::message::Attach;
use crate::overlay::message::Tag;
use crate::replica::{FIRST_REPLICA, Replica};
use crate::room::message::{Acknowledged, RoomMessage, SEQUENCES_MAX};
use crate::seam::config::Config;
use crate::seam::event::{Event, Refusal, RoomHandle};
use crate::seam::io::StoreChange;
use crate::signalling::announce::Introduction;
use crate::text::shown;
use crate::time::{Now, Time, WallTime};
use crate::wire::Bounded;

/// What comes out of a room.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomOutput {
    /// To be sent to an attached member.
    Send(Endpoint, RoomMessage),
    /// To be told to the application.
    Event(Event),
    /// To be stored.
    Persist {
        /// Named again in [`Room::handle_persisted`].
        token: u64,
        /// What changes.
        change: StoreChange,
    },
    /// A member broke the rules.
    Offence(Endpoint, Refusal, String),
    /// Something was refused that an honest member may send.
    Refused(Endpoint, Refusal, String),
    /// Something of one's own does not count any more: [`Room::say_again`] is to be called.
    SayAgain,
    /// The same, so many times at once.
    RefusedMany(Endpoint, Refusal, String, u64),
    /// A part of the log is to be read: [`Effect::ReadHistory`](crate::seam::io::Effect::ReadHistory).
    ReadHistory {
        /// Named again in [`Room::handle_history_read`].
        token: u64,
        /// Number of the first entry.
        from: u64,
        /// Bytes of batches at most.
        bytes: u32,
    },
    /// A link to this member is wanted, over neighbours with these tags if there are any.
    Seek(Introduction, Vec<Tag>),
    /// It is wanted no longer.
    Unseek(Endpoint),
    /// This neighbour is to be detached, for this reason.
    Drop(Endpoint, &'static str),
    /// The overlay is another one: whom it wants links to is to be asked anew.
    Relink,
}

/// What an attached member says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Whether it stays and acknowledges.
    pub stays: bool,
    /// Whether it stores.
    pub stores: bool,
}

impl From<&Attach> for Member {
    fn from(attach: &Attach) -> Member {
        Member { name: shown(&attach.name), stays: attach.stays, stores: attach.stores }
    }
}

/// Makes what the app of a room keeps in step; `None` where it does not know the app, or the genesis says of it what
/// cannot be.
pub type MakeReplica = fn(&Genesis) -> Option<Box<dyn Replica>>;

/// An open room: its genesis is known.
#[derive(Debug)]
pub struct Room {
    handle: RoomHandle,
    id: RoomId,
    genesis: Genesis,
    genesis_bytes: Vec<u8>,
    me: Endpoint,
    stays: bool,
    replica: Box<dyn Replica>,
    clock: Clock,
    /// How far room time is ahead of one's own clock, in microseconds, and what was last told of that.
    ahead: i64,
    told_ahead: i64,
    writing: Writing,
    delivery: Delivery,
    membership: Membership,
    comparison: Comparison,
    storage: Storage,
    rules: Rules,
    history: History,
    outputs: VecDeque<RoomOutput>,
}

impl Room {
    /// An empty room of this genesis, whose signature was checked, with what its app keeps in step.
    pub fn new(
        handle: RoomHandle,
        id: RoomId,
        genesis: Genesis,
        bytes: Vec<u8>,
        replica: Box<dyn Replica>,
        me: Endpoint,
        config: &Config,
    ) -> Room {
        Room {
            handle,
            id,
            rules: Rules::new(me, id, genesis.owner, config),
            history: History::new(config),
            genesis,
            storage: Storage::new(config, &bytes),
            genesis_bytes: bytes,
            me,
            stays: config.stays,
            replica,
            clock: Clock::new(),
            ahead: 0,
            told_ahead: 0,
            writing: Writing::default(),
            delivery: Delivery::new(config.stamp_ahead_max),
            membership: Membership::new(me),
            comparison: Comparison::new(FIRST_REPLICA),
            outputs: VecDeque::new(),
        }
    }

    /// The room is open and was not restored: its genesis is stored at once, before anything is written.
    pub fn handle_opened(&mut self, now: Now) {
        self.finish(now);
    }

    /// The room's id.
    pub fn id(&self) -> RoomId {
        self.id
    }

    /// This endpoint.
    pub fn me(&self) -> Endpoint {
        self.me
    }

    /// What never changes about the room.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The signed genesis.
    pub fn genesis_bytes(&self) -> &[u8] {
        &self.genesis_bytes
    }

    /// The replica of the app that the room opened with.
    pub fn replica(&self) -> &dyn Replica {
        &*self.replica
    }

    /// What an attached member says of itself.
    pub fn member(&self, endpoint: Endpoint) -> Option<&Member> {
        self.membership.members().get(&endpoint)
    }

    /// Whether the member's records and replica equalled ours when they were last compared, and nothing changed since.
    pub fn is_in_step(&self, endpoint: Endpoint) -> bool {
        self.comparison.is_in_step(endpoint) && self.rules.is_in_step(endpoint)
    }

    /// A member proved that it may be here, and so did we to it.
    pub fn handle_attached(&mut self, now: Now, endpoint: Endpoint, member: Member) {
        if !self.membership.handle_attached(now, endpoint, member, self.overlay_choice()) {
            return;
        }
        self.take_said();
        self.event(Event::MemberAttached { room: self.handle, endpoint });
        self.begin_comparison(now, endpoint);
    }

    /// A member is attached over another link than before: what was on its way over the old one may be lost.
    pub fn handle_resumed(&mut self, now: Now, endpoint: Endpoint, member: Member) {
        self.handle_member(endpoint, member);
        self.membership.tell_soon(now);
        self.comparison.handle_detached(endpoint);
        self.begin_comparison(now, endpoint);
    }

    /// Sends what a member may lack, and has both ends compare the rest.
    fn begin_comparison(&mut self, now: Now, endpoint: Endpoint) {
        self.rules.handle_attached(now.time, endpoint);
        self.take_record_outputs();
        for batch in self.writing.outbox().batches().cloned().collect::<Vec<_>>() {
            self.send_live(alloc::vec![endpoint], &batch);
        }
        self.comparison.handle_attached(now.time, endpoint, &*self.replica);
        self.finish(now);
    }

    /// A member changed what it says of itself.
    pub fn handle_member(&mut self, endpoint: Endpoint, member: Member) {
        self.membership.handle_member(endpoint, member);
    }

    /// A member is no longer attached; `distant` when it is in the room still (see [`Event::MemberDetached`]).
    pub fn handle_detached(&mut self, now: Now, endpoint: Endpoint, distant: bool) {
        if !self.membership.handle_detached(endpoint) {
            return;
        }
        if planted!(OutboxCleared) {
            self.writing.outbox_mut().retain(|_| false);
        }
        self.membership.forget_neighbour(now, endpoint);
        let dropped = self.delivery.handle_detached(endpoint);
        self.tell_dropped_of(endpoint, dropped);
        self.membership.tell_soon(now);
        self.storage.handle_detached(endpoint);
        self.rules.handle_detached(endpoint);
        self.comparison.handle_detached(endpoint);
        self.history.handle_detached(now.time, endpoint);
        self.event(Event::MemberDetached { room: self.handle, endpoint, distant });
        self.finish(now);
    }

    /// An attached member said something.
    pub fn handle_message(&mut self, now: Now, from: Endpoint, message: RoomMessage) {
        let is_ours = |replica| replica == FIRST_REPLICA;
        match message {
            RoomMessage::Batch(bytes) => self.receive(now, from, &bytes, true),
            RoomMessage::PartBatch(bytes) => self.receive(now, from, &bytes, false),
            RoomMessage::Summary(summary) if is_ours(summary.replica) => {
                self.comparison.handle_summary(now.time, from, &summary, &*self.replica);
            }
            RoomMessage::Digest(told) if is_ours(told.replica) => {
                self.comparison.handle_digest(now.time, from, told.digest, &*self.replica);
            }
            RoomMessage::AskSummary(replica) if is_ours(replica) => {
                self.comparison.handle_ask_summary(from, &*self.replica);
            }
            RoomMessage::Want(want) if is_ours(want.replica) => {
                self.comparison.handle_want(from, &want.parts)
            }
            RoomMessage::Unwant(want) if is_ours(want.replica) => {
                self.comparison.handle_unwant(from, &want.parts);
            }
            RoomMessage::WorkedOff(told) if is_ours(told.replica) => {
                self.comparison.handle_told_worked_off(from, told.bytes);
            }
            RoomMessage::PartBegin(begin) if is_ours(begin.replica) => {
                self.comparison.handle_part_begin(from, begin);
            }
            RoomMessage::PartEnd(end) if is_ours(end.replica) => self.receive_part_end(now, from, end.part),
            RoomMessage::Acknowledged(told) => self.handle_acknowledged(from, &told),
            RoomMessage::Neighbours(links) => {
                self.membership.overlay_mut().handle_links(from, links.endpoints.into_inner());
            }
            RoomMessage::Overlay(message) => self.handle_overlay(now, from, message),
            RoomMessage::Records(hashes) => self.rules.handle_hashes(from, &hashes),
            RoomMessage::RecordsDigest(digest) => {
                self.rules.handle_digest(now.time, from, digest);
            }
            RoomMessage::Record(bytes) => self.handle_record(now, from, &bytes),
            RoomMessage::Equivocation(bytes) => self.handle_proof(now, from, &bytes),
            RoomMessage::History(message) => self.handle_history(now, from, message),
            // A replica that this build does not have: skipped like an unknown kind.
            _ => {}
        }
        self.finish(now);
    }

    /// The send queue of `to` had no place for a batch: repair will bring it.
    pub fn handle_skipped(&mut self, now: Now, to: Endpoint) {
        self.comparison.handle_missed(now.time, to);
        self.rules.handle_missed(now.time, to);
    }

    /// Stored batches can be acknowledged; when storing failed they are acknowledged as not stored, and stored
    /// again later.
    pub fn handle_persisted(&mut self, now: Now, token: u64, result: Result<(), String>) {
        let stored = result.is_ok();
        self.storage.handle_persisted(now.time, token, result);
        self.handle_records_stored(now, stored);
        self.finish(now);
    }

    /// Delivers what was held back, and does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((from, checked)) = self.delivery.take_due(now) {
            // Whoever sent it first: its author waits to hear that it was applied.
            let author = checked.batch.header().author;
            let from = if self.membership.members().contains_key(&author) { author } else { from };
            self.accept(now, from, checked, true);
        }
        self.membership.handle_timeout(now.time);
        self.take_said();
        let stays = |(&endpoint, member): (&Endpoint, &Member)| member.stays.then_some(endpoint);
        let staying: Vec<Endpoint> = self.membership.members().iter().filter_map(stays).collect();
        if !staying.is_empty() {
            for batch in self.writing.outbox_mut().resend(now.time) {
                self.send_live(staying.clone(), &batch);
            }
        }
        self.rules.handle_timeout(now.time);
        self.comparison.handle_timeout(now.time, &*self.replica);
        self.finish(now);
    }

    /// When [`Room::handle_timeout`] has something to do.
    pub fn poll_timeout(&self, now: Now) -> Option<Time> {
        let past = self.history.has_unverified().then_some(now.time);
        let (comparison, delivery) = (self.comparison.poll_timeout(), self.delivery.poll_timeout(now));
        let (storage, records) = (self.storage.poll_timeout(), self.rules.poll_timeout());
        let resend =
            self.writing.outbox().poll_timeout(now.time).filter(|_| self.membership.somebody_stays());
        let (history, overlay) = (self.history.poll_timeout(), self.membership.poll_timeout());
        let due = [resend, past, comparison, delivery, storage, records, history, overlay];
        due.into_iter().flatten().min()
    }

    /// The present moment in room time, given what one's own clock says.
    pub fn present(&self, now: Now) -> Now {
        Now { time: now.time, wall: WallTime(now.wall.0.saturating_add_signed(self.ahead)) }
    }

    /// Sets how far room time is ahead of one's own clock, in microseconds. Returns it when that should be told:
    /// it moved further than clocks that agree differ.
    pub fn set_ahead(&mut self, ahead: i64) -> Option<i64> {
        self.ahead = ahead;
        let moved = ahead.abs_diff(self.told_ahead) > room_time::AGREE.unsigned_abs();
        moved.then(|| {
            self.told_ahead = ahead;
            ahead
        })
    }

    /// What is to be sent, told or stored.
    pub fn poll_output(&mut self) -> Option<RoomOutput> {
        self.outputs.pop_front()
    }

    /// The next message for `to` of the parts of the replica, or else of the history, that it wants. Asked for when the link has
    /// room, so that a large replica streams between live batches.
    pub fn serve(&mut self, to: Endpoint) -> Option<RoomMessage> {
        self.comparison.serve(to, &*self.replica).or_else(|| self.serve_history(to))
    }

    /// Whether [`Room::serve`] may have something for anybody.
    pub fn is_serving(&self) -> bool {
        self.comparison.is_serving() || self.history.is_serving()
    }

    /// How many batches are held back until they are due.
    pub fn held_batches(&self) -> usize {
        self.delivery.held()
    }

    fn handle_acknowledged(&mut self, from: Endpoint, told: &Acknowledged) {
        for &sequence in told.sequences.iter() {
            self.writing.outbox_mut().remove(sequence);
        }
        let sequences = told.sequences.iter().copied().filter(|&own| self.writing.has_written(own)).collect();
        self.event(Event::Acknowledged { room: self.handle, by: from, sequences, stored: told.stored });
    }

    fn acknowledge(&mut self, to: Endpoint, sequences: BTreeSet<u64>, stored: bool) {
        if !self.membership.members().contains_key(&to) {
            return;
        }
        let sequences: Vec<u64> = sequences.into_iter().collect();
        for chunk in sequences.chunks(SEQUENCES_MAX) {
            let sequences = Bounded::new(chunk.to_vec()).expect("a chunk of at most the limit");
            let applied = RoomMessage::Acknowledged(Acknowledged { sequences, stored });
            self.outputs.push_back(RoomOutput::Send(to, applied));
        }
    }

    /// Stores what changed, acknowledges what may be, and takes over what the comparison wants said.
    fn finish(&mut self, now: Now) {
        self.take_record_outputs();
        self.fetch(now);
        self.tell_dropped(now);
        while let Some(output) = self.comparison.poll_output() {
            self.outputs.push_back(match output {
                ComparisonOutput::Send(to, message) => RoomOutput::Send(to, message),
                ComparisonOutput::InStep(endpoint) => {
                    self.tell_in_step(endpoint);
                    continue;
                }
                ComparisonOutput::Lied(from, detail) => RoomOutput::Offence(from, Refusal::Withheld, detail),
                ComparisonOutput::Withheld(from, detail) => {
                    RoomOutput::Refused(from, Refusal::Withheld, detail)
                }
                ComparisonOutput::Stale(from, detail) => RoomOutput::Refused(from, Refusal::Stale, detail),
            });
        }
        self.finish_history(now);
        while let Some(output) = self.membership.poll_output() {
            self.outputs.push_back(output);
        }
        self.storage.settle(now.time);
        while let Some(output) = self.storage.poll_output() {
            match output {
                StorageOutput::Persist { token, change } => {
                    self.outputs.push_back(RoomOutput::Persist { token, change });
                }
                StorageOutput::Acknowledge { to, sequences, stored } => {
                    self.acknowledge(to, sequences, stored);
                }
                StorageOutput::Failed(reason) => {
                    self.event(Event::StorageFailed { room: self.handle, reason });
                }
                StorageOutput::Recovered => self.event(Event::StorageRecovered { room: self.handle }),
            }
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(RoomOutput::Event(event));
    }
}
