//! What an operator may choose.

mod url;

use std::{fmt, num::NonZeroUsize, time::Duration};

use tokio_postgres::{Config, config::Host};

use crate::tls::Tls;

/// Where the notebook lies and how it is served.
///
/// ```
/// use std::num::NonZeroUsize;
/// use loquat_store_postgres::PostgresOptions;
///
/// let url = "postgres://loquat_app:secret@db.example/loquat?sslmode=verify-full";
/// let options = PostgresOptions::new(url)?.with_pool_size(NonZeroUsize::MIN);
/// # Ok::<(), loquat_store_postgres::OptionsError>(())
/// ```
#[derive(Clone)]
pub struct PostgresOptions {
    config: Config,
    tls: Tls,
    pool_size: NonZeroUsize,
    wait_timeout: Duration,
    create_timeout: Duration,
    statement_timeout: Duration,
    runtime_role: RuntimeRole,
    unsafe_role: UnsafeRoleIs,
}

/// Whom a migration grants what running takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RuntimeRole {
    /// The role of this name, which must be there.
    Named(String),
    /// The role of the usual name, if it is there.
    Usual(&'static str),
}

/// What becomes of a role that the policies do not bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnsafeRoleIs {
    Refused,
    Allowed,
}

/// The URL cannot be used. The text names what is wrong and repeats neither the URL nor a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// It is the URL of something else.
    #[error("a database URL begins with `postgres://` or `postgresql://`")]
    Scheme,
    /// It names no host.
    #[error("the database URL names no host")]
    NoHost,
    /// A setting in it has a value that it cannot have.
    #[error("`{name}` in the database URL {must}")]
    Setting {
        /// The setting's name.
        name: &'static str,
        /// What its value must be.
        must: &'static str,
    },
    /// Anything else.
    #[error("the database URL cannot be read: {0}")]
    Unreadable(String),
}

/// As many as a Postgres of default settings (100 connections) spares for each of a few instances;
/// a call holds one for well below a millisecond, so that they serve thousands of streams.
pub const DEFAULT_POOL_SIZE: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// How long a call waits for a connection: a caller that is told later than this has given up.
pub const DEFAULT_WAIT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long connecting may take, TLS and authentication included.
pub const DEFAULT_CREATE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the database works at one call: enough to delete a conversation of 100,000 items, and
/// little enough to free a pool whose statements wait for somebody's lock.
pub const DEFAULT_STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a session may hold a transaction open without using it. The store opens none; this is
/// for whatever else uses its connections' settings, and for the day when that changes.
const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// After how much silence a connection is asked for a sign of life. Load balancers and firewalls
/// forget one that was silent for some minutes.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// What tokio-postgres has where the URL says nothing: Linux's default.
const DRIVERS_KEEPALIVE: Duration = Duration::from_hours(2);

/// The role that the guide for operators creates.
const USUAL_ROLE: &str = "loquat_app";

impl PostgresOptions {
    /// The database of this URL and defaults for the rest: [`DEFAULT_POOL_SIZE`],
    /// [`DEFAULT_WAIT_TIMEOUT`], [`DEFAULT_CREATE_TIMEOUT`] and [`DEFAULT_STATEMENT_TIMEOUT`].
    ///
    /// The URL is libpq's: several hosts, `?host=/path` for a Unix socket, `sslmode`,
    /// `sslrootcert` (a PEM file, or `system`), `channel_binding`, `target_session_attrs`,
    /// `application_name`, `options` and the keep-alive settings. `sslmode` means what it means to
    /// libpq: up to `require` the connection is encrypted but nobody is verified, except that
    /// `require` with `sslrootcert` is `verify-ca`. Without `sslrootcert`, `verify-full` trusts
    /// whom the system trusts.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] says what is wrong.
    pub fn new(url: &str) -> Result<Self, OptionsError> {
        let (mut config, tls) = url::parse(url)?;
        if config.get_application_name().is_none() {
            config.application_name("loquat");
        }
        Ok(Self {
            config,
            tls,
            pool_size: DEFAULT_POOL_SIZE,
            wait_timeout: DEFAULT_WAIT_TIMEOUT,
            create_timeout: DEFAULT_CREATE_TIMEOUT,
            statement_timeout: DEFAULT_STATEMENT_TIMEOUT,
            runtime_role: RuntimeRole::Usual(USUAL_ROLE),
            unsafe_role: UnsafeRoleIs::Refused,
        })
    }

