//! What a model may be told.

use diesel::{
    QueryableByName,
    sql_types::{Bool, Nullable},
};
use loquat_domain::{ConversationId, ItemId, RawJson, ResponseId, Scope, StoredItem};
use loquat_store::{Head, History, HistoryStart, KeptContext, Reach, Segment, StoreError, Summary};
use uuid::Uuid;

use crate::{
    arguments::integer,
    pool::{Pool, Repeat},
    rows::{ContextRow, ItemRow, Maybe, Part, SegmentRow, SummaryRow},
    statement::Call,
};

/// The head, or an item, or a segment.
#[derive(Debug, QueryableByName)]
struct HistoryPart {
    #[diesel(embed)]
    head: Maybe<HeadRow>,
    #[diesel(embed)]
    context: Maybe<ContextRow>,
    #[diesel(embed)]
    summary: Maybe<SummaryRow>,
    #[diesel(embed)]
    item: Maybe<ToldRow>,
    #[diesel(embed)]
    segment: Maybe<SegmentRow>,
}

/// Where the history is.
#[derive(Debug, QueryableByName)]
struct HeadRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    conversation: Uuid,
    #[diesel(sql_type = Bool)]
    listed: bool,
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    leaf: Option<Uuid>,
    #[diesel(sql_type = Bool)]
    running: bool,
}

impl Part for HeadRow {
    const COLUMN: &'static str = "conversation";
}

/// An item of the branch, or one that leads.
#[derive(Debug, QueryableByName)]
struct ToldRow {
    #[diesel(sql_type = Bool)]
    leads: bool,
    #[diesel(sql_type = Bool)]
    active: bool,
    #[diesel(embed)]
    item: ItemRow,
}

impl Part for ToldRow {
    const COLUMN: &'static str = "leads";
}

/// The newest part of a branch, as far as it is asked for, and what the context engine keeps.
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
        reach.anchored.into(),
        reach.segments.into(),
    ];
    let read = Call::of("history_v2", scope, &values);
    let rows: Vec<HistoryPart> = pool.call(read, Repeat::Harmless).await?;
    told(rows)
}

fn told(rows: Vec<HistoryPart>) -> Result<History, StoreError> {
    let mut rows = rows.into_iter();
    let first = rows.next().ok_or(StoreError::NotFound)?;
    let head = first.head.0.ok_or(StoreError::NotFound)?;
    let (mut branch, mut lead, mut segments) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match row.item.0 {
            Some(told) if told.leads => lead.push(told),
            Some(told) => branch.push(told),
            None => segments.extend(row.segment.0),
        }
    }
    // They come in this order, but SQL promises none.
    branch.sort_by_key(|told| std::cmp::Reverse(told.item.position));
    lead.sort_by_key(|told| told.item.position);
    let newest = branch.first().map_or(0, |told: &ToldRow| told.item.position);
    let reached_root = branch.last().is_none_or(|told| told.item.parent.is_none());
    lead.retain(|told| !reached_root && told.item.position <= newest);
    segments.sort_by_key(|segment: &SegmentRow| segment.first_position);
    Ok(History {
        head: Head {
            conversation: ConversationId::from_uuid(head.conversation),
            listed: head.listed,
            leaf: head.leaf.map(ItemId::from_uuid),
            running: head.running,
            active: branch.first().is_none_or(|told| told.active),
        },
        reached_root,
        items: stored(branch)?,
        lead: stored(lead)?,
        context: first.context.0.map(|context| kept(context, first.summary)).transpose()?,
        segments: segments.into_iter().map(Segment::from).collect(),
    })
}

fn stored(told: Vec<ToldRow>) -> Result<Vec<StoredItem>, StoreError> {
    told.into_iter().map(|told| told.item.try_into()).collect()
}

fn kept(context: ContextRow, summary: Maybe<SummaryRow>) -> Result<KeptContext, StoreError> {
    Ok(KeptContext {
        version: context.context_version,
        anchor: context.anchor,
        state: context.context_state.map(RawJson::from_checked),
        summary: summary.0.map(Summary::try_from).transpose()?,
    })
}
