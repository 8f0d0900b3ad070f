//! Opening a store, and the failures of its database.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{
    AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqlSafeStr as _,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::super::{Boxed, ShelfError};
use super::SqlShelf;

/// Each change of the tables, in order. One that was released is never changed.
const MIGRATIONS: [(i64, &str, &str); 3] = [
    (1, "shelf", include_str!("../../../migrations/1_shelf.sql")),
    (2, "undo", include_str!("../../../migrations/2_undo.sql")),
    (3, "pieces", include_str!("../../../migrations/3_pieces.sql")),
];
/// Readers at once; writers wait for each other.
const CONNECTIONS_MAX: u32 = 4;
/// Time to wait for a connection, or for earlier changes.
pub(super) const ACQUIRE_WITHIN: Duration = Duration::from_secs(3);
/// Time for a whole call, for a database that accepts a statement and never answers.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// A lock that another program holds is waited for as long as this. The file keeps its journal mode.
const SQLITE: [&str; 3] =
    ["PRAGMA busy_timeout = 10000", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"];
/// The database ends a change itself if its server died in the middle, so that other servers can write.
const POSTGRES: [&str; 2] = ["SET lock_timeout = '10s'", "SET idle_in_transaction_session_timeout = '30s'"];

/// States of a database that cannot answer now: no connection, no resources, an end or start, a lock that others hold, a login
/// or database that is not there (PostgreSQL's error codes, appendix A).
const AWAY_CLASSES: [&str; 6] = ["08", "28", "3D", "53", "57P", "55P03"];
/// States in which a database stores nothing: its disk is full, or it stands by for another one.
const UNWRITABLE_CLASSES: [&str; 2] = ["53100", "25006"];
/// Failures of SQLite by their low byte: busy.
const BUSY: i32 = 5;
/// Another user's file, and a full disk.
const UNWRITABLE: [i32; 2] = [8, 13];
/// A damaged file, and a file of another kind.
const CORRUPT: [i32; 2] = [11, 26];
/// Failed writes of SQLite, whole: of bytes, to the disk, of its shared memory.
const FAILED_WRITES: [i32; 3] = [778, 1034, 4874];
/// A larger file is checked at the start only if its last server did not end it: a GiB takes seconds.
const CHECKED_MAX: u64 = 1024 * 1024 * 1024;

impl SqlShelf {
    /// Opens the store in a SQLite file, or makes one there that only its user reads. Nothing is written to a damaged file.
    ///
    /// # Errors
    /// [`ShelfError`] if the file is damaged, is no store of this program or an older one, or cannot be read and written.
    pub async fn open(path: impl AsRef<Path>) -> Result<SqlShelf, ShelfError> {
        let file = path.as_ref();
        make(file).map_err(|error| {
            let words = "this user cannot write it; give it to the user that runs the server, or choose another directory";
            ShelfError::Unwritable(format!("{words}: {error}"))
        })?;
        let url = url(file)?;
        sqlx::any::install_default_drivers();
        if is_suspect(file) {
            check(&url).await?;
        }
        SqlShelf::with(&format!("{url}?mode=rwc"), false).await
    }

    /// Copies the store in the SQLite file `from` into a new file `to`, as it is at one moment, while a server writes to `from`. It
    /// reads the whole copy to check it, and returns the number of its games.
    ///
    /// # Errors
    /// [`ShelfError`] if `from` cannot be read or is damaged, or `to` cannot be written or has bytes. A copy that failed is no store:
    /// delete it.
    pub async fn copy(from: &Path, to: &Path) -> Result<u64, ShelfError> {
        sqlx::any::install_default_drivers();
        let (source, copy) = (url(from)?, url(to)?);
        make(to).map_err(|error| ShelfError::Unwritable(error.to_string()))?;
        let mut source = reader(&source).await?;
        let vacuum = sqlx::query("VACUUM INTO $1").bind(to.to_string_lossy().into_owned());
        vacuum.execute(&mut source).await?;
        source.close().await?;
        let mut copy = reader(&copy).await?;
        quick_check(&mut copy).await?;
        let games: i64 = sqlx::query("SELECT COUNT(*) FROM games").fetch_one(&mut copy).await?.try_get(0)?;
        copy.close().await?;
        Ok(games.unsigned_abs())
    }

    /// Opens the store in a PostgreSQL database, or makes its tables there. Several programs may do so at once.
    ///
    /// # Errors
    /// [`ShelfError`] if the database does not answer, refuses the login, or has tables of another program. No error repeats the
    /// URL, which may have a password.
    pub async fn connect(url: &str) -> Result<SqlShelf, ShelfError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(ShelfError::Database(String::from("its URL does not begin with postgres://")));
        }
        SqlShelf::with(url, true).await
    }

    async fn with(url: &str, is_postgres: bool) -> Result<SqlShelf, ShelfError> {
        sqlx::any::install_default_drivers();
        let options: AnyConnectOptions = url.parse()?;
        let options = options.disable_statement_logging();
        let statements: &'static [&'static str] = if is_postgres { &POSTGRES } else { &SQLITE };
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_WITHIN)
            .after_connect(move |connection, _| Box::pin(prepare(connection, statements)));
        let pool = pool.connect_with(options).await?;
        migrate(&pool, is_postgres).await?;
        Ok(SqlShelf { pool, is_postgres, writing: Mutex::new(()) })
    }
}

