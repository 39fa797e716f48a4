//! What has to be done from time to time.

use async_trait::async_trait;
use diesel::prelude::*;
use loquat_domain::Scope;
use loquat_store::{StaleTurn, StoreError, Upkeep};

use crate::{
    SqliteStore, allowances,
    clock::Clock,
    connection,
    key::Key,
    once, revocations,
    rows::{read_tenant, read_user},
    schema::responses,
    statement::first_rows,
    threads::Outcome,
    turns,
};

#[async_trait]
impl Upkeep for SqliteStore {
    async fn stale_turns(&self, limit: u32) -> Result<Vec<StaleTurn>, StoreError> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        self.threads.read(move |conn| turns::stale(conn, most)).await
    }

    async fn forget_expired(&self, limit: u32) -> Result<u32, StoreError> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let forgotten = self.threads.write(move |conn| {
            let forgotten = [
                forget_logs(conn, most)?,
                forget_keys(conn, most)?,
                allowances::forget(conn, most)?,
                revocations::forget(conn, most)?,
            ];
            Ok(forgotten.into_iter().fold(0, usize::saturating_add))
        });
        Ok(u32::try_from(forgotten.await?).unwrap_or(u32::MAX))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.threads.read(connection::probe).await?;
        // An empty transaction takes the write lock and syncs nothing.
        self.threads.write(|_| Ok(())).await
    }
}

/// Drops the events of up to `most` turns, those that were to be dropped first; returns of how many.
fn forget_logs(conn: &mut SqliteConnection, most: usize) -> Outcome<usize> {
    let expired = responses::table
        .filter(responses::log_until.le(Clock::NOW))
        .order(responses::log_until)
        .select((responses::tenant, responses::id));
    let expired: Vec<(String, Key)> = first_rows(expired, conn, most)?;
    for (tenant, id) in &expired {
        turns::delete_events(conn, tenant, *id)?;
        diesel::update(responses::table.find((tenant, *id)))
            .set(responses::log_until.eq(None::<i64>))
            .execute(conn)?;
    }
    Ok(expired.len())
}

/// Drops up to `most` keys, those that were to be dropped first; returns how many.
fn forget_keys(conn: &mut SqliteConnection, most: usize) -> Outcome<usize> {
    let expired = once::expired(conn, most)?;
    for (tenant, user, route, key) in &expired {
        let scope = Scope { tenant: read_tenant(tenant)?, user: read_user("user", user)? };
        once::forget(conn, &scope, route, key)?;
    }
    Ok(expired.len())
}
