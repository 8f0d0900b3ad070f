//! Files that are full, damaged or another's.

use std::path::Path;
use std::sync::Arc;

use meshwork_core::id::{Code, PeerId};
use meshwork_play::PackageId;

use super::super::{By, Files};
use super::super::{Publication, PublishError, Shelf as _, ShelfError, TakeDown};
use super::SqlShelf;

/// The limit of a database that has as many pages as it may.
const FULL: u32 = 1;
/// No limit, as SQLite has it by itself.
const ROOM: u32 = 0xffff_fffe;

fn publication(number: u32, length: usize) -> Publication {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).unwrap();
    Publication {
        code: Code::from_bits(number),
        is_version: false,
        author: PeerId([1; 32]),
        author_name: String::from("Mira"),
        title: String::from("Rim"),
        description: String::new(),
        players: (1, 6),
        version: 1,
        signed: vec![2; 100],
        package: PackageId::of(&bytes),
        bytes: bytes.into(),
        thumbnail: None,
        draft: false,
        request: *blake3::hash(&number.to_be_bytes()).as_bytes(),
        at_ms: 1,
        games_max: 1_000,
        bytes_max: u64::MAX,
    }
}

/// Limits the pages of the database for all its connections.
async fn limit(store: &SqlShelf, pages: u32) {
    let mut all = Vec::new();
    for _ in 0..store.pool.options().get_max_connections() {
        let mut connection = store.pool.acquire().await.unwrap();
        let sql = format!("PRAGMA max_page_count = {pages}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
        all.push(connection);
    }
    for mut connection in all {
        connection.return_to_pool().await;
    }
}

#[tokio::test]
async fn full_stores_store_again_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqlShelf::open(folder.path().join("games.sqlite")).await.unwrap();
    store.publish(publication(0, 100_000)).await.unwrap();
    store.probe().await.unwrap();
    limit(&store, FULL).await;
    for number in 1..=4 {
        // A connection that is closed is replaced by one without the limit, until all are.
        limit(&store, FULL).await;
        let refused = store.publish(publication(number, 1_000_000)).await.unwrap_err();
        assert!(matches!(refused, PublishError::Store(ShelfError::Unwritable(_))), "{refused}");
        limit(&store, FULL).await;
        assert!(matches!(store.probe().await, Err(ShelfError::Unwritable(_))));
        assert_eq!(store.totals().await.unwrap().games, 1, "it is read");
    }
    limit(&store, ROOM).await;
    for number in 10..30 {
        store.publish(publication(number, 1_000)).await.unwrap();
    }
    store.probe().await.unwrap();
    let code = TakeDown::Code(Code::from_bits(10));
    let taken = store.take_down(code, By::Operator, Files::Delete, 2).await.unwrap();
    assert_eq!(taken, [Code::from_bits(10)]);
}

#[tokio::test]
async fn refused_changes_keep_their_connection() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqlShelf::open(folder.path().join("games.sqlite")).await.unwrap();
    store.publish(publication(0, 1_000)).await.unwrap();
    // A mark of each connection.
    let mark = 12_345;
    limit(&store, mark).await;
    for _ in 0..10 {
        let mut again = publication(0, 1_000);
        again.request = *blake3::hash(&again.bytes).as_bytes();
        assert!(matches!(store.publish(again).await, Err(PublishError::CodeTaken)));
    }
    let mut all = Vec::new();
    for _ in 0..store.pool.options().get_max_connections() {
        let mut connection = store.pool.acquire().await.unwrap();
        let row = sqlx::query("PRAGMA max_page_count").fetch_one(&mut *connection).await.unwrap();
        assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), i64::from(mark), "no connection was replaced");
        all.push(connection);
    }
    drop(all);
    // A refused change is undone: the pieces of none are there.
    let rows = sqlx::query("SELECT 1 FROM pieces").fetch_all(&store.pool).await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn deleted_packages_leave_no_piece() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqlShelf::open(folder.path().join("games.sqlite")).await.unwrap();
    let games = [publication(0, 200_000), publication(1, 200_000)];
    for game in &games {
        store.publish(game.clone()).await.unwrap();
    }
    let what = TakeDown::Code(games[0].code);
    store.take_down(what, By::Operator, Files::Delete, 2).await.unwrap();
    let what = TakeDown::Package(games[1].package, String::from("no"));
    store.take_down(what, By::Operator, Files::Delete, 2).await.unwrap();
    let rows = sqlx::query("SELECT 1 FROM pieces").fetch_all(&store.pool).await.unwrap();
    assert_eq!(rows.len(), 0);
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

