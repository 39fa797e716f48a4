//! Databases of the tests' own.

use std::{num::NonZeroUsize, time::Duration};

use loquat_store_postgres::{MigrateError, PostgresOptions, PostgresStore};
use loquat_testkit::{PrivateCluster, TestDatabase};
use tokio_postgres::{Client, NoTls};

/// Differs where the migrations do.
const TEMPLATE: &str = concat!(
    include_str!("../../../../migrations/postgres/2025-01-01-000001_notebook/up.sql"),
    include_str!("../../../../migrations/postgres/2025-01-01-000002_steps/up.sql"),
    include_str!("../../../../migrations/postgres/2026-11-26-000001_context/up.sql"),
    include_str!("../../../../migrations/postgres/2026-11-26-000002_bill/up.sql"),
);

/// An empty migrated database.
pub(crate) async fn database() -> TestDatabase {
    TestDatabase::create(TEMPLATE, migrate).await
}

/// An empty migrated database on a cluster of the test's own.
pub(crate) async fn database_on(cluster: &PrivateCluster) -> TestDatabase {
    cluster.create_database(TEMPLATE, migrate).await
}

/// An empty database that was not migrated.
pub(crate) async fn bare_database() -> TestDatabase {
    let leave = |_| async { Ok::<(), MigrateError>(()) };
    TestDatabase::create("nothing", leave).await
}

pub(crate) async fn migrate(url: String) -> Result<(), MigrateError> {
    PostgresStore::migrate(&options(&url)).await
}

pub(crate) fn options(url: &str) -> PostgresOptions {
    // Tests run at once, more of them than a server has connections for.
    PostgresOptions::new(url)
        .unwrap()
        .with_pool_size(NonZeroUsize::new(4).unwrap())
        .with_wait_timeout(Duration::from_secs(30))
}

/// An empty store, and the database that it lies in.
pub(crate) async fn empty_store() -> (PostgresStore, TestDatabase) {
    let database = database().await;
    (PostgresStore::connect(&options(&database.app_url())).await.unwrap(), database)
}

/// A connection beside the store.
pub(crate) async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "the runtime is the test's own")]
    tokio::spawn(async move { drop(connection.await) });
    client
}
