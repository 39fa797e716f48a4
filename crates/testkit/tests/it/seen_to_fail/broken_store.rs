//! A store with one deliberate fault.

mod bill;

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use loquat_domain::{
    Branch, Conversation, ConversationId, Fingerprint, IdempotencyKey, Item, ItemContent, ItemId,
    Message, Page, PageLimit, PageRequest, RawJson, ResponseId, Role, Scope, Settings, Status,
    StoredItem, TenantId, Timestamp, UserId,
};
use loquat_store::{
    AllowanceKey, Archived, Backlog, BeginTurn, Checkpoint, CheckpointLog, ContextJob,
    ContextStore, ConversationPatch, ConversationStore, Earlier, EventLog, FinishTurn, Head,
    History, HistoryStart, Interrupted, Interruption, KeptContext, Ledger as _, Once, Place, Reach,
    Segment, StaleTurn, StoreError, StoredResponse, Summary, TurnHome, TurnStore, Upkeep,
};
use loquat_testkit::MemoryStore;

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Takes the answer of no for a yes: `Conflict` is success.
    AcceptsConflicts,
    /// `NotFound` is success where nothing is returned.
    AcceptsWhatIsGone,
    /// Any branch is as good as one that is not there.
    ActivatesAnything,
    /// Activating is always a change.
    ActivatesLoudly,
    ActivatesNothing,
    AnswersInItsOwnOrder,
    AnyPeriodIsThisOne,
    BringsNoSegments,
    ChargesOnceWithoutAResponse,
    ChargesOneCallOfATurn,
    ChargesRefusedEnds,
    ChargesTwice,
    /// Nobody is in the way, and `Place::Leaf` is wherever the leaf is by now.
    ChecksNeitherLockNorLeaf,
    ChecksNoEdits,
    ChecksNoVersion,
    ClaimsForAnHour,
    ClaimsNothing,
    /// A claim is anybody's.
    ClaimsTwice,
    CountsAllTogether,
    CutsData,
    DeletesNothing,
    /// A response takes along all others of its conversation.
    DeletesWholeChains,
    DropsEvents,
    DropsLateAnswers,
    /// Streams are nobody's once they are taken.
    DropsStreams,
    /// A job that failed is done.
    EndsEveryJob,
    EndsForFree,
    EndsNoJob,
    EndsNoLateTurn,
    EndsNothing,
    EndsPeriodsLate,
    EndsTheLiving,
    /// Ends a job whoever has it by now.
    EndsWhatOthersHave,
    EstimatesAllUsage,
    EveryHeadIsActive,
    FiltersCursors,
    /// What is not there is read as if it were empty.
    FindsNothingEmpty,
    /// Where no run begins, the one before is read.
    FindsTheRunBefore,
    /// Of runs with the same beginning the first counts.
    FirstRunCounts,
    ForgetsAllAtOnce,
    /// The book goes with what it is about.
    ForgetsCharges,
    ForgetsContexts,
    ForgetsDebts,
    ForgetsFingerprints,
    ForgetsKinds,
    ForgetsLinks,
    ForgetsLogsAtOnce,
    ForgetsNotes,
    ForgetsNothing,
    ForgetsRoutes,
    /// A key's time is over when it is over, whatever its turn does.
    ForgetsRunningTurns,
    ForgetsSettings,
    ForgetsTenants,
    ForgetsTitles,
    ForgetsTokens,
    ForgetsTooMuch,
    ForgetsUsers,
    /// Every turn goes on with the active branch.
    ForksNothing,
    GrantsAllOrNothing,
    GrantsWhatThereIsNot,
    HasOneVersion,
    HearsNoEnds,
    HearsNoStops,
    HidesEveryTurn,
    HidesNoTurn,
    HistoriesEndAtTheActiveLeaf,
    HoldsForEver,
    IgnoresAnchors,
    IgnoresBudgets,
    IgnoresKeys,
    IgnoresMost,
    IgnoresSigns,
    KeepsLogsForAnHour,
    KeepsOneAct,
    /// Nothing that was derived ever goes.
    KeepsWhatWasDerived,
    KeysComeLast,
    LeadsForEver,
    LeadsWithNothing,
    LeapsGaps,
    ListsImplicitConversations,
    ListsNoTurn,
    ListsOnlyTheActiveBranch,
    LocksNothing,
    LooksItemsUpAnywhere,
    NarrowsAmounts,
    NarrowsBudgets,
    NeverAtWork,
    NeverMore,
    NeverReachesTheRoot,
    NothingIsStale,
    NothingRuns,
    PositionsStandStill,
    /// Only a leaf marks a place among branches.
    RefusesGrownBranches,
    /// An anchor stays, whatever is edited.
    RemembersAnchors,
    RemembersFailures,
    RestoresNothing,
    ReversesItems,
    ReversesPages,
    /// A late sign of life counts.
    RevivesTurns,
    RevokesForGood,
    RoundsCosts,
    RoundsDaysTowardsZero,
    RoundsTimes,
    SaysAllIsWell,
    ServesOneTurn,
    SharesRoutes,
    ShowsArchived,
    ShowsInputAsOutput,
    SizesArePositions,
    SkipsAtPages,
    SortsById,
    StaleNewestFirst,
    StandsByItsFirstLimit,
    StandsByItsFirstRevocation,
    StandsByItsFirstSummary,
    StartsOver,
    StopsWhatHasEnded,
    TakesNothingBack,
    TellsNoTime,
    /// Where there is nothing, a row says so.
    TellsOfNothing,
    TidiesReceipts,
    TrimsTexts,
    Unreachable,
    UpdatesEverything,
    WrapsSums,
}

