//! Files that earlier versions have made.

use std::time::Duration;

use diesel::{
    Connection, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    sql_query,
    sql_types::{BigInt, Binary, Bool, Nullable, Text},
};
use loquat_domain::{
    Branch, CancelReason, ConversationId, CounterId, Event, EventKind, ItemContent, ItemId,
    ItemKind, Message, Metadata, Order, PageLimit, PageRequest, RawJson, Response, ResponseId,
    Role, Scope, Settings, Status, TenantId, UserId,
};
use loquat_store::{
    AccessStore, BeginTurn, Checkpoint, ContextChange, ContextStore, ConversationStore, EventLog,
    FinishTurn, HistoryStart, LogEnd, Place, Reach, Segment, StoreError, TurnHome, TurnStore,
    Upkeep, json,
};
use loquat_store_sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    bill::spent,
    notebook::{HOUR, NOW, Notebook},
};

/// The tables of the first version, and its mark in the list of migrations.
const FIRST: &str = include_str!("../../../../migrations/sqlite/2025-01-01-000001_notebook/up.sql");
const FIRST_IS_DONE: &str = "
    CREATE TABLE __diesel_schema_migrations (
        version VARCHAR(50) PRIMARY KEY NOT NULL,
        run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    INSERT INTO __diesel_schema_migrations (version) VALUES ('20250101000001');";

const fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

const CHAT: ConversationId = ConversationId::from_uuid(uuid(1));
const CHAIN: ConversationId = ConversationId::from_uuid(uuid(2));
const QUESTION: ItemId = ItemId::from_uuid(uuid(10));
const OLD_ANSWER: ItemId = ItemId::from_uuid(uuid(11));
const ANSWER: ItemId = ItemId::from_uuid(uuid(12));
const LATER: ItemId = ItemId::from_uuid(uuid(14));
const CHAINED: ItemId = ItemId::from_uuid(uuid(13));
const ENDED: ResponseId = ResponseId::from_uuid(uuid(20));
const RUNNING: ResponseId = ResponseId::from_uuid(uuid(21));

/// A file of the first version.
struct File(SqliteConnection);

impl File {
    fn conversation(&mut self, id: ConversationId, listed: bool, leaf: Option<ItemId>) {
        sql_query(
            "INSERT INTO conversations (tenant, id, user, metadata, listed, archived, leaf,
                created_at, updated_at) VALUES ('acme', ?, 'ada', ?, ?, 0, ?, 7, 7)",
        )
        .bind::<Binary, _>(id.as_uuid().as_bytes().as_slice())
        .bind::<Text, _>(json::encode_metadata(&Metadata::default()))
        .bind::<Bool, _>(listed)
        .bind::<Nullable<Binary>, _>(leaf.map(|leaf| leaf.as_uuid().as_bytes().to_vec()))
        .execute(&mut self.0)
        .unwrap();
    }

    fn item(&mut self, home: ConversationId, id: ItemId, parent: Option<ItemId>, active: bool) {
        let content = ItemContent::Message(Message::text(Role::User, "said"));
        sql_query(
            "INSERT INTO items (tenant, id, conversation, parent, position, active, kind, content,
                status, tokens, created_at)
            VALUES ('acme', ?, ?, ?, ?, ?, 'message', ?, 'completed', 1, 7)",
        )
        .bind::<Binary, _>(id.as_uuid().as_bytes().as_slice())
        .bind::<Binary, _>(home.as_uuid().as_bytes().as_slice())
        .bind::<Nullable<Binary>, _>(parent.map(|parent| parent.as_uuid().as_bytes().to_vec()))
        .bind::<BigInt, _>(i64::from(parent.is_some()))
        .bind::<Bool, _>(active)
        .bind::<Text, _>(json::encode_content(&content))
        .execute(&mut self.0)
        .unwrap();
    }

    /// A response that ends at an item; one that runs has outlived its lease.
    fn response(&mut self, home: ConversationId, id: ResponseId, leaf: ItemId, running: bool) {
        sql_query(
            "INSERT INTO responses (tenant, id, user, conversation, names_conversation, model,
                settings, metadata, receipt, status, leaf, output_from, last_sequence, lease_until,
                created_at, completed_at)
            VALUES ('acme', ?, 'ada', ?, 0, 'echo', ?, ?, '{}', ?, ?, ?, ?, ?, 7, 8)",
        )
        .bind::<Binary, _>(id.as_uuid().as_bytes().as_slice())
        .bind::<Binary, _>(home.as_uuid().as_bytes().as_slice())
        .bind::<Text, _>(json::encode_settings(&Settings::default()).unwrap())
        .bind::<Text, _>(json::encode_metadata(&Metadata::default()))
        .bind::<Text, _>(if running { "in_progress" } else { "completed" })
        .bind::<Binary, _>(leaf.as_uuid().as_bytes().as_slice())
        .bind::<Nullable<BigInt>, _>((!running).then_some(1))
        .bind::<BigInt, _>(if running { 0 } else { 9 })
        .bind::<Nullable<BigInt>, _>(running.then_some(1))
        .execute(&mut self.0)
        .unwrap();
    }

    fn events(&mut self, response: ResponseId, events: &str) {
        sql_query(
            "INSERT INTO response_events (tenant, response, first_sequence, last_sequence, events)
            VALUES ('acme', ?, 0, 0, ?)",
        )
        .bind::<Binary, _>(response.as_uuid().as_bytes().as_slice())
        .bind::<Text, _>(events)
        .execute(&mut self.0)
        .unwrap();
    }
}

