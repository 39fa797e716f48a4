//! What is derived from the beginning of long conversations.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use async_trait::async_trait;
use loquat_domain::{ConversationId, ItemId, RawJson, Scope, StoredItem, Timestamp};
use loquat_store::{
    Backlog, ContextChange, ContextJob, ContextStore, ContextUpdate, History, KeptContext, Segment,
    StoreError, Summary,
};

use super::{
    MemoryStore, StoreCall,
    tenant::{ConversationRow, ItemRow, Tenant},
};

/// What there is once items have left a conversation's window.
#[derive(Debug, Default)]
pub(super) struct ContextRow {
    version: i64,
    edits: i64,
    /// The anchor and the engine's notes; none after an edit.
    window: Option<(i64, RawJson)>,
    /// By the positions that they begin with.
    segments: BTreeMap<i64, Segment>,
    summary: Option<Summary>,
    job: Option<JobRow>,
}

#[derive(Debug)]
struct JobRow {
    due_at: Timestamp,
    attempts: u32,
    ticket: i64,
    /// Somebody is at it, until `due_at`.
    held: bool,
    /// It was queued anew meanwhile.
    again: bool,
}

impl ContextRow {
    pub(super) fn anchor(&self) -> Option<i64> {
        self.window.as_ref().map(|(anchor, _)| *anchor)
    }

    /// What a history tells of it that ends at `head`.
    pub(super) fn kept(&self, head: Option<i64>) -> KeptContext {
        let before = |covers_to: i64| head.is_some_and(|head| covers_to < head);
        KeptContext {
            version: self.version,
            anchor: self.anchor(),
            state: self.window.as_ref().map(|(_, state)| state.clone()),
            summary: self.summary.clone().filter(|summary| before(summary.covers_to)),
        }
    }

    /// What a history has of its segments that ends at `head`.
    pub(super) fn segments_before(&self, head: Option<i64>) -> Vec<Segment> {
        let Some(head) = head.filter(|_| self.window.is_some()) else { return Vec::new() };
        self.segments.range(..head).map(|(_, segment)| segment.clone()).collect()
    }

    fn queue(&mut self, ticket: i64, now: Timestamp) {
        match &mut self.job {
            Some(job) if job.held && job.due_at > now => {
                job.attempts = 0;
                job.again = true;
            }
            job => {
                let (held, again) = (false, false);
                *job = Some(JobRow { due_at: now, attempts: 0, ticket, held, again });
            }
        }
    }
}

impl Tenant {
    fn next_ticket(&mut self) -> i64 {
        self.tickets += 1;
        self.tickets
    }

    /// The active branch, newest first. Of an implicit conversation it is made of the items that
    /// came first.
    pub(super) fn active(&self, id: ConversationId, home: &ConversationRow) -> Vec<&ItemRow> {
        if home.listed {
            return self.branch(home.leaf).collect();
        }
        let first = self.items.values().filter(|row| row.conversation == id && row.came_first);
        let mut first: Vec<_> = first.collect();
        first.sort_by_key(|row| std::cmp::Reverse(row.stored.position));
        first
    }

    /// Refuses a change that was made from another version.
    pub(super) fn check_version(
        home: Option<&ConversationRow>,
        change: Option<&ContextChange>,
    ) -> Result<(), StoreError> {
        let version = home.and_then(|home| home.context.as_ref()).map(|context| context.version);
        match change {
            Some(change) if change.expected != version => Err(StoreError::Conflict),
            _ => Ok(()),
        }
    }

    /// Applies a checked change.
    pub(super) fn change_context(
        &mut self,
        conversation: ConversationId,
        change: Option<ContextChange>,
        now: Timestamp,
    ) {
        let Some(change) = change else { return };
        let ticket = self.next_ticket();
        let Some(home) = self.conversations.get_mut(&conversation) else { return };
        let context = home.context.get_or_insert_default();
        context.version = change.version();
        context.window = Some((change.anchor, change.state));
        context.queue(ticket, now);
    }

