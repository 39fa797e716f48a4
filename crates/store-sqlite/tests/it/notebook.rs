//! A store of one person, and what that person puts into it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use loquat_domain::{
    Charge, Conversation, ConversationId, CounterId, Event, EventKind, Item, ItemContent, ItemId,
    ItemStatus, Message, Metadata, Micros, Order, PageLimit, PageRequest, Price, Purpose, RawJson,
    Response, ResponseId, Role, Scope, Settings, Status, TenantId, Timestamp, TokenParts, UserId,
};
use loquat_store::{
    AuditEntry, BeginTurn, CheckpointLog, ContextChange, ContextStore, ContextUpdate,
    ConversationStore, FinishTurn, HistoryStart, Place, Reach, Segment, StoreError, Summary,
    TurnHome, TurnStore, json,
};
use loquat_store_sqlite::{SqliteOptions, SqliteStore};
use loquat_testkit::FakeIds;
use tempfile::TempDir;

/// Longer than any test takes.
pub(crate) const HOUR: Duration = Duration::from_hours(1);

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_760_000_000_000_007);

/// A store in a directory of its own, which is removed at the end.
pub(crate) struct Notebook {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) scope: Scope,
    ids: FakeIds,
    directory: TempDir,
}

impl Notebook {
    pub(crate) fn open() -> Self {
        Self::open_with(|options| options)
    }

    pub(crate) fn open_with(choose: impl FnOnce(SqliteOptions) -> SqliteOptions) -> Self {
        Self::open_in("loquat-notebook-", choose)
    }

    /// In a directory whose name begins like this.
    pub(crate) fn open_in(
        prefix: &str,
        choose: impl FnOnce(SqliteOptions) -> SqliteOptions,
    ) -> Self {
        let directory = TempDir::with_prefix(prefix).unwrap();
        let options = choose(SqliteOptions::new(directory.path().join("loquat.sqlite")));
        Self {
            store: Arc::new(SqliteStore::open(&options).unwrap()),
            scope: Scope {
                tenant: TenantId::new("acme").unwrap(),
                user: UserId::new("ada").unwrap(),
            },
            ids: FakeIds::new(),
            directory,
        }
    }

    /// The same file with another store on it; the first is closed before.
    pub(crate) fn reopen(self) -> Self {
        let Self { store, scope, ids, directory } = self;
        drop(store);
        let options = SqliteOptions::new(directory.path().join("loquat.sqlite"));
        Self { store: Arc::new(SqliteStore::open(&options).unwrap()), scope, ids, directory }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("loquat.sqlite")
    }

    /// A connection beside the store, as another process would have it.
    pub(crate) fn stranger(&self) -> SqliteConnection {
        SqliteConnection::establish(self.path().to_str().unwrap()).unwrap()
    }

