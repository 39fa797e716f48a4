//! Tests that run themselves in a process of their own, as cargo-nextest would, and kill it.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _},
    net::{Ipv4Addr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

const ROLE: &str = "LOQUAT_TESTKIT_ROLE";
const GIVEN: &str = "LOQUAT_TEST_POSTGRES_URL";

/// Which part this process plays; `None` in the test itself.
#[expect(clippy::disallowed_methods, reason = "how a test tells its process what it is")]
pub(super) fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// Tells the test something.
#[expect(clippy::print_stdout, reason = "this is how the processes of a test talk")]
pub(super) fn tell(text: &str) {
    // The harness may have begun the line.
    println!("\n@{text}");
}

/// A server, by what its data directory says of it.
pub(super) struct Server {
    process: String,
    port: u16,
}

impl Server {
    pub(super) fn of(data: impl AsRef<Path>) -> Self {
        // PostgreSQL's documentation, "Database File Layout": the process, …, the port.
        let file = fs::read_to_string(data.as_ref().join("postmaster.pid")).unwrap();
        let mut lines = file.lines();
        let process = lines.next().unwrap().to_owned();
        Self { process, port: lines.nth(2).unwrap().parse().unwrap() }
    }

    pub(super) fn is_listening(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }

    pub(super) fn kill(&self) {
        kill(&self.process);
    }
}

/// A process that plays a part of a test; killed when dropped.
pub(super) struct Actor {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Actor {
    /// Runs the test of this name, below `postgres`, in `role`, with its own temporary folder or a
    /// given server if there is one.
    pub(super) fn start(
        test: &str,
        role: &str,
        stage: Option<&Stage>,
        given: Option<&str>,
    ) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "--nocapture", &format!("postgres::{test}")]).env(ROLE, role);
        if let Some(stage) = stage {
            command.env_remove(GIVEN).env("TMPDIR", &stage.0);
        }
        if let Some(url) = given {
            command.env(GIVEN, url);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// The next thing that it tells.
    pub(super) fn hear(&mut self) -> String {
        let mut lines = self.output.by_ref().lines().map(Result::unwrap);
        lines.find_map(|line| line.strip_prefix('@').map(str::to_owned)).unwrap()
    }

    /// Waits until it has ended by itself, and well.
    pub(super) fn finish(mut self) {
        assert!(self.child.wait().unwrap().success());
    }

    /// Kills it with SIGKILL.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A temporary folder of a test's own, so that its processes have a cluster of their own.
pub(super) struct Stage(PathBuf);

impl Stage {
    pub(super) fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("loquat-testkit-{name}-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        Self(folder)
    }

    pub(super) fn is_empty(&self) -> bool {
        fs::read_dir(&self.0).unwrap().next().is_none()
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Not for want of a supervisor, but it would take its time.
        let clusters = fs::read_dir(&self.0).into_iter().flatten().flatten();
        for cluster in clusters.map(|it| it.path()) {
            for file in ["supervisor", "data/postmaster.pid"] {
                let content = fs::read_to_string(cluster.join(file)).unwrap_or_default();
                // It may have ended already.
                content.lines().next().map(try_kill);
            }
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Sends SIGKILL to a process.
pub(super) fn kill(process: &str) {
    assert!(try_kill(process));
}

fn try_kill(process: &str) -> bool {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"kill -KILL "$1""#, "kill", process]).stderr(Stdio::null());
    command.status().unwrap().success()
}

/// Whether it becomes true within the time that a supervisor may need, its grace included.
pub(super) async fn soon(is_true: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_true() {
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}
