//! What is wrong about the book of charges, limits, access and the audit log.

use std::time::Duration;

use async_trait::async_trait;
use loquat_domain::{
    Charge, Limit, LimitKey, Micros, Page, PageRequest, Purpose, RawJson, ResponseId, Scope,
    TenantId, Timestamp, TokenParts,
};
use loquat_store::{
    AccessStore, AuditEntry, Exchange, Exchanged, Ledger, LimitStore, Revocation, RevocationList,
    Revoked, StoreError, UsageKey, UsageQuery, UsageRow,
};
use uuid::Uuid;

use super::{BrokenStore, Fault::*, HOUR};

impl BrokenStore {
    /// Charges as they are kept.
    pub(super) fn charges(&self, mut charges: Vec<Charge>) -> Vec<Charge> {
        for charge in &mut charges {
            match self.fault {
                ChargesTwice => {
                    charge.id =
                        Uuid::from_u128(u128::from(charge.cost.0) << 64 | charge.id.as_u128());
                    charge.response = None;
                }
                ChargesOneCallOfATurn => (charge.purpose, charge.attempt) = (Purpose::Answer, 0),
                ChargesOnceWithoutAResponse => {
                    charge.response.get_or_insert(ResponseId::from_uuid(Uuid::nil()));
                }
                RoundsCosts => charge.cost.0 -= charge.cost.0 % 10,
                _ => {}
            }
        }
        charges
    }

    fn audit(&self, audit: AuditEntry) -> AuditEntry {
        match self.fault {
            KeepsOneAct => AuditEntry { id: Uuid::nil(), ..audit },
            TidiesReceipts => AuditEntry { details: RawJson::from_checked("{}"), ..audit },
            _ => audit,
        }
    }

    /// What the same limit was at first.
    fn first_most(&self, exchange: &Exchange) -> u64 {
        *self.seen().first_most.entry(exchange.key.clone()).or_insert(exchange.most)
    }

    fn spoil_exchange(&self, exchange: &mut Exchange) {
        match self.fault {
            AnyPeriodIsThisOne => exchange.returned_to = None,
            CountsAllTogether => (exchange.key.user, exchange.key.model) = (None, None),
            ForgetsDebts => exchange.returned = exchange.returned.max(0),
            ForgetsTenants => {
                let all = TenantId::new("everybody");
                exchange.key.tenant = all.unwrap_or_else(|_| exchange.key.tenant.clone());
            }
            GrantsAllOrNothing => exchange.need = exchange.want,
            GrantsWhatThereIsNot => exchange.most = u64::MAX,
            NarrowsAmounts => exchange.most = exchange.most.min(u64::from(u32::MAX)),
            StandsByItsFirstLimit => exchange.most = self.first_most(exchange),
            TakesNothingBack => exchange.returned = exchange.returned.min(0),
            _ => {}
        }
    }
}

#[async_trait]
impl Ledger for BrokenStore {
    async fn record(&self, scope: &Scope, charges: Vec<Charge>) -> Result<(), StoreError> {
        self.inner.record(&self.scope(scope), self.charges(charges)).await
    }

    async fn usage(
        &self,
        scope: &Scope,
        mut query: UsageQuery,
    ) -> Result<Page<UsageRow>, StoreError> {
        if self.has(EndsPeriodsLate) {
            query.until = query.until.plus(Duration::from_micros(1));
        }
        let follows = query.after.is_some();
        let usage = self.inner.usage(&self.scope(scope), query).await;
        let mut usage = self.page(usage, follows)?;
        match self.fault {
            ForgetsCharges if self.seen().deleted => usage.entries.clear(),
            TellsOfNothing if usage.entries.is_empty() => usage.entries.push(UsageRow {
                key: UsageKey::default(),
                calls: 0,
                estimated_calls: 0,
                tokens: TokenParts::default(),
                cost: Micros::default(),
            }),
            _ => {}
        }
        for row in &mut usage.entries {
            match (self.fault, &mut row.key.day) {
                (RoundsDaysTowardsZero, Some(day)) if *day < 0 => *day += 1,
                (WrapsSums, _) if row.cost == Micros::MAX => row.cost = Micros(0),
                _ => {}
            }
        }
        Ok(usage)
    }
}

