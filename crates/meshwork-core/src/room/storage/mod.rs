//! Storage of a room: changes on their way to disk, and the acknowledgements that wait for them.
//!
//! # Problem
//! A member may acknowledge a batch as stored only once it is. Disks are slow, fill up, and come back. The
//! room must not wait for them, must not forget failed changes, and must not grow without bound.
//!
//! # How it works
//! Changes are gathered by key while [`PERSISTING_MAX`] others are on their way, so that a slow disk makes
//! larger changes instead of a queue. A failed change is gathered again, beneath later ones. From then
//! on batches are acknowledged as applied but not stored, one change at a time is tried after a pause that
//! doubles from [`RETRY_LEAST`] to [`RETRY_MOST`], and once one succeeds the same batches are
//! acknowledged as stored.
//!
//! Several programs may write one store, as the tabs of a browser profile do. So an unknown batch of the store
//! stays there, unless this room accepted or read it, and then dropped it by the room's rules.
//!
//! # Invariants
//! - A batch is acknowledged as stored only after a change with it succeeded, or if nothing of it must be kept.
//! - After a success the store has the state of the room when that change was gathered.
//! - A batch is removed from the store only after this room read it. The batches that superseded it are stored by the
//!   same change at the latest.
//! - Accepted batches reach the history once, in the order of acceptance; only those of a failed change
//!   may come after later ones.
//!
//! # Limits
//! Gathered changes are at most the batches of the room and of the disk. For the history, batches of
//! [`ACCEPTED_BYTES_MAX`] bytes wait; beyond, the oldest are left out and counted. Each endpoint waits for at most
//! [`OUTBOX_MAX`] acknowledgements, as many as it has batches in its outbox.

pub mod form;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::id::Endpoint;
use crate::room::writing::outbox::OUTBOX_MAX;
use crate::seam::config::Config;
use crate::seam::io::{AcceptedBatch, StoreChange};
use crate::signed::batch::BatchKey;
use crate::signed::batch::SignedBatch;
use crate::time::{Now, Time, WallTime};

/// Changes on their way to storage at a time. Further ones are gathered into the next, so that a slow
/// disk makes larger commits instead of a queue.
pub const PERSISTING_MAX: usize = 2;
/// Pause before a failed change is tried again: a person may have cleared a full disk.
pub const RETRY_LEAST: Duration = Duration::from_secs(1);
/// Longest such pause: a person who cleared the disk need not wait much longer for the all-clear.
pub const RETRY_MOST: Duration = Duration::from_secs(60);
/// Bytes of accepted batches that wait for the history while storage fails or is slow.
pub const ACCEPTED_BYTES_MAX: usize = 8 * 1024 * 1024;

type Acknowledgements = BTreeMap<Endpoint, BTreeSet<u64>>;

/// An output of the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StorageOutput {
    /// Store this.
    Persist { token: u64, change: StoreChange },
    /// Send this to a member.
    Acknowledge { to: Endpoint, sequences: BTreeSet<u64>, stored: bool },
    /// Storing failed; the room goes on.
    Failed(String),
    /// Everything is stored again.
    Recovered,
}

/// The stored and gathered changes of one room, and the acknowledgements that wait for them.
#[derive(Debug)]
pub(super) struct Storage {
    stores: bool,
    /// Only while the driver stores.
    keeps_history: bool,
    gathered: Change,
    accepted_bytes: usize,
    /// Acknowledgements for the next change.
    acknowledgements: Acknowledgements,
    /// Batches that were acknowledged as not stored, for a second acknowledgement.
    owed: Acknowledgements,
    on_the_way: BTreeMap<u64, OnTheWay>,
    /// Batches that a store may have in an outdated form, while the room is not stored.
    outdated: BTreeSet<BatchKey>,
    /// Batches that were read from the store and then dropped by the room's rules, while the room is not stored: at
    /// most as many as the store has.
    dropped: BTreeSet<BatchKey>,
    /// Batches from the store that this program can never accept: at most as many as the store has. They
    /// stay there, since a later version may read them.
    refused: BTreeSet<BatchKey>,
    next_token: u64,
    failing: Option<Failing>,
    /// The result of the last question whether everything is stored.
    was_done: bool,
    outputs: VecDeque<StorageOutput>,
}

/// A change of the store.
#[derive(Debug, Default)]
struct Change {
    genesis: Option<Vec<u8>>,
    /// The room's records, if they differ from those on disk.
    records: Option<Vec<u8>>,
    batches: BTreeMap<BatchKey, Wanted>,
    accepted: VecDeque<(WallTime, SignedBatch)>,
    missed: u64,
}

