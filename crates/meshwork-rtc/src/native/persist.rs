//! Where a native peer keeps its rooms: the seam between the driver and a store.

use meshwork_core::id::RoomId;
use meshwork_core::node::io::StoreChange;

/// Durable storage for rooms.
pub trait Store: Send {
    /// Applies the changes of one group in their order, all or none, and returns when they are durable.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of the group was applied.
    fn apply_all(&mut self, changes: &[(RoomId, StoreChange)]) -> Result<(), StoreError>;
}

/// Why a store did not do what it was asked. What it held before is untouched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(String);

impl StoreError {
    /// An error that says what failed, and why, in words for people.
    pub fn new(words: impl Into<String>) -> StoreError {
        StoreError(words.into())
    }
}
