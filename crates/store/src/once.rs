//! Requests that may come twice and shall be done once.

use std::time::Duration;

use loquat_domain::{ConversationId, Fingerprint, IdempotencyKey, ItemId, ResponseId};

/// A wish that a write is done once, however often it is asked for.
///
/// A key belongs to a user, a tenant and a route: the same key of somebody else, or for something
/// else, is another key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// What kind of thing is made, so that one key serves for one of each.
    pub route: &'static str,
    /// The caller's name for the request.
    pub key: IdempotencyKey,
    /// What the request says.
    pub fingerprint: Fingerprint,
    /// For how long the key is remembered, by the store's own clock; until the end of the turn that
    /// it began at least. After that it is as if it had never been used.
    pub keep: Duration,
}

/// What a request with the same key did before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// What that request said.
    pub fingerprint: Fingerprint,
    /// What it made. It may have been deleted since.
    pub made: Made,
}

/// What a request made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// A turn.
    Response(ResponseId),
    /// A conversation.
    Conversation(ConversationId),
    /// Items of a conversation, in order.
    Items(ConversationId, Vec<ItemId>),
}
