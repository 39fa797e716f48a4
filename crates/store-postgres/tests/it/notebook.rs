//! A store of one person, and what that person puts into it.

use std::{sync::Arc, time::Duration};

use loquat_domain::{
    Charge, Conversation, ConversationId, CounterId, Event, EventKind, Item, ItemContent, ItemId,
    ItemStatus, Message, Metadata, Meter, Micros, Order, PageLimit, PageRequest, Price, Purpose,
    RawJson, Response, ResponseId, Role, Scope, Settings, Status, TenantId, Timestamp, TokenParts,
    UserId,
};
use loquat_store::{
    AccessStore, AllowanceKey, AuditEntry, BeginTurn, Checkpoint, CheckpointLog, ContextChange,
    ContextStore, ContextUpdate, ConversationStore, Exchange, FinishTurn, HistoryStart, Once,
    Place, Reach, Revocation, Revoked, Segment, StoreError, Summary, TurnHome, TurnStore,
    UsageGroups, UsageQuery, Whose, json,
};
use loquat_store_postgres::{PostgresOptions, PostgresStore};
use loquat_testkit::{FakeIds, TestDatabase};

use crate::database::{database, options};

/// Longer than any test takes.
pub(crate) const HOUR: Duration = Duration::from_hours(1);

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_760_000_000_000_007);

/// Before any test began.
pub(crate) const LONG_AGO: Timestamp = Timestamp::from_micros(7);

pub(crate) struct Notebook {
    pub(crate) store: Arc<PostgresStore>,
    pub(crate) scope: Scope,
    ids: Arc<FakeIds>,
}

impl Notebook {
    /// On a database of its own.
    pub(crate) async fn open() -> (Self, TestDatabase) {
        let database = database().await;
        (Self::connect(&options(&database.app_url())).await, database)
    }

    pub(crate) async fn connect(options: &PostgresOptions) -> Self {
        let store = Arc::new(PostgresStore::connect(options).await.unwrap());
        Self { store, scope: scope("acme", "ada"), ids: Arc::new(FakeIds::new()) }
    }

    /// Somebody else on the same store.
    pub(crate) fn of(&self, tenant: &str, user: &str) -> Self {
        let (store, ids) = (Arc::clone(&self.store), Arc::clone(&self.ids));
        Self { store, scope: scope(tenant, user), ids }
    }

    pub(crate) fn item(&self, text: &str) -> Item {
        Item {
            id: ItemId::from_uuid(self.ids.next_id()),
            response: None,
            content: ItemContent::Message(Message::text(Role::User, text)),
            status: ItemStatus::Completed,
            tokens: 10,
            counter: CounterId::ESTIMATE,
            created_at: NOW,
        }
    }

    pub(crate) fn items(&self, texts: &[&str]) -> Vec<Item> {
        texts.iter().map(|text| self.item(text)).collect()
    }

