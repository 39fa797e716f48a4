//! The file: made, opened, set up and brought to this version's tables.

use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use diesel::{
    Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection,
    sql_query, sql_types::Text,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use loquat_store::StoreError;

use crate::{
    SqliteOptions,
    error::{Failed, is_busy},
    leaves,
    threads::Outcome,
};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Makes the file where there is none, readable by its owner only: it holds what people said.
pub(crate) fn create_file(path: &Path) -> Result<(), StoreError> {
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        owner_only_directory().recursive(true).create(directory).map_err(unavailable)?;
    }
    owner_only_file().create(true).append(true).open(path).map_err(unavailable)?;
    Ok(())
}

#[cfg(unix)]
fn owner_only_directory() -> fs::DirBuilder {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(unix)]
fn owner_only_file() -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn owner_only_directory() -> fs::DirBuilder {
    fs::DirBuilder::new()
}

#[cfg(not(unix))]
fn owner_only_file() -> fs::OpenOptions {
    fs::OpenOptions::new()
}

/// Opens a connection and sets it up.
pub(crate) fn connect(options: &SqliteOptions) -> Result<SqliteConnection, StoreError> {
    // Absolute, so that no name is taken for a URI or for a database in memory.
    let path = std::path::absolute(options.path()).map_err(unavailable)?;
    let path = path.to_str().ok_or_else(|| {
        unavailable(io::Error::new(io::ErrorKind::InvalidInput, "the path is not UTF-8"))
    })?;
    let mut conn = SqliteConnection::establish(path).map_err(unavailable)?;
    set_up(&mut conn, options).map_err(|Failed(error)| error)?;
    Ok(conn)
}

fn set_up(conn: &mut SqliteConnection, options: &SqliteOptions) -> Result<(), Failed> {
    // First, because everything after it may meet another process, the switch to WAL included.
    let busy_millis = options.busy_timeout().as_millis();
    conn.batch_execute(&format!("PRAGMA busy_timeout = {busy_millis}"))?;
    let mode = switch_to_wal(conn, options.busy_timeout())?;
    if mode.journal_mode != "wal" {
        let error = io::Error::other("the file system cannot carry SQLite's WAL");
        return Err(Failed(StoreError::Internal(Box::new(error))));
    }
    // synchronous: a commit means durable, also when the power fails.
    // mmap_size: a read fault of a mapped file would be a signal that ends the process; of a file
    // that is read, it is an error of one call.
    // cache_size: 1 MiB a connection, the inner pages of a million items; the system caches the rest.
    // journal_size_limit: one large deletion does not keep the log large for ever.
    conn.batch_execute(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA mmap_size = 0;
         PRAGMA cache_size = -1024;
         PRAGMA journal_size_limit = 67108864;",
    )?;
    Ok(())
}

/// Switches a new file to WAL. SQLite does not wait for this as it does for everything else: where
/// several processes start together on a new file, all but one may be refused at once.
#[expect(clippy::disallowed_methods, reason = "opening blocks, and SQLite tells nobody when")]
fn switch_to_wal(
    conn: &mut SqliteConnection,
    patience: Duration,
) -> Result<JournalMode, diesel::result::Error> {
    let start = Instant::now();
    loop {
        match sql_query("PRAGMA journal_mode = WAL").get_result(conn) {
            Err(error) if is_busy(&error) && start.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(5));
            }
            switched => return switched,
        }
    }
}

#[derive(QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

/// Brings the tables to this version and in order, all in one transaction: of several processes that start
/// together one migrates and the others find it done.
pub(crate) fn migrate(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    conn.exclusive_transaction(|conn| {
        let done = conn.run_pending_migrations(MIGRATIONS);
        done.map_err(|error| Failed(StoreError::Internal(error)))?;
        leaves::repair(conn)
    })
    .map_err(|Failed(error)| error)
}

/// Reads the tables' definitions, for those who want to know whether reading works.
pub(crate) fn probe(conn: &mut SqliteConnection) -> Outcome<()> {
    Ok(conn.batch_execute("PRAGMA schema_version")?)
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

#[cfg(test)]
mod tests {
    use diesel::sql_types::BigInt;
    use tempfile::TempDir;

    use super::*;

    #[derive(QueryableByName)]
    struct Pragma {
        #[diesel(sql_type = BigInt)]
        value: i64,
    }

    fn pragma(conn: &mut SqliteConnection, name: &str, column: &str) -> i64 {
        let query = format!("SELECT {column} AS value FROM pragma_{name}");
        sql_query(query).get_result::<Pragma>(conn).unwrap().value
    }

    #[test]
    fn a_connection_is_durable_checked_and_patient() {
        let directory = TempDir::new().unwrap();
        let options = SqliteOptions::new(directory.path().join("loquat.sqlite"));
        create_file(options.path()).unwrap();
        let conn = &mut connect(&options).unwrap();
        assert_eq!(pragma(conn, "busy_timeout", "timeout"), 5_000);
        assert_eq!(pragma(conn, "synchronous", "synchronous"), 2, "not FULL");
        assert_eq!(pragma(conn, "foreign_keys", "foreign_keys"), 1);
        assert_eq!(pragma(conn, "temp_store", "temp_store"), 2, "not MEMORY");
        assert_eq!(pragma(conn, "cache_size", "cache_size"), -1024);
        assert_eq!(pragma(conn, "journal_size_limit", "journal_size_limit"), 64 << 20);
    }
}
