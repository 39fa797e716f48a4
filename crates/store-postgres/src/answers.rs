//! What a function says beside its rows: whether it did what it was asked for.

use diesel::{
    QueryableByName, deserialize,
    pg::Pg,
    row::NamedRow,
    sql_types::{Array, Binary, Nullable, Text},
};
use loquat_domain::{
    ConversationId, Fingerprint, ItemId, Page, PageLimit, PageRequest, ResponseId,
};
use loquat_store::{Earlier, Made, StoreError};
use uuid::Uuid;

use crate::rows::{Maybe, Part};

/// One row of a function that may refuse.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    outcome: Option<String>,
    pub(crate) row: T,
}

/// Nothing but the outcome.
#[derive(Debug)]
pub(crate) struct Nothing;

impl<T: QueryableByName<Pg>> QueryableByName<Pg> for Answer<T> {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        let outcome = NamedRow::get::<Nullable<Text>, Option<String>>(row, "outcome")?;
        Ok(Self { outcome, row: T::build(row)? })
    }
}

impl QueryableByName<Pg> for Nothing {
    fn build<'a>(_: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        Ok(Self)
    }
}

impl<T> Answer<T> {
    /// The row, or why the function refused.
    pub(crate) fn accepted(self) -> Result<T, StoreError> {
        match self.outcome.as_deref() {
            None => Ok(self.row),
            Some("not_found") => Err(StoreError::NotFound),
            Some("cursor_not_found") => Err(StoreError::CursorNotFound),
            Some("locked") => Err(StoreError::Locked),
            Some("conflict") => Err(StoreError::Conflict),
            Some(other) => Err(unexpected(&format!("the outcome `{other}`"))),
        }
    }
}

impl<Row> Answer<Maybe<Row>> {
    /// The row, which has something in it when the function has not refused.
    fn present(self) -> Result<Row, StoreError> {
        self.accepted()?.0.ok_or_else(|| unexpected("an empty row"))
    }
}

/// The only row of a function that always returns one.
pub(crate) fn only<T>(rows: Vec<T>) -> Result<T, StoreError> {
    rows.into_iter().next().ok_or_else(|| unexpected("no row"))
}

/// The only row of a function that returns none where there is no such thing.
pub(crate) fn found<T>(rows: Vec<T>) -> Result<T, StoreError> {
    rows.into_iter().next().ok_or(StoreError::NotFound)
}

/// The row of a function that returns one unless it refuses.
pub(crate) fn row<Row>(rows: Vec<Answer<Maybe<Row>>>) -> Result<Row, StoreError> {
    only(rows)?.present()
}

/// What that row means.
pub(crate) fn one<Row, T>(rows: Vec<Answer<Maybe<Row>>>) -> Result<T, StoreError>
where
    T: TryFrom<Row, Error = StoreError>,
{
    row(rows)?.try_into()
}

/// The answer of a function that returns nothing unless it refuses.
pub(crate) fn done(rows: Vec<Answer<Nothing>>) -> Result<(), StoreError> {
    only(rows)?.accepted().map(drop)
}

/// One entry more than was asked for tells whether more follow.
pub(crate) fn read_ahead(limit: PageLimit) -> i64 {
    i64::from(limit.get()) + 1
}

/// A page of what was read with a limit of [`read_ahead`].
pub(crate) fn page<Row, T, Id>(
    rows: Vec<Answer<Maybe<Row>>>,
    page: &PageRequest<Id>,
) -> Result<Page<T>, StoreError>
where
    T: TryFrom<Row, Error = StoreError>,
{
    let entry = |answer: Answer<Maybe<Row>>| T::try_from(answer.present()?);
    let entries = rows.into_iter().map(entry).collect::<Result<_, _>>()?;
    Ok(Page::from_read_ahead(entries, page.limit))
}

/// What an earlier request with the same key made.
#[derive(Debug, QueryableByName)]
pub(crate) struct EarlierRow {
    #[diesel(sql_type = Binary)]
    fingerprint: Vec<u8>,
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    made_response: Option<Uuid>,
    #[diesel(sql_type = Nullable<diesel::sql_types::Uuid>)]
    made_conversation: Option<Uuid>,
    #[diesel(sql_type = Nullable<Array<diesel::sql_types::Uuid>>)]
    made_items: Option<Vec<Uuid>>,
}

impl Part for EarlierRow {
    const COLUMN: &'static str = "fingerprint";
}

impl TryFrom<EarlierRow> for Earlier {
    type Error = StoreError;

    fn try_from(row: EarlierRow) -> Result<Self, StoreError> {
        let fingerprint = row.fingerprint.try_into();
        let conversation = row.made_conversation.map(ConversationId::from_uuid);
        let made = match (row.made_response, conversation, row.made_items) {
            (Some(id), _, _) => Made::Response(ResponseId::from_uuid(id)),
            (None, Some(id), None) => Made::Conversation(id),
            (None, Some(id), Some(items)) => {
                Made::Items(id, items.into_iter().map(ItemId::from_uuid).collect())
            }
            (None, None, _) => return Err(StoreError::Corrupt { column: "response" }),
        };
        Ok(Self {
            fingerprint: Fingerprint(
                fingerprint.map_err(|_| StoreError::Corrupt { column: "fingerprint" })?,
            ),
            made,
        })
    }
}

/// The answer of a write that happens once.
pub(crate) fn once(rows: Vec<Answer<Maybe<EarlierRow>>>) -> Result<(), StoreError> {
    let answer = only(rows)?;
    match answer.row.0 {
        Some(earlier) => Err(StoreError::Done(earlier.try_into()?)),
        None => Answer { outcome: answer.outcome, row: () }.accepted(),
    }
}

pub(crate) fn unexpected(what: &str) -> StoreError {
    StoreError::Internal(format!("a function of the database returned {what}").into())
}
