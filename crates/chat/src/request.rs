//! What callers ask for.

use loquat_domain::{ConversationId, ItemContent, Metadata, ResponseId, Settings, Title};

/// A wish for one answer.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnRequest {
    /// The model's name; `None` takes the default model.
    pub model: Option<String>,
    /// Which history the turn continues.
    pub target: Target,
    /// The new items, in order.
    pub input: Vec<ItemContent>,
    /// How to answer.
    pub settings: Settings,
    /// The caller's own key-value pairs.
    pub metadata: Metadata,
    /// False for an answer that leaves no trace: nothing is stored, whatever history is read.
    pub store: bool,
}

/// Which history a turn continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// None. If stored, the response starts a chain of its own that is not listed.
    Nothing,
    /// None. A new listed conversation begins with this turn.
    NewConversation,
    /// The active branch of a conversation.
    Conversation(ConversationId),
    /// An earlier response, and all that it continued.
    Response(ResponseId),
}

/// A wish for a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewConversation {
    /// A name for people.
    pub title: Option<Title>,
    /// The owner's own key-value pairs.
    pub metadata: Metadata,
    /// Its first items, in order.
    pub items: Vec<ItemContent>,
}