/// What the first version left behind: a conversation of two branches, one of its turns, and a turn
/// in an implicit conversation that had begun to speak.
fn left_behind(directory: &TempDir) -> SqliteOptions {
    let path = directory.path().join("loquat.sqlite");
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;").unwrap();
    conn.batch_execute(FIRST).unwrap();
    conn.batch_execute(FIRST_IS_DONE).unwrap();
    let mut file = File(conn);
    file.conversation(CHAT, true, Some(ANSWER));
    file.item(CHAT, QUESTION, None, true);
    file.item(CHAT, OLD_ANSWER, Some(QUESTION), false);
    file.item(CHAT, ANSWER, Some(QUESTION), true);
    file.response(CHAT, ENDED, ANSWER, false);
    file.conversation(CHAIN, false, None);
    file.item(CHAIN, CHAINED, None, false);
    file.response(CHAIN, RUNNING, CHAINED, true);
    file.events(RUNNING, &json::encode_events([&created()]));
    SqliteOptions::new(path)
}

const fn created() -> Event {
    Event { sequence: 0, kind: EventKind::Created }
}

fn ada() -> Scope {
    Scope { tenant: TenantId::new("acme").unwrap(), user: UserId::new("ada").unwrap() }
}

const fn branch(leaf: ItemId, active: bool) -> Branch {
    let updated_at = loquat_domain::Timestamp::from_micros(7);
    Branch { leaf, leaf_kind: ItemKind::Message, size: 2, active, updated_at }
}

#[tokio::test]
async fn branches_of_an_older_file_are_listed_and_can_be_activated() {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(&left_behind(&directory)).unwrap();
    let page = PageRequest { after: None, order: Order::Ascending, limit: PageLimit::MAX };
    let listed = store.branches(&ada(), CHAT, page).await.unwrap().entries;
    assert_eq!(listed, [branch(OLD_ANSWER, false), branch(ANSWER, true)]);
    store.activate_branch(&ada(), CHAT, OLD_ANSWER, NOW).await.unwrap();
    let items = store.items(&ada(), CHAT, page).await.unwrap().entries;
    let items: Vec<_> = items.iter().map(|stored| stored.item.id).collect();
    assert_eq!(items, [QUESTION, OLD_ANSWER]);
    let listed = store.branches(&ada(), CHAT, page).await.unwrap().entries;
    assert_eq!(listed, [branch(OLD_ANSWER, true), branch(ANSWER, false)]);
}

/// A file that this version has opened before.
fn opened_before(directory: &TempDir) -> SqliteOptions {
    let options = left_behind(directory);
    SqliteStore::migrate(&options).unwrap();
    options
}

/// What the first version writes, which knows nothing of the list of branches.
fn by_the_first_version(directory: &TempDir) -> File {
    let path = directory.path().join("loquat.sqlite");
    let mut conn = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;").unwrap();
    File(conn)
}

impl File {
    fn set_leaf(&mut self, leaf: ItemId) {
        sql_query("UPDATE conversations SET leaf = ?, updated_at = 8 WHERE tenant = ? AND id = ?")
            .bind::<Binary, _>(leaf.as_uuid().as_bytes().as_slice())
            .bind::<Text, _>("acme")
            .bind::<Binary, _>(CHAT.as_uuid().as_bytes().as_slice())
            .execute(&mut self.0)
            .unwrap();
    }

