//! The processes that a scenario needs: the mock, the server, the load generator.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tempfile::{NamedTempFile, TempDir};
use tokio::runtime::Runtime;

use super::{
    postgres::{Database, Policies, Postgres},
    scenarios::Model,
};
use crate::{
    load::{Connection, Report, Target},
    mock::Record,
};

/// How long the server may take to be ready, with an empty database.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long the model's side may take to see that the last client has gone. Far above what is
/// wanted of the server, so that a slow one is measured and not cut off.
const SETTLED_WITHIN: Duration = Duration::from_secs(5);

/// How often something that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the shell may hold that would change the server's configuration.
const FOREIGN_SETTINGS: [&str; 3] = ["LOQUAT_DATABASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"];

/// The cores to which things are pinned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cores {
    pub(super) server: u32,
    pub(super) load: u32,
}

/// The mock, and all that is needed to start the rest.
pub(super) struct Bench {
    runtime: Runtime,
    directory: TempDir,
    server: PathBuf,
    own: PathBuf,
    postgres: Option<Postgres>,
    cores: Option<Cores>,
    /// The end of each server's configuration.
    append: String,
    mock_url: String,
    mock: Target,
    _mock_process: Process,
}

/// A process that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Who loads a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tenant {
    Measured,
    Neighbour,
}

impl Tenant {
    const ALL: [Self; 2] = [Self::Measured, Self::Neighbour];

    const fn name(self) -> &'static str {
        match self {
            Self::Measured => "bench",
            Self::Neighbour => "neighbour",
        }
    }
}

/// A load generator at work, which ends with its owner.
pub(super) struct Load {
    process: Process,
    report: NamedTempFile,
}

impl Load {
    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// When it ends without a report.
    pub(super) fn report(mut self) -> anyhow::Result<Report> {
        let status = self.process.0.wait()?;
        if !status.success() {
            bail!("the load generator ended with {status}");
        }
        serde_json::from_reader(self.report).context("the load generator's report cannot be read")
    }
}

/// A running server with an empty database of its own.
pub(super) struct Server {
    process: Process,
    database: Option<Database>,
    url: String,
    directory: TempDir,
}

