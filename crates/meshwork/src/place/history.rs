//! The histories that a store has on disk: read without an endpoint, where that may wait for the disk.

use std::path::PathBuf;

use meshwork_core::id::{Endpoint, Instance, PeerId, RoomId};
use meshwork_core::node::{Config, RoomHandle};
use meshwork_core::replica::ReplicaNumber;
use meshwork_core::room::storage::form;
use meshwork_core::room::{Makers, Room};
use meshwork_core::seam::lane::Slot;
use meshwork_core::signed::genesis::Genesis;
use meshwork_core::time::WallTime;
use meshwork_place::canvas::{Canvas, PastBatch as PastStroke, replica};
use meshwork_rtc::native::history::{self, Entries, Entry, HistoryError};

use crate::store::{Kind, Store, StoreError, history_folder};

/// What a store's history of a room has, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct History {
    /// Things that were written.
    pub batches: u64,
    /// Those that are known to be missing between its first and its last.
    pub missed: u64,
    /// Those that were forgotten, since it became too large.
    pub forgotten: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// When its first one came: milliseconds since 1970.
    pub first_ms: Option<u64>,
    /// When its last one came.
    pub last_ms: Option<u64>,
    /// In words: what is wrong with what follows the last one.
    pub damage: Option<String>,
}

/// What was painted in a room up to now, as a store has it: its history in its order, then what still shows. A stroke of
/// both comes twice.
pub struct StoredPast {
    size: (u16, u16),
    room: Room,
    entries: Entries,
    shown: std::vec::IntoIter<Vec<u8>>,
}

impl Store {
    /// The rooms of which there is a [history](Store::with_history). A program may have the store open. Reads the disk.
    ///
    /// # Errors
    /// [`StoreError::History`].
    pub fn histories(&self) -> Result<Vec<RoomId>, StoreError> {
        match self.history_folder() {
            Some(folder) => history::History::rooms(&folder).map_err(told),
            None => Ok(Vec::new()),
        }
    }

    /// What the history of a room has, in numbers; all zero where there is none. A program may have the store open. Reads
    /// all of it.
    ///
    /// # Errors
    /// [`StoreError::History`] where it cannot be read, or is damaged before its end.
    pub fn history(&self, room: RoomId) -> Result<History, StoreError> {
        let summary = match self.history_folder() {
            Some(folder) => history::History::new(&folder, room).summary().map_err(told)?,
            None => history::Summary::default(),
        };
        Ok(History {
            batches: summary.batches,
            missed: summary.missed,
            forgotten: summary.forgotten,
            bytes: summary.bytes,
            first_ms: summary.first.map(WallTime::as_millis),
            last_ms: summary.last.map(WallTime::as_millis),
            damage: summary.damage,
        })
    }

    /// What was painted in a room, to be read from the disk as it is asked for; `None` where the store has no such room,
    /// or one without a canvas. No program may have the store open meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn past(&self, room: RoomId) -> Result<Option<StoredPast>, StoreError> {
        let (Some(store), Some(folder)) = (self.open()?, self.history_folder()) else { return Ok(None) };
        let failed = |error: &dyn std::fmt::Display| StoreError::Failed(error.to_string());
        let Some(stored) = store.load(room).map_err(|error| failed(&error))? else { return Ok(None) };
        let (genesis, id) = Genesis::decode(&stored.genesis).map_err(|error| failed(&error))?;
        // Nobody is in it: its records say what may be shown.
        let nobody = Endpoint { peer: PeerId([0; 32]), instance: Instance(0) };
        let (handle, config) = (RoomHandle(0), Config::default());
        let mut room =
            Room::new(handle, id, genesis, stored.genesis, Makers::new(crate::makers::make), nobody, &config);
        room.kept_mut().restore_records(&stored.records);
        let Some(size) = canvas(&room).map(|(_, canvas)| canvas.size()) else { return Ok(None) };
        let entries = history::History::new(&folder, id).since(WallTime(0)).map_err(told)?;
        let winning = stored.batches.into_iter().filter(|stored| form::read(stored).1.is_none());
        let (size, shown) = ((size.width, size.height), winning.collect::<Vec<_>>().into_iter());
        Ok(Some(StoredPast { size, room, entries, shown }))
    }

    fn history_folder(&self) -> Option<PathBuf> {
        match &self.0 {
            Kind::None => None,
            Kind::File { path, .. } => Some(history_folder(path)),
        }
    }
}

impl StoredPast {
    /// Columns and rows of the canvas.
    pub fn size(&self) -> (u16, u16) {
        self.size
    }

    fn read(&self, bytes: &[u8]) -> Option<PastStroke> {
        let (replica, canvas) = canvas(&self.room)?;
        let batch = self.room.kept().past(bytes)?;
        if batch.header().replica == replica { canvas.past(&batch) } else { None }
    }
}

impl Iterator for StoredPast {
    type Item = Result<PastStroke, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let bytes = match self.entries.next() {
                Some(Err(error)) => return Some(Err(told(error))),
                Some(Ok(Entry::Gap { .. })) => continue,
                Some(Ok(Entry::Batch { bytes, .. })) => bytes,
                None => self.shown.next()?,
            };
            // What somebody else wrote there, or the room's records do not let stand, is passed over.
            if let Some(stroke) = self.read(&bytes) {
                return Some(Ok(stroke));
            }
        }
    }
}

/// The canvas of a room, and its number; `None` where it has none.
fn canvas(room: &Room) -> Option<(ReplicaNumber, &Canvas)> {
    let slot = room.kept().slot_of(&meshwork_place::app()).and_then(Slot::new)?;
    let number = replica(slot);
    Some((number, room.kept().replicas().get(number)?.as_any()?))
}

fn told(error: HistoryError) -> StoreError {
    StoreError::History(error.to_string())
}