    fn set_active(&mut self, item: ItemId, active: bool) {
        sql_query("UPDATE items SET active = ? WHERE id = ?")
            .bind::<Bool, _>(active)
            .bind::<Binary, _>(item.as_uuid().as_bytes().as_slice())
            .execute(&mut self.0)
            .unwrap();
    }

    /// Goes on with the branch that is not shown: its leaf is none any more, and that of the other
    /// is one.
    fn continue_old_answer(&mut self) {
        self.set_active(ANSWER, false);
        self.set_active(OLD_ANSWER, true);
        self.item(CHAT, LATER, Some(OLD_ANSWER), false);
        sql_query("UPDATE items SET position = 2, active = TRUE WHERE id = ?")
            .bind::<Binary, _>(LATER.as_uuid().as_bytes().as_slice())
            .execute(&mut self.0)
            .unwrap();
        self.set_leaf(LATER);
    }

    /// Deletes the leaf of the branch that is not shown.
    fn delete_old_answer(&mut self) {
        sql_query("DELETE FROM items WHERE id = ?")
            .bind::<Binary, _>(OLD_ANSWER.as_uuid().as_bytes().as_slice())
            .execute(&mut self.0)
            .unwrap();
        self.set_leaf(ANSWER);
    }
}

async fn branches(store: &SqliteStore) -> Vec<(ItemId, u64, bool)> {
    let page = PageRequest { after: None, order: Order::Ascending, limit: PageLimit::MAX };
    let listed = store.branches(&ada(), CHAT, page).await.unwrap().entries;
    listed.iter().map(|branch| (branch.leaf, branch.size, branch.active)).collect()
}

#[tokio::test]
async fn a_file_that_an_older_version_has_used_meanwhile_lists_all_branches_once_opened() {
    let directory = TempDir::new().unwrap();
    let options = opened_before(&directory);
    by_the_first_version(&directory).continue_old_answer();
    for _ in 0..2 {
        let store = SqliteStore::open(&options).unwrap();
        assert_eq!(branches(&store).await, [(ANSWER, 2, false), (LATER, 3, true)]);
    }
    let store = SqliteStore::open(&options).unwrap();
    store.activate_branch(&ada(), CHAT, ANSWER, NOW).await.unwrap();
    assert_eq!(branches(&store).await, [(ANSWER, 2, true), (LATER, 3, false)]);
}

#[tokio::test]
async fn a_branch_that_an_older_version_has_shortened_ends_where_it_ends_now() {
    let directory = TempDir::new().unwrap();
    let options = opened_before(&directory);
    let mut file = by_the_first_version(&directory);
    file.continue_old_answer();
    file.set_active(LATER, false);
    file.set_active(OLD_ANSWER, false);
    file.set_active(ANSWER, true);
    file.set_leaf(ANSWER);
    SqliteStore::migrate(&options).unwrap();
    sql_query("DELETE FROM items WHERE position = 2").execute(&mut file.0).unwrap();
    file.set_leaf(ANSWER);
    let store = SqliteStore::open(&options).unwrap();
    assert_eq!(branches(&store).await, [(OLD_ANSWER, 2, false), (ANSWER, 2, true)]);
}

#[tokio::test]
async fn beside_an_older_version_what_is_listed_is_there_and_what_is_there_can_be_activated() {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(&opened_before(&directory)).unwrap();
    by_the_first_version(&directory).continue_old_answer();
    assert_eq!(branches(&store).await, [(LATER, 3, true)]);
    let inside = store.activate_branch(&ada(), CHAT, OLD_ANSWER, NOW).await;
    assert!(matches!(inside, Err(StoreError::NotFound)), "{inside:?}");
    // What it has taken for a leaf all the time becomes one again.
    store.delete_item(&ada(), CHAT, LATER, NOW).await.unwrap();
    assert_eq!(branches(&store).await, [(OLD_ANSWER, 2, true)]);
    store.activate_branch(&ada(), CHAT, ANSWER, NOW).await.unwrap();
    assert_eq!(branches(&store).await, [(OLD_ANSWER, 2, false), (ANSWER, 2, true)]);
}

