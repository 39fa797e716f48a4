//! Signs of life.

use std::time::Duration;

use diesel::{RunQueryDsl, SqliteConnection};
use loquat_store::{Checkpoint, CheckpointLog};

use crate::{clock, key::Key, rows::sequence, statement::Statement, threads::Outcome};

/// Extends the leases of running turns and keeps their new events.
pub(crate) fn checkpoint(
    conn: &mut SqliteConnection,
    batch: &[Checkpoint],
    lease: Duration,
) -> Outcome<()> {
    for sign in batch {
        let tenant = sign.scope.tenant.as_str();
        let id = Key::from(sign.response);
        let last = sign.log.as_ref().map(|log| sequence(log.last));
        let extend = Statement::<5>::new(
            concat!(
                "UPDATE responses SET lease_until = ",
                clock::now!(),
                " + ?,
                    last_sequence = coalesce(?, last_sequence)
                WHERE tenant = ? AND id = ? AND user = ? AND lease_until IS NOT NULL",
            ),
            [
                clock::micros(lease).into(),
                last.into(),
                tenant.into(),
                id.into(),
                sign.scope.user.as_str().into(),
            ],
        );
        let is_running = extend.execute(conn)? > 0;
        if let Some(log) = sign.log.as_ref().filter(|_| is_running) {
            keep(conn, tenant, id, log)?;
        }
    }
    Ok(())
}

/// Keeps a run of events. One that comes again with more, because its writer was told that it had
/// failed, takes the place of the shorter one.
fn keep(
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
