//! A store in a SQLite file, embedded in the program.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use meshwork_core::id::{Code, PeerId};
use meshwork_play::PackageId;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::query::Query;
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr as _};
use tokio::sync::Mutex;

use super::{
    Boxed, By, Cursor, Publication, PublishError, SESSION_DAYS, SessionRecord, Shelf, ShelfError, StoredGame,
    TakeDown, VERSIONS_MAX,
};

/// Each change of the tables, in order. One that was released is never changed.
const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "shelf", include_str!("../../migrations/1_shelf.sql"))];
/// Readers at once; writers wait for each other.
const CONNECTIONS_MAX: u32 = 4;
/// Time that a statement waits for another program that has the file.
const BUSY_WITHIN: Duration = Duration::from_secs(10);
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The columns of a game, without its picture.
const GAME: &str = "SELECT code, owner, owner_name, title, description, package, length, least, most, state, version, \
                    plays, made_ms, changed_ms, taken_down FROM games";

/// A store in a file.
#[derive(Debug)]
pub struct SqliteShelf {
    pool: SqlitePool,
    /// Writers wait here instead of in the database, which would refuse some of them.
    writing: Mutex<()>,
}

impl SqliteShelf {
    /// Opens the store in a file, or makes one there.
    ///
    /// # Errors
    /// [`ShelfError`] if the file is no store of this program or an older one, or cannot be read and written.
    pub async fn open(path: impl AsRef<Path>) -> Result<SqliteShelf, ShelfError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_WITHIN);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).connect_with(options).await?;
        let migrations = MIGRATIONS.map(|(version, name, sql)| {
            let kind = MigrationType::Simple;
            Migration::new(version, Cow::Borrowed(name), kind, sql.into_sql_str(), false)
        });
        let migrator = Migrator { migrations: Cow::Owned(migrations.to_vec()), ..Migrator::DEFAULT };
        migrator.run(&pool).await?;
        Ok(SqliteShelf { pool, writing: Mutex::new(()) })
    }

    /// Writes all that waits and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn select_games(
        &self,
        condition: &'static str,
        bind: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<StoredGame>, ShelfError> {
        // Both parts are constants of this file.
        let query = sqlx::query(AssertSqlSafe(format!("{GAME} {condition}")));
        bind.into_iter().fold(query, with).fetch_all(&self.pool).await?.iter().map(read_game).collect()
    }

    async fn bytes_of(&self, sql: &'static str, key: Value) -> Result<Option<Vec<u8>>, ShelfError> {
        let row = with(sqlx::query(sql), key).fetch_optional(&self.pool).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.flatten())
    }

    async fn store(&self, new: Publication) -> Result<(), PublishError> {
        let _writing = self.writing.lock().await;
        let mut step = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(ShelfError::from)?;
        let refusal = "SELECT reason FROM refused WHERE package = $1";
        let refused = sqlx::query(refusal).bind(new.package.0.to_vec()).fetch_optional(&mut *step).await;
        if let Some(row) = refused.map_err(ShelfError::from)? {
            return Err(PublishError::Refused(row.try_get(0).map_err(ShelfError::from)?));
        }
        check(&mut step, &new).await?;
        put_package(&mut step, &new).await?;
        put_game(&mut step, &new).await?;
        put_version(&mut step, &new).await?;
        step.commit().await.map_err(ShelfError::from)?;
        Ok(())
    }

    async fn remove(&self, what: TakeDown, by: By, at_ms: u64) -> Result<Vec<Code>, ShelfError> {
        let _writing = self.writing.lock().await;
        let mut step = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let codes = match &what {
            TakeDown::Code(code) => {
                let sql = "SELECT code FROM games WHERE code = $1 AND taken_down IS NULL";
                sqlx::query(sql).bind(code.to_string()).fetch_all(&mut *step).await?
            }
            TakeDown::Package(package, reason) => {
                let sql = "INSERT INTO refused (package, reason, at_ms) VALUES ($1, $2, $3) \
                           ON CONFLICT (package) DO UPDATE SET reason = excluded.reason";
                let query = sqlx::query(sql).bind(package.0.to_vec()).bind(reason.clone());
                query.bind(number(at_ms)).execute(&mut *step).await?;
                let sql = "SELECT code FROM games WHERE package = $1 AND taken_down IS NULL";
                sqlx::query(sql).bind(package.0.to_vec()).fetch_all(&mut *step).await?
            }
        };
        let codes = codes.iter().map(read_code).collect::<Result<Vec<Code>, _>>()?;
        for &code in &codes {
            let sql = "UPDATE games SET taken_down = $2, thumbnail = NULL WHERE code = $1";
            sqlx::query(sql).bind(code.to_string()).bind(by.word()).execute(&mut *step).await?;
            drop_versions(&mut step, code, 0).await?;
        }
        if let TakeDown::Package(package, _) = &what {
            // Older versions of other games may have it too.
            for sql in ["DELETE FROM versions WHERE package = $1", "DELETE FROM packages WHERE id = $1"] {
                sqlx::query(sql).bind(package.0.to_vec()).execute(&mut *step).await?;
            }
        }
        step.commit().await?;
        Ok(codes)
    }

    async fn add_session(
        &self,
        SessionRecord { code, at_ms, session }: SessionRecord,
    ) -> Result<(), ShelfError> {
        let _writing = self.writing.lock().await;
        let mut step = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let sql = "INSERT INTO sessions (code, at_ms, player_count, duration_seconds, host_disconnects, \
                   average_latency_ms) VALUES ($1, $2, $3, $4, $5, $6)";
        let query = sqlx::query(sql).bind(code.to_string()).bind(number(at_ms));
        let query = query.bind(i64::from(session.player_count)).bind(i64::from(session.duration_seconds));
        let query =
            query.bind(i64::from(session.host_disconnects)).bind(i64::from(session.average_latency_ms));
        query.execute(&mut *step).await?;
        let sql = "UPDATE games SET plays = plays + 1 WHERE code = $1";
        sqlx::query(sql).bind(code.to_string()).execute(&mut *step).await?;
        let oldest = number(at_ms.saturating_sub(SESSION_DAYS * DAY_MS));
        sqlx::query("DELETE FROM sessions WHERE at_ms < $1").bind(oldest).execute(&mut *step).await?;
        step.commit().await?;
        Ok(())
    }
}

