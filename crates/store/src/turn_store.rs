//! The work of producing an answer.

use std::time::Duration;

use async_trait::async_trait;
use loquat_domain::{
    Charge, Conversation, ConversationId, Item, ItemId, RawJson, Response, ResponseId, Scope,
    StoredItem,
};

use crate::{ContextChange, ContextUpdate, Earlier, KeptContext, Once, Segment, StoreError};

/// Where a turn's history ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryStart {
    /// At the active leaf of a listed conversation.
    Conversation(ConversationId),
    /// At an item of a listed conversation, on whichever branch it is; `None` is before the first.
    Item(ConversationId, Option<ItemId>),
    /// At the last item of an earlier response, in whichever conversation that is.
    Response(ResponseId),
}

/// How far back a history is read, and what with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Until the token counts of the items add up to at least this.
    pub tokens: u64,
    /// True to read no further than the conversation's anchor: the first item at or before that
    /// position is the last that is read. Without an anchor, or when the head is before it, as if
    /// false.
    pub anchored: bool,
    /// True to read the segments too.
    pub segments: bool,
}

impl Reach {
    /// As far as the tokens add up to this, and nothing else.
    pub const fn tokens(tokens: u64) -> Self {
        Self { tokens, anchored: false, segments: false }
    }
}

/// Where a history was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The conversation that it belongs to.
    pub conversation: ConversationId,
    /// False for an implicit conversation, which callers never see.
    pub listed: bool,
    /// The newest item of the history; `None` when there is none yet.
    pub leaf: Option<ItemId>,
    /// True when a response that has not ended is in the way: the history ends at it, or starts at
    /// an item of a conversation that it locks.
    pub running: bool,
    /// True when `leaf` is on the active branch, also of an implicit conversation, and when there is
    /// none yet.
    pub active: bool,
}

/// The newest part of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Where it was found.
    pub head: Head,
    /// Newest first, without a gap.
    pub items: Vec<StoredItem>,
    /// True when the last of `items` is the branch's first, or the branch is empty.
    pub reached_root: bool,
    /// When the root was not reached: the first items of the active branch as long as they are
    /// messages of the system or a developer, at most [`History::MOST_LEAD`] and none after the head,
    /// oldest first. Some may be among `items` too. Empty when the head is not on the active branch.
    pub lead: Vec<StoredItem>,
    /// What the context engine keeps; `None` when nothing has ever left the window.
    pub context: Option<KeptContext>,
    /// The conversation's segments that begin before the head, by position: when they were asked
    /// for, there is an anchor, and the head is on the active branch. One may reach beyond the
    /// anchor, or beyond the head, where that is an earlier item than the branch's end.
    pub segments: Vec<Segment>,
}

impl History {
    /// The most items that a history leads with.
    pub const MOST_LEAD: usize = 16;
}

/// In which conversation a turn takes place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnHome {
    /// In a new one, made in the same step.
    New {
        /// The new conversation.
        conversation: Conversation,
        /// False for an implicit one: it is not listed, has no lock, and no active branch that
        /// anybody could change.
        listed: bool,
    },
    /// In one that is there already.
    Existing {
        /// Its id.
        id: ConversationId,
        /// Where the turn's input goes.
        place: Place,
    },
}

impl TurnHome {
    /// The conversation's id.
    pub const fn conversation(&self) -> ConversationId {
        match self {
            Self::New { conversation, .. } => conversation.id,
            Self::Existing { id, .. } => *id,
        }
    }
}

/// Where in an existing conversation a turn's input goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At the end of the active branch, which must still be this item.
    Leaf(Option<ItemId>),
    /// After this item. In a listed conversation the new branch becomes the active one.
    After(Option<ItemId>),
}

/// The start of a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct BeginTurn {
    /// The response, queued or in progress.
    pub response: Response,
    /// True for a response that is kept only so that the same request can be answered again: its id
    /// is unknown to its owner, and it goes when the key is forgotten.
    pub hidden: bool,
    /// Where it takes place.
    pub home: TurnHome,
    /// The caller's new items, in order.
    pub input: Vec<Item>,
    /// What the context engine kept and dropped, as JSON.
    pub receipt: RawJson,
    /// Given when items leave the window: changes the conversation's context and queues a job in
    /// the same step.
    pub context: Option<ContextChange>,
    /// For how long the turn counts as alive without a further sign.
    pub lease: Duration,
    /// Given when the turn shall take place once, however often it is asked for.
    pub once: Option<Once>,
}

