//! The events of a turn.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use loquat_store::{CheckpointLog, LogEnd, StoreError};

use super::{Part, count};

/// How a turn and its log stand.
#[derive(Debug, QueryableByName)]
pub(crate) struct LogRow {
    #[diesel(sql_type = Bool)]
    ended: bool,
    #[diesel(sql_type = Bool)]
    kept: bool,
    #[diesel(sql_type = Nullable<BigInt>)]
    turn_last_sequence: Option<i64>,
}

impl Part for LogRow {
    const COLUMN: &'static str = "ended";
}

impl LogRow {
    /// The end of a turn that has ended.
    pub(crate) fn end(&self) -> Result<Option<LogEnd>, StoreError> {
        const COLUMN: &str = "last_sequence";
        if !self.ended {
            return Ok(None);
        }
        let last = self.turn_last_sequence.ok_or(StoreError::Corrupt { column: COLUMN })?;
        Ok(Some(LogEnd { last_sequence: count(last, COLUMN)?, kept: self.kept }))
    }
}

/// A run of events.
#[derive(Debug, QueryableByName)]
pub(crate) struct RunRow {
    #[diesel(sql_type = BigInt)]
    first_sequence: i64,
    #[diesel(sql_type = BigInt)]
    last_sequence: i64,
    #[diesel(sql_type = Text)]
    events: String,
}

impl Part for RunRow {
    const COLUMN: &'static str = "first_sequence";
}

impl TryFrom<RunRow> for CheckpointLog {
    type Error = StoreError;

    fn try_from(row: RunRow) -> Result<Self, StoreError> {
        Ok(Self {
            first: count(row.first_sequence, "first_sequence")?,
            last: count(row.last_sequence, "last_sequence")?,
            events: row.events,
        })
    }
}