    /// The most connections. Of four to seven one, and of more two, are free for the signs of life
    /// of turns and their ends, and for upkeep, however many other calls wait.
    #[must_use]
    pub fn with_pool_size(self, pool_size: NonZeroUsize) -> Self {
        Self { pool_size, ..self }
    }

    /// How long a call waits for a connection before it is
    /// [`Unavailable`](loquat_store::StoreError::Unavailable).
    #[must_use]
    pub fn with_wait_timeout(self, wait_timeout: Duration) -> Self {
        Self { wait_timeout, ..self }
    }

    /// How long connecting may take.
    #[must_use]
    pub fn with_create_timeout(self, create_timeout: Duration) -> Self {
        Self { create_timeout, ..self }
    }

    /// How long the database may work at one call; whole milliseconds, at least one.
    #[must_use]
    pub fn with_statement_timeout(self, statement_timeout: Duration) -> Self {
        Self { statement_timeout, ..self }
    }

    /// The role that [`PostgresStore::migrate`](crate::PostgresStore::migrate) grants what running
    /// takes. Without this call it is `loquat_app`, where there is such a role.
    #[must_use]
    pub fn with_runtime_role(self, role: impl Into<String>) -> Self {
        Self { runtime_role: RuntimeRole::Named(role.into()), ..self }
    }

    /// Lets [`PostgresStore::connect`](crate::PostgresStore::connect) serve with a role that may
    /// get around row-level security: the owner of the tables, a superuser, one with `BYPASSRLS`.
    #[must_use]
    pub fn with_unsafe_role_allowed(self) -> Self {
        Self { unsafe_role: UnsafeRoleIs::Allowed, ..self }
    }

    pub(crate) fn tls(&self) -> &Tls {
        &self.tls
    }

    pub(crate) fn pool_size(&self) -> usize {
        self.pool_size.get()
    }

    pub(crate) fn wait_timeout(&self) -> Duration {
        self.wait_timeout
    }

    pub(crate) fn create_timeout(&self) -> Duration {
        self.create_timeout
    }

    pub(crate) fn statement_timeout(&self) -> Duration {
        self.statement_timeout
    }

    pub(crate) fn runtime_role(&self) -> &RuntimeRole {
        &self.runtime_role
    }

    pub(crate) fn unsafe_role(&self) -> UnsafeRoleIs {
        self.unsafe_role
    }

    /// For the connections that serve calls.
    ///
    /// Plans are made once for all values: every statement finds its rows by an index, whichever
    /// values it gets, and planning one anew costs several times as much as running it. So none may
    /// walk a table, or gather and sort what an index has in order, because there is little at that
    /// moment; and nothing is compiled to machine code. Who waits for a lock must see what its holder
    /// has done, which another isolation than the usual one would refuse.
    pub(crate) fn serving(&self) -> Config {
        let settings = format!(
            "-c statement_timeout={} -c idle_in_transaction_session_timeout={} \
             -c plan_cache_mode=force_generic_plan -c enable_seqscan=off \
             -c enable_bitmapscan=off -c jit=off \
             -c default_transaction_isolation=read\\ committed",
            millis(self.statement_timeout),
            millis(IDLE_IN_TRANSACTION_TIMEOUT),
        );
        self.with_settings(&settings)
    }

    /// For the connection that migrates: a step may take as long as it takes, and what it does not
    /// name in full is in our schema.
    pub(crate) fn migrating(&self) -> Config {
        self.with_settings("-c statement_timeout=0 -c lock_timeout=0 -c search_path=loquat")
    }

    /// The settings of the URL come last and win.
    fn with_settings(&self, settings: &str) -> Config {
        let mut config = self.config.clone();
        match self.config.get_options() {
            Some(own) => config.options(format!("{settings} {own}")),
            None => config.options(settings),
        };
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(self.create_timeout);
        }
        // A peer that has vanished without a word is found out in the time of a slow statement, and
        // what lies between does not forget a connection that is idle.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(self.statement_timeout);
        }
        if config.get_keepalives_idle() == DRIVERS_KEEPALIVE {
            config.keepalives_idle(KEEPALIVE);
        }
        config
    }
}

/// Zero would mean no limit.
fn millis(duration: Duration) -> u128 {
    duration.as_millis().clamp(1, 86_400_000)
}

/// Where the database is, without the user's password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self
            .config
            .get_hosts()
            .iter()
            .map(|host| match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        f.debug_struct("PostgresOptions")
            .field("hosts", &hosts)
            .field("database", &self.config.get_dbname())
            .field("user", &self.config.get_user())
            .field("tls", &self.tls)
            .field("pool_size", &self.pool_size)
            .finish_non_exhaustive()
    }
}
