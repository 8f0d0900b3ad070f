//! What two canvases compare to find out whether, and where, they differ.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use blake3::Hasher;

use super::size::CanvasSize;

/// The digest of a tile that nobody has painted on.
pub const EMPTY_TILE_DIGEST: [u8; 32] = [0; 32];

/// In a tile's digest, the bit of a colour that says that the author's key follows.
pub(super) const AUTHOR_FOLLOWS: u32 = 1 << 31;

/// A tile's digest is blake3 in its key derivation mode under this context.
const TILE_CONTEXT: &str = "meshwork canvas tile digest v1";
/// A canvas's digest is blake3 in its key derivation mode under this context.
const CANVAS_CONTEXT: &str = "meshwork canvas digest v1";

/// The digest of the cells of a tile, as [`Tile`](super::tile::Tile) writes them down.
pub(super) fn tile_digest(cells: &[u8]) -> [u8; 32] {
    *Hasher::new_derive_key(TILE_CONTEXT).update(cells).finalize().as_bytes()
}

/// The digest of a canvas, from the numbers and digests of the tiles that somebody painted on.
pub(super) fn canvas_digest(size: CanvasSize, tiles: impl Iterator<Item = (u32, [u8; 32])>) -> [u8; 32] {
    let mut hasher = Hasher::new_derive_key(CANVAS_CONTEXT);
    hasher.update(&size.width.to_le_bytes()).update(&size.height.to_le_bytes());
    for (tile, digest) in tiles {
        hasher.update(&tile.to_le_bytes()).update(&digest);
    }
    *hasher.finalize().as_bytes()
}

/// A digest that is computed when it is first asked for and kept until what it stands for changes.
///
/// Atomics let it be filled through a shared reference while the canvas stays `Sync`. Whoever fills it at the
/// same time computes the same digest, since changes need the canvas exclusively; so no fill can tear another.
#[derive(Debug, Default)]
pub(super) struct DigestCache {
    known: AtomicBool,
    words: [AtomicU64; 4],
}

impl DigestCache {
    /// Forgets the digest.
    pub(super) fn clear(&mut self) {
        *self.known.get_mut() = false;
    }

    /// The digest kept, or the one that `compute` gives.
    pub(super) fn get_or_fill(&self, compute: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
        let mut digest = [0; 32];
        if self.known.load(Ordering::Acquire) {
            for (bytes, word) in digest.chunks_exact_mut(8).zip(&self.words) {
                bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
            }
            return digest;
        }
        digest = compute();
        for (bytes, word) in digest.as_chunks::<8>().0.iter().zip(&self.words) {
            word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
        }
        self.known.store(true, Ordering::Release);
        digest
    }
}
