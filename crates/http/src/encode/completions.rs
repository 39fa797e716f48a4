//! The chunks of `/v1/chat/completions`, for every client that knows nothing else.

use std::sync::Arc;

use loquat_domain::{Ended, Event, EventKind, ItemStart, Response, StreamKind};
use serde::Serialize;

use super::{Encode, SSE_DONE, SSE_HEARTBEAT, Step, sse_frame};
use crate::{
    error::ErrorObject,
    wire::completion::{CompletionUsage, completion_id, finish_reason},
};

/// Encodes a turn as `/v1/chat/completions` streams it.
pub(crate) struct CompletionsEncoder {
    id: String,
    response: Arc<Response>,
    include_usage: bool,
    /// How many function calls have begun.
    calls: u32,
}

impl CompletionsEncoder {
    pub(crate) fn new(response: Arc<Response>, include_usage: bool) -> Self {
        Self { id: completion_id(&response), response, include_usage, calls: 0 }
    }

    fn delta(&self, delta: Delta<'_>, out: &mut Vec<u8>) {
        self.choice(delta, None, out);
    }

    fn choice(&self, delta: Delta<'_>, finish_reason: Option<&'static str>, out: &mut Vec<u8>) {
        let choice = Choice { index: 0, delta, logprobs: None, finish_reason };
        let usage = if self.include_usage { UsageKey::Null } else { UsageKey::Absent };
        self.chunk(&[choice], usage, out);
    }

    fn chunk(&self, choices: &[Choice<'_>], usage: UsageKey, out: &mut Vec<u8>) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.response.created_at.as_secs(),
            model: &self.response.model,
            choices,
            usage,
        };
        sse_frame(None, &chunk, out);
    }

    fn end(&self, ended: &Ended, out: &mut Vec<u8>) {
        match finish_reason(ended) {
            Ok(reason) => {
                self.choice(Delta::default(), Some(reason), out);
                if self.include_usage {
                    let usage = ended.response.usage.unwrap_or_default();
                    self.chunk(&[], UsageKey::Told(CompletionUsage::from(&usage)), out);
                }
            }
            Err(error) => sse_frame(None, &ErrorChunk { error: &error }, out),
        }
        out.extend_from_slice(SSE_DONE);
    }
}

impl Encode for CompletionsEncoder {
    fn encode(&mut self, event: &Event, out: &mut Vec<u8>) -> Step {
        match &event.kind {
            EventKind::Created => {
                let role = Some("assistant");
                self.delta(Delta { role, content: Some(""), ..Delta::default() }, out);
            }
            EventKind::Delta { kind, text, .. } => {
                let text = Some(text.as_str());
                match kind {
                    StreamKind::Text => {
                        self.delta(Delta { content: text, ..Delta::default() }, out);
                    }
                    StreamKind::Refusal => {
                        self.delta(Delta { refusal: text, ..Delta::default() }, out);
                    }
                    StreamKind::Reasoning | StreamKind::Summary => {
                        self.delta(Delta { reasoning_content: text, ..Delta::default() }, out);
                    }
                    StreamKind::Arguments => {
                        let function = FunctionDelta { name: None, arguments: text };
                        let index = self.calls.saturating_sub(1);
                        let call = CallDelta { index, id: None, kind: None, function };
                        self.delta(Delta { tool_calls: Some([call]), ..Delta::default() }, out);
                    }
                }
            }
            EventKind::ItemAdded { start: ItemStart::FunctionCall { call_id, name }, .. } => {
                let function = FunctionDelta { name: Some(name), arguments: Some("") };
                let index = self.calls;
                let call = CallDelta { index, id: Some(call_id), kind: Some("function"), function };
                self.calls += 1;
                self.delta(Delta { tool_calls: Some([call]), ..Delta::default() }, out);
            }
            EventKind::Ended(ended) => {
                self.end(ended, out);
                return Step::Last;
            }
            // The terminal event has the error, and the other steps have no chunk of their own.
            EventKind::Failed(_)
            | EventKind::Queued
            | EventKind::InProgress
            | EventKind::ItemAdded { .. }
            | EventKind::PartAdded { .. }
            | EventKind::TextDone { .. }
            | EventKind::PartDone { .. }
            | EventKind::ItemDone { .. } => {}
        }
        Step::More
    }

    fn heartbeat(&self) -> Option<&'static [u8]> {
        Some(SSE_HEARTBEAT)
    }
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "UsageKey::is_absent")]
    usage: UsageKey,
}

/// A chunk's `usage`: there only when it was asked for, and then null on every chunk but the last.
#[derive(Serialize)]
#[serde(untagged)]
enum UsageKey {
    Absent,
    Null,
    Told(CompletionUsage),
}

impl UsageKey {
    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    /// Not OpenAI's, but what the local servers and their clients call thoughts.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
}

#[derive(Serialize)]
struct CallDelta<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: FunctionDelta<'a>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a str>,
}

#[derive(Serialize)]
struct ErrorChunk<'a> {
    error: &'a ErrorObject,
}