    pub(crate) fn new_conversation(&self) -> Conversation {
        Conversation {
            id: ConversationId::from_uuid(self.ids.next_id()),
            title: None,
            metadata: Metadata::default(),
            archived: false,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    /// A conversation with these messages.
    pub(crate) async fn conversation_of(&self, items: Vec<Item>) -> ConversationId {
        let conversation = self.new_conversation();
        let id = conversation.id;
        self.store.create_conversation(&self.scope, conversation, items, None).await.unwrap();
        id
    }

    pub(crate) async fn append(
        &self,
        conversation: ConversationId,
        text: &str,
    ) -> Result<(), StoreError> {
        let items = vec![self.item(text)];
        self.store.append_items(&self.scope, conversation, items, NOW, None).await
    }

    pub(crate) fn response(&self) -> Response {
        Response {
            id: ResponseId::from_uuid(self.ids.next_id()),
            conversation: None,
            previous: None,
            model: "echo".to_owned(),
            settings: Settings::default(),
            metadata: Metadata::default(),
            background: false,
            status: Status::InProgress,
            usage: None,
            created_at: NOW,
            completed_at: None,
        }
    }

    /// A turn that has yet to begin.
    pub(crate) fn turn(&self, home: TurnHome, text: &str, once: Option<Once>) -> BeginTurn {
        BeginTurn {
            response: self.response(),
            hidden: false,
            home,
            input: vec![self.item(text)],
            receipt: RawJson::from_checked("{}"),
            context: None,
            lease: HOUR,
            once,
        }
    }

    /// Begins a turn and returns its response.
    pub(crate) async fn begin(&self, home: TurnHome, text: &str) -> Result<Response, StoreError> {
        let turn = self.turn(home, text, None);
        let response = turn.response.clone();
        self.store.begin_turn(&self.scope, turn).await.map(|()| response)
    }

    /// Ends a turn with one message and returns that message's id. Its events are kept.
    pub(crate) async fn finish(
        &self,
        response: Response,
        text: &str,
    ) -> Result<ItemId, StoreError> {
        let turn = self.end(response, text);
        let leaf = turn.output[0].id;
        self.store.finish_turn(&self.scope, turn).await.map(|()| leaf)
    }

    /// A turn's end with one message.
    pub(crate) fn end(&self, response: Response, text: &str) -> FinishTurn {
        FinishTurn {
            response: Response { status: Status::Completed, completed_at: Some(NOW), ..response },
            output: vec![self.item(text)],
            last_sequence: 9,
            log: vec![run(1)],
            keep_log: HOUR,
            only_if_stale: false,
            context_state: None,
            route: None,
            charges: Vec::new(),
        }
    }

    /// What a call of a provider cost.
    pub(crate) fn charge(&self, response: Option<ResponseId>) -> Charge {
        Charge {
            id: self.ids.next_id(),
            at: NOW,
            purpose: Purpose::Answer,
            conversation: None,
            response,
            attempt: 0,
            model: "echo".to_owned(),
            asked: "auto".to_owned(),
            provider: "mock".to_owned(),
            upstream: "echo-1".to_owned(),
            tokens: TokenParts { input: 100, output: 10, ..TokenParts::default() },
            price: Price { input: Micros(3_000_000), ..Price::default() },
            cost: Micros(300),
            estimated: false,
        }
    }

    /// An entry of the audit log.
    pub(crate) fn audit(&self, act: &str) -> AuditEntry {
        AuditEntry {
            id: self.ids.next_id(),
            at: NOW,
            actor: self.scope.user.clone(),
            act: act.to_owned(),
            subject: "somebody".to_owned(),
            details: RawJson::from_checked("{}"),
        }
    }

    /// Revokes somebody's access.
    pub(crate) async fn revoke(&self, whose: Revoked, until: Option<Timestamp>) {
        let revocation =
            Revocation { whose, until, revoked_at: NOW, revoked_by: self.scope.user.clone() };
        let audit = self.audit("access.revoke");
        self.store.revoke(&self.scope, revocation, audit).await.unwrap();
    }

    /// A count of the person's tenant.
    pub(crate) fn count(&self, meter: Meter) -> AllowanceKey {
        AllowanceKey { tenant: self.scope.tenant.clone(), user: None, model: None, meter }
    }

    /// A sign of life with an event.
    pub(crate) fn sign(&self, response: ResponseId, sequence: u64) -> Checkpoint {
        let log = Some(run(sequence));
        Checkpoint { scope: self.scope.clone(), response, at_work: true, log }
    }

    /// Lets the first item of a conversation leave its window, and keeps all that can be made of
    /// it. Its last turn has ended.
    pub(crate) async fn shorten(&self, id: ConversationId) {
        let (store, scope) = (&self.store, &self.scope);
        let from = HistoryStart::Conversation(id);
        let history = store.history(scope, from, Reach::tokens(0)).await.unwrap();
        let change = ContextChange {
            expected: history.context.map(|context| context.version),
            anchor: 1,
            state: RawJson::from_checked("{}"),
        };
        let expected = change.version();
        let mut turn = self.turn(at_leaf(id, history.head.leaf), "q", None);
        turn.context = Some(change);
        let response = turn.response.clone();
        store.begin_turn(scope, turn).await.unwrap();
        let context_state = Some(ContextUpdate { expected, state: RawJson::from_checked("[]") });
        let end = FinishTurn { context_state, ..self.end(response, "a") };
        store.finish_turn(scope, end).await.unwrap();
        let edits = store.backlog(scope, id).await.unwrap().edits;
        let segment = Segment { first: 0, last: 0, data: vec![7; 3_000] };
        store.put_segment(scope, id, edits, segment).await.unwrap();
        let summary = Summary {
            covers_to: 0,
            text: "in short".to_owned(),
            tokens: 2,
            counter: CounterId::ESTIMATE,
            model: "echo".to_owned(),
            created_at: NOW,
        };
        store.put_summary(scope, id, edits, summary).await.unwrap();
    }

    /// The texts of the active branch, oldest first.
    pub(crate) async fn texts(&self, conversation: ConversationId) -> Vec<String> {
        let mut texts = Vec::new();
        let mut page = page(None, Order::Ascending);
        loop {
            let read = self.store.items(&self.scope, conversation, page).await.unwrap();
            for stored in &read.entries {
                texts.push(stored.item.content.texts().concat());
            }
            if !read.has_more {
                return texts;
            }
            page.after = read.entries.last().map(|stored| stored.item.id);
        }
    }
}

fn scope(tenant: &str, user: &str) -> Scope {
    Scope { tenant: TenantId::new(tenant).unwrap(), user: UserId::new(user).unwrap() }
}

/// A run of one event.
fn run(sequence: u64) -> CheckpointLog {
    let event = Event { sequence, kind: EventKind::InProgress };
    let events = json::encode_events([&event]);
    CheckpointLog { first: sequence, last: sequence, events }
}

pub(crate) fn page<Id>(after: Option<Id>, order: Order) -> PageRequest<Id> {
    PageRequest { after, order, limit: PageLimit::DEFAULT }
}

/// In this conversation, at the end of its active branch.
pub(crate) fn at_leaf(id: ConversationId, leaf: Option<ItemId>) -> TurnHome {
    TurnHome::Existing { id, place: Place::Leaf(leaf) }
}

/// Takes from a count what is needed, and nothing more.
pub(crate) fn take(key: AllowanceKey, most: u64, need: u64) -> Exchange {
    Exchange { key, most, returned: 0, returned_to: None, need, want: need }
}

/// All that whoever asks has used, put together.
pub(crate) fn all_usage() -> UsageQuery {
    UsageQuery {
        whose: Whose::Own,
        from: Timestamp::from_micros(i64::MIN),
        until: Timestamp::from_micros(i64::MAX),
        groups: UsageGroups::default(),
        after: None,
        limit: PageLimit::DEFAULT,
    }
}
