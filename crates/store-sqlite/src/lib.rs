//! The notebook in one SQLite file: [`SqliteStore`] is every port of `loquat-store`.
//!
//! **Invariant**: no connection is held by a future, so that a caller may be dropped at any moment;
//! a call that has returned `Ok` is on the disk; no type of diesel leaves the crate.

mod access_store;
mod allowances;
mod audit;
mod branches;
mod clock;
mod connection;
mod context;
mod context_store;
mod conversation_store;
mod conversations;
mod error;
mod items;
mod key;
mod leaves;
mod ledger;
mod limit_store;
mod limits;
mod once;
mod options;
mod queue;
mod responses;
mod revocations;
mod rows;
mod schema;
mod statement;
mod threads;
mod turn_store;
mod turns;
mod upkeep;

use diesel::SqliteConnection;
use loquat_store::StoreError;

pub use options::SqliteOptions;
use threads::Threads;

/// The whole notebook in one SQLite file.
///
/// One thread writes and some read, each with its own connection; calls wait for them in bounded
/// queues. Writes that wait at one moment share one commit. A call whose future is dropped before
/// there was room in the queue has no effect; a write that was queued is done all the same.
///
/// Dropping the store does what is queued, ends the threads and closes the file; that blocks for as
/// long as the queued calls take.
///
/// Calls need a tokio runtime with time, of any kind.
pub struct SqliteStore {
    threads: Threads,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("commits", &self.commits()).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the file, makes it and its directory where there is none (readable by their owner
    /// only), and migrates it. Blocks; call it before the runtime serves anybody.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the file cannot be opened, [`StoreError::Internal`] when it
    /// is no notebook, cannot be migrated or lies where SQLite's WAL cannot work.
    pub fn open(options: &SqliteOptions) -> Result<Self, StoreError> {
        let writer = migrated(options)?;
        let readers = (0..options.readers()).map(|_| connection::connect(options));
        let (readers, reporter) =
            (readers.collect::<Result<_, _>>()?, connection::connect(options)?);
        let threads = Threads::start(options, writer, readers, reporter)
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        Ok(Self { threads })
    }

    /// Brings the file to this version's tables, as [`SqliteStore::open`] does, and closes it.
    ///
    /// # Errors
    ///
    /// As [`SqliteStore::open`]; the file is as it was then.
    pub fn migrate(options: &SqliteOptions) -> Result<(), StoreError> {
        migrated(options).map(drop)
    }

    /// How many transactions this store has committed; less than the writes that it has done,
    /// where those came together.
    pub fn commits(&self) -> u64 {
        self.threads.commits()
    }
}

fn migrated(options: &SqliteOptions) -> Result<SqliteConnection, StoreError> {
    connection::create_file(options.path())?;
    let mut conn = connection::connect(options)?;
    connection::migrate(&mut conn)?;
    Ok(conn)
}
