//! One Postgres server in a directory of its own.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use super::{
    ClusterOptions,
    installation::Installation,
    place::{Place, Presence},
    random,
};

/// Nothing survives a failure of the machine, and nothing has to. What a process wrote before it
/// was killed does survive.
pub(super) const SETTINGS: [(&str, &str); 7] = [
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("shared_buffers", "32MB"),
    ("max_connections", "200"),
    ("log_min_messages", "warning"),
];

/// Below what systems give to outgoing connections: nobody takes the port while the server is down
/// for a moment, not even the client that tries to reach it.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

const SUPERUSER: &str = "postgres";

#[derive(Debug)]
pub(super) struct Server {
    installation: Installation,
    directory: PathBuf,
    port: AtomicU16,
    presence: Option<Presence>,
    /// Waited for by the one user of a private cluster.
    supervisor: Option<Child>,
}

impl Server {
    /// Makes a cluster in `place` and starts it. Blocks; panics with what the programs say.
    pub(super) fn start(
        installation: Installation,
        place: Place,
        options: &ClusterOptions,
    ) -> Self {
        let Place { directory, presence, supervisor } = place;
        let (presence, supervisor) = (Some(presence), Some(supervisor));
        let port = AtomicU16::new(0);
        let server = Self { installation, directory, port, presence, supervisor };
        server.initialise();
        server
            .configure(options)
            .unwrap_or_else(|error| panic!("the test's Postgres cannot be configured: {error}"));
        server.launch_on_a_free_port();
        server
    }

    /// Leaves the end of the cluster to its supervisor.
    pub(super) fn share(mut self) -> Option<Presence> {
        self.supervisor = None;
        self.presence.take()
    }

    pub(super) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub(super) fn port(&self) -> u16 {
        self.port.load(Ordering::Relaxed)
    }

    /// The superuser's URL.
    pub(super) fn url(&self) -> String {
        url(&self.directory, self.port())
            .unwrap_or_else(|error| panic!("the password of the test's Postgres is gone: {error}"))
    }

    fn initialise(&self) {
        let password = self.directory.join("password");
        self.write(&password, format!("{:016x}{:016x}", random(), random()).as_bytes())
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", password.display()));
        let arguments = ["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=password"];
        let mut pwfile = std::ffi::OsString::from("--pwfile=");
        pwfile.push(&password);
        let user = format!("--username={SUPERUSER}");
        let output = self.run("initdb", |command| command.args(arguments).arg(user).arg(pwfile));
        assert!(output.status.success(), "initdb failed: {}", said(&output));
        self.spread_databases();
    }

    /// Lets an ext4 file system put each database where it likes. Without a journal it does not reuse
    /// a deleted file's inode for minutes, and among those of dropped databases it searches long: a
    /// database took 330 ms, and takes 35 so. Elsewhere there is no such attribute, nor the need.
    fn spread_databases(&self) {
        let mut command = self.installation.command("chattr");
        command.arg("+T").arg(self.data().join("base")).stdin(Stdio::null());
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }

    fn configure(&self, options: &ClusterOptions) -> io::Result<()> {
        let defaults = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut text = String::from("\n");
        for (name, value) in defaults.iter().chain(&options.settings) {
            // Of two lines with the same name the later counts.
            let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
        }
        let file = self.data().join("postgresql.conf");
        OpenOptions::new().append(true).open(file)?.write_all(text.as_bytes())?;
        if let Some(rules) = &options.hba {
            self.write(&self.data().join("pg_hba.conf"), rules.as_bytes())?;
        }
        for (name, content) in &options.files {
            self.write(&self.data().join(name), content)?;
        }
        Ok(())
    }

    /// Writes a file that only the server's account can read.
    fn write(&self, file: &Path, content: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(file)?.write_all(content)?;
        self.installation.give(file)
    }

    fn launch_on_a_free_port(&self) {
        const ATTEMPTS: usize = 20;
        for _ in 0..ATTEMPTS {
            self.port.store(free_port(), Ordering::Relaxed);
            match self.try_launch() {
                Ok(()) => return,
                // Somebody else took it in between.
                Err(log) if log.contains("could not bind") => {}
                Err(log) => panic!("the test's Postgres does not start: {log}"),
            }
        }
        panic!("the test's Postgres found no free port in {PORTS:?}");
    }