use Fault::*;

const HOUR: Duration = Duration::from_hours(1);

/// A [`MemoryStore`] with a fault.
pub(super) struct BrokenStore {
    inner: MemoryStore,
    fault: Fault,
    seen: Mutex<Seen>,
}

/// What some faults need to know.
#[derive(Default)]
struct Seen {
    conversations: HashSet<ConversationId>,
    responses: HashSet<ResponseId>,
    runs: HashSet<(ResponseId, u64)>,
    ends_of_runs: HashMap<ResponseId, u64>,
    revived: HashMap<ResponseId, Vec<CheckpointLog>>,
    forgotten: bool,
    /// Keys that were not to be kept.
    brief: HashSet<IdempotencyKey>,
    anchored: HashMap<ConversationId, KeptContext>,
    derived: HashMap<ConversationId, Backlog>,
    first_most: HashMap<AllowanceKey, u64>,
    deleted: bool,
}

impl BrokenStore {
    pub(super) fn with(fault: Fault) -> Self {
        Self { inner: MemoryStore::default(), fault, seen: Mutex::default() }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scope(&self, scope: &Scope) -> Scope {
        let mut scope = scope.clone();
        if self.has(ForgetsTenants) {
            scope.tenant = TenantId::new("everybody").unwrap_or(scope.tenant);
        }
        if self.has(ForgetsUsers) {
            scope.user = UserId::new("somebody").unwrap_or(scope.user);
        }
        scope
    }

    fn items(&self, mut items: Vec<Item>) -> Vec<Item> {
        if self.has(ReversesItems) {
            items.reverse();
        }
        for item in &mut items {
            match (self.fault, &mut item.content) {
                (ForgetsLinks, _) => item.response = None,
                (ForgetsTokens, _) => item.tokens = 1,
                (RoundsTimes, _) => item.created_at = rounded(item.created_at),
                (TrimsTexts, ItemContent::Message(message)) => {
                    let text = message.parts.iter().map(|part| format!("{part:?}"));
                    let text: String = text.collect();
                    *message = Message::text(message.role, text.trim());
                }
                (ForgetsKinds, content) => {
                    *content = ItemContent::Message(Message::text(Role::User, "said"));
                }
                _ => {}
            }
        }
        items
    }

    fn once(&self, once: Option<Once>) -> Option<Once> {
        let mut once = once.filter(|_| !self.has(IgnoresKeys))?;
        if self.has(SharesRoutes) {
            once.route = "/";
        }
        if self.has(ForgetsNothing) {
            once.keep = HOUR;
        }
        if once.keep.is_zero() {
            self.seen().brief.insert(once.key.clone());
        }
        Some(once)
    }

    fn earlier(&self, earlier: Earlier, asked: Option<&Once>) -> Earlier {
        let said: Option<Fingerprint> = asked.map(|once| once.fingerprint);
        match said {
            Some(fingerprint) if self.has(ForgetsFingerprints) => {
                Earlier { fingerprint, ..earlier }
            }
            _ => earlier,
        }
    }

    fn page<T>(
        &self,
        page: Result<Page<T>, StoreError>,
        follows: bool,
    ) -> Result<Page<T>, StoreError> {
        let mut page = page?;
        match self.fault {
            ReversesPages => page.entries.reverse(),
            SkipsAtPages if follows && !page.entries.is_empty() => drop(page.entries.remove(0)),
            NeverMore => page.has_more = false,
            _ => {}
        }
        Ok(page)
    }

    /// What a write comes to.
    async fn written(
        &self,
        scope: &Scope,
        home: Option<ConversationId>,
        once: Option<&Once>,
        mut result: Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if let (KeysComeLast, Err(StoreError::Done(_)), Some(home)) = (self.fault, &result, home) {
            match self.inner.history(scope, HistoryStart::Item(home, None), Reach::tokens(0)).await
            {
                Ok(history) if history.head.running => return Err(StoreError::Locked),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        let somewhere = self.seen().conversations.iter().next().copied();
        match result {
            Err(StoreError::Done(earlier)) => {
                result = Err(StoreError::Done(self.earlier(earlier, once)));
            }
            Err(_) if self.has(RemembersFailures) => {
                let id = somewhere.unwrap_or(ConversationId::from_uuid(uuid::Uuid::nil()));
                let now = Timestamp::from_micros(0);
                let _ = self.inner.append_items(scope, id, vec![], now, once.cloned()).await;
            }
            _ => {}
        }
        match result {
            Err(StoreError::Conflict) if self.has(AcceptsConflicts) => Ok(()),
            Err(StoreError::NotFound) if self.has(AcceptsWhatIsGone) => Ok(()),
            result => result,
        }
    }

    async fn is_stale(&self, id: ResponseId) -> Result<bool, StoreError> {
        let stale = self.inner.stale_turns(u32::MAX).await?;
        Ok(stale.iter().any(|turn| turn.response == id))
    }

    async fn leaf(&self, scope: &Scope, id: ConversationId) -> Option<Option<ItemId>> {
        let start = HistoryStart::Conversation(id);
        Some(self.inner.history(scope, start, Reach::tokens(0)).await.ok()?.head.leaf)
    }

    fn stored(&self, mut stored: StoredItem) -> StoredItem {
        if self.has(PositionsStandStill) {
            stored.position = 0;
        }
        stored
    }

    async fn branch(&self, scope: &Scope, id: ConversationId, mut branch: Branch) -> Branch {
        if self.has(SizesArePositions)
            && let Ok(leaf) = self.inner.item(scope, id, branch.leaf).await
        {
            branch.size = u64::try_from(leaf.position).unwrap_or(0) + 1;
        }
        branch
    }

    /// What is wrong about a history beside its items.
    async fn spoil_context(&self, scope: &Scope, history: &mut History) {
        let id = history.head.conversation;
        match (self.fault, &mut history.context) {
            (BringsNoSegments, _) => history.segments.clear(),
            (LeadsWithNothing, _) => history.lead.clear(),
            (LeadsForEver, _) => {
                let oldest = history.items.last().map_or(0, |stored| stored.position);
                let lead = self.inner.span(scope, id, 0, oldest, u32::MAX).await;
                history.lead = lead.unwrap_or_default();
            }
            (RemembersAnchors, Some(kept)) if kept.anchor.is_some() => {
                self.seen().anchored.insert(id, kept.clone());
            }
            (RemembersAnchors, kept @ Some(_)) => *kept = self.seen().anchored.get(&id).cloned(),
            _ => {}
        }
    }

    /// Lets a turn expect whatever version there is.
    async fn expect_what_is(&self, scope: &Scope, turn: &mut BeginTurn) {
        let TurnHome::Existing { id, place: Place::Leaf(leaf) | Place::After(leaf) } = turn.home
        else {
            return;
        };
        let start =
            turn.response.previous.map_or(HistoryStart::Item(id, leaf), HistoryStart::Response);
        let history = self.inner.history(scope, start, Reach::tokens(0)).await;
        let kept = history.ok().and_then(|history| history.context);
        if let Some(change) = &mut turn.context {
            change.expected = kept.map(|kept| kept.version);
        }
    }

    /// The count of edits that a write of what was derived names.
    async fn edits(&self, scope: &Scope, id: ConversationId, edits: i64) -> i64 {
        match self.inner.backlog(scope, id).await {
            Ok(backlog) if self.has(ChecksNoEdits) => backlog.edits,
            _ => edits,
        }
    }

    /// A run of events as it is kept, if it is.
    fn run(&self, response: ResponseId, mut run: CheckpointLog) -> Option<CheckpointLog> {
        let mut seen = self.seen();
        let next = seen.ends_of_runs.get(&response).map_or(0, |last| last + 1);
        seen.ends_of_runs.insert(response, run.last);
        let is_new = seen.runs.insert((response, run.first));
        if self.has(LeapsGaps) {
            run.first = next;
        }
        let is_kept = !self.has(DropsEvents) && (is_new || !self.has(FirstRunCounts));
        is_kept.then_some(run)
    }
}

fn rounded(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros() / 1_000 * 1_000)
}

#[async_trait]
impl ConversationStore for BrokenStore {
    async fn create_conversation(
        &self,
        scope: &Scope,
        mut conversation: Conversation,
        items: Vec<Item>,
        once: Option<Once>,
    ) -> Result<(), StoreError> {
        let (scope, once) = (&self.scope(scope), self.once(once));
        if self.has(ForgetsTitles) {
            conversation.title = None;
        }
        let id = conversation.id;
        let made =
            self.inner.create_conversation(scope, conversation, self.items(items), once.clone());
        let made = made.await;
        if made.is_ok() {
            self.seen().conversations.insert(id);
        }
        self.written(scope, None, once.as_ref(), made).await
    }

    async fn conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<Conversation, StoreError> {
        self.inner.conversation(&self.scope(scope), id).await
    }

    async fn conversations(
        &self,
        scope: &Scope,
        archived: Archived,
        page: PageRequest<ConversationId>,
    ) -> Result<Page<Conversation>, StoreError> {
        let scope = &self.scope(scope);
        let archived = if self.has(ShowsArchived) { Archived::Both } else { archived };
        if let (FiltersCursors, Archived::Without, Some(cursor)) =
            (self.fault, archived, page.after)
            && self.inner.conversation(scope, cursor).await?.archived
        {
            return Err(StoreError::CursorNotFound);
        }
        let mut read = self.inner.conversations(scope, archived, page).await;
        if matches!(read, Err(StoreError::CursorNotFound)) && self.has(StartsOver) {
            let page = PageRequest { after: None, ..page };
            read = self.inner.conversations(scope, archived, page).await;
        }
        let mut read = self.page(read, page.after.is_some())?;
        if self.has(SortsById) {
            read.entries.sort_by_key(|conversation| conversation.id);
        }
        Ok(read)
    }

    async fn update_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
        mut patch: ConversationPatch,
        now: Timestamp,
    ) -> Result<Conversation, StoreError> {
        if self.has(UpdatesEverything) {
            patch.archived.get_or_insert(false);
        }
        self.inner.update_conversation(&self.scope(scope), id, patch, now).await
    }

    async fn delete_conversation(
        &self,
        scope: &Scope,
        id: ConversationId,
    ) -> Result<(), StoreError> {
        if self.has(DeletesNothing) {
            return Ok(());
        }
        self.seen().deleted = true;
        self.inner.delete_conversation(&self.scope(scope), id).await
    }

    async fn items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        page: PageRequest<ItemId>,
    ) -> Result<Page<StoredItem>, StoreError> {
        let scope = &self.scope(scope);
        let mut read = self.inner.items(scope, conversation, page).await;
        if matches!(read, Err(StoreError::CursorNotFound)) && self.has(StartsOver) {
            let page = PageRequest { after: None, ..page };
            read = self.inner.items(scope, conversation, page).await;
        }
        let Page { entries, has_more } = self.page(read, page.after.is_some())?;
        Ok(Page { entries: entries.into_iter().map(|it| self.stored(it)).collect(), has_more })
    }