#[async_trait]
impl LimitStore for BrokenStore {
    async fn exchange(
        &self,
        holder: Uuid,
        lease: Duration,
        mut batch: Vec<Exchange>,
    ) -> Result<Vec<Exchanged>, StoreError> {
        let lease = match self.fault {
            HoldsForEver => HOUR,
            DropsStreams => Duration::ZERO,
            _ => lease,
        };
        for exchange in &mut batch {
            self.spoil_exchange(exchange);
        }
        if self.has(AnswersInItsOwnOrder) {
            batch.sort_by(|one, other| one.key.cmp(&other.key));
        }
        let mut exchanged = self.inner.exchange(holder, lease, batch).await?;
        if self.has(TellsNoTime) {
            for it in &mut exchanged {
                it.now = Timestamp::from_micros(0);
            }
        }
        Ok(exchanged)
    }

    async fn limits(&self, scope: &Scope) -> Result<Vec<Limit>, StoreError> {
        let mut limits = self.inner.limits(&self.scope(scope)).await?;
        if self.has(ReversesPages) {
            limits.reverse();
        }
        Ok(limits)
    }

    async fn set_limit(
        &self,
        scope: &Scope,
        limit: Limit,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let scope = &self.scope(scope);
        let is_set = self.inner.limits(scope).await?.iter().any(|set| set.key == limit.key);
        if self.has(StandsByItsFirstLimit) && is_set {
            return Ok(());
        }
        self.inner.set_limit(scope, limit, self.audit(audit)).await
    }

    async fn remove_limit(
        &self,
        scope: &Scope,
        key: LimitKey,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let scope = &self.scope(scope);
        let removed = self.inner.remove_limit(scope, key, self.audit(audit)).await;
        self.written(scope, None, None, removed).await
    }
}

#[async_trait]
impl AccessStore for BrokenStore {
    async fn revoke(
        &self,
        scope: &Scope,
        mut revocation: Revocation,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let scope = &self.scope(scope);
        if self.has(RevokesForGood) {
            revocation.until = None;
        }
        let revoked = self.inner.revocations(scope).await?;
        if self.has(StandsByItsFirstRevocation)
            && revoked.iter().any(|it| it.whose == revocation.whose)
        {
            return Ok(());
        }
        self.inner.revoke(scope, revocation, self.audit(audit)).await
    }

    async fn restore(
        &self,
        scope: &Scope,
        whose: Revoked,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        if self.has(RestoresNothing) {
            return Ok(());
        }
        let scope = &self.scope(scope);
        let restored = self.inner.restore(scope, whose, self.audit(audit)).await;
        self.written(scope, None, None, restored).await
    }

    async fn revocations(&self, scope: &Scope) -> Result<Vec<Revocation>, StoreError> {
        let mut revocations = self.inner.revocations(&self.scope(scope)).await?;
        if self.has(ReversesPages) {
            revocations.reverse();
        }
        Ok(revocations)
    }

    async fn revocation_list(
        &self,
        known: Option<i64>,
    ) -> Result<Option<RevocationList>, StoreError> {
        if !self.has(HasOneVersion) {
            return self.inner.revocation_list(known).await;
        }
        if known == Some(1) {
            return Ok(None);
        }
        let list = self.inner.revocation_list(None).await?;
        Ok(list.map(|list| RevocationList { version: 1, ..list }))
    }

    async fn audit(
        &self,
        scope: &Scope,
        page: PageRequest<Uuid>,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let scope = &self.scope(scope);
        let mut read = self.inner.audit(scope, page).await;
        if matches!(read, Err(StoreError::CursorNotFound)) && self.has(StartsOver) {
            read = self.inner.audit(scope, PageRequest { after: None, ..page }).await;
        }
        self.page(read, page.after.is_some())
    }
}
