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
    /// The model whose count it is, by the name that callers use, which is not empty; `None` for that
    /// of all.
    pub model: Option<String>,
    /// What is counted. It says when the count begins anew: with each minute, day or month of UTC by
    /// the store's clock, or never.
    pub meter: Meter,
}

/// A process gives back what it did not need, and takes what it will. No count goes beyond
/// [`Exchange::MOST`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// From which count.
    pub key: AllowanceKey,
    /// The most that all may have taken together.
    pub most: u64,
    /// What is given back. Negative for what was used beyond what was taken, which is added
    /// whatever the limit is.
    pub returned: i64,
    /// The beginning of the period that it was taken in: what belongs to another than the present one
    /// is forgotten. `None` for the present one, whichever that is.
    pub returned_to: Option<Timestamp>,
    /// The least that is of any use. 0 takes nothing.
    pub need: u64,
    /// The most that is wanted; at least `need`.
    pub want: u64,
}

impl Exchange {
    /// The most that a count holds, as a column of 64 signed bits does.
    pub const MOST: u64 = i64::MAX.unsigned_abs();

    /// What comes of it in a period, where what it gives back to and takes from has `own`, and what
    /// counts beside it has `others`: other holders' streams, and nothing for every other meter.
    /// Stores do the same, whatever they keep it in.
    pub fn settle(&self, period: Timestamp, own: u64, others: u64) -> Settled {
        let is_of_period = self.returned_to.is_none_or(|to| to == period);
        let own = match self.returned {
            _ if !is_of_period => own,
            debt @ ..0 => own.saturating_add(debt.unsigned_abs()).min(Self::MOST),
            back => own.saturating_sub(back.unsigned_abs()),
        };
        let free = self.most.min(Self::MOST).saturating_sub(own.saturating_add(others));
        let is_enough = (1..=free).contains(&self.need);
        let granted = if is_enough { self.want.max(self.need).min(free) } else { 0 };
        Settled { granted, own: own + granted }
    }
}

/// What a count has after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// See [`Exchanged::granted`].
    pub granted: u64,
    /// What is kept in place of the own part, at most [`Exchange::MOST`].
    pub own: u64,
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
    /// once that has exchanged nothing with that count for `lease`; a holder that comes back later has
    /// nothing of it any more.
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
    /// entry of the audit log. One above [`Exchange::MOST`] is kept as that.
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

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Timestamp = Timestamp::from_micros(60_000_000);

    fn exchange(most: u64, returned: i64, need: u64, want: u64) -> Exchange {
        let tenant = TenantId::new("acme").unwrap();
        let key = AllowanceKey { tenant, user: None, model: None, meter: Meter::TokensPerDay };
        Exchange { key, most, returned, returned_to: Some(PERIOD), need, want }
    }

    fn settled(exchange: &Exchange, own: u64, others: u64) -> (u64, u64) {
        let Settled { granted, own } = exchange.settle(PERIOD, own, others);
        (granted, own)
    }

    #[test]
    fn nothing_or_from_need_to_want_is_granted() {
        for (free, granted) in [(0, 0), (4, 0), (5, 5), (7, 7), (9, 9), (10, 9)] {
            assert_eq!(settled(&exchange(free + 10, 0, 5, 9), 7, 3).0, granted, "{free} are free");
        }
        assert_eq!(settled(&exchange(100, 0, 0, 9), 0, 0), (0, 0));
        assert_eq!(settled(&exchange(3, 0, 1, 1), 2, 2), (0, 2));
    }

    #[test]
    fn what_is_given_back_is_free_and_what_is_owed_is_not() {
        assert_eq!(settled(&exchange(10, 4, 1, 99), 10, 0), (4, 10));
        assert_eq!(settled(&exchange(10, 99, 0, 0), 10, 0), (0, 0));
        assert_eq!(settled(&exchange(10, -5, 1, 99), 10, 0), (0, 15));
        let late =
            Exchange { returned_to: Some(Timestamp::from_micros(0)), ..exchange(10, 4, 0, 0) };
        assert_eq!(settled(&late, 10, 0), (0, 10));
        let unknown = Exchange { returned_to: None, ..exchange(10, -4, 0, 0) };
        assert_eq!(settled(&unknown, 10, 0), (0, 14));
    }

    #[test]
    fn no_count_is_greater_than_a_column_holds() {
        let most = Exchange::MOST;
        assert_eq!(settled(&exchange(u64::MAX, 0, 1, u64::MAX), 5, 0), (most - 5, most));
        assert_eq!(settled(&exchange(u64::MAX, i64::MIN, 1, 1), most, most), (0, most));
    }
}
