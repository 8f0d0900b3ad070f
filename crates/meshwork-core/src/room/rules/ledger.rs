//! The batches that can still count: those that win an entry, and those beaten last, which compete again when what
//! beat them does not count any more.
//!
//! # Limits
//! Of those that win no entry [`BEATEN_MAX`] of [`BEATEN_BYTES_MAX`] bytes are kept.

use alloc::collections::BTreeMap;
use core::ops::RangeInclusive;

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
    /// Each with when it was beaten, if it wins no entry.
    written: BTreeMap<BatchKey, (SignedBatch, Option<u64>)>,
    /// Those that win no entry, by when they were beaten.
    beaten: BTreeMap<u64, BatchKey>,
    beaten_bytes: usize,
    uses: u64,
}

impl Ledger {
    /// Whether a batch is held.
    pub fn holds(&self, key: &BatchKey) -> bool {
        self.written.contains_key(key)
    }

    /// The batches with which an author gave one place of its sequence: more than one where it contradicts itself.
    pub fn at(&self, key: &BatchKey) -> impl Iterator<Item = &SignedBatch> {
        self.within(edge(*key, u8::MIN)..=edge(*key, u8::MAX))
    }

    /// Notes a batch that wins an entry.
    pub fn note_kept(&mut self, batch: SignedBatch) {
        let key = batch.key();
        self.forget(&key);
        self.written.insert(key, (batch, None));
    }

    /// Notes a batch that wins no entry, for a while.
    pub fn note_beaten(&mut self, batch: SignedBatch) {
        let key = batch.key();
        self.written.insert(key, (batch, None));
        self.beat(key);
    }

    /// A batch wins no entry any more.
    pub fn beat(&mut self, key: BatchKey) {
        let Some((batch, at @ None)) = self.written.get_mut(&key) else { return };
        self.uses += 1;
        *at = Some(self.uses);
        self.beaten_bytes += batch.bytes().len();
        self.beaten.insert(self.uses, key);
        while self.beaten.len() > BEATEN_MAX || self.beaten_bytes > BEATEN_BYTES_MAX {
            let Some((_, oldest)) = self.beaten.first_key_value() else { break };
            let oldest = *oldest;
            self.forget(&oldest);
        }
    }

    /// Forgets a batch.
    pub fn forget(&mut self, key: &BatchKey) {
        if let Some((batch, Some(at))) = self.written.remove(key) {
            self.beaten.remove(&at);
            self.beaten_bytes -= batch.bytes().len();
        }
    }

    /// The batches that win no entry.
    pub fn beaten(&self) -> impl Iterator<Item = &SignedBatch> {
        self.beaten.values().filter_map(|key| self.written.get(key)).map(|(batch, _)| batch)
    }

    /// All batches of an endpoint, by sequence.
    pub fn of(&self, author: Endpoint) -> impl Iterator<Item = &SignedBatch> {
        let key = |sequence| BatchKey { author, sequence, id: ShortId([0; 16]) };
        self.within(key(0)..=edge(key(u64::MAX), u8::MAX))
    }

    /// All batches of a peer.
    pub fn of_peer(&self, peer: PeerId) -> impl Iterator<Item = &SignedBatch> {
        let key = |instance, sequence| {
            let author = Endpoint { peer, instance: Instance(instance) };
            BatchKey { author, sequence, id: ShortId([0; 16]) }
        };
        self.within(key(0, 0)..=edge(key(u64::MAX, u64::MAX), u8::MAX))
    }

    /// All batches.
    pub fn batches(&self) -> impl Iterator<Item = &SignedBatch> {
        self.written.values().map(|(batch, _)| batch)
    }

    fn within(&self, range: RangeInclusive<BatchKey>) -> impl Iterator<Item = &SignedBatch> {
        self.written.range(range).map(|(_, (batch, _))| batch)
    }
}

/// The least or the greatest key at one place of a sequence.
fn edge(key: BatchKey, fill: u8) -> BatchKey {
    BatchKey { id: ShortId([fill; 16]), ..key }
}
