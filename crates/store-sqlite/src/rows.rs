//! Rows as they lie in the tables, and what they mean.

mod charge;
mod context;
mod conversation;
mod item;
mod response;

use loquat_domain::{Meter, TenantId, UserId};
use loquat_store::StoreError;

pub(crate) use charge::ChargeRow;
pub(crate) use context::{SegmentRow, SummaryRow};
pub(crate) use conversation::ConversationRow;
pub(crate) use item::{ItemRow, NewItem};
pub(crate) use response::{NewResponse, ResponseEnd, ResponseRow};

/// A sequence number in its column.
pub(crate) fn sequence(number: u64) -> i64 {
    // No turn emits so many events.
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// An amount in its column: the greatest that fits for one that does not.
pub(crate) fn amount(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// An amount out of its column, which holds none below zero.
pub(crate) fn read_amount(column: &'static str, number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Corrupt { column })
}

/// A name out of its column.
pub(crate) fn read_user(column: &'static str, name: &str) -> Result<UserId, StoreError> {
    UserId::new(name).map_err(|_| StoreError::Corrupt { column })
}

pub(crate) fn read_tenant(name: &str) -> Result<TenantId, StoreError> {
    TenantId::new(name).map_err(|_| StoreError::Corrupt { column: "tenant" })
}

pub(crate) fn read_meter(name: &str) -> Result<Meter, StoreError> {
    let named = Meter::ALL.into_iter().find(|meter| meter.as_str() == name);
    named.ok_or(StoreError::Corrupt { column: "meter" })
}
