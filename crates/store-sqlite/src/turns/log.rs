//! What a turn has emitted.

use diesel::{connection::DefaultLoadingMode, prelude::*};
use loquat_domain::Scope;
use loquat_store::{CheckpointLog, EventLog, LogEnd, StoreError};

use crate::{
    clock::Clock,
    key::Key,
    rows::sequence,
    schema::{response_events, responses},
    threads::Outcome,
};

/// Up to `most` runs of a turn's events, from the one that begins with `from` on.
pub(crate) fn events(
    conn: &mut SqliteConnection,
    scope: &Scope,
    id: Key,
    from: u64,
    most: usize,
) -> Outcome<EventLog> {
    let tenant = scope.tenant.as_str();
    let (running, last_sequence, kept): (bool, Option<i64>, Option<bool>) = responses::table
        .find((tenant, id))
        .filter(responses::user.eq(scope.user.as_str()))
        .select((
            responses::lease_until.is_not_null(),
            responses::last_sequence,
            responses::log_until.gt(Clock::NOW),
        ))
        .get_result(conn)?;
    let kept = kept == Some(true);
    let end = if running {
        None
    } else {
        Some(LogEnd { last_sequence: number(last_sequence.unwrap_or_default())?, kept })
    };
    let runs =
        if running || kept { runs(conn, tenant, id, sequence(from), most)? } else { Vec::new() };
    Ok(EventLog { runs, end })
}

/// Up to `most` runs, from the one that begins with `from` to the first gap.
fn runs(
    conn: &mut SqliteConnection,
    tenant: &str,
    response: Key,
    from: i64,
    most: usize,
) -> Outcome<Vec<CheckpointLog>> {
    let stored = response_events::table
        .filter(response_events::tenant.eq(tenant))
        .filter(response_events::response.eq(response))
        .filter(response_events::first_sequence.ge(from))
        .order(response_events::first_sequence)
        .select((
            response_events::first_sequence,
            response_events::last_sequence,
            response_events::events,
        ));
    let mut runs = Vec::new();
    let mut next = from;
    // Rows are found as they are asked for, so those beyond the last one cost nothing.
    for row in stored.load_iter::<(i64, i64, String), DefaultLoadingMode>(conn)? {
        let (first, last, events) = row?;
        if runs.len() >= most || first > next {
            break;
        }
        // What begins before is part of a longer run that took its place.
        if first == next {
            runs.push(CheckpointLog { first: number(first)?, last: number(last)?, events });
            next = last + 1;
        }
    }
    Ok(runs)
}

fn number(sequence: i64) -> Result<u64, StoreError> {
    u64::try_from(sequence).map_err(|_| StoreError::Corrupt { column: "last_sequence" })
}
