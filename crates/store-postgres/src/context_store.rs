//! What is derived from the beginning of long conversations.

use std::time::Duration;

use async_trait::async_trait;
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Nullable, Text},
};
use loquat_domain::{ConversationId, ItemId, Scope, StoredItem, TenantId, UserId};
use loquat_store::{Backlog, ContextJob, ContextStore, Segment, StoreError, Summary};
use uuid::Uuid;

use crate::{
    PostgresStore,
    answers::{self, Answer, Nothing},
    arguments::micros,
    pool::Repeat,
    rows::{ItemRow, Maybe, RangeRow, SummaryRow},
    statement::{Call, Value},
};

#[async_trait]
impl ContextStore for PostgresStore {
    async fn items_at(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        positions: &[i64],
    ) -> Result<Vec<StoredItem>, StoreError> {
        let positions = distinct(positions);
        let values = [conversation.as_uuid().into(), Value::Integers(&positions)];
        self.read_items(Call::of("items_at_v1", scope, &values)).await
    }

    async fn pinned(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        ids: &[ItemId],
    ) -> Result<Vec<StoredItem>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
        let ids = distinct(&ids);
        let values = [conversation.as_uuid().into(), Value::Ids(&ids)];
        self.read_items(Call::of("pinned_v1", scope, &values)).await
    }

    async fn span(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        from: i64,
        to: i64,
        limit: u32,
    ) -> Result<Vec<StoredItem>, StoreError> {
        let values =
            [conversation.as_uuid().into(), from.into(), to.into(), i64::from(limit).into()];
        self.read_items(Call::of("span_v1", scope, &values)).await
    }

    async fn backlog(
        &self,
        scope: &Scope,
        conversation: ConversationId,
    ) -> Result<Backlog, StoreError> {
        let read = Call::of("backlog_v1", scope, &[conversation.as_uuid().into()]);
        let rows: Vec<BacklogPart> = self.pool.call(read, Repeat::Harmless).await?;
        let mut rows = rows.into_iter();
        let first = rows.next().ok_or(StoreError::NotFound)?;
        let edits = first.edits.ok_or_else(|| answers::unexpected("no count of edits"))?;
        let covered = rows.filter_map(|row| row.range.0);
        Ok(Backlog {
            edits,
            anchor: first.anchor,
            covered: covered.map(|range| range.first_position..=range.last_position).collect(),
            summary: first.summary.0.map(Summary::try_from).transpose()?,
        })
    }

    async fn put_segment(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        edits: i64,
        segment: Segment,
    ) -> Result<(), StoreError> {
        let values = [
            conversation.as_uuid().into(),
            edits.into(),
            segment.first.into(),
            segment.last.into(),
            Value::Bytes(Some(&segment.data)),
        ];
        let put = Call::of("put_segment_v1", scope, &values);
        let rows: Vec<Answer<Nothing>> = self.pool.call(put, Repeat::Never).await?;
        answers::done(rows)
    }

    async fn put_summary(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        edits: i64,
        summary: Summary,
    ) -> Result<(), StoreError> {
        let values = [
            conversation.as_uuid().into(),
            edits.into(),
            summary.covers_to.into(),
            (&summary.text).into(),
            i64::from(summary.tokens).into(),
            summary.counter.as_str().into(),
            (&summary.model).into(),
            summary.created_at.as_micros().into(),
        ];
        let put = Call::of("put_summary_v1", scope, &values);
        let rows: Vec<Answer<Nothing>> = self.pool.call(put, Repeat::Harmless).await?;
        answers::done(rows)
    }

    async fn claim_context_jobs(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<ContextJob>, StoreError> {
        let values = [i64::from(limit).into(), micros(lease).into()];
        let claim = Call::new("claim_context_jobs_v1", values);
        let rows: Vec<JobRow> = self.pool.call(claim, Repeat::Never).await?;
        rows.into_iter().map(ContextJob::try_from).collect()
    }

    async fn end_context_job(
        &self,
        job: ContextJob,
        again: Option<Duration>,
    ) -> Result<(), StoreError> {
        let values =
            [job.conversation.as_uuid().into(), job.ticket.into(), again.map(micros).into()];
        let end = Call::of("end_context_job_v1", &job.scope, &values);
        let rows: Vec<Answer<Nothing>> = self.pool.call(end, Repeat::Never).await?;
        answers::done(rows)
    }
}

impl PostgresStore {
    /// Items that a function returns in any order, oldest first.
    async fn read_items(&self, read: Call<'_>) -> Result<Vec<StoredItem>, StoreError> {
        let rows: Vec<Answer<Maybe<ItemRow>>> = self.pool.call(read, Repeat::Harmless).await?;
        let items = rows.into_iter().map(|row| answers::one(vec![row]));
        let mut items = items.collect::<Result<Vec<StoredItem>, _>>()?;
        items.sort_by_key(|stored| (stored.position, stored.item.id));
        Ok(items)
    }
}

/// Each value once.
fn distinct<T: Copy + Ord>(values: &[T]) -> Vec<Option<T>> {
    let mut values: Vec<_> = values.iter().copied().map(Some).collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// How a conversation stands, or positions that a segment covers.
#[derive(Debug, QueryableByName)]
struct BacklogPart {
    #[diesel(sql_type = Nullable<BigInt>)]
    edits: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    anchor: Option<i64>,
    #[diesel(embed)]
    summary: Maybe<SummaryRow>,
    #[diesel(embed)]
    range: Maybe<RangeRow>,
}

/// A job that was claimed.
#[derive(Debug, QueryableByName)]
struct JobRow {
    #[diesel(sql_type = Text)]
    tenant: String,
    #[diesel(sql_type = Text)]
    user_id: String,
    #[diesel(sql_type = diesel::sql_types::Uuid)]
    conversation: Uuid,
    #[diesel(sql_type = BigInt)]
    attempts: i64,
    #[diesel(sql_type = BigInt)]
    ticket: i64,
}

impl TryFrom<JobRow> for ContextJob {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self, StoreError> {
        let corrupt = |column| StoreError::Corrupt { column };
        Ok(Self {
            scope: Scope {
                tenant: TenantId::new(&row.tenant).map_err(|_| corrupt("tenant"))?,
                user: UserId::new(&row.user_id).map_err(|_| corrupt("user_id"))?,
            },
            conversation: ConversationId::from_uuid(row.conversation),
            attempts: u32::try_from(row.attempts).map_err(|_| corrupt("attempts"))?,
            ticket: row.ticket,
        })
    }
}
