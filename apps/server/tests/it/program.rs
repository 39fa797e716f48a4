//! The program in a directory of its own, with nothing in its environment but what a test says.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Longer than anything takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// The last line of what the program prints at start begins with this.
const LAST_LINE: &str = "Models:";

/// A directory to run in, and an environment.
pub(crate) struct Home {
    directory: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// What a run came to.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    /// What a newcomer has; only the port is any that is free.
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap(), variables: Vec::new() }
            .with("LOQUAT_LISTEN", "127.0.0.1:0")
    }

    pub(crate) fn with(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.variables.retain(|(name, _)| *name != variable);
        self.variables.push((variable, value.into()));
        self
    }

    pub(crate) fn without(mut self, variable: &str) -> Self {
        self.variables.retain(|(name, _)| *name != variable);
        self
    }

    /// With this `loquat.toml`.
    pub(crate) fn with_file(self, text: &str) -> Self {
        fs::write(self.path("loquat.toml"), text).unwrap();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loquat"));
        command
            .args(args)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        let output = self.command(args).output().unwrap();
        Done {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What `loquat token` prints.
    pub(crate) fn token(&self, args: &[&str]) -> String {
        let done = self.run(&[&["token"], args].concat());
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done.stdout.trim_end().to_owned()
    }

    /// Starts the server and waits until it says where it is.
    pub(crate) fn serve(&self) -> Server {
        let mut child = self.command(&[]).spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        let mut banner = String::new();
        let until = Instant::now() + SOON;
        while !banner.lines().any(|line| line.starts_with(LAST_LINE)) {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = stdout.recv_timeout(left) else {
                child.kill().ok();
                panic!("it did not start: {banner}{}", stderr.iter().collect::<String>());
            };
            banner.push_str(&line);
        }
        Server { child, banner, stdout, stderr }
    }
}

/// The lines of a stream as they come, each with its end.
fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A running server; it is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// What it said first.
    pub(crate) banner: String,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Server {
    /// The rest of a line of the banner, after its title.
    pub(crate) fn told(&self, title: &str) -> &str {
        let line = self.banner.lines().find_map(|line| line.strip_prefix(title));
        line.unwrap_or_else(|| panic!("no {title}: {}", self.banner)).trim()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let (_, url) = self.banner.split_once("http://").unwrap();
        url.lines().next().unwrap().parse().unwrap()
    }

    /// The command that it tells newcomers to paste.
    pub(crate) fn pasted(&self) -> String {
        let from = self.banner.find("curl").unwrap();
        let rest = self.banner.get(from..).unwrap();
        rest.split("\n\n").next().unwrap().to_owned()
    }

    /// The development token.
    pub(crate) fn token(&self) -> String {
        let pasted = self.pasted();
        let (_, rest) = pasted.split_once("Bearer ").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Sends a signal again and again until it ends. Returns what [`Server::ended`] does.
    pub(crate) fn ended_by(mut self, name: &str) -> (ExitStatus, String) {
        let until = Instant::now() + SOON;
        while self.child.try_wait().unwrap().is_none() && Instant::now() < until {
            self.signal(name);
        }
        self.ended()
    }

    /// Waits for its end. Returns how it ended, and everything that it said but for the banner.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        // Its streams end when it does.
        let until = Instant::now() + SOON;
        let mut said = String::new();
        for stream in [&self.stdout, &self.stderr] {
            while let Ok(line) =
                stream.recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                said.push_str(&line);
            }
        }
        assert!(Instant::now() < until, "it did not end: {said}");
        (self.child.wait().unwrap(), said)
    }

    /// Asks it to end and waits for that. Returns what it said but for the banner.
    pub(crate) fn stopped(self) -> String {
        self.signal("TERM");
        let (status, said) = self.ended();
        assert_eq!(status.code(), Some(0), "{said}");
        said
    }

    /// Sends a request and reads nothing yet.
    pub(crate) fn send(&self, request: &Request<'_>) -> TcpStream {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(request.text().as_bytes()).unwrap();
        stream
    }

    /// Sends a request and reads the answer to its end.
    pub(crate) fn answer(&self, request: &Request<'_>) -> Answer {
        let mut text = String::new();
        self.send(request).read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).expect("a status").parse().unwrap();
        Answer { status, body: body.to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// One request, after which the connection is closed.
pub(crate) struct Request<'a> {
    pub(crate) line: &'a str,
    pub(crate) token: &'a str,
    pub(crate) accept: &'a str,
    pub(crate) body: &'a str,
}

impl<'a> Request<'a> {
    pub(crate) const fn get(line: &'a str, token: &'a str) -> Self {
        Self { line, token, accept: "*/*", body: "" }
    }

    pub(crate) const fn post(line: &'a str, token: &'a str, body: &'a str) -> Self {
        Self { line, token, accept: "*/*", body }
    }

    fn text(&self) -> String {
        let Self { line, token, accept, body } = self;
        format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Accept: {accept}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        )
    }
}

/// A whole answer; the body is in the framing in which it came.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Reads until a piece of text has come.
pub(crate) fn read_until(stream: &mut TcpStream, text: &str) {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(text.as_bytes()) {
        let bytes = stream.read(&mut byte).unwrap();
        assert!(bytes > 0, "it ended before {text:?}: {}", String::from_utf8_lossy(&read));
        read.extend(byte);
    }
}

/// A port that somebody else listens on, and its address.
pub(crate) fn taken_port() -> (TcpListener, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap().to_string();
    (port, address)
}

/// The mode of a file, without its type.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
