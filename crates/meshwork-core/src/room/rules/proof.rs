//! Equivocation: two batches of one endpoint that contradict each other, and what is known well enough to notice.
//!
//! # Problem
//! Who says one thing to some members and another to others, or counts less than it wrote where there is a limit,
//! could make rooms differ for ever. Each of the two batches alone is in order; only the pair is not.
//!
//! # How it works
//! An honest program numbers its batches without gaps, never stamps a later one before an earlier one, and under a
//! limit says in each what those before it in that window cost. So two batches [contradict](contradiction)
//! each other when they share a sequence but not their content, when their stamps and sequences run in opposite
//! order, or when the later one counts less than the earlier one has brought. Both are signed, so the pair is
//! a [`Proof`] that anybody can check and pass on. A [`Ledger`] holds the batches that replicas can still depend on;
//! since order and counting run along sequences, comparing a batch with its neighbours there is enough.
//!
//! # Limits
//! The ledger holds the batches that win an entry, and those beaten last: [`BEATEN_MAX`] of [`BEATEN_BYTES_MAX`] bytes.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::batches::batch::{BATCH_MAX, Batch, BatchError, SignedBatch, UnverifiedBatch};
use crate::id::{Endpoint, Instance, PeerId, RoomId};
use crate::room::rules::record::Limit;
use crate::seam::io::BatchKey;
use crate::wire::{self, Bytes, DecodeError};

/// Longest proof, in bytes: two of the longest batches.
pub const PROOF_MAX: usize = 2 * BATCH_MAX + 16;
/// Batches that win no entry any more and are kept for a while: half an hour of a room of 20 people who write eight
/// batches a minute each.
pub const BEATEN_MAX: usize = 4096;
/// Bytes of such batches, so that large ones do not multiply [`BEATEN_MAX`].
pub const BEATEN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a batch counts, under a record that has a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The limit.
    pub limit: Limit,
    /// What the batch costs.
    pub cost: usize,
}

/// Two batches of one endpoint that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The one with the lesser sequence, or of equal ones the one with the lesser bytes.
    first: SignedBatch,
    second: SignedBatch,
    hash: [u8; 32],
}

/// Why bytes are not a proof. Nothing was kept of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// They are not two batches.
    #[error("proof: {0}")]
    Body(#[from] DecodeError),
    /// One of the two is not a batch of this room.
    #[error("one of the two batches: {0}")]
    Batch(#[from] BatchError),
    /// The two do not contradict each other, as far as records are known here.
    #[error("the two batches do not contradict each other")]
    Consistent,
}

impl Proof {
    /// A proof of these two, if they contradict each other.
    pub fn of(
        one: &SignedBatch,
        other: &SignedBatch,
        counted: impl Fn(&Batch) -> Option<Counted>,
    ) -> Option<Proof> {
        contradiction(one, other, counted)?;
        let place = |batch: &SignedBatch| (batch.header().sequence, batch.bytes().to_vec());
        let (first, second) = if place(one) <= place(other) { (one, other) } else { (other, one) };
        let mut proof = Proof { first: first.clone(), second: second.clone(), hash: [0; 32] };
        proof.hash = *blake3::hash(&proof.encode()).as_bytes();
        Some(proof)
    }

    /// The proof as it travels and is stored.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&(batch_bytes(&self.first), batch_bytes(&self.second)))
    }

    /// Reads a proof and checks it. `counted` knows what batches count under the limits of records.
    ///
    /// # Errors
    /// [`ProofError`]; with [`ProofError::Consistent`] the record that is needed may only not be known yet.
    pub fn decode(
        bytes: &[u8],
        room: &RoomId,
        counted: impl Fn(&Batch) -> Option<Counted>,
    ) -> Result<Proof, ProofError> {
        let (one, other): (Bytes<BATCH_MAX>, Bytes<BATCH_MAX>) = wire::decode(bytes)?;
        let one = UnverifiedBatch::decode(&one)?.verify(room)?;
        let other = UnverifiedBatch::decode(&other)?.verify(room)?;
        let proof = Proof::of(&one, &other, counted).ok_or(ProofError::Consistent)?;
        // One proof has one form, whoever passes it on.
        if proof.first == one { Ok(proof) } else { Err(ProofError::Consistent) }
    }

    /// Who contradicted itself.
    pub fn endpoint(&self) -> Endpoint {
        self.first.header().author
    }

    /// The last sequence of the endpoint that still counts.
    pub fn head(&self) -> u64 {
        self.first.header().sequence - 1
    }

    /// Names the proof.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// In words: how the two contradict each other.
    pub fn words(&self, counted: impl Fn(&Batch) -> Option<Counted>) -> String {
        contradiction(&self.first, &self.second, counted).unwrap_or_default()
    }
}

