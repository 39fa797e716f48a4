//! Signs of life.

use std::time::Duration;

use diesel::prelude::*;
use loquat_store::{Checkpoint, CheckpointLog};

use crate::{
    clock::Clock,
    key::Key,
    rows::sequence,
    schema::{response_events, responses},
    threads::Outcome,
};

/// Extends the leases of running turns and keeps their new events.
pub(crate) fn checkpoint(
    conn: &mut SqliteConnection,
    batch: &[Checkpoint],
    lease: Duration,
) -> Outcome<()> {
    for sign in batch {
        let tenant = sign.scope.tenant.as_str();
        let id = Key::from(sign.response);
        let stored: Option<Option<i64>> = responses::table
            .find((tenant, id))
            .filter(responses::user.eq(sign.scope.user.as_str()))
            .filter(responses::lease_until.is_not_null())
            .select(responses::last_sequence)
            .first(conn)
            .optional()?;
        // It has ended or was deleted.
        let Some(stored) = stored else { continue };
        let next = stored.map_or(0, |last| last + 1);
        let log = sign.log.as_ref().filter(|log| sequence(log.first) == next);
        if let Some(log) = log {
            insert_log(conn, tenant, id, log)?;
        }
        diesel::update(responses::table.find((tenant, id)))
            .set((
                responses::lease_until.eq(Clock::after(lease)),
                responses::last_sequence.eq(log.map(|log| sequence(log.last)).or(stored)),
            ))
            .execute(conn)?;
    }
    Ok(())
}

fn insert_log(
    conn: &mut SqliteConnection,
    tenant: &str,
    response: Key,
    log: &CheckpointLog,
) -> Outcome<()> {
    diesel::insert_into(response_events::table)
        .values((
            response_events::tenant.eq(tenant),
            response_events::response.eq(response),
            response_events::first_sequence.eq(sequence(log.first)),
            response_events::last_sequence.eq(sequence(log.last)),
            response_events::events.eq(log.events.as_str()),
        ))
        .execute(conn)?;
    Ok(())
}