    /// Starts a server that was stopped or killed, on the port it had, and waits until it accepts
    /// connections. Blocks; panics with the server's log when it does not start.
    pub(super) fn launch(&self) {
        const ATTEMPTS: usize = 100;
        for _ in 0..ATTEMPTS {
            match self.try_launch() {
                Ok(()) => return,
                // The backends of a killed server need a moment to notice and leave.
                Err(log) if log.contains("pre-existing shared memory block") => pause(),
                Err(log) => panic!("the test's Postgres does not start again: {log}"),
            }
        }
        panic!("backends of the killed Postgres do not end");
    }

    /// Fails with what the server logged.
    fn try_launch(&self) -> Result<(), String> {
        let log = self.data().join("server.log");
        let _ = fs::remove_file(&log);
        let port = format!("-p {}", self.port());
        let output = self.run("pg_ctl", |command| {
            command.args(["start", "-w", "-t", "60", "-o", &port]).arg("-l").arg(&log)
        });
        if output.status.success() {
            return Ok(());
        }
        Err(format!("{}\n{}", said(&output), fs::read_to_string(&log).unwrap_or_default()))
    }

    /// Stops it at once, without a checkpoint, as a crash of Postgres would. Blocks.
    pub(super) fn stop_immediate(&self) {
        let arguments = ["stop", "-m", "immediate", "-w", "-t", "60"];
        let output = self.run("pg_ctl", |command| command.args(arguments));
        assert!(output.status.success(), "the test's Postgres does not stop: {}", said(&output));
    }

    /// Sends SIGKILL to the server's first process and waits until it is gone. Blocks.
    pub(super) fn kill(&self) {
        self.try_kill()
            .unwrap_or_else(|error| panic!("the test's Postgres cannot be killed: {error}"));
    }

    fn try_kill(&self) -> io::Result<()> {
        const ATTEMPTS: usize = 100;
        let file = self.data().join("postmaster.pid");
        let content = fs::read_to_string(&file)?;
        let Some((killed, rest)) = content.split_once('\n') else {
            return Err(io::Error::other("its process is not known"));
        };
        let mut kill = self.installation.command("/bin/sh");
        let mut kill = kill.args(["-c", r#"kill -KILL "$1""#, "kill", killed]).spawn()?;
        if !kill.wait()?.success() {
            return Err(io::Error::other("it does not run"));
        }
        let mut attempts = 0..ATTEMPTS;
        while is_listening(self.port()) {
            attempts.next().ok_or_else(|| io::Error::other("it still listens"))?;
            pause();
        }
        // In a container whose first process buries nobody the killed one seems to run for ever,
        // and Postgres would not start; the process that killed it is buried.
        fs::write(file, format!("{}\n{rest}", kill.id()))
    }

    /// Runs one of Postgres' programs on the data directory to its end.
    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command) -> &mut Command) -> Output {
        let mut command = self.installation.command(self.installation.programs.join(program));
        // While it runs the supervisor waits, even if this process is killed.
        let stdin = self.presence.as_ref().map(Presence::stdin).transpose();
        arguments(command.arg("-D").arg(self.data()));
        stdin
            .and_then(|stdin| command.stdin(stdin.unwrap_or_else(Stdio::null)).output())
            .unwrap_or_else(|error| panic!("{program} cannot be run: {error}"))
    }

    /// Lets other processes find the server; see [`published`].
    pub(super) fn publish(&self) -> io::Result<()> {
        let draft = self.directory.join("port.new");
        self.write(&draft, self.port().to_string().as_bytes())?;
        fs::rename(draft, self.directory.join("port"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.presence.take());
        if let Some(mut supervisor) = self.supervisor.take() {
            // It fails only when somebody has waited already.
            let _ = supervisor.wait();
        }
    }
}

/// The superuser's URL of the server in this directory; `None` when none was published there or
/// nobody listens at its port.
pub(super) fn published(directory: &Path) -> Option<String> {
    let port = fs::read_to_string(directory.join("port")).ok()?.parse().ok()?;
    is_listening(port).then(|| url(directory, port).ok()).flatten()
}

/// Whether somebody accepts connections at this port.
pub(super) fn is_listening(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(5)).is_ok()
}

fn url(directory: &Path, port: u16) -> io::Result<String> {
    let password = fs::read_to_string(directory.join("password"))?;
    Ok(format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres"))
}

fn free_port() -> u16 {
    let span = u64::from(PORTS.end - PORTS.start);
    loop {
        let port = u16::try_from(random() % span).map_or(PORTS.start, |it| PORTS.start + it);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&text).trim().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "a bounded wait on a thread that may block")]
fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}
