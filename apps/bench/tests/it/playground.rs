//! A mock on a free port, a client that speaks to it byte by byte, and the load generator.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

const BENCH: &str = env!("CARGO_BIN_EXE_loquat-bench");

/// Nothing here takes a second; on a busy machine it may.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running mock, which ends with its test.
pub(crate) struct Mock {
    process: Child,
    address: String,
}

impl Mock {
    pub(crate) fn start() -> Self {
        let mut process = Command::new(BENCH)
            .args(["mock", "--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("mock provider at http://").expect("its address");
        let address = url.strip_suffix("/v1").unwrap().to_owned();
        Self { process, address }
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn connect(&self) -> Client {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { reader: BufReader::new(stream) }
    }

    pub(crate) fn record(&self) -> Value {
        let mut client = self.connect();
        client.send("GET /record HTTP/1.1\r\nhost: mock\r\n\r\n");
        client.answer().json()
    }

    /// Asks for the record until it is as wanted.
    pub(crate) fn record_when(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let record = self.record();
            if wanted(&record) {
                return record;
            }
            assert!(Instant::now() < deadline, "the record stays {record}");
        }
    }

    /// Runs the load generator with the chunks of `/v1/chat/completions` and returns its report.
    pub(crate) fn load(&self, arguments: &[&str]) -> Value {
        load(&self.address, &[&["--format", "completions"], arguments].concat())
    }
}

/// Runs the load generator without a warm-up and returns its report.
pub(crate) fn load(address: &str, arguments: &[&str]) -> Value {
    let output = Command::new(BENCH)
        .args(["load", "--url", &format!("http://{address}"), "--warmup", "0s", "--json", "-"])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "the load generator ended with {}", output.status);
    serde_json::from_slice(&output.stdout).expect("nothing but JSON on stdout")
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A client that sends and reads what it is told.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

/// An answer with a body of known length.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("an answer in JSON")
    }
}

/// The request for an answer of a model.
pub(crate) fn chat(model: &str, stream: bool) -> String {
    let body = json!({
        "model": model,
        "stream": stream,
        "messages": [{"role": "user", "content": format!("this is {model}")}],
    })
    .to_string();
    let length = body.len();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

impl Client {
    pub(crate) fn send(&mut self, bytes: &str) {
        self.reader.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    /// The next line without its end, or `None` at the end of the connection.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.reader.read_line(&mut line).unwrap();
        (count > 0).then(|| line.trim_end().to_owned())
    }

    pub(crate) fn head(&mut self) -> (u16, String) {
        let mut head = String::new();
        while let Some(line) = self.line().filter(|line| !line.is_empty()) {
            head.push_str(&line.to_ascii_lowercase());
            head.push('\n');
        }
        let status = head.split(' ').nth(1).expect("a status").parse().unwrap();
        (status, head)
    }

    pub(crate) fn answer(&mut self) -> Answer {
        let (status, head) = self.head();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.expect("a length").parse().unwrap()];
        self.reader.read_exact(&mut body).unwrap();
        Answer { status, head, body }
    }

    /// All that comes until the connection ends.
    pub(crate) fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// The next event of a stream, or `None` when the stream is over.
    pub(crate) fn event(&mut self) -> Option<String> {
        loop {
            let line = self.line()?;
            if line == "0" {
                assert_eq!(self.line().as_deref(), Some(""), "the last chunk is empty");
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(data.to_owned());
            }
        }
    }

    /// Reads so many tokens of a stream.
    pub(crate) fn read_tokens(&mut self, tokens: usize) {
        let mut seen = 0;
        while seen < tokens {
            let event: Value = serde_json::from_str(&self.event().expect("an event")).unwrap();
            let text = event["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
            seen += text.matches(' ').count();
        }
    }
}
