//! The streaming events of the Open Responses specification, which OpenAI's clients read too.

use std::{fmt::Write as _, sync::Arc};

use loquat_domain::{
    Ended, Event, EventKind, Failure, IncompleteReason, ItemId, ItemKind, Response, Status,
    StreamKind,
};
use serde::Serialize;

use super::{Encode, SSE_DONE, SSE_HEARTBEAT, Step, sse_frame};
use crate::{
    error::ErrorObject,
    wire::{
        item::{ItemBody, PartBody},
        response::ResponseBody,
    },
};

/// How pieces of a model's thoughts are named: the two specifications differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ReasoningEvents {
    /// `response.reasoning.delta`
    #[default]
    OpenResponses,
    /// `response.reasoning_text.delta`
    OpenAi,
}

/// Encodes a turn as `/v1/responses` streams it.
pub(crate) struct ResponsesEncoder {
    response: Arc<Response>,
    stored: bool,
    reasoning: ReasoningEvents,
    /// Number of the last event that the client has had, until the first event comes.
    had: Option<u64>,
    /// Text form of the id of the item that is being produced.
    item: Option<(ItemId, String)>,
}

impl ResponsesEncoder {
    /// `stored` is false for an answer that leaves no trace.
    pub(crate) fn new(response: Arc<Response>, stored: bool, reasoning: ReasoningEvents) -> Self {
        Self { response, stored, reasoning, had: None, item: None }
    }

    /// For a client that has had the events up to that number.
    pub(crate) fn after(self, had: Option<u64>) -> Self {
        Self { had, ..self }
    }

    /// The response as it stood at that step, whenever this is told.
    fn lifecycle(&self, sequence: u64, name: &'static str, status: &Status, out: &mut Vec<u8>) {
        let response = ResponseBody::new(&self.response, &[]).stored(self.stored).at(status);
        sse_frame(Some(name), &Lifecycle { kind: name, sequence_number: sequence, response }, out);
    }

    fn item_id(&mut self, id: ItemId, kind: ItemKind) -> &str {
        let (known, text) = self.item.get_or_insert_with(|| (id, id.of_kind(kind).to_string()));
        if *known != id {
            *known = id;
            text.clear();
            // Writing to a string cannot fail.
            let _ = write!(text, "{}", id.of_kind(kind));
        }
        text
    }

    /// The frames of an event that is about an item's text.
    fn text(&mut self, sequence: u64, at: At, what: &What<'_>, out: &mut Vec<u8>) {
        let names = Names::of(at.kind, self.reasoning);
        let body = TextEvent {
            kind: match what {
                What::Delta(_) => names.delta,
                What::Done { .. } => names.done,
            },
            sequence_number: sequence,
            item_id: self.item_id(at.id, item_kind(at.kind)),
            output_index: at.output,
            content_index: at.content_index(),
            summary_index: at.summary_index(),
            delta: match what {
                What::Delta(delta) => Some(delta),
                What::Done { .. } => None,
            },
            text: what.done_if(matches!(
                at.kind,
                StreamKind::Text | StreamKind::Reasoning | StreamKind::Summary
            )),
            refusal: what.done_if(at.kind == StreamKind::Refusal),
            arguments: what.done_if(at.kind == StreamKind::Arguments),
            name: match what {
                What::Done { name, .. } if at.kind == StreamKind::Arguments => Some(name),
                _ => None,
            },
            logprobs: (at.kind == StreamKind::Text).then_some([]),
        };
        sse_frame(Some(body.kind), &body, out);
    }

    fn part(&mut self, sequence: u64, names: PartNames, at: At, text: &str, out: &mut Vec<u8>) {
        let name = if at.kind == StreamKind::Summary { names.summary } else { names.content };
        let body = PartEvent {
            kind: name,
            sequence_number: sequence,
            item_id: self.item_id(at.id, item_kind(at.kind)),
            output_index: at.output,
            content_index: at.content_index(),
            summary_index: at.summary_index(),
            part: match at.kind {
                StreamKind::Refusal => PartBody::refusal(text),
                StreamKind::Reasoning => PartBody::reasoning_text(text),
                StreamKind::Summary => PartBody::SummaryText { text: text.to_owned() },
                StreamKind::Text | StreamKind::Arguments => PartBody::output_text(text),
            },
        };
        sse_frame(Some(name), &body, out);
    }
}

