//! A store in SQL: in a SQLite file, embedded in the program, or in a PostgreSQL database, by the same statements.

mod connection;
mod publishing;
#[cfg(test)]
mod tests;
mod undo;

use meshwork_core::id::{Code, PeerId};
use meshwork_play::PackageId;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Row as _};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::{
    Boxed, By, Cursor, Files, PIECE, Publication, PublishError, PutBack, PutBackError, SESSION_DAYS,
    SessionRecord, Shelf, ShelfError, StoredGame, TakeDown, Totals,
};
use connection::{ACQUIRE_WITHIN, within};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Writers of all servers on one PostgreSQL database wait for this lock: the letters "mwgames" as a number.
const WRITERS_LOCK: i64 = 0x006d_7767_616d_6573;

/// The columns of a game, without its picture.
const GAME: &str = "SELECT code, owner, owner_name, title, description, package, length, least, most, state, version, \
                    plays, made_ms, changed_ms, taken_down FROM games";

/// Whether visitors may have the package `$1`.
const IS_OPEN: &str = "NOT EXISTS (SELECT 1 FROM refused WHERE refused.package = $1) \
                       AND EXISTS (SELECT 1 FROM versions JOIN games ON games.code = versions.code \
                       WHERE versions.package = $1 AND games.taken_down IS NULL)";

/// A store in a SQLite file or a PostgreSQL database.
#[derive(Debug)]
pub struct SqlShelf {
    pool: AnyPool,
    is_postgres: bool,
    /// Writers of this program wait here instead of in the database, where each would occupy a connection.
    writing: Mutex<()>,
}

/// A change of the store, which happens as a whole or not at all.
struct Step<'a> {
    connection: PoolConnection<Any>,
    /// Whether the change is neither stored nor undone, as far as is known.
    is_open: bool,
    _writing: MutexGuard<'a, ()>,
}

impl Step<'_> {
    fn connection(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }

    /// Stores the change if it succeeded, and undoes it else.
    async fn end<T, E: From<ShelfError>>(mut self, result: Result<T, E>) -> Result<T, E> {
        let statement = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = sqlx::raw_sql(statement).execute(&mut *self.connection).await;
        self.is_open = ended.is_err();
        match ended {
            Err(error) if result.is_ok() => Err(ShelfError::from(error).into()),
            _ => result,
        }
    }
}

impl Drop for Step<'_> {
    /// Closes a connection in doubt, which ends its change: a call that took too long is dropped here, and SQLite itself ends a
    /// change for which the disk is too full, so that it cannot be undone.
    fn drop(&mut self) {
        if self.is_open {
            self.connection.close_on_drop();
        }
    }
}

impl SqlShelf {
    /// Writes all that waits and closes the store.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins a change, one at a time, also among several servers.
    async fn begin(&self) -> Result<Step<'_>, ShelfError> {
        let late = |_| ShelfError::Away(String::from("earlier changes still wait for it"));
        let writing = timeout(ACQUIRE_WITHIN, self.writing.lock()).await.map_err(late)?;
        // SQLite refuses a change that began as a read.
        let begin = if self.is_postgres { "BEGIN" } else { "BEGIN IMMEDIATE" };
        let mut step = Step { connection: self.pool.acquire().await?, is_open: true, _writing: writing };
        sqlx::raw_sql(begin).execute(step.connection()).await?;
        if self.is_postgres {
            let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITERS_LOCK);
            lock.execute(step.connection()).await?;
        }
        Ok(step)
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

    async fn add_session(&self, session: SessionRecord) -> Result<(), ShelfError> {
        let mut step = self.begin().await?;
        let added = add_session(step.connection(), session).await;
        step.end(added).await
    }

    async fn write_probe(&self) -> Result<(), ShelfError> {
        // PostgreSQL would compress other bytes.
        let mut bytes = vec![0; PIECE];
        let _ = getrandom::fill(&mut bytes);
        let mut step = self.begin().await?;
        let written = write_probe(step.connection(), bytes).await;
        step.end(written).await
    }
}

async fn add_session(
    step: &mut AnyConnection,
    SessionRecord { code, at_ms, session }: SessionRecord,
) -> Result<(), ShelfError> {
    let sql = "INSERT INTO sessions (code, at_ms, player_count, duration_seconds, host_disconnects, \
               average_latency_ms) VALUES ($1, $2, $3, $4, $5, $6)";
    let query = sqlx::query(sql).bind(code.to_string()).bind(number(at_ms));
    let query = query.bind(i64::from(session.player_count)).bind(i64::from(session.duration_seconds));
    let query = query.bind(i64::from(session.host_disconnects)).bind(i64::from(session.average_latency_ms));
    query.execute(&mut *step).await?;
    let sql = "UPDATE games SET plays = plays + 1 WHERE code = $1";
    sqlx::query(sql).bind(code.to_string()).execute(&mut *step).await?;
    let oldest = number(at_ms.saturating_sub(SESSION_DAYS * DAY_MS));
    sqlx::query("DELETE FROM sessions WHERE at_ms < $1").bind(oldest).execute(step).await?;
    Ok(())
}

