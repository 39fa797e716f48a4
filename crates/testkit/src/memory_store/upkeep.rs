//! What has to be done from time to time.

use async_trait::async_trait;
use loquat_domain::{Scope, Timestamp};
use loquat_store::{StaleTurn, StoreError, Upkeep};

use super::{MemoryStore, StoreCall, keys::KeyName, tenant::Tenant};

#[async_trait]
impl Upkeep for MemoryStore {
    async fn stale_turns(&self, limit: u32) -> Result<Vec<StaleTurn>, StoreError> {
        let tables = self.enter(StoreCall::StaleTurns).await?;
        let now = self.clock.now();
        let mut stale: Vec<_> = tables
            .0
            .iter()
            .flat_map(|(tenant, rows)| rows.responses.values().map(move |row| (tenant, row)))
            .filter(|(_, row)| row.is_running() && row.lease_until <= now)
            .collect();
        stale.sort_by_key(|(_, row)| (row.lease_until, row.response.created_at));
        stale.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let stale = stale.into_iter().map(|(tenant, row)| StaleTurn {
            scope: Scope { tenant: tenant.clone(), user: row.user.clone() },
            response: row.response.id,
        });
        Ok(stale.collect())
    }

    async fn forget_expired(&self, limit: u32) -> Result<u32, StoreError> {
        let mut tables = self.enter(StoreCall::ForgetExpired).await?;
        let now = self.clock.now();
        let mut forgotten = 0;
        for tenant in tables.0.values_mut() {
            forgotten += tenant.forget_logs(now, limit - forgotten.min(limit));
            forgotten += tenant.forget_keys(now, limit - forgotten.min(limit));
            forgotten += tenant.forget_counts(now, limit - forgotten.min(limit));
            forgotten += tenant.forget_revocations(now, limit - forgotten.min(limit));
        }
        Ok(forgotten)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.enter(StoreCall::Ping).await.map(drop)
    }
}

impl Tenant {
    /// Drops the events of up to `limit` turns that nobody can read any more.
    fn forget_logs(&mut self, now: Timestamp, limit: u32) -> u32 {
        let expired = self.responses.values_mut().filter(|row| {
            let is_over = row.end.as_ref().is_some_and(|end| end.log_until <= now);
            is_over && !row.log.is_empty()
        });
        let mut forgotten = 0;
        for (row, count) in expired.zip(1..=limit) {
            row.log.clear();
            forgotten = count;
        }
        forgotten
    }

    /// Drops up to `limit` keys that are no longer remembered.
    fn forget_keys(&mut self, now: Timestamp, limit: u32) -> u32 {
        let expired = self.keys.iter().filter(|(name, row)| !self.remembers(name, row, now));
        let expired: Vec<KeyName> =
            expired.zip(1..=limit).map(|((name, _), _)| name.clone()).collect();
        for name in &expired {
            self.forget(name, now);
        }
        u32::try_from(expired.len()).unwrap_or(limit)
    }
}
