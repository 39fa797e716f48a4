//! What callers ask for.

use loquat_context::Policy;
use loquat_domain::{
    ConversationId, Fingerprint, IdempotencyKey, ItemContent, ItemId, Metadata, ResponseId,
    Settings, Title, TokenId,
};

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
    /// How much of the conversation the model shall see.
    pub context: ContextWish,
    /// The caller's own key-value pairs.
    pub metadata: Metadata,
    /// False for an answer that leaves no trace: nothing is stored, whatever history is read.
    pub store: bool,
    /// True for a turn that goes on when nobody reads it, and that may wait in a queue first.
    pub background: bool,
    /// Given when the turn shall take place once, however often it is asked for.
    pub once: Option<OnceKey>,
    /// The token that it is asked for with, if that has a name: when it is called back, the turn
    /// ends.
    pub token: Option<TokenId>,
}

/// A wish for what of a conversation a model sees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContextWish {
    /// How much; `None` leaves it to the model's own policy.
    pub policy: Option<Policy>,
    /// Messages of the conversation that it sees in any case, none of them twice. One that is not
    /// there is an error.
    pub pins: Vec<ItemId>,
}

/// A wish that something is done once, however often it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceKey {
    /// What kind of request it is: the same key on another route is another key.
    pub route: &'static str,
    /// The caller's name for the request.
    pub key: IdempotencyKey,
    /// What the request says.
    pub fingerprint: Fingerprint,
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
    /// A branch of a conversation that ends at this item, or before its first one. What follows it
    /// stays where it is; the new branch becomes the active one.
    After(ConversationId, Option<ItemId>),
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
    /// Given when it shall be made once, however often it is asked for.
    pub once: Option<OnceKey>,
}
