//! Rows as the functions return them, and what they mean.

mod access;
mod branch;
mod context;
mod conversation;
mod item;
mod limit;
mod log;
mod response;
mod used;

use diesel::{
    deserialize::{self, QueryableByName},
    pg::Pg,
    row::{Field, NamedRow, Row},
};
use loquat_store::StoreError;

pub(crate) use access::{AuditRow, ListedRow, RevocationRow};
pub(crate) use branch::BranchRow;
pub(crate) use context::{ContextRow, RangeRow, SegmentRow, SummaryRow};
pub(crate) use conversation::ConversationRow;
pub(crate) use item::ItemRow;
pub(crate) use limit::{ExchangedRow, LimitRow};
pub(crate) use log::{LogRow, RunRow};
pub(crate) use response::ResponseRow;
pub(crate) use used::UsedRow;

/// A part of a row that may be missing as a whole.
#[derive(Debug)]
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

/// A part of a row that is there when this column, which else is never NULL, has a value.
pub(crate) trait Part {
    const COLUMN: &'static str;
}

impl<T: Part + QueryableByName<Pg>> QueryableByName<Pg> for Maybe<T> {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        let column =
            Row::get(row, T::COLUMN).ok_or_else(|| format!("there is no `{}`", T::COLUMN))?;
        if column.is_null() { Ok(Self(None)) } else { T::build(row).map(|part| Self(Some(part))) }
    }
}

/// A number that is never negative.
fn count(number: i64, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Corrupt { column })
}
