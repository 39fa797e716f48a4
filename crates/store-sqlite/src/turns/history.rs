//! What a model may be told.

use diesel::prelude::*;
use loquat_domain::{Scope, StoredItem};
use loquat_store::{Head, History, HistoryStart, Reach, StoreError};

use crate::{
    branches::Walk,
    clock::Clock,
    context::{self, ContextRow},
    items,
    key::Key,
    schema::{conversations, responses},
    threads::Outcome,
};

/// The newest part of a branch, as far as it is asked for, and what the context engine keeps.
pub(crate) fn history(
    conn: &mut SqliteConnection,
    scope: &Scope,
    start: HistoryStart,
    reach: Reach,
) -> Outcome<History> {
    let (mut head, kept) = match start {
        HistoryStart::Conversation(id) => conversation_head(conn, scope, id.into())?,
        HistoryStart::Item(id, item) => item_head(conn, scope, id.into(), item.map(Key::from))?,
        HistoryStart::Response(id) => response_head(conn, scope, id.into())?,
    };
    let tenant = scope.tenant.as_str();
    let conversation = head.conversation.into();
    let rows = match head.leaf {
        None => Vec::new(),
        Some(leaf) => Walk {
            tenant,
            end: leaf.into(),
            from_position: 0,
            tokens: i64::try_from(reach.tokens).unwrap_or(i64::MAX),
            anchor: kept.anchor.filter(|_| reach.anchored),
        }
        .load(conn)?,
    };
    head.active = rows.first().is_none_or(|row| row.active);
    let reached_root = rows.last().is_none_or(|row| row.parent.is_none());
    let lead = match rows.first() {
        Some(newest) if head.active && !reached_root => {
            items::lead(conn, tenant, conversation, newest.position)?
        }
        _ => Vec::new(),
    };
    let position = rows.first().map(|row| row.position).filter(|_| head.active);
    let segments = match position {
        Some(position) if reach.segments && kept.anchor.is_some() => {
            context::segments_before(conn, tenant, conversation, position)?
        }
        _ => Vec::new(),
    };
    Ok(History {
        context: kept.kept(conn, context::Place { tenant, conversation, position })?,
        lead: lead.into_iter().map(StoredItem::try_from).collect::<Result<_, StoreError>>()?,
        items: rows.into_iter().map(StoredItem::try_from).collect::<Result<_, StoreError>>()?,
        head,
        reached_root,
        segments,
    })
}

/// The end of a conversation's active branch, and the turn that holds its lock or held it last.
#[derive(Debug, Queryable)]
struct Lines {
    leaf: Option<Key>,
    turn_leaf: Option<Key>,
    running: Option<bool>,
    alive: Option<bool>,
    context: ContextRow,
}

impl Lines {
    /// True when a history that ends here ends at what a turn is answering.
    fn answered(&self, leaf: Option<Key>) -> bool {
        self.running == Some(true) && self.turn_leaf == leaf
    }
}

fn conversation_head(
    conn: &mut SqliteConnection,
    scope: &Scope,
    id: Key,
) -> Outcome<(Head, ContextRow)> {
    let lines = lines(conn, scope, id)?;
    let (leaf, running) = (lines.leaf.map(Into::into), lines.answered(lines.leaf));
    let head = Head { conversation: id.into(), listed: true, leaf, running, active: true };
    Ok((head, lines.context))
}

fn item_head(
    conn: &mut SqliteConnection,
    scope: &Scope,
    id: Key,
    item: Option<Key>,
) -> Outcome<(Head, ContextRow)> {
    let lines = lines(conn, scope, id)?;
    if let Some(item) = item {
        items::tail(conn, scope.tenant.as_str(), id, item)?;
    }
    let (leaf, running) = (item.map(Into::into), lines.answered(item) || lines.alive == Some(true));
    let head = Head { conversation: id.into(), listed: true, leaf, running, active: true };
    Ok((head, lines.context))
}

fn lines(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<Lines> {
    let turn = responses::tenant
        .eq(conversations::tenant)
        .and(responses::id.nullable().eq(conversations::turn));
    Ok(conversations::table
        .left_join(responses::table.on(turn))
        .filter(conversations::tenant.eq(scope.tenant.as_str()))
        .filter(conversations::id.eq(id))
        .filter(conversations::user.eq(scope.user.as_str()))
        .filter(conversations::listed)
        .select((
            conversations::leaf,
            responses::leaf.nullable(),
            responses::lease_until.is_not_null().nullable(),
            responses::lease_until.gt(Clock::NOW).nullable(),
            (conversations::context_version, conversations::anchor, conversations::context_state),
        ))
        .get_result(conn)?)
}

fn response_head(
    conn: &mut SqliteConnection,
    scope: &Scope,
    id: Key,
) -> Outcome<(Head, ContextRow)> {
    let conversation = conversations::tenant
        .eq(responses::tenant)
        .and(conversations::id.eq(responses::conversation));
    let found: (Key, bool, Option<Key>, bool, ContextRow) = responses::table
        .inner_join(conversations::table.on(conversation))
        .filter(responses::tenant.eq(scope.tenant.as_str()))
        .filter(responses::id.eq(id))
        .filter(responses::user.eq(scope.user.as_str()))
        .filter(responses::hidden.eq(false))
        .select((
            responses::conversation,
            conversations::listed,
            responses::leaf,
            responses::lease_until.is_not_null(),
            (conversations::context_version, conversations::anchor, conversations::context_state),
        ))
        .get_result(conn)?;
    let (conversation, listed, leaf, running, context) = found;
    let (conversation, leaf) = (conversation.into(), leaf.map(Into::into));
    Ok((Head { conversation, listed, leaf, running, active: true }, context))
}
