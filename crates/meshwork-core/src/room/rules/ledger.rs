//! The batches that can still count: those that win an entry, and those beaten last, which compete again when what
//! beat them does not count any more.
//!
//! # Limits
//! Of those that win no entry [`BEATEN_MAX`] of [`BEATEN_BYTES_MAX`] bytes are kept.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::id::{Endpoint, Instance, PeerId};
use crate::signed::batch::{BatchKey, SignedBatch};
use crate::signed::list::ShortId;

/// Batches that win no entry any more and are kept for a while: half an hour of a room of 20 people who write eight
/// batches a minute each.
pub const BEATEN_MAX: usize = 4096;
/// Bytes of such batches, so that large ones do not multiply [`BEATEN_MAX`].
pub const BEATEN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The batches, by author and sequence.
#[derive(Debug, Default)]
pub struct Ledger {
    written: BTreeMap<Endpoint, BTreeMap<(u64, ShortId), SignedBatch>>,
    /// Those that win no entry, by when they were beaten.
    beaten: BTreeMap<u64, BatchKey>,
    beaten_at: BTreeMap<BatchKey, u64>,
    beaten_bytes: usize,
    uses: u64,
}

impl Ledger {
    /// The batch with this key, if it is held.
    pub fn get(&self, key: &BatchKey) -> Option<&SignedBatch> {
        self.written.get(&key.author)?.get(&(key.sequence, key.id))
    }

    /// The batches with which an author gave one place of its sequence: more than one where it contradicts itself.
    pub fn at(&self, key: &BatchKey) -> impl Iterator<Item = &SignedBatch> {
        let place = (key.sequence, ShortId([u8::MIN; 16]))..=(key.sequence, ShortId([u8::MAX; 16]));
        let written = self.written.get(&key.author).into_iter();
        written.flat_map(move |written| written.range(place.clone())).map(|(_, batch)| batch)
    }

    /// Notes a batch that wins an entry.
    pub fn note_kept(&mut self, batch: SignedBatch) {
        self.unbeat(&batch.key());
        self.insert(batch);
    }

    /// Notes a batch that wins no entry, for a while.
    pub fn note_beaten(&mut self, batch: SignedBatch) {
        let key = batch.key();
        self.insert(batch);
        self.beat(key);
    }

    fn insert(&mut self, batch: SignedBatch) {
        let BatchKey { author, sequence, id } = batch.key();
        self.written.entry(author).or_default().insert((sequence, id), batch);
    }

    /// A batch wins no entry any more.
    pub fn beat(&mut self, key: BatchKey) {
        let Some(length) = self.get(&key).map(|batch| batch.bytes().len()) else { return };
        if self.beaten_at.contains_key(&key) {
            return;
        }
        self.uses += 1;
        self.beaten.insert(self.uses, key);
        self.beaten_at.insert(key, self.uses);
        self.beaten_bytes += length;
        while self.beaten.len() > BEATEN_MAX || self.beaten_bytes > BEATEN_BYTES_MAX {
            let Some((_, oldest)) = self.beaten.first_key_value() else { break };
            let oldest = *oldest;
            self.forget(&oldest);
        }
    }

    /// Forgets a batch.
    pub fn forget(&mut self, key: &BatchKey) {
        self.unbeat(key);
        if let Some(written) = self.written.get_mut(&key.author) {
            written.remove(&(key.sequence, key.id));
            if written.is_empty() {
                self.written.remove(&key.author);
            }
        }
    }

    /// Forgets all batches of which `stands` does not hold.
    pub fn retain(&mut self, stands: impl Fn(&SignedBatch) -> bool) {
        let void: Vec<BatchKey> =
            self.batches().filter(|batch| !stands(batch)).map(|batch| batch.key()).collect();
        void.iter().for_each(|key| self.forget(key));
    }

    /// The batches that win no entry.
    pub fn beaten(&self) -> impl Iterator<Item = &SignedBatch> {
        self.beaten.values().filter_map(|key| self.get(key))
    }

    /// All batches of an endpoint, by sequence.
    pub fn of(&self, author: Endpoint) -> impl Iterator<Item = &SignedBatch> {
        self.written.get(&author).into_iter().flat_map(BTreeMap::values)
    }

    /// All batches of a peer.
    pub fn of_peer(&self, peer: PeerId) -> impl Iterator<Item = &SignedBatch> {
        let endpoint = |instance| Endpoint { peer, instance: Instance(instance) };
        self.written.range(endpoint(u64::MIN)..=endpoint(u64::MAX)).flat_map(|(_, written)| written.values())
    }

    /// All batches.
    pub fn batches(&self) -> impl Iterator<Item = &SignedBatch> {
        self.written.values().flat_map(BTreeMap::values)
    }

    fn unbeat(&mut self, key: &BatchKey) {
        if let Some(order) = self.beaten_at.remove(key) {
            self.beaten.remove(&order);
            let length = self.get(key).map_or(0, |batch| batch.bytes().len());
            self.beaten_bytes -= length;
        }
    }
}
