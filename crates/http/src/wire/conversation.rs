//! Conversations: OpenAI's object, with a title, and whether and when.

use std::collections::BTreeMap;

use loquat_domain::{Conversation, ConversationId, Title};
use serde::Serialize;
use utoipa::ToSchema;

use super::list::Entry;

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Conversation)]
pub(crate) struct ConversationBody {
    id: String,
    object: &'static str,
    /// Seconds since the epoch.
    created_at: i64,
    metadata: BTreeMap<String, String>,
    #[schema(required)]
    title: Option<String>,
    archived: bool,
    /// When its items or its own fields last changed, in seconds since the epoch.
    updated_at: i64,
}

impl From<&Conversation> for ConversationBody {
    fn from(conversation: &Conversation) -> Self {
        Self {
            id: conversation.id.to_string(),
            object: "conversation",
            created_at: conversation.created_at.as_secs(),
            metadata: conversation.metadata.pairs().clone(),
            title: conversation.title.as_ref().map(|title| Title::as_str(title).to_owned()),
            archived: conversation.archived,
            updated_at: conversation.updated_at.as_secs(),
        }
    }
}

impl Entry for ConversationBody {
    fn id(&self) -> &str {
        &self.id
    }
}

/// Something that is gone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deleted)]
pub(crate) struct DeletedBody {
    id: String,
    /// `conversation.deleted` or `response`, as OpenAI has them.
    object: &'static str,
    deleted: bool,
}

impl DeletedBody {
    pub(crate) fn conversation(id: ConversationId) -> Self {
        Self { id: id.to_string(), object: "conversation.deleted", deleted: true }
    }

    pub(crate) fn response(id: loquat_domain::ResponseId) -> Self {
        Self { id: id.to_string(), object: "response", deleted: true }
    }
}