/// The wanted state of a batch in the store.
#[derive(Debug)]
struct Wanted {
    /// The batch, and the day on which it was superseded if it was; `None` to remove it.
    batch: Option<(SignedBatch, Option<u32>)>,
    /// Whether the store may have an earlier form of it.
    is_there: bool,
}

#[derive(Debug)]
struct OnTheWay {
    change: Change,
    acknowledgements: Acknowledgements,
    /// Whether they were acknowledged as not stored already.
    told: bool,
}

#[derive(Debug)]
struct Failing {
    retry_at: Time,
    pause: Duration,
    reason: String,
}

impl Storage {
    /// Nothing is stored yet; `genesis` will be.
    pub(super) fn new(config: &Config, genesis: &[u8]) -> Storage {
        let genesis = config.stores.then(|| genesis.to_vec());
        Storage {
            stores: config.stores,
            keeps_history: config.keeps_history,
            gathered: Change { genesis, ..Change::default() },
            accepted_bytes: 0,
            acknowledgements: BTreeMap::new(),
            owed: BTreeMap::new(),
            on_the_way: BTreeMap::new(),
            outdated: BTreeSet::new(),
            dropped: BTreeSet::new(),
            refused: BTreeSet::new(),
            next_token: 1,
            failing: None,
            was_done: false,
            outputs: VecDeque::new(),
        }
    }

    /// Whether this room is stored now.
    pub(super) fn stores(&self) -> bool {
        self.stores
    }

    /// Whether everything of the room is stored, by any program.
    pub(super) fn is_done(&self) -> bool {
        self.stores && self.failing.is_none() && self.gathered.is_empty() && self.on_the_way.is_empty()
    }

    /// Whether changes wait or are on their way, and storing works.
    pub(super) fn is_storing(&self) -> bool {
        let waits = !self.gathered.is_empty() || !self.on_the_way.is_empty();
        self.stores && self.failing.is_none() && waits
    }

    /// Whether everything is stored now, and was not at the last call.
    pub(super) fn has_become_done(&mut self) -> bool {
        let (is_done, was_done) = (self.is_done(), self.was_done);
        self.was_done = is_done;
        is_done && !was_done
    }

    /// The room is stored from now on. `stored` is on disk already; `kept` must be, and superseded batches with their
    /// days. Of the rest on disk, only batches that this room dropped are removed: `is_delivered` tells whether it
    /// accepted a batch at any time. The others belong to another program.
    pub(super) fn start<'a>(
        &mut self,
        genesis: &[u8],
        stored: &BTreeSet<BatchKey>,
        kept: impl Iterator<Item = &'a SignedBatch>,
        waiting: impl Iterator<Item = (&'a SignedBatch, u32)>,
        is_delivered: impl Fn(&BatchKey) -> bool,
    ) {
        self.stores = true;
        self.gathered.genesis = Some(genesis.to_vec());
        let (mut others, outdated) = (stored.clone(), core::mem::take(&mut self.outdated));
        let dropped = core::mem::take(&mut self.dropped);
        let kept = kept.map(|batch| (batch, None));
        for (batch, lost_on) in kept.chain(waiting.map(|(batch, day)| (batch, Some(day)))) {
            let is_there = others.remove(&batch.key());
            if !is_there || outdated.contains(&batch.key()) {
                self.want(batch.key(), Some((batch.clone(), lost_on)), is_there);
            }
        }
        let is_dropped = |key: &BatchKey| dropped.contains(key) || is_delivered(key);
        others.into_iter().filter(is_dropped).for_each(|key| self.want(key, None, true));
    }

    /// The room is no longer stored: waiting batches are acknowledged as not stored.
    pub(super) fn stop(&mut self) {
        self.stores = false;
        self.failing = None;
        self.owed.clear();
        self.accepted_bytes = 0;
        self.gathered = Change::default();
        for waiting in core::mem::take(&mut self.on_the_way).into_values().filter(|waiting| !waiting.told) {
            self.tell(waiting.acknowledgements, false);
        }
    }

    /// The genesis is stored already.
    pub(super) fn handle_restored(&mut self) {
        self.gathered.genesis = None;
    }

    /// A batch was dropped.
    pub(super) fn remove(&mut self, key: BatchKey) {
        if self.stores {
            self.want(key, None, true);
        } else {
            self.outdated.remove(&key);
        }
    }

    /// A batch from the store was dropped.
    pub(super) fn drop_stored(&mut self, key: BatchKey) {
        if !self.stores {
            self.dropped.insert(key);
        }
        self.remove(key);
    }

    /// A batch from the store cannot be accepted.
    pub(super) fn refuse_stored(&mut self, key: BatchKey) {
        self.refused.insert(key);
    }

    /// Whether a batch from the store can never be accepted.
    pub(super) fn is_refused(&self, key: &BatchKey) -> bool {
        self.refused.contains(key)
    }

