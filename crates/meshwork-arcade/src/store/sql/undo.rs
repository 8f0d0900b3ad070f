//! Removals by authors and operators, and the operator's way back.

use meshwork_core::id::{Code, PeerId};
use meshwork_play::PackageId;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};

use super::super::{By, Files, PublishError, PutBack, PutBackError, ShelfError, TAKEN_DAYS, TakeDown};
use super::publishing::{drop_versions, refusal};
use super::{DAY_MS, SqlShelf, Value, number, read_code, with};

/// The word in the store for a game whose package the operator refuses.
const BY_PACKAGE: &str = "package";
/// The word in the store for a game whose author the operator refuses.
const BY_AUTHOR: &str = "author";

impl SqlShelf {
    pub(super) async fn remove(
        &self,
        what: TakeDown,
        by: By,
        files: Files,
        at_ms: u64,
    ) -> Result<Vec<Code>, ShelfError> {
        let mut step = self.begin().await?;
        let codes = remove(step.connection(), what, by, files, at_ms).await;
        step.end(codes).await
    }

    pub(super) async fn restore(&self, what: PutBack) -> Result<Vec<Code>, PutBackError> {
        let mut step = self.begin().await?;
        let codes = restore(step.connection(), what).await;
        step.end(codes).await
    }

    /// Deletes the files of games that were taken down long ago, and of packages that were refused long ago.
    pub(super) async fn purge(&self, now_ms: u64) -> Result<(), ShelfError> {
        let oldest = number(now_ms.saturating_sub(TAKEN_DAYS * DAY_MS));
        let mut step = self.begin().await?;
        let purged = purge(step.connection(), oldest).await;
        step.end(purged).await
    }
}

async fn remove(
    step: &mut AnyConnection,
    what: TakeDown,
    by: By,
    files: Files,
    at_ms: u64,
) -> Result<Vec<Code>, ShelfError> {
    let (condition, key, word) = match &what {
        TakeDown::Code(code) => ("code = $1", Value::code(*code), by.word()),
        TakeDown::Package(package, reason) => {
            refuse(step, "refused (package", &package.0, reason, at_ms).await?;
            ("package = $1", Value::Bytes(package.0.to_vec()), BY_PACKAGE)
        }
        TakeDown::Author(author, reason) => {
            refuse(step, "refused_authors (author", &author.0, reason, at_ms).await?;
            ("owner = $1", Value::Bytes(author.0.to_vec()), BY_AUTHOR)
        }
    };
    let sql = format!("SELECT code FROM games WHERE {condition} AND taken_down IS NULL");
    let rows = with(sqlx::query(AssertSqlSafe(sql)), key).fetch_all(&mut *step).await?;
    let codes = rows.iter().map(read_code).collect::<Result<Vec<Code>, _>>()?;
    for &code in &codes {
        let sql = "UPDATE games SET taken_down = $2, taken_ms = $3 WHERE code = $1";
        let query = sqlx::query(sql).bind(code.to_string()).bind(word).bind(number(at_ms));
        query.execute(&mut *step).await?;
        if files == Files::Delete {
            delete_files(step, code).await?;
        }
    }
    if let TakeDown::Package(package, _) = &what
        && files == Files::Delete
    {
        delete_package(step, package.0.to_vec()).await?;
    }
    Ok(codes)
}

async fn restore(step: &mut AnyConnection, what: PutBack) -> Result<Vec<Code>, PutBackError> {
    let (condition, key) = match what {
        PutBack::Code(code) => ("code = $1", Value::code(code)),
        PutBack::Package(package) => {
            accept(step, "DELETE FROM refused WHERE package = $1", &package.0).await?;
            ("package = $1 AND taken_down = 'package'", Value::Bytes(package.0.to_vec()))
        }
        PutBack::Author(author) => {
            accept(step, "DELETE FROM refused_authors WHERE author = $1", &author.0).await?;
            ("owner = $1 AND taken_down = 'author'", Value::Bytes(author.0.to_vec()))
        }
    };
    let sql = format!("SELECT code, owner, package, taken_down FROM games WHERE {condition}");
    let rows = with(sqlx::query(AssertSqlSafe(sql)), key).fetch_all(&mut *step).await;
    let rows = rows.map_err(ShelfError::from)?;
    let mut codes = Vec::new();
    for row in &rows {
        // Another refusal may hold it now, and its end brings the game back.
        let other = match obstacle(step, row).await? {
            None => {
                codes.push(set_state(step, row, None).await?);
                continue;
            }
            Some(obstacle) if matches!(what, PutBack::Code(_)) => return Err(obstacle),
            Some(PutBackError::RefusedAuthor(_)) => BY_AUTHOR,
            Some(PutBackError::RefusedPackage(_)) => BY_PACKAGE,
            Some(_) => continue,
        };
        set_state(step, row, Some(other)).await?;
    }
    if let PutBack::Code(code) = what
        && rows.is_empty()
    {
        return Err(PutBackError::NoGame(code));
    }
    Ok(codes)
}

