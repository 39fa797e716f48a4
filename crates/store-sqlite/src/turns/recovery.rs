//! Turns that gave no sign of life.

use diesel::prelude::*;
use loquat_domain::{Event, Response, Scope, TenantId, UserId};
use loquat_store::{StaleTurn, StoreError, json::EventDecoder};

use super::log;
use crate::{
    clock::Clock, key::Key, rows::ResponseRow, schema::responses, statement::first_rows,
    threads::Outcome,
};

/// Up to `limit` turns whose lease has run out, oldest first.
pub(crate) fn stale(conn: &mut SqliteConnection, limit: u32) -> Outcome<Vec<StaleTurn>> {
    let expired = responses::table
        .filter(responses::lease_until.le(Clock::NOW))
        .order((responses::lease_until, responses::created_at))
        .select((responses::tenant, responses::user, ResponseRow::as_select()));
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let rows: Vec<(String, String, ResponseRow)> = first_rows(expired, conn, most)?;
    let mut turns = Vec::with_capacity(rows.len());
    for (tenant, user, row) in rows {
        let events = events(conn, &tenant, row.id)?;
        match stale_turn(&tenant, &user, row, events) {
            Ok(turn) => turns.push(turn),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "a stale turn cannot be read and is passed over");
            }
        }
    }
    Ok(turns)
}

fn stale_turn(
    tenant: &str,
    user: &str,
    row: ResponseRow,
    events: Vec<Event>,
) -> Result<StaleTurn, StoreError> {
    let scope = Scope {
        tenant: TenantId::new(tenant).map_err(|_| StoreError::Corrupt { column: "tenant" })?,
        user: UserId::new(user).map_err(|_| StoreError::Corrupt { column: "user" })?,
    };
    Ok(StaleTurn { scope, response: Response::try_from(row)?, events })
}

/// What was checkpointed of a turn, up to the first gap or to what cannot be read.
fn events(conn: &mut SqliteConnection, tenant: &str, response: Key) -> Outcome<Vec<Event>> {
    let mut decoder = EventDecoder::new();
    let mut events = Vec::new();
    for run in log::runs(conn, tenant, response, 0, usize::MAX)? {
        let Ok(read) = decoder.push(&run.events) else { break };
        events.extend(read);
    }
    Ok(events)
}