    async fn item(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        item: ItemId,
    ) -> Result<StoredItem, StoreError> {
        let scope = &self.scope(scope);
        let homes = if self.has(LooksItemsUpAnywhere) {
            self.seen().conversations.iter().copied().collect()
        } else {
            vec![conversation]
        };
        for home in homes {
            if let Ok(stored) = self.inner.item(scope, home, item).await {
                return Ok(self.stored(stored));
            }
        }
        Err(StoreError::NotFound)
    }

    async fn append_items(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        items: Vec<Item>,
        now: Timestamp,
        once: Option<Once>,
    ) -> Result<(), StoreError> {
        let (scope, once, items) = (&self.scope(scope), self.once(once), self.items(items));
        let appended = self.inner.append_items(scope, conversation, items, now, once.clone()).await;
        self.written(scope, Some(conversation), once.as_ref(), appended).await
    }

    async fn delete_item(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        item: ItemId,
        now: Timestamp,
    ) -> Result<Conversation, StoreError> {
        let scope = &self.scope(scope);
        if self.has(DeletesNothing) {
            return self.inner.conversation(scope, conversation).await;
        }
        self.inner.delete_item(scope, conversation, item, now).await
    }

    async fn branches(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        page: PageRequest<ItemId>,
    ) -> Result<Page<Branch>, StoreError> {
        let scope = &self.scope(scope);
        if let Some(after) = page.after.filter(|_| self.has(RefusesGrownBranches)) {
            let all = PageRequest { after: None, order: page.order, limit: PageLimit::MAX };
            let all = self.inner.branches(scope, conversation, all).await?;
            if all.entries.iter().all(|branch| branch.leaf != after) {
                return Err(StoreError::CursorNotFound);
            }
        }
        let mut read = self.inner.branches(scope, conversation, page).await;
        if matches!(read, Err(StoreError::CursorNotFound)) && self.has(StartsOver) {
            let page = PageRequest { after: None, ..page };
            read = self.inner.branches(scope, conversation, page).await;
        }
        let mut read = self.page(read, page.after.is_some())?;
        read.entries.retain(|branch| branch.active || !self.has(ListsOnlyTheActiveBranch));
        for branch in &mut read.entries {
            *branch = self.branch(scope, conversation, *branch).await;
        }
        Ok(read)
    }