impl Encode for ResponsesEncoder {
    fn encode(&mut self, event: &Event, out: &mut Vec<u8>) -> Step {
        let sequence = event.sequence;
        // Where the end is the first that comes, and it was had before, nothing is left to be told. A
        // client may have had more than was stored when the process died: it has not heard of the end.
        let had = self.had.take();
        match &event.kind {
            EventKind::Ended(ended) if had == Some(sequence) && !is_restart(&ended.response) => {
                out.extend_from_slice(SSE_DONE);
                return Step::Last;
            }
            EventKind::Created => {
                self.lifecycle(sequence, "response.created", &self.response.status, out);
            }
            EventKind::Queued => {
                self.lifecycle(sequence, "response.queued", &Status::Queued, out);
            }
            EventKind::InProgress => {
                self.lifecycle(sequence, "response.in_progress", &Status::InProgress, out);
            }
            EventKind::ItemAdded { output, id, start } => {
                let name = "response.output_item.added";
                let item = ItemBody::started(*id, start);
                item_event(sequence, name, *output, item, out);
            }
            EventKind::ItemDone { output, item } => {
                let name = "response.output_item.done";
                item_event(sequence, name, *output, ItemBody::from(item.as_ref()), out);
            }
            EventKind::PartAdded { output, id, part, kind } => {
                let at = At { output: *output, id: *id, part: *part, kind: *kind };
                self.part(sequence, PART_ADDED, at, "", out);
            }
            EventKind::PartDone { output, id, part, kind, text } => {
                let at = At { output: *output, id: *id, part: *part, kind: *kind };
                self.part(sequence, PART_DONE, at, text, out);
            }
            EventKind::Delta { output, id, part, kind, text } => {
                let at = At { output: *output, id: *id, part: *part, kind: *kind };
                self.text(sequence, at, &What::Delta(text), out);
            }
            EventKind::TextDone { output, id, part, kind, text, name } => {
                let at = At { output: *output, id: *id, part: *part, kind: *kind };
                self.text(sequence, at, &What::Done { text, name }, out);
            }
            EventKind::Failed(failure) => error_event(sequence, failure, out),
            EventKind::Ended(ended) => {
                terminal(sequence, ended, self.stored, out);
                return Step::Last;
            }
        }
        Step::More
    }

    fn heartbeat(&self) -> Option<&'static [u8]> {
        Some(SSE_HEARTBEAT)
    }
}

/// True when what was stored may be less than what was said.
fn is_restart(response: &Response) -> bool {
    response.status == Status::Incomplete(IncompleteReason::ServerRestart)
}

fn terminal(sequence: u64, ended: &Ended, stored: bool, out: &mut Vec<u8>) {
    let name = match ended.response.status {
        Status::Completed => "response.completed",
        Status::Failed(_) => "response.failed",
        // Neither specification has an event for a stopped response. Its status says `cancelled`.
        Status::Incomplete(_) | Status::Cancelled(_) | Status::Queued | Status::InProgress => {
            "response.incomplete"
        }
    };
    let response = ResponseBody::new(&ended.response, &ended.output).stored(stored);
    sse_frame(Some(name), &Lifecycle { kind: name, sequence_number: sequence, response }, out);
    out.extend_from_slice(SSE_DONE);
}

fn item_event(
    sequence: u64,
    name: &'static str,
    output_index: u32,
    item: ItemBody,
    out: &mut Vec<u8>,
) {
    let body = ItemEvent { kind: name, sequence_number: sequence, output_index, item };
    sse_frame(Some(name), &body, out);
}

