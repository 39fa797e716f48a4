//! Who may not, and who has decided what.

use std::fmt;

use async_trait::async_trait;
use loquat_domain::{Page, PageRequest, RawJson, Scope, TenantId, Timestamp, TokenId, UserId};
use uuid::Uuid;

use crate::StoreError;

/// Whose access is revoked, within a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revoked {
    /// Everybody's.
    Tenant,
    /// A user's, with whatever token.
    User(UserId),
    /// That of whoever shows this token.
    Token(TokenId),
}

impl fmt::Display for Revoked {
    /// As it stands in the audit log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant => f.write_str("tenant"),
            Self::User(user) => write!(f, "user {user}"),
            Self::Token(token) => write!(f, "token {token}"),
        }
    }
}

/// A revoked access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Whose.
    pub whose: Revoked,
    /// When it may be forgotten, as a token's when the token would have expired; `None` for never.
    pub until: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Timestamp,
    /// By whom.
    pub revoked_by: UserId,
}

/// All revoked accesses of all tenants, as they are to be obeyed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RevocationList {
    /// Another one after each change, also when one that may be forgotten is.
    pub version: i64,
    /// Whose. Those that may be forgotten by now are not among them.
    pub revoked: Vec<(TenantId, Revoked)>,
}

/// Something that an administrator has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its own id, a UUIDv7. An entry whose id is in the log already is not kept again.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: UserId,
    /// What was done, for instance `access.revoke`.
    pub act: String,
    /// To whom or what, as text.
    pub subject: String,
    /// More, as a JSON object.
    pub details: RawJson,
}

impl AuditEntry {
    /// An access was revoked.
    pub const REVOKE: &str = "access.revoke";
    /// A revoked access was given back.
    pub const RESTORE: &str = "access.restore";
    /// A limit was set.
    pub const SET_LIMIT: &str = "limit.set";
    /// A limit that was set was taken away.
    pub const REMOVE_LIMIT: &str = "limit.remove";

    /// An access is revoked, as the revocation says.
    pub fn of_revocation(id: Uuid, revocation: &Revocation) -> Self {
        let until = revocation.until.map(Timestamp::as_secs);
        let until = until.map_or_else(|| "null".to_owned(), |secs| secs.to_string());
        Self {
            id,
            at: revocation.revoked_at,
            actor: revocation.revoked_by.clone(),
            act: Self::REVOKE.to_owned(),
            subject: revocation.whose.to_string(),
            details: RawJson::from_checked(format!(r#"{{"until":{until}}}"#)),
        }
    }

    /// `actor` gives a revoked access back.
    pub fn of_return(id: Uuid, at: Timestamp, actor: UserId, whose: &Revoked) -> Self {
        Self {
            id,
            at,
            actor,
            act: Self::RESTORE.to_owned(),
            subject: whose.to_string(),
            details: RawJson::from_checked("{}".to_owned()),
        }
    }
}

/// Keeps whose access is revoked, and the audit log.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait AccessStore: Send + Sync + 'static {
    /// Revokes an access of the scope's tenant, in place of an earlier revocation of the same, and
    /// keeps the entry of the audit log.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`] and [`StoreError::Internal`].
    async fn revoke(
        &self,
        scope: &Scope,
        revocation: Revocation,
        audit: AuditEntry,
    ) -> Result<(), StoreError>;

    /// Gives a revoked access of the scope's tenant back, and keeps the entry of the audit log.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] when it is not revoked; nothing is kept then.
    async fn restore(
        &self,
        scope: &Scope,
        whose: Revoked,
        audit: AuditEntry,
    ) -> Result<(), StoreError>;

    /// The revoked accesses of the scope's tenant, ordered by whose; those that may be forgotten are
    /// not among them.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`], [`StoreError::Corrupt`] and [`StoreError::Internal`].
    async fn revocations(&self, scope: &Scope) -> Result<Vec<Revocation>, StoreError>;

    /// All revoked accesses of all tenants; `None` when the list's version is still `known`. For
    /// enforcement only.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`], [`StoreError::Corrupt`] and [`StoreError::Internal`].
    async fn revocation_list(
        &self,
        known: Option<i64>,
    ) -> Result<Option<RevocationList>, StoreError>;

    /// A page of the audit log of the scope's tenant, ordered by id.
    ///
    /// # Errors
    ///
    /// [`StoreError::CursorNotFound`] when `after` is no entry of it.
    async fn audit(
        &self,
        scope: &Scope,
        page: PageRequest<Uuid>,
    ) -> Result<Page<AuditEntry>, StoreError>;
}
