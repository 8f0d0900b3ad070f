//! Where a page keeps its rooms: IndexedDB, and the lock that lets one tab of a profile write a room.
//!
//! # Problem
//! A reload must show the canvas although nobody is there. Browsers have several tabs of one profile open, may
//! refuse storage altogether, fill up, and stop a page at any time.
//!
//! # How it works
//! A room that opens is first restored, in slices between which the page draws. Then the page asks for the room's
//! lock ([`lock`]); the tab that has it stores. It reads which batches the database has already and tells the
//! node, which asks for what is lacking: so the same steps begin storing at the first visit, after a restart and
//! when another tab's lock falls to this one. Changes are written in groups, one transaction at a time
//! ([`keeper`]).
//!
//! # Invariants
//! - A change is answered as persisted after its transaction is complete, with strict durability where the
//!   browser has that.
//! - Two tabs that both write, as may happen for seconds where there are no locks, do no harm: batches are signed
//!   and named, and both drop the same ones.
//! - Whatever storage does, the room works; what became of storage is told as a [`StorageState`].
//!
//! # Limits
//! [`ROOMS_KEPT_MAX`] rooms; the one longest unused is forgotten for a further one, and whenever storage is full. Rooms of
//! another version are neither counted nor forgotten, nor written to.

mod database;
mod keeper;
mod lock;
mod request;

use meshwork_core::id::RoomId;
use meshwork_core::node::{RoomHandle, StoredRoom};

pub(crate) use keeper::{Host, Keeper};

/// Rooms that a browser profile keeps: more than a person returns to, and at the size of most (a few megabytes)
/// far below what browsers allow a site.
pub const ROOMS_KEPT_MAX: usize = 32;

/// The database in which the pages of Meshwork itself keep their rooms.
pub const PAGES_DATABASE: &str = "meshwork-rooms";

/// A room that is stored: its id, the link by which it was found last, and what is stored but its batches.
pub type ListedRoom = (RoomId, Option<String>, StoredRoom);

/// Why what is stored was not read, or not changed. It is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A page, this one or another, is in the room and stores it: leave it there first.
    #[error("a page is in this room and keeps it")]
    InUse,
    /// The browser does not let it, in its words.
    #[error("{0}")]
    Refused(String),
}

/// What became of storing a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageState {
    /// What is stored is being restored, or the lock is being asked for.
    Starting,
    /// This tab stores the room.
    Kept,
    /// Another tab of this profile stores it; this one takes over when that one is closed.
    KeptByAnotherTab,
    /// The browser has no more room; what was stored until then is there. It is tried again.
    Full {
        /// The browser's words.
        reason: String,
    },
    /// The browser does not let the page store anything. It is tried again.
    Refused {
        /// The browser's words.
        reason: String,
    },
}

/// Something to tell about storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageNews {
    /// A room's storage is in another state.
    State {
        /// Which room.
        room: RoomHandle,
        /// What it is now.
        state: StorageState,
    },
    /// A room was restored from what was stored.
    Restored {
        /// Which room.
        room: RoomHandle,
        /// Batches that were read.
        batches: usize,
    },
    /// Another room, the longest unused one, was forgotten to make place.
    Forgotten {
        /// Which.
        room: RoomId,
    },
}

/// Deletes the database of this name with all rooms in it, those of other versions too. Pages that have it open, this one
/// included, keep nothing from then on.
///
/// # Errors
/// [`StorageError::Refused`].
pub async fn delete_rooms(database: &str) -> Result<(), StorageError> {
    Ok(database::Database::delete(database).await?)
}

/// Why something was not stored or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// There is no more room.
    Full(String),
    /// It cannot be used at all.
    Refused(String),
}

impl StoreError {
    /// The browser's words.
    pub(crate) fn words(&self) -> &str {
        match self {
            StoreError::Full(words) | StoreError::Refused(words) => words,
        }
    }
}

impl From<StoreError> for StorageError {
    fn from(error: StoreError) -> StorageError {
        StorageError::Refused(error.words().to_owned())
    }
}

impl From<StoreError> for StorageState {
    fn from(error: StoreError) -> StorageState {
        match error {
            StoreError::Full(reason) => StorageState::Full { reason },
            StoreError::Refused(reason) => StorageState::Refused { reason },
        }
    }
}
