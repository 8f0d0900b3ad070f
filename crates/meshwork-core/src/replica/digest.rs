//! A digest that is worked out once.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A digest that is computed when it is first asked for and kept until what it stands for changes.
///
/// Atomics let it be filled through a shared reference while the replica stays `Sync`. Whoever fills it at the
/// same time computes the same digest, since changes need the replica exclusively; so no fill can tear another.
#[derive(Debug, Default)]
pub(crate) struct DigestCache {
    known: AtomicBool,
    words: [AtomicU64; 4],
}

impl DigestCache {
    /// Forgets the digest.
    pub(crate) fn clear(&mut self) {
        *self.known.get_mut() = false;
    }

    /// The digest kept, or the one that `compute` gives.
    pub(crate) fn get_or_fill(&self, compute: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
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
