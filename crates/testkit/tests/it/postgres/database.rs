//! A database of a test's own.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures::future::join_all;
use loquat_testkit::{APP_ROLE, OWNER_ROLE, TestDatabase};

use super::{ADD_NOTE, COUNT_NOTES, ask, notes, run};

#[tokio::test]
async fn two_databases_of_one_template_see_only_their_own_data() {
    let one = TestDatabase::create("notes", notes).await;
    let other = TestDatabase::create("notes", notes).await;
    run(&one.app_url(), ADD_NOTE).await.unwrap();
    assert_eq!(ask(&one.app_url(), COUNT_NOTES).await, "1");
    assert_eq!(ask(&other.app_url(), COUNT_NOTES).await, "0");
}

#[tokio::test]
async fn a_template_is_migrated_once_for_callers_that_come_together() {
    let migrations = AtomicUsize::new(0);
    let migrate = |url: String| {
        migrations.fetch_add(1, Ordering::Relaxed);
        notes(url)
    };
    let key = format!("migrated once, {}", std::process::id());
    let databases = join_all((0..8).map(|_| TestDatabase::create(&key, migrate))).await;
    assert_eq!(migrations.load(Ordering::Relaxed), 1);
    for database in databases {
        assert_eq!(ask(&database.app_url(), COUNT_NOTES).await, "0");
    }
}

#[tokio::test]
async fn a_migration_that_was_cut_off_runs_again() {
    let key = format!("cut off, {}", std::process::id());
    let cut_off = TestDatabase::create(&key, async |url| {
        run(&url, "CREATE TABLE notes (half text)").await.unwrap();
        std::future::pending::<Result<(), Infallible>>().await
    });
    let noticed = tokio::time::timeout(std::time::Duration::from_secs(2), cut_off).await;
    assert!(noticed.is_err());
    let database = TestDatabase::create(&key, notes).await;
    assert_eq!(ask(&database.app_url(), COUNT_NOTES).await, "0");
}

#[tokio::test]
async fn a_dropped_database_is_gone_whoever_is_connected() {
    let witness = TestDatabase::create("notes", notes).await;
    let database = TestDatabase::create("notes", notes).await;
    let count = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", database.name());
    assert_eq!(ask(&witness.admin_url(), &count).await, "1");

    let url = database.app_url();
    let (_client, _connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    drop(database);
    assert_eq!(ask(&witness.admin_url(), &count).await, "0");
    assert!(run(&url, "SELECT 1").await.is_err());
}

#[test]
fn a_database_outlives_the_runtime_that_made_it_and_is_dropped_outside_of_any() {
    let on_a_runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = on_a_runtime().block_on(TestDatabase::create("notes", notes));
    let witness = on_a_runtime().block_on(TestDatabase::create("notes", notes));
    let url = database.app_url();
    on_a_runtime().block_on(run(&url, ADD_NOTE)).unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    assert_ne!(on_a_runtime().block_on(ask(&witness.admin_url(), held)), "0");
    drop(database);
    assert!(on_a_runtime().block_on(run(&url, ADD_NOTE)).is_err());
}

#[tokio::test]
async fn the_roles_have_no_powers_of_their_own() {
    let database = TestDatabase::create("notes", notes).await;
    let powers = format!(
        "SELECT count(*) FROM pg_roles WHERE rolname IN ('{APP_ROLE}', '{OWNER_ROLE}')
            AND (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication)"
    );
    assert_eq!(ask(&database.admin_url(), &powers).await, "0");
    let owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'notes'";
    assert_eq!(ask(&database.admin_url(), owner).await, OWNER_ROLE);
    assert!(run(&database.app_url(), "DELETE FROM notes").await.is_err());
    assert!(run(&database.app_url(), "DROP TABLE notes").await.is_err());
    run(&database.owner_url(), "DROP TABLE notes").await.unwrap();
}