/// Both shapes at once: flat for OpenAI's schema, nested for the specification's.
fn error_event(sequence: u64, failure: &Failure, out: &mut Vec<u8>) {
    let error = ErrorObject::from(failure);
    let body = ErrorEvent {
        kind: "error",
        sequence_number: sequence,
        code: failure.code.as_str(),
        message: &failure.message,
        param: None,
        error: &error,
    };
    sse_frame(Some("error"), &body, out);
}

/// Where a text is.
#[derive(Clone, Copy)]
struct At {
    output: u32,
    id: ItemId,
    part: u32,
    kind: StreamKind,
}

impl At {
    /// Where it is in its item's content, if it is there.
    fn content_index(self) -> Option<u32> {
        let is_content = !matches!(self.kind, StreamKind::Arguments | StreamKind::Summary);
        is_content.then_some(self.part)
    }

    /// Where it is in its item's summary, if it is there.
    fn summary_index(self) -> Option<u32> {
        (self.kind == StreamKind::Summary).then_some(self.part)
    }
}

/// The names of an event about a part, by the list of its item that it belongs to.
#[derive(Clone, Copy)]
struct PartNames {
    content: &'static str,
    summary: &'static str,
}

const PART_ADDED: PartNames = PartNames {
    content: "response.content_part.added",
    summary: "response.reasoning_summary_part.added",
};

const PART_DONE: PartNames = PartNames {
    content: "response.content_part.done",
    summary: "response.reasoning_summary_part.done",
};

/// What is said of a text.
enum What<'a> {
    Delta(&'a str),
    Done { text: &'a str, name: &'a str },
}

impl<'a> What<'a> {
    fn done_if(&self, applies: bool) -> Option<&'a str> {
        match self {
            Self::Done { text, .. } if applies => Some(text),
            _ => None,
        }
    }
}

struct Names {
    delta: &'static str,
    done: &'static str,
}

impl Names {
    const fn of(kind: StreamKind, reasoning: ReasoningEvents) -> Self {
        match (kind, reasoning) {
            (StreamKind::Text, _) => {
                Self { delta: "response.output_text.delta", done: "response.output_text.done" }
            }
            (StreamKind::Refusal, _) => {
                Self { delta: "response.refusal.delta", done: "response.refusal.done" }
            }
            (StreamKind::Arguments, _) => Self {
                delta: "response.function_call_arguments.delta",
                done: "response.function_call_arguments.done",
            },
            (StreamKind::Summary, _) => Self {
                delta: "response.reasoning_summary_text.delta",
                done: "response.reasoning_summary_text.done",
            },
            (StreamKind::Reasoning, ReasoningEvents::OpenResponses) => {
                Self { delta: "response.reasoning.delta", done: "response.reasoning.done" }
            }
            (StreamKind::Reasoning, ReasoningEvents::OpenAi) => Self {
                delta: "response.reasoning_text.delta",
                done: "response.reasoning_text.done",
            },
        }
    }
}

const fn item_kind(kind: StreamKind) -> ItemKind {
    match kind {
        StreamKind::Text | StreamKind::Refusal => ItemKind::Message,
        StreamKind::Reasoning | StreamKind::Summary => ItemKind::Reasoning,
        StreamKind::Arguments => ItemKind::FunctionCall,
    }
}

#[derive(Serialize)]
struct Lifecycle<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    response: ResponseBody<'a>,
}

#[derive(Serialize)]
struct ItemEvent {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    output_index: u32,
    item: ItemBody,
}

#[derive(Serialize)]
struct PartEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    item_id: &'a str,
    output_index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_index: Option<u32>,
    part: PartBody,
}

#[derive(Serialize)]
struct TextEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    item_id: &'a str,
    output_index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<[(); 0]>,
}

#[derive(Serialize)]
struct ErrorEvent<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    code: &'static str,
    message: &'a str,
    param: Option<&'static str>,
    error: &'a ErrorObject,
}
