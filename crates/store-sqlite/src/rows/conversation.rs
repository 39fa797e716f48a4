//! A conversation's own fields.

use diesel::prelude::*;
use loquat_domain::{Conversation, Timestamp, Title};
use loquat_store::{StoreError, json};

use crate::{key::Key, schema::conversations};

/// What people see of a conversation.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = conversations, check_for_backend(diesel::sqlite::Sqlite))]
#[diesel(treat_none_as_default_value = false)]
pub(crate) struct ConversationRow {
    pub(crate) id: Key,
    pub(crate) title: Option<String>,
    pub(crate) metadata: String,
    pub(crate) archived: bool,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
}

impl From<Conversation> for ConversationRow {
    fn from(conversation: Conversation) -> Self {
        Self {
            id: conversation.id.into(),
            title: conversation.title.map(|title| title.as_str().to_owned()),
            metadata: json::encode_metadata(&conversation.metadata),
            archived: conversation.archived,
            created_at: conversation.created_at.as_micros(),
            updated_at: conversation.updated_at.as_micros(),
        }
    }
}

impl TryFrom<ConversationRow> for Conversation {
    type Error = StoreError;

    fn try_from(row: ConversationRow) -> Result<Self, StoreError> {
        let title = row.title.map(Title::new).transpose();
        Ok(Self {
            id: row.id.into(),
            title: title.map_err(|_| StoreError::Corrupt { column: "title" })?,
            metadata: json::decode_metadata(&row.metadata)?,
            archived: row.archived,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        })
    }
}
