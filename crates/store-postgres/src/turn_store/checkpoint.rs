//! Signs of life.

use std::{borrow::Cow, time::Duration};

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Bool},
};
use loquat_store::{Checkpoint, Interrupted, Interruption, StoreError};

use crate::{
    arguments::{Runs, micros},
    pool::{Pool, Repeat},
    statement::{Call, Value},
};

/// A sign whose turn should not go on.
#[derive(Debug, QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    sign: i64,
    #[diesel(sql_type = Bool)]
    stopped: bool,
}

/// Extends the leases of running turns and keeps their new events.
pub(super) async fn checkpoint(
    pool: &Pool,
    batch: &[Checkpoint],
    lease: Duration,
) -> Result<Vec<Interrupted>, StoreError> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let mut signs: Vec<&Checkpoint> = batch.iter().collect();
    // In this order everybody takes locks. Signs of one turn stay in theirs.
    signs.sort_by_key(|sign| (&sign.scope.tenant, sign.response));
    let tenants: Vec<_> =
        signs.iter().map(|sign| Some(Cow::Borrowed(sign.scope.tenant.as_str()))).collect();
    let users: Vec<_> =
        signs.iter().map(|sign| Some(Cow::Borrowed(sign.scope.user.as_str()))).collect();
    let responses: Vec<_> = signs.iter().map(|sign| Some(sign.response.as_uuid())).collect();
    let at_work: Vec<_> = signs.iter().map(|sign| sign.at_work).collect();
    let mut runs = Runs::default();
    for sign in &signs {
        runs.push(sign.log.as_ref());
    }
    let own = [
        Value::Texts(&tenants),
        Value::Texts(&users),
        Value::Ids(&responses),
        Value::Flags(&at_work),
    ];
    let values = [&own[..], &runs.values(), &[micros(lease).into()]].concat();
    let checkpoint = Call::new("checkpoint_v1", &values);
    let rows: Vec<Row> = pool.call(checkpoint, Repeat::Harmless).await?;
    let interrupted = rows.into_iter().filter_map(|row| {
        let place = usize::try_from(row.sign).ok()?.checked_sub(1)?;
        let sign = signs.get(place)?;
        let why = if row.stopped { Interruption::Stopped } else { Interruption::Gone };
        Some(Interrupted { scope: sign.scope.clone(), response: sign.response, why })
    });
    Ok(interrupted.collect())
}
