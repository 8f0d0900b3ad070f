//! Names of batches for one request, six bytes each.
//!
//! The key is new for each request, so nobody can search in advance for batches with equal names, and batches that
//! collide by chance differ the next time.

use crate::room::message::KeyedId;
use crate::signed::batch::Batch;
use crate::time::Time;

/// The key of a request is blake3 of its nonce in its key derivation mode under this context.
const KEY_CONTEXT: &str = "meshwork batch names of a request v1";

/// A request's nonce is blake3 in its key derivation mode under this context.
const NONCE_CONTEXT: &str = "meshwork comparison nonce v1";

/// A number for one request. An attacker that foresees it can give two batches one name, once. The remaining difference
/// is then requested without names.
pub(super) fn nonce(now: Time, wanted: u64) -> u64 {
    let hash = blake3::derive_key(NONCE_CONTEXT, &[now.0.to_le_bytes(), wanted.to_le_bytes()].concat());
    u64::from_le_bytes(*hash.first_chunk().expect("a hash has 32 bytes"))
}

/// Names batches for one request.
pub(super) struct Keys([u8; 32]);

impl Keys {
    pub(super) fn new(nonce: u64) -> Keys {
        Keys(blake3::derive_key(KEY_CONTEXT, &nonce.to_le_bytes()))
    }

    /// The first six bytes of blake3 keyed with the request's key, over the batch's id.
    pub(super) fn id_of(&self, batch: &Batch) -> KeyedId {
        let hash = blake3::keyed_hash(&self.0, &batch.id().0);
        let id = *hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
        #[cfg(test)]
        let id = few::masked(id);
        id
    }
}

/// Names of three bits, so that they collide.
#[cfg(test)]
pub(super) mod few {
    extern crate std;

    use core::cell::Cell;

    use super::KeyedId;

    std::thread_local! {
        /// Whether all names made on this thread are this short.
        pub(in crate::room::comparison) static FEW: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn masked(id: KeyedId) -> KeyedId {
        if FEW.get() { [id[0] & 7, 0, 0, 0, 0, 0] } else { id }
    }
}
