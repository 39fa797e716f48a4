//! Connections, and how a call goes through one of them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use ::deadpool::managed::{TimeoutType, Timeouts};
use diesel::{ConnectionError, deserialize::QueryableByName, pg::Pg};
use diesel_async::{
    AsyncPgConnection,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, RecyclingMethod,
        deadpool::{self, BuildError, Object, PoolError},
    },
};
use loquat_store::StoreError;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
    time::error::Elapsed,
};

use crate::{
    PostgresOptions,
    connection::Connector,
    error::{Fault, store_error},
    statement::Call,
};

/// What the network may add to the time in which the database gives up on a statement.
const GRACE: Duration = Duration::from_secs(5);

/// How long it takes at most to see whether a connection is still good; nothing is sent for it.
const RECYCLE_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether a call may be sent again when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It reads, or it does twice what it does once.
    Harmless,
    Never,
}

/// Which connections a call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// All but those that are reserved.
    Ordinary,
    /// Any.
    Reserved,
}

/// The most connections that are kept free of ordinary calls, and of how many connections one is.
const RESERVED: usize = 2;
const PER_RESERVED: usize = 4;

/// A bounded number of connections, made when they are needed.
pub(crate) struct Pool {
    connections: deadpool::Pool<AsyncPgConnection>,
    /// As many places as ordinary calls may use connections at once.
    ordinary: Semaphore,
    wait_timeout: Duration,
    /// How long the database works at a statement.
    statement_timeout: Duration,
    sent: AtomicU64,
}

impl Pool {
    /// Connections live on the runtime of the caller, whoever uses them: a call may come from a
    /// runtime that is about to end, or whose only thread is busy.
    pub(crate) fn new(options: &PostgresOptions, connector: Connector) -> Result<Self, BuildError> {
        let runtime = Handle::current();
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |_| {
            let connector = connector.clone();
            let connecting = runtime.spawn(async move { connector.connect().await });
            Box::pin(async move {
                match connecting.await {
                    Ok(connected) => {
                        connected.map_err(|error| ConnectionError::BadConnection(error.to_string()))
                    }
                    Err(error) => Err(ConnectionError::BadConnection(error.to_string())),
                }
            })
        });
        // Where the database is, the connector knows.
        let manager = AsyncDieselConnectionManager::new_with_config(String::new(), config);
        let connections = deadpool::Pool::builder(manager)
            .max_size(options.pool_size())
            .wait_timeout(Some(options.wait_timeout()))
            .create_timeout(Some(options.create_timeout()))
            .recycle_timeout(Some(RECYCLE_TIMEOUT))
            .runtime(::deadpool::Runtime::Tokio1)
            .build()?;
        let size = options.pool_size();
        Ok(Self {
            connections,
            ordinary: Semaphore::new(size - RESERVED.min(size / PER_RESERVED)),
            wait_timeout: options.wait_timeout(),
            statement_timeout: options.statement_timeout(),
            sent: AtomicU64::new(0),
        })
    }

    /// A connection of the pool's. What is done with it is not counted.
    pub(crate) async fn get(&self) -> Result<Object<AsyncPgConnection>, PoolError> {
        self.connections.get().await
    }

    /// How many calls have been sent, each of them a transaction of its own.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Calls a function and returns its rows. Dropping the future leaves the call to the database,
    /// which does it or does not, and the connection to the next caller.
    pub(crate) async fn call<R>(&self, call: Call<'_>, repeat: Repeat) -> Result<Vec<R>, StoreError>
    where
        R: QueryableByName<Pg> + Send + 'static,
    {
        self.call_with(&call, repeat, Claim::Ordinary).await
    }

    /// Does the same for what keeps turns alive, ends them and tidies up: it must not wait for
    /// ordinary calls, of which there may be any number.
    pub(crate) async fn call_reserved<R>(
        &self,
        call: Call<'_>,
        repeat: Repeat,
    ) -> Result<Vec<R>, StoreError>
    where
        R: QueryableByName<Pg> + Send + 'static,
    {
        self.call_with(&call, repeat, Claim::Reserved).await
    }

    async fn call_with<R>(
        &self,
        call: &Call<'_>,
        repeat: Repeat,
        claim: Claim,
    ) -> Result<Vec<R>, StoreError>
    where
        R: QueryableByName<Pg> + Send + 'static,
    {
        match self.attempt(call, claim).await {
            Err(Failed { broken: true, .. }) if repeat == Repeat::Harmless => {
                // All connections may have broken at once: those that the pool still has are found
                // out without sending anything.
                self.attempt(call, claim).await.map_err(|failed| failed.error)
            }
            done => done.map_err(|failed| failed.error),
        }
    }

    /// A place among ordinary calls.
    async fn place(&self) -> Result<SemaphorePermit<'_>, PoolError> {
        match tokio::time::timeout(self.wait_timeout, self.ordinary.acquire()).await {
            Ok(place) => place.map_err(|_| PoolError::Closed),
            Err(_) => Err(PoolError::Timeout(TimeoutType::Wait)),
        }
    }

    async fn attempt<R>(&self, call: &Call<'_>, claim: Claim) -> Result<Vec<R>, Failed>
    where
        R: QueryableByName<Pg> + Send + 'static,
    {
        let began = Instant::now();
        let _place = match claim {
            Claim::Ordinary => Some(self.place().await.map_err(Failed::to_connect)?),
            Claim::Reserved => None,
        };
        let wait = Some(self.wait_timeout.saturating_sub(began.elapsed()));
        let timeouts = Timeouts { wait, ..self.connections.timeouts() };
        let mut connection =
            self.connections.timeout_get(&timeouts).await.map_err(Failed::to_connect)?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let loading = call.load::<R>(&mut connection);
        match tokio::time::timeout(self.statement_timeout + GRACE, loading).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => {
                let fault = match Fault::of(&error) {
                    // The server may speak a language that we do not know.
                    Fault::Lasting if connection.is_broken() => Fault::Broken,
                    Fault::Lasting if began.elapsed() >= self.statement_timeout => Fault::Passing,
                    fault => fault,
                };
                // After a fault that nobody expects, a session may lack what it was prepared with.
                if matches!(fault, Fault::Broken | Fault::Lasting) {
                    drop(Object::take(connection));
                }
                Err(Failed { broken: fault == Fault::Broken, error: store_error(fault, error) })
            }
            Err(elapsed) => {
                drop(Object::take(connection));
                Err(Failed::in_time(elapsed))
            }
        }
    }
}

struct Failed {
    broken: bool,
    error: StoreError,
}

impl Failed {
    fn to_connect(error: PoolError) -> Self {
        Self { broken: false, error: StoreError::Unavailable(Box::new(error)) }
    }

    fn in_time(elapsed: Elapsed) -> Self {
        Self { broken: false, error: StoreError::Unavailable(Box::new(elapsed)) }
    }
}
