//! What a model may be told.

use diesel::{
    QueryableByName,
    sql_types::{Bool, Nullable},
};
use loquat_domain::{ConversationId, ItemId, ResponseId, Scope, StoredItem};
use loquat_store::{Head, History, HistoryStart, Reach, StoreError};
use uuid::Uuid;

use crate::{
    arguments::integer,
    pool::{Pool, Repeat},
    rows::{ItemRow, Maybe},
    statement::Call,
};

/// Where the history is, and one of its items.
#[derive(Debug, QueryableByName)]
struct Row {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    conversation: Uuid,
    #[diesel(sql_type = Bool)]
    listed: bool,
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    leaf: Option<Uuid>,
    #[diesel(sql_type = Bool)]
    running: bool,
    #[diesel(embed)]
    item: Maybe<ItemRow>,
}

/// The newest part of a branch, up to a sum of tokens.
pub(super) async fn history(
    pool: &Pool,
    scope: &Scope,
    start: HistoryStart,
    reach: Reach,
) -> Result<History, StoreError> {
    let (response, conversation, at_leaf, item) = match start {
        HistoryStart::Conversation(id) => (None, Some(id), true, None),
        HistoryStart::Item(id, item) => (None, Some(id), false, item),
        HistoryStart::Response(id) => (Some(id), None, false, None),
    };
    let values = [
        response.map(ResponseId::as_uuid).into(),
        conversation.map(ConversationId::as_uuid).into(),
        at_leaf.into(),
        item.map(ItemId::as_uuid).into(),
        integer(reach.tokens).into(),
    ];
    let read = Call::of("history_v1", scope, &values);
    let rows: Vec<Row> = pool.call(read, Repeat::Harmless).await?;
    let start_is_leaf = matches!(start, HistoryStart::Conversation(_));
    let first = rows.first().ok_or(StoreError::NotFound)?;
    let head = Head {
        conversation: ConversationId::from_uuid(first.conversation),
        listed: first.listed,
        leaf: first.leaf.map(ItemId::from_uuid),
        running: first.running,
        active: start_is_leaf,
    };
    let mut items: Vec<ItemRow> = rows.into_iter().filter_map(|row| row.item.0).collect();
    // They come in this order, but SQL promises none.
    items.sort_by_key(|item| std::cmp::Reverse(item.position));
    let reached_root = items.last().is_none_or(|item| item.parent.is_none());
    let items = items.into_iter().map(StoredItem::try_from).collect::<Result<_, StoreError>>()?;
    let (lead, context, segments) = (Vec::new(), None, Vec::new());
    Ok(History { head, items, reached_root, lead, context, segments })
}
