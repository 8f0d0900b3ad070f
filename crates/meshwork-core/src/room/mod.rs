//! Rooms: people who meet, what they keep in step, and over which links.
//!
//! # Problem
//! Several machines share a room: who is attached, what each of them lacks, which batches count, and what must
//! be stored before it is acknowledged. None of them should know the others.
//!
//! # How it works
//! A [`Room`] routes between what it keeps ([`Kept`]), who its members are ([`Membership`]) and the past ([`history`]): the
//! overlay says to whom a batch goes, [`comparison`] compares the replicas with each neighbour, [`delivery::queue`] queues
//! what arrives and [`delivery`] decides whether a batch counts. Links and signalling are the node's.
//!
//! # Invariants
//! - Replicas change through signed batches only, one's own included.
//! - A batch is applied, told to the application and passed on at most once.
//! - A member that stores acknowledges a batch as stored after it is on durable storage, never before.
//!
//! # Limits
//! [`OUTBOX_MAX`] own batches wait for acknowledgement, and their author with them; [`delivery`] states its own.

mod aging;
mod beaten;
mod blobs;
pub mod comparison;
pub mod delivery;
mod giving_up;
mod governing;
pub mod history;
mod kept;
mod linking;
mod membership;
pub mod message;
mod passing;
mod presenting;
pub mod replicas;
mod ring;
pub mod rules;
mod saying;
mod seeking;
pub mod storage;
mod talking;
pub mod writing;

use alloc::string::String;
use alloc::vec::Vec;

pub use self::aging::Calendar;
pub use self::blobs::Sharing;
use self::comparison::ComparisonOutput;
use self::history::History;
pub use self::kept::Kept;
pub(crate) use self::kept::given_secret;
pub use self::membership::Membership;
pub use self::replicas::{MakeReplica, Replicas};
use self::storage::StorageOutput;
pub use self::talking::Talking;
pub use self::writing::outbox::OUTBOX_MAX;
use crate::id::{Endpoint, RoomId};
use crate::links::message::Attach;
use crate::overlay::message::Tag;
use crate::room::message::history::HistoryMessage;
use crate::room::message::{Acknowledged, RoomMessage};
use crate::seam::config::Config;
use crate::seam::event::{Event, Refusal, RoomHandle};
use crate::seam::io::StoreChange;
use crate::signalling::announce::Introduction;
use crate::signed::batch::{SignedBatch, UnverifiedBatch};
use crate::signed::genesis::Genesis;
use crate::text::shown;
use crate::time::{Now, Time};

/// What comes out of a room.
#[derive(Clone, Debug, PartialEq)]
pub enum RoomOutput {
    /// To be sent to an attached member.
    Send(Endpoint, RoomMessage),
    /// To be sent to several attached members, encoded once.
    SendAll(Vec<Endpoint>, RoomMessage),
    /// To be told to the application.
    Event(Event),
    /// To be stored.
    Persist {
        /// Named again in [`Room::handle_persisted`].
        token: u64,
        /// What changes.
        change: StoreChange,
    },
    /// Somebody was admitted: what members say of themselves may be shown now.
    Admitted,
    /// A member broke the rules.
    Offence(Endpoint, Refusal, String),
    /// Something was refused that an honest member may send.
    Refused(Endpoint, Refusal, String),
    /// Something is to be signed in one's own name: [`Room::sign_due`] is to be called.
    Sign,
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
    /// A member looks for another one, or for this endpoint, and says so along the overlay.
    Sought {
        /// Who.
        by: Introduction,
        /// Whom.
        to: Endpoint,
        /// The neighbour that passed it on.
        through: Endpoint,
    },
    /// To be passed on to these as a datagram.
    Pass(Vec<Endpoint>, SignedBatch),
    /// A visit to this member is wanted, to compare with it, and no other one for that.
    Compare(Option<Endpoint>),
    /// A link to a member is wanted no longer.
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

/// An open room: its genesis is known.
#[derive(Debug)]
pub struct Room {
    kept: Kept,
    membership: Membership,
    history: History,
}

impl Room {
    /// An empty room of this genesis, whose signature was checked. `make` makes what its apps keep in step.
    pub fn new(
        handle: RoomHandle,
        id: RoomId,
        genesis: Genesis,
        bytes: Vec<u8>,
        make: MakeReplica,
        me: Endpoint,
        config: &Config,
    ) -> Room {
        Room {
            kept: Kept::new(handle, id, genesis, bytes, make, me, config),
            membership: Membership::new(me),
            history: History::new(config),
        }
    }

    /// What the room keeps in step, and by which rules.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The same, to change what concerns nobody else.
    pub fn kept_mut(&mut self) -> &mut Kept {
        &mut self.kept
    }

    /// Its members and their overlay.
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// The same, to tell it what the node knows of members.
    pub fn membership_mut(&mut self) -> &mut Membership {
        &mut self.membership
    }

    /// The room is open and was not restored: its genesis is stored at once, before anything is written.
    pub fn handle_opened(&mut self, now: Now) {
        self.finish(now);
    }

