//! The embedded store of a native peer: rooms and their batches in one redb file that survives kill -9.
//!
//! A history may lie beside it; its end is committed with the batches, so that both tell of the same strokes.
//! After a failure everything is closed and opened again with the next change: a disk that was full takes the
//! rest once there is room.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use meshwork_core::id::RoomId;
use meshwork_core::node::StoredRoom;
use meshwork_core::seam::io::{AcceptedBatch, StoreChange};
use meshwork_core::signed::batch::BatchKey;
use redb::{
    Builder, Database, ReadableDatabase as _, ReadableTable as _, StorageError, TableDefinition, TableError,
    WriteTransaction,
};

use super::history::{self, HistoryError, HistoryLimits, HistoryWriter, LogParts};
use super::persist::{ReadHistory, Store, StoreError};

/// Bytes of pages that redb keeps in memory. A room is read once, at the start, and then only written.
const CACHE_MAX: usize = 16 * 1024 * 1024;
/// Length of a batch's key behind its room.
const KEY_LEN: usize = 32 + BatchKey::LEN;

/// Signed genesis by room.
const GENESES: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("genesis");
/// Records by room.
const RECORDS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("records");
/// Signed batch by room and key, so that a room's batches lie together. `batch` is the table of Meshwork 0.1.
const BATCHES: TableDefinition<'_, &[u8; KEY_LEN], &[u8]> = TableDefinition::new("batch 2");
/// Room by the address at which it was found: server and code.
const ADDRESSES: TableDefinition<'_, &str, &[u8; 32]> = TableDefinition::new("address");

/// By room: where it was found last, with what lets one in.
const LINKS: TableDefinition<'_, &[u8; 32], &str> = TableDefinition::new("link");

/// By room: the number of the history's next entry, and how many batches were accepted while it was off.
const HISTORIES: TableDefinition<'_, &[u8; 32], (u64, u64)> = TableDefinition::new("history");

/// Rooms on disk. Copies are handles to the same file.
#[derive(Clone, Debug)]
pub struct RedbStore {
    files: Arc<Mutex<Files>>,
}

/// Why a store cannot be opened. What it has was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenStoreError {
    /// Another program has it open: stop that one, or use another file.
    #[error("another program keeps its rooms there")]
    InUse,
    /// It was cut off or changed, or never was a store: put back a copy, or move it away and begin anew.
    #[error("what is kept there is damaged: {0}")]
    Damaged(String),
    /// The history beside it cannot be written on.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// It cannot be read or written: look at the file and its disk.
    #[error("the store cannot be opened: {0}")]
    Database(redb::Error),
}

impl<E: Into<redb::Error>> From<E> for OpenStoreError {
    fn from(error: E) -> OpenStoreError {
        use io::ErrorKind::{InvalidData, UnexpectedEof};
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => OpenStoreError::InUse,
            redb::Error::Corrupted(what) => OpenStoreError::Damaged(what),
            redb::Error::Io(error) if matches!(error.kind(), InvalidData | UnexpectedEof) => {
                OpenStoreError::Damaged(error.to_string())
            }
            error => OpenStoreError::Database(error),
        }
    }
}

impl RedbStore {
    /// Opens the store in the file at `path`, or makes one there, without a history.
    ///
    /// All of it is verified, after a crash too, so that damage is found here and not while a room is open.
    ///
    /// # Errors
    /// [`OpenStoreError`]; what the file has was not changed.
    pub fn open(path: &Path) -> Result<RedbStore, OpenStoreError> {
        RedbStore::open_files(Files { path: path.to_owned(), limits: None, open: None })
    }

    /// The same, with a history of each room's accepted batches.
    ///
    /// # Errors
    /// [`OpenStoreError`]; what the files have was not changed.
    pub fn open_with_history(path: &Path, limits: HistoryLimits) -> Result<RedbStore, OpenStoreError> {
        RedbStore::open_files(Files { path: path.to_owned(), limits: Some(limits), open: None })
    }

    /// What is stored of a room; `None` when nothing is.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or is damaged.
    pub fn load(&self, room: RoomId) -> Result<Option<StoredRoom>, StoreError> {
        self.with("read", |open, _| {
            open.forgotten.remove(&room);
            open.read(room).map_err(OpenStoreError::from)
        })
    }

    /// The room that was found at `address` before, however the caller writes addresses.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or is damaged.
    pub fn room_at(&self, address: &str) -> Result<Option<RoomId>, StoreError> {
        self.with("read", |open, _| {
            let transaction = open.database.begin_read()?;
            let room = transaction.open_table(ADDRESSES)?.get(address)?.map(|room| RoomId(*room.value()));
            Ok(room)
        })
    }

