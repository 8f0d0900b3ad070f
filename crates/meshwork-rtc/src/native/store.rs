//! The embedded store of a native peer: rooms and their batches in one redb file that survives kill -9.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use meshwork_core::id::{Endpoint, RoomId};
use meshwork_core::node::StoredRoom;
use meshwork_core::node::io::{BatchKey, StoreChange};
use redb::{Builder, Database, DatabaseError, ReadableDatabase as _, TableDefinition};

use super::persist::{Store, StoreError};

/// Bytes of pages that redb keeps in memory. A room is read once, at the start, and then only written.
const CACHE_MAX: usize = 16 * 1024 * 1024;
/// Length of a batch's key: room, endpoint, sequence.
const KEY_LEN: usize = 32 + Endpoint::LEN + 8;

/// Signed genesis by room.
const GENESES: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("genesis");
/// Records by room.
const RECORDS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("records");
/// Signed batch by room, endpoint and sequence, so that a room's batches lie together.
const BATCHES: TableDefinition<'_, &[u8; KEY_LEN], &[u8]> = TableDefinition::new("batch");
/// Room by the address at which it was found: server and code.
const ADDRESSES: TableDefinition<'_, &str, &[u8; 32]> = TableDefinition::new("address");

/// Rooms on disk. Copies are handles to the same file.
#[derive(Clone, Debug)]
pub struct RedbStore {
    database: Arc<Database>,
}

/// Why a store cannot be opened. The file is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenStoreError {
    /// Another program has it open: stop that one, or use another file.
    #[error("another program keeps its rooms there")]
    InUse,
    /// It cannot be read or written, or is not a store: look at the file and its disk.
    #[error("the store cannot be opened: {0}")]
    Database(#[from] redb::Error),
}

impl RedbStore {
    /// Opens the store in the file at `path`, or makes one there.
    ///
    /// After a crash this verifies and repairs the file first.
    ///
    /// # Errors
    /// [`OpenStoreError`]; the file is as it was.
    pub fn open(path: &Path) -> Result<RedbStore, OpenStoreError> {
        if !path.try_exists().map_err(redb::Error::from)? {
            create(path)?;
        }
        let database = builder().open(path).map_err(open_error)?;
        Ok(RedbStore { database: Arc::new(database) })
    }

    /// What is stored of a room; `None` when nothing is.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or is damaged.
    pub fn load(&self, room: RoomId) -> Result<Option<StoredRoom>, StoreError> {
        self.read(room).map_err(|error| failed("read", &error))
    }

    /// The room that was found at `address` before, however the caller writes addresses.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read or is damaged.
    pub fn room_at(&self, address: &str) -> Result<Option<RoomId>, StoreError> {
        let read = || -> Result<Option<RoomId>, redb::Error> {
            let transaction = self.database.begin_read()?;
            let room = transaction.open_table(ADDRESSES)?.get(address)?.map(|room| RoomId(*room.value()));
            Ok(room)
        };
        read().map_err(|error| failed("read", &error))
    }

    /// Notes that `room` is found at `address`.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written; what was noted before stands.
    pub fn note_address(&self, address: &str, room: RoomId) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.begin()?;
            transaction.open_table(ADDRESSES)?.insert(address, &room.0)?;
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|error| failed("write", &error))
    }

    /// A transaction that is durable when its commit returns.
    fn begin(&self) -> Result<redb::WriteTransaction, redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(redb::Durability::Immediate)?;
        // What is stored was written by strangers. One-phase commits rely on checksums that are not
        // cryptographic, two-phase ones do not; the price is a second fsync.
        transaction.set_two_phase_commit(true);
        Ok(transaction)
    }

    fn read(&self, room: RoomId) -> Result<Option<StoredRoom>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let geneses = transaction.open_table(GENESES)?;
        let Some(genesis) = geneses.get(&room.0)?.map(|genesis| genesis.value().to_vec()) else {
            return Ok(None);
        };
        let records = match transaction.open_table(RECORDS) {
            Ok(table) => table.get(&room.0)?.map(|records| records.value().to_vec()).unwrap_or_default(),
            // A store from before rooms had records.
            Err(redb::TableError::TableDoesNotExist(_)) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let (first, last) = (edge(room, u8::MIN), edge(room, u8::MAX));
        let batches = transaction
            .open_table(BATCHES)?
            .range::<&[u8; KEY_LEN]>(&first..=&last)?
            .map(|entry| Ok(entry?.1.value().to_vec()))
            .collect::<Result<_, redb::Error>>()?;
        Ok(Some(StoredRoom { genesis, records, batches }))
    }

    fn write(&self, changes: &[(RoomId, StoreChange)]) -> Result<(), redb::Error> {
        let transaction = self.begin()?;
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
        transaction.commit()?;
        Ok(())
    }
}

impl Store for RedbStore {
    fn apply_all(&mut self, changes: &[(RoomId, StoreChange)]) -> Result<(), StoreError> {
        self.write(changes).map_err(|error| failed("write", &error))
    }
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
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(redb::Error::from(error).into()),
        _ => {}
    }
    let store = RedbStore { database: Arc::new(builder().create(&fresh).map_err(open_error)?) };
    let transaction = store.begin()?;
    transaction.open_table(GENESES).map_err(redb::Error::from)?;
    transaction.open_table(BATCHES).map_err(redb::Error::from)?;
    transaction.open_table(ADDRESSES).map_err(redb::Error::from)?;
    transaction.commit().map_err(redb::Error::from)?;
    drop(store);
    fs::rename(&fresh, path).map_err(redb::Error::from)?;
    Ok(())
}

fn open_error(error: DatabaseError) -> OpenStoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenStoreError::InUse,
        error => OpenStoreError::Database(error.into()),
    }
}