    /// A member proved that it may be here, and so did we to it.
    pub fn handle_attached(&mut self, now: Now, endpoint: Endpoint, member: Member) {
        if !self.membership.handle_attached(now, endpoint, member, self.kept.rules.terms().overlay_choice()) {
            return;
        }
        self.take_said();
        self.kept.event(Event::MemberAttached { room: self.kept.handle, endpoint });
        self.begin_comparison(now, endpoint);
    }

    /// A member is attached over another link than before: what was on its way over the old one may be lost.
    pub fn handle_resumed(&mut self, now: Now, endpoint: Endpoint, member: Member) {
        self.membership.handle_member(endpoint, member);
        self.membership.tell_soon(now);
        self.kept.comparison.handle_detached(endpoint);
        self.begin_comparison(now, endpoint);
    }

    /// Sends what a member may lack, and has both ends compare the rest.
    fn begin_comparison(&mut self, now: Now, endpoint: Endpoint) {
        self.kept.rules.handle_attached(now.time, endpoint);
        let membership = &self.membership;
        self.kept.take_record_outputs(|endpoint| membership.stays(endpoint));
        // What one says on lanes counts by it, too.
        let me = self.kept.me.peer;
        self.kept.send_admissions(endpoint, &me);
        for batch in self.kept.writing.outbox().to_hand_over().cloned().collect::<Vec<_>>() {
            self.kept.send_live(alloc::vec![endpoint], &batch);
        }
        self.talking().handle_attached(now, endpoint);
        self.sharing().have(|blobs| blobs.handle_attached(now.time, endpoint));
        self.kept.comparison.handle_attached(now.time, endpoint, &self.kept.replicas);
        self.finish(now);
    }

    /// A member is no longer attached; `distant` when it is in the room still (see [`Event::MemberDetached`]).
    pub fn handle_detached(&mut self, now: Now, endpoint: Endpoint, distant: bool) {
        // What it told of the rules it may have told without being a member.
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

    /// An attached member said something, or somebody from whom records are taken.
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
                    // One that visits compares, too.
                    ring::begin(&mut self.kept, now, from);
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

    /// Stored batches can be acknowledged; when storing failed they are acknowledged as not stored, and stored
    /// again later.
    pub fn handle_persisted(&mut self, now: Now, token: u64, result: Result<(), String>) {
        let stored = result.is_ok();
        self.kept.storage.handle_persisted(now.time, token, result);
        self.kept.handle_records_stored(now, stored);
        self.finish(now);
    }

    /// Delivers what was held back, and does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        while let Some((from, checked)) = self.kept.delivery.take_due(now) {
            // Whoever sent it first: its author waits to hear that it was applied.
            let author = checked.batch.header().author;
            let from = if self.membership.members().contains_key(&author) { author } else { from };
            self.accept(now, from, checked, true);
        }
        aging::give_up_old(&mut self.kept, now);
        beaten::bound(&mut self.kept, now);
        giving_up::handle_timeout(&mut self.kept, now);
        ring::handle_timeout(&mut self.kept, &self.membership, now);
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
            self.kept.outputs.push_back(RoomOutput::Sign);
        }
        self.kept.comparison.handle_timeout(now.time, &self.kept.replicas);
        self.sharing().have(|blobs| blobs.handle_timeout(now.time));
        self.finish(now);
    }

    /// When [`Room::handle_timeout`] has something to do.
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
        let (aging, beaten) = (aging::poll_timeout(&self.kept, now), beaten::poll_timeout(&self.kept, now));
        let giving_up = giving_up::poll_timeout(&self.kept);
        let ring = self.kept.ring.poll_timeout();
        let due = due.into_iter().chain([said, passing, present, blobs, aging, beaten, giving_up, ring]);
        due.flatten().min()
    }

    /// What is to be sent, told or stored.
    pub fn poll_output(&mut self) -> Option<RoomOutput> {
        self.kept.outputs.pop_front()
    }

    /// The next message for `to` of the parts of the replica, or else of the history, that it wants, behind what its author is
    /// admitted by; nothing where there is none. Asked for when the link has room, so that a large replica streams between
    /// live batches.
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

    /// Whether [`Room::serve`] may have something for anybody.
    pub fn is_serving(&self) -> bool {
        self.kept.comparison.is_serving() || self.history.is_serving()
    }

    /// Stores what changed, acknowledges what may be, and takes over what the comparison wants said.
    fn finish(&mut self, now: Now) {
        let stays = |endpoint| self.membership.stays(endpoint);
        self.kept.take_record_outputs(stays);
        self.kept.fetch(now);
        self.kept.tell_dropped(now);
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

/// A member says that it has applied some of one's own batches.
fn handle_acknowledged(kept: &mut Kept, from: Endpoint, told: &Acknowledged) {
    let told_of = told.sequences.iter().copied().filter(|&own| kept.writing.has_written(own));
    let mut sequences: Vec<u64> = told_of.collect();
    for sequence in sequences.clone() {
        kept.writing.whereabouts_mut().handle_acknowledged(from, sequence);
        sequences.extend(kept.writing.outbox_mut().remove(sequence));
    }
    kept.event(Event::Acknowledged { room: kept.handle, by: from, sequences, stored: told.stored });
}