    /// Notes that `room` is found at `address`.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written; what was noted before stands.
    pub fn note_address(&self, address: &str, room: RoomId) -> Result<(), StoreError> {
        self.with("write", |open, _| {
            let transaction = begin(&open.database)?;
            transaction.open_table(ADDRESSES)?.insert(address, &room.0)?;
            Ok(transaction.commit()?)
        })
    }

    /// Notes the link by which `room` was found last.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written; what was noted before stands.
    pub fn note_link(&self, room: RoomId, link: &str) -> Result<(), StoreError> {
        self.with("write", |open, _| {
            let transaction = begin(&open.database)?;
            transaction.open_table(LINKS)?.insert(&room.0, link)?;
            Ok(transaction.commit()?)
        })
    }

    /// All rooms that are stored, each with the link by which it was found last, and without its batches.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or is damaged.
    pub fn rooms(&self) -> Result<Vec<(RoomId, Option<String>, StoredRoom)>, StoreError> {
        self.with("read", |open, _| Ok(open.rooms()?))
    }

    /// Removes everything that is stored of a room, its history included. What is still on its way to the store is
    /// dropped, until the room is loaded again.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written; what was stored stands.
    pub fn forget(&self, room: RoomId) -> Result<(), StoreError> {
        self.with("write", |open, limits| {
            open.forgotten.insert(room);
            open.forget(room, limits)
        })
    }

    fn open_files(mut files: Files) -> Result<RedbStore, OpenStoreError> {
        if !files.path.try_exists()? {
            create(&files.path)?;
        }
        let verified = catch_unwind(AssertUnwindSafe(|| files.open_verified()));
        files.open = Some(verified.unwrap_or_else(|_| {
            // Rather than trust a file that confuses its own reader.
            Err(OpenStoreError::Damaged(String::from("it cannot be read to its end")))
        })?);
        Ok(RedbStore { files: Arc::new(Mutex::new(files)) })
    }

    /// Does something with the open files. They are closed after a failure, and opened again for the next one.
    fn with<R>(
        &self,
        verb: &str,
        work: impl FnOnce(&mut Open, Option<&HistoryLimits>) -> Result<R, OpenStoreError>,
    ) -> Result<R, StoreError> {
        // A panic while the lock was held left the files closed.
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = || {
            let mut open = match files.open.take() {
                Some(open) => open,
                None => Open::new(&files.path)?,
            };
            let result = work(&mut open, files.limits.as_ref())?;
            files.open = Some(open);
            Ok(result)
        };
        let failed = |words: String| StoreError::new(format!("the store cannot be {verb}: {words}"));
        match catch_unwind(AssertUnwindSafe(attempt)) {
            Ok(result) => result.map_err(|error: OpenStoreError| failed(error.to_string())),
            Err(_) => Err(failed(String::from("its file is damaged"))),
        }
    }
}

impl Store for RedbStore {
    fn apply_all(&mut self, changes: &[(RoomId, StoreChange)]) -> Result<(), StoreError> {
        self.with("written", |open, limits| {
            if open.forgotten.is_empty() {
                return open.write(changes, limits);
            }
            let kept = changes.iter().filter(|(room, _)| !open.forgotten.contains(room)).cloned();
            open.write(&kept.collect::<Vec<_>>(), limits)
        })
    }

    fn keeps_history(&self) -> bool {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).limits.is_some()
    }

    fn history_reader(&self) -> Option<Box<dyn ReadHistory>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Box::new(LogParts::new(&files.limits.as_ref()?.folder)))
    }
}

#[derive(Debug)]
struct Files {
    path: PathBuf,
    limits: Option<HistoryLimits>,
    /// `None` after a failure.
    open: Option<Open>,
}

impl Files {
    /// Opens and verifies everything.
    fn open_verified(&self) -> Result<Open, OpenStoreError> {
        let mut open = Open::new(&self.path)?;
        if !open.database.check_integrity()? {
            tracing::warn!(path = %self.path.display(), "the store was repaired; nothing is lost");
        }
        if let Some(limits) = &self.limits {
            history::prepare(limits)?;
            for room in open.rooms_with_history()? {
                open.history(room, limits)?;
            }
        }
        Ok(open)
    }
}

#[derive(Debug)]
struct Open {
    database: Database,
    histories: BTreeMap<RoomId, HistoryWriter>,
    /// Rooms that were forgotten and not loaded again since: what comes late of them is not stored.
    forgotten: BTreeSet<RoomId>,
}