    async fn activate_branch(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        leaf: ItemId,
        now: Timestamp,
    ) -> Result<Branch, StoreError> {
        let scope = &self.scope(scope);
        let before = self.leaf(scope, conversation).await.flatten();
        let leaf = match before {
            Some(before) if self.has(ActivatesNothing) => before,
            _ => leaf,
        };
        let mut branch = self.inner.activate_branch(scope, conversation, leaf, now).await;
        if let (ActivatesAnything, Err(StoreError::NotFound), Some(leaf)) =
            (self.fault, &branch, before)
        {
            branch = self.inner.activate_branch(scope, conversation, leaf, now).await;
        }
        if self.has(ActivatesLoudly) {
            let patch = ConversationPatch::default();
            self.inner.update_conversation(scope, conversation, patch, now).await?;
        }
        Ok(self.branch(scope, conversation, branch?).await)
    }
}

#[async_trait]
impl TurnStore for BrokenStore {
    async fn history(
        &self,
        scope: &Scope,
        mut start: HistoryStart,
        reach: Reach,
    ) -> Result<History, StoreError> {
        let scope = &self.scope(scope);
        let tokens = match self.fault {
            IgnoresBudgets => u64::MAX,
            NarrowsBudgets => reach.tokens & u64::from(u32::MAX),
            _ => reach.tokens,
        };
        let anchored = reach.anchored && !self.has(IgnoresAnchors);
        let reach = Reach { tokens, anchored, ..reach };
        if self.has(HistoriesEndAtTheActiveLeaf) {
            let head = self.inner.history(scope, start, Reach::tokens(0)).await?.head;
            if head.listed {
                start = HistoryStart::Conversation(head.conversation);
            }
        }
        let mut history = match self.inner.history(scope, start, reach).await {
            Err(StoreError::NotFound) if self.has(FindsNothingEmpty) => {
                let conversation = ConversationId::from_uuid(uuid::Uuid::nil());
                let (listed, leaf, running, active) = (true, None, false, true);
                History {
                    head: Head { conversation, listed, leaf, running, active },
                    items: vec![],
                    reached_root: true,
                    lead: vec![],
                    context: None,
                    segments: vec![],
                }
            }
            history => history?,
        };
        history.head.running &= !self.has(NothingRuns);
        history.head.active |= self.has(EveryHeadIsActive);
        self.spoil_context(scope, &mut history).await;
        history.reached_root &= !self.has(NeverReachesTheRoot);
        Ok(history)
    }

