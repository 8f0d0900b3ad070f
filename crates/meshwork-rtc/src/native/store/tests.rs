//! What a store promises: what was applied is there, what is damaged is said, and the history agrees.

use meshwork_core::id::{Endpoint, Instance, PeerId};
use meshwork_core::rng::Rng;
use meshwork_core::signed::list::ShortId;

use super::super::history::{Entry, History};
use super::*;

const ROOM: RoomId = RoomId([0x7f; 32]);

fn key(peer: u8, instance: u64, sequence: u64) -> BatchKey {
    BatchKey {
        author: Endpoint { peer: PeerId([peer; 32]), instance: Instance(instance) },
        sequence,
        id: ShortId([0; 16]),
    }
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
    let first =
        change(Some(b"genesis"), &[(key(1, 0, 1), b"one"), (key(0xff, u64::MAX, u64::MAX), b"last")], &[]);
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
fn a_rooms_records_are_those_last_stored() {
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
fn a_foreign_file_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rooms.redb");
    fs::write(&path, b"something else").unwrap();
    assert!(matches!(RedbStore::open(&path), Err(OpenStoreError::Damaged(_))));
    assert_eq!(fs::read(&path).unwrap(), b"something else");
}

#[test]
fn a_half_made_store_does_not_block_opening() {
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

/// A store with a few hundred batches, as its file is after a clean end.
fn filled(path: &Path) -> StoredRoom {
    let mut store = RedbStore::open(path).unwrap();
    for group in 0..6_u8 {
        let batches: Vec<(BatchKey, Vec<u8>)> =
            (0..50).map(|number| (key(group, 1, number + 1), vec![group ^ number as u8; 200])).collect();
        let borrowed: Vec<_> = batches.iter().map(|(key, bytes)| (*key, bytes.as_slice())).collect();
        store.apply_all(&[(ROOM, change(Some(b"genesis"), &borrowed, &[]))]).unwrap();
    }
    store.load(ROOM).unwrap().unwrap()
}

#[test]
fn a_damaged_file_is_refused_or_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rooms.redb");
    let wanted = filled(&path);
    let whole = fs::read(&path).unwrap();
    let seed = std::env::var("MESHWORK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0_u64);
    println!("repeat with MESHWORK_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let mut rng = Rng::new(bytes);
    let mut refused = 0;
    for round in 0..150 {
        let mut bytes = whole.clone();
        let place = rng.next_u64() as usize % bytes.len();
        match round % 3 {
            0 => bytes[place] ^= 1 << (rng.next_u64() % 8),
            1 => bytes.truncate(place),
            _ => {
                let end = bytes.len().min(place + 4096);
                bytes[place..end].fill(rng.next_u64() as u8);
            }
        }
        fs::write(&path, &bytes).unwrap();
        match RedbStore::open(&path) {
            Ok(store) => {
                assert_eq!(store.load(ROOM).unwrap().as_ref(), Some(&wanted), "round {round} at {place}")
            }
            Err(OpenStoreError::Damaged(what)) => {
                assert!(!what.is_empty());
                refused += 1;
            }
            Err(error) => panic!("round {round} at {place}: {error}"),
        }
    }
    assert!(refused > 40, "only {refused} were noticed");
}

fn limits(folder: &Path) -> HistoryLimits {
    HistoryLimits { folder: folder.join("history"), bytes_max: 0 }
}

fn accepted(key: BatchKey, bytes: &[u8]) -> StoreChange {
    let at = meshwork_core::time::WallTime::from_millis(key.sequence);
    StoreChange {
        accepted: vec![AcceptedBatch { key, at, bytes: bytes.to_vec() }],
        ..change(Some(b"genesis"), &[(key, bytes)], &[])
    }
}

fn history(folder: &Path) -> Vec<Entry> {
    let entries = History::new(&folder.join("history"), ROOM).since(Default::default()).unwrap();
    entries.map(Result::unwrap).collect()
}

#[test]
fn the_history_has_exactly_what_the_store_took() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rooms.redb");
    let open = || RedbStore::open_with_history(&path, limits(folder.path())).unwrap();
    let mut store = open();
    assert!(store.keeps_history());
    store
        .apply_all(&[(ROOM, accepted(key(1, 0, 1), b"one")), (ROOM, accepted(key(1, 0, 2), b"two"))])
        .unwrap();
    assert_eq!(history(folder.path()).len(), 2);
    drop(store);

    // A crash after the history was written and before the store committed: the store as it was then.
    let before = fs::read(&path).unwrap();
    let mut store = open();
    store.apply_all(&[(ROOM, accepted(key(1, 0, 3), b"three"))]).unwrap();
    drop(store);
    fs::write(&path, before).unwrap();
    let mut store = open();
    assert_eq!(history(folder.path()).len(), 2, "what was not committed is cut off");
    store.apply_all(&[(ROOM, accepted(key(1, 0, 3), b"three"))]).unwrap();
    assert_eq!(history(folder.path()).len(), 3, "and is there once when it came again");
}

#[test]
fn batch_received_before_restore_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rooms.redb");
    let open = || RedbStore::open_with_history(&path, limits(folder.path())).unwrap();
    open().apply_all(&[(ROOM, accepted(key(1, 0, 1), b"one"))]).unwrap();
    let mut again = open();
    again
        .apply_all(&[(ROOM, accepted(key(1, 0, 1), b"one")), (ROOM, accepted(key(1, 0, 2), b"two"))])
        .unwrap();
    assert_eq!(history(folder.path()).len(), 2);
}

#[test]
fn a_paused_history_says_how_much_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rooms.redb");
    let open = || RedbStore::open_with_history(&path, limits(folder.path())).unwrap();
    open().apply_all(&[(ROOM, accepted(key(1, 0, 1), b"one"))]).unwrap();
    let mut off = RedbStore::open(&path).unwrap();
    assert!(!off.keeps_history());
    off.apply_all(&[(ROOM, change(None, &[(key(1, 0, 2), b"two"), (key(1, 0, 3), b"three")], &[]))]).unwrap();
    drop(off);
    let mut on = open();
    on.apply_all(&[(ROOM, accepted(key(1, 0, 4), b"four"))]).unwrap();
    on.apply_all(&[(ROOM, accepted(key(1, 0, 5), b"five"))]).unwrap();
    let entries = history(folder.path());
    assert!(matches!(entries[1], Entry::Gap { missed: 2, .. }), "{entries:?}");
    assert_eq!(entries.len(), 4);
}

