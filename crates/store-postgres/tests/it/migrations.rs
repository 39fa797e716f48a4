//! A database on its way to this version's schema.

use loquat_store::Upkeep as _;
use loquat_store_postgres::{ConnectError, MigrateError, PostgresStore};
use loquat_testkit::TestDatabase;
use tokio_postgres::{Client, error::SqlState};

use crate::{
    database::{bare_database, client, database, migrate, options},
    upgrade::BEFORE_THE_BILL,
};

async fn applied(client: &Client) -> i64 {
    let statement = "SELECT count(*) FROM loquat.__diesel_schema_migrations";
    client.query_one(statement, &[]).await.unwrap().get(0)
}

async fn connected(url: &str) -> Result<PostgresStore, ConnectError> {
    PostgresStore::connect(&options(url)).await
}

#[tokio::test]
async fn a_database_that_was_not_migrated_is_refused() {
    let database = bare_database().await;
    let refused = connected(&database.app_url()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::NotMigrated), "{refused:?}");
    assert!(refused.to_string().contains("loquat migrate"), "{refused}");
}

#[tokio::test]
async fn a_database_that_lacks_a_step_is_refused_and_one_that_is_ahead_is_not() {
    let database = database().await;
    let owner = client(&database.owner_url()).await;
    let ahead = "INSERT INTO loquat.__diesel_schema_migrations VALUES ('20991231000001', now())";
    owner.batch_execute(ahead).await.unwrap();
    connected(&database.app_url()).await.unwrap().ping().await.unwrap();
    let behind = "DELETE FROM loquat.__diesel_schema_migrations WHERE version = '20250101000002'";
    assert_eq!(owner.execute(behind, &[]).await.unwrap(), 1);
    let refused = connected(&database.app_url()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::NotMigrated), "{refused:?}");
}

