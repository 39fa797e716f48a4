//! From items to the wire's items.

use loquat_domain::{ItemContent, Part, Phase, Reasoning, Role};
use loquat_provider_http::Seal;
use serde::Serialize;

use crate::request::messages::{arguments_of, detail_name};

/// One item of the wire's input.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum InputItem<'a> {
    Message {
        role: &'static str,
        content: Content<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<&'static str>,
    },
    FunctionCall {
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    FunctionCallOutput {
        call_id: &'a str,
        output: &'a str,
    },
    /// Without the id that it had: nothing is kept under it, and OpenAI looks up what has one.
    Reasoning {
        summary: Vec<Summary<'a>>,
        encrypted_content: &'a str,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "summary_text")]
pub(super) struct Summary<'a> {
    text: &'a str,
}

/// The items, in order. Of thoughts only those go along that this endpoint has sealed itself, and only
/// right before something that the model said or asked for: alone they are refused. Without a seal
/// none do.
pub(super) fn input<'a>(contents: &'a [ItemContent], seal: Option<&Seal>) -> Vec<InputItem<'a>> {
    let mut items = Vec::with_capacity(contents.len());
    let mut thoughts = Vec::new();
    for content in contents {
        let is_models = match content {
            ItemContent::Reasoning(reasoning) => {
                thoughts.extend(seal.and_then(|seal| own_thoughts(reasoning, seal)));
                continue;
            }
            // A compaction was opened by whoever made the prompt.
            ItemContent::Compaction(_) => continue,
            ItemContent::FunctionCallOutput(_) => false,
            ItemContent::FunctionCall(_) => true,
            ItemContent::Message(message) => message.role == Role::Assistant,
        };
        if is_models {
            items.append(&mut thoughts);
        } else {
            thoughts.clear();
        }
        items.extend(item(content));
    }
    items
}

fn own_thoughts<'a>(reasoning: &'a Reasoning, seal: &Seal) -> Option<InputItem<'a>> {
    let encrypted_content = seal.own(reasoning.encrypted.as_deref()?)?;
    let summary = reasoning.summary.iter().map(|text| Summary { text }).collect();
    Some(InputItem::Reasoning { summary, encrypted_content })
}

fn item(content: &ItemContent) -> Option<InputItem<'_>> {
    match content {
        ItemContent::Message(message) => Some(InputItem::Message {
            role: message.role.as_str(),
            content: Content::new(message.role, &message.parts),
            phase: message.phase.map(|phase| match phase {
                Phase::Commentary => "commentary",
                Phase::FinalAnswer => "final_answer",
            }),
        }),
        ItemContent::FunctionCall(call) => Some(InputItem::FunctionCall {
            call_id: &call.call_id,
            name: &call.name,
            arguments: arguments_of(call),
        }),
        ItemContent::FunctionCallOutput(output) => {
            Some(InputItem::FunctionCallOutput { call_id: &output.call_id, output: &output.output })
        }
        ItemContent::Reasoning(_) | ItemContent::Compaction(_) => None,
    }
}

/// A message's content: plain text where it can be, because not every server reads parts.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    Text(&'a str),
    Parts(Vec<WirePart<'a>>),
}

impl<'a> Content<'a> {
    fn new(role: Role, parts: &'a [Part]) -> Self {
        match parts {
            [] => Self::Text(""),
            [Part::Text(text)] => Self::Text(text),
            parts => Self::Parts(parts.iter().map(|part| WirePart::new(role, part)).collect()),
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum WirePart<'a> {
    InputText {
        text: &'a str,
    },
    InputImage {
        image_url: &'a str,
        detail: &'static str,
    },
    OutputText {
        text: &'a str,
        /// Always empty; the wire wants the key.
        annotations: [(); 0],
    },
    Refusal {
        refusal: &'a str,
    },
}

impl<'a> WirePart<'a> {
    fn new(role: Role, part: &'a Part) -> Self {
        match (role, part) {
            (Role::Assistant, Part::Text(text)) => Self::OutputText { text, annotations: [] },
            (Role::Assistant, Part::Refusal(refusal)) => Self::Refusal { refusal },
            (_, Part::Text(text) | Part::Refusal(text)) => Self::InputText { text },
            (_, Part::Image { url, detail }) => {
                Self::InputImage { image_url: url, detail: detail_name(*detail) }
            }
        }
    }
}