fn failed(verb: &str, error: &redb::Error) -> StoreError {
    StoreError::new(format!("the store cannot be {verb}: {error}"))
}

fn batch_key(room: RoomId, key: &BatchKey) -> [u8; KEY_LEN] {
    let mut bytes = [0; KEY_LEN];
    bytes[..32].copy_from_slice(&room.0);
    bytes[32..KEY_LEN - 8].copy_from_slice(&key.author.to_bytes());
    bytes[KEY_LEN - 8..].copy_from_slice(&key.sequence.to_be_bytes());
    bytes
}

/// The least or the greatest key that a batch of `room` can have.
fn edge(room: RoomId, fill: u8) -> [u8; KEY_LEN] {
    let mut bytes = [fill; KEY_LEN];
    bytes[..32].copy_from_slice(&room.0);
    bytes
}

#[cfg(test)]
mod tests {
    use meshwork_core::id::{Instance, PeerId};

    use super::*;

    const ROOM: RoomId = RoomId([0x7f; 32]);

    fn key(peer: u8, instance: u64, sequence: u64) -> BatchKey {
        BatchKey { author: Endpoint { peer: PeerId([peer; 32]), instance: Instance(instance) }, sequence }
    }

    fn change(genesis: Option<&[u8]>, insert: &[(BatchKey, &[u8])], remove: &[BatchKey]) -> StoreChange {
        StoreChange {
            genesis: genesis.map(<[u8]>::to_vec),
            records: None,
            insert: insert.iter().map(|(key, bytes)| (*key, bytes.to_vec())).collect(),
            remove: remove.to_vec(),
            ..StoreChange::default()
        }
    }

    #[test]
    fn what_was_applied_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rooms.redb");
        let mut store = RedbStore::open(&path).unwrap();
        assert_eq!(store.load(ROOM).unwrap(), None);
        let first = change(
            Some(b"genesis"),
            &[(key(1, 0, 1), b"one"), (key(0xff, u64::MAX, u64::MAX), b"last")],
            &[],
        );
        let second = change(None, &[(key(0, 0, 0), b"zero"), (key(1, 0, 2), b"two")], &[key(1, 0, 1)]);
        let other = change(Some(b"other"), &[(key(1, 0, 1), b"elsewhere")], &[]);
        store.apply_all(&[(ROOM, first), (ROOM, second), (RoomId([0x80; 32]), other)]).unwrap();
        drop(store);

        let store = RedbStore::open(&path).unwrap();
        let room = store.load(ROOM).unwrap().unwrap();
        assert_eq!(room.genesis, b"genesis");
        assert_eq!(room.batches, [&b"zero"[..], b"two", b"last"]);
        let other = store.load(RoomId([0x80; 32])).unwrap().unwrap();
        assert_eq!(other.batches, [b"elsewhere"]);
        assert_eq!(store.load(RoomId([0; 32])).unwrap(), None);
    }

    #[test]
    fn removing_what_is_not_there_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = RedbStore::open(&folder.path().join("rooms.redb")).unwrap();
        store.apply_all(&[(ROOM, change(None, &[], &[key(1, 1, 1)]))]).unwrap();
        assert_eq!(store.load(ROOM).unwrap(), None);
    }

    #[test]
    fn the_records_of_a_room_are_those_last_stored() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = RedbStore::open(&folder.path().join("rooms.redb")).unwrap();
        store.apply_all(&[(ROOM, change(Some(b"genesis"), &[], &[]))]).unwrap();
        assert_eq!(store.load(ROOM).unwrap().unwrap().records, b"");
        for records in [&b"first"[..], b"second"] {
            let change = StoreChange { records: Some(records.to_vec()), ..StoreChange::default() };
            store.apply_all(&[(ROOM, change)]).unwrap();
            assert_eq!(store.load(ROOM).unwrap().unwrap().records, records);
        }
    }

    #[test]
    fn addresses_lead_to_the_room_last_noted() {
        let folder = tempfile::tempdir().unwrap();
        let store = RedbStore::open(&folder.path().join("rooms.redb")).unwrap();
        assert_eq!(store.room_at("http://x/place/K7M4QX").unwrap(), None);
        store.note_address("http://x/place/K7M4QX", ROOM).unwrap();
        assert_eq!(store.clone().room_at("http://x/place/K7M4QX").unwrap(), Some(ROOM));
        assert_eq!(store.room_at("http://y/place/K7M4QX").unwrap(), None);
    }

    #[test]
    fn a_store_is_opened_once_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rooms.redb");
        let store = RedbStore::open(&path).unwrap();
        assert!(matches!(RedbStore::open(&path), Err(OpenStoreError::InUse)));
        drop(store);
        RedbStore::open(&path).unwrap();
    }

    #[test]
    fn what_is_not_a_store_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rooms.redb");
        fs::write(&path, b"something else").unwrap();
        assert!(matches!(RedbStore::open(&path), Err(OpenStoreError::Database(_))));
        assert_eq!(fs::read(&path).unwrap(), b"something else");
    }

    #[test]
    fn a_half_made_store_does_not_stand_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rooms.redb");
        fs::write(folder.path().join("rooms.redb.new"), b"torn").unwrap();
        RedbStore::open(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_committed_survives_a_torn_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rooms.redb");
        let mut store = RedbStore::open(&path).unwrap();
        store.apply_all(&[(ROOM, change(Some(b"genesis"), &[(key(1, 0, 1), b"one")], &[]))]).unwrap();
        // The file as a killed process leaves it: not closed, its last commit not marked as clean.
        let torn = folder.path().join("torn.redb");
        fs::copy(&path, &torn).unwrap();
        let room = RedbStore::open(&torn).unwrap().load(ROOM).unwrap().unwrap();
        assert_eq!(room.batches, [b"one"]);
    }
}
