//! An item and its place.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Nullable, Text},
};
use loquat_domain::{Item, ItemId, ItemStatus, ResponseId, StoredItem, Timestamp};
use loquat_store::{StoreError, json};
use uuid::Uuid;

use super::{Part, context::counter};

/// An item where it stands.
#[derive(Debug, QueryableByName)]
pub(crate) struct ItemRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    pub(crate) parent: Option<Uuid>,
    #[diesel(sql_type = BigInt)]
    pub(crate) position: i64,
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    response: Option<Uuid>,
    #[diesel(sql_type = Text)]
    content: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    tokens: i64,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
    #[diesel(sql_type = Text)]
    counter: String,
}

impl Part for ItemRow {
    const COLUMN: &'static str = "id";
}

impl TryFrom<ItemRow> for StoredItem {
    type Error = StoreError;

    fn try_from(row: ItemRow) -> Result<Self, StoreError> {
        let tokens = u32::try_from(row.tokens);
        let item = Item {
            id: ItemId::from_uuid(row.id),
            response: row.response.map(ResponseId::from_uuid),
            content: json::decode_content(&row.content)?,
            status: status(&row.status)?,
            tokens: tokens.map_err(|_| StoreError::Corrupt { column: "tokens" })?,
            counter: counter(row.counter)?,
            created_at: Timestamp::from_micros(row.created_at),
        };
        Ok(Self { position: row.position, item })
    }
}

fn status(name: &str) -> Result<ItemStatus, StoreError> {
    [ItemStatus::InProgress, ItemStatus::Completed, ItemStatus::Incomplete]
        .into_iter()
        .find(|status| status.as_str() == name)
        .ok_or(StoreError::Corrupt { column: "status" })
}
