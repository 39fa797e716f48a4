//! Requests as they come off the socket.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use crate::http1::{Buffer, Head, Piece};

/// Larger bodies are refused. A prompt that fills the largest window of today is some MB.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;

/// How much of the last message's text the record keeps, so that a client finds itself again.
const TAG_CHARS: usize = 64;

/// A request with its body.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    pub(crate) close: bool,
}

/// Why no request came.
pub(crate) enum NoRequest {
    /// The client left between two requests, or within one.
    Gone,
    /// What it sent cannot be answered otherwise than with this status and sentence.
    Refused(u16, String),
}

impl Request {
    /// Reads the next request. What comes after it stays in `buffer`.
    ///
    /// # Errors
    ///
    /// [`NoRequest`] when there is none.
    pub(crate) async fn read<R, W>(
        reader: &mut R,
        writer: &mut W,
        buffer: &mut Buffer,
    ) -> Result<Self, NoRequest>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let (head, used) = loop {
            let parsed = Head::parse(buffer.unread());
            if let Some(found) = parsed.map_err(|e| NoRequest::Refused(400, e.to_string()))? {
                break found;
            }
            more(reader, buffer).await?;
        };
        buffer.consume(used);
        if head.expects_continue {
            let go_on = writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
            go_on.map_err(|_| NoRequest::Gone)?;
        }
        let body = read_body(reader, buffer, &head).await?;
        let (method, target) =
            head.request().map_err(|e| NoRequest::Refused(400, e.to_string()))?;
        let path = target.split('?').next().unwrap_or(target);
        Ok(Self { method: method.into(), path: path.into(), body, close: head.close })
    }
}

async fn read_body<R: AsyncRead + Unpin>(
    reader: &mut R,
    buffer: &mut Buffer,
    head: &Head,
) -> Result<Vec<u8>, NoRequest> {
    let mut framing = head.request_body();
    let mut body = Vec::new();
    loop {
        let mut input = buffer.unread();
        let before = input.len();
        let ended = loop {
            match framing.next(&mut input) {
                Ok(Piece::Data(data)) => body.extend_from_slice(data),
                Ok(Piece::More) => break false,
                Ok(Piece::End) => break true,
                Err(error) => return Err(NoRequest::Refused(400, error.to_string())),
            }
        };
        let used = before - input.len();
        buffer.consume(used);
        if body.len() > MAX_BODY_BYTES {
            return Err(NoRequest::Refused(413, "the body is too large".into()));
        }
        if ended {
            return Ok(body);
        }
        more(reader, buffer).await?;
    }
}

async fn more<R: AsyncRead + Unpin>(reader: &mut R, buffer: &mut Buffer) -> Result<(), NoRequest> {
    match buffer.fill(reader).await {
        Ok(1..) => Ok(()),
        Ok(0) | Err(_) => Err(NoRequest::Gone),
    }
}

/// What the mock looks at in the body of `POST /v1/chat/completions`.
#[derive(Debug)]
pub(crate) struct ChatRequest {
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    /// How many messages the prompt has.
    pub(crate) messages: usize,
    /// The beginning of the last message's text.
    pub(crate) last_text: String,
}

impl ChatRequest {
    /// Reads the body.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let body: Body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        Ok(Self {
            model: body.model,
            stream: body.stream.unwrap_or(false),
            include_usage: body
                .stream_options
                .and_then(|options| options.include_usage)
                .unwrap_or(false),
            messages: body.messages.count,
            last_text: text_of(&body.messages.last),
        })
    }
}

/// The text of a content that is a string or a list of parts.
fn text_of(content: &serde_json::Value) -> String {
    let parts = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
    content.as_str().into_iter().chain(texts).flat_map(str::chars).take(TAG_CHARS).collect()
}

#[derive(Deserialize)]
struct Body {
    model: String,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    messages: Messages,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: serde_json::Value,
}

/// Only the last message is kept: a long history must not cost the mock what it costs the server.
struct Messages {
    count: usize,
    last: serde_json::Value,
}

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(LastOf)
    }
}

struct LastOf;

impl<'de> Visitor<'de> for LastOf {
    type Value = Messages;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Messages, A::Error> {
        let mut messages = Messages { count: 0, last: serde_json::Value::Null };
        while let Some(message) = list.next_element::<Message>()? {
            messages.count += 1;
            messages.last = message.content;
        }
        Ok(messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_message_is_what_is_remembered() {
        let body = br#"{"model":"m","stream":true,"stream_options":{"include_usage":true},
            "messages":[{"role":"user","content":"a"},
                        {"role":"assistant","content":null,"tool_calls":[]},
                        {"role":"user","content":[{"type":"text","text":"leave 7"}]}]}"#;
        let request = ChatRequest::parse(body).unwrap();
        assert_eq!(request.messages, 3);
        assert_eq!(request.last_text, "leave 7");
        assert!(request.stream && request.include_usage);
    }

    #[test]
    fn a_body_without_messages_or_model_is_refused() {
        assert!(ChatRequest::parse(br#"{"model":"m"}"#).is_err());
        assert!(ChatRequest::parse(br#"{"messages":[]}"#).is_err());
        assert!(ChatRequest::parse(b"hello").is_err());
    }
}
