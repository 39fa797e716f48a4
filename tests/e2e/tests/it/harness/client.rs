//! A client that can do what a browser, a proxy and a broken network do.

use std::{io, net::SocketAddr, time::Duration};

use serde_json::Value;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

use super::{
    body::{Body, Framing},
    soon,
};

/// How a client goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It closes its side: FIN.
    Close,
    /// It vanishes: RST.
    Reset,
}

/// A client with a token.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    token: String,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is UTF-8")
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr, token: &str) -> Self {
        Self { address, token: token.to_owned() }
    }

    /// Sends a request and reads the head of its answer.
    pub(crate) async fn open(&self, request: &Request) -> Exchange {
        let mut exchange = self.send(request).await;
        exchange.read_head().await;
        exchange
    }

    /// Sends a request and reads nothing yet.
    pub(crate) async fn send(&self, request: &Request) -> Exchange {
        self.try_send(request).await.unwrap()
    }

    /// Sends a request to a server that may die meanwhile, and reads the head of its answer; `None`
    /// when the server is dead before that.
    pub(crate) async fn attempt(&self, request: &Request) -> Option<Exchange> {
        let mut exchange = self.try_send(request).await.ok()?;
        exchange.try_read_head().await.then_some(exchange)
    }

    async fn try_send(&self, request: &Request) -> io::Result<Exchange> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = request.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        let mut socket = soon("the server accepts", socket.connect(self.address)).await?;
        socket.set_nodelay(true)?;
        let body = request.body.as_ref().map(Value::to_string).unwrap_or_default();
        let key = request.key.as_ref().map(|key| format!("Idempotency-Key: {key}\r\n"));
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nAccept: {}\r\n{}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            request.method,
            request.path,
            self.address,
            self.token,
            request.accept,
            key.unwrap_or_default(),
            body.len()
        );
        socket.write_all(format!("{head}{body}").as_bytes()).await?;
        Ok(Exchange {
            socket,
            head: String::new(),
            unread: Vec::new(),
            framing: None,
            body: Body::default(),
        })
    }

    /// Sends a request and reads all of its answer.
    pub(crate) async fn whole(&self, request: &Request) -> Answer {
        self.open(request).await.answer().await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.whole(&Request::new("GET", path)).await
    }

    /// Gets what must be there.
    pub(crate) async fn found(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.json()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.whole(&Request::post(path, body)).await
    }

    /// Posts what must be accepted.
    pub(crate) async fn posted(&self, path: &str, body: Value) -> Value {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status, 200, "POST {path}: {}", answer.text());
        answer.json()
    }

    /// A new conversation's id.
    pub(crate) async fn conversation(&self) -> String {
        let created = self.posted("/v1/conversations", serde_json::json!({})).await;
        created["id"].as_str().unwrap().to_owned()
    }

    /// Role and text of each item of a conversation, oldest first.
    pub(crate) async fn items(&self, conversation: &str) -> Vec<(String, String)> {
        let path = format!("/v1/conversations/{conversation}/items?order=asc&limit=100");
        let list = self.found(&path).await;
        let items = list["data"].as_array().unwrap().iter();
        items
            .map(|item| {
                let text = item["content"][0]["text"].as_str().unwrap_or_default();
                (item["role"].as_str().unwrap_or_default().to_owned(), text.to_owned())
            })
            .collect()
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) accept: &'static str,
    pub(crate) body: Option<Value>,
    /// The name by which it is known when it comes again.
    pub(crate) key: Option<String>,
    /// Room for received bytes in the kernel, for a client that does not read.
    pub(crate) receive_buffer: Option<u32>,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        let path = path.into();
        Self { method, path, accept: "*/*", body: None, key: None, receive_buffer: None }
    }

    pub(crate) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { body: Some(body), ..Self::new("POST", path) }
    }

    pub(crate) fn accepting(self, accept: &'static str) -> Self {
        Self { accept, ..self }
    }

    pub(crate) fn once(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }
}

/// A request under way, and its answer piece by piece.
#[derive(Debug)]
pub(crate) struct Exchange {
    socket: TcpStream,
    head: String,
    unread: Vec<u8>,
    framing: Option<Framing>,
    body: Body,
}

impl Exchange {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).next()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.bytes().to_vec()).expect("pieces end between characters")
    }

    /// The body so far, a slice for each chunk that has come whole.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.body.chunks()
    }

    /// The body so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.body.bytes()
    }

    /// True when the whole body has come.
    pub(crate) fn is_whole(&self) -> bool {
        self.framing.as_ref().expect("the head was read").is_whole()
    }

    /// Reads what comes next of the body; false when nothing more will come.
    pub(crate) async fn more(&mut self) -> bool {
        if self.is_whole() || self.read().await == 0 {
            return false;
        }
        self.decode();
        true
    }

    pub(crate) async fn read_head(&mut self) {
        assert!(self.try_read_head().await, "the server closed before its answer's head");
    }

    /// False when the server closes before the head is whole.
    async fn try_read_head(&mut self) -> bool {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at;
            }
            if self.read().await == 0 {
                return false;
            }
        };
        self.head = String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
        let length = self.header("content-length").map(|length| length.parse().unwrap());
        self.framing = Some(length.map_or(Framing::BetweenChunks, Framing::Length));
        self.decode();
        true
    }

    /// Reads until the body so far contains `text`.
    pub(crate) async fn read_until(&mut self, text: &str) {
        while !self.text().contains(text) {
            let read = self.read().await;
            assert!(read > 0, "the body ended without {text:?}: {:?}", self.text());
            self.decode();
        }
    }

    /// Reads to the end of the body and returns true when that was whole.
    pub(crate) async fn read_to_end(&mut self) -> bool {
        while self.more().await {}
        self.is_whole()
    }

    /// Reads to the end of the body, whether that is whole or not.
    pub(crate) async fn answer(mut self) -> Answer {
        self.read_to_end().await;
        Answer { status: self.status(), body: self.body.bytes().to_vec() }
    }

    /// The id in the first event of a stream of `/v1/responses`.
    pub(crate) fn response_id(&self) -> String {
        let text = self.text();
        let (_, after) = text.split_once("\"id\":\"resp_").expect("a response in the first event");
        format!("resp_{}", after.split('"').next().unwrap())
    }

    /// Goes away. What was not read yet is still to be had after a close, as from any socket.
    pub(crate) async fn leave(mut self, how: Leave) -> Gone {
        match how {
            // Where the server was faster there is nothing to close.
            Leave::Close => drop(self.socket.shutdown().await),
            Leave::Reset => {
                SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).unwrap();
                return Gone { _socket: None };
            }
        }
        Gone { _socket: Some(self.socket) }
    }

    async fn read(&mut self) -> usize {
        let read = soon("the server sends something", self.socket.read_buf(&mut self.unread)).await;
        // A connection that the server resets ends like one that it closes: not whole.
        read.unwrap_or(0)
    }

    fn decode(&mut self) {
        let framing = self.framing.as_mut().expect("the head was read");
        framing.decode(&mut self.unread, &mut self.body);
    }
}

/// A client that has gone. Holds on to a closed socket: to let go of it while there is something
/// unread would reset the connection.
#[derive(Debug)]
pub(crate) struct Gone {
    _socket: Option<TcpStream>,
}
