//! Publications: the checks and rows of a new game or version.

use meshwork_core::id::{Code, PeerId};
use meshwork_play::PackageId;
use sqlx::{AnyConnection, Row as _};

use super::super::{PIECE, Publication, PublishError, ShelfError, VERSIONS_MAX};
use super::{DAY_MS, SqlShelf, number};

impl SqlShelf {
    pub(super) async fn store(&self, new: Publication) -> Result<(), PublishError> {
        let mut step = self.begin().await?;
        let stored = put(step.connection(), &new).await;
        step.end(stored).await
    }
}

async fn put(step: &mut AnyConnection, new: &Publication) -> Result<(), PublishError> {
    if let Some(refused) = refusal(step, new.author, new.package).await? {
        return Err(refused);
    }
    note_request(step, new).await?;
    check(step, new).await?;
    put_package(step, new).await?;
    put_game(step, new).await?;
    Ok(put_version(step, new).await?)
}

/// The operator's refusal of an author or a package.
pub(super) async fn refusal(
    connection: &mut AnyConnection,
    author: PeerId,
    package: PackageId,
) -> Result<Option<PublishError>, ShelfError> {
    let sql = "SELECT reason FROM refused_authors WHERE author = $1";
    if let Some(row) = sqlx::query(sql).bind(author.0.to_vec()).fetch_optional(&mut *connection).await? {
        return Ok(Some(PublishError::RefusedAuthor(row.try_get(0)?)));
    }
    let query = sqlx::query("SELECT reason FROM refused WHERE package = $1").bind(package.0.to_vec());
    let row = query.fetch_optional(connection).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.map(PublishError::Refused))
}

/// Notes a request, whose answer another server may have given already. Requests that old are refused for their age.
async fn note_request(step: &mut AnyConnection, new: &Publication) -> Result<(), PublishError> {
    let old = number(new.at_ms.saturating_sub(DAY_MS));
    let deleted = sqlx::query("DELETE FROM requests WHERE at_ms < $1").bind(old).execute(&mut *step).await;
    deleted.map_err(ShelfError::from)?;
    let sql = "INSERT INTO requests (id, at_ms) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    let noted = sqlx::query(sql).bind(new.request.to_vec()).bind(number(new.at_ms)).execute(step).await;
    if noted.map_err(ShelfError::from)?.rows_affected() == 0 {
        return Err(PublishError::Again);
    }
    Ok(())
}

/// Whether the author may publish under this code now.
async fn check(step: &mut AnyConnection, new: &Publication) -> Result<(), PublishError> {
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

async fn put_package(step: &mut AnyConnection, new: &Publication) -> Result<(), PublishError> {
    let id = new.package.0.to_vec();
    let known =
        sqlx::query("SELECT 1 FROM packages WHERE id = $1").bind(id.clone()).fetch_optional(&mut *step);
    if known.await.map_err(ShelfError::from)?.is_some() {
        return Ok(());
    }
    let sum = sqlx::query("SELECT CAST(COALESCE(SUM(length), 0) AS BIGINT) FROM packages")
        .fetch_one(&mut *step)
        .await;
    let stored: i64 = sum.and_then(|row| row.try_get(0)).map_err(ShelfError::from)?;
    if stored.unsigned_abs() + new.bytes.len() as u64 > new.bytes_max {
        return Err(PublishError::Full(new.bytes_max));
    }
    let sql = "INSERT INTO packages (id, length, at_ms, put_by) VALUES ($1, $2, $3, $4)";
    let query = sqlx::query(sql).bind(id.clone()).bind(new.bytes.len() as i64).bind(number(new.at_ms));
    let query = query.bind(new.author.0.to_vec());
    query.execute(&mut *step).await.map_err(ShelfError::from)?;
    for (place, piece) in (0_i64..).zip(new.bytes.chunks(PIECE)) {
        let sql = "INSERT INTO pieces (package, place, bytes) VALUES ($1, $2, $3)";
        let query = sqlx::query(sql).bind(id.clone()).bind(place).bind(piece.to_vec());
        query.execute(&mut *step).await.map_err(ShelfError::from)?;
    }
    Ok(())
}

async fn put_game(step: &mut AnyConnection, new: &Publication) -> Result<(), PublishError> {
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
    let put = query.bind(number(new.at_ms)).bind(new.thumbnail.clone()).execute(step).await;
    put.map(drop).map_err(|error| match error.as_database_error() {
        Some(found) if found.is_unique_violation() => PublishError::CodeTaken,
        _ => ShelfError::from(error).into(),
    })
}

async fn put_version(step: &mut AnyConnection, new: &Publication) -> Result<(), ShelfError> {
    let sql = "INSERT INTO versions (code, version, package, signed, at_ms) VALUES ($1, $2, $3, $4, $5)";
    let query = sqlx::query(sql).bind(new.code.to_string()).bind(i64::from(new.version));
    let query = query.bind(new.package.0.to_vec()).bind(new.signed.clone()).bind(number(new.at_ms));
    query.execute(&mut *step).await?;
    drop_versions(step, new.code, VERSIONS_MAX).await
}

/// Drops all but the newest versions of a game, and packages that no game has any more.
pub(super) async fn drop_versions(step: &mut AnyConnection, code: Code, most: u32) -> Result<(), ShelfError> {
    let sql = "SELECT version, package FROM versions WHERE code = $1 ORDER BY version DESC";
    let rows = sqlx::query(sql).bind(code.to_string()).fetch_all(&mut *step).await?;
    for row in rows.iter().skip(most as usize) {
        let (version, package): (i64, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
        let sql = "DELETE FROM versions WHERE code = $1 AND version = $2";
        sqlx::query(sql).bind(code.to_string()).bind(version).execute(&mut *step).await?;
        for sql in [
            "DELETE FROM packages WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM versions WHERE package = $1)",
            "DELETE FROM pieces WHERE package = $1 AND NOT EXISTS (SELECT 1 FROM versions WHERE package = $1)",
        ] {
            sqlx::query(sql).bind(package.clone()).execute(&mut *step).await?;
        }
    }
    Ok(())
}
