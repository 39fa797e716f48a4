//! What a model may be told.

use diesel::prelude::*;
use loquat_domain::{Scope, StoredItem};
use loquat_store::{Head, History, HistoryStart, Reach, StoreError};

use crate::{
    branches::Walk,
    clock::Clock,
    items,
    key::Key,
    schema::{conversations, responses},
    threads::Outcome,
};

/// The newest part of a branch, up to a sum of tokens.
pub(crate) fn history(
    conn: &mut SqliteConnection,
    scope: &Scope,
    start: HistoryStart,
    reach: Reach,
) -> Outcome<History> {
    let head = match start {
        HistoryStart::Conversation(id) => conversation_head(conn, scope, id.into())?,
        HistoryStart::Item(id, item) => item_head(conn, scope, id.into(), item.map(Key::from))?,
        HistoryStart::Response(id) => response_head(conn, scope, id.into())?,
    };
    let rows = match head.leaf {
        None => Vec::new(),
        Some(leaf) => Walk {
            tenant: scope.tenant.as_str(),
            end: leaf.into(),
            from_position: 0,
            tokens: i64::try_from(reach.tokens).unwrap_or(i64::MAX),
        }
        .load(conn)?,
    };
    let reached_root = rows.last().is_none_or(|row| row.parent.is_none());
    let items = rows.into_iter().map(StoredItem::try_from).collect::<Result<_, StoreError>>()?;
    let (lead, context, segments) = (Vec::new(), None, Vec::new());
    Ok(History { head, items, reached_root, lead, context, segments })
}

/// The end of a conversation's active branch, and the turn that holds its lock or held it last.
#[derive(Debug, Queryable)]
struct Lines {
    leaf: Option<Key>,
    turn_leaf: Option<Key>,
    running: Option<bool>,
    alive: Option<bool>,
}

impl Lines {
    /// True when a history that ends here ends at what a turn is answering.
    fn answered(&self, leaf: Option<Key>) -> bool {
        self.running == Some(true) && self.turn_leaf == leaf
    }
}

fn conversation_head(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<Head> {
    let lines = lines(conn, scope, id)?;
    Ok(Head {
        conversation: id.into(),
        listed: true,
        leaf: lines.leaf.map(Into::into),
        running: lines.answered(lines.leaf),
        active: true,
    })
}

fn item_head(
    conn: &mut SqliteConnection,
    scope: &Scope,
    id: Key,
    item: Option<Key>,
) -> Outcome<Head> {
    let lines = lines(conn, scope, id)?;
    if let Some(item) = item {
        items::tail(conn, scope.tenant.as_str(), id, item)?;
    }
    Ok(Head {
        conversation: id.into(),
        listed: true,
        leaf: item.map(Into::into),
        running: lines.answered(item) || lines.alive == Some(true),
        active: lines.leaf == item,
    })
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
        ))
        .get_result(conn)?)
}

fn response_head(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<Head> {
    let conversation = conversations::tenant
        .eq(responses::tenant)
        .and(conversations::id.eq(responses::conversation));
    let (conversation, listed, leaf, running): (Key, bool, Option<Key>, bool) = responses::table
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
        ))
        .get_result(conn)?;
    let (conversation, leaf) = (conversation.into(), leaf.map(Into::into));
    Ok(Head { conversation, listed, leaf, running, active: false })
}
