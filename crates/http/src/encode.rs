//! Events as bytes: one encoder a stream format, each a pure function of the events it has seen.

mod chat;
mod completions;
mod responses;

use loquat_domain::Event;
use serde::Serialize;

pub(crate) use chat::{ChatEncoder, ChatFormat};
pub(crate) use completions::CompletionsEncoder;
pub(crate) use responses::{ReasoningEvents, ResponsesEncoder};

/// What follows an event in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// More events.
    More,
    /// The end of the body.
    Last,
    /// The connection is cut, because the format has no other word for a failure.
    Cut,
}

/// Turns events into the bytes of one stream format.
pub(crate) trait Encode: Unpin + 'static {
    /// Appends what the event is in this format, whole frames only; perhaps nothing.
    fn encode(&mut self, event: &Event, out: &mut Vec<u8>) -> Step;

    /// What keeps an idle connection alive without meaning anything, if the format has it.
    fn heartbeat(&self) -> Option<&'static [u8]>;
}

/// A comment in a server-sent event stream.
pub(crate) const SSE_HEARTBEAT: &[u8] = b": keep-alive\n\n";

/// The end of every server-sent event stream that OpenAI's clients read.
pub(crate) const SSE_DONE: &[u8] = b"data: [DONE]\n\n";

/// Appends a server-sent event: its name if it has one, and one line of JSON.
pub(crate) fn sse_frame(name: Option<&str>, data: &impl Serialize, out: &mut Vec<u8>) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    json(data, out);
    out.extend_from_slice(b"\n\n");
}

/// Appends JSON on one line: whatever a text contains, a line break in it is escaped.
pub(crate) fn json(data: &impl Serialize, out: &mut Vec<u8>) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, data).is_err() {
        // Only a map with keys that are no strings can fail, and no shape of ours has one.
        out.truncate(before);
        out.extend_from_slice(b"null");
    }
}