async fn purge(step: &mut AnyConnection, oldest: i64) -> Result<(), ShelfError> {
    let sql = "SELECT code FROM games WHERE taken_ms < $1 \
               AND EXISTS (SELECT 1 FROM versions WHERE versions.code = games.code)";
    for row in sqlx::query(sql).bind(oldest).fetch_all(&mut *step).await? {
        delete_files(step, read_code(&row)?).await?;
    }
    let sql = "SELECT package FROM refused WHERE at_ms < $1 \
               AND EXISTS (SELECT 1 FROM packages WHERE packages.id = refused.package)";
    for row in sqlx::query(sql).bind(oldest).fetch_all(&mut *step).await? {
        delete_package(step, row.try_get(0)?).await?;
    }
    Ok(())
}

async fn refuse(
    step: &mut AnyConnection,
    place: &'static str,
    key: &[u8; 32],
    reason: &str,
    at_ms: u64,
) -> Result<(), ShelfError> {
    let column = place.rsplit('(').next().unwrap_or_default();
    let sql = format!(
        "INSERT INTO {place}, reason, at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT ({column}) DO UPDATE SET reason = excluded.reason"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(key.to_vec()).bind(reason.to_owned());
    query.bind(number(at_ms)).execute(step).await?;
    Ok(())
}

async fn accept(step: &mut AnyConnection, sql: &'static str, key: &[u8; 32]) -> Result<(), PutBackError> {
    let deleted = sqlx::query(sql).bind(key.to_vec()).execute(step).await.map_err(ShelfError::from)?;
    if deleted.rows_affected() == 0 { Err(PutBackError::NotRefused) } else { Ok(()) }
}

/// The reason for which a game cannot come back now.
async fn obstacle(step: &mut AnyConnection, row: &AnyRow) -> Result<Option<PutBackError>, ShelfError> {
    let code = read_code(row)?;
    let key = |at: usize| -> Result<[u8; 32], ShelfError> {
        let bytes: Vec<u8> = row.try_get(at)?;
        bytes.try_into().map_err(|_| ShelfError::Damaged("a key"))
    };
    let (owner, package) = (PeerId(key(1)?), PackageId(key(2)?));
    let taken_down: Option<String> = row.try_get(3)?;
    let Some(taken_down) = taken_down else { return Ok(Some(PutBackError::IsThere(code))) };
    if taken_down == By::Owner.word() {
        return Ok(Some(PutBackError::ByOwner(code)));
    }
    match refusal(step, owner, package).await? {
        Some(PublishError::RefusedAuthor(_)) => return Ok(Some(PutBackError::RefusedAuthor(owner))),
        Some(_) => return Ok(Some(PutBackError::RefusedPackage(package))),
        None => {}
    }
    let sql = "SELECT 1 FROM versions JOIN packages ON packages.id = versions.package \
               WHERE versions.code = $1 AND versions.package = $2";
    let query = sqlx::query(sql).bind(code.to_string()).bind(package.0.to_vec());
    let stored = query.fetch_optional(step).await?;
    Ok(if stored.is_none() { Some(PutBackError::Deleted(code)) } else { None })
}

async fn set_state(
    step: &mut AnyConnection,
    row: &AnyRow,
    taken_down: Option<&'static str>,
) -> Result<Code, ShelfError> {
    let code = read_code(row)?;
    // The time of a take-down stays with it.
    let sql =
        "UPDATE games SET taken_down = $2, taken_ms = CASE WHEN $3 = 1 THEN taken_ms END WHERE code = $1";
    let query = sqlx::query(sql).bind(code.to_string()).bind(taken_down.map(String::from));
    query.bind(i64::from(taken_down.is_some())).execute(step).await?;
    Ok(code)
}

/// Deletes all versions of a game, its picture, and packages that no other game has.
async fn delete_files(step: &mut AnyConnection, code: Code) -> Result<(), ShelfError> {
    let sql = "UPDATE games SET thumbnail = NULL WHERE code = $1";
    sqlx::query(sql).bind(code.to_string()).execute(&mut *step).await?;
    drop_versions(step, code, 0).await
}

/// Deletes a package, also among older versions of other games.
async fn delete_package(step: &mut AnyConnection, package: Vec<u8>) -> Result<(), ShelfError> {
    for sql in [
        "DELETE FROM versions WHERE package = $1",
        "DELETE FROM packages WHERE id = $1",
        "DELETE FROM pieces WHERE package = $1",
    ] {
        sqlx::query(sql).bind(package.clone()).execute(&mut *step).await?;
    }
    Ok(())
}
