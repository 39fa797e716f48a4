//! What a conversation's context engine keeps beside the items.

use std::{ops::RangeInclusive, time::Duration};

use async_trait::async_trait;
use loquat_domain::{ConversationId, CounterId, ItemId, RawJson, Scope, StoredItem, Timestamp};

use crate::StoreError;

/// Where a conversation's window begins, and what its engine keeps with that.
///
/// A conversation has none until items leave its window for the first time. From then on it has
/// one for ever, whose `anchor` and `state` an edit of the active branch takes away: deleting an
/// item of it, activating another branch, a turn after one of its earlier items. What is appended
/// is no edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptContext {
    /// Rises by one with each [`ContextChange`] and each edit. The first is 1.
    pub version: i64,
    /// Position of the first item of the active branch that is in the window; `None` after an edit.
    pub anchor: Option<i64>,
    /// The engine's own notes, as JSON; `None` after an edit.
    pub state: Option<RawJson>,
    /// The summary of the active branch's beginning, if there is one, the history's head is on the
    /// active branch, and there is something after what it covers.
    pub summary: Option<Summary>,
}

/// The beginning of a conversation's active branch in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Position of the last item that it covers.
    pub covers_to: i64,
    /// What it says.
    pub text: String,
    /// What it costs in a prompt.
    pub tokens: u32,
    /// What counted them.
    pub counter: CounterId,
    /// The model that wrote it.
    pub model: String,
    /// When it was written.
    pub created_at: Timestamp,
}

/// An index of a run of items of the active branch that have left the window. It never changes;
/// segments of a conversation never overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Position of the first item that it covers.
    pub first: i64,
    /// Position of the last item that it covers; not less than `first`.
    pub last: i64,
    /// The index. Stores do not read it.
    pub data: Vec<u8>,
}

/// Items leave the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextChange {
    /// The version that the change was made from; `None` when there was none yet.
    pub expected: Option<i64>,
    /// Position of the first item that stays.
    pub anchor: i64,
    /// The engine's own notes, as JSON.
    pub state: RawJson,
}

impl ContextChange {
    /// The version that there is after the change.
    pub const fn version(&self) -> i64 {
        match self.expected {
            Some(version) => version + 1,
            None => 1,
        }
    }
}

/// The engine's notes after a turn, when nothing else has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextUpdate {
    /// The version that they belong to. It stays.
    pub expected: i64,
    /// The engine's own notes, as JSON.
    pub state: RawJson,
}

/// Something to do for a conversation whose items have left its window, held by whoever claimed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextJob {
    /// On whose behalf.
    pub scope: Scope,
    /// The conversation, listed or implicit.
    pub conversation: ConversationId,
    /// How often it has been tried in vain since it was queued.
    pub attempts: u32,
    /// Tells this claim from every other.
    pub ticket: i64,
}

/// What there is to do for a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// How often the active branch has been edited: what was derived from items that were read
    /// before an edit cannot be kept after it.
    pub edits: i64,
    /// Position of the first item in the window: those before it are to be covered.
    pub anchor: Option<i64>,
    /// The positions that segments cover, in order.
    pub covered: Vec<RangeInclusive<i64>>,
    /// The summary that there is.
    pub summary: Option<Summary>,
}

/// Durable home of what is derived from the beginning of long conversations: segments, a summary,
/// and the jobs that make them.
///
/// All of it describes the active branch only, goes with its conversation, and never outlives the
/// items that it was made of: deleting an item deletes the segment that covers it, and the summary
/// if it covers it; another branch becoming active deletes whatever covers an item that is no
/// longer on the active one. Where segments are left, a job is queued then.
///
/// A turn that brings a [`ContextChange`] queues a job too: it is due at once, or, while somebody is
/// at it, as soon as that claim ends. A conversation has at most one.
///
/// An implicit conversation has an active branch too: an item is on it if what it follows is, or if
/// it follows nothing, and if it is the first that does so. Nothing but this port and
/// [`TurnStore::history`](crate::TurnStore::history) shows that.
///
/// Every method is one atomic step. For another user's or tenant's conversation every method
/// behaves exactly as if it did not exist.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ContextStore: Send + Sync + 'static {
    /// The items of the active branch at these positions, oldest first. Those that are not there are
    /// left out.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    async fn items_at(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        positions: &[i64],
    ) -> Result<Vec<StoredItem>, StoreError>;

    /// These items of the conversation, on whichever branch each is, oldest first. Those that are
    /// not there are left out.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    async fn pinned(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        ids: &[ItemId],
    ) -> Result<Vec<StoredItem>, StoreError>;

    /// Items of the active branch from position `from` to before position `to`, oldest first, at
    /// most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    async fn span(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        from: i64,
        to: i64,
        limit: u32,
    ) -> Result<Vec<StoredItem>, StoreError>;

    /// What there is to do for a conversation.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    async fn backlog(
        &self,
        scope: &Scope,
        conversation: ConversationId,
    ) -> Result<Backlog, StoreError>;

    /// Keeps a segment that was made of items that were read after the backlog said `edits`.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when the active branch has been edited
    /// since, or when there is a segment that covers a part of the same.
    async fn put_segment(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        edits: i64,
        segment: Segment,
    ) -> Result<(), StoreError>;

    /// Keeps a summary, made likewise, in place of the one that there is.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when the active branch has been edited
    /// since.
    async fn put_summary(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        edits: i64,
        summary: Summary,
    ) -> Result<(), StoreError>;

    /// Takes up to `limit` jobs of all tenants that are due, those that were due first first. Nobody
    /// else gets them for the time of the lease, by the store's own clock.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`] and [`StoreError::Internal`].
    async fn claim_context_jobs(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<ContextJob>, StoreError>;

    /// Ends a claim: the job is done, or is due again after some time and has been tried in vain
    /// once more. One that was queued anew meanwhile is due at once. Nothing happens when somebody
    /// else has claimed it since.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`] and [`StoreError::Internal`].
    async fn end_context_job(
        &self,
        job: ContextJob,
        again: Option<Duration>,
    ) -> Result<(), StoreError>;
}