    async fn begin_turn(&self, scope: &Scope, mut turn: BeginTurn) -> Result<(), StoreError> {
        let scope = &self.scope(scope);
        turn.once = self.once(turn.once);
        turn.input = self.items(turn.input);
        match self.fault {
            ForgetsLinks => turn.response.previous = None,
            ForgetsSettings => turn.response.settings = Settings::default(),
            HidesEveryTurn => turn.hidden = true,
            HidesNoTurn => turn.hidden = false,
            LocksNothing | ChecksNeitherLockNorLeaf => turn.lease = Duration::ZERO,
            RoundsTimes => turn.response.created_at = rounded(turn.response.created_at),
            TidiesReceipts => turn.receipt = RawJson::from_checked("{}"),
            ForgetsContexts => turn.context = None,
            ChecksNoVersion => self.expect_what_is(scope, &mut turn).await,
            _ => {}
        }
        match &mut turn.home {
            TurnHome::New { listed, .. } => {
                *listed |= self.has(ListsImplicitConversations);
                *listed &= !self.has(ListsNoTurn);
            }
            TurnHome::Existing { id, place } => {
                let is_leaf = matches!(place, Place::Leaf(_));
                if self.has(ForksNothing) || self.has(ChecksNeitherLockNorLeaf) && is_leaf {
                    let leaf = self.leaf(scope, *id).await;
                    *place = leaf.map_or(*place, Place::Leaf);
                }
            }
        }
        let home = match &turn.home {
            TurnHome::New { .. } => None,
            TurnHome::Existing { id, .. } => Some(*id),
        };
        let once = turn.once.clone();
        self.seen().responses.insert(turn.response.id);
        let begun = self.inner.begin_turn(scope, turn).await;
        self.written(scope, home, once.as_ref(), begun).await
    }

