//! Rooms: their members, their synchronised data, and the links between members.
//!
//! # Problem
//! Several machines share a room: attached members, missing batches, validity of batches, and storage before
//! acknowledgement. None of them should depend on the others.
//!
//! # How it works
//! A [`Room`] routes between its stored state ([`Kept`]), its members ([`Membership`]) and the past ([`history`]): the
//! overlay chooses receivers of a batch, [`comparison`] compares replicas with each neighbour, [`delivery::queue`]
//! queues arriving batches and [`delivery`] decides whether a batch counts. Links and signalling belong to the node.
//!
//! # Invariants
//! - Replicas change through signed batches only, including our own.
//! - A batch is applied, reported to the application and forwarded at most once.
//! - A member that stores acknowledges a batch as stored after it is on durable storage, never before.
//!
//! # Limits
//! [`OUTBOX_MAX`] own batches wait for acknowledgement, and then their author must wait. [`delivery`] states its own
//! limits.

mod blobs;
pub mod comparison;
pub mod delivery;
mod eviction;
mod expiry;
mod governing;
pub mod history;
mod intake;
mod kept;
mod lanes;
mod link_reports;
mod membership;
pub mod message;
mod outputs;
pub mod replicas;
mod restoring;
pub mod rules;
pub mod storage;
mod superseded;
mod write;
pub mod writing;

use alloc::string::String;
use alloc::vec::Vec;

pub use self::blobs::Sharing;
use self::comparison::ComparisonOutput;
pub use self::expiry::Calendar;
use self::history::History;
pub use self::kept::Kept;
pub(crate) use self::kept::given_secret;
pub use self::lanes::Talking;
pub use self::membership::{Member, Membership};
use self::outputs::Queued;
pub use self::outputs::{RoomOutput, Signer};
pub use self::replicas::{MakeReplica, Makers, Replicas};
use self::storage::StorageOutput;
pub use self::writing::outbox::OUTBOX_MAX;
use crate::id::{Endpoint, RoomId};
use crate::room::message::history::HistoryMessage;
use crate::room::message::{Acknowledged, RoomMessage};
use crate::seam::config::Config;
use crate::seam::event::{Event, Refusal, RoomHandle};
use crate::signed::batch::UnverifiedBatch;
use crate::signed::genesis::Genesis;
use crate::time::{Now, Time};

/// An open room: its genesis is known.
#[derive(Debug)]
pub struct Room {
    kept: Kept,
    membership: Membership,
    history: History,
    signer: Option<Signer>,
}

impl Room {
    /// An empty room of this genesis, whose signature was checked. `makers` make the replicas of its apps.
    pub fn new(
        handle: RoomHandle,
        id: RoomId,
        genesis: Genesis,
        bytes: Vec<u8>,
        makers: Makers,
        me: Endpoint,
        config: &Config,
    ) -> Room {
        let config = &Config { stores: config.stores && genesis.is_stored(), ..config.clone() };
        Room {
            kept: Kept::new(handle, id, genesis, bytes, makers, me, config),
            membership: Membership::new(me),
            history: History::new(config),
            signer: None,
        }
    }

    /// The synchronised state of the room, with its rules.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The same, for changes.
    pub fn kept_mut(&mut self) -> &mut Kept {
        &mut self.kept
    }

    /// Its members and their overlay.
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// The same, for the node's facts about members.
    pub fn membership_mut(&mut self) -> &mut Membership {
        &mut self.membership
    }

