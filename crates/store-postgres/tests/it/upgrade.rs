//! A database that an earlier version has made, and one that an earlier binary still uses.

use loquat_domain::{ConversationId, CounterId, ItemId, RawJson, ResponseId};
use loquat_store::{
    ContextStore as _, HistoryStart, Ledger as _, Place, Reach, TurnHome, TurnStore as _,
};
use tokio_postgres::Client;

use crate::{
    database::{bare_database, client, migrate, options},
    notebook::{Notebook, all_usage, at_leaf},
};

/// What the first version's migrations made, and their marks in the list of those that were done.
const FIRST: &str = concat!(
    "CREATE SCHEMA loquat;
    CREATE TABLE loquat.__diesel_schema_migrations (
        version varchar(50) PRIMARY KEY NOT NULL,
        run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    INSERT INTO loquat.__diesel_schema_migrations
    VALUES ('20250101000001'), ('20250101000002');",
    include_str!("../../../../migrations/postgres/2025-01-01-000001_notebook/up.sql"),
    include_str!("../../../../migrations/postgres/2025-01-01-000002_steps/up.sql"),
    "SELECT loquat.grant_to_v1('loquat_app');",
);

/// What there was before charges, limits and revocations.
pub(crate) const BEFORE_THE_BILL: &str = concat!(
    "CREATE SCHEMA loquat;
    CREATE TABLE loquat.__diesel_schema_migrations (
        version varchar(50) PRIMARY KEY NOT NULL,
        run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    INSERT INTO loquat.__diesel_schema_migrations
    VALUES ('20250101000001'), ('20250101000002'), ('20261126000001');",
    include_str!("../../../../migrations/postgres/2025-01-01-000001_notebook/up.sql"),
    include_str!("../../../../migrations/postgres/2025-01-01-000002_steps/up.sql"),
    include_str!("../../../../migrations/postgres/2026-11-26-000001_context/up.sql"),
    "SELECT loquat.grant_to_v1('loquat_app');",
);

const CHAT: u128 = 1;
const CHAIN: u128 = 2;

const fn uuid(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

/// The arguments of one item, as the first version writes it.
fn item(n: u128, said: &str) -> String {
    format!(
        "ARRAY['{}'::uuid], ARRAY[NULL::uuid], ARRAY['message'], ARRAY['user'],
        ARRAY['{{\"v\":1,\"content\":{{\"message\":{{\"role\":\"user\",\"parts\":[{{\"text\":\"{said}\"}}]}}}}}}'],
        ARRAY['completed'], ARRAY[10::bigint], ARRAY[7::bigint]",
        uuid(n)
    )
}

const ONCE: &str = "NULL, NULL, NULL, NULL";

async fn outcome(client: &Client, call: String) {
    let row = client.query_one(&format!("SELECT outcome FROM loquat.{call}"), &[]).await.unwrap();
    assert_eq!(row.get::<_, Option<String>>(0), None, "{call}");
}

/// A turn of the first version with one item as its input, alive for no time.
async fn begin_v1(client: &Client, turn: u128, home: &str, place: &str, item: &str) {
    let call = format!(
        "begin_turn_v1('acme', 'ada', '{}', true, false, false, NULL, 'echo', '{{\"v\":1}}',
            '{{\"v\":1,\"pairs\":{{}}}}', '{{}}', 'in_progress', 7, 0, {home}, {place}, {item}, {ONCE})",
        uuid(turn)
    );
    outcome(client, call).await;
}

#[tokio::test]
async fn what_the_first_version_kept_is_read_and_continued() {
    let database = bare_database().await;
    let owner = client(&database.owner_url()).await;
    owner.batch_execute(FIRST).await.unwrap();
    let app = client(&database.app_url()).await;
    let made = format!(
        "create_conversation_v1('acme', 'ada', '{}', NULL, '{{\"v\":1,\"pairs\":{{}}}}', false, 7, 7,
            {}, {ONCE})",
        uuid(CHAT),
        item(10, "a")
    );
    outcome(&app, made).await;
    let append = |n, said| {
        format!("append_items_v1('acme', 'ada', '{}', 8, {}, {ONCE})", uuid(CHAT), item(n, said))
    };
    outcome(&app, append(11, "b")).await;
    outcome(&app, append(12, "c")).await;
    let new = "true, false, NULL, '{\"v\":1,\"pairs\":{}}', false, 7, 7";
    let home = format!("'{}', {new}", uuid(CHAIN));
    begin_v1(&app, 20, &home, "false, NULL", &item(13, "x")).await;

    migrate(database.owner_url()).await.unwrap();
    let notebook = Notebook::connect(&options(&database.app_url())).await;
    let (store, scope) = (&notebook.store, &notebook.scope);
    let chat = ConversationId::from_uuid(uuid(CHAT));
    assert_eq!(notebook.texts(chat).await, ["a", "b", "c"]);
    let all = Reach { tokens: u64::MAX, anchored: true, segments: true };
    let history = store.history(scope, HistoryStart::Conversation(chat), all).await.unwrap();
    assert!(history.head.active && history.context.is_none() && history.reached_root);
    let counters = history.items.iter().map(|stored| &stored.item.counter);
    assert!(counters.eq([&CounterId::ESTIMATE; 3]));
    notebook.shorten(chat).await;
    assert_eq!(store.backlog(scope, chat).await.unwrap().covered, [0..=0]);

    // What is in an implicit conversation already is on no branch that anybody asks for.
    let chain = ConversationId::from_uuid(uuid(CHAIN));
    let after = Place::After(Some(ItemId::from_uuid(uuid(13))));
    let response =
        notebook.begin(TurnHome::Existing { id: chain, place: after }, "y").await.unwrap();
    notebook.finish(response.clone(), "z").await.unwrap();
    let start = HistoryStart::Response(response.id);
    let history = store.history(scope, start, all).await.unwrap();
    assert_eq!((history.items.len(), history.head.active), (3, false));
    assert_eq!(store.span(scope, chain, 0, 9, 9).await.unwrap(), []);
}

#[tokio::test]
async fn what_was_derived_does_not_outlive_what_an_earlier_binary_edits() {
    let (notebook, database) = Notebook::open().await;
    let (store, scope) = (&notebook.store, &notebook.scope);
    let app = client(&database.app_url()).await;
    let items = notebook.items(&["a", "b", "c"]);
    let ids: Vec<_> = items.iter().map(|item| item.id.as_uuid()).collect();
    let id = notebook.conversation_of(items).await;
    let home = format!("'{}'", id.as_uuid());

    notebook.shorten(id).await;
    outcome(&app, format!("append_items_v1('acme', 'ada', {home}, 8, {}, {ONCE})", item(10, "d")))
        .await;
    let backlog = store.backlog(scope, id).await.unwrap();
    assert_eq!((backlog.edits, backlog.anchor), (0, Some(1)));

    let delete = format!("delete_item_v1('acme', 'ada', {home}, '{}', 8)", ids[0]);
    outcome(&app, delete).await;
    let backlog = store.backlog(scope, id).await.unwrap();
    assert_eq!((backlog.edits, backlog.anchor, backlog.covered.len()), (1, None, 0));
    assert!(backlog.summary.is_none());

    notebook.shorten(id).await;
    let existing = format!("{home}, false, NULL, NULL, NULL, NULL, NULL, NULL");
    begin_v1(&app, 20, &existing, &format!("false, '{}'", ids[1]), &item(11, "e")).await;
    let backlog = store.backlog(scope, id).await.unwrap();
    assert_eq!((backlog.edits, backlog.anchor), (2, None));
    assert_eq!(notebook.texts(id).await, ["b", "e"]);
    let leaf = ItemId::from_uuid(uuid(11));
    notebook.begin(at_leaf(id, Some(leaf)), "f").await.unwrap();
}

/// The end of a turn as it was before there were charges, with one item as its output.
fn finish_v2(turn: u128, item: &str) -> String {
    format!(
        "finish_turn_v2('acme', 'ada', '{}', 'completed', NULL, NULL, 9, 3, {item},
            ARRAY['estimate-1'], ARRAY[]::bigint[], ARRAY[]::bigint[], ARRAY[]::text[], 0, false,
            NULL, NULL)",
        uuid(turn)
    )
}