fn batch_bytes(batch: &SignedBatch) -> Bytes<BATCH_MAX> {
    Bytes::new(batch.bytes().to_vec()).expect("a signed batch is within its limit")
}

/// How two batches contradict each other, in words; `None` when an honest program may have written both.
pub fn contradiction(
    one: &Batch,
    other: &Batch,
    counted: impl Fn(&Batch) -> Option<Counted>,
) -> Option<String> {
    let (a, b) = (one.header(), other.header());
    if a.author != b.author {
        return None;
    }
    if a.sequence == b.sequence {
        // Two signatures of one content say the same.
        return (one.body() != other.body())
            .then(|| format!("two different batches are number {}", a.sequence));
    }
    if a.sequence > b.sequence {
        return contradiction(other, one, counted);
    }
    if a.window.most > b.window.most {
        return Some(format!("batch {} is stamped before batch {}", b.sequence, a.sequence));
    }
    let (before, after) = (one.used()?, other.used()?);
    if a.record != b.record {
        return None;
    }
    let Counted { limit, cost } = counted(one)?;
    let brought = u64::from(before) + cost as u64;
    let same_window = limit.window(a.window.most) == limit.window(b.window.most);
    (same_window && brought > u64::from(after)).then(|| {
        format!(
            "batch {} counts a cost of {after} before it, but batch {} has brought {brought}",
            b.sequence, a.sequence
        )
    })
}

/// The batches that replicas can still depend on, by author.
#[derive(Debug, Default)]
pub struct Ledger {
    written: BTreeMap<Endpoint, BTreeMap<u64, SignedBatch>>,
    /// Those that win no entry, by when they were beaten.
    beaten: BTreeMap<u64, BatchKey>,
    beaten_at: BTreeMap<BatchKey, u64>,
    beaten_bytes: usize,
    uses: u64,
}

impl Ledger {
    /// The batch with this key, if it is held.
    pub fn get(&self, key: &BatchKey) -> Option<&SignedBatch> {
        self.written.get(&key.author)?.get(&key.sequence)
    }

    /// A held batch that may contradict this one: if none of its neighbours does, none does.
    pub fn neighbours(&self, key: &BatchKey) -> impl Iterator<Item = &SignedBatch> {
        let written = self.written.get(&key.author);
        let same = written.and_then(|written| written.get(&key.sequence));
        let before = written.and_then(|written| written.range(..key.sequence).next_back());
        let after = written.and_then(|written| written.range(key.sequence.saturating_add(1)..).next());
        same.into_iter().chain([before, after].into_iter().flatten().map(|(_, batch)| batch))
    }

    /// Notes a batch that wins an entry.
    pub fn note_kept(&mut self, batch: SignedBatch) {
        let key = batch.key();
        self.unbeat(&key);
        self.written.entry(key.author).or_default().insert(key.sequence, batch);
    }

    /// Notes a batch that wins no entry, for a while.
    pub fn note_beaten(&mut self, batch: SignedBatch) {
        let key = batch.key();
        self.written.entry(key.author).or_default().insert(key.sequence, batch);
        self.beat(key);
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
            written.remove(&key.sequence);
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
