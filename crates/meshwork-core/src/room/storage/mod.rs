//! What a room keeps: changes on their way to durable storage, and the acknowledgements that wait for them.
//!
//! # Problem
//! A member that stores may call a batch stored only once it is. Disks are slow, fill up, and come back; the
//! room must not wait for them, must not forget what they did not take, and must not grow without bound.
//!
//! # How it works
//! Changes are gathered by key while [`PERSISTING_MAX`] others are on their way, so that a slow disk makes
//! larger changes instead of a queue. A change that failed is gathered again, under what came later. From then
//! on batches are acknowledged as applied but not stored, one change at a time is tried after a pause that
//! doubles from [`RETRY_LEAST`] to [`RETRY_MOST`], and once one succeeds the acknowledgements that are owed
//! are given, this time as stored.
//!
//! Several programs may write one store, as the tabs of a browser profile do. So a batch of the store that this room does
//! not hold is left there, unless this room took it in, or read it there, and then dropped it by the room's rules.
//!
//! # Invariants
//! - A batch is acknowledged as stored only after a change with it succeeded, or when nothing of it is to be kept.
//! - What is stored after a success is what the room kept when that change was gathered.
//! - A batch is removed from the store only after this room looked at it. The batches that superseded it are stored by the
//!   same change at the latest.
//! - Accepted batches reach the history once, in the order in which they were accepted; only those of a change
//!   that failed may come after later ones.
//!
//! # Limits
//! Gathered changes are at most what the room holds and what is on disk. For the history, batches of
//! [`ACCEPTED_BYTES_MAX`] bytes wait; beyond, the oldest are left out and counted. Each endpoint is owed at most
//! [`OUTBOX_MAX`] acknowledgements, as many as it has batches in its outbox.

pub mod form;
mod restoring;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::id::Endpoint;
use crate::room::OUTBOX_MAX;
use crate::seam::config::Config;
use crate::seam::io::{AcceptedBatch, StoreChange};
use crate::signed::batch::BatchKey;
use crate::signed::batch::SignedBatch;
use crate::time::{Now, Time, WallTime};

/// Changes that are on their way to storage at a time. Further ones are gathered into the next, so that a slow
/// disk makes larger commits instead of a queue.
pub const PERSISTING_MAX: usize = 2;
/// Pause before a failed change is tried again: a disk that was full may have been cleared by hand.
pub const RETRY_LEAST: Duration = Duration::from_secs(1);
/// Longest such pause: who has made room on the disk does not wait much longer than this for the all-clear.
pub const RETRY_MOST: Duration = Duration::from_secs(60);
/// Bytes of accepted batches that wait for the history while storage fails or is slow.
pub const ACCEPTED_BYTES_MAX: usize = 8 * 1024 * 1024;

type Acknowledgements = BTreeMap<Endpoint, BTreeSet<u64>>;

/// What a room's storage wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StorageOutput {
    /// To be stored.
    Persist { token: u64, change: StoreChange },
    /// To be told to a member.
    Acknowledge { to: Endpoint, sequences: BTreeSet<u64>, stored: bool },
    /// Storing failed; the room goes on.
    Failed(String),
    /// Everything is stored again.
    Recovered,
}

/// What is stored of one room, is about to be, and is to be acknowledged then.
#[derive(Debug)]
pub(super) struct Storage {
    stores: bool,
    /// Only while it stores.
    keeps_history: bool,
    gathered: Change,
    accepted_bytes: usize,
    /// To be acknowledged with the next change.
    acknowledgements: Acknowledgements,
    /// Told as not stored, and to be told again once they are.
    owed: Acknowledgements,
    on_the_way: BTreeMap<u64, OnTheWay>,
    /// Batches that a store may have in another form than they should have there, while the room is not stored.
    outdated: BTreeSet<BatchKey>,
    /// Batches that were read from the store and then dropped by the room's rules, while the room is not stored: at most
    /// what the store has.
    dropped: BTreeSet<BatchKey>,
    /// Batches that were read from the store and that this program can never take in: at most what the store has. They
    /// stay there, since a later version may read them.
    refused: BTreeSet<BatchKey>,
    next_token: u64,
    failing: Option<Failing>,
    /// Whether everything was stored when that was last asked.
    was_done: bool,
    outputs: VecDeque<StorageOutput>,
}

/// A change of what is stored.
#[derive(Debug, Default)]
struct Change {
    genesis: Option<Vec<u8>>,
    /// The room's records, when they are others than those on disk.
    records: Option<Vec<u8>>,
    batches: BTreeMap<BatchKey, Wanted>,
    accepted: VecDeque<(WallTime, SignedBatch)>,
    missed: u64,
}

/// What is to become of a batch in the store.
#[derive(Debug)]
struct Wanted {
    /// The batch, and when it lost its last entry if it wins none; `None` where it is to be removed.
    batch: Option<(SignedBatch, Option<u32>)>,
    /// Whether the store may have it from before, in whichever form.
    is_there: bool,
}

#[derive(Debug)]
struct OnTheWay {
    change: Change,
    acknowledgements: Acknowledgements,
    /// Whether they were told as not stored already.
    told: bool,
}

#[derive(Debug)]
struct Failing {
    retry_at: Time,
    pause: Duration,
    reason: String,
}

