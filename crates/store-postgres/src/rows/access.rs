//! Revocations, and what administrators have done.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Nullable, Text},
};
use loquat_domain::{RawJson, TenantId, Timestamp, TokenId, UserId};
use loquat_store::{AuditEntry, Revocation, Revoked, StoreError};
use uuid::Uuid;

use super::Part;

/// Whose access is revoked.
#[derive(Debug, QueryableByName)]
pub(crate) struct RevokedRow {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    name: String,
}

impl TryFrom<RevokedRow> for Revoked {
    type Error = StoreError;

    fn try_from(row: RevokedRow) -> Result<Self, StoreError> {
        let corrupt = |_| StoreError::Corrupt { column: "name" };
        match row.kind.as_str() {
            "tenant" => Ok(Self::Tenant),
            "user" => UserId::new(&row.name).map(Self::User).map_err(corrupt),
            "token" => TokenId::new(&row.name).map(Self::Token).map_err(corrupt),
            _ => Err(StoreError::Corrupt { column: "kind" }),
        }
    }
}

/// A tenant's revocation.
#[derive(Debug, QueryableByName)]
pub(crate) struct RevocationRow {
    #[diesel(embed)]
    whose: RevokedRow,
    #[diesel(sql_type = Nullable<BigInt>)]
    until: Option<i64>,
    #[diesel(sql_type = BigInt)]
    revoked_at: i64,
    #[diesel(sql_type = Text)]
    revoked_by: String,
}

impl TryFrom<RevocationRow> for Revocation {
    type Error = StoreError;

    fn try_from(row: RevocationRow) -> Result<Self, StoreError> {
        Ok(Self {
            whose: row.whose.try_into()?,
            until: row.until.map(Timestamp::from_micros),
            revoked_at: Timestamp::from_micros(row.revoked_at),
            revoked_by: user(&row.revoked_by, "revoked_by")?,
        })
    }
}

/// A revocation in the list of all.
#[derive(Debug, QueryableByName)]
pub(crate) struct ListedRow {
    #[diesel(sql_type = Text)]
    tenant: String,
    #[diesel(embed)]
    whose: RevokedRow,
}

impl Part for ListedRow {
    const COLUMN: &'static str = "tenant";
}

impl TryFrom<ListedRow> for (TenantId, Revoked) {
    type Error = StoreError;

    fn try_from(row: ListedRow) -> Result<Self, StoreError> {
        let tenant = TenantId::new(&row.tenant);
        let tenant = tenant.map_err(|_| StoreError::Corrupt { column: "tenant" })?;
        Ok((tenant, row.whose.try_into()?))
    }
}

/// An entry of the audit log.
#[derive(Debug, QueryableByName)]
pub(crate) struct AuditRow {
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    id: Uuid,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
    #[diesel(sql_type = Text)]
    actor: String,
    #[diesel(sql_type = Text)]
    act: String,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Text)]
    details: String,
}

impl Part for AuditRow {
    const COLUMN: &'static str = "id";
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            at: Timestamp::from_micros(row.created_at),
            actor: user(&row.actor, "actor")?,
            act: row.act,
            subject: row.subject,
            details: RawJson::from_checked(row.details),
        })
    }
}

fn user(name: &str, column: &'static str) -> Result<UserId, StoreError> {
    UserId::new(name).map_err(|_| StoreError::Corrupt { column })
}
