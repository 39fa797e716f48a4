//! The superuser's connections.

use std::{io, thread};

use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
};
use tokio_postgres::{Client, Error, NoTls};

/// Connects, without TLS. The connection is driven by a thread of its own and lasts until the
/// client is dropped, whatever becomes of the runtime of the test.
pub(super) async fn connect(url: &str) -> Result<Client, Error> {
    let (answer, answered) = oneshot::channel();
    let url = url.to_owned();
    let drive = async move {
        match tokio_postgres::connect(&url, NoTls).await {
            Ok((client, connection)) => {
                if answer.send(Ok(client)).is_ok() {
                    // The client reports what goes wrong.
                    let _ = connection.await;
                }
            }
            Err(error) => drop(answer.send(Err(error))),
        }
    };
    let runtime = runtime();
    thread::Builder::new()
        .name("test-postgres".to_owned())
        .spawn(move || runtime.block_on(drive))
        .unwrap_or_else(|error| panic!("no thread for the test's database: {error}"));
    answered.await.unwrap_or_else(|_| panic!("connecting to the tests' Postgres panicked"))
}

/// Runs a future to its end from wherever the caller is, inside of a runtime or not.
pub(super) fn wait_for(future: impl Future<Output = ()> + Send) {
    let runtime = runtime();
    thread::scope(|scope| {
        scope.spawn(move || runtime.block_on(future));
    });
}

fn runtime() -> Runtime {
    let made: io::Result<Runtime> = Builder::new_current_thread().enable_all().build();
    made.unwrap_or_else(|error| panic!("no runtime for the test's database: {error}"))
}

/// Takes the lock of a name, waiting for it. It is the connection's and ends with it.
pub(super) async fn lock(client: &Client, name: &str) -> Result<(), Error> {
    call(client, "pg_advisory_lock", name).await
}

/// Takes the lock of a name together with others who take it so.
pub(super) async fn lock_shared(client: &Client, name: &str) -> Result<(), Error> {
    call(client, "pg_advisory_lock_shared", name).await
}

/// Gives back what [`lock`] or [`try_lock`] took.
pub(super) async fn unlock(client: &Client, name: &str) -> Result<(), Error> {
    call(client, "pg_advisory_unlock", name).await
}

/// Gives back what [`lock_shared`] took.
pub(super) async fn unlock_shared(client: &Client, name: &str) -> Result<(), Error> {
    call(client, "pg_advisory_unlock_shared", name).await
}

/// Takes the lock of a name if it is free.
pub(super) async fn try_lock(client: &Client, name: &str) -> Result<bool, Error> {
    let statement = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
    Ok(client.query_one(statement, &[&name]).await?.get(0))
}

async fn call(client: &Client, function: &str, name: &str) -> Result<(), Error> {
    let statement = format!("SELECT {function}(hashtextextended($1, 0))");
    client.query_one(&statement, &[&name]).await.map(drop)
}

/// Names are our own and need no quoting.
pub(super) fn drop_statement(database: &str) -> String {
    format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")
}
