//! Rows as they lie in the tables, and what they mean.

mod context;
mod conversation;
mod item;
mod response;

pub(crate) use context::{SegmentRow, SummaryRow};
pub(crate) use conversation::ConversationRow;
pub(crate) use item::{ItemRow, NewItem};
pub(crate) use response::{NewResponse, ResponseEnd, ResponseRow};

/// A sequence number in its column.
pub(crate) fn sequence(number: u64) -> i64 {
    // No turn emits so many events.
    i64::try_from(number).unwrap_or(i64::MAX)
}
