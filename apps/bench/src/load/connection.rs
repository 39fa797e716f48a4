//! A client's connection.

use anyhow::{Context as _, bail};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::Target;
use crate::http1::{Body, Buffer, Head, Piece};

/// How much of an error's body is shown.
const SHOWN_BYTES: usize = 300;

/// An open connection, used for one request after the other.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Buffer,
    /// An answer was read to its end, so that the server may have closed it since.
    reused: bool,
    /// Something of the running answer has come.
    answered: bool,
    /// The server will close it after the running answer.
    closing: bool,
}

/// The server closed the connection before anything of an answer came. On a connection that was
/// used before, that is no fault of anybody's: the request can be sent again on another.
#[derive(Debug, thiserror::Error)]
#[error("the connection was closed before the answer")]
pub(crate) struct Unanswered;

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub(crate) async fn open(target: &Target) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(target.address()).await.context("cannot connect")?;
        stream.set_nodelay(true).context("cannot set up the socket")?;
        let buffer = Buffer::default();
        Ok(Self { stream, buffer, reused: false, answered: false, closing: false })
    }

    /// True when a request may be sent on it that was not the first.
    pub(crate) fn is_reused(&self) -> bool {
        self.reused
    }

    /// True when another request may follow the answer that has ended.
    pub(crate) fn is_reusable(&self) -> bool {
        self.reused && !self.closing
    }

    /// Sends a request and reads the head of its answer: the status, and how to read the body.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] when nothing came back; otherwise what is wrong with what came.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<(u16, Body)> {
        self.answered = false;
        if self.stream.write_all(request).await.is_err() {
            bail!(Unanswered);
        }
        loop {
            let head = self.head().await?;
            let status = head.status()?;
            if status >= 200 {
                self.closing = head.close;
                return Ok((status, head.answer_body(status)));
            }
        }
    }

    async fn head(&mut self) -> anyhow::Result<Head> {
        loop {
            if let Some((head, used)) = Head::parse(self.buffer.unread())? {
                self.buffer.consume(used);
                return Ok(head);
            }
            match self.buffer.fill(&mut self.stream).await {
                Ok(1..) => self.answered = true,
                Ok(_) | Err(_) if !self.answered => bail!(Unanswered),
                Ok(_) => bail!("the connection was closed in the answer's head"),
                Err(error) => bail!(error),
            }
        }
    }

    /// Hands `sink` what has come of the body, reading at most once, and tells whether it is whole.
    ///
    /// # Errors
    ///
    /// When the connection breaks or ends in the middle of the body.
    pub(crate) async fn read(
        &mut self,
        body: &mut Body,
        sink: impl FnMut(&[u8]),
    ) -> anyhow::Result<bool> {
        let mut sink = sink;
        loop {
            let (delivered, ended) = self.drain(body, &mut sink)?;
            if ended {
                self.reused = true;
            }
            if delivered || ended {
                return Ok(ended);
            }
            if self.buffer.fill(&mut self.stream).await? == 0 {
                if body.ends_with_connection() {
                    self.closing = true;
                    return Ok(true);
                }
                bail!("the connection was closed in the middle of the answer");
            }
        }
    }

    fn drain(
        &mut self,
        body: &mut Body,
        sink: &mut impl FnMut(&[u8]),
    ) -> anyhow::Result<(bool, bool)> {
        let mut input = self.buffer.unread();
        let before = input.len();
        let mut delivered = false;
        let ended = loop {
            match body.next(&mut input)? {
                Piece::Data(data) => {
                    sink(data);
                    delivered = true;
                }
                Piece::More => break false,
                Piece::End => break true,
            }
        };
        let used = before - input.len();
        self.buffer.consume(used);
        Ok((delivered, ended))
    }

    /// Reads the whole body as text.
    ///
    /// # Errors
    ///
    /// As [`Connection::read`].
    pub(crate) async fn text(&mut self, mut body: Body) -> anyhow::Result<String> {
        let mut bytes = Vec::new();
        while !self.read(&mut body, |data| bytes.extend_from_slice(data)).await? {}
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// One request whose answer is an object.
    ///
    /// # Errors
    ///
    /// When the status is not a success, with the beginning of the answer; or as the other methods.
    pub(crate) async fn call(
        &mut self,
        target: &Target,
        method: &str,
        path: &str,
        body: &str,
    ) -> anyhow::Result<serde_json::Value> {
        let request = target.request(method, path, "application/json", body);
        let (status, framing) =
            self.send(&request).await.with_context(|| format!("{method} {path}"))?;
        let text = self.text(framing).await.with_context(|| format!("{method} {path}"))?;
        if !(200..300).contains(&status) {
            bail!("{method} {path} was answered {status}: {}", beginning(&text));
        }
        if text.is_empty() {
            return Ok(serde_json::Value::Null);
        }
        serde_json::from_str(&text)
            .with_context(|| format!("{method} {path} gave no JSON: {}", beginning(&text)))
    }
}

/// As much of a text as is worth showing, on one line.
pub(crate) fn beginning(text: &str) -> String {
    text.chars().take(SHOWN_BYTES).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
