//! The wire's events, as far as they are used. Everything is optional and everything else is passed
//! over, because no two servers send the same.

use std::borrow::Cow;

use loquat_domain::Usage;
use loquat_provider_http::{Frame, WireText};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What an event says, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventKind {
    ItemAdded,
    ItemDone,
    TextDelta,
    TextDone,
    RefusalDelta,
    RefusalDone,
    ThoughtsDelta,
    ThoughtsDone,
    SummaryDelta,
    SummaryDone,
    ArgumentsDelta,
    ArgumentsDone,
    Completed,
    Incomplete,
    Failed,
    Error,
    /// Says nothing that is listened to.
    Other,
}

impl EventKind {
    fn of_name(name: &[u8]) -> Self {
        match name {
            b"response.output_item.added" => Self::ItemAdded,
            b"response.output_item.done" => Self::ItemDone,
            b"response.output_text.delta" => Self::TextDelta,
            b"response.output_text.done" => Self::TextDone,
            b"response.refusal.delta" => Self::RefusalDelta,
            b"response.refusal.done" => Self::RefusalDone,
            // OpenAI's name and that of Open Responses.
            b"response.reasoning_text.delta" | b"response.reasoning.delta" => Self::ThoughtsDelta,
            b"response.reasoning_text.done" | b"response.reasoning.done" => Self::ThoughtsDone,
            b"response.reasoning_summary_text.delta" => Self::SummaryDelta,
            b"response.reasoning_summary_text.done" => Self::SummaryDone,
            b"response.function_call_arguments.delta" => Self::ArgumentsDelta,
            b"response.function_call_arguments.done" => Self::ArgumentsDone,
            b"response.completed" => Self::Completed,
            b"response.incomplete" => Self::Incomplete,
            b"response.failed" => Self::Failed,
            b"error" => Self::Error,
            _ => Self::Other,
        }
    }
}

/// The frame's name, which is the event's; servers that leave it out have it in the data. `None` when
/// it is in neither, unless that is because an error is told in the way of the older wire.
pub(super) fn kind(frame: &Frame, data: &str) -> Option<EventKind> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Named<'a> {
        #[serde(borrow, rename = "type")]
        name: Option<WireText<'a>>,
        #[serde(borrow)]
        error: Option<&'a RawValue>,
    }
    match &*frame.name {
        b"" | b"message" => match serde_json::from_str(data).ok()? {
            Named { name: Some(name), .. } => Some(EventKind::of_name(&name.0)),
            Named { error: Some(_), .. } => Some(EventKind::Error),
            Named { .. } => None,
        },
        name => Some(EventKind::of_name(name)),
    }
}

/// Bytes that are no text would hide in what is read later: they are replaced at once.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// A piece of a text, or the whole of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Piece<'a> {
    /// The number of its item.
    pub(super) output_index: Option<u32>,
    /// The number of its part in a summary.
    pub(super) summary_index: Option<u32>,
    #[serde(borrow)]
    pub(super) delta: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(super) text: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(super) refusal: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Option<WireText<'a>>,
}

/// An item begins or is whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ItemEvent<'a> {
    pub(super) output_index: Option<u32>,
    #[serde(borrow)]
    pub(super) item: Option<&'a RawValue>,
}

/// An item of one of the kinds that are used.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Message(MessageItem<'a>),
    FunctionCall(FunctionCallItem<'a>),
    Reasoning(ReasoningItem<'a>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MessageItem<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Vec<ItemPart<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionCallItem<'a> {
    #[serde(borrow)]
    pub(super) call_id: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Option<WireText<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReasoningItem<'a> {
    #[serde(borrow)]
    pub(super) summary: Option<Vec<ItemPart<'a>>>,
    #[serde(borrow)]
    pub(super) content: Option<Vec<ItemPart<'a>>>,
    #[serde(borrow)]
    pub(super) encrypted_content: Option<WireText<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ItemPart<'a> {
    #[serde(borrow)]
    pub(super) text: Option<WireText<'a>>,
    #[serde(borrow)]
    pub(super) refusal: Option<WireText<'a>>,
}

impl<'a> Item<'a> {
    /// Reads an item; `None` for one of a kind that nobody asked for, whatever is in it.
    pub(super) fn read(raw: &'a RawValue) -> Result<Option<Self>, serde_json::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Kind<'a> {
            #[serde(borrow, rename = "type")]
            kind: Option<WireText<'a>>,
        }
        let json = raw.get();
        let kind = serde_json::from_str::<Kind<'_>>(json)?.kind.unwrap_or_default();
        Ok(match &*kind.0 {
            b"message" => Some(Self::Message(serde_json::from_str(json)?)),
            b"function_call" => Some(Self::FunctionCall(serde_json::from_str(json)?)),
            b"reasoning" => Some(Self::Reasoning(serde_json::from_str(json)?)),
            _ => None,
        })
    }
}

/// The answer is over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TerminalEvent<'a> {
    #[serde(borrow)]
    pub(super) response: Option<&'a RawValue>,
}

/// The answer as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) output: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) incomplete_details: Option<IncompleteDetails<'a>>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct IncompleteDetails<'a> {
    #[serde(borrow)]
    pub(super) reason: Option<WireText<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireUsage {
    input_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

/// Reads a usage object. One that cannot be read counts as none: an answer must not fail because
/// of its bill, and whoever needs one counts for himself.
pub(super) fn read_usage(raw: &RawValue) -> Option<Usage> {
    let usage: WireUsage = serde_json::from_str(raw.get()).ok()?;
    if usage.input_tokens.is_none() && usage.output_tokens.is_none() {
        return None;
    }
    let input = usage.input_tokens_details.unwrap_or_default();
    let output = usage.output_tokens_details.unwrap_or_default();
    Some(Usage {
        input_tokens: usage.input_tokens.unwrap_or(0),
        cached_tokens: input.cached_tokens.unwrap_or(0),
        cache_write_tokens: input.cache_write_tokens.unwrap_or(0),
        output_tokens: usage.output_tokens.unwrap_or(0),
        reasoning_tokens: output.reasoning_tokens.unwrap_or(0),
        estimated: false,
    })
}