/// A value of a condition.
enum Value {
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Value {
    fn code(code: Code) -> Value {
        Value::Text(code.to_string())
    }
}

type SqliteQuery<'q> = Query<'q, Sqlite, SqliteArguments>;

/// A query with one more value.
fn with(query: SqliteQuery<'_>, value: Value) -> SqliteQuery<'_> {
    match value {
        Value::Number(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
        Value::Bytes(bytes) => query.bind(bytes),
    }
}

impl Shelf for SqliteShelf {
    fn publish(&self, publication: Publication) -> Boxed<'_, Result<(), PublishError>> {
        Box::pin(self.store(publication))
    }

    fn game(&self, code: Code) -> Boxed<'_, Result<Option<StoredGame>, ShelfError>> {
        Box::pin(async move {
            let games = self.select_games("WHERE code = $1", [Value::code(code)]).await?;
            Ok(games.into_iter().next())
        })
    }

    fn games(&self, before: Option<Cursor>, most: u16) -> Boxed<'_, Result<Vec<StoredGame>, ShelfError>> {
        Box::pin(async move {
            let most = Value::Number(most.into());
            let Some(Cursor { changed_ms, code }) = before else {
                let condition = "WHERE state = 'published' AND taken_down IS NULL \
                                 ORDER BY changed_ms DESC, code DESC LIMIT $1";
                return self.select_games(condition, [most]).await;
            };
            let condition = "WHERE state = 'published' AND taken_down IS NULL \
                             AND (changed_ms < $1 OR changed_ms = $1 AND code < $2) \
                             ORDER BY changed_ms DESC, code DESC LIMIT $3";
            self.select_games(condition, [Value::Number(number(changed_ms)), Value::code(code), most]).await
        })
    }