/// Writes a row more before the former one is deleted: its room must be there in addition.
async fn write_probe(step: &mut AnyConnection, bytes: Vec<u8>) -> Result<(), ShelfError> {
    let newest = sqlx::query("SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM probes");
    let newest: i64 = newest.fetch_one(&mut *step).await?.try_get(0)?;
    let sql = "INSERT INTO probes (id, bytes) VALUES ($1, $2)";
    sqlx::query(sql).bind(newest + 1).bind(bytes).execute(&mut *step).await?;
    sqlx::query("DELETE FROM probes WHERE id <= $1").bind(newest).execute(step).await?;
    Ok(())
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

/// A query with one more value.
fn with(query: Query<'_, Any, AnyArguments>, value: Value) -> Query<'_, Any, AnyArguments> {
    match value {
        Value::Number(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
        Value::Bytes(bytes) => query.bind(bytes),
    }
}

impl Shelf for SqlShelf {
    fn publish(&self, publication: Publication) -> Boxed<'_, Result<(), PublishError>> {
        within(self.store(publication))
    }

    fn game(&self, code: Code) -> Boxed<'_, Result<Option<StoredGame>, ShelfError>> {
        within(async move {
            let games = self.select_games("WHERE code = $1", [Value::code(code)]).await?;
            Ok(games.into_iter().next())
        })
    }

    fn games(&self, before: Option<Cursor>, most: u16) -> Boxed<'_, Result<Vec<StoredGame>, ShelfError>> {
        within(async move {
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
        within(async move {
            let condition = "ORDER BY changed_ms DESC, code DESC LIMIT $1";
            self.select_games(condition, [Value::Number(most.into())]).await
        })
    }

    fn games_of(&self, owner: PeerId) -> Boxed<'_, Result<Vec<StoredGame>, ShelfError>> {
        within(self.select_games(
            "WHERE owner = $1 ORDER BY changed_ms DESC, code DESC",
            [Value::Bytes(owner.0.to_vec())],
        ))
    }

    fn codes(&self) -> Boxed<'_, Result<Vec<Code>, ShelfError>> {
        within(async move {
            let rows = sqlx::query("SELECT code FROM games").fetch_all(&self.pool).await?;
            rows.iter().map(read_code).collect()
        })
    }

    fn totals(&self) -> Boxed<'_, Result<Totals, ShelfError>> {
        within(async move {
            let row =
                sqlx::query("SELECT COUNT(*), COUNT(taken_down) FROM games").fetch_one(&self.pool).await?;
            let (games, taken_down): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok(Totals { games: games.unsigned_abs(), open: (games - taken_down).unsigned_abs() })
        })
    }

    fn release(&self, code: Code) -> Boxed<'_, Result<Option<Vec<u8>>, ShelfError>> {
        let sql = "SELECT signed FROM versions WHERE code = $1 ORDER BY version DESC LIMIT 1";
        within(self.bytes_of(sql, Value::code(code)))
    }

    fn thumbnail(&self, code: Code) -> Boxed<'_, Result<Option<Vec<u8>>, ShelfError>> {
        within(self.bytes_of("SELECT thumbnail FROM games WHERE code = $1", Value::code(code)))
    }

    fn package_length(&self, id: PackageId) -> Boxed<'_, Result<Option<u32>, ShelfError>> {
        within(async move {
            let sql = format!("SELECT length FROM packages WHERE id = $1 AND {IS_OPEN}");
            let query = sqlx::query(AssertSqlSafe(sql)).bind(id.0.to_vec());
            let Some(row) = query.fetch_optional(&self.pool).await? else { return Ok(None) };
            let length: i64 = row.try_get(0)?;
            u32::try_from(length).map(Some).map_err(|_| ShelfError::Damaged("the length of a package"))
        })
    }

    fn piece(&self, id: PackageId, place: u32) -> Boxed<'_, Result<Option<Vec<u8>>, ShelfError>> {
        within(async move {
            let sql = format!("SELECT bytes FROM pieces WHERE package = $1 AND place = $2 AND {IS_OPEN}");
            let query = sqlx::query(AssertSqlSafe(sql)).bind(id.0.to_vec()).bind(i64::from(place));
            let row = query.fetch_optional(&self.pool).await?;
            Ok(row.map(|row| row.try_get(0)).transpose()?)
        })
    }

    fn check_refusals(&self, author: PeerId, package: PackageId) -> Boxed<'_, Result<(), PublishError>> {
        within(async move {
            let mut connection = self.pool.acquire().await.map_err(ShelfError::from)?;
            match publishing::refusal(&mut connection, author, package).await? {
                Some(refused) => Err(refused),
                None => Ok(()),
            }
        })
    }

    fn take_down(
        &self,
        what: TakeDown,
        by: By,
        files: Files,
        at_ms: u64,
    ) -> Boxed<'_, Result<Vec<Code>, ShelfError>> {
        within(self.remove(what, by, files, at_ms))
    }

    fn put_back(&self, what: PutBack) -> Boxed<'_, Result<Vec<Code>, PutBackError>> {
        within(self.restore(what))
    }

    fn probe(&self) -> Boxed<'_, Result<(), ShelfError>> {
        within(self.write_probe())
    }

    fn delete_old(&self, now_ms: u64) -> Boxed<'_, Result<(), ShelfError>> {
        within(self.purge(now_ms))
    }

    fn shared_key(&self, name: &'static str, fresh: [u8; 32]) -> Boxed<'_, Result<[u8; 32], ShelfError>> {
        within(async move {
            let sql = "INSERT INTO keys (name, secret) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
            sqlx::query(sql).bind(name).bind(fresh.to_vec()).execute(&self.pool).await?;
            let sql = "SELECT secret FROM keys WHERE name = $1";
            let stored = self.bytes_of(sql, Value::Text(String::from(name))).await?;
            let stored = stored.and_then(|stored| stored.try_into().ok());
            stored.ok_or(ShelfError::Damaged("a key"))
        })
    }

    fn note_session(&self, session: SessionRecord) -> Boxed<'_, Result<(), ShelfError>> {
        within(self.add_session(session))
    }
}

fn read_code(row: &AnyRow) -> Result<Code, ShelfError> {
    let code: String = row.try_get(0)?;
    code.parse().map_err(|_| ShelfError::Damaged("a code"))
}

fn read_game(row: &AnyRow) -> Result<StoredGame, ShelfError> {
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