/// Fails the test unless the store is refused as damaged, and stays as it is.
async fn expect_refusal(folder: &Path, files: &[&str]) {
    let before: Vec<Vec<u8>> = files.iter().map(|name| read(folder, name)).collect();
    let error = SqlShelf::open(folder.join("games.sqlite")).await.unwrap_err();
    assert!(matches!(error, ShelfError::Corrupt(_)), "{error}");
    assert!(error.to_string().contains("without the files -wal and -shm"), "{error}");
    for (name, before) in files.iter().zip(before) {
        assert!(read(folder, name) == before, "{name} is another file now");
    }
}

#[tokio::test]
async fn damaged_files_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("games.sqlite");
    std::fs::write(&path, [b'x'; 10_000]).unwrap();
    expect_refusal(folder.path(), &["games.sqlite"]).await;
    std::fs::remove_file(&path).unwrap();
    let store = SqlShelf::open(&path).await.unwrap();
    for number in 0..20 {
        store.publish(publication(number, 100_000)).await.unwrap();
    }
    store.close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle - 60_000..middle + 60_000].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    expect_refusal(folder.path(), &["games.sqlite"]).await;
}

#[tokio::test]
async fn changes_of_another_copy_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (old, live) = (folder.path().join("old"), folder.path().join("live"));
    std::fs::create_dir_all(&old).unwrap();
    std::fs::create_dir_all(&live).unwrap();
    let path = live.join("games.sqlite");
    let fill = async |numbers: std::ops::Range<u32>| {
        let store = SqlShelf::open(&path).await.unwrap();
        for number in numbers {
            store.publish(publication(number, 150_000)).await.unwrap();
        }
        store
    };
    fill(0..5).await.close().await;
    std::fs::copy(&path, old.join("games.sqlite")).unwrap();
    fill(5..25).await.close().await;
    let store = fill(25..30).await;
    std::fs::copy(live.join("games.sqlite-wal"), old.join("games.sqlite-wal")).unwrap();
    store.close().await;
    expect_refusal(&old, &["games.sqlite", "games.sqlite-wal"]).await;
    // The remedy of the message.
    std::fs::remove_file(old.join("games.sqlite-wal")).unwrap();
    let _ = std::fs::remove_file(old.join("games.sqlite-shm"));
    assert_eq!(SqlShelf::open(old.join("games.sqlite")).await.unwrap().totals().await.unwrap().games, 5);
}

#[cfg(unix)]
#[tokio::test]
async fn new_files_are_their_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = SqlShelf::open(folder.path().join("games.sqlite")).await.unwrap();
    store.publish(publication(0, 1_000)).await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
    store.close().await;
}

/// A server without rooms.
struct NoRooms;

impl crate::Live for NoRooms {
    fn members(&self, _: Code) -> Option<usize> {
        None
    }

    fn has_member(&self, _: Code, _: PeerId) -> bool {
        false
    }

    fn reserve(&self, _: Code) -> Result<(), crate::ReserveError> {
        Ok(())
    }

    fn release(&self, _: Code) {}
}

#[tokio::test]
async fn a_full_store_is_not_up() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqlShelf::open(folder.path().join("games.sqlite")).await.unwrap());
    store.publish(publication(0, 1_000)).await.unwrap();
    let now = Arc::new(std::sync::atomic::AtomicU64::new(1_000_000));
    let clock = Arc::clone(&now);
    let config = crate::ArcadeConfig {
        clock: Arc::new(move || clock.load(std::sync::atomic::Ordering::Relaxed)),
        ..crate::ArcadeConfig::default()
    };
    let arcade = crate::Arcade::new(store.clone(), Arc::new(NoRooms), config).await.unwrap();
    arcade.refresh().await;
    assert!(arcade.counts().store_up);
    // Nobody publishes, and the next look finds out. A game uses the pages that earlier looks left free.
    store.publish(publication(1, 300_000)).await.unwrap();
    limit(&store, FULL).await;
    now.fetch_add(60_000, std::sync::atomic::Ordering::Relaxed);
    arcade.refresh().await;
    assert!(!arcade.counts().store_up);
    limit(&store, ROOM).await;
    arcade.refresh().await;
    assert!(arcade.counts().store_up);
    // A change that is not stored counts at once.
    limit(&store, FULL).await;
    let author = meshwork_core::id::Identity::from_secret([3; 32]);
    let files = std::collections::BTreeMap::from([
        (String::from("game.json"), br#"{"meshwork":1,"title":"Rim"}"#.to_vec()),
        (String::from("game.js"), [b"//".to_vec(), vec![b'x'; 500_000]].concat()),
    ]);
    let package = meshwork_play::Package::pack(&files).unwrap();
    assert!(arcade.bring(&author, "Meshwork", std::slice::from_ref(&package)).await.is_err());
    assert!(!arcade.counts().store_up);
    limit(&store, ROOM).await;
    arcade.refresh().await;
    assert!(arcade.counts().store_up);
    arcade.bring(&author, "Meshwork", &[package]).await.unwrap();
}
