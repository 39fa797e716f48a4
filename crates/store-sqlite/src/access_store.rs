//! Who may not, and who has decided what.

use async_trait::async_trait;
use loquat_domain::{Page, PageRequest, Scope};
use loquat_store::{AccessStore, AuditEntry, Revocation, RevocationList, Revoked, StoreError};
use uuid::Uuid;

use crate::{SqliteStore, audit, revocations};

#[async_trait]
impl AccessStore for SqliteStore {
    async fn revoke(
        &self,
        scope: &Scope,
        revocation: Revocation,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let tenant = scope.tenant.clone();
        let revoked = self.threads.write(move |conn| {
            revocations::set(conn, tenant.as_str(), &revocation)?;
            audit::keep(conn, tenant.as_str(), &audit)
        });
        revoked.await
    }

    async fn restore(
        &self,
        scope: &Scope,
        whose: Revoked,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let tenant = scope.tenant.clone();
        let restored = self.threads.write(move |conn| {
            revocations::remove(conn, tenant.as_str(), &whose)?;
            audit::keep(conn, tenant.as_str(), &audit)
        });
        restored.await
    }

    async fn revocations(&self, scope: &Scope) -> Result<Vec<Revocation>, StoreError> {
        let tenant = scope.tenant.clone();
        self.threads.read(move |conn| revocations::all(conn, tenant.as_str())).await
    }

    async fn revocation_list(
        &self,
        known: Option<i64>,
    ) -> Result<Option<RevocationList>, StoreError> {
        self.threads.read(move |conn| revocations::list(conn, known)).await
    }

    async fn audit(
        &self,
        scope: &Scope,
        page: PageRequest<Uuid>,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let tenant = scope.tenant.clone();
        self.threads.read(move |conn| audit::page(conn, tenant.as_str(), page)).await
    }
}