#[tokio::test]
async fn a_branch_whose_item_an_older_version_has_deleted_is_passed_over() {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(&opened_before(&directory)).unwrap();
    by_the_first_version(&directory).delete_old_answer();
    assert_eq!(branches(&store).await, [(ANSWER, 2, true)]);
    let page =
        PageRequest { after: None, order: Order::Ascending, limit: PageLimit::new(1).unwrap() };
    let listed = store.branches(&ada(), CHAT, page).await.unwrap();
    assert_eq!((listed.entries.len(), listed.has_more), (1, false));
    let gone = store.activate_branch(&ada(), CHAT, OLD_ANSWER, NOW).await;
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
}

#[tokio::test]
async fn turns_of_an_older_file_are_read_and_ended() {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(&left_behind(&directory)).unwrap();
    let ended = store.response(&ada(), ENDED).await.unwrap();
    assert_eq!((ended.hidden, ended.response.background, ended.output.len()), (false, false, 1));
    let log = store.events(&ada(), ENDED, 0, 10).await.unwrap();
    let end = Some(LogEnd { last_sequence: 9, kept: false });
    assert_eq!(log, EventLog { runs: vec![], end });

    let stale = store.stale_turns(10).await.unwrap().remove(0);
    assert_eq!(stale.response, RUNNING);
    let log = store.events(&ada(), RUNNING, 0, 10).await.unwrap();
    assert_eq!(log.runs[0].events, json::encode_events([&created()]));
    assert!(store.request_stop(&ada(), RUNNING).await.unwrap());
    let sign = Checkpoint { scope: ada(), response: RUNNING, at_work: true, log: None };
    assert_eq!(store.checkpoint(vec![sign], HOUR).await.unwrap().len(), 1);
    let running = store.response(&ada(), RUNNING).await.unwrap().response;
    let end = FinishTurn {
        response: Response { status: Status::Cancelled(CancelReason::ByOwner), ..running },
        output: vec![],
        last_sequence: 2,
        log: vec![],
        keep_log: HOUR,
        only_if_stale: false,
        context_state: None,
        route: None,
        charges: vec![],
    };
    store.finish_turn(&stale.scope, end).await.unwrap();
    let log = store.events(&ada(), RUNNING, 0, 10).await.unwrap();
    assert_eq!((log.runs.len(), log.end.map(|end| end.kept)), (1, Some(true)));
    let start = HistoryStart::Response(RUNNING);
    assert_eq!(store.history(&ada(), start, Reach::tokens(10)).await.unwrap().items.len(), 1);
    assert_eq!(store.forget_expired(10).await.unwrap(), 0);
}

/// As far as the anchor, with everything.
const WITH_ALL: Reach = Reach { tokens: u64::MAX, anchored: true, segments: true };

/// Lets the first item of the conversation leave its window, and keeps a segment of it.
async fn shorten(store: &SqliteStore) {
    let start = HistoryStart::Conversation(CHAT);
    let head = store.history(&ada(), start, WITH_ALL).await.unwrap().head;
    let home = TurnHome::Existing { id: CHAT, place: Place::Leaf(head.leaf) };
    let state = RawJson::from_checked("{}");
    let response = Response {
        id: ResponseId::from_uuid(uuid(22)),
        status: Status::InProgress,
        conversation: Some(CHAT),
        ..store.response(&ada(), ENDED).await.unwrap().response
    };
    let turn = BeginTurn {
        response,
        hidden: false,
        home,
        input: vec![],
        receipt: RawJson::from_checked("{}"),
        context: Some(ContextChange { expected: None, anchor: 1, state }),
        lease: Duration::ZERO,
        once: None,
    };
    store.begin_turn(&ada(), turn).await.unwrap();
    let segment = Segment { first: 0, last: 0, data: vec![7] };
    store.put_segment(&ada(), CHAT, 0, segment).await.unwrap();
}

#[tokio::test]
async fn items_of_an_older_file_were_counted_by_the_estimate_and_can_leave_the_window() {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(&left_behind(&directory)).unwrap();
    let start = HistoryStart::Conversation(CHAT);
    let history = store.history(&ada(), start, WITH_ALL).await.unwrap();
    assert!(history.head.active && history.context.is_none());
    let counters = history.items.iter().map(|stored| &stored.item.counter);
    assert!(counters.eq([&CounterId::ESTIMATE; 2]));
    shorten(&store).await;
    let history = store.history(&ada(), start, WITH_ALL).await.unwrap();
    assert_eq!((history.items.len(), history.segments.len()), (1, 1));
    // What is in an implicit conversation already is on no branch that anybody asks for.
    let start = HistoryStart::Response(RUNNING);
    assert!(!store.history(&ada(), start, WITH_ALL).await.unwrap().head.active);
    assert_eq!(store.span(&ada(), CHAIN, 0, 9, 9).await.unwrap(), []);
}

