//! The rows of one tenant, and what all ports do with them.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map::Entry};

use loquat_domain::{
    Branch, Conversation, ConversationId, Item, ItemId, LimitKey, RawJson, Response, ResponseId,
    StoredItem, Timestamp, UserId,
};
use loquat_store::{AllowanceKey, AuditEntry, CheckpointLog, Revocation, Revoked, StoreError};
use uuid::Uuid;

use super::{
    context::ContextRow,
    keys::{KeyName, KeyRow},
    ledger::ChargeRow,
    limits::Count,
};

#[derive(Debug, Default)]
pub(super) struct Tenant {
    pub(super) conversations: HashMap<ConversationId, ConversationRow>,
    pub(super) items: HashMap<ItemId, ItemRow>,
    pub(super) responses: HashMap<ResponseId, ResponseRow>,
    pub(super) keys: HashMap<KeyName, KeyRow>,
    /// The book of charges, in the order in which they came.
    pub(super) charges: Vec<ChargeRow>,
    pub(super) counts: HashMap<AllowanceKey, Count>,
    pub(super) limits: BTreeMap<LimitKey, Option<u64>>,
    pub(super) revocations: BTreeMap<Revoked, Revocation>,
    /// How often they have changed.
    pub(super) revocations_version: i64,
    pub(super) audit: BTreeMap<Uuid, AuditEntry>,
    /// How many tickets of jobs have been given out.
    pub(super) tickets: i64,
}

#[derive(Debug)]
pub(super) struct ConversationRow {
    pub(super) user: UserId,
    pub(super) conversation: Conversation,
    pub(super) listed: bool,
    /// End of the active branch of a listed conversation.
    pub(super) leaf: Option<ItemId>,
    /// The last turn that took the lock. It holds it while it runs and its lease lasts.
    pub(super) turn: Option<ResponseId>,
    /// Once items have left the window.
    pub(super) context: Option<ContextRow>,
}

#[derive(Debug)]
pub(super) struct ItemRow {
    pub(super) conversation: ConversationId,
    pub(super) parent: Option<ItemId>,
    /// True for an item that was the first to follow what it follows, up to the root.
    pub(super) came_first: bool,
    pub(super) stored: StoredItem,
}

#[derive(Debug)]
pub(super) struct ResponseRow {
    pub(super) user: UserId,
    pub(super) conversation: ConversationId,
    pub(super) response: Response,
    pub(super) hidden: bool,
    pub(super) stop_requested: bool,
    pub(super) receipt: RawJson,
    /// Which models were chosen and asked, once it has ended and if there was a choice.
    pub(super) route: Option<RawJson>,
    /// The response's last item: of its input while it runs, of its output afterwards; the place
    /// that it continues while it has neither.
    pub(super) leaf: Option<ItemId>,
    pub(super) output: Vec<ItemId>,
    pub(super) lease_until: Timestamp,
    /// The runs of events that were stored, by their beginning.
    pub(super) log: BTreeMap<u64, CheckpointLog>,
    /// Once the turn has ended.
    pub(super) end: Option<TurnEnd>,
}

#[derive(Debug)]
pub(super) struct TurnEnd {
    pub(super) last_sequence: u64,
    pub(super) log_until: Timestamp,
}

impl ResponseRow {
    pub(super) fn is_running(&self) -> bool {
        !self.response.status.is_terminal()
    }

    /// Keeps a run of events. One that came before, because the answer to the first call was lost,
    /// counts once, as long as it grew.
    pub(super) fn keep_run(&mut self, run: CheckpointLog) {
        if self.log.get(&run.first).is_none_or(|kept| kept.last < run.last) {
            self.log.insert(run.first, run);
        }
    }

    /// The stored runs from the one that begins with `from` to the first gap.
    pub(super) fn runs(&self, from: u64) -> impl Iterator<Item = &CheckpointLog> {
        std::iter::successors(self.log.get(&from), |run| self.log.get(&(run.last + 1)))
    }
}