    fn all_games(&self, most: u16) -> Boxed<'_, Result<Vec<StoredGame>, ShelfError>> {
        Box::pin(async move {
            let condition = "ORDER BY changed_ms DESC, code DESC LIMIT $1";
            self.select_games(condition, [Value::Number(most.into())]).await
        })
    }

    fn games_of(&self, owner: PeerId) -> Boxed<'_, Result<Vec<StoredGame>, ShelfError>> {
        Box::pin(self.select_games(
            "WHERE owner = $1 ORDER BY changed_ms DESC, code DESC",
            [Value::Bytes(owner.0.to_vec())],
        ))
    }

    fn codes(&self) -> Boxed<'_, Result<Vec<Code>, ShelfError>> {
        Box::pin(async move {
            let rows = sqlx::query("SELECT code FROM games").fetch_all(&self.pool).await?;
            rows.iter().map(read_code).collect()
        })
    }

    fn count(&self) -> Boxed<'_, Result<u64, ShelfError>> {
        Box::pin(async move {
            let sql = "SELECT COUNT(*) FROM games WHERE taken_down IS NULL";
            let count: i64 = sqlx::query(sql).fetch_one(&self.pool).await?.try_get(0)?;
            Ok(count.unsigned_abs())
        })
    }

    fn release(&self, code: Code) -> Boxed<'_, Result<Option<Vec<u8>>, ShelfError>> {
        let sql = "SELECT signed FROM versions WHERE code = $1 ORDER BY version DESC LIMIT 1";
        Box::pin(self.bytes_of(sql, Value::code(code)))
    }

    fn thumbnail(&self, code: Code) -> Boxed<'_, Result<Option<Vec<u8>>, ShelfError>> {
        Box::pin(self.bytes_of("SELECT thumbnail FROM games WHERE code = $1", Value::code(code)))
    }

    fn package(&self, id: PackageId) -> Boxed<'_, Result<Option<Vec<u8>>, ShelfError>> {
        Box::pin(self.bytes_of("SELECT bytes FROM packages WHERE id = $1", Value::Bytes(id.0.to_vec())))
    }

    fn refusal(&self, id: PackageId) -> Boxed<'_, Result<Option<String>, ShelfError>> {
        Box::pin(async move {
            let query = sqlx::query("SELECT reason FROM refused WHERE package = $1").bind(id.0.to_vec());
            let row = query.fetch_optional(&self.pool).await?;
            Ok(row.map(|row| row.try_get(0)).transpose()?)
        })
    }

    fn take_down(&self, what: TakeDown, by: By, at_ms: u64) -> Boxed<'_, Result<Vec<Code>, ShelfError>> {
        Box::pin(self.remove(what, by, at_ms))
    }

    fn note_session(&self, session: SessionRecord) -> Boxed<'_, Result<(), ShelfError>> {
        Box::pin(self.add_session(session))
    }
}

/// Whether the author may publish under this code now.
async fn check(step: &mut SqliteConnection, new: &Publication) -> Result<(), PublishError> {
    let sql = "SELECT owner, version, taken_down FROM games WHERE code = $1";
    let present = sqlx::query(sql).bind(new.code.to_string()).fetch_optional(&mut *step).await;
    let present = present.map_err(ShelfError::from)?;
    if !new.is_version {
        if present.is_some() {
            return Err(PublishError::CodeTaken);
        }
        let sql = "SELECT COUNT(*) FROM games WHERE owner = $1 AND taken_down IS NULL";
        let row = sqlx::query(sql).bind(new.author.0.to_vec()).fetch_one(&mut *step).await;
        let count: i64 = row.and_then(|row| row.try_get(0)).map_err(ShelfError::from)?;
        return if count >= i64::from(new.games_max) {
            Err(PublishError::TooManyGames(new.games_max))
        } else {
            Ok(())
        };
    }
    let Some(row) = present else { return Err(PublishError::NoGame) };
    let owner: Vec<u8> = row.try_get(0).map_err(ShelfError::from)?;
    let version: i64 = row.try_get(1).map_err(ShelfError::from)?;
    let taken_down: Option<String> = row.try_get(2).map_err(ShelfError::from)?;
    if taken_down.is_some() {
        return Err(PublishError::NoGame);
    }
    if owner != new.author.0 {
        return Err(PublishError::NotOwner);
    }
    if i64::from(new.version) <= version {
        let present = u32::try_from(version).unwrap_or(u32::MAX);
        return Err(PublishError::Version { found: new.version, present });
    }
    Ok(())
}

async fn put_package(step: &mut SqliteConnection, new: &Publication) -> Result<(), PublishError> {
    let id = new.package.0.to_vec();
    let known =
        sqlx::query("SELECT 1 FROM packages WHERE id = $1").bind(id.clone()).fetch_optional(&mut *step);
    if known.await.map_err(ShelfError::from)?.is_some() {
        return Ok(());
    }
    let sum = sqlx::query("SELECT COALESCE(SUM(length), 0) FROM packages").fetch_one(&mut *step).await;
    let stored: i64 = sum.and_then(|row| row.try_get(0)).map_err(ShelfError::from)?;
    if stored.unsigned_abs() + new.bytes.len() as u64 > new.bytes_max {
        return Err(PublishError::Full(new.bytes_max));
    }
    let sql = "INSERT INTO packages (id, length, at_ms, put_by, bytes) VALUES ($1, $2, $3, $4, $5)";
    let query = sqlx::query(sql).bind(id).bind(new.bytes.len() as i64).bind(number(new.at_ms));
    let query = query.bind(new.author.0.to_vec()).bind(new.bytes.to_vec());
    query.execute(step).await.map_err(ShelfError::from)?;
    Ok(())
}