#[tokio::test]
async fn a_role_that_was_granted_nothing_is_told_so() {
    let database = database().await;
    let owner = client(&database.owner_url()).await;
    owner.batch_execute("REVOKE USAGE ON SCHEMA loquat FROM loquat_app").await.unwrap();
    match connected(&database.app_url()).await {
        Err(ConnectError::NoAccess { role }) => assert_eq!(role, "loquat_app"),
        other => panic!("{other:?}"),
    }
    // Doing it again mends it.
    migrate(database.owner_url()).await.unwrap();
    connected(&database.app_url()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_that_migrate_at_once_one_does_and_all_succeed() {
    let database = bare_database().await;
    let all = (0..5).map(|_| migrate(database.owner_url()));
    for migrated in futures::future::join_all(all).await {
        migrated.unwrap();
    }
    connected(&database.app_url()).await.unwrap().ping().await.unwrap();
    let owner = client(&database.owner_url()).await;
    assert_eq!(applied(&owner).await, 4);
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let database = database().await;
    let owner = client(&database.owner_url()).await;
    let objects = "SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM (
        SELECT oid FROM pg_class WHERE relnamespace = 'loquat'::regnamespace
        UNION ALL SELECT oid FROM pg_proc WHERE pronamespace = 'loquat'::regnamespace
    ) AS objects";
    let before: String = owner.query_one(objects, &[]).await.unwrap().get(0);
    migrate(database.owner_url()).await.unwrap();
    let after: String = owner.query_one(objects, &[]).await.unwrap().get(0);
    assert_eq!(before, after);
}

/// Stops every migration at its last statement until the returned connection is dropped.
async fn hold(database: &TestDatabase) -> Client {
    let owner = client(&database.owner_url()).await;
    // The list of what was done lies here before the first step is done.
    owner
        .batch_execute(
            "CREATE SCHEMA loquat;
            CREATE TABLE loquat.__diesel_schema_migrations (
                version varchar(50) PRIMARY KEY NOT NULL,
                run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
            );
            BEGIN;
            LOCK TABLE loquat.__diesel_schema_migrations IN SHARE MODE",
        )
        .await
        .unwrap();
    owner
}

/// Waits until as many other sessions of the database wait for a lock.
async fn until_waiting(admin: &Client, sessions: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while admin.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < sessions {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_migration_that_is_killed_leaves_what_can_be_started_again() {
    let database = bare_database().await;
    let admin = client(&database.admin_url()).await;
    let held = hold(&database).await;
    let kill = async {
        until_waiting(&admin, 1).await;
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        admin.query(kill, &[]).await.unwrap();
    };
    let (migrated, ()) = futures::join!(migrate(database.owner_url()), kill);
    assert!(matches!(migrated, Err(MigrateError::Failed(_))), "{migrated:?}");
    held.batch_execute("COMMIT").await.unwrap();
    assert_eq!(applied(&held).await, 0);
    let half = "SELECT count(*) FROM pg_class
        WHERE relnamespace = 'loquat'::regnamespace AND relname = 'conversations'";
    assert_eq!(held.query_one(half, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert!(matches!(
        connected(&database.app_url()).await,
        Err(ConnectError::NotMigrated | ConnectError::NoAccess { .. })
    ));
    migrate(database.owner_url()).await.unwrap();
    connected(&database.app_url()).await.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn a_migration_whose_caller_goes_away_is_ended() {
    let database = bare_database().await;
    let admin = client(&database.admin_url()).await;
    let held = hold(&database).await;
    {
        let mut migrating = Box::pin(migrate(database.owner_url()));
        let waiting = Box::pin(until_waiting(&admin, 1));
        // The caller goes away while the migration waits.
        futures::future::select(&mut migrating, waiting).await;
    }
    held.batch_execute("COMMIT").await.unwrap();
    // Waits for the lock that the first still has.
    migrate(database.owner_url()).await.unwrap();
    connected(&database.app_url()).await.unwrap().ping().await.unwrap();
    assert_eq!(applied(&held).await, 4);
}

#[tokio::test]
async fn another_role_can_be_the_one_that_runs() {
    let database = bare_database().await;
    let admin = client(&database.admin_url()).await;
    let role = format!("{} \"x\"", database.name());
    let quoted = role.replace('"', "\"\"");
    let options = options(&database.owner_url()).with_runtime_role(&role);
    match PostgresStore::migrate(&options).await {
        Err(MigrateError::NoSuchRole { role: missing }) => assert_eq!(missing, role),
        other => panic!("{other:?}"),
    }
    let make = format!("CREATE ROLE \"{quoted}\" LOGIN PASSWORD 'loquat'");
    admin.batch_execute(&make).await.unwrap();
    PostgresStore::migrate(&options).await.unwrap();
    let url = database.app_url();
    let url = url.replace("loquat_app", &role.replace(' ', "%20").replace('"', "%22"));
    connected(&url).await.unwrap().ping().await.unwrap();
    let sweep = format!("DROP OWNED BY \"{quoted}\"; DROP ROLE \"{quoted}\"");
    admin.batch_execute(&sweep).await.unwrap();
}

#[tokio::test]
async fn tables_of_later_migrations_are_granted_as_they_are_made() {
    let database = database().await;
    let owner = client(&database.owner_url()).await;
    owner.batch_execute("CREATE TABLE loquat.later (tenant text)").await.unwrap();
    let app = client(&database.app_url()).await;
    app.batch_execute("INSERT INTO loquat.later VALUES ('x'); DELETE FROM loquat.later")
        .await
        .unwrap();
}

/// Whether the role that runs may change what is only added to.
async fn may_change_history(database: &TestDatabase) -> bool {
    let app = client(&database.app_url()).await;
    let mut may = false;
    for table in ["usage_records", "audit_log"] {
        for statement in [
            format!("UPDATE loquat.{table} SET created_at = 0"),
            format!("DELETE FROM loquat.{table}"),
            format!("TRUNCATE loquat.{table}"),
        ] {
            match app.batch_execute(&statement).await {
                Ok(()) => may = true,
                Err(error) => {
                    assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{error}");
                }
            }
        }
    }
    may
}

#[tokio::test]
async fn the_role_that_runs_cannot_change_what_is_only_added_to() {
    // Where all is new; after it was granted again; and where the role had been granted what later
    // migrations make, in the moment after they have.
    let database = database().await;
    assert!(!may_change_history(&database).await);
    migrate(database.owner_url()).await.unwrap();
    assert!(!may_change_history(&database).await);

    let upgraded = bare_database().await;
    let owner = client(&upgraded.owner_url()).await;
    owner.batch_execute(BEFORE_THE_BILL).await.unwrap();
    let bill = include_str!("../../../../migrations/postgres/2026-11-26-000002_bill/up.sql");
    owner.batch_execute(bill).await.unwrap();
    assert!(!may_change_history(&upgraded).await);
}

#[tokio::test]
async fn a_database_of_another_encoding_is_refused() {
    let database = database().await;
    let admin = client(&database.admin_url()).await;
    let latin = database.reserve_name("latin1").await;
    let make = format!(
        "CREATE DATABASE {latin} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' OWNER loquat_owner"
    );
    admin.batch_execute(&make).await.unwrap();
    let url = database.owner_url().replace(database.name(), &latin);
    let refused = migrate(url).await.unwrap_err();
    let why = std::error::Error::source(&refused).map(ToString::to_string);
    assert!(why.is_some_and(|why| why.contains("UTF8")), "{refused:?}");
    admin.batch_execute(&format!("DROP DATABASE {latin} WITH (FORCE)")).await.unwrap();
}

/// The statements of the guide for operators.
fn guide() -> String {
    let guide = include_str!("../../../../docs/how-to/postgres.md");
    let (_, rest) = guide.split_once("```sql\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[tokio::test]
async fn what_the_guide_says_is_enough() {
    let other = database().await;
    let admin = client(&other.admin_url()).await;
    // The roles of the guide are there already, and others' tests use them.
    let name = other.reserve_name("guide").await;
    let (owner, app) = (format!("{}_owner", other.name()), format!("{}_app", other.name()));
    let statements = guide()
        .replace("loquat_owner", &owner)
        .replace("loquat_app", &app)
        .replace("DATABASE loquat ", &format!("DATABASE {name} "));
    for statement in statements.split_inclusive(";\n") {
        admin.batch_execute(statement).await.unwrap();
    }
    let url = |role: &str, password: &str| {
        let url: tokio_postgres::Config = other.app_url().parse().unwrap();
        let port = url.get_ports()[0];
        format!("postgres://{role}:{password}@127.0.0.1:{port}/{name}")
    };
    let migrating = options(&url(&owner, "change-me-owner")).with_runtime_role(&app);
    PostgresStore::migrate(&migrating).await.unwrap();
    let store = connected(&url(&app, "change-me-app")).await.unwrap();
    store.ping().await.unwrap();
    drop(store);
    let sweep = [
        format!("DROP DATABASE {name} WITH (FORCE)"),
        format!("DROP OWNED BY {owner}, {app}"),
        format!("DROP ROLE {owner}, {app}"),
    ];
    for statement in sweep {
        admin.batch_execute(&statement).await.unwrap();
    }
}
