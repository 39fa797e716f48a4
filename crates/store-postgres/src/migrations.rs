//! Brings a database to this version's schema.

use std::error::Error;

use diesel::{
    RunQueryDsl,
    migration::{MigrationSource, MigrationVersion},
    pg::Pg,
    result::QueryResult,
    sql_query,
    sql_types::{Bool, Text},
};
use diesel_async::{
    AsyncPgConnection, SimpleAsyncConnection, async_connection_wrapper::AsyncConnectionWrapper,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{PostgresOptions, connection::Connector, options::RuntimeRole};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Only one process migrates a database at a time. The number is ours alone: "loquat" in ASCII.
const LOCK: i64 = 0x6c6f_7175_6174;

type Source = Box<dyn Error + Send + Sync>;
type Connection = AsyncConnectionWrapper<AsyncPgConnection>;

/// Why a database was not migrated. What was done of it stays done, step by step, and doing it again
/// goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database could not be reached.
    #[error("the database cannot be reached")]
    Unavailable(#[source] Source),
    /// The role that shall be granted what running takes is not there.
    #[error("there is no role `{role}` to run with; create it first")]
    NoSuchRole {
        /// Its name.
        role: String,
    },
    /// A step failed; the database is as it was before that step.
    #[error("the migration failed")]
    Failed(#[source] Source),
}

/// The versions of all steps that this program knows, oldest first.
pub(crate) fn versions() -> Result<Vec<MigrationVersion<'static>>, Source> {
    let migrations = MigrationSource::<Pg>::migrations(&MIGRATIONS)?;
    Ok(migrations.iter().map(|step| step.name().version().as_owned()).collect())
}

/// Migrates and grants under the lock. Another process that does so meanwhile waits.
pub(crate) async fn migrate(options: &PostgresOptions) -> Result<(), MigrateError> {
    let tls = options.tls().connector().map_err(MigrateError::Unavailable)?;
    let mut connection = Connector::new(options.migrating(), tls)
        .connect()
        .await
        .map_err(|error| MigrateError::Unavailable(Box::new(error)))?;
    connection.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).await.map_err(failed)?;
    let role = options.runtime_role().clone();
    // diesel's migrations block. The connection is driven by the caller's runtime meanwhile; what is
    // begun is ended also when the caller goes away.
    let migrated =
        tokio::task::spawn_blocking(move || run(&mut Connection::from(connection), &role));
    migrated.await.map_err(|error| MigrateError::Failed(Box::new(error)))?
}

fn run(connection: &mut Connection, role: &RuntimeRole) -> Result<(), MigrateError> {
    // Here the list of what was done lies as well.
    sql_query("CREATE SCHEMA IF NOT EXISTS loquat").execute(connection).map_err(failed)?;
    connection.run_pending_migrations(MIGRATIONS).map_err(MigrateError::Failed)?;
    grant(connection, role)
}

fn grant(connection: &mut Connection, role: &RuntimeRole) -> Result<(), MigrateError> {
    let name = match role {
        RuntimeRole::Named(name) => name.as_str(),
        RuntimeRole::Usual(name) => name,
    };
    match (role, find(connection, name).map_err(failed)?) {
        (RuntimeRole::Named(_), None) => Err(MigrateError::NoSuchRole { role: name.to_owned() }),
        (RuntimeRole::Usual(_), None) => Ok(()),
        // An owner has all that could be granted.
        (_, Some(found)) if found.is_owner => Ok(()),
        (_, Some(_)) => sql_query("SELECT loquat.grant_to_v1($1)")
            .bind::<Text, _>(name)
            .execute(connection)
            .map(drop)
            .map_err(failed),
    }
}

#[derive(Debug, diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = Bool)]
    is_owner: bool,
}

fn find(connection: &mut Connection, role: &str) -> QueryResult<Option<Found>> {
    use diesel::OptionalExtension as _;
    sql_query("SELECT rolname = current_user AS is_owner FROM pg_roles WHERE rolname = $1")
        .bind::<Text, _>(role)
        .get_result(connection)
        .optional()
}

fn failed(error: diesel::result::Error) -> MigrateError {
    MigrateError::Failed(Box::new(error))
}