/// Makes an empty file that only its user reads, unless there is a file. Its companions get the same rights from SQLite.
fn make(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// The URL of a SQLite file.
fn url(file: &Path) -> Result<String, ShelfError> {
    let path = file.to_str().ok_or(ShelfError::Damaged("a path that is no UTF-8"))?;
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let path: String = path.bytes().map(escaped).collect();
    Ok(format!("sqlite:{path}"))
}

/// A connection that only reads a file.
async fn reader(url: &str) -> Result<AnyConnection, ShelfError> {
    let options: AnyConnectOptions = format!("{url}?mode=ro").parse()?;
    let mut connection = AnyConnection::connect_with(&options.disable_statement_logging()).await?;
    prepare(&mut connection, &SQLITE[..1]).await?;
    Ok(connection)
}

/// Fails if a file is damaged.
async fn quick_check(connection: &mut AnyConnection) -> Result<(), ShelfError> {
    let row = sqlx::query("PRAGMA quick_check(1)").fetch_one(connection).await?;
    let found: String = row.try_get(0)?;
    if found == "ok" { Ok(()) } else { Err(ShelfError::Corrupt(found)) }
}

/// Whether a file is checked before it is opened: a small one, and one with changes of a server that did not end them, or of
/// another copy of the file.
fn is_suspect(path: &Path) -> bool {
    let mut changes = OsString::from(path);
    changes.push("-wal");
    let length = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    length(path) <= CHECKED_MAX || length(Path::new(&changes)) > 0
}

/// Fails if a SQLite file is damaged. It is only read: the files stay as they are for a rescue.
async fn check(url: &str) -> Result<(), ShelfError> {
    let found = async {
        let mut connection = reader(url).await?;
        quick_check(&mut connection).await?;
        Ok(connection.close().await?)
    };
    match found.await {
        Err(error @ ShelfError::Corrupt(_)) => Err(error),
        // The store itself meets all other faults.
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn prepare(connection: &mut AnyConnection, statements: &[&'static str]) -> Result<(), sqlx::Error> {
    for &statement in statements {
        sqlx::raw_sql(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Makes the tables, once: several servers wait for each other by PostgreSQL's lock.
async fn migrate(pool: &AnyPool, is_postgres: bool) -> Result<(), ShelfError> {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        let sql = if is_postgres { Cow::Owned(sql.replace("BLOB", "BYTEA")) } else { Cow::Borrowed(sql) };
        let kind = MigrationType::Simple;
        Migration::new(version, Cow::Borrowed(name), kind, AssertSqlSafe(sql).into_sql_str(), false)
    });
    let migrator = Migrator { migrations: Cow::Owned(migrations.to_vec()), ..Migrator::DEFAULT };
    Ok(migrator.run(pool).await?)
}

/// A call that ends, with a failure if the database does not answer.
pub(super) fn within<'a, T, E: From<ShelfError>>(
    call: impl Future<Output = Result<T, E>> + Send + 'a,
) -> Boxed<'a, Result<T, E>> {
    Box::pin(async move {
        let late = |_| E::from(ShelfError::Away(format!("there was no answer within {ANSWER_WITHIN:?}")));
        timeout(ANSWER_WITHIN, call).await.map_err(late)?
    })
}

impl From<sqlx::Error> for ShelfError {
    fn from(error: sqlx::Error) -> ShelfError {
        let words = error.to_string();
        match error {
            sqlx::Error::PoolTimedOut => {
                ShelfError::Away(format!("there was no connection within {ACQUIRE_WITHIN:?}"))
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => ShelfError::Away(words),
            sqlx::Error::Database(error) => of_code(&error.code().unwrap_or_default(), words),
            _ => ShelfError::Database(words),
        }
    }
}

/// The failure with a code: PostgreSQL's codes have five characters, SQLite's are shorter numbers.
fn of_code(code: &str, words: String) -> ShelfError {
    if code.len() == 5 {
        let is_one_of = |classes: &[&str]| classes.iter().any(|class| code.starts_with(class));
        return if is_one_of(&UNWRITABLE_CLASSES) {
            ShelfError::Unwritable(words)
        } else if is_one_of(&AWAY_CLASSES) {
            ShelfError::Away(words)
        } else {
            ShelfError::Database(words)
        };
    }
    let number: i32 = code.parse().unwrap_or_default();
    match number & 0xff {
        BUSY => ShelfError::Away(words),
        low if UNWRITABLE.contains(&low) || FAILED_WRITES.contains(&number) => ShelfError::Unwritable(words),
        low if CORRUPT.contains(&low) => ShelfError::Corrupt(words),
        _ => ShelfError::Database(words),
    }
}

impl From<MigrateError> for ShelfError {
    fn from(error: MigrateError) -> ShelfError {
        match error {
            MigrateError::Execute(error) => error.into(),
            MigrateError::VersionMissing(version) => ShelfError::Database(format!(
                "a newer program made its tables (change {version}): use that one, or another database"
            )),
            error => ShelfError::Database(error.to_string()),
        }
    }
}
