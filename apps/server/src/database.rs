//! Opens the database, or says in one sentence why that cannot be.

use std::{
    error::Error, io, iter::successors, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration,
};

use loquat_store::{
    AccessStore, ContextStore, ConversationStore, Ledger, LimitStore, Store, TurnStore, Upkeep,
};
use loquat_store_postgres::{ConnectError, OptionsError, PostgresOptions, PostgresStore};
use loquat_store_sqlite::{SqliteOptions, SqliteStore};
use tokio::runtime::{Builder, Runtime};

use crate::config::{Config, DatabaseSection, Faults, Target};

/// Where the conversations lie, not opened yet.
pub(crate) enum Database {
    /// In a file.
    Sqlite(PathBuf),
    /// In a Postgres database.
    Postgres {
        options: Box<PostgresOptions>,
        /// Its URL without the password.
        shown: String,
    },
}

/// The ports of an open database.
pub(crate) struct Stores {
    pub(crate) conversations: Arc<dyn ConversationStore>,
    pub(crate) turns: Arc<dyn TurnStore>,
    pub(crate) upkeep: Arc<dyn Upkeep>,
    pub(crate) context: Arc<dyn ContextStore>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) limits: Arc<dyn LimitStore>,
    pub(crate) access: Arc<dyn AccessStore>,
}

impl<S: Store> From<S> for Stores {
    fn from(store: S) -> Self {
        let store = Arc::new(store);
        Self {
            conversations: Arc::<S>::clone(&store),
            turns: Arc::<S>::clone(&store),
            upkeep: Arc::<S>::clone(&store),
            context: Arc::<S>::clone(&store),
            ledger: Arc::<S>::clone(&store),
            limits: Arc::<S>::clone(&store),
            access: store,
        }
    }
}

const UNSAFE_ROLE: &str = "serve with a role that owns nothing, as docs/how-to/postgres.md shows, or, \
                           for a quick try, set database.allow_unsafe_role = true";

impl Database {
    /// The database that the configuration names.
    pub(crate) fn check(config: &Config, faults: &mut Faults) -> Option<Self> {
        let section = &config.database;
        match faults.take("database.url", section.target(&config.server.data_dir))? {
            Target::Sqlite(file) => Some(Self::Sqlite(file)),
            Target::Postgres(url) => {
                let options = faults.take("database.url", options(url, section))?;
                let shown = section.shown();
                Some(Self::Postgres { options: Box::new(options), shown })
            }
        }
    }

    /// What a newcomer is told about where the data is. Never a password.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Sqlite(file) => {
                std::path::absolute(file).unwrap_or_else(|_| file.clone()).display().to_string()
            }
            Self::Postgres { shown, .. } => shown.clone(),
        }
    }

    /// Opens it. A file is made where there is none, and brought to this version's tables; a
    /// Postgres database must have been migrated. Its calls run on `runtime`.
    pub(crate) fn open(&self, runtime: &Runtime) -> Result<Stores, Faults> {
        match self {
            Self::Sqlite(file) => {
                let opened = SqliteStore::open(&SqliteOptions::new(file));
                opened.map(Stores::from).map_err(|error| self.fault(&error))
            }
            Self::Postgres { options, .. } => {
                let connected = runtime.block_on(PostgresStore::connect(options));
                connected.map(Stores::from).map_err(|error| {
                    let refused = self.fault(&error);
                    match error {
                        ConnectError::UnsafeRole { .. } => refused.with_advice(UNSAFE_ROLE),
                        _ => refused,
                    }
                })
            }
        }
    }

    /// Brings it to this version's tables.
    pub(crate) fn migrate(&self) -> Result<(), Faults> {
        match self {
            Self::Sqlite(file) => {
                let migrated = SqliteStore::migrate(&SqliteOptions::new(file));
                migrated.map_err(|error| self.fault(&error))
            }
            Self::Postgres { options, .. } => {
                let runtime = runtime_for_one().map_err(|error| self.fault(&error))?;
                let migrated = runtime.block_on(PostgresStore::migrate(options));
                migrated.map_err(|error| self.fault(&error))
            }
        }
    }

    fn fault(&self, error: &(dyn Error + 'static)) -> Faults {
        let causes = successors(Some(error), |error| (*error).source());
        let text = match self {
            // SQLite's own words are in the last cause.
            Self::Sqlite(file) => {
                let cause = causes.last().map(ToString::to_string).unwrap_or_default();
                format!("the database {} cannot be opened: {cause}", file.display())
            }
            Self::Postgres { shown, .. } => {
                let causes: Vec<_> = causes.map(ToString::to_string).collect();
                format!("the database {shown} cannot be used: {}", causes.join(": "))
            }
        };
        // One line a fault, also when the database has more to say.
        Faults::of("database.url", text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

fn options(url: &str, section: &DatabaseSection) -> Result<PostgresOptions, OptionsError> {
    let pool_size = NonZeroUsize::new(section.max_connections).unwrap_or(NonZeroUsize::MIN);
    let mut options = PostgresOptions::new(url)?
        .with_pool_size(pool_size)
        .with_wait_timeout(Duration::from_millis(section.wait_timeout_ms))
        .with_create_timeout(Duration::from_millis(section.connect_timeout_ms))
        .with_statement_timeout(Duration::from_millis(section.statement_timeout_ms));
    if let Some(role) = &section.runtime_role {
        options = options.with_runtime_role(role);
    }
    if section.allow_unsafe_role {
        options = options.with_unsafe_role_allowed();
    }
    Ok(options)
}

pub(crate) fn runtime_for_one() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).enable_all().build()
}