    /// Keeps notes, unless they belong to another version.
    pub(super) fn update_context(
        &mut self,
        conversation: ConversationId,
        update: Option<ContextUpdate>,
    ) {
        let context = self.conversations.get_mut(&conversation).and_then(|it| it.context.as_mut());
        let Some((context, update)) = context.zip(update) else { return };
        if context.version == update.expected
            && let Some((_, state)) = &mut context.window
        {
            *state = update.state;
        }
    }

    /// Takes away what is not true any more after an edit of the active branch. `gone` are the
    /// positions where there was an item that is not there any more.
    pub(super) fn edit_context(
        &mut self,
        conversation: ConversationId,
        gone: RangeInclusive<i64>,
        now: Timestamp,
    ) {
        let ticket = self.next_ticket();
        let home = self.conversations.get_mut(&conversation);
        let Some(context) = home.and_then(|home| home.context.as_mut()) else { return };
        context.version += 1;
        context.edits += 1;
        context.window = None;
        let (from, to) = gone.into_inner();
        context.segments.retain(|_, segment| segment.last < from || segment.first > to);
        context.summary.take_if(|summary| summary.covers_to >= from);
        if !context.segments.is_empty() {
            context.queue(ticket, now);
        }
    }

    /// Takes away what covers items of a listed conversation that are on its active branch and not
    /// on the one that ends at `leaf`, which becomes the active one.
    pub(super) fn leave_branch(
        &mut self,
        conversation: ConversationId,
        leaf: Option<ItemId>,
        now: Timestamp,
    ) {
        let Some(home) = self.conversations.get(&conversation) else { return };
        let stays: Vec<ItemId> = self.branch(leaf).map(|row| row.stored.item.id).collect();
        let fork = self.branch(home.leaf).find(|row| stays.contains(&row.stored.item.id));
        let fork = fork.map_or(-1, |row| row.stored.position);
        self.edit_context(conversation, fork + 1..=i64::MAX, now);
    }

    /// The first items of the active branch that are the operator's words, up to a position.
    pub(super) fn lead(
        &self,
        id: ConversationId,
        home: &ConversationRow,
        to: i64,
    ) -> Vec<StoredItem> {
        let leads =
            |row: &&&ItemRow| row.stored.item.content.is_operators() && row.stored.position <= to;
        let active = self.active(id, home);
        let lead = active.iter().rev().take_while(leads).take(History::MOST_LEAD);
        lead.map(|row| row.stored.clone()).collect()
    }

    fn context(
        &mut self,
        scope: &Scope,
        id: ConversationId,
        edits: i64,
    ) -> Result<&mut ContextRow, StoreError> {
        self.conversation(&scope.user, id)?;
        let home = self.conversations.get_mut(&id);
        home.and_then(|home| home.context.as_mut())
            .filter(|context| context.edits == edits)
            .ok_or(StoreError::Conflict)
    }
}

#[async_trait]
impl ContextStore for MemoryStore {
    async fn items_at(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        positions: &[i64],
    ) -> Result<Vec<StoredItem>, StoreError> {
        let mut tables = self.enter(StoreCall::ItemsAt).await?;
        let tenant = tables.of(&scope.tenant);
        let home = tenant.conversation(&scope.user, conversation)?;
        let active = tenant.active(conversation, home).into_iter().rev();
        let there = active.filter(|row| positions.contains(&row.stored.position));
        Ok(there.map(|row| row.stored.clone()).collect())
    }

    async fn pinned(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        ids: &[ItemId],
    ) -> Result<Vec<StoredItem>, StoreError> {
        let mut tables = self.enter(StoreCall::Pinned).await?;
        let tenant = tables.of(&scope.tenant);
        tenant.conversation(&scope.user, conversation)?;
        let there = tenant
            .items
            .values()
            .filter(|row| row.conversation == conversation && ids.contains(&row.stored.item.id));
        let mut there: Vec<_> = there.map(|row| row.stored.clone()).collect();
        there.sort_by_key(|stored| (stored.position, stored.item.id));
        Ok(there)
    }

