//! How much of what is limited has been taken.

use std::time::Duration;

use async_trait::async_trait;
use loquat_domain::{Limit, LimitKey, Meter, Scope, TenantId, Timestamp, UserId};
use uuid::Uuid;

use crate::{AuditEntry, StoreError};

/// What amounts are taken from: one count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AllowanceKey {
    /// Whose.
    pub tenant: TenantId,
    /// The user whose count it is; `None` for that of the whole tenant.
    pub user: Option<UserId>,
    /// The model whose count it is, by the name that callers use; `None` for that of all.
    pub model: Option<String>,
    /// What is counted. It says when the count begins anew: with each minute, day or month of UTC by
    /// the store's clock, or never.
    pub meter: Meter,
}

/// A process gives back what it did not need, and takes what it will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// From which count.
    pub key: AllowanceKey,
    /// The most that all may have taken together.
    pub most: u64,
    /// What is given back. Negative for what was used beyond what was taken, which is added
    /// whatever the limit is.
    pub returned: i64,
    /// The beginning of the period that it was taken in: what belongs to another is forgotten.
    pub returned_to: Option<Timestamp>,
    /// The least that is of any use. 0 takes nothing.
    pub need: u64,
    /// The most that is wanted; at least `need`.
    pub want: u64,
}

/// How an exchange came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchanged {
    /// What was taken: nothing, or from [`Exchange::need`] to [`Exchange::want`].
    pub granted: u64,
    /// What all have taken together by now, this included.
    pub taken: u64,
    /// When the present period began, by the store's clock; the Unix epoch for [`Meter::Streams`].
    pub period: Timestamp,
    /// What time it is, by the store's clock.
    pub now: Timestamp,
    /// When the next period begins; in the far future for [`Meter::Streams`].
    pub ends: Timestamp,
}

/// Counts what is taken of limited amounts, for any number of processes, and keeps the limits that
/// were set while they ran.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait LimitStore: Send + Sync + 'static {
    /// Does all exchanges of a batch; answers are in their order. Each count is named at most once.
    ///
    /// What was taken of [`Meter::Streams`] belongs to its `holder`, a process, and is free again
    /// once that has exchanged nothing with that count for `lease`.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`] and [`StoreError::Internal`]. After the first, a part of
    /// the batch may have taken place, tenant by tenant.
    async fn exchange(
        &self,
        holder: Uuid,
        lease: Duration,
        batch: Vec<Exchange>,
    ) -> Result<Vec<Exchanged>, StoreError>;

    /// The limits that were set for the scope's tenant, ordered by key.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`], [`StoreError::Corrupt`] and [`StoreError::Internal`].
    async fn limits(&self, scope: &Scope) -> Result<Vec<Limit>, StoreError>;

    /// Sets a limit for the scope's tenant, in place of the one that was set before, and keeps the
    /// entry of the audit log.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`] and [`StoreError::Internal`].
    async fn set_limit(
        &self,
        scope: &Scope,
        limit: Limit,
        audit: AuditEntry,
    ) -> Result<(), StoreError>;

    /// Takes a limit away that was set for the scope's tenant, and keeps the entry of the audit log.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] when none was set; nothing is kept then.
    async fn remove_limit(
        &self,
        scope: &Scope,
        key: LimitKey,
        audit: AuditEntry,
    ) -> Result<(), StoreError>;
}
