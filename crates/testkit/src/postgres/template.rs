//! Migrated databases that tests' databases are copies of.
//!
//! A template that takes connections is being made, or its maker died; one that takes none is
//! finished. Who makes it holds the lock of its name alone, who copies it together with others.

use std::fmt::Display;

use tokio_postgres::{Client, Error};

use super::{OWNER_ROLE, TEMPLATE_PREFIX, admin, fingerprint, target::Target};

/// Makes `database` a copy of the template for `key`, which is made and migrated when it is not
/// there.
pub(super) async fn copy<F, E>(
    client: &Client,
    target: &Target,
    key: &str,
    database: &str,
    migrate: impl FnOnce(String) -> F,
) -> Result<(), Error>
where
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let template = format!("{TEMPLATE_PREFIX}{:016x}", fingerprint(key));
    admin::lock_shared(client, &template).await?;
    if !is_finished(client, &template).await? {
        // Two who wait for each other's share would wait forever.
        admin::unlock_shared(client, &template).await?;
        admin::lock(client, &template).await?;
        if !is_finished(client, &template).await? {
            make(client, &template, migrate(target.role_url(OWNER_ROLE, &template))).await?;
        }
        admin::lock_shared(client, &template).await?;
        admin::unlock(client, &template).await?;
    }
    let create = format!("CREATE DATABASE {database} TEMPLATE {template} OWNER {OWNER_ROLE}");
    client.batch_execute(&create).await?;
    admin::unlock_shared(client, &template).await
}

async fn is_finished(client: &Client, template: &str) -> Result<bool, Error> {
    let statement = "SELECT FROM pg_database WHERE datname = $1 AND NOT datallowconn";
    Ok(client.query_opt(statement, &[&template]).await?.is_some())
}

async fn make<E: Display>(
    client: &Client,
    template: &str,
    migration: impl Future<Output = Result<(), E>>,
) -> Result<(), Error> {
    client.batch_execute(&admin::drop_statement(template)).await?;
    client.batch_execute(&format!("CREATE DATABASE {template} OWNER {OWNER_ROLE}")).await?;
    migration.await.unwrap_or_else(|error| panic!("the template cannot be migrated: {error}"));
    client.batch_execute(&format!("ALTER DATABASE {template} ALLOW_CONNECTIONS false")).await?;
    // A database cannot be copied while somebody is connected to it.
    let leave = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    client.query(leave, &[&template]).await.map(drop)
}