/// A sign of life of a running turn, with what it has emitted since the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// On whose behalf the turn runs.
    pub scope: Scope,
    /// The turn's response.
    pub response: ResponseId,
    /// False while the turn waits in a queue.
    pub at_work: bool,
    /// The new events; `None` when there are none.
    pub log: Option<CheckpointLog>,
}

/// A turn that was checkpointed and should not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interrupted {
    /// On whose behalf it runs.
    pub scope: Scope,
    /// Its response.
    pub response: ResponseId,
    /// Why.
    pub why: Interruption,
}

/// Why a turn should not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// Its owner asked for that: see [`TurnStore::request_stop`].
    Stopped,
    /// It was deleted, or somebody else has ended it: nothing more of it will be stored.
    Gone,
}

/// A gap-free run of a turn's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointLog {
    /// Sequence number of the first event.
    pub first: u64,
    /// Sequence number of the last event.
    pub last: u64,
    /// The events in the form of [`json::encode_events`](crate::json::encode_events).
    pub events: String,
}

/// The end of a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishTurn {
    /// The response in its terminal status.
    pub response: Response,
    /// The items that it produced, in order.
    pub output: Vec<Item>,
    /// Sequence number of the turn's last event.
    pub last_sequence: u64,
    /// Runs of events that no checkpoint is known to have kept, in order. Together with those that
    /// have, they are all of the turn's events without its end: neither
    /// [`EventKind::Failed`](loquat_domain::EventKind::Failed) nor
    /// [`EventKind::Ended`](loquat_domain::EventKind::Ended), which the response itself tells.
    pub log: Vec<CheckpointLog>,
    /// For how long the events can be read after the end, by the store's own clock. Zero drops them
    /// at once.
    pub keep_log: Duration,
    /// True when somebody else than the turn itself ends it, because its lease has run out.
    pub only_if_stale: bool,
    /// What the context engine learned. Left out when the version is another by now.
    pub context_state: Option<ContextUpdate>,
    /// Which models were chosen and asked, as JSON; `None` when there was nothing to choose.
    pub route: Option<RawJson>,
    /// What the calls of providers cost, added to the [`Ledger`](crate::Ledger) in the same step. When
    /// the end is not stored, neither are they.
    pub charges: Vec<Charge>,
}

/// A response as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredResponse {
    /// The response.
    pub response: Response,
    /// See [`BeginTurn::hidden`].
    pub hidden: bool,
    /// The items that it produced, in order; empty while it is in progress.
    pub output: Vec<Item>,
    /// What the context engine kept and dropped, as JSON.
    pub receipt: RawJson,
    /// See [`FinishTurn::route`]; `None` while it is in progress.
    pub route: Option<RawJson>,
}

/// A part of the events that a turn has emitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLog {
    /// Runs of events, each beginning where the one before ended.
    pub runs: Vec<CheckpointLog>,
    /// `None` while the turn runs.
    pub end: Option<LogEnd>,
}

/// What there is of the events of a turn that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// Sequence number of the turn's last event.
    pub last_sequence: u64,
    /// False when the events are no longer kept.
    pub kept: bool,
}

/// A turn that gave no sign of life for longer than its lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleTurn {
    /// On whose behalf it ran.
    pub scope: Scope,
    /// Its response, queued or in progress.
    pub response: ResponseId,
}

