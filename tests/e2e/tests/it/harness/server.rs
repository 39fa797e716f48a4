//! The program, started.

use std::{
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::Arc,
};

use loquat_testkit::{PrivateCluster, ScriptedUpstream, TestDatabase};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
    task::JoinSet,
};

use super::{Client, Data, SOON, Store, binary::binary, soon};

/// The key that the configured provider expects.
pub(crate) const PROVIDER_KEY: &str = "key-of-the-provider-Y7Qm";

/// What stands in `loquat.toml`, and in the environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    top: String,
    tables: String,
    log: Option<&'static str>,
}

impl Config {
    /// Nothing: what a newcomer has.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// One model, `scripted`, which is also the default.
    pub(crate) fn scripted(upstream: &ScriptedUpstream) -> Self {
        Self::scripted_at(&upstream.base_url())
    }

    /// The same with a provider at any address.
    pub(crate) fn scripted_at(base_url: &str) -> Self {
        Self::none()
            .setting("default_model = \"scripted\"")
            .provider("scripted", &format!("base_url = \"{base_url}\""))
            .model("scripted", "scripted")
    }

    /// Adds a line before the tables.
    pub(crate) fn setting(mut self, line: &str) -> Self {
        self.top.push_str(line);
        self.top.push('\n');
        self
    }

    /// Adds a provider that speaks OpenAI's wire, with these lines in its table.
    pub(crate) fn provider(self, name: &str, lines: &str) -> Self {
        let kind = "kind = \"openai\"\napi_key_env = \"KEY\"";
        self.table(&format!("[providers.{name}]\n{kind}\n{lines}"))
    }

    /// Adds a model of a provider.
    pub(crate) fn model(self, name: &str, provider: &str) -> Self {
        let window = "context_window = 128_000\nmax_output_tokens = 16_384";
        self.table(&format!("[models.{name}]\nprovider = \"{provider}\"\n{window}"))
    }

    /// Adds a table.
    pub(crate) fn table(mut self, lines: &str) -> Self {
        self.tables.push_str(lines);
        self.tables.push('\n');
        self
    }

    pub(crate) fn logging(self, level: &'static str) -> Self {
        Self { log: Some(level), ..self }
    }

    fn file(&self) -> String {
        format!("{}{}", self.top, self.tables)
    }
}

/// Where a server keeps its data and finds its configuration; it outlives the server.
#[derive(Debug)]
pub(crate) struct Home {
    directory: TempDir,
    config: Config,
    /// `None`: a file of SQLite's in the directory.
    database: Option<TestDatabase>,
}

impl Home {
    /// With SQLite.
    pub(crate) fn new(config: Config) -> Self {
        let directory = TempDir::new().unwrap();
        let file = config.file();
        if !file.is_empty() {
            std::fs::write(directory.path().join("loquat.toml"), file).unwrap();
        }
        Self { directory, config, database: None }
    }

    /// With a store of that kind, empty and migrated. Several servers of one home share it.
    pub(crate) async fn on(store: Store, config: Config) -> Self {
        let home = Self::new(config);
        match store {
            Store::Sqlite => home,
            Store::Postgres => {
                let migrate = |url| home.migrate(url);
                let database = TestDatabase::create(&template_key(), migrate).await;
                home.in_database(database)
            }
        }
    }

    /// With a database on a Postgres that the test may break.
    pub(crate) async fn on_cluster(cluster: &PrivateCluster, config: Config) -> Self {
        let home = Self::new(config);
        let migrate = |url| home.migrate(url);
        let database = cluster.create_database(&template_key(), migrate).await;
        home.in_database(database)
    }

    fn in_database(self, database: TestDatabase) -> Self {
        Self { database: Some(database), ..self }
    }

    /// What an operator does before the first start.
    async fn migrate(&self, owner_url: String) -> Result<(), String> {
        let mut command = self.command();
        command.args(["migrate", "--database-url", &owner_url]);
        let done = soon("the program migrates", command.output()).await.unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.success() { Ok(()) } else { Err(said) }
    }