    /// A batch was accepted and is kept from now on.
    pub(super) fn insert(&mut self, now: Now, batch: SignedBatch) {
        if !self.stores {
            return;
        }
        if self.keeps_history {
            self.accepted_bytes += batch.bytes().len();
            self.gathered.accepted.push_back((now.wall, batch.clone()));
            self.bound_accepted();
        }
        if planted!(FoldUnstored) && batch.header().window.least != batch.header().window.most {
            return;
        }
        self.want(batch.key(), Some((batch, None)), false);
    }

    /// An earlier batch is kept again.
    pub(super) fn insert_again(&mut self, batch: SignedBatch) {
        if self.stores {
            self.want(batch.key(), Some((batch, None)), true);
        } else {
            self.outdated.insert(batch.key());
        }
    }

    /// A batch was superseded on this day, and waits. The store may have it if `is_there`.
    pub(super) fn set_aside(&mut self, batch: &SignedBatch, day: u32, is_there: bool) {
        if self.stores {
            self.want(batch.key(), Some((batch.clone(), Some(day))), is_there);
        } else if is_there {
            self.outdated.insert(batch.key());
        }
    }

    /// Whether changes of the records wait or are on their way.
    pub(super) fn is_storing_records(&self) -> bool {
        let on_the_way = self.on_the_way.values().any(|waiting| waiting.change.records.is_some());
        on_the_way || self.gathered.records.is_some()
    }

    /// The room has new records: all of them, in one string of bytes.
    pub(super) fn replace_records(&mut self, records: Vec<u8>) {
        if self.stores {
            self.gathered.records = Some(records);
        }
    }

    /// A member gets an acknowledgement of its batch as applied, and as stored later.
    pub(super) fn acknowledge(&mut self, to: Endpoint, sequence: u64) {
        self.acknowledgements.entry(to).or_default().insert(sequence);
    }

    /// Drops the acknowledgements of a member that left.
    pub(super) fn handle_detached(&mut self, endpoint: Endpoint) {
        self.acknowledgements.remove(&endpoint);
        self.owed.remove(&endpoint);
    }

    /// Sends gathered changes on their way, if possible.
    pub(super) fn settle(&mut self, now: Time) {
        let acknowledgements = core::mem::take(&mut self.acknowledgements);
        if !self.stores {
            return self.tell(acknowledgements, false);
        }
        if let Some(failing) = &self.failing {
            let may_try = failing.retry_at <= now && self.on_the_way.is_empty();
            self.owe(acknowledgements.clone());
            self.tell(acknowledgements, false);
            if may_try {
                let owed = core::mem::take(&mut self.owed);
                self.persist(owed, true);
            }
        } else if planted!(AcknowledgedEarly) {
            self.tell(acknowledgements, true);
            self.persist(Acknowledgements::new(), true);
        } else if self.on_the_way.len() < PERSISTING_MAX {
            self.persist(acknowledgements, false);
        } else {
            self.acknowledgements = acknowledgements;
        }
    }

    /// The result of a change.
    pub(super) fn handle_persisted(&mut self, now: Time, token: u64, result: Result<(), String>) {
        let Some(ended) = self.on_the_way.remove(&token) else { return };
        if let Err(reason) = result {
            return self.handle_failure(now, ended, reason);
        }
        let bytes: usize = ended.change.accepted.iter().map(|(_, batch)| batch.bytes().len()).sum();
        self.accepted_bytes -= bytes;
        self.tell(ended.acknowledgements, true);
        if self.failing.take().is_some() {
            self.outputs.push_back(StorageOutput::Recovered);
            for (endpoint, owed) in core::mem::take(&mut self.owed) {
                self.acknowledgements.entry(endpoint).or_default().extend(owed);
            }
        }
    }

