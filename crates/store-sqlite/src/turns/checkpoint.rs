//! Signs of life.

use std::time::Duration;

use diesel::{OptionalExtension, RunQueryDsl, SqliteConnection, sql_types::Bool};
use loquat_store::{Checkpoint, CheckpointLog, Interrupted, Interruption};

use crate::{clock, key::Key, rows::sequence, statement::Statement, threads::Outcome};

/// Extends the leases of running turns and keeps their new events; tells which of them should not
/// go on.
pub(crate) fn checkpoint(
    conn: &mut SqliteConnection,
    batch: Vec<Checkpoint>,
    lease: Duration,
) -> Outcome<Vec<Interrupted>> {
    let mut interrupted = Vec::new();
    for sign in batch {
        let tenant = sign.scope.tenant.as_str();
        let id = Key::from(sign.response);
        // An earlier version, which may come to end the turn, looks for its events only when this
        // says that there are any.
        let last = sign.log.as_ref().map(|log| sequence(log.last));
        let extend = Statement::<6, Bool>::new(
            concat!(
                "UPDATE responses SET lease_until = ",
                clock::now!(),
                " + ?,
                    last_sequence = coalesce(?, last_sequence),
                    status = CASE WHEN ? THEN 'in_progress' ELSE status END
                WHERE tenant = ? AND id = ? AND user = ? AND lease_until IS NOT NULL
                RETURNING stop_requested",
            ),
            [
                clock::micros(lease).into(),
                last.into(),
                sign.at_work.into(),
                tenant.into(),
                id.into(),
                sign.scope.user.as_str().into(),
            ],
        );
        let stop_requested: Option<bool> = extend.get_result(conn).optional()?;
        let why = match stop_requested {
            None => Some(Interruption::Gone),
            Some(stop) => stop.then_some(Interruption::Stopped),
        };
        if let Some(log) = sign.log.as_ref().filter(|_| stop_requested.is_some()) {
            keep(conn, tenant, id, log)?;
        }
        let Checkpoint { scope, response, .. } = sign;
        interrupted.extend(why.map(|why| Interrupted { scope, response, why }));
    }
    Ok(interrupted)
}

/// Keeps a run of events. One that comes again with more, because its writer was told that it had
/// failed, takes the place of the shorter one.
pub(super) fn keep(
    conn: &mut SqliteConnection,
    tenant: &str,
    response: Key,
    log: &CheckpointLog,
) -> Outcome<()> {
    let insert = Statement::<5>::new(
        "INSERT INTO response_events (tenant, response, first_sequence, last_sequence, events)
        VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (tenant, response, first_sequence) DO UPDATE
        SET last_sequence = excluded.last_sequence, events = excluded.events
        WHERE last_sequence < excluded.last_sequence",
        [
            tenant.into(),
            response.into(),
            sequence(log.first).into(),
            sequence(log.last).into(),
            log.events.as_str().into(),
        ],
    );
    insert.execute(conn)?;
    Ok(())
}
