//! Values that a room keeps in step: made of signed batches, compared part by part.
//!
//! # How it works
//! A [`Replica`] is what a room sees. Most are `Parts` of a `Family`: each entry is a last-writer-wins register, a
//! batch is kept while one of its entries wins, and entries lie in parts with a digest each. What entries are, how
//! batches carry them and what a retraction covers is the family's.
//!
//! # Invariants
//! - Entries, digests and kept batches depend on the set of batches applied, not on their order or repetition, as long
//!   as no two different batches have one key.
//! - A batch is kept if and only if it wins an entry.

mod digest;
mod family;
mod part;
mod parts;

use alloc::vec::Vec;

pub(crate) use digest::DigestCache;
pub(crate) use family::{Entries, Family, Slot};
pub(crate) use parts::Parts;
pub use parts::{Applied, Enforced};

use crate::batches::batch::{SignedBatch, UnverifiedBatch};

/// A blake3 digest.
pub type Digest = [u8; 32];

/// The digest of a part in which nobody wrote.
pub const EMPTY_PART_DIGEST: Digest = [0; 32];

/// Batches without which a part would not be what it is: each of them wins an entry of its own.
pub const PART_BATCHES_MAX: usize = 4096;

/// A value that is made of signed batches and compared part by part.
pub trait Replica {
    /// Digest of the whole: equal if and only if the values are.
    fn digest(&self) -> Digest;
    /// Number and digest of each part that is not empty, in ascending order.
    fn parts(&self) -> Vec<(u32, Digest)>;
    /// Digest of one part; that of the empty part where there is nothing, also for a number out of range.
    fn part_digest(&self, part: u32) -> Digest;
    /// The batches without which the part would not be what it is.
    fn part_batches(&self, part: u32) -> Vec<SignedBatch>;
    /// Digest that the part would have if these batches were all there is, whatever their signatures, under the same
    /// rules as ours; `None` when one of them is no batch of this part.
    fn digest_of(&self, part: u32, batches: &[UnverifiedBatch]) -> Option<Digest>;
}
