//! Statements about responses.

use diesel::prelude::*;
use loquat_domain::{RawJson, Response, Scope, StoredItem};
use loquat_store::{StoreError, StoredResponse};

use crate::{
    branches::Walk, context, conversations, error::Failed, items, key::Key, rows::ResponseRow,
    schema::responses, threads::Outcome,
};

/// A response with what it produced.
pub(crate) fn find(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<StoredResponse> {
    let (row, leaf, output_from): (ResponseRow, Option<Key>, Option<i64>) = responses::table
        .find((scope.tenant.as_str(), id))
        .filter(responses::user.eq(scope.user.as_str()))
        .select((ResponseRow::as_select(), responses::leaf, responses::output_from))
        .get_result(conn)?;
    let mut output = Vec::new();
    if let (Some(end), Some(from_position)) = (leaf, output_from) {
        let tenant = scope.tenant.as_str();
        let rows =
            Walk { tenant, end, from_position, tokens: i64::MAX, anchor: None }.load(conn)?;
        for row in rows.into_iter().rev() {
            output.push(StoredItem::try_from(row)?.item);
        }
    }
    let receipt = RawJson::from_checked(row.receipt.as_str());
    let route = row.route.as_deref().map(RawJson::from_checked);
    let hidden = row.hidden;
    Ok(StoredResponse { response: Response::try_from(row)?, hidden, output, receipt, route })
}

/// Asks whoever runs a turn to stop it; true when it is running.
pub(crate) fn request_stop(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<bool> {
    let target = responses::table
        .find((scope.tenant.as_str(), id))
        .filter(responses::user.eq(scope.user.as_str()))
        .filter(responses::hidden.eq(false));
    let is_running: bool = target.select(responses::lease_until.is_not_null()).get_result(conn)?;
    if is_running {
        diesel::update(target).set(responses::stop_requested.eq(true)).execute(conn)?;
    }
    Ok(is_running)
}

/// Deletes a response that its owner knows of, and what nobody can reach without it.
pub(crate) fn delete(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<()> {
    remove(conn, scope, id, false)
}

/// Deletes a response if it is there and hidden, and what nobody can reach without it.
pub(crate) fn remove_hidden(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<()> {
    match remove(conn, scope, id, true) {
        Err(Failed(StoreError::NotFound)) => Ok(()),
        removed => removed,
    }
}

fn remove(conn: &mut SqliteConnection, scope: &Scope, id: Key, hidden: bool) -> Outcome<()> {
    let target = responses::table
        .find((scope.tenant.as_str(), id))
        .filter(responses::user.eq(scope.user.as_str()))
        .filter(responses::hidden.eq(hidden));
    let (conversation, leaf): (Key, Option<Key>) = diesel::delete(target)
        .returning((responses::conversation, responses::leaf))
        .get_result(conn)?;
    let home = conversations::home(conn, scope, conversation)?;
    if home.listed {
        return conversations::free(conn, scope, conversation, id);
    }
    // An implicit conversation is reached by its responses only.
    if is_used(conn, scope, conversation)? {
        let cut = prune(conn, scope.tenant.as_str(), conversation, leaf)?;
        match cut.filter(|_| home.context_version.is_some()) {
            None => Ok(()),
            Some(cut) => {
                let gone = cut..=i64::MAX;
                context::edit(conn, scope.tenant.as_str(), conversation, gone)
            }
        }
    } else {
        conversations::delete(conn, scope, conversation)
    }
}

/// True when a conversation has responses.
fn is_used(conn: &mut SqliteConnection, scope: &Scope, conversation: Key) -> Outcome<bool> {
    let used = responses::table
        .filter(responses::tenant.eq(scope.tenant.as_str()))
        .filter(responses::conversation.eq(conversation));
    Ok(diesel::select(diesel::dsl::exists(used)).get_result(conn)?)
}

/// Deletes the items at the end of a branch that nothing continues and no response ends at. Returns
/// the position from which on that has taken items off the active branch.
fn prune(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    mut end: Option<Key>,
) -> Outcome<Option<i64>> {
    let mut cut = None;
    while let Some(id) = end {
        if !items::is_leaf(conn, tenant, conversation, id)?
            || ends_a_response(conn, tenant, conversation, id)?
        {
            break;
        }
        let gone = items::delete(conn, tenant, id)?;
        if gone.active {
            cut = Some(gone.position);
        }
        end = gone.parent;
    }
    Ok(cut)
}

fn ends_a_response(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    item: Key,
) -> Outcome<bool> {
    let ending = responses::table
        .filter(responses::tenant.eq(tenant))
        .filter(responses::conversation.eq(conversation))
        .filter(responses::leaf.eq(item));
    Ok(diesel::select(diesel::dsl::exists(ending)).get_result(conn)?)
}

/// Lets the responses that end at an item end at something else.
pub(crate) fn move_ends(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    from: Key,
    to: Option<Key>,
) -> Outcome<()> {
    let ending = responses::table
        .filter(responses::tenant.eq(tenant))
        .filter(responses::conversation.eq(conversation))
        .filter(responses::leaf.eq(from));
    diesel::update(ending).set(responses::leaf.eq(to)).execute(conn)?;
    Ok(())
}
