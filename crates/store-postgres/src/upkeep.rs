//! What has to be done from time to time.

use async_trait::async_trait;
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Bool, Nullable, Text},
};
use loquat_domain::{Event, Response, Scope, TenantId, UserId};
use loquat_store::{StaleTurn, StoreError, Upkeep, json::EventDecoder};

use crate::{PostgresStore, answers, pool::Repeat, rows::ResponseRow, statement::Call};

#[async_trait]
impl Upkeep for PostgresStore {
    async fn stale_turns(&self, limit: u32) -> Result<Vec<StaleTurn>, StoreError> {
        let values = [i64::from(limit).into()];
        let read = Call::new("stale_turns_v1", &values);
        let rows: Vec<StaleRow> = self.pool.call(read, Repeat::Harmless).await?;
        let mut turns = Vec::with_capacity(rows.len());
        for row in rows {
            match StaleTurn::try_from(row) {
                Ok(turn) => turns.push(turn),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "a stale turn cannot be read and is passed over");
                }
            }
        }
        Ok(turns)
    }

    async fn forget_expired(&self, limit: u32) -> Result<u32, StoreError> {
        let values = [i64::from(limit).into()];
        let forget = Call::new("forget_expired_v1", &values);
        let rows: Vec<Forgotten> = self.pool.call(forget, Repeat::Harmless).await?;
        Ok(u32::try_from(answers::only(rows)?.forgotten).unwrap_or(u32::MAX))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let rows: Vec<Pong> = self.pool.call(Call::new("ping_v1", &[]), Repeat::Harmless).await?;
        if answers::only(rows)?.writable {
            Ok(())
        } else {
            Err(StoreError::Unavailable("the database takes no writes".into()))
        }
    }
}

#[derive(Debug, QueryableByName)]
struct Forgotten {
    #[diesel(sql_type = BigInt)]
    forgotten: i64,
}

#[derive(Debug, QueryableByName)]
struct Pong {
    #[diesel(sql_type = Bool)]
    writable: bool,
}

/// A turn without a sign of life, and its runs of events by their first numbers.
#[derive(Debug, QueryableByName)]
struct StaleRow {
    #[diesel(sql_type = Text)]
    tenant: String,
    #[diesel(sql_type = Text)]
    user_id: String,
    #[diesel(embed)]
    response: ResponseRow,
    #[diesel(sql_type = Nullable<Array<BigInt>>)]
    firsts: Option<Vec<i64>>,
    #[diesel(sql_type = Nullable<Array<BigInt>>)]
    lasts: Option<Vec<i64>>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    events: Option<Vec<String>>,
}

impl TryFrom<StaleRow> for StaleTurn {
    type Error = StoreError;

    fn try_from(row: StaleRow) -> Result<Self, StoreError> {
        let runs = row.firsts.into_iter().flatten().zip(row.lasts.into_iter().flatten());
        let events = events(runs.zip(row.events.into_iter().flatten()));
        let tenant = TenantId::new(&row.tenant);
        let user = UserId::new(&row.user_id);
        let scope = Scope {
            tenant: tenant.map_err(|_| StoreError::Corrupt { column: "tenant" })?,
            user: user.map_err(|_| StoreError::Corrupt { column: "user_id" })?,
        };
        Ok(Self { scope, response: Response::try_from(row.response)?, events })
    }
}

/// The events up to the first gap or to what cannot be read.
fn events(runs: impl Iterator<Item = ((i64, i64), String)>) -> Vec<Event> {
    let mut decoder = EventDecoder::new();
    let mut events = Vec::new();
    let mut next = 0;
    for ((first, last), run) in runs {
        if first == next {
            let Ok(read) = decoder.push(&run) else { break };
            events.extend(read);
            next = last + 1;
        }
    }
    events
}