impl Open {
    fn new(path: &Path) -> Result<Open, OpenStoreError> {
        Ok(Open { database: builder().open(path)?, histories: BTreeMap::new(), forgotten: BTreeSet::new() })
    }

    fn read(&self, room: RoomId) -> Result<Option<StoredRoom>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let geneses = transaction.open_table(GENESES)?;
        let Some(genesis) = geneses.get(&room.0)?.map(|genesis| genesis.value().to_vec()) else {
            return Ok(None);
        };
        // A store from before rooms had records has no table of them.
        let records = match opened(transaction.open_table(RECORDS))? {
            Some(table) => table.get(&room.0)?.map(|records| records.value().to_vec()).unwrap_or_default(),
            None => Vec::new(),
        };
        let (first, last) = (edge(room, u8::MIN), edge(room, u8::MAX));
        let batches = transaction
            .open_table(BATCHES)?
            .range::<&[u8; KEY_LEN]>(&first..=&last)?
            .map(|entry| Ok(entry?.1.value().to_vec()))
            .collect::<Result<_, redb::Error>>()?;
        Ok(Some(StoredRoom { genesis, records, batches }))
    }

    fn rooms(&self) -> Result<Vec<(RoomId, Option<String>, StoredRoom)>, redb::Error> {
        let transaction = self.database.begin_read()?;
        // A store from before links and records were noted has no tables of them.
        let links = opened(transaction.open_table(LINKS))?;
        let records = opened(transaction.open_table(RECORDS))?;
        let mut rooms = Vec::new();
        for row in transaction.open_table(GENESES)?.iter()? {
            let (room, genesis) = row?;
            let room = *room.value();
            let link = links.as_ref().map(|links| links.get(&room)).transpose()?.flatten();
            let records = records.as_ref().map(|records| records.get(&room)).transpose()?.flatten();
            let records = records.map(|records| records.value().to_vec());
            let stored = StoredRoom {
                genesis: genesis.value().to_vec(),
                records: records.unwrap_or_default(),
                batches: Vec::new(),
            };
            rooms.push((RoomId(room), link.map(|link| link.value().to_owned()), stored));
        }
        Ok(rooms)
    }

    fn forget(&mut self, room: RoomId, limits: Option<&HistoryLimits>) -> Result<(), OpenStoreError> {
        let transaction = begin(&self.database)?;
        {
            transaction.open_table(GENESES)?.remove(&room.0)?;
            transaction.open_table(RECORDS)?.remove(&room.0)?;
            transaction.open_table(LINKS)?.remove(&room.0)?;
            transaction.open_table(HISTORIES)?.remove(&room.0)?;
            transaction.open_table(ADDRESSES)?.retain(|_, of| *of != room.0)?;
            let (first, last) = (edge(room, u8::MIN), edge(room, u8::MAX));
            let mut batches = transaction.open_table(BATCHES)?;
            batches.retain_in::<&[u8; KEY_LEN], _>(&first..=&last, |_, _| false)?;
        }
        transaction.commit()?;
        self.histories.remove(&room);
        limits.map_or(Ok(()), |limits| Ok(history::remove(limits, room)?))
    }

    fn write(
        &mut self,
        changes: &[(RoomId, StoreChange)],
        limits: Option<&HistoryLimits>,
    ) -> Result<(), OpenStoreError> {
        // The history first: it may go beyond what is committed, and never falls short of it.
        let ends = match limits {
            Some(limits) => self.append(changes, limits)?,
            None => Vec::new(),
        };
        let transaction = begin(&self.database)?;
        {
            let mut geneses = transaction.open_table(GENESES)?;
            let mut batches = transaction.open_table(BATCHES)?;
            for (room, change) in changes {
                if let Some(genesis) = &change.genesis {
                    geneses.insert(&room.0, genesis.as_slice())?;
                }
                if let Some(records) = &change.records {
                    transaction.open_table(RECORDS)?.insert(&room.0, records.as_slice())?;
                }
                for (key, batch) in &change.insert {
                    batches.insert(&batch_key(*room, key), batch.as_slice())?;
                }
                for key in &change.remove {
                    batches.remove(&batch_key(*room, key))?;
                }
            }
        }
        match limits {
            Some(_) => commit_ends(&transaction, &ends)?,
            None => count_missed(&transaction, changes)?,
        }
        Ok(transaction.commit()?)
    }

    /// Appends what was accepted to the histories. Returns where they end then.
    fn append(
        &mut self,
        changes: &[(RoomId, StoreChange)],
        limits: &HistoryLimits,
    ) -> Result<Vec<(RoomId, u64)>, OpenStoreError> {
        let mut rooms: BTreeMap<RoomId, (u64, Vec<AcceptedBatch>)> = BTreeMap::new();
        let stored = self.database.begin_read()?.open_table(BATCHES)?;
        for (room, change) in changes {
            let (missed, accepted) = rooms.entry(*room).or_default();
            *missed += change.missed;
            for batch in &change.accepted {
                if stored.get(&batch_key(*room, &batch.key))?.is_none() {
                    accepted.push(batch.clone());
                }
            }
        }
        let mut ends = Vec::new();
        for (room, (missed, accepted)) in rooms {
            let while_off = self.history_row(room)?.map_or(0, |(_, missed)| missed);
            let history = self.history(room, limits)?;
            history.append(missed + while_off, &accepted)?;
            ends.push((room, history.end()));
        }
        Ok(ends)
    }

    /// The history of a room, opened if it is not yet.
    fn history(
        &mut self,
        room: RoomId,
        limits: &HistoryLimits,
    ) -> Result<&mut HistoryWriter, OpenStoreError> {
        if !self.histories.contains_key(&room) {
            let committed = self.history_row(room)?.map(|(end, _)| end);
            self.histories.insert(room, HistoryWriter::open(limits, room, committed)?);
        }
        Ok(self.histories.get_mut(&room).expect("it was just put there"))
    }

    fn history_row(&self, room: RoomId) -> Result<Option<(u64, u64)>, OpenStoreError> {
        match self.database.begin_read()?.open_table(HISTORIES) {
            Ok(table) => Ok(table.get(&room.0)?.map(|row| row.value())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn rooms_with_history(&self) -> Result<Vec<RoomId>, OpenStoreError> {
        let Some(table) = opened(self.database.begin_read()?.open_table(HISTORIES))? else {
            return Ok(Vec::new());
        };
        let rooms = table.iter()?.map(|row| Ok(RoomId(*row?.0.value())));
        rooms.collect::<Result<_, StorageError>>().map_err(OpenStoreError::from)
    }
}

/// A table, if there is one.
fn opened<T>(table: Result<T, TableError>) -> Result<Option<T>, TableError> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A transaction that is durable when its commit returns.
fn begin(database: &Database) -> Result<WriteTransaction, OpenStoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(redb::Durability::Immediate)?;
    // What is stored was written by strangers. One-phase commits rely on checksums that are not
    // cryptographic, two-phase ones do not; the price is a second fsync.
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

fn commit_ends(transaction: &WriteTransaction, ends: &[(RoomId, u64)]) -> Result<(), OpenStoreError> {
    let mut histories = transaction.open_table(HISTORIES)?;
    for (room, end) in ends {
        histories.insert(&room.0, (*end, 0))?;
    }
    Ok(())
}

/// A history that is off misses what is accepted meanwhile, and says so when it is on again.
fn count_missed(
    transaction: &WriteTransaction,
    changes: &[(RoomId, StoreChange)],
) -> Result<(), OpenStoreError> {
    let mut histories = transaction.open_table(HISTORIES)?;
    for (room, change) in changes.iter().filter(|(_, change)| !change.insert.is_empty()) {
        let row = histories.get(&room.0)?.map(|row| row.value());
        if let Some((end, missed)) = row {
            histories.insert(&room.0, (end, missed + change.insert.len() as u64))?;
        }
    }
    Ok(())
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_MAX);
    builder
}

/// Makes a store with its empty tables under another name, then gives it its own, so that a crash in between
/// cannot leave a file that is not a store.
fn create(path: &Path) -> Result<(), OpenStoreError> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let database = builder().create(&fresh)?;
    // What is in a private room is for whoever keeps it, and for no other user of the machine.
    #[cfg(unix)]
    fs::set_permissions(&fresh, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let transaction = begin(&database)?;
    transaction.open_table(GENESES)?;
    transaction.open_table(BATCHES)?;
    transaction.open_table(ADDRESSES)?;
    transaction.commit()?;
    drop(database);
    fs::rename(&fresh, path)?;
    // The name must be as durable as what is stored under it.
    if cfg!(unix)
        && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn batch_key(room: RoomId, key: &BatchKey) -> [u8; KEY_LEN] {
    let mut bytes = [0; KEY_LEN];
    bytes[..32].copy_from_slice(&room.0);
    bytes[32..].copy_from_slice(&key.to_bytes());
    bytes
}

/// The least or the greatest key that a batch of `room` can have.
fn edge(room: RoomId, fill: u8) -> [u8; KEY_LEN] {
    let mut bytes = [fill; KEY_LEN];
    bytes[..32].copy_from_slice(&room.0);
    bytes
}

#[cfg(test)]
mod tests;