    async fn earlier(&self, scope: &Scope, once: &Once) -> Result<Option<Earlier>, StoreError> {
        let Some(asked) = self.once(Some(once.clone())) else { return Ok(None) };
        let earlier = self.inner.earlier(&self.scope(scope), &asked).await?;
        if self.has(ForgetsRunningTurns) && self.seen().brief.contains(&once.key) {
            return Ok(None);
        }
        Ok(earlier.map(|earlier| self.earlier(earlier, Some(once))))
    }

    async fn checkpoint(
        &self,
        mut batch: Vec<Checkpoint>,
        mut lease: Duration,
    ) -> Result<Vec<Interrupted>, StoreError> {
        match self.fault {
            IgnoresSigns => batch.clear(),
            ServesOneTurn => batch.truncate(1),
            LocksNothing => lease = Duration::ZERO,
            _ => {}
        }
        for sign in &mut batch {
            sign.scope = self.scope(&sign.scope);
            sign.at_work &= !self.has(NeverAtWork);
            sign.log = sign.log.take().and_then(|run| self.run(sign.response, run));
        }
        let mut told = self.inner.checkpoint(batch.clone(), lease).await?;
        if self.has(RevivesTurns) {
            let mut seen = self.seen();
            for gone in told.iter().filter(|told| told.why == Interruption::Gone) {
                let late = batch.iter().filter(|sign| sign.response == gone.response);
                let late = late.filter_map(|sign| sign.log.clone());
                seen.revived.entry(gone.response).or_default().extend(late);
            }
        }
        told.retain(|told| match told.why {
            Interruption::Gone => !self.has(HearsNoEnds),
            Interruption::Stopped => !self.has(HearsNoStops),
        });
        Ok(told)
    }

