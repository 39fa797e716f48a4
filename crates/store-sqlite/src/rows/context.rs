//! What is derived from the beginning of a conversation.

use diesel::prelude::*;
use loquat_domain::{CounterId, Timestamp};
use loquat_store::{Segment, StoreError, Summary};

use crate::schema::{segments, summaries};

/// An index of items that have left the window.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = segments, check_for_backend(diesel::sqlite::Sqlite))]
pub(crate) struct SegmentRow {
    first: i64,
    last: i64,
    data: Vec<u8>,
}

impl From<Segment> for SegmentRow {
    fn from(segment: Segment) -> Self {
        let Segment { first, last, data } = segment;
        Self { first, last, data }
    }
}

impl From<SegmentRow> for Segment {
    fn from(row: SegmentRow) -> Self {
        let SegmentRow { first, last, data } = row;
        Self { first, last, data }
    }
}

/// The beginning of a conversation in short.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = summaries, check_for_backend(diesel::sqlite::Sqlite))]
pub(crate) struct SummaryRow {
    covers_to: i64,
    text: String,
    tokens: i64,
    counter: String,
    model: String,
    created_at: i64,
}

impl TryFrom<SummaryRow> for Summary {
    type Error = StoreError;

    fn try_from(row: SummaryRow) -> Result<Self, StoreError> {
        let tokens = u32::try_from(row.tokens);
        Ok(Self {
            covers_to: row.covers_to,
            text: row.text,
            tokens: tokens.map_err(|_| StoreError::Corrupt { column: "tokens" })?,
            counter: counter(row.counter)?,
            model: row.model,
            created_at: Timestamp::from_micros(row.created_at),
        })
    }
}

/// What counted tokens.
pub(super) fn counter(id: String) -> Result<CounterId, StoreError> {
    CounterId::new(id).map_err(|_| StoreError::Corrupt { column: "counter" })
}
