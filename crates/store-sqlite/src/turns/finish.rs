//! The end of a turn.

use std::time::Duration;

use diesel::prelude::*;
use loquat_domain::Scope;
use loquat_store::{CheckpointLog, ContextUpdate, FinishTurn, StoreError};

use super::checkpoint;
use crate::{
    clock::{self, Clock},
    context, conversations,
    items::{self, Branch, Tail},
    key::Key,
    leaves::Tree,
    ledger,
    rows::{ChargeRow, NewItem, ResponseEnd},
    schema::{self, response_events, responses},
    statement::Statement,
    threads::Outcome,
};

/// A turn's end in the form of its rows.
#[derive(Debug)]
pub(crate) struct Finish {
    response: Key,
    end: ResponseEnd,
    output: Vec<NewItem>,
    log: Vec<CheckpointLog>,
    /// `None` when no events are kept.
    keep_log: Option<Duration>,
    only_if_stale: bool,
    context_state: Option<ContextUpdate>,
    charges: Vec<ChargeRow>,
}

impl From<FinishTurn> for Finish {
    fn from(turn: FinishTurn) -> Self {
        Self {
            response: turn.response.id.into(),
            end: ResponseEnd::new(&turn.response, turn.last_sequence, turn.route.as_ref()),
            output: turn.output.iter().map(NewItem::from).collect(),
            log: turn.log,
            keep_log: Some(turn.keep_log).filter(|keep| !keep.is_zero()),
            only_if_stale: turn.only_if_stale,
            context_state: turn.context_state,
            charges: turn.charges.iter().map(ChargeRow::from).collect(),
        }
    }
}

/// A response and its conversation, before the end.
#[derive(Debug, Queryable)]
struct Turn {
    conversation: Key,
    leaf: Option<Key>,
    leaf_position: Option<i64>,
    leaf_active: Option<bool>,
    /// Whether its lease lasts; `None` once it has ended.
    alive: Option<bool>,
    last_sequence: Option<i64>,
    listed: bool,
    active_leaf: Option<Key>,
    holder: Option<Key>,
    updated_at: i64,
}

impl Turn {
    fn tail(&self) -> Option<Tail> {
        let place = self.leaf.zip(self.leaf_position);
        let active = self.leaf_active == Some(true);
        place.map(|(id, position)| Tail { id, position, active })
    }

    fn tree<'a>(&self, tenant: &'a str) -> Tree<'a> {
        Tree { tenant, conversation: self.conversation, active_leaf: self.active_leaf }
    }
}

/// Stores a turn's end.
pub(crate) fn finish(conn: &mut SqliteConnection, scope: &Scope, turn: &Finish) -> Outcome<()> {
    let tenant = scope.tenant.as_str();
    let before = turn_of(conn, scope, turn.response)?;
    match before.alive {
        None => return Err(StoreError::Conflict.into()),
        Some(true) if turn.only_if_stale => return Err(StoreError::Conflict.into()),
        Some(_) => {}
    }
    let after = before.tail();
    let active = if before.listed {
        before.active_leaf == before.leaf
    } else {
        items::comes_first(conn, tenant, before.conversation, after)?
    };
    let branch = Branch { tenant, conversation: before.conversation, active };
    let leaf = items::attach(conn, branch, after, &turn.output)?.map(|tail| tail.id);
    set_end(conn, tenant, turn, leaf, Tail::next_position(after))?;
    if turn.keep_log.is_some() {
        for run in &turn.log {
            checkpoint::keep(conn, tenant, turn.response, run)?;
        }
    } else if before.last_sequence.is_some() {
        delete_events(conn, tenant, turn.response)?;
    }
    if before.listed {
        let tree = before.tree(tenant);
        if let Some(new) = leaf.filter(|_| !active && !turn.output.is_empty()) {
            tree.extend(conn, before.leaf, new)?;
        }
        let active_leaf = if active { leaf } else { before.active_leaf };
        let holder = before.holder.filter(|holder| *holder != turn.response);
        let ended = turn.end.completed_at.unwrap_or(before.updated_at);
        let updated_at = ended.max(before.updated_at);
        conversations::set_turn(conn, scope, before.conversation, active_leaf, holder, updated_at)?;
    }
    if let Some(update) = &turn.context_state {
        context::update_state(conn, tenant, before.conversation, update)?;
    }
    ledger::insert(conn, scope, &turn.charges)
}

/// Drops all events of a turn.
pub(crate) fn delete_events(
    conn: &mut SqliteConnection,
    tenant: &str,
    response: Key,
) -> Outcome<()> {
    let events = response_events::table
        .filter(response_events::tenant.eq(tenant))
        .filter(response_events::response.eq(response));
    diesel::delete(events).execute(conn)?;
    Ok(())
}

fn turn_of(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<Turn> {
    use schema::{conversations, items};
    let conversation = conversations::tenant
        .eq(responses::tenant)
        .and(conversations::id.eq(responses::conversation));
    let leaf = items::tenant.eq(responses::tenant).and(items::id.nullable().eq(responses::leaf));
    Ok(responses::table
        .inner_join(conversations::table.on(conversation))
        .left_join(items::table.on(leaf))
        .filter(responses::tenant.eq(scope.tenant.as_str()))
        .filter(responses::id.eq(id))
        .filter(responses::user.eq(scope.user.as_str()))
        .select((
            responses::conversation,
            responses::leaf,
            items::position.nullable(),
            items::active.nullable(),
            responses::lease_until.gt(Clock::NOW),
            responses::last_sequence,
            conversations::listed,
            conversations::leaf,
            conversations::turn,
            conversations::updated_at,
        ))
        .get_result(conn)?)
}

fn set_end(
    conn: &mut SqliteConnection,
    tenant: &str,
    turn: &Finish,
    leaf: Option<Key>,
    output_from: i64,
) -> Outcome<()> {
    let Finish { response, end, keep_log, .. } = turn;
    let update = Statement::<11>::new(
        concat!(
            "UPDATE responses SET lease_until = NULL, status = ?, status_details = ?, usage = ?,
                last_sequence = ?, completed_at = ?, route = ?, leaf = ?, output_from = ?,
                log_until = ",
            clock::now!(),
            " + ?
            WHERE tenant = ? AND id = ?",
        ),
        [
            end.status.into(),
            end.status_details.as_deref().into(),
            end.usage.as_deref().into(),
            end.last_sequence.into(),
            end.completed_at.into(),
            end.route.as_deref().into(),
            leaf.into(),
            output_from.into(),
            keep_log.map(clock::micros).into(),
            tenant.into(),
            (*response).into(),
        ],
    );
    update.execute(conn)?;
    Ok(())
}
