//! A conversation's own fields.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use loquat_domain::{Conversation, ConversationId, Timestamp, Title};
use loquat_store::{StoreError, json};
use uuid::Uuid;

use super::Part;

/// What people see of a conversation.
#[derive(Debug, QueryableByName)]
pub(crate) struct ConversationRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    title: Option<String>,
    #[diesel(sql_type = Text)]
    metadata: String,
    #[diesel(sql_type = Bool)]
    archived: bool,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
    #[diesel(sql_type = BigInt)]
    updated_at: i64,
}

impl Part for ConversationRow {
    const COLUMN: &'static str = "id";
}

impl TryFrom<ConversationRow> for Conversation {
    type Error = StoreError;

    fn try_from(row: ConversationRow) -> Result<Self, StoreError> {
        let title = row.title.map(Title::new).transpose();
        Ok(Self {
            id: ConversationId::from_uuid(row.id),
            title: title.map_err(|_| StoreError::Corrupt { column: "title" })?,
            metadata: json::decode_metadata(&row.metadata)?,
            archived: row.archived,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        })
    }
}
