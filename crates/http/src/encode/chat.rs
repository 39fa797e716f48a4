//! The three forms of `/chat/stream`: text, lines of JSON, server-sent events.

use std::sync::Arc;

use loquat_domain::{
    CancelReason, Ended, Event, EventKind, IncompleteReason, Response, Status, StreamKind,
};
use serde::Serialize;

use super::{Encode, SSE_DONE, SSE_HEARTBEAT, Step, json, sse_frame};
use crate::error::ErrorObject;

/// In which form `/chat/stream` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChatFormat {
    /// The answer's text and nothing else.
    Text,
    /// A JSON object a line.
    Ndjson,
    /// The same objects as server-sent events.
    Sse,
}

/// Encodes a turn as `/chat/stream` streams it.
pub(crate) struct ChatEncoder {
    response: Arc<Response>,
    format: ChatFormat,
}

impl ChatEncoder {
    pub(crate) fn new(response: Arc<Response>, format: ChatFormat) -> Self {
        Self { response, format }
    }

    fn line(&self, line: &impl Serialize, out: &mut Vec<u8>) {
        match self.format {
            ChatFormat::Sse => sse_frame(None, line, out),
            ChatFormat::Text | ChatFormat::Ndjson => {
                json(line, out);
                out.push(b'\n');
            }
        }
    }

    fn end(&self, ended: &Ended, out: &mut Vec<u8>) -> Step {
        if self.format == ChatFormat::Text {
            return if is_whole(&ended.response.status) { Step::Last } else { Step::Cut };
        }
        let error = match &ended.response.status {
            Status::Failed(failure) => Some(ErrorObject::from(failure)),
            _ => None,
        };
        let incomplete_reason = match ended.response.status {
            Status::Incomplete(reason) => Some(reason.as_str()),
            Status::Cancelled(reason @ CancelReason::AccessRevoked) => Some(reason.as_str()),
            _ => None,
        };
        let last = LastLine {
            content: "",
            is_complete: true,
            status: ended.response.status.as_str(),
            conversation_id: self.response.conversation.map(|id| id.to_string()),
            response_id: self.response.id.to_string(),
            incomplete_reason,
            error,
        };
        self.line(&last, out);
        if self.format == ChatFormat::Sse {
            out.extend_from_slice(SSE_DONE);
        }
        Step::Last
    }
}

/// True when bare text may end as if all had been said: the model chose the end, or the caller's
/// own limit did.
fn is_whole(status: &Status) -> bool {
    matches!(status, Status::Completed | Status::Incomplete(IncompleteReason::MaxOutputTokens))
}

impl Encode for ChatEncoder {
    fn encode(&mut self, event: &Event, out: &mut Vec<u8>) -> Step {
        match &event.kind {
            EventKind::Delta { kind: StreamKind::Text | StreamKind::Refusal, text, .. } => {
                match self.format {
                    ChatFormat::Text => out.extend_from_slice(text.as_bytes()),
                    ChatFormat::Ndjson | ChatFormat::Sse => {
                        self.line(&Line { content: text, is_complete: false }, out);
                    }
                }
                Step::More
            }
            EventKind::Ended(ended) => self.end(ended, out),
            _ => Step::More,
        }
    }

    fn heartbeat(&self) -> Option<&'static [u8]> {
        match self.format {
            ChatFormat::Text => None,
            ChatFormat::Ndjson => Some(b"\n"),
            ChatFormat::Sse => Some(SSE_HEARTBEAT),
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    content: &'a str,
    is_complete: bool,
}

#[derive(Serialize)]
struct LastLine {
    content: &'static str,
    is_complete: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
    response_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
}