async fn put_game(step: &mut SqliteConnection, new: &Publication) -> Result<(), ShelfError> {
    let sql = if new.is_version {
        "UPDATE games SET owner = $2, owner_name = $3, title = $4, description = $5, package = $6, length = $7, \
         least = $8, most = $9, state = $10, version = $11, changed_ms = $12, thumbnail = $13 WHERE code = $1"
    } else {
        "INSERT INTO games (code, owner, owner_name, title, description, package, length, least, most, state, version, \
         changed_ms, thumbnail, made_ms, plays) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $12, 0)"
    };
    let query = sqlx::query(sql).bind(new.code.to_string()).bind(new.author.0.to_vec());
    let query = query.bind(new.author_name.clone()).bind(new.title.clone()).bind(new.description.clone());
    let query = query.bind(new.package.0.to_vec()).bind(new.bytes.len() as i64);
    let query = query.bind(i64::from(new.players.0)).bind(i64::from(new.players.1));
    let query = query.bind(if new.draft { "draft" } else { "published" }).bind(i64::from(new.version));
    query.bind(number(new.at_ms)).bind(new.thumbnail.clone()).execute(step).await?;
    Ok(())
}

async fn put_version(step: &mut SqliteConnection, new: &Publication) -> Result<(), ShelfError> {
    let sql = "INSERT INTO versions (code, version, package, signed, at_ms) VALUES ($1, $2, $3, $4, $5)";
    let query = sqlx::query(sql).bind(new.code.to_string()).bind(i64::from(new.version));
    let query = query.bind(new.package.0.to_vec()).bind(new.signed.clone()).bind(number(new.at_ms));
    query.execute(&mut *step).await?;
    drop_versions(step, new.code, VERSIONS_MAX).await
}

/// Drops all but the newest versions of a game, and packages that no game has any more.
async fn drop_versions(step: &mut SqliteConnection, code: Code, most: u32) -> Result<(), ShelfError> {
    let sql = "SELECT version, package FROM versions WHERE code = $1 ORDER BY version DESC";
    let rows = sqlx::query(sql).bind(code.to_string()).fetch_all(&mut *step).await?;
    for row in rows.iter().skip(most as usize) {
        let (version, package): (i64, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
        let sql = "DELETE FROM versions WHERE code = $1 AND version = $2";
        sqlx::query(sql).bind(code.to_string()).bind(version).execute(&mut *step).await?;
        let sql =
            "DELETE FROM packages WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM versions WHERE package = $1)";
        sqlx::query(sql).bind(package).execute(&mut *step).await?;
    }
    Ok(())
}

fn read_code(row: &SqliteRow) -> Result<Code, ShelfError> {
    let code: String = row.try_get(0)?;
    code.parse().map_err(|_| ShelfError::Damaged("a code"))
}

fn read_game(row: &SqliteRow) -> Result<StoredGame, ShelfError> {
    let number = |at: usize| -> Result<u64, ShelfError> {
        let number: i64 = row.try_get(at)?;
        u64::try_from(number).map_err(|_| ShelfError::Damaged("a number"))
    };
    let small = |at| number(at)?.try_into().map_err(|_| ShelfError::Damaged("a number of players"));
    let medium = |at| number(at)?.try_into().map_err(|_| ShelfError::Damaged("a number"));
    let key = |at: usize| -> Result<[u8; 32], ShelfError> {
        let bytes: Vec<u8> = row.try_get(at)?;
        bytes.try_into().map_err(|_| ShelfError::Damaged("a key"))
    };
    let state: String = row.try_get(9)?;
    let taken_down: Option<String> = row.try_get(14)?;
    Ok(StoredGame {
        code: read_code(row)?,
        owner: PeerId(key(1)?),
        owner_name: row.try_get(2)?,
        title: row.try_get(3)?,
        description: row.try_get(4)?,
        package: PackageId(key(5)?),
        length: medium(6)?,
        players: (small(7)?, small(8)?),
        draft: state == "draft",
        version: medium(10)?,
        plays: number(11)?,
        made_ms: number(12)?,
        changed_ms: number(13)?,
        taken_down: taken_down.map(|by| if by == By::Owner.word() { By::Owner } else { By::Operator }),
    })
}

/// A number of a row, which has a sign.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl From<sqlx::Error> for ShelfError {
    fn from(error: sqlx::Error) -> ShelfError {
        ShelfError::Database(error.to_string())
    }
}

impl From<MigrateError> for ShelfError {
    fn from(error: MigrateError) -> ShelfError {
        ShelfError::Database(error.to_string())
    }
}
