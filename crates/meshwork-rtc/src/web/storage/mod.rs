//! Where a page keeps its rooms: IndexedDB, which all tabs of a profile write.
//!
//! # Problem
//! A reload must show the canvas although nobody is there. Browsers have several tabs of one profile open, may
//! refuse storage altogether, fill up, and stop a page at any time.
//!
//! # How it works
//! A room that opens is first restored, in slices between which the page draws. Then the page stores. It reads which
//! batches the database has and takes in those that it does not know; the node asks for what is lacking there. The same
//! steps begin storing at the first visit, after a restart and after the browser emptied the database. Changes are
//! written in groups, one transaction at a time ([`keeper`]).
//!
//! Every tab stores what it has, whether or not another tab has the same room open. The database is what they share:
//! the browser orders their transactions, batches are signed and named, and records are merged with those that are
//! stored. So tabs need not be linked, nothing has to be handed from tab to tab, and a tab that crashed, sleeps or is of
//! another version holds up no other. One tab has the room's lock ([`lock`]); a tab to which it falls takes in what the
//! tab before it stored.
//!
//! # Invariants
//! - A change is answered as persisted after its transaction is complete, with strict durability where the
//!   browser has that.
//! - A tab removes a batch only if it looked at the batch and dropped it by the room's rules. Batches that it merely does
//!   not hold are another tab's.
//! - Whatever storage does, the room works; what became of storage is told as a [`StorageState`].
//! - A room is forgotten by itself only if somebody else was known to have everything of it: a member of another peer
//!   that stores had the same content, and neither a tab stored anything since then nor an app offered a blob here.
//!
//! # Copies elsewhere
//! Each group of changes leaves a mark beside the leases, in its own transaction and without reading anything, so that a page
//! that ends loses none. A tab knows the marks of all batches that it wrote or read. When a member that stores is
//! synchronised, the tab removes those marks and notes in the room's entry that the room was elsewhere. A room without
//! that note, or with a mark, is only here. A blob that an app offers leaves a mark for good.
//!
//! # Limits
//! [`ROOMS_KEPT_MAX`] rooms that others have too; the one longest unused is forgotten for a further one, and whenever
//! storage is full. [`ROOMS_ONLY_HERE_MAX`] rooms that are only here; a further one is [`StorageState::Full`]. Rooms
//! that are open in any tab are not forgotten. Rooms of another version are neither counted nor forgotten, nor written to.
//! Two tabs that are linked both write what either gets: twice the writing, for tabs that need not trust each other.

mod database;
mod keeper;
mod lock;
mod request;

use meshwork_core::id::RoomId;
use meshwork_core::node::{RoomHandle, StoredRoom};

pub(crate) use keeper::{Host, Keeper};

#[cfg(doc)]
use super::surplus::{ROOMS_KEPT_MAX, ROOMS_ONLY_HERE_MAX};

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
    /// What is stored is being restored.
    Starting,
    /// This tab stores the room.
    Kept,
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
    /// Another room was forgotten to make place: the longest unused one of those that others have too.
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