impl Tenant {
    /// A conversation of the user, listed or implicit.
    pub(super) fn conversation(
        &self,
        user: &UserId,
        id: ConversationId,
    ) -> Result<&ConversationRow, StoreError> {
        self.conversations.get(&id).filter(|row| row.user == *user).ok_or(StoreError::NotFound)
    }

    /// A conversation that the user sees.
    pub(super) fn listed(
        &self,
        user: &UserId,
        id: ConversationId,
    ) -> Result<&ConversationRow, StoreError> {
        self.conversation(user, id)
            .and_then(|row| row.listed.then_some(row).ok_or(StoreError::NotFound))
    }

    pub(super) fn listed_mut(
        &mut self,
        user: &UserId,
        id: ConversationId,
    ) -> Result<&mut ConversationRow, StoreError> {
        self.conversations
            .get_mut(&id)
            .filter(|row| row.user == *user && row.listed)
            .ok_or(StoreError::NotFound)
    }

    pub(super) fn add_conversation(
        &mut self,
        user: &UserId,
        conversation: Conversation,
        listed: bool,
    ) -> Result<(), StoreError> {
        match self.conversations.entry(conversation.id) {
            Entry::Occupied(_) => Err(StoreError::Conflict),
            Entry::Vacant(free) => {
                let user = user.clone();
                let (leaf, turn, context) = (None, None, None);
                free.insert(ConversationRow { user, conversation, listed, leaf, turn, context });
                Ok(())
            }
        }
    }

    pub(super) fn response(
        &self,
        user: &UserId,
        id: ResponseId,
    ) -> Result<&ResponseRow, StoreError> {
        self.responses.get(&id).filter(|row| row.user == *user).ok_or(StoreError::NotFound)
    }

    /// A response whose id its owner has been told.
    pub(super) fn known_response(
        &self,
        user: &UserId,
        id: ResponseId,
    ) -> Result<&ResponseRow, StoreError> {
        self.response(user, id)
            .and_then(|row| (!row.hidden).then_some(row).ok_or(StoreError::NotFound))
    }

    pub(super) fn item(
        &self,
        conversation: ConversationId,
        id: ItemId,
    ) -> Result<&ItemRow, StoreError> {
        self.items
            .get(&id)
            .filter(|row| row.conversation == conversation)
            .ok_or(StoreError::NotFound)
    }

    /// The branch that ends at `leaf`, newest first.
    pub(super) fn branch(&self, leaf: Option<ItemId>) -> impl Iterator<Item = &ItemRow> {
        let row = |id: Option<ItemId>| id.and_then(|id| self.items.get(&id));
        std::iter::successors(row(leaf), move |item| row(item.parent))
    }

    /// A conversation's branches by the ids of their leaves: the active one, and one for each other
    /// item that nothing follows.
    pub(super) fn branches(&self, conversation: ConversationId) -> Vec<Branch> {
        let rows = || self.items.values().filter(|row| row.conversation == conversation);
        let followed: HashSet<ItemId> = rows().filter_map(|row| row.parent).collect();
        let active = self.conversations.get(&conversation).and_then(|row| row.leaf);
        let ends = rows()
            .map(|row| &row.stored.item)
            .filter(|item| active == Some(item.id) || !followed.contains(&item.id));
        let mut branches: Vec<Branch> = ends
            .map(|item| Branch {
                leaf: item.id,
                leaf_kind: item.content.kind(),
                size: u64::try_from(self.branch(Some(item.id)).count()).unwrap_or(u64::MAX),
                active: active == Some(item.id),
                updated_at: item.created_at,
            })
            .collect();
        branches.sort_by_key(|branch| branch.leaf);
        branches
    }

    /// The turn that holds the conversation's lock or held it last, while it runs.
    pub(super) fn turn(&self, conversation: &ConversationRow) -> Option<&ResponseRow> {
        conversation.turn.and_then(|id| self.responses.get(&id)).filter(|row| row.is_running())
    }

