//! Items: of a response's output, and of a conversation.

use loquat_domain::{
    ImageDetail, Item, ItemContent, ItemId, ItemKind, ItemStart, ItemStatus, Message, Part, Phase,
    Reasoning, Role,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::list::Entry;

/// An item.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = Item)]
pub(crate) enum ItemBody {
    /// Something that was said.
    Message {
        id: String,
        status: &'static str,
        role: &'static str,
        content: Vec<PartBody>,
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<&'static str>,
    },
    /// The model asks for a function to be called.
    FunctionCall {
        id: String,
        status: &'static str,
        call_id: String,
        name: String,
        /// JSON, as the model wrote it.
        arguments: String,
    },
    /// What the function answered.
    FunctionCallOutput { id: String, status: &'static str, call_id: String, output: String },
    /// What the model thought before it answered.
    Reasoning {
        id: String,
        status: &'static str,
        summary: Vec<PartBody>,
        content: Vec<PartBody>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<String>,
    },
    /// What stands for the items before it.
    Compaction { id: String, encrypted_content: String },
}

/// A part of an item.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = Part)]
pub(crate) enum PartBody {
    /// Text that a person, a program or an operator wrote.
    InputText { text: String },
    /// An image by its address.
    InputImage { image_url: String, detail: &'static str },
    /// Text that a model wrote.
    OutputText {
        text: String,
        /// Always there, and empty: no model of this server annotates.
        annotations: Vec<Value>,
        /// Always there, and empty.
        logprobs: Vec<Value>,
    },
    /// A model's refusal to answer.
    Refusal { refusal: String },
    /// What a model thought.
    ReasoningText { text: String },
    /// What a model thought, in short.
    SummaryText { text: String },
}

impl PartBody {
    pub(crate) fn output_text(text: &str) -> Self {
        Self::OutputText { text: text.to_owned(), annotations: Vec::new(), logprobs: Vec::new() }
    }

    pub(crate) fn refusal(text: &str) -> Self {
        Self::Refusal { refusal: text.to_owned() }
    }

    pub(crate) fn reasoning_text(text: &str) -> Self {
        Self::ReasoningText { text: text.to_owned() }
    }

    /// A part of a message that `role` said.
    fn of_message(part: &Part, role: Role) -> Self {
        match part {
            Part::Text(text) if role == Role::Assistant => Self::output_text(text),
            Part::Text(text) => Self::InputText { text: text.clone() },
            Part::Refusal(text) => Self::refusal(text),
            Part::Image { url, detail } => Self::InputImage {
                image_url: url.clone(),
                detail: match detail {
                    ImageDetail::Low => "low",
                    ImageDetail::High => "high",
                    ImageDetail::Auto => "auto",
                },
            },
        }
    }
}

impl ItemBody {
    /// An item that begins: what is known of it, and nothing in it yet.
    pub(crate) fn started(id: ItemId, start: &ItemStart) -> Self {
        let status = ItemStatus::InProgress.as_str();
        match start {
            ItemStart::Message => Self::Message {
                id: id.of_kind(ItemKind::Message).to_string(),
                status,
                role: Role::Assistant.as_str(),
                content: Vec::new(),
                phase: None,
            },
            ItemStart::Reasoning => Self::Reasoning {
                id: id.of_kind(ItemKind::Reasoning).to_string(),
                status,
                summary: Vec::new(),
                content: Vec::new(),
                encrypted_content: None,
            },
            ItemStart::FunctionCall { call_id, name } => Self::FunctionCall {
                id: id.of_kind(ItemKind::FunctionCall).to_string(),
                status,
                call_id: call_id.clone(),
                name: name.clone(),
                arguments: String::new(),
            },
        }
    }
}

impl From<&Item> for ItemBody {
    fn from(item: &Item) -> Self {
        let id = item.public_id();
        let status = item.status.as_str();
        match &item.content {
            ItemContent::Message(Message { role, parts, phase }) => Self::Message {
                id,
                status,
                role: role.as_str(),
                content: parts.iter().map(|part| PartBody::of_message(part, *role)).collect(),
                phase: phase.map(|phase| match phase {
                    Phase::Commentary => "commentary",
                    Phase::FinalAnswer => "final_answer",
                }),
            },
            ItemContent::FunctionCall(call) => Self::FunctionCall {
                id,
                status,
                call_id: call.call_id.clone(),
                name: call.name.clone(),
                arguments: call.arguments.clone(),
            },
            ItemContent::FunctionCallOutput(output) => Self::FunctionCallOutput {
                id,
                status,
                call_id: output.call_id.clone(),
                output: output.output.clone(),
            },
            ItemContent::Reasoning(Reasoning { text, summary, encrypted }) => Self::Reasoning {
                id,
                status,
                summary: summary
                    .iter()
                    .map(|text| PartBody::SummaryText { text: text.clone() })
                    .collect(),
                content: if text.is_empty() {
                    Vec::new()
                } else {
                    vec![PartBody::reasoning_text(text)]
                },
                encrypted_content: encrypted.clone(),
            },
            ItemContent::Compaction(compaction) => {
                Self::Compaction { id, encrypted_content: compaction.encrypted.clone() }
            }
        }
    }
}

impl Entry for ItemBody {
    fn id(&self) -> &str {
        match self {
            Self::Message { id, .. }
            | Self::FunctionCall { id, .. }
            | Self::FunctionCallOutput { id, .. }
            | Self::Reasoning { id, .. }
            | Self::Compaction { id, .. } => id,
        }
    }
}
