//! What a room needs of a value to keep it in step: digests, parts, and the batches that make up a part.

use alloc::vec::Vec;

use super::canvas::{Canvas, EMPTY_TILE_DIGEST, TILE_CELLS};
use crate::gossip::batch::{SignedBatch, UnverifiedBatch};

/// A blake3 digest.
pub type Digest = [u8; 32];

/// Batches without which a part would not be what it is: in a canvas each of them wins a cell of its tile.
pub const PART_BATCHES_MAX: usize = TILE_CELLS;

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

impl Replica for Canvas {
    fn digest(&self) -> Digest {
        self.digest()
    }

    fn parts(&self) -> Vec<(u32, Digest)> {
        let tiles = (0..self.tile_count()).map(|tile| (tile, self.tile_digest(tile)));
        tiles.filter(|(_, digest)| *digest != EMPTY_TILE_DIGEST).collect()
    }

    fn part_digest(&self, part: u32) -> Digest {
        self.tile_digest(part)
    }

    fn part_batches(&self, part: u32) -> Vec<SignedBatch> {
        self.batches_of_tile(part).cloned().collect()
    }

    fn digest_of(&self, part: u32, batches: &[UnverifiedBatch]) -> Option<Digest> {
        self.tile_digest_of(part, batches)
    }
}
