//! An item and its place.

use diesel::prelude::*;
use loquat_domain::{Item, ItemStatus, Role, StoredItem, Timestamp};
use loquat_store::{StoreError, json};

use super::context::counter;
use crate::{key::Key, schema::items};

/// An item where it stands.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = items, check_for_backend(diesel::sqlite::Sqlite))]
pub(crate) struct ItemRow {
    pub(crate) id: Key,
    pub(crate) parent: Option<Key>,
    pub(crate) position: i64,
    response: Option<Key>,
    content: String,
    status: String,
    tokens: i64,
    created_at: i64,
    counter: String,
    pub(crate) active: bool,
}

/// An item that has no place yet. Made before the writer's turn comes, whose time is scarce.
#[derive(Debug, Insertable)]
#[diesel(table_name = items, treat_none_as_default_value = false)]
pub(crate) struct NewItem {
    pub(crate) id: Key,
    response: Option<Key>,
    kind: &'static str,
    #[diesel(skip_insertion)]
    pub(crate) role: Option<&'static str>,
    content: String,
    status: &'static str,
    tokens: i64,
    created_at: i64,
    counter: String,
}

impl From<&Item> for NewItem {
    fn from(item: &Item) -> Self {
        Self {
            id: item.id.into(),
            response: item.response.map(Key::from),
            kind: item.content.kind().as_str(),
            role: item.content.role().map(Role::as_str),
            content: json::encode_content(&item.content),
            status: item.status.as_str(),
            tokens: i64::from(item.tokens),
            created_at: item.created_at.as_micros(),
            counter: item.counter.as_str().to_owned(),
        }
    }
}

impl TryFrom<ItemRow> for StoredItem {
    type Error = StoreError;

    fn try_from(row: ItemRow) -> Result<Self, StoreError> {
        let tokens = u32::try_from(row.tokens);
        let item = Item {
            id: row.id.into(),
            response: row.response.map(Into::into),
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
