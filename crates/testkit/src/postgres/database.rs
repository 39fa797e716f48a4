//! A database of a test's own.

use std::{
    fmt::{self, Display},
    sync::Arc,
    time::Duration,
};

use tokio_postgres::Client;

use super::{
    APP_ROLE, DATABASE_PREFIX, OWNER_ROLE, admin, random, shared, target::Target, template,
};

/// An empty, migrated database that one test has for itself.
///
/// It is on a cluster that all tests of a run share, started from the machine's own binaries by
/// the first that needs it and removed some 10 s after the last; or on the server that the
/// environment variable `LOQUAT_TEST_POSTGRES_URL` names by its superuser's URL, for example
/// `postgres://postgres:secret@127.0.0.1:5432/`, which must let the superuser, [`OWNER_ROLE`] and
/// [`APP_ROLE`] in by password and without TLS.
///
/// Dropping it drops the database together with all connections to it, which blocks for some 30 ms
/// and may be done anywhere. The database of a test that was killed is dropped by the next process
/// that creates one.
///
/// ```no_run
/// # async fn migrate(url: String) -> Result<(), std::fmt::Error> { Ok(()) }
/// # async fn example() {
/// let database = loquat_testkit::TestDatabase::create("migrations, version 7", migrate).await;
/// let url = database.app_url();
/// # }
/// ```
pub struct TestDatabase {
    name: String,
    target: Arc<Target>,
    /// Holds the lock of the name, which tells others that the test lives.
    client: Client,
}

impl TestDatabase {
    /// Creates a database from the template for `template_key`, which takes some 50 ms.
    ///
    /// The first caller with a key, of all processes that use the server, makes the template and
    /// runs `migrate` with the URL of its owner; `migrate` runs again when it was cut off or has
    /// failed. So a key must differ wherever the result of the migration would: a hash of all
    /// migrations is a good one. Nobody but the owner has privileges, so the migration must grant
    /// [`APP_ROLE`] what that needs. What is set for a database as a whole (`ALTER DATABASE`,
    /// `GRANT … ON DATABASE`) is not copied.
    ///
    /// # Panics
    ///
    /// When there is no Postgres, with a sentence that says what to install; when a server does not
    /// start, with its log; when the migration fails.
    pub async fn create<F, E>(template_key: &str, migrate: impl FnOnce(String) -> F) -> Self
    where
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        create(shared::target().await, template_key, migrate).await
    }

    /// Its name, which no other database has.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A name for a second database, which the test creates and drops itself. If the test is killed
    /// before it does, that database too is dropped by the next process that creates one.
    ///
    /// # Panics
    ///
    /// When the server has gone away.
    pub async fn reserve_name(&self, suffix: &str) -> String {
        let name = format!("{}_{suffix}", self.name);
        // Who holds the lock of a name keeps the sweep away from it.
        let locked = admin::lock(&self.client, &name).await;
        locked.unwrap_or_else(|error| panic!("the name {name} cannot be reserved: {error}"));
        name
    }

    /// The URL with which [`OWNER_ROLE`] enters it.
    pub fn owner_url(&self) -> String {
        self.target.role_url(OWNER_ROLE, &self.name)
    }

    /// The URL with which [`APP_ROLE`] enters it.
    pub fn app_url(&self) -> String {
        self.target.role_url(APP_ROLE, &self.name)
    }

    /// The URL with which the server's superuser enters it.
    pub fn admin_url(&self) -> String {
        self.target.admin_url(&self.name)
    }
}

pub(super) async fn create<F, E>(
    target: Arc<Target>,
    template_key: &str,
    migrate: impl FnOnce(String) -> F,
) -> TestDatabase
where
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let name = format!("{DATABASE_PREFIX}{:016x}", random());
    let client = target.connect().await;
    let created = async {
        // Before there is a database of the name, or a sweep would take it away.
        admin::lock(&client, &name).await?;
        template::copy(&client, &target, template_key, &name, migrate).await
    };
    created.await.unwrap_or_else(|error| panic!("no database for the test: {error}"));
    TestDatabase { name, target, client }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(30);
        let statement = admin::drop_statement(&self.name);
        let url = self.target.maintenance_url();
        let dropped = async {
            if self.client.batch_execute(&statement).await.is_err() {
                // The server was started anew since, or is gone and with it the database.
                if let Ok(client) = admin::connect(&url).await {
                    let _ = client.batch_execute(&statement).await;
                }
            }
        };
        admin::wait_for(async { drop(tokio::time::timeout(PATIENCE, dropped).await) });
    }
}

impl fmt::Debug for TestDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestDatabase").field("name", &self.name).finish_non_exhaustive()
    }
}
