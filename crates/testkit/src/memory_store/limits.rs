//! How much of what is limited has been taken.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use loquat_domain::{Limit, LimitKey, Meter, Scope, Timestamp};
use loquat_store::{AuditEntry, Exchange, Exchanged, LimitStore, Settled, StoreError};
use uuid::Uuid;

use super::{MemoryStore, StoreCall, tenant::Tenant};

/// What is taken from one count.
#[derive(Debug, Default)]
pub(super) struct Count {
    /// By who holds it; all is one's where nobody does.
    parts: BTreeMap<Uuid, Part>,
}

#[derive(Debug)]
struct Part {
    taken: u64,
    /// When nobody has to know of it any more: the end of its period, or of a lease.
    ends: Timestamp,
}

impl Count {
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.parts.retain(|_, part| part.ends > now);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    fn exchange(
        &mut self,
        holder: Uuid,
        lease: Duration,
        now: Timestamp,
        exchange: &Exchange,
    ) -> Exchanged {
        self.forget(now);
        let period = exchange.key.meter.period(now);
        let (holder, ends) = match exchange.key.meter {
            Meter::Streams => (holder, now.plus(lease)),
            Meter::RequestsPerMinute | Meter::TokensPerDay | Meter::MicrosPerMonth => {
                (Uuid::nil(), period.end)
            }
        };
        let own = self.parts.remove(&holder).map_or(0, |part| part.taken);
        let others = self.parts.values().map(|part| part.taken).fold(0, u64::saturating_add);
        let Settled { granted, own } = exchange.settle(period.start, own, others);
        if own > 0 {
            self.parts.insert(holder, Part { taken: own, ends });
        }
        let taken = own.saturating_add(others);
        Exchanged { granted, taken, period: period.start, now, ends: period.end }
    }
}

#[async_trait]
impl LimitStore for MemoryStore {
    async fn exchange(
        &self,
        holder: Uuid,
        lease: Duration,
        batch: Vec<Exchange>,
    ) -> Result<Vec<Exchanged>, StoreError> {
        let mut tables = self.enter(StoreCall::Exchange).await?;
        let now = self.clock.now();
        let exchanged = batch.iter().map(|exchange| {
            let counts = &mut tables.of(&exchange.key.tenant).counts;
            let count = counts.entry(exchange.key.clone()).or_default();
            count.exchange(holder, lease, now, exchange)
        });
        Ok(exchanged.collect())
    }

    async fn limits(&self, scope: &Scope) -> Result<Vec<Limit>, StoreError> {
        let mut tables = self.enter(StoreCall::Limits).await?;
        let limits = &tables.of(&scope.tenant).limits;
        let limit =
            |(key, most): (&LimitKey, &Option<u64>)| Limit { key: key.clone(), most: *most };
        Ok(limits.iter().map(limit).collect())
    }

    async fn set_limit(
        &self,
        scope: &Scope,
        limit: Limit,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::SetLimit).await?;
        let tenant = tables.of(&scope.tenant);
        tenant.limits.insert(limit.key, limit.most.map(|most| most.min(Exchange::MOST)));
        tenant.keep_audit(audit);
        Ok(())
    }

    async fn remove_limit(
        &self,
        scope: &Scope,
        key: LimitKey,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::RemoveLimit).await?;
        let tenant = tables.of(&scope.tenant);
        tenant.limits.remove(&key).ok_or(StoreError::NotFound)?;
        tenant.keep_audit(audit);
        Ok(())
    }
}

impl Tenant {
    /// Drops up to `limit` counts that are over.
    pub(super) fn forget_counts(&mut self, now: Timestamp, limit: u32) -> u32 {
        let mut forgotten = 0;
        self.counts.retain(|_, count| {
            if forgotten < limit {
                let before = count.parts.len();
                count.forget(now);
                forgotten += u32::try_from(before - count.parts.len()).unwrap_or(u32::MAX);
            }
            !count.is_empty()
        });
        forgotten
    }
}
