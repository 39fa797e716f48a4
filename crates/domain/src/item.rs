//! One entry of a conversation.

use crate::{CounterId, ItemId, ResponseId, Timestamp};

/// What kind of entry an item is. Its id's prefix says so too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKind {
    /// Something that was said.
    Message,
    /// A model asks for a function to be called.
    FunctionCall,
    /// What the function answered.
    FunctionCallOutput,
    /// What a model thought before it answered.
    Reasoning,
    /// What stands for the items before it.
    Compaction,
}

impl ItemKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Message,
        Self::FunctionCall,
        Self::FunctionCallOutput,
        Self::Reasoning,
        Self::Compaction,
    ];

    /// The prefix of such an item's id, as OpenAI writes it.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Message => "msg",
            Self::FunctionCall => "fc",
            Self::FunctionCallOutput => "fco",
            Self::Reasoning => "rs",
            Self::Compaction => "cmp",
        }
    }

    /// The `type` of such an item on the wire and in a column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::FunctionCall => "function_call",
            Self::FunctionCallOutput => "function_call_output",
            Self::Reasoning => "reasoning",
            Self::Compaction => "compaction",
        }
    }
}

/// Who said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The operator of the model, in the older word.
    System,
    /// The operator of the model, in the newer word.
    Developer,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The role's name on the wire and in a column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// How closely a model should look at an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageDetail {
    /// A small version is enough.
    Low,
    /// Every detail counts.
    High,
    /// The model decides.
    Auto,
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text: `input_text` from people, `output_text` from models.
    Text(String),
    /// A model's refusal to answer.
    Refusal(String),
    /// An image by URL, which may be a `data:` URL.
    Image {
        /// Where the image is.
        url: String,
        /// How closely to look.
        detail: ImageDetail,
    },
}

/// Whether an assistant's message is a remark on the way or the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// A remark on the way.
    Commentary,
    /// The answer.
    FinalAnswer,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub parts: Vec<Part>,
    /// For an assistant's message, kept and sent back as it came.
    pub phase: Option<Phase>,
}

impl Message {
    /// A message of one text part.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text(text.into())], phase: None }
    }
}

/// A model asks for a function to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionCall {
    /// Ties the call to its output.
    pub call_id: String,
    /// The function's name.
    pub name: String,
    /// The arguments as the model wrote them; meant to be JSON, not checked.
    pub arguments: String,
}

/// What a function answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionCallOutput {
    /// The call that this answers.
    pub call_id: String,
    /// What the function answered.
    pub output: String,
}

/// What a model thought before it answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasoning {
    /// The thoughts, where the provider shows them; else empty.
    pub text: String,
    /// Summaries of them, where the provider makes some.
    pub summary: Vec<String>,
    /// The provider's own sealed form, to be sent back as it came.
    pub encrypted: Option<String>,
}

/// What stands for the items before it: a conversation in short, in a form that only whoever made it
/// can open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compaction {
    /// The sealed form, to be sent back as it came.
    pub encrypted: String,
}

/// What an item says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemContent {
    /// Something that was said.
    Message(Message),
    /// A model asks for a function to be called.
    FunctionCall(FunctionCall),
    /// What the function answered.
    FunctionCallOutput(FunctionCallOutput),
    /// What a model thought before it answered.
    Reasoning(Reasoning),
    /// What stands for the items before it.
    Compaction(Compaction),
}

impl ItemContent {
    /// What kind of item this is.
    pub const fn kind(&self) -> ItemKind {
        match self {
            Self::Message(_) => ItemKind::Message,
            Self::FunctionCall(_) => ItemKind::FunctionCall,
            Self::FunctionCallOutput(_) => ItemKind::FunctionCallOutput,
            Self::Reasoning(_) => ItemKind::Reasoning,
            Self::Compaction(_) => ItemKind::Compaction,
        }
    }

    /// Who said it, when it is a message.
    pub const fn role(&self) -> Option<Role> {
        match self {
            Self::Message(message) => Some(message.role),
            _ => None,
        }
    }

    /// True for a message of the operator of the model.
    pub const fn is_operators(&self) -> bool {
        matches!(self.role(), Some(Role::System | Role::Developer))
    }

    /// Every piece of text in it, in order: what is counted, checked and searched.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Message(message) => message
                .parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) | Part::Refusal(text) => text.as_str(),
                    Part::Image { url, .. } => url.as_str(),
                })
                .collect(),
            Self::FunctionCall(call) => vec![&call.call_id, &call.name, &call.arguments],
            Self::FunctionCallOutput(output) => vec![&output.call_id, &output.output],
            Self::Reasoning(reasoning) => std::iter::once(reasoning.text.as_str())
                .chain(reasoning.summary.iter().map(String::as_str))
                .chain(reasoning.encrypted.as_deref())
                .collect(),
            Self::Compaction(compaction) => vec![&compaction.encrypted],
        }
    }
}

/// How far an item has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemStatus {
    /// Being produced.
    InProgress,
    /// Whole.
    Completed,
    /// Cut off; the last item of its response.
    Incomplete,
}

impl ItemStatus {
    /// The status on the wire and in a column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
        }
    }
}

/// One entry of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// The response that took it as input or produced it, if any.
    pub response: Option<ResponseId>,
    /// What it says.
    pub content: ItemContent,
    /// How far it has come.
    pub status: ItemStatus,
    /// What it costs in a prompt, counted once when it was written.
    pub tokens: u32,
    /// What counted them: another way to count may come to another number.
    pub counter: CounterId,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Item {
    /// The text form of its id.
    pub fn public_id(&self) -> String {
        self.id.of_kind(self.content.kind()).to_string()
    }
}

/// An item where it stands in its conversation's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredItem {
    /// Rises strictly from the root to every leaf; not dense, because items can be deleted.
    pub position: i64,
    /// The item.
    pub item: Item,
}
