//! A Postgres server that somebody has started, and a new database in it for each server under test.

use std::{
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, bail};
use tokio::runtime::Runtime;
use tokio_postgres::{Config, NoTls, config::Host};

/// The two roles of `docs/how-to/postgres.md`: the owner of the tables, and the one that serves.
const OWNER: &str = "loquat_owner";
const APP: &str = "loquat_app";

/// Their password. The server is one for measuring, on this machine only.
const PASSWORD: &str = "bench";

/// Whether the tables are under row-level security, as they always are but where its cost is
/// measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policies {
    On,
    Off,
}

/// A Postgres server and a superuser's way in.
pub(super) struct Postgres {
    admin: Config,
    policies: Policies,
    made: AtomicU32,
}

/// A migrated database. [`Postgres::drop_database`] takes it away.
pub(super) struct Database {
    name: String,
    /// For the role that serves.
    pub(super) url: String,
}

impl Postgres {
    /// The server of this superuser's URL; makes the two roles.
    ///
    /// # Errors
    ///
    /// When it cannot be reached.
    pub(super) fn new(runtime: &Runtime, url: &str, policies: Policies) -> anyhow::Result<Self> {
        let postgres = Self { admin: url.parse()?, policies, made: AtomicU32::new(0) };
        for role in [OWNER, APP] {
            let make = format!(
                "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN \
                 CREATE ROLE {role} LOGIN; END IF; END $$; \
                 ALTER ROLE {role} PASSWORD '{PASSWORD}'"
            );
            run(runtime, &postgres.admin, &make)?;
        }
        Ok(postgres)
    }

    /// A new database, migrated by the server under test.
    ///
    /// # Errors
    ///
    /// When it cannot be made or migrated.
    pub(super) fn database(&self, runtime: &Runtime, server: &Path) -> anyhow::Result<Database> {
        let count = self.made.fetch_add(1, Ordering::Relaxed);
        let name = format!("loquat_bench_{}_{count}", std::process::id());
        run(runtime, &self.admin, &format!("CREATE DATABASE {name} OWNER {OWNER}"))?;
        let url = |role: &str| self.url(role, &name);
        let migrated = Command::new(server)
            .arg("migrate")
            .env("LOQUAT_DATABASE_URL", url(OWNER)?)
            .output()
            .context("cannot run the server's `migrate` command")?;
        if !migrated.status.success() {
            bail!("not migrated: {}", String::from_utf8_lossy(&migrated.stderr).trim_end());
        }
        if self.policies == Policies::Off {
            run(runtime, &url(OWNER)?.parse()?, WITHOUT_POLICIES)?;
        }
        Ok(Database { url: url(APP)?, name })
    }

    /// Takes a database away, whoever is still connected.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached.
    pub(super) fn drop_database(
        &self,
        runtime: &Runtime,
        database: &Database,
    ) -> anyhow::Result<()> {
        run(runtime, &self.admin, &format!("DROP DATABASE {} WITH (FORCE)", database.name))
    }

    fn url(&self, role: &str, name: &str) -> anyhow::Result<String> {
        let port = self.admin.get_ports().first().copied().unwrap_or(5432);
        match self.admin.get_hosts().first() {
            Some(Host::Tcp(host)) => {
                Ok(format!("postgres://{role}:{PASSWORD}@{host}:{port}/{name}"))
            }
            Some(Host::Unix(directory)) => Ok(format!(
                "postgres://{role}:{PASSWORD}@/{name}?host={}&port={port}",
                directory.display()
            )),
            None => bail!("the URL of the Postgres server must name a host"),
        }
    }
}

const WITHOUT_POLICIES: &str = "
    DO $$ DECLARE t regclass; BEGIN
        FOR t IN SELECT oid FROM pg_class WHERE relrowsecurity LOOP
            EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', t);
        END LOOP;
    END $$";

fn run(runtime: &Runtime, whom: &Config, statement: &str) -> anyhow::Result<()> {
    runtime.block_on(async {
        let (client, connection) =
            whom.connect(NoTls).await.context("cannot connect to Postgres")?;
        let work = async move { client.batch_execute(statement).await };
        // The connection ends when its client is dropped.
        let (worked, ended) = tokio::join!(work, connection);
        worked?;
        ended.context("the connection to Postgres broke")
    })
}