    async fn span(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        from: i64,
        to: i64,
        limit: u32,
    ) -> Result<Vec<StoredItem>, StoreError> {
        let mut tables = self.enter(StoreCall::Span).await?;
        let tenant = tables.of(&scope.tenant);
        let home = tenant.conversation(&scope.user, conversation)?;
        let active = tenant.active(conversation, home).into_iter().rev();
        let within = active.filter(|row| (from..to).contains(&row.stored.position));
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(within.take(most).map(|row| row.stored.clone()).collect())
    }

    async fn backlog(
        &self,
        scope: &Scope,
        conversation: ConversationId,
    ) -> Result<Backlog, StoreError> {
        let mut tables = self.enter(StoreCall::Backlog).await?;
        let home = tables.of(&scope.tenant).conversation(&scope.user, conversation)?;
        let none = ContextRow::default();
        let context = home.context.as_ref().unwrap_or(&none);
        Ok(Backlog {
            edits: context.edits,
            anchor: context.anchor(),
            covered: context.segments.values().map(|it| it.first..=it.last).collect(),
            summary: context.summary.clone(),
        })
    }

    async fn put_segment(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        edits: i64,
        segment: Segment,
    ) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::PutSegment).await?;
        let context = tables.of(&scope.tenant).context(scope, conversation, edits)?;
        let overlaps = |it: &Segment| it.first <= segment.last && it.last >= segment.first;
        if context.segments.values().any(overlaps) {
            return Err(StoreError::Conflict);
        }
        context.segments.insert(segment.first, segment);
        Ok(())
    }

    async fn put_summary(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        edits: i64,
        summary: Summary,
    ) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::PutSummary).await?;
        tables.of(&scope.tenant).context(scope, conversation, edits)?.summary = Some(summary);
        Ok(())
    }

    async fn claim_context_jobs(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<ContextJob>, StoreError> {
        let mut tables = self.enter(StoreCall::ClaimContextJobs).await?;
        let now = self.clock.now();
        let mut due = Vec::new();
        for (name, tenant) in &mut *tables.0 {
            for (id, home) in &mut tenant.conversations {
                let job = home.context.as_mut().and_then(|context| context.job.as_mut());
                if let Some(job) = job.filter(|job| job.due_at <= now) {
                    let user = home.user.clone();
                    let scope = Scope { tenant: name.clone(), user };
                    due.push((job.due_at, scope, *id, job));
                }
            }
        }
        due.sort_by_key(|(due_at, _, id, _)| (*due_at, *id));
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let claimed = due.into_iter().map(|(_, scope, conversation, job)| {
            job.due_at = now.plus(lease);
            (job.held, job.again) = (true, false);
            ContextJob { scope, conversation, attempts: job.attempts, ticket: job.ticket }
        });
        let mut claimed: Vec<_> = claimed.collect();
        for claim in &mut claimed {
            let tenant = tables.of(&claim.scope.tenant);
            claim.ticket = tenant.next_ticket();
            let home = tenant.conversations.get_mut(&claim.conversation);
            let context = home.and_then(|home| home.context.as_mut());
            if let Some(job) = context.and_then(|context| context.job.as_mut()) {
                job.ticket = claim.ticket;
            }
        }
        Ok(claimed)
    }

    async fn end_context_job(
        &self,
        job: ContextJob,
        again: Option<Duration>,
    ) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::EndContextJob).await?;
        let now = self.clock.now();
        let tenant = tables.of(&job.scope.tenant);
        let ticket = tenant.next_ticket();
        let home = tenant.conversations.get_mut(&job.conversation);
        let home = home.filter(|home| home.user == job.scope.user);
        let Some(context) = home.and_then(|home| home.context.as_mut()) else { return Ok(()) };
        match (again, context.job.as_mut().filter(|row| row.ticket == job.ticket)) {
            (_, None) => {}
            (_, Some(row)) if row.again => {
                (row.held, row.again) = (false, false);
                (row.due_at, row.ticket) = (now, ticket);
            }
            (None, Some(_)) => context.job = None,
            (Some(wait), Some(row)) => {
                row.due_at = now.plus(wait);
                row.attempts += 1;
                row.held = false;
            }
        }
        Ok(())
    }
}
