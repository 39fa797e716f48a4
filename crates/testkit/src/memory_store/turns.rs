//! The work of producing an answer.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use loquat_domain::{
    ConversationId, ItemId, Response, ResponseId, Scope, Status, StoredItem, Timestamp,
};
use loquat_store::{
    BeginTurn, Checkpoint, Earlier, EventLog, FinishTurn, Head, History, HistoryStart, Interrupted,
    Interruption, LogEnd, Made, Once, Place, Reach, StoreError, StoredResponse, TurnHome,
    TurnStore,
};

use super::{
    MemoryStore, StoreCall,
    context::ContextRow,
    tenant::{ConversationRow, ResponseRow, Tenant, TurnEnd},
};

#[async_trait]
impl TurnStore for MemoryStore {
    async fn history(
        &self,
        scope: &Scope,
        start: HistoryStart,
        reach: Reach,
    ) -> Result<History, StoreError> {
        let mut tables = self.enter(StoreCall::History).await?;
        let tenant = tables.of(&scope.tenant);
        let head = tenant.head(scope, start, self.clock.now())?;
        let home = tenant.conversation(&scope.user, head.conversation)?;
        let end = head.leaf.and_then(|leaf| tenant.items.get(&leaf)).map(|row| row.stored.position);
        let anchor = home.context.as_ref().and_then(ContextRow::anchor);
        let stop = anchor.filter(|anchor| reach.anchored && end >= Some(*anchor));
        let mut items = Vec::new();
        let mut tokens = 0;
        let mut next = head.leaf;
        for row in tenant.branch(head.leaf) {
            items.push(row.stored.clone());
            tokens += u64::from(row.stored.item.tokens);
            next = row.parent;
            if tokens >= reach.tokens || stop.is_some_and(|stop| row.stored.position <= stop) {
                break;
            }
        }
        let newest = items.first().map(|stored: &StoredItem| stored.position);
        let newest = newest.filter(|_| head.active && next.is_some());
        let on_line = end.filter(|_| head.active);
        let context = home.context.as_ref();
        let searched = context.filter(|_| reach.segments);
        Ok(History {
            lead: newest.map_or(Vec::new(), |it| tenant.lead(head.conversation, home, it)),
            context: context.map(|context| context.kept(on_line)),
            segments: searched.map_or(Vec::new(), |context| context.segments_before(on_line)),
            reached_root: next.is_none(),
            head,
            items,
        })
    }

