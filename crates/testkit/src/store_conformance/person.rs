//! Somebody who uses the store.

use std::time::Duration;

use loquat_domain::{
    Branch, Conversation, ConversationId, Item, ItemId, Order, PageLimit, PageRequest, Response,
    ResponseId, Scope, Status, StoredItem,
};
use loquat_store::{
    Archived, BeginTurn, EventLog, History, HistoryStart, Place, Reach, StoreError, StoredResponse,
    TurnHome,
};

use super::{
    Store,
    things::{
        answered, asked, conversation, end, ended, in_progress, message, moment, receipt, scope,
        text,
    },
};

/// Long enough that no lease of it ends during a test.
pub(super) const HOUR: Duration = Duration::from_hours(1);

/// Somebody who uses the store, on behalf of one scope.
pub(super) struct Person<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) scope: Scope,
}

/// A turn that has begun.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub(super) response: Response,
    pub(super) input: Vec<Item>,
}

/// A turn that has come to its end.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) response: Response,
    pub(super) input: Vec<Item>,
    pub(super) output: Vec<Item>,
}

impl Done {
    /// The last item of the turn.
    pub(super) fn leaf(&self) -> ItemId {
        self.output.last().or(self.input.last()).unwrap().id
    }
}

impl<'a> Person<'a> {
    /// The owner of what a scenario is about.
    pub(super) fn owner(store: &'a dyn Store) -> Self {
        Self { store, scope: scope("acme", "ada") }
    }

    /// Two people who must not see it: one of another tenant, one of the same.
    pub(super) fn strangers(store: &'a dyn Store) -> [Self; 2] {
        [scope("umbrella", "ada"), scope("acme", "bob")].map(|scope| Self { store, scope })
    }

    /// A conversation with these messages, made at moment 0.
    pub(super) async fn conversation_of(&self, texts: &[&str]) -> (ConversationId, Vec<Item>) {
        let conversation = conversation(0);
        let id = conversation.id;
        let items: Vec<Item> = texts.iter().map(|text| message(text)).collect();
        self.create(conversation, items.clone()).await.unwrap();
        (id, items)
    }

    pub(super) async fn create(
        &self,
        conversation: Conversation,
        items: Vec<Item>,
    ) -> Result<(), StoreError> {
        self.store.create_conversation(&self.scope, conversation, items, None).await
    }

    /// The conversation as it is now.
    pub(super) async fn see(&self, id: ConversationId) -> Conversation {
        self.store.conversation(&self.scope, id).await.unwrap()
    }

    /// The active branch, oldest first.
    pub(super) async fn active(&self, conversation: ConversationId) -> Vec<StoredItem> {
        let request = PageRequest { after: None, order: Order::Ascending, limit: PageLimit::MAX };
        let page = self.store.items(&self.scope, conversation, request).await.unwrap();
        assert!(!page.has_more, "more than a page of items");
        page.entries
    }

    /// The texts of the active branch, oldest first.
    pub(super) async fn texts(&self, conversation: ConversationId) -> Vec<String> {
        let active = self.active(conversation).await;
        active.iter().map(|stored| text(&stored.item).to_owned()).collect()
    }

    /// The ids of all listed conversations, newest first.
    pub(super) async fn list(&self) -> Vec<ConversationId> {
        let request = PageRequest { after: None, order: Order::Descending, limit: PageLimit::MAX };
        let page = self.store.conversations(&self.scope, Archived::Both, request).await.unwrap();
        page.entries.iter().map(|conversation| conversation.id).collect()
    }

    /// A whole branch.
    pub(super) async fn history(&self, start: HistoryStart) -> History {
        self.store.history(&self.scope, start, Reach::tokens(u64::MAX)).await.unwrap()
    }

    /// The texts of a whole branch, oldest first.
    pub(super) async fn told(&self, start: HistoryStart) -> Vec<String> {
        let history = self.history(start).await;
        assert!(history.reached_root, "a part of the branch is missing");
        history.items.iter().rev().map(|stored| text(&stored.item).to_owned()).collect()
    }

    pub(super) async fn append(
        &self,
        conversation: ConversationId,
        items: Vec<Item>,
    ) -> Result<(), StoreError> {
        self.store.append_items(&self.scope, conversation, items, moment(1), None).await
    }

    pub(super) async fn delete_item(
        &self,
        conversation: ConversationId,
        item: ItemId,
    ) -> Result<Conversation, StoreError> {
        self.store.delete_item(&self.scope, conversation, item, moment(2)).await
    }

    pub(super) async fn begin(
        &self,
        response: &Response,
        home: TurnHome,
        input: Vec<Item>,
        lease: Duration,
    ) -> Result<(), StoreError> {
        self.start(BeginTurn { lease, ..beginning(response, home, input) }).await
    }

    pub(super) async fn start(&self, turn: BeginTurn) -> Result<(), StoreError> {
        self.store.begin_turn(&self.scope, turn).await
    }

