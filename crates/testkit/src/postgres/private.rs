//! A cluster that belongs to one test.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{
    TestDatabase, blocking, database,
    installation::Installation,
    place::{self, Place},
    server::Server,
    target::Target,
};

/// How a [`PrivateCluster`] differs from the shared one.
#[derive(Debug, Clone, Default)]
pub struct ClusterOptions {
    pub(super) settings: Vec<(String, String)>,
    pub(super) hba: Option<String>,
    pub(super) files: Vec<(String, Vec<u8>)>,
}

impl ClusterOptions {
    /// Sets a server setting, as in `postgresql.conf`; it overrides the test kit's own, which among
    /// others turn `fsync` off. The port cannot be set.
    #[must_use]
    pub fn with_setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Replaces `pg_hba.conf`, which asks everybody for a password. The superuser must still be let
    /// in from 127.0.0.1 without TLS.
    #[must_use]
    pub fn with_hba(mut self, rules: &str) -> Self {
        self.hba = Some(rules.to_owned());
        self
    }

    /// Puts a file into the data directory, readable by the server alone: a certificate, a key.
    #[must_use]
    pub fn with_file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), content.into()));
        self
    }
}

/// A Postgres cluster of one test's own, which the test may stop, kill and start again.
///
/// It listens on 127.0.0.1 and keeps its port. Dropping it stops and removes it, which blocks for
/// some 200 ms; when the test is killed, its supervisor does the same. `LOQUAT_TEST_POSTGRES_URL`
/// has no say here: the machine's own binaries are needed.
#[derive(Debug)]
pub struct PrivateCluster {
    server: Arc<Server>,
    target: Arc<Target>,
}

impl PrivateCluster {
    /// Makes and starts a cluster, with the roles that [`TestDatabase`] has.
    ///
    /// # Panics
    ///
    /// When the machine has no Postgres, with a sentence that says what to install, and when the
    /// server does not start, with its log.
    pub async fn start(options: ClusterOptions) -> Self {
        let server = blocking(move || {
            let installation = Installation::find();
            let place = place::lock(&installation)
                .and_then(|lock| Place::claim(&installation, "private", Duration::ZERO, &lock))
                .unwrap_or_else(|error| panic!("no place for the test's Postgres: {error}"));
            Server::start(installation, place, &options)
        })
        .await;
        let target = Arc::new(Target::own(&server.url(), None));
        target.connect().await;
        Self { server: Arc::new(server), target }
    }

    /// The superuser's URL, of the database `postgres`.
    pub fn admin_url(&self) -> String {
        self.target.admin_url("postgres")
    }

    /// Where it listens, on 127.0.0.1; the same for as long as the cluster exists.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Postgres' data directory; `server.log` in it is the log since the last start.
    pub fn data_directory(&self) -> PathBuf {
        self.server.data()
    }

    /// As [`TestDatabase::create`], on this cluster.
    ///
    /// # Panics
    ///
    /// When the cluster does not run, and when the migration fails.
    pub async fn create_database<F, E>(
        &self,
        template_key: &str,
        migrate: impl FnOnce(String) -> F,
    ) -> TestDatabase
    where
        F: Future<Output = Result<(), E>>,
        E: std::fmt::Display,
    {
        database::create(Arc::clone(&self.target), template_key, migrate).await
    }

    /// Stops the server at once and without a checkpoint, and starts it again on the same port.
    /// Every connection breaks; what was committed is there again when this returns.
    ///
    /// # Panics
    ///
    /// When the server does not stop or does not start.
    pub async fn restart_immediate(&self) {
        self.stop_immediate().await;
        self.launch().await;
    }

    /// Stops the server at once and without a checkpoint.
    ///
    /// # Panics
    ///
    /// When it does not stop, or does not run.
    pub async fn stop_immediate(&self) {
        let server = Arc::clone(&self.server);
        blocking(move || server.stop_immediate()).await;
    }

    /// Kills the server's first process with SIGKILL and waits until that is gone. The backends
    /// follow within moments.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub async fn kill(&self) {
        let server = Arc::clone(&self.server);
        blocking(move || server.kill()).await;
    }

    /// Starts the server after [`stop_immediate`](Self::stop_immediate) or [`kill`](Self::kill), on
    /// the port it had, and waits until it accepts connections.
    ///
    /// # Panics
    ///
    /// When it does not start, with its log.
    pub async fn launch(&self) {
        let server = Arc::clone(&self.server);
        blocking(move || server.launch()).await;
    }
}