impl Storage {
    /// Nothing is stored yet; `genesis` is to be.
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

    /// Whether all that the room keeps is stored, by whomever it was written.
    pub(super) fn is_done(&self) -> bool {
        self.stores && self.failing.is_none() && self.gathered.is_empty() && self.on_the_way.is_empty()
    }

    /// Whether changes are to be stored or on their way, and storing does not fail.
    pub(super) fn is_storing(&self) -> bool {
        let waits = !self.gathered.is_empty() || !self.on_the_way.is_empty();
        self.stores && self.failing.is_none() && waits
    }

    /// Whether everything is stored, and was not when this was last asked.
    pub(super) fn has_become_done(&mut self) -> bool {
        let (is_done, was_done) = (self.is_done(), self.was_done);
        self.was_done = is_done;
        is_done && !was_done
    }

    /// From now on the room is stored. `stored` is on disk already; `kept` is to be, and what waits since a day. Of what is on
    /// disk and is neither kept nor waits, only what this room dropped is removed: `is_delivered` says whether it took in a
    /// batch at any time. The rest is another program's.
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

    /// The room is not stored any longer: what waits for storage is acknowledged as not stored.
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

    /// A batch is no longer held.
    pub(super) fn remove(&mut self, key: BatchKey) {
        if self.stores {
            self.want(key, None, true);
        } else {
            self.outdated.remove(&key);
        }
    }

    /// A batch that was read from the store is not to be held.
    pub(super) fn drop_stored(&mut self, key: BatchKey) {
        if !self.stores {
            self.dropped.insert(key);
        }
        self.remove(key);
    }

    /// A batch that was read from the store cannot be taken in.
    pub(super) fn refuse_stored(&mut self, key: BatchKey) {
        self.refused.insert(key);
    }

    /// Whether a batch that was read from the store can never be taken in.
    pub(super) fn is_refused(&self, key: &BatchKey) -> bool {
        self.refused.contains(key)
    }

    /// A batch was taken in and is kept from now on.
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

    /// A batch that was accepted before is kept again.
    pub(super) fn insert_again(&mut self, batch: SignedBatch) {
        if self.stores {
            self.want(batch.key(), Some((batch, None)), true);
        } else {
            self.outdated.insert(batch.key());
        }
    }

    /// A batch wins no entry since this day, and waits. The store may have it where `is_there` says so.
    pub(super) fn set_aside(&mut self, batch: &SignedBatch, day: u32, is_there: bool) {
        if self.stores {
            self.want(batch.key(), Some((batch.clone(), Some(day))), is_there);
        } else if is_there {
            self.outdated.insert(batch.key());
        }
    }

    /// Whether changes of the records are gathered or on their way.
    pub(super) fn is_storing_records(&self) -> bool {
        let on_the_way = self.on_the_way.values().any(|waiting| waiting.change.records.is_some());
        on_the_way || self.gathered.records.is_some()
    }

    /// The room has other records than before: all of them, in one string of bytes.
    pub(super) fn replace_records(&mut self, records: Vec<u8>) {
        if self.stores {
            self.gathered.records = Some(records);
        }
    }

    /// A member is to hear that its batch was applied, and when that is stored.
    pub(super) fn acknowledge(&mut self, to: Endpoint, sequence: u64) {
        self.acknowledgements.entry(to).or_default().insert(sequence);
    }

    /// Nobody is owed anything who has left.
    pub(super) fn handle_detached(&mut self, endpoint: Endpoint) {
        self.acknowledgements.remove(&endpoint);
        self.owed.remove(&endpoint);
    }

    /// Sends what was gathered on its way, when it may go.
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

    /// What became of a change.
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

    /// When [`Storage::settle`] has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        self.failing.as_ref().filter(|_| self.on_the_way.is_empty()).map(|failing| failing.retry_at)
    }

    /// What is to be done next.
    pub(super) fn poll_output(&mut self) -> Option<StorageOutput> {
        self.outputs.pop_front()
    }

    fn persist(&mut self, acknowledgements: Acknowledgements, told: bool) {
        // A try after a failure goes out even when there is nothing left to store: only storage itself can say
        // that it works again.
        if !self.gathered.is_empty() || self.failing.is_some() {
            let change = core::mem::take(&mut self.gathered);
            let token = self.next_token;
            self.next_token += 1;
            self.outputs.push_back(StorageOutput::Persist { token, change: change.to_store() });
            self.on_the_way.insert(token, OnTheWay { change, acknowledgements, told });
        } else if let Some(last) = self.on_the_way.values_mut().next_back() {
            // What is acknowledged again may still be on its way to storage.
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
        // Whoever waits for a later change may wait for a batch of this one as well.
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

    /// Gathers what is to become of a batch. What the store does not have need not be removed.
    fn want(&mut self, key: BatchKey, batch: Option<(SignedBatch, Option<u32>)>, is_there: bool) {
        let before = self.gathered.batches.get(&key);
        // What is gathered knows better: whoever removes a batch cannot tell whether it was ever on its way.
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

    /// Takes a failed change up again, under what came later.
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

    /// Leaves out the oldest accepted batches where too many wait; those on their way are not touched.
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