    async fn begin_turn(&self, scope: &Scope, turn: BeginTurn) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::BeginTurn).await?;
        let now = self.clock.now();
        let tenant = tables.of(&scope.tenant);
        let BeginTurn { response, hidden, home, input, receipt, context, lease, once } = turn;
        tenant.check_not_done(&scope.user, once.as_ref(), now)?;
        let parent = match &home {
            TurnHome::New { .. } => {
                Tenant::check_version(None, context.as_ref())?;
                None
            }
            TurnHome::Existing { id, place } => {
                let row = tenant.conversation(&scope.user, *id)?;
                tenant.check_unlocked(row, now)?;
                Tenant::check_version(Some(row), context.as_ref())?;
                match place {
                    Place::Leaf(leaf) if row.leaf != *leaf => return Err(StoreError::Conflict),
                    Place::After(Some(item)) => {
                        tenant.item(*id, *item)?;
                    }
                    Place::Leaf(_) | Place::After(None) => {}
                }
                let (Place::Leaf(parent) | Place::After(parent)) = *place;
                parent
            }
        };
        tenant.check_new(&input)?;
        if tenant.responses.contains_key(&response.id) {
            return Err(StoreError::Conflict);
        }
        let conversation = match home {
            TurnHome::Existing { id, .. } => id,
            TurnHome::New { conversation, listed } => {
                let id = conversation.id;
                tenant.add_conversation(&scope.user, conversation, listed)?;
                id
            }
        };
        let home = tenant.conversations.get(&conversation);
        if home.is_some_and(|home| home.listed && home.leaf != parent) {
            tenant.leave_branch(conversation, parent, now);
        }
        let leaf = tenant.attach(conversation, parent, input);
        if let Some(row) = tenant.conversations.get_mut(&conversation).filter(|row| row.listed) {
            row.leaf = leaf;
            row.turn = Some(response.id);
            row.conversation.updated_at = row.conversation.updated_at.max(response.created_at);
        }
        tenant.change_context(conversation, context, now);
        let row = ResponseRow {
            user: scope.user.clone(),
            conversation,
            hidden,
            stop_requested: false,
            receipt,
            route: None,
            leaf,
            output: Vec::new(),
            lease_until: now.plus(lease),
            log: BTreeMap::new(),
            end: None,
            response,
        };
        tenant.remember(&scope.user, once, Made::Response(row.response.id), now);
        tenant.responses.insert(row.response.id, row);
        Ok(())
    }

    async fn earlier(&self, scope: &Scope, once: &Once) -> Result<Option<Earlier>, StoreError> {
        let mut tables = self.enter(StoreCall::Earlier).await?;
        Ok(tables.of(&scope.tenant).earlier(&scope.user, once, self.clock.now()).cloned())
    }

    async fn checkpoint(
        &self,
        batch: Vec<Checkpoint>,
        lease: Duration,
    ) -> Result<Vec<Interrupted>, StoreError> {
        let mut tables = self.enter(StoreCall::Checkpoint).await?;
        let lease_until = self.clock.now().plus(lease);
        let mut interrupted = Vec::new();
        for Checkpoint { scope, response, at_work, log } in batch {
            let row = tables.of(&scope.tenant).responses.get_mut(&response);
            let row = row.filter(|row| row.user == scope.user && row.is_running());
            let why = match &row {
                None => Some(Interruption::Gone),
                Some(row) => row.stop_requested.then_some(Interruption::Stopped),
            };
            interrupted.extend(why.map(|why| Interrupted { scope, response, why }));
            let Some(row) = row else { continue };
            row.lease_until = lease_until;
            if let Some(run) = log {
                row.keep_run(run);
            }
            if at_work {
                row.response.status = Status::InProgress;
            }
        }
        Ok(interrupted)
    }

    async fn finish_turn(&self, scope: &Scope, turn: FinishTurn) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::FinishTurn).await?;
        let tenant = tables.of(&scope.tenant);
        let id = turn.response.id;
        let row = tenant.response(&scope.user, id)?;
        if !row.is_running() || turn.only_if_stale && row.lease_until > self.clock.now() {
            return Err(StoreError::Conflict);
        }
        tenant.check_new(&turn.output)?;
        let (conversation, input_end) = (row.conversation, row.leaf);
        tenant.record(&scope.user, turn.charges);
        let output = turn.output.iter().map(|item| item.id).collect();
        let leaf = tenant.attach(conversation, input_end, turn.output);
        tenant.update_context(conversation, turn.context_state);
        if let Some(row) = tenant.conversations.get_mut(&conversation).filter(|row| row.listed) {
            if row.leaf == input_end {
                row.leaf = leaf;
            }
            if row.turn == Some(id) {
                row.turn = None;
            }
            let updated_at = turn.response.completed_at.unwrap_or(row.conversation.updated_at);
            row.conversation.updated_at = updated_at.max(row.conversation.updated_at);
        }
        if let Some(row) = tenant.responses.get_mut(&id) {
            let Response { status, usage, completed_at, .. } = turn.response;
            row.response = Response { status, usage, completed_at, ..row.response.clone() };
            row.leaf = leaf;
            row.route = turn.route;
            row.output = output;
            if turn.keep_log.is_zero() {
                row.log.clear();
            } else {
                for run in turn.log {
                    row.keep_run(run);
                }
            }
            let log_until = self.clock.now().plus(turn.keep_log);
            row.end = Some(TurnEnd { last_sequence: turn.last_sequence, log_until });
        }
        Ok(())
    }

    async fn response(&self, scope: &Scope, id: ResponseId) -> Result<StoredResponse, StoreError> {
        let mut tables = self.enter(StoreCall::Response).await?;
        let tenant = tables.of(&scope.tenant);
        let row = tenant.response(&scope.user, id)?;
        let output = row.output.iter().filter_map(|id| tenant.items.get(id));
        Ok(StoredResponse {
            response: row.response.clone(),
            hidden: row.hidden,
            output: output.map(|row| row.stored.item.clone()).collect(),
            receipt: row.receipt.clone(),
            route: row.route.clone(),
        })
    }

    async fn events(
        &self,
        scope: &Scope,
        id: ResponseId,
        from: u64,
        most: u32,
    ) -> Result<EventLog, StoreError> {
        let mut tables = self.enter(StoreCall::Events).await?;
        let row = tables.of(&scope.tenant).response(&scope.user, id)?;
        let end = row.end.as_ref().map(|end| LogEnd {
            last_sequence: end.last_sequence,
            kept: end.log_until > self.clock.now(),
        });
        if end.is_some_and(|end| !end.kept) {
            return Ok(EventLog { runs: Vec::new(), end });
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(EventLog { runs: row.runs(from).take(most).cloned().collect(), end })
    }

    async fn request_stop(&self, scope: &Scope, id: ResponseId) -> Result<bool, StoreError> {
        let mut tables = self.enter(StoreCall::RequestStop).await?;
        let tenant = tables.of(&scope.tenant);
        let is_running = tenant.known_response(&scope.user, id)?.is_running();
        if let Some(row) = tenant.responses.get_mut(&id).filter(|_| is_running) {
            row.stop_requested = true;
        }
        Ok(is_running)
    }

    async fn delete_response(&self, scope: &Scope, id: ResponseId) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::DeleteResponse).await?;
        let tenant = tables.of(&scope.tenant);
        tenant.known_response(&scope.user, id)?;
        tenant.remove_response(id, self.clock.now());
        Ok(())
    }
}

impl Tenant {
    /// True when an item is on the active branch, or is none.
    fn is_active(&self, id: ConversationId, home: &ConversationRow, leaf: Option<ItemId>) -> bool {
        let is_leaf = |leaf| self.active(id, home).iter().any(|row| row.stored.item.id == leaf);
        leaf.is_none_or(is_leaf)
    }

    /// Where a history ends.
    fn head(&self, scope: &Scope, start: HistoryStart, now: Timestamp) -> Result<Head, StoreError> {
        match start {
            HistoryStart::Conversation(id) => {
                let row = self.listed(&scope.user, id)?;
                let running = self.turn(row).is_some_and(|turn| turn.leaf == row.leaf);
                Ok(Head { conversation: id, listed: true, leaf: row.leaf, running, active: true })
            }
            HistoryStart::Item(id, leaf) => {
                let row = self.listed(&scope.user, id)?;
                if let Some(leaf) = leaf {
                    self.item(id, leaf)?;
                }
                let running =
                    self.turn(row).is_some_and(|turn| turn.leaf == leaf || turn.lease_until > now);
                let active = self.is_active(id, row, leaf);
                Ok(Head { conversation: id, listed: true, leaf, running, active })
            }
            HistoryStart::Response(id) => {
                let row = self.known_response(&scope.user, id)?;
                let conversation = self.conversation(&scope.user, row.conversation)?;
                Ok(Head {
                    conversation: row.conversation,
                    listed: conversation.listed,
                    leaf: row.leaf,
                    running: row.is_running(),
                    active: self.is_active(row.conversation, conversation, row.leaf),
                })
            }
        }
    }
}
