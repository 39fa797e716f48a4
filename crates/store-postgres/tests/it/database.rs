//! Databases of the tests' own.

use std::time::Duration;

use loquat_store_postgres::{MigrateError, PostgresOptions, PostgresStore};
use loquat_testkit::TestDatabase;

/// Differs where the migrations do.
const TEMPLATE: &str = concat!(
    include_str!("../../../../migrations/postgres/2025-01-01-000001_notebook/up.sql"),
    include_str!("../../../../migrations/postgres/2025-01-01-000002_steps/up.sql"),
);

/// An empty migrated database.
pub(crate) async fn database() -> TestDatabase {
    TestDatabase::create(TEMPLATE, migrate).await
}

pub(crate) async fn migrate(url: String) -> Result<(), MigrateError> {
    PostgresStore::migrate(&options(&url)).await
}

pub(crate) fn options(url: &str) -> PostgresOptions {
    PostgresOptions::new(url).expect("the test kit makes good URLs")
}

/// An empty store, and the database that it lies in.
pub(crate) async fn empty_store() -> (PostgresStore, TestDatabase) {
    let database = database().await;
    // Tests run at once, more of them than a server has connections for.
    let options = options(&database.app_url())
        .with_pool_size(std::num::NonZeroUsize::new(4).expect("four"))
        .with_wait_timeout(Duration::from_secs(30));
    (PostgresStore::connect(&options).await.expect("a store"), database)
}
