//! Signatures of batches, made and checked, or taken for granted where their time is not to be measured.

use std::cell::RefCell;
use std::collections::HashMap;

use anyhow::{Result, ensure};
use meshwork_core::id::{Endpoint, Identity, RoomId};
use meshwork_core::signed::batch::{Header, SignedBatch, UnverifiedBatch};

/// How batches of a room are signed and checked.
pub struct Signatures {
    room: RoomId,
    /// Signatures that were made or checked once, by author and number.
    granted: Option<RefCell<HashMap<(Endpoint, u64), SignedBatch>>>,
}

impl Signatures {
    /// Each is made and checked.
    pub fn real(room: RoomId) -> Signatures {
        Signatures { room, granted: None }
    }

    /// Without the time that they take, from the second time on that the same is written.
    pub fn granted(room: RoomId) -> Signatures {
        Signatures { room, granted: Some(RefCell::default()) }
    }

    /// Signs a batch, or finds the one with this signature. Its id is worked out in any case.
    ///
    /// # Errors
    /// It is too long, or another one than was written before.
    pub fn sign(&self, identity: &Identity, header: &Header, payload: &[u8]) -> Result<SignedBatch> {
        let Some(granted) = &self.granted else {
            return Ok(SignedBatch::sign(identity, &self.room, header, payload)?);
        };
        let mut granted = granted.borrow_mut();
        let key = (header.author, header.sequence);
        if let Some(batch) = granted.get(&key) {
            let again = UnverifiedBatch::decode(&self.room, batch.bytes())?;
            ensure!(again.payload() == payload && again.header() == *header, "it is written again as it was");
            return Ok(batch.clone());
        }
        let batch = SignedBatch::sign(identity, &self.room, header, payload)?;
        granted.insert(key, batch.clone());
        Ok(batch)
    }

    /// Reads a batch, and checks its signature or finds it checked.
    ///
    /// # Errors
    /// It is none.
    pub fn verify(&self, bytes: &[u8]) -> Result<SignedBatch> {
        let batch = UnverifiedBatch::decode(&self.room, bytes)?;
        let Some(granted) = &self.granted else { return Ok(batch.verify()?) };
        let mut granted = granted.borrow_mut();
        let key = (batch.header().author, batch.header().sequence);
        if let Some(known) = granted.get(&key) {
            ensure!(known.id() == batch.id(), "it is what was signed");
            return Ok(known.clone());
        }
        let batch = batch.verify()?;
        granted.insert(key, batch.clone());
        Ok(batch)
    }
}
