//! Files that earlier versions have made.

use std::time::Duration;

use diesel::{
    Connection, RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    sql_query,
    sql_types::{BigInt, Binary, Bool, Nullable, Text},
};
use loquat_domain::{
    Branch, ConversationId, Event, EventKind, ItemContent, ItemId, ItemKind, Message, Metadata,
    Order, PageLimit, PageRequest, Response, ResponseId, Role, Scope, Settings, Status, TenantId,
    UserId,
};
use loquat_store::{
    Checkpoint, ConversationStore, EventLog, FinishTurn, HistoryStart, LogEnd, TurnStore, Upkeep,
    json,
};
use loquat_store_sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;
use uuid::Uuid;

use crate::notebook::{HOUR, NOW};

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
        response: Response { status: Status::Cancelled, ..running },
        output: vec![],
        last_sequence: 2,
        log: vec![],
        keep_log: HOUR,
        only_if_stale: false,
    };
    store.finish_turn(&stale.scope, end).await.unwrap();
    let log = store.events(&ada(), RUNNING, 0, 10).await.unwrap();
    assert_eq!((log.runs.len(), log.end.map(|end| end.kept)), (1, Some(true)));
    let start = HistoryStart::Response(RUNNING);
    assert_eq!(store.history(&ada(), start, 10).await.unwrap().items.len(), 1);
    assert_eq!(store.forget_expired(10).await.unwrap(), 0);
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