    /// Keeps the store from writing until the returned connection commits.
    pub(crate) fn hold(&self) -> SqliteConnection {
        let mut stranger = self.stranger();
        stranger.batch_execute("BEGIN IMMEDIATE").unwrap();
        stranger
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

    pub(crate) fn response(&self, conversation: Option<ConversationId>) -> Response {
        Response {
            id: ResponseId::from_uuid(self.ids.next_id()),
            conversation,
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

    /// What the first call for an answer cost.
    pub(crate) fn charge(&self, response: Option<ResponseId>) -> Charge {
        Charge {
            id: self.ids.next_id(),
            at: NOW,
            purpose: Purpose::Answer,
            conversation: None,
            response,
            attempt: 0,
            model: "echo".to_owned(),
            asked: "echo".to_owned(),
            provider: "echo".to_owned(),
            upstream: "echo-1".to_owned(),
            tokens: TokenParts { input: 5, output: 1, ..TokenParts::default() },
            price: Price { input: Micros(1_000_000), ..Price::default() },
            cost: Micros(5),
            estimated: false,
        }
    }

    /// An entry of the audit log.
    pub(crate) fn act(&self) -> AuditEntry {
        AuditEntry {
            id: self.ids.next_id(),
            at: NOW,
            actor: UserId::new("root").unwrap(),
            act: "access.revoke".to_owned(),
            subject: "ada".to_owned(),
            details: RawJson::from_checked("{}"),
        }
    }

    /// Begins a turn and returns its response and the end of its input.
    pub(crate) async fn begin(
        &self,
        home: TurnHome,
        text: &str,
        lease: Duration,
    ) -> Result<(Response, ItemId), StoreError> {
        let response = self.response(None);
        let item = self.item(text);
        let leaf = item.id;
        let receipt = RawJson::from_checked("{}");
        let turn = BeginTurn {
            response: response.clone(),
            hidden: false,
            home,
            input: vec![item],
            receipt,
            context: None,
            lease,
            once: None,
        };
        self.store.begin_turn(&self.scope, turn).await?;
        Ok((response, leaf))
    }

    /// Ends a turn with one message and returns that message's id.
    pub(crate) async fn finish(&self, response: Response, text: &str) -> ItemId {
        self.finish_keeping(response, text, HOUR).await
    }

    /// The same, with a time for which the turn's events are kept.
    pub(crate) async fn finish_keeping(
        &self,
        response: Response,
        text: &str,
        keep_log: Duration,
    ) -> ItemId {
        let item = self.item(text);
        let leaf = item.id;
        let response = Response { status: Status::Completed, completed_at: Some(NOW), ..response };
        let event = Event { sequence: 1, kind: EventKind::InProgress };
        let log = vec![CheckpointLog { first: 1, last: 1, events: json::encode_events([&event]) }];
        let output = vec![item];
        let turn = FinishTurn {
            route: Some(RawJson::from_checked("{}")),
            charges: vec![self.charge(Some(response.id))],
            response,
            output,
            last_sequence: 9,
            log,
            keep_log,
            only_if_stale: false,
            context_state: None,
        };
        self.store.finish_turn(&self.scope, turn).await.unwrap();
        leaf
    }

    /// Lets what is before `anchor` leave a conversation's window, in a turn of two items, and keeps
    /// all that can be made of its first item.
    pub(crate) async fn shorten(&self, id: ConversationId, anchor: i64) {
        let (store, scope) = (&self.store, &self.scope);
        let from = HistoryStart::Conversation(id);
        let history = store.history(scope, from, Reach::tokens(0)).await.unwrap();
        let expected = history.context.map(|context| context.version);
        let home = TurnHome::Existing { id, place: Place::Leaf(history.head.leaf) };
        self.shorten_at(home, ContextChange { expected, anchor, state: notes() }).await;
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

    /// A turn of two items that changes the context and learns something.
    pub(crate) async fn shorten_at(&self, home: TurnHome, change: ContextChange) -> Response {
        let expected = change.version();
        let response = self.response(None);
        let turn = BeginTurn {
            response: response.clone(),
            hidden: false,
            home,
            input: self.items(&["q"]),
            receipt: RawJson::from_checked("{}"),
            context: Some(change),
            lease: HOUR,
            once: None,
        };
        self.store.begin_turn(&self.scope, turn).await.unwrap();
        let end = FinishTurn {
            response: Response {
                status: Status::Completed,
                completed_at: Some(NOW),
                ..response.clone()
            },
            output: self.items(&["a"]),
            last_sequence: 1,
            log: Vec::new(),
            keep_log: Duration::ZERO,
            only_if_stale: false,
            context_state: Some(ContextUpdate { expected, state: notes() }),
            route: None,
            charges: Vec::new(),
        };
        self.store.finish_turn(&self.scope, end).await.unwrap();
        response
    }

    /// The texts of the active branch, oldest first.
    pub(crate) async fn texts(&self, conversation: ConversationId) -> Vec<String> {
        let mut texts = Vec::new();
        let mut page = PageRequest { after: None, order: Order::Ascending, limit: PageLimit::MAX };
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

/// In this conversation, at the end of its active branch.
pub(crate) fn at_leaf(id: ConversationId, leaf: Option<ItemId>) -> TurnHome {
    TurnHome::Existing { id, place: Place::Leaf(leaf) }
}

/// A context engine's notes.
pub(crate) fn notes() -> RawJson {
    RawJson::from_checked("{}")
}