    async fn finish_turn(&self, scope: &Scope, mut turn: FinishTurn) -> Result<(), StoreError> {
        let scope = &self.scope(scope);
        let id = turn.response.id;
        turn.output = self.items(turn.output);
        turn.log = turn.log.into_iter().filter_map(|run| self.run(id, run)).collect();
        turn.charges = self.charges(turn.charges);
        match self.fault {
            ChargesRefusedEnds => {
                self.inner.record(scope, std::mem::take(&mut turn.charges)).await?;
            }
            EndsForFree => turn.charges.clear(),
            ForgetsRoutes => turn.route = None,
            EndsNothing => return Ok(()),
            EndsNoLateTurn if !turn.only_if_stale && self.is_stale(id).await? => {
                return Err(StoreError::Conflict);
            }
            EndsTheLiving => turn.only_if_stale = false,
            ForgetsNotes => turn.context_state = None,
            ForgetsLogsAtOnce => turn.keep_log = Duration::ZERO,
            KeepsLogsForAnHour => turn.keep_log = HOUR,
            DropsLateAnswers => {
                let head = self
                    .inner
                    .history(scope, HistoryStart::Response(id), Reach::tokens(0))
                    .await?
                    .head;
                let leaf = self.leaf(scope, head.conversation).await;
                if leaf.is_some_and(|leaf| leaf != head.leaf) {
                    turn.output.clear();
                }
            }
            _ => {}
        }
        let ended = self.inner.finish_turn(scope, turn).await;
        self.written(scope, None, None, ended).await
    }

    async fn response(&self, scope: &Scope, id: ResponseId) -> Result<StoredResponse, StoreError> {
        let scope = &self.scope(scope);
        let mut stored = self.inner.response(scope, id).await?;
        let response = &mut stored.response;
        match self.fault {
            EstimatesAllUsage => {
                if let Some(usage) = &mut response.usage {
                    usage.estimated = true;
                }
            }
            SaysAllIsWell if response.status.is_terminal() => response.status = Status::Completed,
            RevivesTurns if self.seen().revived.contains_key(&id) => {
                response.status = Status::InProgress;
            }
            ShowsInputAsOutput => {
                let history =
                    self.inner.history(scope, HistoryStart::Response(id), Reach::tokens(u64::MAX));
                let items = history.await?.items.into_iter().map(|stored| stored.item);
                stored.output = items.collect();
            }
            _ => {}
        }
        Ok(stored)
    }

    async fn events(
        &self,
        scope: &Scope,
        id: ResponseId,
        mut from: u64,
        most: u32,
    ) -> Result<EventLog, StoreError> {
        let scope = &self.scope(scope);
        let most = if self.has(IgnoresMost) { u32::MAX } else { most };
        let mut log = match self.inner.events(scope, id, from, most).await {
            Err(StoreError::NotFound) if self.has(FindsNothingEmpty) => {
                EventLog { runs: vec![], end: None }
            }
            log => log?,
        };
        while log.runs.is_empty() && (1..100).contains(&from) && self.has(FindsTheRunBefore) {
            from -= 1;
            log = self.inner.events(scope, id, from, most).await?;
        }
        let seen = self.seen();
        log.runs.extend(seen.revived.get(&id).into_iter().flatten().cloned());
        if let Some(end) = log.end.as_mut().filter(|_| seen.forgotten) {
            end.kept = false;
        }
        Ok(log)
    }

    async fn request_stop(&self, scope: &Scope, id: ResponseId) -> Result<bool, StoreError> {
        let stopped = self.inner.request_stop(&self.scope(scope), id).await?;
        Ok(stopped || self.has(StopsWhatHasEnded))
    }

    async fn delete_response(&self, scope: &Scope, id: ResponseId) -> Result<(), StoreError> {
        let scope = &self.scope(scope);
        if self.has(DeletesNothing) {
            return Ok(());
        }
        if self.has(DeletesWholeChains) {
            let home = async |id| {
                let history =
                    self.inner.history(scope, HistoryStart::Response(id), Reach::tokens(0)).await;
                history.ok().map(|history| history.head.conversation)
            };
            let (here, responses) = (home(id).await, self.seen().responses.clone());
            for other in responses.into_iter().filter(|other| *other != id) {
                if home(other).await == here {
                    let _ = self.inner.delete_response(scope, other).await;
                }
            }
        }
        let deleted = self.inner.delete_response(scope, id).await;
        self.written(scope, None, None, deleted).await
    }
}

#[async_trait]
impl ContextStore for BrokenStore {
    async fn items_at(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        positions: &[i64],
    ) -> Result<Vec<StoredItem>, StoreError> {
        let mut items = self.inner.items_at(&self.scope(scope), conversation, positions).await?;
        if self.has(ReversesPages) {
            items.reverse();
        }
        Ok(items)
    }

