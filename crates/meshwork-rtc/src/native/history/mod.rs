//! The history of a room on disk: every batch that a keeper accepted, in order, with the time.
//!
//! # Problem
//! A store has what wins; who wants to see how a canvas came about needs what was beaten as well. That grows
//! without end, so it must be bounded, and it must be as crash-safe as the store beside it.
//!
//! # How it works
//! A history is a folder of segments, files that are only appended to and named by the number of their first
//! entry. When the whole becomes larger than it may, the oldest segment is removed. Every entry carries a
//! checksum over its number and its bytes. docs/protocol/history.md has every byte.
//!
//! The store decides how far a history is valid: a writer first makes new entries durable, then commits their
//! end together with the batches. Entries beyond that end, whole or torn, are cut off when the history is opened
//! again, so that a batch is in the history exactly when it is in the store.
//!
//! # Driving it
//! [`RedbStore::open_with_history`](super::store::RedbStore::open_with_history) writes;
//! [`History`] reads, also while a keeper writes, and [`LogParts`] what neighbours ask for.
//!
//! # Invariants
//! - Entries have the numbers 0, 1, 2 ... of which none is missing between the oldest segment and the end.
//! - Times never go back, even when the civil clock does.
//! - Where batches are missing a [`Entry::Gap`] says how many.
//!
//! # Limits
//! [`HistoryLimits`]; at the least [`BYTES_LEAST`].

mod parts;
mod read;
mod segment;
mod write;

use std::io;
use std::path::PathBuf;

use meshwork_core::time::WallTime;

pub use parts::LogParts;
pub use read::{Entries, History, Summary};
pub(super) use write::{HistoryWriter, prepare, remove};

/// The least that a history may be limited to: below, a few large pictures would be all of it.
pub const BYTES_LEAST: u64 = 1024 * 1024;
/// Segments that a full history has, about: a sixteenth of it is forgotten at a time.
const SEGMENTS: u64 = 16;
/// Bytes of the largest segment, so that opening a history, which reads the last one, is quick.
const SEGMENT_MAX: u64 = 16 * 1024 * 1024;

/// Where histories lie and how large each may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// The folder with a folder for each room's history; made when there is none.
    pub folder: PathBuf,
    /// Bytes of one room's history on disk. At least [`BYTES_LEAST`]; less counts as that.
    pub bytes_max: u64,
}

/// One entry of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A batch was accepted.
    Batch {
        /// When, by the keeper's civil clock.
        at: WallTime,
        /// The signed batch, to be checked before it is believed.
        bytes: Vec<u8>,
    },
    /// Batches were accepted that the history does not have: storage did not keep up, or the history was off.
    Gap {
        /// When that was noticed.
        at: WallTime,
        /// How many, as far as is known.
        missed: u64,
    },
}

impl Entry {
    /// When it was written down.
    pub fn at(&self) -> WallTime {
        match self {
            Entry::Batch { at, .. } | Entry::Gap { at, .. } => *at,
        }
    }
}

/// Why a history cannot be read or written. What is there stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The system refused: no such folder, no permission, no space.
    #[error("{path}: {error}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file was changed or cut off. Move the room's folder away: a new history then begins.
    #[error("the history is damaged: {path}: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It was written by a newer version of Meshwork: update.
    #[error("{path} was written by a newer version of Meshwork")]
    Version {
        /// The file.
        path: PathBuf,
    },
}

/// Turns an error of the system into one that names the file.
fn file_error(path: &std::path::Path) -> impl FnOnce(io::Error) -> HistoryError {
    let path = path.to_owned();
    move |error| HistoryError::File { path, error }
}

#[cfg(test)]
mod tests;
