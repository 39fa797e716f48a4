//! Signs of life.

use std::{borrow::Cow, time::Duration};

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Text},
};
use loquat_store::{Checkpoint, Interrupted, Interruption, StoreError};

use crate::{
    answers::unexpected,
    arguments::{Runs, micros},
    pool::{Pool, Repeat},
    statement::{Call, Value},
};

/// How long to wait at most for a turn that others are at, and no longer than this part of a lease:
/// nobody gives a sign of life meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);
const PATIENCE_PER_LEASE: u32 = 8;

/// A sign that is not only kept.
#[derive(Debug, QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    sign: i64,
    #[diesel(sql_type = Text)]
    fate: String,
}

/// What there is to say about signs.
#[derive(Debug, Default)]
struct Answer<'a> {
    interrupted: Vec<Interrupted>,
    /// Signs of turns that others are at. They are not kept.
    held: Vec<&'a Checkpoint>,
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
    let Answer { mut interrupted, held } = send(pool, &signs, lease, None).await?;
    if !held.is_empty() {
        // All others are safe by now: one turn must not cost them their lives. Should these take too
        // long, the whole batch comes again, and keeping a run twice is keeping it once.
        let patience = PATIENCE.min(lease / PATIENCE_PER_LEASE);
        interrupted.extend(send(pool, &held, lease, Some(patience)).await?.interrupted);
    }
    Ok(interrupted)
}

async fn send<'a>(
    pool: &Pool,
    signs: &[&'a Checkpoint],
    lease: Duration,
    patience: Option<Duration>,
) -> Result<Answer<'a>, StoreError> {
    let tenants: Vec<_> =
        signs.iter().map(|sign| Some(Cow::Borrowed(sign.scope.tenant.as_str()))).collect();
    let users: Vec<_> =
        signs.iter().map(|sign| Some(Cow::Borrowed(sign.scope.user.as_str()))).collect();
    let responses: Vec<_> = signs.iter().map(|sign| Some(sign.response.as_uuid())).collect();
    let at_work: Vec<_> = signs.iter().map(|sign| sign.at_work).collect();
    let mut runs = Runs::default();
    for sign in signs {
        runs.push(sign.log.as_ref());
    }
    let own = [
        Value::Texts(&tenants),
        Value::Texts(&users),
        Value::Ids(&responses),
        Value::Flags(&at_work),
    ];
    let checkpoint = Call::new("checkpoint_v1", own)
        .and(&runs.values())
        .and(&[micros(lease).into(), patience.map(micros).into()]);
    let rows: Vec<Row> = pool.call_reserved(checkpoint, Repeat::Harmless).await?;
    let mut answer = Answer::default();
    for row in rows {
        let place = usize::try_from(row.sign).ok().and_then(|sign| sign.checked_sub(1));
        let Some(&sign) = place.and_then(|place| signs.get(place)) else {
            return Err(unexpected("a sign that was not sent"));
        };
        let why = match row.fate.as_str() {
            "stopped" => Interruption::Stopped,
            "gone" => Interruption::Gone,
            "held" => {
                answer.held.push(sign);
                continue;
            }
            _ => return Err(unexpected("a fate that is not known")),
        };
        let (scope, response) = (sign.scope.clone(), sign.response);
        answer.interrupted.push(Interrupted { scope, response, why });
    }
    Ok(answer)
}