    async fn pinned(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        ids: &[ItemId],
    ) -> Result<Vec<StoredItem>, StoreError> {
        let scope = &self.scope(scope);
        let mut pinned = self.inner.pinned(scope, conversation, ids).await?;
        if self.has(LooksItemsUpAnywhere) {
            let others = self.seen().conversations.clone();
            for other in others.into_iter().filter(|other| *other != conversation) {
                pinned.extend(self.inner.pinned(scope, other, ids).await?);
            }
        }
        Ok(pinned)
    }

    async fn span(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        from: i64,
        to: i64,
        limit: u32,
    ) -> Result<Vec<StoredItem>, StoreError> {
        let limit = if self.has(IgnoresMost) { u32::MAX } else { limit };
        self.inner.span(&self.scope(scope), conversation, from, to, limit).await
    }

    async fn backlog(
        &self,
        scope: &Scope,
        conversation: ConversationId,
    ) -> Result<Backlog, StoreError> {
        let mut backlog = self.inner.backlog(&self.scope(scope), conversation).await?;
        if self.has(KeepsWhatWasDerived) {
            let mut seen = self.seen();
            if let Some(before) = seen.derived.get(&conversation) {
                backlog.covered = before.covered.iter().chain(&backlog.covered).cloned().collect();
                backlog.covered.sort_by_key(|covered| *covered.start());
                backlog.covered.dedup();
                backlog.summary = backlog.summary.or_else(|| before.summary.clone());
            }
            seen.derived.insert(conversation, backlog.clone());
        }
        if self.has(ForgetsContexts) {
            backlog.anchor = None;
        }
        Ok(backlog)
    }

    async fn put_segment(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        edits: i64,
        mut segment: Segment,
    ) -> Result<(), StoreError> {
        let scope = &self.scope(scope);
        let edits = self.edits(scope, conversation, edits).await;
        if self.has(CutsData) {
            segment.data.truncate(100_000);
        }
        let put = self.inner.put_segment(scope, conversation, edits, segment).await;
        self.written(scope, None, None, put).await
    }

    async fn put_summary(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        edits: i64,
        summary: Summary,
    ) -> Result<(), StoreError> {
        let scope = &self.scope(scope);
        let edits = self.edits(scope, conversation, edits).await;
        if self.has(StandsByItsFirstSummary)
            && self.inner.backlog(scope, conversation).await?.summary.is_some()
        {
            return Ok(());
        }
        self.inner.put_summary(scope, conversation, edits, summary).await
    }

    async fn claim_context_jobs(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<ContextJob>, StoreError> {
        match self.fault {
            ClaimsNothing => Ok(vec![]),
            ClaimsForAnHour => self.inner.claim_context_jobs(limit, HOUR).await,
            ClaimsTwice => self.inner.claim_context_jobs(limit, Duration::ZERO).await,
            IgnoresMost => self.inner.claim_context_jobs(u32::MAX, lease).await,
            _ => self.inner.claim_context_jobs(limit, lease).await,
        }
    }

    async fn end_context_job(
        &self,
        mut job: ContextJob,
        again: Option<Duration>,
    ) -> Result<(), StoreError> {
        job.scope = self.scope(&job.scope);
        match self.fault {
            EndsNoJob => Ok(()),
            EndsEveryJob => self.inner.end_context_job(job, None).await,
            EndsWhatOthersHave => {
                let due = self.inner.claim_context_jobs(u32::MAX, Duration::ZERO).await?;
                let theirs = due.into_iter().find(|due| due.conversation == job.conversation);
                self.inner.end_context_job(theirs.unwrap_or(job), again).await
            }
            _ => self.inner.end_context_job(job, again).await,
        }
    }
}

#[async_trait]
impl Upkeep for BrokenStore {
    async fn stale_turns(&self, limit: u32) -> Result<Vec<StaleTurn>, StoreError> {
        let mut stale = self.inner.stale_turns(limit).await?;
        match self.fault {
            NothingIsStale => stale.clear(),
            StaleNewestFirst => stale.reverse(),
            _ => {}
        }
        Ok(stale)
    }

    async fn forget_expired(&self, limit: u32) -> Result<u32, StoreError> {
        self.seen().forgotten = self.has(ForgetsTooMuch);
        let limit = if self.has(ForgetsAllAtOnce) { u32::MAX } else { limit };
        self.inner.forget_expired(limit).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        if self.has(Unreachable) {
            return Err(StoreError::Unavailable("down".into()));
        }
        self.inner.ping().await
    }
}