    /// For messages that no replica stores.
    pub fn talking(&mut self) -> Talking<'_> {
        Talking { kept: &mut self.kept, membership: &mut self.membership }
    }

    /// For blobs, and for comparison over visits.
    pub fn sharing(&mut self) -> Sharing<'_> {
        Sharing { kept: &mut self.kept, membership: &self.membership }
    }

    /// The room is open and was not restored: stores its genesis at once, before any write.
    pub fn handle_opened(&mut self, now: Now) {
        self.finish(now);
    }

    /// A member proved its access, and we proved ours to it.
    pub fn handle_attached(&mut self, now: Now, endpoint: Endpoint, member: Member) {
        if !self.membership.handle_attached(now, endpoint, member, self.kept.rules.terms().overlay_choice()) {
            return;
        }
        self.take_said();
        self.kept.event(Event::MemberAttached { room: self.kept.handle, endpoint });
        self.begin_comparison(now, endpoint);
    }

    /// A member is attached over a new link: messages on the old one may be lost.
    pub fn handle_resumed(&mut self, now: Now, endpoint: Endpoint, member: Member) {
        self.membership.handle_member(endpoint, member);
        self.membership.tell_soon(now);
        self.kept.comparison.handle_detached(endpoint);
        self.begin_comparison(now, endpoint);
    }

    /// Sends a member the batches that it may lack, and starts the comparison of the rest.
    fn begin_comparison(&mut self, now: Now, endpoint: Endpoint) {
        self.kept.rules.handle_attached(now.time, endpoint);
        let membership = &self.membership;
        self.kept.take_record_outputs(|endpoint| membership.stays(endpoint));
        self.kept.send_own_admission();
        for batch in self.kept.writing.outbox().to_hand_over().cloned().collect::<Vec<_>>() {
            self.kept.send_live(alloc::vec![endpoint], &batch);
        }
        self.talking().handle_attached(now, endpoint);
        self.sharing().have(|blobs| blobs.handle_attached(now.time, endpoint));
        self.kept.comparison.handle_attached(now.time, endpoint, &self.kept.replicas);
        self.finish(now);
    }

    /// An endpoint that is no neighbour visits us: it uses lanes and blobs.
    pub fn handle_visited(&mut self, now: Now, endpoint: Endpoint) {
        self.kept.rules.handle_visited(endpoint);
        self.kept.send_own_admission();
        self.sharing().have(|blobs| blobs.handle_guest(now.time, endpoint));
    }

    /// A member is no longer attached; `distant` if it still is in the room (see [`Event::MemberDetached`]).
    pub fn handle_detached(&mut self, now: Now, endpoint: Endpoint, distant: bool) {
        // It may have sent rules without being a member.
        self.kept.rules.handle_detached(endpoint);
        if !self.membership.handle_detached(endpoint) {
            return;
        }
        if planted!(OutboxCleared) {
            self.kept.writing.outbox_mut().retain(|_| false);
        }
        self.membership.forget_neighbour(now, endpoint);
        let dropped = self.kept.delivery.handle_detached(endpoint);
        self.kept.tell_dropped_of(endpoint, dropped);
        self.membership.tell_soon(now);
        self.kept.storage.handle_detached(endpoint);
        self.kept.comparison.handle_detached(endpoint);
        self.history.handle_detached(now.time, endpoint);
        self.sharing().have(|blobs| blobs.handle_detached(now.time, endpoint));
        self.kept.event(Event::MemberDetached { room: self.kept.handle, endpoint, distant });
        self.talking().handle_present_detached(endpoint, distant);
        if !distant {
            self.kept.ring.handle_left(endpoint);
        }
        self.finish(now);
    }

    /// An attached member, or a peer from which we accept records, sent a message.
    pub fn handle_message(&mut self, now: Now, from: Endpoint, message: RoomMessage) {
        match message {
            RoomMessage::Batch(bytes) => self.receive(now, from, &bytes, true),
            RoomMessage::LeafBatch(bytes) => self.receive(now, from, &bytes, false),
            RoomMessage::Acknowledged(told) => handle_acknowledged(&mut self.kept, from, &told),
            RoomMessage::Neighbours(links) => {
                self.membership.overlay_mut().handle_links(from, links.endpoints.into_inner());
            }
            RoomMessage::Overlay(message) => self.handle_overlay(now, from, message),
            message @ (RoomMessage::Records(_)
            | RoomMessage::RecordsDigest(_)
            | RoomMessage::Record(_)
            | RoomMessage::AskList(_)
            | RoomMessage::ListPiece(_)
            | RoomMessage::Admission(_)
            | RoomMessage::Secret(_)
            | RoomMessage::Contradiction(_)) => self.handle_rules(now, from, message),
            RoomMessage::History(message) => self.handle_history(now, from, message),
            RoomMessage::Blob(message) => {
                self.sharing().have(|blobs| blobs.handle_message(now.time, from, &message));
            }
            message => {
                if let RoomMessage::Roots(roots) = &message {
                    // A visitor compares, too.
                    lanes::extents::begin(&mut self.kept, now, from);
                    self.kept.handle_holds(now, &roots.holds);
                }
                let comparison = &mut self.kept.comparison;
                if let Some(leaf) = comparison.handle_message(now.time, from, &message, &self.kept.replicas) {
                    self.receive_leaf_end(from, leaf);
                }
            }
        }
        self.finish(now);
    }

    /// A change was stored, so batches can be acknowledged. After a failure they are acknowledged as not stored, and
    /// stored again later.
    pub fn handle_persisted(&mut self, now: Now, token: u64, result: Result<(), String>) {
        let stored = result.is_ok();
        self.kept.storage.handle_persisted(now.time, token, result);
        self.kept.handle_records_stored(now, stored);
        self.finish(now);
    }

    /// Delivers batches that are due, and does other due work.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((from, checked)) = self.kept.delivery.take_due(now) {
            // The author waits for an acknowledgement, whoever sent the batch first.
            let author = checked.batch.header().author;
            let from = if self.membership.members().contains_key(&author) { author } else { from };
            self.accept(now, from, checked, true);
        }
        expiry::evict_old(&mut self.kept, now);
        superseded::bound(&mut self.kept, now);
        eviction::handle_timeout(&mut self.kept, now);
        lanes::extents::handle_timeout(&mut self.kept, &self.membership, now);
        self.talking().handle_timeout(now);
        self.membership.handle_timeout(now.time);
        self.take_said();
        let stays = |(&endpoint, member): (&Endpoint, &Member)| member.stays.then_some(endpoint);
        let staying: Vec<Endpoint> = self.membership.members().iter().filter_map(stays).collect();
        if !staying.is_empty() {
            for batch in self.kept.writing.outbox_mut().resend(now.time) {
                self.kept.send_live(staying.clone(), &batch);
            }
        }
        self.kept.rules.handle_timeout(now.time);
        if self.kept.rules.takes_join(now.time) {
            self.kept.outputs.sign(now);
        }
        if self.kept.rules.takes_admission(now.time) {
            self.kept.send_own_admission();
        }
        self.kept.comparison.handle_timeout(now.time, &self.kept.replicas);
        self.sharing().have(|blobs| blobs.handle_timeout(now.time));
        self.finish(now);
    }

    /// The time when [`Room::handle_timeout`] has work.
    pub fn poll_timeout(&self, now: Now) -> Option<Time> {
        let past = self.history.has_unverified().then_some(now.time);
        let (comparison, delivery) =
            (self.kept.comparison.poll_timeout(), self.kept.delivery.poll_timeout(now));
        let (storage, records) = (self.kept.storage.poll_timeout(), self.kept.rules.poll_timeout());
        let resend =
            self.kept.writing.outbox().poll_timeout(now.time).filter(|_| self.membership.somebody_stays());
        let (history, overlay) = (self.history.poll_timeout(), self.membership.poll_timeout());
        let (said, passing) = (self.kept.said.poll_timeout(), self.kept.passing.poll_timeout());
        let (present, blobs) = (
            self.kept.present.poll_timeout(),
            self.kept.blobs.as_ref().and_then(|blobs| blobs.poll_timeout()),
        );
        let due = [resend, past, comparison, delivery, storage, records, history, overlay];
        let (ages, superseded) =
            (expiry::poll_timeout(&self.kept, now), superseded::poll_timeout(&self.kept, now));
        let eviction = eviction::poll_timeout(&self.kept);
        let ring = self.kept.ring.poll_timeout();
        let due = due.into_iter().chain([said, passing, present, blobs, ages, superseded, eviction, ring]);
        due.flatten().min()
    }

    /// Hands the room the signer of content that is due without a call: joined records, content that rules erased, extents and
    /// datagrams. A room without a signer, such as a stored past, signs none of it.
    pub fn set_signer(&mut self, signer: Signer) {
        self.signer = Some(signer);
    }

    /// The next message, event or change to store. Signs due content in between.
    pub fn poll_output(&mut self) -> Option<RoomOutput> {
        loop {
            match (self.kept.outputs.pop_front()?, &self.signer) {
                (Queued::Output(output), _) => return Some(output),
                (Queued::Sign(now), Some(signer)) => {
                    let signer = signer.clone();
                    self.sign_due(now, &signer);
                }
                (Queued::Sign(_), None) => {}
            }
        }
    }

    /// The next messages for `to` of the leaves that it wants, or else of the history, after the admission of their
    /// author; empty if there are none. Call it when the link has space, so that a large replica streams between live
    /// batches.
    pub fn serve(&mut self, to: Endpoint) -> Vec<RoomMessage> {
        let Kept { comparison, replicas, rules, .. } = &mut self.kept;
        let served = comparison.serve(to, replicas, &|peer| rules.knows_peer(peer));
        let served = served.or_else(|| self.serve_history(to));
        let Some(served) = served else { return Vec::new() };
        let author = match &served {
            RoomMessage::LeafBatch(bytes) => UnverifiedBatch::peer_of(bytes),
            RoomMessage::History(HistoryMessage::Batch(entry)) => UnverifiedBatch::peer_of(&entry.batch),
            _ => None,
        };
        let admissions = author.map(|author| self.kept.rules.admissions_for(to, &author));
        admissions.into_iter().flatten().chain([served]).collect()
    }

    /// Whether a member of another peer that stores has everything that is here: its records and replicas equalled ours
    /// at the last comparison, and nothing changed since.
    pub fn is_elsewhere(&self) -> bool {
        let has_all = |endpoint: Endpoint| {
            let lacks = || self.kept.comparison.lacks(endpoint, &self.kept.replicas);
            self.kept.is_in_step(endpoint) && lacks().is_empty()
        };
        let mut others = self.membership.members().iter();
        others.any(|(member, about)| about.stores && member.peer != self.kept.me.peer && has_all(*member))
    }

    /// Whether [`Room::serve`] may have something for any member.
    pub fn is_serving(&self) -> bool {
        self.kept.comparison.is_serving() || self.history.is_serving()
    }

    /// Stores changes, sends due acknowledgements, and sends the messages of the comparison.
    fn finish(&mut self, now: Now) {
        let stays = |endpoint| self.membership.stays(endpoint);
        self.kept.take_record_outputs(stays);
        self.kept.fetch(now);
        self.kept.tell_dropped(now);
        if self.kept.delivery.take_held_changed() {
            self.kept.event(Event::WaitingChanged { room: self.kept.handle });
        }
        while let Some(output) = self.kept.comparison.poll_output() {
            self.kept.outputs.push_back(match output {
                ComparisonOutput::Send(to, message) => RoomOutput::Send(to, message),
                ComparisonOutput::InStep(endpoint) => {
                    self.kept.tell_in_step(endpoint, stays(endpoint));
                    continue;
                }
                ComparisonOutput::Withheld(from, detail) => {
                    RoomOutput::Refused(from, Refusal::Withheld, detail)
                }
                ComparisonOutput::Stale(from, detail) => RoomOutput::Refused(from, Refusal::Stale, detail),
            });
        }
        self.finish_history(now);
        self.talking().take_outputs();
        self.kept.storage.settle(now.time);
        let mut is_more_saved = false;
        while let Some(output) = self.kept.storage.poll_output() {
            match output {
                StorageOutput::Persist { token, change } => {
                    self.kept.outputs.push_back(RoomOutput::Persist { token, change });
                }
                StorageOutput::Acknowledge { to, sequences, stored } if to == self.kept.me => {
                    let last = sequences.last().copied().filter(|_| stored).unwrap_or(0);
                    is_more_saved |= self.kept.writing.whereabouts_mut().handle_saved(last);
                }
                StorageOutput::Acknowledge { to, sequences, stored } => {
                    if self.membership.member(to).is_some() {
                        self.kept.acknowledge(to, sequences, stored);
                    }
                }
                StorageOutput::Failed(reason) => {
                    self.kept.event(Event::StorageFailed { room: self.kept.handle, reason });
                }
                StorageOutput::Recovered => {
                    self.kept.event(Event::StorageRecovered { room: self.kept.handle })
                }
            }
        }
        if self.kept.storage.has_become_done() || is_more_saved {
            let sequence = self.kept.writing.whereabouts().saved();
            self.kept.event(Event::Saved { room: self.kept.handle, sequence });
        }
    }
}

/// A member acknowledges some of our own batches.
fn handle_acknowledged(kept: &mut Kept, from: Endpoint, told: &Acknowledged) {
    let told_of = told.sequences.iter().copied().filter(|&own| kept.writing.has_written(own));
    let mut sequences: Vec<u64> = told_of.collect();
    for sequence in sequences.clone() {
        kept.writing.whereabouts_mut().handle_acknowledged(from, sequence);
        sequences.extend(kept.writing.outbox_mut().remove(sequence));
    }
    kept.event(Event::Acknowledged { room: kept.handle, by: from, sequences, stored: told.stored });
}