#[tokio::test]
async fn turns_that_began_before_there_was_a_bill_are_ended_by_old_binaries_and_new_ones() {
    let database = bare_database().await;
    let owner = client(&database.owner_url()).await;
    owner.batch_execute(BEFORE_THE_BILL).await.unwrap();
    let app = client(&database.app_url()).await;
    let new = "true, false, NULL, '{\"v\":1,\"pairs\":{}}', false, 7, 7";
    for turn in [20, 21, 22] {
        let home = format!("'{}', {new}", uuid(turn + 100));
        begin_v1(&app, turn, &home, "false, NULL", &item(turn + 200, "q")).await;
    }
    outcome(&app, finish_v2(20, &item(30, "before"))).await;

    migrate(database.owner_url()).await.unwrap();
    let notebook = Notebook::connect(&options(&database.app_url())).await;
    let (store, scope) = (&notebook.store, &notebook.scope);
    outcome(&app, finish_v2(21, &item(31, "old"))).await;
    let response = ResponseId::from_uuid(uuid(22));
    let running = store.response(scope, response).await.unwrap().response;
    let mut end = notebook.end(running, "new");
    end.route = Some(RawJson::from_checked("{\"chose\":\"echo\"}"));
    end.charges = vec![notebook.charge(Some(response))];
    store.finish_turn(scope, end.clone()).await.unwrap();

    for (turn, route, said) in [(20, None, "before"), (21, None, "old"), (22, end.route, "new")] {
        let response = ResponseId::from_uuid(uuid(turn));
        let stored = store.response(scope, response).await.unwrap();
        assert_eq!((&stored.route, stored.output.len()), (&route, 1));
        assert_eq!(stored.output[0].content.texts().concat(), said);
        // An old binary reads all of them.
        let read = format!("SELECT * FROM loquat.response_v2('acme', 'ada', '{}')", uuid(turn));
        assert_eq!(app.query(&read, &[]).await.unwrap().len(), 2);
    }
    let used = store.usage(scope, all_usage()).await.unwrap().entries;
    assert_eq!(used.iter().map(|row| row.calls).collect::<Vec<_>>(), [1]);
}