    /// Its data, without the server.
    pub(crate) fn data(&self) -> Data {
        match &self.database {
            None => Data::sqlite(self.path().join("loquat-data/loquat.db")),
            Some(database) => Data::postgres(database.admin_url()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The program with this home and nothing else in its environment.
    pub(crate) fn command(&self) -> Command {
        self.furnish(Command::new(binary()))
    }

    /// The same, started by another program whose last argument it is.
    pub(crate) fn command_under(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.furnish(Command::new(program));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.args(arguments).arg(binary());
        command
    }

    fn furnish(&self, mut command: Command) -> Command {
        command
            .env_clear()
            .current_dir(self.path())
            .env("LOQUAT_LISTEN", "127.0.0.1:0")
            .env("KEY", PROVIDER_KEY)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(log) = self.config.log {
            command.env("LOQUAT_LOG", log);
        }
        if let Some(database) = &self.database {
            command.env("LOQUAT_DATABASE_URL", database.app_url());
        }
        command
    }

    /// Starts the server and returns once it says where it serves.
    pub(crate) async fn serve(&self) -> Server {
        Server::start(self.command()).await
    }

    /// What the program prints when it is asked for a token.
    pub(crate) async fn token(&self, tenant: &str, user: &str) -> String {
        let mut command = self.command();
        command.args(["token", "--tenant", tenant, "--user", user]);
        let done = soon("the program mints a token", command.output()).await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    }

    /// A client of that server, with a token of its own.
    pub(crate) async fn client(&self, server: &Server) -> Client {
        Client::new(server.address, &self.token("acme", "ada").await)
    }
}

/// Another program has other migrations.
fn template_key() -> String {
    let built = std::fs::metadata(binary()).unwrap().modified().unwrap();
    format!("end to end, program of {built:?}")
}

/// A running server. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    gathering: JoinSet<()>,
    output: Output,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a program and returns once it says where it serves.
    pub(crate) async fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = Output::default();
        let mut gathering = JoinSet::new();
        gathering.spawn(output.clone().gather(child.stdout.take().unwrap()));
        gathering.spawn(output.clone().gather(child.stderr.take().unwrap()));
        let address = tokio::select! {
            address = output.address() => address,
            status = child.wait() => panic!("it ended with {status:?}: {}", output.text()),
        };
        Self { child, gathering, output, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that it has printed and logged.
    pub(crate) fn output(&self) -> String {
        self.output.text()
    }

    /// The line that it prints after the one with its address.
    pub(crate) async fn line_after_address(&self) -> String {
        let mut changes = self.output.0.subscribe();
        let wait = changes.wait_for(|text| text.lines().count() > 1);
        let text = soon("the server prints another line", wait).await.unwrap();
        text.lines().nth(1).unwrap().to_owned()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("the server runs")
    }

    /// True when its process has not ended.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) async fn terminate(&self) {
        self.signal("TERM").await;
    }

    /// Sends it a signal.
    pub(crate) async fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.pid());
        let killed = soon("the shell", Command::new("sh").args(["-c", &kill]).status()).await;
        assert!(killed.unwrap().success());
    }

    /// Waits until it has stopped by itself.
    pub(crate) async fn stopped(mut self) -> ExitStatus {
        soon("the server stops", self.child.wait()).await.unwrap()
    }

    /// `kill -9`, and waits until it is gone. Returns everything that it has printed.
    pub(crate) async fn kill(mut self) -> String {
        soon("the server dies", self.child.kill()).await.unwrap();
        while self.gathering.join_next().await.is_some() {}
        self.output.text()
    }
}

/// What a process prints, both streams together.
#[derive(Debug, Clone)]
struct Output(Arc<watch::Sender<String>>);

impl Default for Output {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(String::new())))
    }
}

impl Output {
    async fn gather(self, from: impl AsyncRead + Unpin) {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            self.0.send_modify(|text| {
                text.push_str(&line);
                text.push('\n');
            });
        }
    }

    fn text(&self) -> String {
        self.0.borrow().clone()
    }

    /// The address that the server says it serves on.
    async fn address(&self) -> SocketAddr {
        let mut changes = self.0.subscribe();
        let wait = changes.wait_for(|text| announced(text).is_some());
        let text = tokio::time::timeout(SOON, wait).await;
        let text = text.unwrap_or_else(|_| panic!("no address announced: {}", self.text()));
        announced(&text.expect("the output is not gone while it is waited for")).unwrap()
    }
}

fn announced(text: &str) -> Option<SocketAddr> {
    let (_, after) = text.split_once("http://127.0.0.1:")?;
    let port: String = after.chars().take_while(char::is_ascii_digit).collect();
    // The line is whole: what follows the port is there.
    (after.len() > port.len()).then(|| format!("127.0.0.1:{port}").parse().ok())?
}
