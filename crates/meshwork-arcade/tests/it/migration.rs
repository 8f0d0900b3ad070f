//! Shelves that earlier programs made.

use std::borrow::Cow;

use meshwork_arcade::{Shelf as _, SqlShelf};
use meshwork_core::id::Code;
use meshwork_play::PackageId;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, AssertSqlSafe, SqlSafeStr as _};

/// The tables as they were before packages were stored in pieces.
const BEFORE_PIECES: [(i64, &str, &str); 2] = [
    (1, "shelf", include_str!("../../migrations/1_shelf.sql")),
    (2, "undo", include_str!("../../migrations/2_undo.sql")),
];
const PIECE: usize = 65_536;
/// Lengths of packages around those of pieces.
const LENGTHS: [usize; 6] = [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 5 * PIECE + 17];

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / PIECE + length) as u8).collect()
}

fn id(length: usize) -> PackageId {
    PackageId::of(&bytes(length))
}

/// Makes the tables and rows of an earlier program: a game for each length.
async fn make(url: &str) {
    sqlx::any::install_default_drivers();
    let pool = AnyPool::connect(url).await.unwrap();
    let is_postgres = url.starts_with("postgres");
    let migrations = BEFORE_PIECES.map(|(version, name, sql)| {
        let sql = if is_postgres { Cow::Owned(sql.replace("BLOB", "BYTEA")) } else { Cow::Borrowed(sql) };
        let sql = AssertSqlSafe(sql).into_sql_str();
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    });
    let migrator = Migrator { migrations: Cow::Owned(migrations.to_vec()), ..Migrator::DEFAULT };
    migrator.run(&pool).await.unwrap();
    for (number, length) in LENGTHS.into_iter().enumerate() {
        let (code, package) = (Code::from_bits(number as u32).to_string(), id(length).0.to_vec());
        let game = "INSERT INTO games (code, owner, owner_name, title, description, package, length, least, most, state, \
                    version, plays, made_ms, changed_ms) VALUES ($1, $2, 'Mira', 'Rim', '', $3, $4, 1, 6, 'published', 1, \
                    3, 5, 5)";
        let query = sqlx::query(game).bind(code.clone()).bind(vec![1_u8; 32]);
        query.bind(package.clone()).bind(length as i64).execute(&pool).await.unwrap();
        let version =
            "INSERT INTO versions (code, version, package, signed, at_ms) VALUES ($1, 1, $2, $3, 5)";
        let query = sqlx::query(version).bind(code).bind(package.clone()).bind(vec![9_u8; 40]);
        query.execute(&pool).await.unwrap();
        let packed = "INSERT INTO packages (id, length, at_ms, put_by, bytes) VALUES ($1, $2, 5, $3, $4)";
        let query = sqlx::query(packed).bind(package).bind(length as i64).bind(vec![1_u8; 32]);
        query.bind(bytes(length)).execute(&pool).await.unwrap();
    }
    pool.close().await;
}

/// Reads everything back, as readers get it.
async fn compare(store: &SqlShelf) {
    assert_eq!(store.totals().await.unwrap().open, LENGTHS.len() as u64);
    for (number, length) in LENGTHS.into_iter().enumerate() {
        let code = Code::from_bits(number as u32);
        let game = store.game(code).await.unwrap().unwrap();
        assert_eq!((game.plays, game.length as usize, game.package), (3, length, id(length)));
        assert_eq!(store.release(code).await.unwrap(), Some(vec![9; 40]));
        assert_eq!(store.package_length(id(length)).await.unwrap(), Some(length as u32));
        let mut read = Vec::new();
        for place in 0.. {
            let Some(piece) = store.piece(id(length), place).await.unwrap() else { break };
            assert!(piece.len() == PIECE || read.len() + piece.len() == length, "{length}: piece {place}");
            read.extend(piece);
        }
        assert!(read == bytes(length), "{length} bytes come back the same");
    }
}

#[tokio::test]
async fn files_of_earlier_programs_keep_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("games.sqlite");
    make(&format!("sqlite:{}?mode=rwc", path.display())).await;
    for _ in 0..2 {
        let store = SqlShelf::open(&path).await.unwrap();
        compare(&store).await;
        store.close().await;
    }
}

#[cfg(target_os = "linux")]
#[test]
fn databases_of_earlier_programs_keep_their_bytes() {
    let postgres = crate::support::postgres::Postgres::start();
    let url = postgres.database("earlier");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        make(&url).await;
        for _ in 0..2 {
            let store = SqlShelf::connect(&url).await.unwrap();
            compare(&store).await;
            store.close().await;
        }
    });
}