/// Durable home of turns: their start, signs of life, end, and what they emitted.
///
/// Every method is one atomic step. For another user's or tenant's rows every method behaves
/// exactly as if they did not exist.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait TurnStore: Send + Sync + 'static {
    /// Reads a branch newest first as far as `reach` says, or until the root is reached. At least
    /// one item is read when there is one. The cost depends on what is read, not on the length of
    /// the conversation.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] when the scope has no such conversation, item or response.
    async fn history(
        &self,
        scope: &Scope,
        start: HistoryStart,
        reach: Reach,
    ) -> Result<History, StoreError>;

    /// Stores a turn's start: the new conversation if there is one, the input items, the response
    /// in progress and its lease. A listed conversation is locked until the turn's end.
    ///
    /// # Errors
    ///
    /// [`StoreError::Done`] when the turn was begun before, whatever has become of its place;
    /// [`StoreError::NotFound`] when the conversation or the place is gone, [`StoreError::Locked`]
    /// while another turn runs in a listed conversation, [`StoreError::Conflict`] when the active
    /// leaf is no longer the one of [`Place::Leaf`], the context's version is no longer the one that
    /// is expected, or an id is taken.
    async fn begin_turn(&self, scope: &Scope, turn: BeginTurn) -> Result<(), StoreError>;

    /// What a request with this key has done before, if anything.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`] and [`StoreError::Internal`].
    async fn earlier(&self, scope: &Scope, once: &Once) -> Result<Option<Earlier>, StoreError>;

    /// Extends the leases of running turns and keeps their new events, all in one step; tells which
    /// of them should not go on. Turns that have ended or were deleted are passed over: nothing is
    /// brought back to life.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`] and [`StoreError::Internal`]. After the first, a part of
    /// the batch may have been kept: the same runs are sent again, and keeping one twice is keeping
    /// it once.
    async fn checkpoint(
        &self,
        batch: Vec<Checkpoint>,
        lease: Duration,
    ) -> Result<Vec<Interrupted>, StoreError>;

    /// Stores a turn's end: the output items after its input, the terminal status and usage, the
    /// rest of its events; frees the conversation. In a listed conversation the output becomes part
    /// of the active branch when the turn's input is still its end.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] when the response was deleted; [`StoreError::Conflict`] when it has
    /// ended already, or is ended because it is stale and is not any more.
    async fn finish_turn(&self, scope: &Scope, turn: FinishTurn) -> Result<(), StoreError>;

    /// Looks a response up.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    async fn response(&self, scope: &Scope, id: ResponseId) -> Result<StoredResponse, StoreError>;

    /// Reads up to `most` runs of a turn's events, from the run that begins with `from` on. Runs
    /// begin with 0 and where another run ends, and nowhere else. Fewer than `most` runs are all
    /// that there are so far.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`].
    async fn events(
        &self,
        scope: &Scope,
        id: ResponseId,
        from: u64,
        most: u32,
    ) -> Result<EventLog, StoreError>;

    /// Asks whoever runs a turn to stop it, and tells whether it is running: its next checkpoint
    /// hears of it. Nothing happens to one that has ended.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], also for a hidden response.
    async fn request_stop(&self, scope: &Scope, id: ResponseId) -> Result<bool, StoreError>;

    /// Deletes a response, also while it runs, and frees its conversation. Its items stay where
    /// they belong to a listed conversation or where later items continue them; otherwise they go
    /// with it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], also for a hidden response.
    async fn delete_response(&self, scope: &Scope, id: ResponseId) -> Result<(), StoreError>;
}

/// What a store has to have done from time to time, whoever's rows it concerns. Any number of
/// processes may do it at once.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Upkeep: Send + Sync + 'static {
    /// Up to `limit` turns of all tenants whose lease has run out, oldest first. For recovery
    /// only: it ends each of them by [`TurnStore::finish_turn`]. One that cannot be read is named
    /// all the same, so that it can be ended.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`] and [`StoreError::Internal`].
    async fn stale_turns(&self, limit: u32) -> Result<Vec<StaleTurn>, StoreError>;

    /// Forgets what is older than it was to be kept: events of turns that have ended, keys, each
    /// with its hidden response, counts of periods that are over, and revocations. The key of a turn that has not ended is kept until it has;
    /// what somebody is at is left for another time. Up to about `limit` of each in one step; returns how
    /// many.
    ///
    /// # Errors
    ///
    /// None but [`StoreError::Unavailable`] and [`StoreError::Internal`].
    async fn forget_expired(&self, limit: u32) -> Result<u32, StoreError>;

    /// Succeeds when the store can be read and written.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    async fn ping(&self) -> Result<(), StoreError>;
}
