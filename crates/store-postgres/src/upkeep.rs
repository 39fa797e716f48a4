//! What has to be done from time to time.

use async_trait::async_trait;
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Bool, Text},
};
use loquat_domain::{ResponseId, Scope, TenantId, UserId};
use loquat_store::{StaleTurn, StoreError, Upkeep};
use uuid::Uuid;

use crate::{PostgresStore, answers, pool::Repeat, statement::Call};

#[async_trait]
impl Upkeep for PostgresStore {
    async fn stale_turns(&self, limit: u32) -> Result<Vec<StaleTurn>, StoreError> {
        let read = Call::new("stale_turns_v1", [i64::from(limit).into()]);
        let rows: Vec<StaleRow> = self.pool.call_reserved(read, Repeat::Harmless).await?;
        let mut turns = Vec::with_capacity(rows.len());
        for row in rows {
            match StaleTurn::try_from(row) {
                Ok(turn) => turns.push(turn),
                // Nobody could name it: no scope is of this form.
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "a stale turn cannot be named and is passed over");
                }
            }
        }
        Ok(turns)
    }

    async fn forget_expired(&self, limit: u32) -> Result<u32, StoreError> {
        let forget = Call::new("forget_expired_v2", [i64::from(limit).into()]);
        let rows: Vec<Forgotten> = self.pool.call_reserved(forget, Repeat::Harmless).await?;
        Ok(u32::try_from(answers::only(rows)?.forgotten).unwrap_or(u32::MAX))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let rows: Vec<Pong> = self.pool.call(Call::new("ping_v1", []), Repeat::Harmless).await?;
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

/// A turn without a sign of life.
#[derive(Debug, QueryableByName)]
struct StaleRow {
    #[diesel(sql_type = Text)]
    tenant: String,
    #[diesel(sql_type = Text)]
    user_id: String,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    response: Uuid,
}

impl TryFrom<StaleRow> for StaleTurn {
    type Error = StoreError;

    fn try_from(row: StaleRow) -> Result<Self, StoreError> {
        let tenant = TenantId::new(&row.tenant);
        let user = UserId::new(&row.user_id);
        let scope = Scope {
            tenant: tenant.map_err(|_| StoreError::Corrupt { column: "tenant" })?,
            user: user.map_err(|_| StoreError::Corrupt { column: "user_id" })?,
        };
        Ok(Self { scope, response: ResponseId::from_uuid(row.response) })
    }
}
