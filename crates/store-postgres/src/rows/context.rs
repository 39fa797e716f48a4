//! What is derived from the beginning of a conversation.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Binary, Nullable, Text},
};
use loquat_domain::{CounterId, Timestamp};
use loquat_store::{Segment, StoreError, Summary};

use super::Part;

/// An index of items that have left the window.
#[derive(Debug, QueryableByName)]
pub(crate) struct SegmentRow {
    #[diesel(sql_type = BigInt)]
    pub(crate) first_position: i64,
    #[diesel(sql_type = BigInt)]
    last_position: i64,
    #[diesel(sql_type = Binary)]
    data: Vec<u8>,
}

impl Part for SegmentRow {
    const COLUMN: &'static str = "first_position";
}

impl From<SegmentRow> for Segment {
    fn from(row: SegmentRow) -> Self {
        Self { first: row.first_position, last: row.last_position, data: row.data }
    }
}

/// The positions that a segment covers.
#[derive(Debug, QueryableByName)]
pub(crate) struct RangeRow {
    #[diesel(sql_type = BigInt)]
    pub(crate) first_position: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) last_position: i64,
}

impl Part for RangeRow {
    const COLUMN: &'static str = "first_position";
}

/// The beginning of a conversation in short.
#[derive(Debug, QueryableByName)]
pub(crate) struct SummaryRow {
    #[diesel(sql_type = BigInt)]
    covers_to: i64,
    #[diesel(sql_type = Text)]
    summary: String,
    #[diesel(sql_type = BigInt)]
    summary_tokens: i64,
    #[diesel(sql_type = Text)]
    summary_counter: String,
    #[diesel(sql_type = Text)]
    summary_model: String,
    #[diesel(sql_type = BigInt)]
    summary_created_at: i64,
}

impl Part for SummaryRow {
    const COLUMN: &'static str = "covers_to";
}

impl TryFrom<SummaryRow> for Summary {
    type Error = StoreError;

    fn try_from(row: SummaryRow) -> Result<Self, StoreError> {
        let tokens = u32::try_from(row.summary_tokens);
        Ok(Self {
            covers_to: row.covers_to,
            text: row.summary,
            tokens: tokens.map_err(|_| StoreError::Corrupt { column: "tokens" })?,
            counter: counter(row.summary_counter)?,
            model: row.summary_model,
            created_at: Timestamp::from_micros(row.summary_created_at),
        })
    }
}

/// What a conversation's row says of its context.
#[derive(Debug, QueryableByName)]
pub(crate) struct ContextRow {
    #[diesel(sql_type = BigInt)]
    pub(crate) context_version: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(crate) anchor: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) context_state: Option<String>,
}

impl Part for ContextRow {
    const COLUMN: &'static str = "context_version";
}

/// What counted tokens.
pub(super) fn counter(id: String) -> Result<CounterId, StoreError> {
    CounterId::new(id).map_err(|_| StoreError::Corrupt { column: "counter" })
}
