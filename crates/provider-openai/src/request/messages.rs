//! From items to the wire's messages.

use loquat_domain::{FunctionCall, ImageDetail, ItemContent, Part, Role};
use serde::{Serialize, Serializer, ser::SerializeSeq as _};

/// One message of the wire.
#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub(super) enum Message<'a> {
    System {
        content: Content<'a>,
    },
    User {
        content: Content<'a>,
    },
    Assistant {
        /// Null beside calls when nothing was said.
        content: Option<Content<'a>>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        content: &'a str,
    },
}

/// The messages, in order. What one assistant message of the wire holds, text and calls, is
/// several items here: they are put together again, and calls that were asked for together stay
/// together, because the wire wants each call's output right after its message. Thoughts are left
/// out: the wire has no place for them.
pub(super) fn messages<'a>(
    instructions: Option<&'a str>,
    input: &'a [ItemContent],
) -> Vec<Message<'a>> {
    let mut messages = Vec::with_capacity(input.len() + 1);
    messages.extend(instructions.map(|text| Message::System { content: Content::Text(text) }));
    for item in input {
        match item {
            ItemContent::Message(message) => say(message.role, &message.parts, &mut messages),
            ItemContent::FunctionCall(call) => ask(call, &mut messages),
            ItemContent::FunctionCallOutput(output) => messages
                .push(Message::Tool { tool_call_id: &output.call_id, content: &output.output }),
            // A compaction was opened by whoever made the prompt.
            ItemContent::Reasoning(_) | ItemContent::Compaction(_) => {}
        }
    }
    messages
}

fn say<'a>(role: Role, parts: &'a [Part], messages: &mut Vec<Message<'a>>) {
    let said = Content::new(parts);
    match (role, messages.last_mut()) {
        // `developer` is OpenAI's newer word, which other servers refuse; OpenAI takes both.
        (Role::System | Role::Developer, _) => messages.push(Message::System { content: said }),
        (Role::User, _) => messages.push(Message::User { content: said }),
        // Said after the calls of the same answer.
        (Role::Assistant, Some(Message::Assistant { content: content @ None, .. })) => {
            *content = Some(said);
        }
        (Role::Assistant, _) => {
            messages.push(Message::Assistant { content: Some(said), tool_calls: Vec::new() });
        }
    }
}

fn ask<'a>(call: &'a FunctionCall, messages: &mut Vec<Message<'a>>) {
    let call = ToolCall::new(call);
    if let Some(Message::Assistant { tool_calls, .. }) = messages.last_mut() {
        tool_calls.push(call);
    } else {
        messages.push(Message::Assistant { content: None, tool_calls: vec![call] });
    }
}

#[derive(Serialize)]
pub(super) struct ToolCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> ToolCall<'a> {
    fn new(call: &'a FunctionCall) -> Self {
        let function = Function { name: &call.name, arguments: arguments_of(call) };
        Self { id: &call.call_id, r#type: "function", function }
    }
}

/// A message's content: plain text where it can be, because not every server reads parts.
pub(super) enum Content<'a> {
    Text(&'a str),
    Parts(&'a [Part]),
}

impl<'a> Content<'a> {
    fn new(parts: &'a [Part]) -> Self {
        match parts {
            [] => Self::Text(""),
            // A refusal was said like any text, and only OpenAI knows it as a part of its own.
            [Part::Text(text) | Part::Refusal(text)] => Self::Text(text),
            parts => Self::Parts(parts),
        }
    }
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Parts(parts) => {
                let mut sequence = serializer.serialize_seq(Some(parts.len()))?;
                for part in *parts {
                    sequence.serialize_element(&WirePart::from(part))?;
                }
                sequence.end()
            }
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WirePart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: &'a str,
    detail: &'static str,
}

impl<'a> From<&'a Part> for WirePart<'a> {
    fn from(part: &'a Part) -> Self {
        match part {
            Part::Text(text) | Part::Refusal(text) => Self::Text { text },
            Part::Image { url, detail } => {
                Self::ImageUrl { image_url: ImageUrl { url, detail: detail_name(*detail) } }
            }
        }
    }
}

/// How closely to look, in the words of both wires.
pub(crate) const fn detail_name(detail: ImageDetail) -> &'static str {
    match detail {
        ImageDetail::Low => "low",
        ImageDetail::High => "high",
        ImageDetail::Auto => "auto",
    }
}

/// A call's arguments as both wires want them: some servers parse them, and nothing at all is no
/// JSON.
pub(crate) const fn arguments_of(call: &FunctionCall) -> &str {
    if call.arguments.is_empty() { "{}" } else { call.arguments.as_str() }
}