    /// The time at which [`Storage::settle`] has work.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.failing.as_ref().filter(|_| self.on_the_way.is_empty()).map(|failing| failing.retry_at)
    }

    /// The next output.
    pub(super) fn poll_output(&mut self) -> Option<StorageOutput> {
        self.outputs.pop_front()
    }

    fn persist(&mut self, acknowledgements: Acknowledgements, told: bool) {
        // After a failure a change goes out even if nothing is left to store: only storage itself can report
        // that it works again.
        if !self.gathered.is_empty() || self.failing.is_some() {
            let change = core::mem::take(&mut self.gathered);
            let token = self.next_token;
            self.next_token += 1;
            self.outputs.push_back(StorageOutput::Persist { token, change: change.to_store() });
            self.on_the_way.insert(token, OnTheWay { change, acknowledgements, told });
        } else if let Some(last) = self.on_the_way.values_mut().next_back() {
            // Batches of a second acknowledgement may still be on their way to storage.
            for (endpoint, sequences) in acknowledgements {
                last.acknowledgements.entry(endpoint).or_default().extend(sequences);
            }
        } else {
            self.tell(acknowledgements, true);
        }
    }

    fn handle_failure(&mut self, now: Time, failed: OnTheWay, reason: String) {
        let pause = self.failing.as_ref().map_or(RETRY_LEAST, |failing| (failing.pause * 2).min(RETRY_MOST));
        if self.failing.as_ref().is_none_or(|failing| failing.reason != reason) {
            self.outputs.push_back(StorageOutput::Failed(reason.clone()));
        }
        self.failing = Some(Failing { retry_at: now + pause, pause, reason });
        // A member that waits for a later change may also wait for a batch of this one.
        let later = self.on_the_way.values_mut();
        let mut waiting: Vec<_> =
            later.map(|later| (core::mem::take(&mut later.acknowledgements), later.told)).collect();
        waiting.push((failed.acknowledgements, failed.told));
        for (acknowledgements, told) in waiting {
            self.owe(acknowledgements.clone());
            if !told {
                self.tell(acknowledgements, false);
            }
        }
        self.gather_again(failed.change);
    }

    /// Gathers the wanted state of a batch. A batch that the store lacks need not be removed.
    fn want(&mut self, key: BatchKey, batch: Option<(SignedBatch, Option<u32>)>, is_there: bool) {
        let before = self.gathered.batches.get(&key);
        // The gathered state is more precise: the caller cannot tell whether a removed batch was ever on its way.
        let is_there = before.map_or(is_there, |before| before.is_there) || self.is_on_the_way(&key);
        if batch.is_none() && !is_there {
            self.gathered.batches.remove(&key);
        } else {
            self.gathered.batches.insert(key, Wanted { batch, is_there });
        }
    }

    fn is_on_the_way(&self, key: &BatchKey) -> bool {
        self.on_the_way.values().any(|other| other.change.batches.contains_key(key))
    }

    /// Gathers a failed change again, beneath later ones.
    fn gather_again(&mut self, failed: Change) {
        self.gathered.genesis = self.gathered.genesis.take().or(failed.genesis);
        if self.on_the_way.values().all(|later| later.change.records.is_none()) {
            self.gathered.records = self.gathered.records.take().or(failed.records);
        }
        for (key, failed) in failed.batches {
            if self.is_on_the_way(&key) {
                continue;
            }
            match self.gathered.batches.get_mut(&key) {
                // It never reached the disk.
                Some(Wanted { batch: None, .. }) if !failed.is_there => {
                    self.gathered.batches.remove(&key);
                }
                Some(later) => later.is_there = failed.is_there,
                None => {
                    self.gathered.batches.insert(key, failed);
                }
            }
        }
        let later = core::mem::replace(&mut self.gathered.accepted, failed.accepted);
        self.gathered.accepted.extend(later);
        self.gathered.missed += failed.missed;
        self.bound_accepted();
    }

    /// Leaves out the oldest accepted batches if too many wait, except those on their way.
    fn bound_accepted(&mut self) {
        while self.accepted_bytes > ACCEPTED_BYTES_MAX
            && let Some((_, batch)) = self.gathered.accepted.pop_front()
        {
            self.accepted_bytes -= batch.bytes().len();
            self.gathered.missed += 1;
        }
    }

    fn owe(&mut self, acknowledgements: Acknowledgements) {
        for (endpoint, sequences) in acknowledgements {
            let owed = self.owed.entry(endpoint).or_default();
            owed.extend(sequences);
            while owed.len() > OUTBOX_MAX {
                owed.pop_first();
            }
        }
    }

    fn tell(&mut self, acknowledgements: Acknowledgements, stored: bool) {
        for (to, sequences) in acknowledgements {
            if !sequences.is_empty() {
                self.outputs.push_back(StorageOutput::Acknowledge { to, sequences, stored });
            }
        }
    }
}

impl Change {
    fn is_empty(&self) -> bool {
        let nothing_new = self.genesis.is_none() && self.records.is_none();
        nothing_new && self.batches.is_empty() && self.accepted.is_empty() && self.missed == 0
    }

    fn to_store(&self) -> StoreChange {
        let mut change = StoreChange {
            genesis: self.genesis.clone(),
            records: self.records.clone(),
            missed: self.missed,
            ..StoreChange::default()
        };
        for (key, wanted) in &self.batches {
            match &wanted.batch {
                Some((batch, lost_on)) => change.insert.push((*key, form::write(batch, *lost_on))),
                None => change.remove.push(*key),
            }
        }
        let accepted = self.accepted.iter();
        change.accepted = accepted
            .map(|(at, batch)| AcceptedBatch { key: batch.key(), at: *at, bytes: batch.bytes().to_vec() })
            .collect();
        change
    }
}

#[cfg(test)]
mod tests;
