//! What a model may be told.

use diesel::prelude::*;
use loquat_domain::{Scope, StoredItem};
use loquat_store::{Head, History, HistoryStart, StoreError};

use crate::{
    branches::Walk,
    key::Key,
    schema::{conversations, responses},
    threads::Outcome,
};

/// The newest part of a branch, up to a sum of tokens.
pub(crate) fn history(
    conn: &mut SqliteConnection,
    scope: &Scope,
    start: HistoryStart,
    token_budget: u64,
) -> Outcome<History> {
    let head = match start {
        HistoryStart::Conversation(id) => conversation_head(conn, scope, id.into())?,
        HistoryStart::Response(id) => response_head(conn, scope, id.into())?,
    };
    let rows = match head.leaf {
        None => Vec::new(),
        Some(leaf) => Walk {
            tenant: scope.tenant.as_str(),
            end: leaf.into(),
            from_position: 0,
            tokens: i64::try_from(token_budget).unwrap_or(i64::MAX),
        }
        .load(conn)?,
    };
    let reached_root = rows.last().is_none_or(|row| row.parent.is_none());
    let items = rows.into_iter().map(StoredItem::try_from).collect::<Result<_, StoreError>>()?;
    Ok(History { head, items, reached_root })
}

fn conversation_head(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<Head> {
    let turn = responses::tenant
        .eq(conversations::tenant)
        .and(responses::id.nullable().eq(conversations::turn));
    let (leaf, turn_leaf, running): (Option<Key>, Option<Key>, Option<bool>) = conversations::table
        .left_join(responses::table.on(turn))
        .filter(conversations::tenant.eq(scope.tenant.as_str()))
        .filter(conversations::id.eq(id))
        .filter(conversations::user.eq(scope.user.as_str()))
        .filter(conversations::listed)
        .select((
            conversations::leaf,
            responses::leaf.nullable(),
            responses::lease_until.is_not_null().nullable(),
        ))
        .get_result(conn)?;
    Ok(Head {
        conversation: id.into(),
        listed: true,
        leaf: leaf.map(Into::into),
        running: running == Some(true) && turn_leaf == leaf,
    })
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
        .select((
            responses::conversation,
            conversations::listed,
            responses::leaf,
            responses::lease_until.is_not_null(),
        ))
        .get_result(conn)?;
    Ok(Head { conversation: conversation.into(), listed, leaf: leaf.map(Into::into), running })
}