    pub(super) fn check_unlocked(
        &self,
        conversation: &ConversationRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match self.turn(conversation) {
            Some(turn) if turn.lease_until > now => Err(StoreError::Locked),
            _ => Ok(()),
        }
    }

    /// Refuses ids that are taken, also by one another.
    pub(super) fn check_new(&self, items: &[Item]) -> Result<(), StoreError> {
        let mut seen = HashSet::new();
        let fresh = |item: &Item| !self.items.contains_key(&item.id) && seen.insert(item.id);
        if items.iter().all(fresh) { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// Puts checked items after `parent`, in order, and returns the last item of the branch then.
    pub(super) fn attach(
        &mut self,
        conversation: ConversationId,
        mut parent: Option<ItemId>,
        items: Vec<Item>,
    ) -> Option<ItemId> {
        for item in items {
            let before = parent.and_then(|id| self.items.get(&id));
            let follows_first = before.is_none_or(|row| row.came_first);
            let before = before.map(|row| row.stored.position);
            let came_first = follows_first
                && !self.items.values().any(|row| {
                    row.conversation == conversation
                        && row.came_first
                        && Some(row.stored.position) > before
                });
            let stored = StoredItem { position: before.map_or(0, |position| position + 1), item };
            let id = stored.item.id;
            self.items.insert(id, ItemRow { conversation, parent, came_first, stored });
            parent = Some(id);
        }
        parent
    }

    /// Puts checked items at the end of a listed conversation's active branch.
    pub(super) fn extend_active_branch(&mut self, id: ConversationId, items: Vec<Item>) {
        let leaf = self.conversations.get(&id).and_then(|row| row.leaf);
        let leaf = self.attach(id, leaf, items);
        if let Some(row) = self.conversations.get_mut(&id) {
            row.leaf = leaf;
        }
    }

    /// Takes one item out; what pointed at it points at its predecessor.
    pub(super) fn unlink(&mut self, id: ItemId) {
        let Some(gone) = self.items.remove(&id) else { return };
        let relink = |pointer: &mut Option<ItemId>| {
            if *pointer == Some(id) {
                *pointer = gone.parent;
            }
        };
        self.items.values_mut().for_each(|row| relink(&mut row.parent));
        self.conversations.values_mut().for_each(|row| relink(&mut row.leaf));
        for response in self.responses.values_mut() {
            relink(&mut response.leaf);
            response.output.retain(|output| *output != id);
        }
    }

    /// Takes a response away. An implicit conversation goes with its last one; until then the items
    /// at the end of the response's branch do, up to the first that another item follows or another
    /// response ends at.
    pub(super) fn remove_response(&mut self, id: ResponseId, now: Timestamp) {
        let Some(gone) = self.responses.remove(&id) else { return };
        let Some(home) = self.conversations.get_mut(&gone.conversation) else { return };
        if home.turn == Some(id) {
            home.turn = None;
        }
        if home.listed {
            return;
        }
        if !self.responses.values().any(|other| other.conversation == gone.conversation) {
            return self.remove_conversation(gone.conversation);
        }
        let mut end = gone.leaf;
        let mut first_off = None;
        while let Some(id) = end.filter(|id| !self.is_continued(*id)) {
            let row = self.items.remove(&id);
            if let Some(row) = row.as_ref().filter(|row| row.came_first) {
                first_off = Some(row.stored.position);
            }
            end = row.and_then(|row| row.parent);
        }
        if let Some(position) = first_off {
            self.edit_context(gone.conversation, position..=i64::MAX, now);
        }
    }

    fn is_continued(&self, id: ItemId) -> bool {
        self.items.values().any(|later| later.parent == Some(id))
            || self.responses.values().any(|response| response.leaf == Some(id))
    }

    /// Takes a conversation away with everything below it.
    pub(super) fn remove_conversation(&mut self, id: ConversationId) {
        self.conversations.remove(&id);
        self.items.retain(|_, row| row.conversation != id);
        self.responses.retain(|_, row| row.conversation != id);
    }
}
