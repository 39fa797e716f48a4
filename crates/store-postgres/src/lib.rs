//! The notebook in a Postgres database: [`PostgresStore`] is every port of `loquat-store`.
//!
//! What each method does is a function of the database, made by `migrations/postgres`: one call is
//! one statement, one round trip and one transaction. So no future ever holds a transaction, and a
//! caller may be dropped at any moment; and in each function the first thing done is to say whose
//! rows it is about, to which row-level security then holds it.
//!
//! **Invariant**: every statement of a port's method is `SELECT * FROM loquat.function(…)`, by
//! itself; what has returned `Ok` is committed, and on the disk unless the operator has switched
//! `synchronous_commit` off (but for exchanges of allowances: a server that crashes may forget those of
//! its last moment); nothing that is public names a type of diesel or of the driver, and no
//! password appears in what the crate says.

mod access_store;
mod answers;
mod arguments;
mod connect;
mod connection;
mod context_store;
mod conversation_store;
mod error;
mod ledger;
mod limit_store;
mod migrations;
mod options;
mod pool;
mod rows;
mod statement;
mod tls;
mod turn_store;
mod upkeep;

pub use connect::{Bypass, ConnectError};
pub use migrations::MigrateError;
pub use options::{
    DEFAULT_CREATE_TIMEOUT, DEFAULT_POOL_SIZE, DEFAULT_STATEMENT_TIMEOUT, DEFAULT_WAIT_TIMEOUT,
    OptionsError, PostgresOptions,
};
use pool::Pool;

/// The whole notebook in one Postgres database.
///
/// Calls share a bounded number of connections and wait for one, first come, first served, for a
/// bounded time. What keeps turns alive, ends them or tidies up does not wait for other calls. A call whose future is dropped is done by the database, or is not, as if its answer
/// had been lost on the way.
///
/// A call that reads, or that does twice what it does once, is sent a second time when its
/// connection turns out to be gone; so a database that was restarted is noticed by nobody who does
/// not call while it is away. Other calls are then [`Unavailable`] and may have been done.
///
/// Calls need a tokio runtime with time, of any kind. The connections live on the runtime that
/// [`PostgresStore::connect`] was called on, which must outlive the store.
///
/// [`Unavailable`]: loquat_store::StoreError::Unavailable
pub struct PostgresStore {
    pool: Pool,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let transactions = self.transactions();
        f.debug_struct("PostgresStore").field("transactions", &transactions).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects, and makes sure that the database has at least this version's schema and that its
    /// policies bind the role.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] says what an operator can do about it.
    pub async fn connect(options: &PostgresOptions) -> Result<Self, ConnectError> {
        connect::connect(options).await.map(|pool| Self { pool })
    }

    /// Brings the database to this version's schema, in as many transactions as there are steps to
    /// do, and grants the runtime role what it takes to run. For the role that is to own the tables,
    /// on any kind of tokio runtime. A caller who is not the only one waits for the others; where
    /// nothing is to be done, nothing is.
    ///
    /// Dropping the future lets the step that has begun be done or undone as a whole.
    ///
    /// # Errors
    ///
    /// [`MigrateError`]; the steps that were done stay done.
    pub async fn migrate(options: &PostgresOptions) -> Result<(), MigrateError> {
        migrations::migrate(options).await
    }

    /// How many calls this store has sent to the database, each of them a transaction of its own.
    pub fn transactions(&self) -> u64 {
        self.pool.sent()
    }
}
