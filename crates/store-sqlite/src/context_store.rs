//! What is derived from the beginning of long conversations.

use std::time::Duration;

use async_trait::async_trait;
use diesel::SqliteConnection;
use loquat_domain::{ConversationId, ItemId, Scope, StoredItem};
use loquat_store::{Backlog, ContextJob, ContextStore, Segment, StoreError, Summary};

use crate::{
    SqliteStore, clock,
    context::{self, DueJob},
    error::Failed,
    items,
    key::Key,
    rows::{ItemRow, read_tenant, read_user},
    threads::Outcome,
};

#[async_trait]
impl ContextStore for SqliteStore {
    async fn items_at(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        positions: &[i64],
    ) -> Result<Vec<StoredItem>, StoreError> {
        let (scope, id) = (scope.clone(), conversation.into());
        let mut positions = positions.to_vec();
        positions.sort_unstable();
        positions.dedup();
        let rows = self.threads.read(move |conn| {
            context::owned(conn, &scope, id)?;
            let tenant = scope.tenant.as_str();
            let at = |position| items::at(conn, tenant, id, position).transpose();
            positions.into_iter().filter_map(at).collect::<Outcome<Vec<_>>>()
        });
        stored(rows.await?)
    }

    async fn pinned(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        ids: &[ItemId],
    ) -> Result<Vec<StoredItem>, StoreError> {
        let (scope, id) = (scope.clone(), conversation.into());
        let ids: Vec<Key> = ids.iter().map(|id| (*id).into()).collect();
        let rows = self.threads.read(move |conn| {
            context::owned(conn, &scope, id)?;
            let mut rows = Vec::new();
            for item in ids {
                match items::find(conn, scope.tenant.as_str(), id, item) {
                    Ok(row) => rows.push(row),
                    Err(Failed(StoreError::NotFound)) => {}
                    Err(error) => return Err(error),
                }
            }
            rows.sort_by_key(|row| (row.position, row.id));
            rows.dedup_by_key(|row| row.id);
            Ok(rows)
        });
        stored(rows.await?)
    }

    async fn span(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        from: i64,
        to: i64,
        limit: u32,
    ) -> Result<Vec<StoredItem>, StoreError> {
        let (scope, id) = (scope.clone(), conversation.into());
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let rows = self.threads.read(move |conn| {
            context::owned(conn, &scope, id)?;
            items::span(conn, scope.tenant.as_str(), id, from..to, most)
        });
        stored(rows.await?)
    }

    async fn backlog(
        &self,
        scope: &Scope,
        conversation: ConversationId,
    ) -> Result<Backlog, StoreError> {
        let (scope, id) = (scope.clone(), conversation.into());
        let backlog = self.threads.read(move |conn| {
            let owned = context::owned(conn, &scope, id)?;
            let tenant = scope.tenant.as_str();
            let covered = context::covered(conn, tenant, id)?;
            Ok(Backlog {
                edits: owned.edits,
                anchor: owned.anchor,
                covered: covered.into_iter().map(|(first, last)| first..=last).collect(),
                summary: context::summary(conn, tenant, id)?,
            })
        });
        backlog.await
    }

    async fn put_segment(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        edits: i64,
        segment: Segment,
    ) -> Result<(), StoreError> {
        let (scope, id) = (scope.clone(), conversation.into());
        let put = self.threads.write(move |conn| {
            context::check_edits(conn, &scope, id, edits)?;
            context::insert_segment(conn, scope.tenant.as_str(), id, segment)
        });
        put.await
    }

    async fn put_summary(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        edits: i64,
        summary: Summary,
    ) -> Result<(), StoreError> {
        let (scope, id) = (scope.clone(), conversation.into());
        let put = self.threads.write(move |conn| {
            context::check_edits(conn, &scope, id, edits)?;
            context::replace_summary(conn, scope.tenant.as_str(), id, &summary)
        });
        put.await
    }

    async fn claim_context_jobs(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<ContextJob>, StoreError> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let lease = clock::micros(lease);
        let claimed = self.threads.write(move |conn| {
            let due = context::due(conn, most)?;
            due.iter().map(|job| claim(conn, job, lease)).collect()
        });
        claimed.await
    }

    async fn end_context_job(
        &self,
        job: ContextJob,
        again: Option<Duration>,
    ) -> Result<(), StoreError> {
        let ContextJob { scope, conversation, ticket, .. } = job;
        let again = again.map(clock::micros);
        let ended = self
            .threads
            .write(move |conn| context::end_job(conn, &scope, conversation.into(), ticket, again));
        ended.await
    }
}

fn claim(conn: &mut SqliteConnection, job: &DueJob, lease: i64) -> Outcome<ContextJob> {
    let ticket = context::claim(conn, &job.tenant, job.conversation, lease)?;
    let scope = Scope { tenant: read_tenant(&job.tenant)?, user: read_user("user", &job.user)? };
    let attempts = u32::try_from(job.attempts);
    let attempts = attempts.map_err(|_| StoreError::Corrupt { column: "attempts" })?;
    Ok(ContextJob { scope, conversation: job.conversation.into(), attempts, ticket })
}

fn stored(rows: Vec<ItemRow>) -> Result<Vec<StoredItem>, StoreError> {
    rows.into_iter().map(StoredItem::try_from).collect()
}