    /// Begins a turn in a listed conversation, or fails to.
    pub(super) async fn try_turn(
        &self,
        conversation: ConversationId,
        place: Place,
        texts: &[&str],
        lease: Duration,
    ) -> Result<Begun, StoreError> {
        let response = in_progress(Some(conversation), 10);
        let input = asked(&response, texts);
        let home = TurnHome::Existing { id: conversation, place };
        self.begin(&response, home, input.clone(), lease).await?;
        Ok(Begun { response, input })
    }

    /// Begins a turn at the end of the active branch.
    pub(super) async fn turn(&self, conversation: ConversationId, asks: &str) -> Begun {
        self.turn_with_lease(conversation, asks, HOUR).await
    }

    /// Begins a turn at the end of the active branch that counts as alive for a given time.
    pub(super) async fn turn_with_lease(
        &self,
        conversation: ConversationId,
        asks: &str,
        lease: Duration,
    ) -> Begun {
        let leaf = self.history(HistoryStart::Conversation(conversation)).await.head.leaf;
        self.try_turn(conversation, Place::Leaf(leaf), &[asks], lease).await.unwrap()
    }

    /// Begins a turn in a new implicit conversation.
    pub(super) async fn implicit_turn(&self, asks: &str) -> Begun {
        let response = in_progress(None, 10);
        let input = asked(&response, &[asks]);
        let home = TurnHome::New { conversation: conversation(10), listed: false };
        self.begin(&response, home, input.clone(), HOUR).await.unwrap();
        Begun { response, input }
    }

    /// Begins a turn that continues an earlier response.
    pub(super) async fn continue_response(&self, earlier: ResponseId, asks: &str) -> Begun {
        let head = self.history(HistoryStart::Response(earlier)).await.head;
        let response = Response { previous: Some(earlier), ..in_progress(None, 20) };
        let input = asked(&response, &[asks]);
        let home = TurnHome::Existing { id: head.conversation, place: Place::After(head.leaf) };
        self.begin(&response, home, input.clone(), HOUR).await.unwrap();
        Begun { response, input }
    }

    pub(super) async fn try_finish(
        &self,
        response: &Response,
        output: Vec<Item>,
    ) -> Result<(), StoreError> {
        let response = ended(response, Status::Completed);
        self.store.finish_turn(&self.scope, end(response, output)).await
    }

    /// Ends a turn with one message.
    pub(super) async fn finish(&self, begun: Begun, says: &str) -> Done {
        let Begun { response, input } = begun;
        let output = answered(&response, &[says]);
        self.try_finish(&response, output.clone()).await.unwrap();
        Done { response, input, output }
    }

    /// Where the events of a turn are and where they end, from a run on.
    pub(super) async fn events(&self, begun: &Begun, from: u64, most: u32) -> EventLog {
        self.store.events(&self.scope, begun.response.id, from, most).await.unwrap()
    }

    /// All branches, by the ids of their leaves.
    pub(super) async fn branches(&self, conversation: ConversationId) -> Vec<Branch> {
        let request = PageRequest { after: None, order: Order::Ascending, limit: PageLimit::MAX };
        let page = self.store.branches(&self.scope, conversation, request).await.unwrap();
        assert!(!page.has_more, "more than a page of branches");
        page.entries
    }

    /// The leaf and size of each branch in the order of their ids, and which one is active.
    pub(super) async fn shape(&self, id: ConversationId) -> (Vec<(ItemId, u64)>, Option<ItemId>) {
        let branches = self.branches(id).await;
        let active: Vec<_> = branches.iter().filter(|branch| branch.active).collect();
        assert!(active.len() < 2, "{active:?}");
        let active = active.first().map(|branch| branch.leaf);
        (branches.iter().map(|branch| (branch.leaf, branch.size)).collect(), active)
    }

    pub(super) async fn activate(
        &self,
        conversation: ConversationId,
        leaf: ItemId,
    ) -> Result<Branch, StoreError> {
        self.store.activate_branch(&self.scope, conversation, leaf, moment(3)).await
    }

    /// Asks the same question anew: a turn after `after` that makes a branch of its own.
    pub(super) async fn fork(
        &self,
        conversation: ConversationId,
        after: Option<ItemId>,
        asks: &str,
        says: &str,
    ) -> Done {
        let begun = self.try_turn(conversation, Place::After(after), &[asks], HOUR).await.unwrap();
        self.finish(begun, says).await
    }

    pub(super) async fn response(&self, id: ResponseId) -> Result<StoredResponse, StoreError> {
        self.store.response(&self.scope, id).await
    }

    pub(super) async fn delete_response(&self, id: ResponseId) -> Result<(), StoreError> {
        self.store.delete_response(&self.scope, id).await
    }
}

/// A turn that is found, alive for longer than any test takes, and begins as often as asked for.
pub(super) fn beginning(response: &Response, home: TurnHome, input: Vec<Item>) -> BeginTurn {
    BeginTurn {
        response: response.clone(),
        hidden: false,
        home,
        input,
        receipt: receipt(),
        context: None,
        lease: HOUR,
        once: None,
    }
}

/// What a call came to, in a form that can be compared: two calls that come to the same cannot be
/// told apart by whoever made them.
pub(super) fn outcome<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> String {
    format!("{result:?}")
}