#[tokio::test]
async fn what_was_derived_does_not_outlive_what_an_older_version_edits_once_opened() {
    let directory = TempDir::new().unwrap();
    let options = opened_before(&directory);
    shorten(&SqliteStore::open(&options).unwrap()).await;
    by_the_first_version(&directory).continue_old_answer();
    let store = SqliteStore::open(&options).unwrap();
    let backlog = store.backlog(&ada(), CHAT).await.unwrap();
    assert_eq!((backlog.edits, backlog.anchor, backlog.covered.len()), (1, None, 0));
    let start = HistoryStart::Conversation(CHAT);
    let kept = store.history(&ada(), start, WITH_ALL).await.unwrap().context.unwrap();
    assert_eq!((kept.version, kept.state), (2, None));
}

/// The tables of the version before charges.
const BEFORE_THE_BILL: [(&str, &str); 2] = [
    (
        include_str!("../../../../migrations/sqlite/2026-11-25-000001_resume/up.sql"),
        "20261125000001",
    ),
    (
        include_str!("../../../../migrations/sqlite/2026-11-26-000001_context/up.sql"),
        "20261126000001",
    ),
];

/// The same, brought to the version before charges and no further.
fn left_behind_before_the_bill(directory: &TempDir) -> SqliteOptions {
    let options = left_behind(directory);
    let mut conn = by_the_first_version(directory).0;
    for (tables, version) in BEFORE_THE_BILL {
        conn.batch_execute(tables).unwrap();
        let done = format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')");
        conn.batch_execute(&done).unwrap();
    }
    options
}

#[tokio::test]
async fn turns_of_a_file_from_before_charges_end_with_charges_and_a_route() {
    for older in [left_behind, left_behind_before_the_bill] {
        let directory = TempDir::new().unwrap();
        let store = SqliteStore::open(&older(&directory)).unwrap();
        assert_eq!(store.response(&ada(), ENDED).await.unwrap().route, None);
        let running = store.response(&ada(), RUNNING).await.unwrap().response;
        let route = Some(RawJson::from_checked("{\"model\": \"echo\"}"));
        let end = FinishTurn {
            response: Response { status: Status::Completed, ..running },
            output: vec![],
            last_sequence: 2,
            log: vec![],
            keep_log: HOUR,
            only_if_stale: false,
            context_state: None,
            route: route.clone(),
            charges: vec![Notebook::open().charge(Some(RUNNING))],
        };
        store.finish_turn(&ada(), end).await.unwrap();
        assert_eq!(store.response(&ada(), RUNNING).await.unwrap().route, route);
        assert_eq!(spent(&store, &ada()).await, 5);
        let list = store.revocation_list(None).await.unwrap().unwrap();
        assert_eq!((list.version, list.revoked.len()), (0, 0));
    }
}

#[tokio::test]
async fn an_older_version_goes_on_beside_this_one() {
    let directory = TempDir::new().unwrap();
    let store = SqliteStore::open(&left_behind_before_the_bill(&directory)).unwrap();
    // As the version before charges ends a turn.
    let mut older = by_the_first_version(&directory);
    sql_query(
        "UPDATE responses SET lease_until = NULL, status = 'completed', status_details = NULL,
            usage = NULL, last_sequence = 9, completed_at = 8, leaf = ?, output_from = 1,
            log_until = NULL
        WHERE tenant = 'acme' AND id = ?",
    )
    .bind::<Binary, _>(CHAINED.as_uuid().as_bytes().as_slice())
    .bind::<Binary, _>(RUNNING.as_uuid().as_bytes().as_slice())
    .execute(&mut older.0)
    .unwrap();
    let ended = store.response(&ada(), RUNNING).await.unwrap();
    assert_eq!((ended.response.status, ended.route), (Status::Completed, None));
    assert_eq!(spent(&store, &ada()).await, 0);
}

#[test]
fn two_processes_may_open_an_older_file_together() {
    let directory = TempDir::new().unwrap();
    let options = left_behind(&directory).with_busy_timeout(Duration::from_mins(1));
    std::thread::scope(|threads| {
        let started: Vec<_> =
            (0..2).map(|_| threads.spawn(|| SqliteStore::open(&options).map(drop))).collect();
        for thread in started {
            thread.join().unwrap().unwrap();
        }
    });
}
