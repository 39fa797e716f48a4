//! Who may not, and who has decided what.

use async_trait::async_trait;
use loquat_domain::{Page, PageRequest, Scope, Timestamp};
use loquat_store::{AccessStore, AuditEntry, Revocation, RevocationList, Revoked, StoreError};
use uuid::Uuid;

use super::{MemoryStore, StoreCall, pages::following, tenant::Tenant};

fn holds(revocation: &Revocation, now: Timestamp) -> bool {
    revocation.until.is_none_or(|until| until > now)
}

impl Tenant {
    /// Keeps an entry of the audit log, once.
    pub(super) fn keep_audit(&mut self, entry: AuditEntry) {
        self.audit.entry(entry.id).or_insert(entry);
    }

    /// The revocations that hold.
    fn revocations(&self, now: Timestamp) -> impl Iterator<Item = &Revocation> {
        self.revocations.values().filter(move |revocation| holds(revocation, now))
    }

    /// Drops up to `limit` revocations whose time is over.
    pub(super) fn forget_revocations(&mut self, now: Timestamp, limit: u32) -> u32 {
        let mut forgotten = 0;
        self.revocations.retain(|_, revocation| {
            let stays = holds(revocation, now) || forgotten >= limit;
            forgotten += u32::from(!stays);
            stays
        });
        self.revocations_version += i64::from(forgotten > 0);
        forgotten
    }
}

#[async_trait]
impl AccessStore for MemoryStore {
    async fn revoke(
        &self,
        scope: &Scope,
        revocation: Revocation,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::Revoke).await?;
        let tenant = tables.of(&scope.tenant);
        tenant.revocations.insert(revocation.whose.clone(), revocation);
        tenant.revocations_version += 1;
        tenant.keep_audit(audit);
        Ok(())
    }

    async fn restore(
        &self,
        scope: &Scope,
        whose: Revoked,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::Restore).await?;
        let now = self.clock.now();
        let tenant = tables.of(&scope.tenant);
        if !tenant.revocations.get(&whose).is_some_and(|revocation| holds(revocation, now)) {
            return Err(StoreError::NotFound);
        }
        tenant.revocations.remove(&whose);
        tenant.revocations_version += 1;
        tenant.keep_audit(audit);
        Ok(())
    }

    async fn revocations(&self, scope: &Scope) -> Result<Vec<Revocation>, StoreError> {
        let mut tables = self.enter(StoreCall::Revocations).await?;
        Ok(tables.of(&scope.tenant).revocations(self.clock.now()).cloned().collect())
    }

    async fn revocation_list(
        &self,
        known: Option<i64>,
    ) -> Result<Option<RevocationList>, StoreError> {
        let tables = self.enter(StoreCall::RevocationList).await?;
        let now = self.clock.now();
        let version = tables.0.values().map(|tenant| tenant.revocations_version).sum();
        if known == Some(version) {
            return Ok(None);
        }
        let revoked = tables.0.iter().flat_map(|(name, tenant)| {
            let revoked = tenant.revocations(now);
            revoked.map(move |revocation| (name.clone(), revocation.whose.clone()))
        });
        Ok(Some(RevocationList { version, revoked: revoked.collect() }))
    }

    async fn audit(
        &self,
        scope: &Scope,
        page: PageRequest<Uuid>,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let mut tables = self.enter(StoreCall::Audit).await?;
        let entries = tables.of(&scope.tenant).audit.values().collect();
        let following = following(entries, |entry: &AuditEntry| entry.id, page)?;
        Ok(Page::from_read_ahead(following.cloned().collect(), page.limit))
    }
}