#[test]
fn a_damaged_history_is_told_before_keeping_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rooms.redb");
    let open = || RedbStore::open_with_history(&path, limits(folder.path()));
    open().unwrap().apply_all(&[(ROOM, accepted(key(1, 0, 1), b"one"))]).unwrap();
    let segment = folder.path().join("history").join(ROOM.to_string()).join("0000000000000000.log");
    let bytes = fs::read(&segment).unwrap();
    fs::write(&segment, &bytes[..bytes.len() - 1]).unwrap();
    let error = open().unwrap_err();
    assert!(matches!(error, OpenStoreError::History(HistoryError::Damaged { .. })), "{error}");
    // Without a history the store opens as ever.
    RedbStore::open(&path).unwrap();
    // No folder can be made where a file is.
    let nowhere = HistoryLimits { folder: segment.join("history"), bytes_max: 0 };
    let error = RedbStore::open_with_history(&path, nowhere).unwrap_err();
    assert!(matches!(error, OpenStoreError::History(HistoryError::File { .. })), "{error}");
}

#[test]
fn a_failed_store_works_again_once_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rooms.redb");
    let mut store = RedbStore::open_with_history(&path, limits(folder.path())).unwrap();
    let handle = store.clone();
    // A file stands where the history's folder should be.
    fs::remove_dir(folder.path().join("history")).unwrap();
    fs::write(folder.path().join("history"), b"").unwrap();
    let first = [(ROOM, accepted(key(1, 0, 1), b"one"))];
    let error = store.apply_all(&first).unwrap_err().to_string();
    assert!(error.contains("history"), "{error}");
    assert_eq!(handle.load(ROOM).unwrap(), None, "all or nothing");
    fs::remove_file(folder.path().join("history")).unwrap();
    store.apply_all(&first).unwrap();
    assert_eq!(handle.load(ROOM).unwrap().unwrap().batches, [b"one"]);
    assert_eq!(history(folder.path()).len(), 1);
}
