//! How much of what is limited has been taken.

use std::time::Duration;

use async_trait::async_trait;
use loquat_domain::{Limit, LimitKey, Scope};
use loquat_store::{AuditEntry, Exchange, Exchanged, LimitStore, StoreError};
use uuid::Uuid;

use crate::{
    SqliteStore,
    allowances::{self, Taker},
    audit, clock, limits,
};

#[async_trait]
impl LimitStore for SqliteStore {
    async fn exchange(
        &self,
        holder: Uuid,
        lease: Duration,
        batch: Vec<Exchange>,
    ) -> Result<Vec<Exchanged>, StoreError> {
        let exchanged = self.threads.write(move |conn| {
            let now = clock::read(conn)?;
            let who = Taker { holder: holder.into(), lease_until: now.plus(lease), now };
            batch.iter().map(|exchange| allowances::exchange(conn, who, exchange)).collect()
        });
        exchanged.await
    }

    async fn limits(&self, scope: &Scope) -> Result<Vec<Limit>, StoreError> {
        let tenant = scope.tenant.clone();
        self.threads.read(move |conn| limits::all(conn, tenant.as_str())).await
    }

    async fn set_limit(
        &self,
        scope: &Scope,
        limit: Limit,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let tenant = scope.tenant.clone();
        let set = self.threads.write(move |conn| {
            limits::set(conn, tenant.as_str(), &limit)?;
            audit::keep(conn, tenant.as_str(), &audit)
        });
        set.await
    }

    async fn remove_limit(
        &self,
        scope: &Scope,
        key: LimitKey,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let tenant = scope.tenant.clone();
        let removed = self.threads.write(move |conn| {
            limits::remove(conn, tenant.as_str(), &key)?;
            audit::keep(conn, tenant.as_str(), &audit)
        });
        removed.await
    }
}
