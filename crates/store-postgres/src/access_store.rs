//! Who may not, and who has decided what.

use async_trait::async_trait;
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Nullable},
};
use loquat_domain::{Order, Page, PageRequest, Scope, Timestamp};
use loquat_store::{AccessStore, AuditEntry, Revocation, RevocationList, Revoked, StoreError};
use uuid::Uuid;

use crate::{
    PostgresStore,
    answers::{self, Answer, Nothing, unexpected},
    arguments::audit,
    pool::Repeat,
    rows::{AuditRow, ListedRow, Maybe, RevocationRow},
    statement::{Call, Value},
};

#[async_trait]
impl AccessStore for PostgresStore {
    async fn revoke(
        &self,
        scope: &Scope,
        revocation: Revocation,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let own = [
            revocation.until.map(Timestamp::as_micros).into(),
            revocation.revoked_at.as_micros().into(),
            revocation.revoked_by.as_str().into(),
        ];
        let revoke =
            Call::of("revoke_v1", scope, &key(&revocation.whose)).and(&own).and(&audit(&entry));
        let rows: Vec<Answer<Nothing>> = self.pool.call(revoke, Repeat::Harmless).await?;
        answers::done(rows)
    }

    async fn restore(
        &self,
        scope: &Scope,
        whose: Revoked,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        let restore = Call::of("restore_v1", scope, &key(&whose)).and(&audit(&entry));
        let rows: Vec<Answer<Nothing>> = self.pool.call(restore, Repeat::Never).await?;
        answers::done(rows)
    }

    async fn revocations(&self, scope: &Scope) -> Result<Vec<Revocation>, StoreError> {
        let read = Call::of("revocations_v1", scope, &[]);
        let rows: Vec<RevocationRow> = self.pool.call(read, Repeat::Harmless).await?;
        let revocations = rows.into_iter().map(Revocation::try_from);
        let mut revocations = revocations.collect::<Result<Vec<_>, _>>()?;
        revocations.sort_by(|one, other| one.whose.cmp(&other.whose));
        Ok(revocations)
    }

    async fn revocation_list(
        &self,
        known: Option<i64>,
    ) -> Result<Option<RevocationList>, StoreError> {
        let read = Call::new("revocation_list_v1", [known.into()]);
        // However many requests wait, whoever may not is kept out.
        let rows: Vec<ListPart> = self.pool.call_reserved(read, Repeat::Harmless).await?;
        let mut rows = rows.into_iter();
        let version = rows.next().and_then(|row| row.version);
        let version = version.ok_or_else(|| unexpected("no version"))?;
        if known == Some(version) {
            return Ok(None);
        }
        let revoked = rows.filter_map(|row| row.revoked.0).map(TryInto::try_into);
        Ok(Some(RevocationList { version, revoked: revoked.collect::<Result<_, _>>()? }))
    }

    async fn audit(
        &self,
        scope: &Scope,
        page: PageRequest<Uuid>,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let values = [
            page.after.into(),
            (page.order == Order::Ascending).into(),
            answers::read_ahead(page.limit).into(),
        ];
        let list = Call::of("audit_v1", scope, &values);
        let rows: Vec<Answer<Maybe<AuditRow>>> = self.pool.call(list, Repeat::Harmless).await?;
        answers::page(rows, &page)
    }
}

/// Which version the list has, or a revocation.
#[derive(Debug, QueryableByName)]
struct ListPart {
    #[diesel(sql_type = Nullable<BigInt>)]
    version: Option<i64>,
    #[diesel(embed)]
    revoked: Maybe<ListedRow>,
}

fn key(whose: &Revoked) -> [Value<'_>; 2] {
    let (kind, name) = match whose {
        Revoked::Tenant => ("tenant", ""),
        Revoked::User(user) => ("user", user.as_str()),
        Revoked::Token(token) => ("token", token.as_str()),
    };
    [kind.into(), name.into()]
}
