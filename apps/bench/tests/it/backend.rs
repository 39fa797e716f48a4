//! A backend that stores nothing, answers everything with three tokens, and keeps what it was sent.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

/// The text of every answer.
const TEXT: &str = "one two three ";

/// What the backend was sent.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) target: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Value,
}

/// The backend. Its thread ends with the test's process.
pub(crate) struct Backend {
    pub(crate) address: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Backend {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let log = Arc::clone(&log);
                thread::spawn(move || serve(stream.unwrap(), &log));
            }
        });
        Self { address, received }
    }

    /// All requests whose target is this one.
    pub(crate) fn received(&self, target: &str) -> Vec<Received> {
        let received = self.received.lock().unwrap();
        received.iter().filter(|request| request.target == target).cloned().collect()
    }
}

/// Serves a connection until its client leaves, or until a stream has ended: then it closes the
/// connection without having said so, as a server does whose keep-alive has run out.
fn serve(stream: TcpStream, log: &Mutex<Vec<Received>>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let streams = request.body["stream"] == true || request.target == "/chat/stream";
        let answer = if streams { stream_of(&request) } else { object_for(&request) };
        log.lock().unwrap().push(request);
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
        if streams {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|count| *count > 0)?;
    let (mut length, mut token) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("authorization", value)) => token = Some(value.to_owned()),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let target = first.split(' ').nth(1).unwrap().to_owned();
    Some(Received { target, token, body: serde_json::from_slice(&body).unwrap() })
}

fn object_for(request: &Received) -> String {
    let object = match request.target.as_str() {
        "/v1/conversations" => json!({"id": "conv_7"}),
        "/v1/responses" => {
            let before = request.body["previous_response_id"].as_str().unwrap_or("resp");
            json!({"id": format!("{before}_1")})
        }
        _ => json!({"object": "list"}),
    }
    .to_string();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{object}", object.len())
}

fn stream_of(request: &Received) -> String {
    let body = if request.target == "/chat/stream" { TEXT.to_owned() } else { responses() };
    format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    )
}

fn responses() -> String {
    let mut events =
        vec![json!({"type": "response.created", "sequence_number": 0, "response": {}})];
    for token in TEXT.split_inclusive(' ') {
        let number = events.len();
        let kind = "response.output_text.delta";
        events.push(json!({"type": kind, "sequence_number": number, "delta": token}));
    }
    let response = json!({"status": "completed"});
    let number = events.len();
    let last = "response.completed";
    events.push(json!({"type": last, "sequence_number": number, "response": response}));
    let mut body = String::new();
    for event in events {
        let name = event["type"].as_str().unwrap();
        body.push_str(&["event: ", name, "\ndata: ", &event.to_string(), "\n\n"].concat());
    }
    body + "data: [DONE]\n\n"
}