impl Bench {
    /// Starts the mock.
    ///
    /// # Errors
    ///
    /// When it does not start, or there is no such server binary.
    pub(super) fn new(
        server: &Path,
        work_dir: Option<&Path>,
        postgres: Option<(&str, Policies)>,
        cores: Option<Cores>,
        append: String,
    ) -> anyhow::Result<Self> {
        let server = fs::canonicalize(server)
            .with_context(|| format!("there is no server binary {}", server.display()))?;
        let own = std::env::current_exe().context("cannot find our own binary")?;
        let directory = match work_dir {
            Some(parent) => tempfile::tempdir_in(parent),
            None => tempfile::tempdir(),
        }
        .context("cannot make a directory to work in")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let postgres =
            postgres.map(|(url, policies)| Postgres::new(&runtime, url, policies)).transpose()?;
        let mut command = pinned(&own, cores.map(|cores| cores.load));
        let mut process = Process(
            command
                .args(["mock", "--port=0"])
                .stdout(Stdio::piped())
                .spawn()
                .context("the mock does not start; without taskset, use --no-pin")?,
        );
        let mut line = String::new();
        let output = process.0.stdout.as_mut().context("the mock has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let mock_url = line
            .trim_end()
            .strip_prefix("mock provider at ")
            .and_then(|url| url.strip_suffix("/v1"))
            .with_context(|| format!("the mock said `{}`", line.trim_end()))?
            .to_owned();
        let mock = runtime.block_on(Target::resolve(&mock_url, None))?;
        Ok(Self {
            runtime,
            directory,
            server,
            own,
            postgres,
            cores,
            append,
            mock_url,
            mock,
            _mock_process: process,
        })
    }

    /// Starts a server that knows `models`, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it is not ready in time, with the end of what it logged.
    pub(super) fn start_server(&self, models: &[Model], settings: &str) -> anyhow::Result<Server> {
        let directory = tempfile::tempdir_in(self.directory.path())?;
        let at = directory.path();
        fs::write(at.join("loquat.toml"), self.configuration(models, settings)?)?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let log = at.join("server.log");
        let output = File::create(&log)?;

        let mut command = pinned(&self.server, self.cores.map(|cores| cores.server));
        environment(&mut command, at, &address);
        let database = self.postgres.as_ref().map(|it| it.database(&self.runtime, &self.server));
        let database = database.transpose()?;
        if let Some(database) = &database {
            command.env("LOQUAT_DATABASE_URL", &database.url);
        }
        command.stdout(output.try_clone()?).stderr(output).stdin(Stdio::null());
        let mut process = Process(command.spawn().context("the server does not start")?);
        let url = format!("http://{address}");
        self.wait_until_ready(&mut process, &url)
            .with_context(|| format!("the server logged: {}", last_lines(&log)))?;

        for tenant in Tenant::ALL {
            fs::write(token_file(at, tenant), self.token(at, &address, tenant)?)?;
        }
        Ok(Server { process, database, url, directory })
    }

    /// Ends a server and takes its database away.
    ///
    /// # Errors
    ///
    /// When Postgres cannot be reached.
    pub(super) fn end(&self, server: Server) -> anyhow::Result<()> {
        let Server { process, database, .. } = server;
        drop(process);
        match (&self.postgres, database) {
            (Some(postgres), Some(database)) => postgres.drop_database(&self.runtime, &database),
            _ => Ok(()),
        }
    }

    fn configuration(&self, models: &[Model], settings: &str) -> anyhow::Result<String> {
        let mut text = String::new();
        let base_url = format!("{}/v1", self.mock_url);
        // With two models and none of them the default, a server may take one of its own.
        if let Some(Model { name, .. }) = models.last() {
            writeln!(text, "default_model = \"{name}\"\n")?;
        }
        writeln!(text, "[providers.mock]\nkind = \"openai\"\nbase_url = \"{base_url}\"")?;
        for Model { name, upstream, context_window, max_output_tokens } in models {
            writeln!(
                text,
                "\n[models.{name}]\nprovider = \"mock\"\nupstream = \"{upstream}\"\n\
                 context_window = {context_window}\nmax_output_tokens = {max_output_tokens}"
            )?;
        }
        writeln!(text, "\n{settings}\n{}", self.append)?;
        Ok(text)
    }

    fn wait_until_ready(&self, process: &mut Process, url: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        self.runtime.block_on(async {
            let target = Target::resolve(url, None).await?;
            loop {
                if let Some(status) = process.0.try_wait()? {
                    bail!("it ended with {status}");
                }
                let ready = async {
                    let mut connection = Connection::open(&target).await?;
                    let request = target.request("GET", "/readyz", "*/*", "");
                    let (status, _) = connection.send(&request).await?;
                    anyhow::ensure!(status == 200, "/readyz is answered {status}");
                    Ok(())
                };
                match ready.await {
                    Ok(()) => return Ok(()),
                    Err(error) if Instant::now() > deadline => {
                        return Err(error.context("it was not ready in time"));
                    }
                    Err(_) => tokio::time::sleep(LOOK_EVERY).await,
                }
            }
        })
    }

    fn token(&self, at: &Path, address: &str, tenant: Tenant) -> anyhow::Result<Vec<u8>> {
        let mut command = Command::new(&self.server);
        environment(&mut command, at, address);
        let output = command
            .args(["token", "--tenant", tenant.name(), "--user", "u1", "--ttl", "1h"])
            .output()
            .context("cannot run the server's `token` command")?;
        if !output.status.success() {
            bail!("no token: {}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(output.stdout)
    }

    /// Starts the load generator against the server.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub(super) fn load_server(
        &self,
        server: &Server,
        tenant: Tenant,
        arguments: &[&str],
    ) -> anyhow::Result<Load> {
        let mut command = self.load(&server.url);
        command.arg("--token-file").arg(token_file(server.directory.path(), tenant));
        // taskset becomes the server by `exec`, so its id is the server's.
        command.arg("--pid").arg(server.process.0.id().to_string());
        self.start(command, arguments)
    }

    /// Starts the load generator against the mock, with nothing between.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub(super) fn load_mock(&self, arguments: &[&str]) -> anyhow::Result<Load> {
        let mut command = self.load(&self.mock_url);
        command.arg("--format=completions");
        self.start(command, arguments)
    }

    fn load(&self, url: &str) -> Command {
        let mut command = pinned(&self.own, self.cores.map(|cores| cores.load));
        command.args(["load", "--url", url]);
        command
    }

    fn start(&self, mut command: Command, arguments: &[&str]) -> anyhow::Result<Load> {
        let report = NamedTempFile::new_in(self.directory.path())?;
        command.args(arguments).arg("--json").arg(report.path()).stdout(Stdio::null());
        let process = Process(command.spawn().context("the load generator does not start")?);
        Ok(Load { process, report })
    }

    /// Forgets what the mock remembers.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub(super) fn reset_record(&self) -> anyhow::Result<()> {
        self.ask_mock("POST", "/record/reset").map(|_| ())
    }

    /// What the mock remembers, once every request has ended or will not any more.
    ///
    /// # Errors
    ///
    /// When it does not answer.
    pub(super) fn settled_record(&self) -> anyhow::Result<Record> {
        let deadline = Instant::now() + SETTLED_WITHIN;
        loop {
            let record: Record = serde_json::from_value(self.ask_mock("GET", "/record")?)?;
            let ended = record.completed + record.cancelled + record.faulted;
            if ended == record.started || Instant::now() > deadline {
                return Ok(record);
            }
            self.runtime.block_on(async { tokio::time::sleep(LOOK_EVERY).await });
        }
    }

    fn ask_mock(&self, method: &str, path: &str) -> anyhow::Result<serde_json::Value> {
        self.runtime.block_on(async {
            let mut connection = Connection::open(&self.mock).await?;
            connection.call(&self.mock, method, path, "").await
        })
    }
}

/// Where a server's directory has a tenant's token.
fn token_file(directory: &Path, tenant: Tenant) -> PathBuf {
    directory.join(format!("token-of-{}", tenant.name()))
}

/// The server's surroundings: one worker, one thread, and nothing of the shell's.
fn environment(command: &mut Command, directory: &Path, address: &str) {
    for name in FOREIGN_SETTINGS {
        command.env_remove(name);
    }
    command
        .current_dir(directory)
        .env("LOQUAT_CONFIG", directory.join("loquat.toml"))
        .env("LOQUAT_DATA_DIR", directory.join("data"))
        .env("LOQUAT_LISTEN", address)
        .env("LOQUAT_HTTP_WORKERS", "1")
        .env("LOQUAT_RUNTIME_THREADS", "1")
        // As docs/performance.md advises: glibc's arenas are of use on many cores only.
        .env("MALLOC_ARENA_MAX", "2")
        .env("LOQUAT_LOG", "warn");
}

fn pinned(program: &Path, core: Option<u32>) -> Command {
    match core {
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["-c", &core.to_string()]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

fn last_lines(path: &Path) -> String {
    const SHOWN: usize = 10;
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(SHOWN)..).unwrap_or_default().join("\n")
}
