//! The work of producing an answer.

use std::time::Duration;

use async_trait::async_trait;
use loquat_domain::{Response, ResponseId, Scope};
use loquat_store::{
    BeginTurn, Checkpoint, FinishTurn, Head, History, HistoryStart, Place, StaleTurn, StoreError,
    StoredResponse, TurnHome, TurnStore,
};

use super::{
    MemoryStore, StoreCall,
    tenant::{ResponseRow, Tenant},
};

#[async_trait]
impl TurnStore for MemoryStore {
    async fn history(
        &self,
        scope: &Scope,
        start: HistoryStart,
        token_budget: u64,
    ) -> Result<History, StoreError> {
        let mut tables = self.enter(StoreCall::History).await?;
        let tenant = tables.of(&scope.tenant);
        let head = tenant.head(scope, start)?;
        let mut items = Vec::new();
        let mut tokens = 0;
        let mut next = head.leaf;
        for row in tenant.branch(head.leaf) {
            items.push(row.stored.clone());
            tokens += u64::from(row.stored.item.tokens);
            next = row.parent;
            if tokens >= token_budget {
                break;
            }
        }
        Ok(History { head, items, reached_root: next.is_none() })
    }

    async fn begin_turn(&self, scope: &Scope, turn: BeginTurn) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::BeginTurn).await?;
        let now = self.clock.now();
        let tenant = tables.of(&scope.tenant);
        let BeginTurn { response, home, input, receipt, lease } = turn;
        let parent = match &home {
            TurnHome::New { .. } => None,
            TurnHome::Existing { id, place } => {
                let row = tenant.conversation(&scope.user, *id)?;
                tenant.check_unlocked(row, now)?;
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
        let leaf = tenant.attach(conversation, parent, input);
        if let Some(row) = tenant.conversations.get_mut(&conversation).filter(|row| row.listed) {
            row.leaf = leaf;
            row.turn = Some(response.id);
            row.conversation.updated_at = row.conversation.updated_at.max(response.created_at);
        }
        let row = ResponseRow {
            user: scope.user.clone(),
            conversation,
            receipt,
            leaf,
            output: Vec::new(),
            lease_until: now.plus(lease),
            log: Vec::new(),
            response,
        };
        tenant.responses.insert(row.response.id, row);
        Ok(())
    }

    async fn checkpoint(&self, batch: Vec<Checkpoint>, lease: Duration) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::Checkpoint).await?;
        let lease_until = self.clock.now().plus(lease);
        for Checkpoint { scope, response, log } in batch {
            let row = tables.of(&scope.tenant).responses.get_mut(&response);
            if let Some(row) = row.filter(|row| row.user == scope.user && row.is_running()) {
                row.lease_until = lease_until;
                row.log.extend(log);
            }
        }
        Ok(())
    }

    async fn finish_turn(&self, scope: &Scope, turn: FinishTurn) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::FinishTurn).await?;
        let tenant = tables.of(&scope.tenant);
        let id = turn.response.id;
        let row = tenant.response(&scope.user, id)?;
        if !row.is_running() {
            return Err(StoreError::Conflict);
        }
        tenant.check_new(&turn.output)?;
        let (conversation, input_end) = (row.conversation, row.leaf);
        let output = turn.output.iter().map(|item| item.id).collect();
        let leaf = tenant.attach(conversation, input_end, turn.output);
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
            row.output = output;
            row.log.clear();
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
            output: output.map(|row| row.stored.item.clone()).collect(),
            receipt: row.receipt.clone(),
        })
    }

    async fn delete_response(&self, scope: &Scope, id: ResponseId) -> Result<(), StoreError> {
        let mut tables = self.enter(StoreCall::DeleteResponse).await?;
        let tenant = tables.of(&scope.tenant);
        tenant.response(&scope.user, id)?;
        tenant.remove_response(id);
        Ok(())
    }

    async fn stale_turns(&self, limit: u32) -> Result<Vec<StaleTurn>, StoreError> {
        let tables = self.enter(StoreCall::StaleTurns).await?;
        let now = self.clock.now();
        let mut stale: Vec<_> = tables
            .0
            .iter()
            .flat_map(|(tenant, rows)| rows.responses.values().map(move |row| (tenant, row)))
            .filter(|(_, row)| row.is_running() && row.lease_until <= now)
            .collect();
        stale.sort_by_key(|(_, row)| (row.lease_until, row.response.created_at));
        stale.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        stale
            .into_iter()
            .map(|(tenant, row)| {
                let scope = Scope { tenant: tenant.clone(), user: row.user.clone() };
                Ok(StaleTurn { scope, response: row.response.clone(), events: row.events()? })
            })
            .collect()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.enter(StoreCall::Ping).await.map(drop)
    }
}

impl Tenant {
    /// Where a history ends.
    fn head(&self, scope: &Scope, start: HistoryStart) -> Result<Head, StoreError> {
        match start {
            HistoryStart::Conversation(id) => {
                let row = self.listed(&scope.user, id)?;
                let running = self.turn(row).is_some_and(|turn| turn.leaf == row.leaf);
                Ok(Head { conversation: id, listed: true, leaf: row.leaf, running })
            }
            HistoryStart::Response(id) => {
                let row = self.response(&scope.user, id)?;
                let conversation = self.conversation(&scope.user, row.conversation)?;
                Ok(Head {
                    conversation: row.conversation,
                    listed: conversation.listed,
                    leaf: row.leaf,
                    running: row.is_running(),
                })
            }
        }
    }
}
