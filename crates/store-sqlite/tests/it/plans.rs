//! No statement walks a table: what a call costs does not grow with what is stored.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use diesel::{
    QueryableByName, RunQueryDsl,
    connection::{
        Instrumentation, InstrumentationEvent, SimpleConnection, set_default_instrumentation,
    },
    sql_query,
    sql_types::Text,
};
use loquat_domain::{
    ConversationId, Event, EventKind, Fingerprint, IdempotencyKey, ItemId, Limit, LimitKey, Meter,
    Order, PageLimit, PageRequest, RawJson, Timestamp, Whom,
};
use loquat_store::{
    AccessStore, AllowanceKey, Archived, BeginTurn, Checkpoint, CheckpointLog, ContextChange,
    ContextStore, ConversationPatch, ConversationStore, Exchange, HistoryStart, Ledger, LimitStore,
    Once, Place, Reach, Revocation, Revoked, TurnHome, TurnStore, Upkeep, UsageGroups, UsageQuery,
    Whose, json,
};
use uuid::Uuid;

use crate::notebook::{HOUR, NOW, Notebook, notes};

/// What the stores of this process have run, and what of it they keep prepared.
static RUN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static PREPARED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Of all databases that the tests of this process use, records the one whose path says so.
#[derive(Default)]
struct Recorder {
    records: bool,
}

const RECORDED: &str = "loquat-plans-";

impl Instrumentation for Recorder {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => {
                self.records = url.contains(RECORDED);
            }
            InstrumentationEvent::StartQuery { query, .. } if self.records => {
                let text = query.to_string();
                let text = text.split(" -- binds: ").next().unwrap_or_default().trim().to_owned();
                RUN.lock().unwrap().insert(text);
            }
            InstrumentationEvent::CacheQuery { sql, .. } if self.records => {
                PREPARED.lock().unwrap().insert(sql.trim().to_owned());
            }
            _ => {}
        }
    }
}

fn page<Id>(after: Option<Id>, order: Order) -> PageRequest<Id> {
    PageRequest { after, order, limit: PageLimit::DEFAULT }
}

/// A turn as a server runs it.
async fn turn(notebook: &Notebook, id: ConversationId, place: impl Fn(Option<ItemId>) -> Place) {
    let start = HistoryStart::Conversation(id);
    let history = notebook.store.history(&notebook.scope, start, Reach::tokens(100)).await.unwrap();
    let home = TurnHome::Existing { id, place: place(history.head.leaf) };
    let (response, _) = notebook.begin(home, "q", HOUR).await.unwrap();
    let event = Event { sequence: 0, kind: EventKind::Created };
    let log = CheckpointLog { first: 0, last: 0, events: json::encode_events([&event]) };
    let signs = [Some(log), None].map(|log| Checkpoint {
        scope: notebook.scope.clone(),
        response: response.id,
        at_work: true,
        log,
    });
    notebook.store.checkpoint(signs.into(), HOUR).await.unwrap();
    notebook.finish(response, "a").await;
}

async fn use_conversations(notebook: &Notebook, id: ConversationId) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    store.conversation(scope, id).await.unwrap();
    for order in [Order::Ascending, Order::Descending] {
        for after in [None, Some(id)] {
            store.conversations(scope, Archived::Both, page(after, order)).await.unwrap();
        }
    }
    let patch = ConversationPatch { archived: Some(true), ..ConversationPatch::default() };
    store.update_conversation(scope, id, patch, NOW).await.unwrap();
}

async fn use_items(notebook: &Notebook, id: ConversationId) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    let items = notebook.items(&["x", "y"]);
    let (first, second) = (items[0].id, items[1].id);
    store.append_items(scope, id, items, NOW, Some(once("items"))).await.unwrap();
    for order in [Order::Ascending, Order::Descending] {
        for after in [None, Some(first)] {
            store.items(scope, id, page(after, order)).await.unwrap();
        }
    }
    store.item(scope, id, first).await.unwrap();
    store.delete_item(scope, id, first, NOW).await.unwrap();
    store.delete_item(scope, id, second, NOW).await.unwrap();
}

async fn use_responses(notebook: &Notebook) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    let home = || TurnHome::New { conversation: notebook.new_conversation(), listed: false };
    let (first, _) = notebook.begin(home(), "q", Duration::ZERO).await.unwrap();
    assert_eq!(store.stale_turns(1).await.unwrap().len(), 1);
    notebook.finish(first.clone(), "a").await;
    store.response(scope, first.id).await.unwrap();
    store.events(scope, first.id, 1, 10).await.unwrap();
    store.request_stop(scope, first.id).await.unwrap();
    let head = store
        .history(scope, HistoryStart::Response(first.id), Reach::tokens(1))
        .await
        .unwrap()
        .head;
    let place = Place::After(head.leaf);
    let home = TurnHome::Existing { id: head.conversation, place };
    let (second, _) = notebook.begin(home, "q", HOUR).await.unwrap();
    store.request_stop(scope, second.id).await.unwrap();
    for response in [second, first] {
        store.delete_response(scope, response.id).await.unwrap();
    }
}

/// Every way of coming to a branch and of leaving it.
async fn use_branches(notebook: &Notebook) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    let items = notebook.items(&["a", "b", "c"]);
    let [a, b, c] = items.iter().map(|item| item.id).collect::<Vec<_>>()[..] else { panic!() };
    let id = notebook.conversation_of(items).await;
    let late = TurnHome::Existing { id, place: Place::Leaf(Some(c)) };
    let (late, _) = notebook.begin(late, "d", Duration::ZERO).await.unwrap();
    turn(notebook, id, |_| Place::After(Some(a))).await;
    let late = notebook.finish(late, "e").await;
    store.history(scope, HistoryStart::Item(id, Some(b)), Reach::tokens(100)).await.unwrap();
    for order in [Order::Ascending, Order::Descending] {
        for after in [None, Some(late)] {
            store.branches(scope, id, page(after, order)).await.unwrap();
        }
    }
    store.activate_branch(scope, id, late, NOW).await.unwrap();
    turn(notebook, id, |_| Place::After(Some(b))).await;
    store.delete_item(scope, id, late, NOW).await.unwrap();
}

fn once(key: &str) -> Once {
    Once {
        route: "/things",
        key: IdempotencyKey::new(key).unwrap(),
        fingerprint: Fingerprint([1; 32]),
        keep: HOUR,
    }
}

/// Requests that are done once, and what is forgotten.
async fn use_upkeep(notebook: &Notebook) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    let hidden = BeginTurn {
        response: notebook.response(None),
        hidden: true,
        home: TurnHome::New { conversation: notebook.new_conversation(), listed: false },
        input: notebook.items(&["q"]),
        receipt: RawJson::from_checked("{}"),
        context: None,
        lease: HOUR,
        once: Some(Once { keep: Duration::ZERO, ..once("turn") }),
    };
    let response = hidden.response.clone();
    let again = BeginTurn { once: Some(once("turn")), ..hidden.clone() };
    store.begin_turn(scope, hidden).await.unwrap();
    notebook.finish(response.clone(), "a").await;
    // The key is free again, and its response has made room.
    store.begin_turn(scope, again).await.unwrap();
    assert!(store.response(scope, response.id).await.unwrap().hidden);
    notebook.finish(response, "a").await;
    store.earlier(scope, &once("turn")).await.unwrap();

    let home = TurnHome::New { conversation: notebook.new_conversation(), listed: false };
    let (response, _) = notebook.begin(home, "q", HOUR).await.unwrap();
    notebook.finish_keeping(response, "a", Duration::from_millis(1)).await;
    let brief = Once { keep: Duration::ZERO, ..once("conversation") };
    let made = notebook.new_conversation();
    store.create_conversation(scope, made, vec![], Some(brief)).await.unwrap();
    notebook.stranger().batch_execute(ALL_IS_OVER).unwrap();
    // The key, the events, and what is forgotten with the other key.
    assert!(store.forget_expired(100).await.unwrap() >= 3);
    assert_eq!(store.forget_expired(100).await.unwrap(), 0);
}

/// Lets the time pass for which anything is kept.
const ALL_IS_OVER: &str = "UPDATE responses SET log_until = 1 WHERE log_until IS NOT NULL;
    UPDATE idempotency_keys SET expires_at = 1;";

/// What is derived from a conversation, and every edit that takes it away.
async fn use_context(notebook: &Notebook) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    let items = notebook.items(&["a", "b", "c", "d"]);
    let ids: Vec<ItemId> = items.iter().map(|item| item.id).collect();
    let id = notebook.conversation_of(items).await;
    notebook.shorten(id, 1).await;
    for job in store.claim_context_jobs(9, HOUR).await.unwrap() {
        store.end_context_job(job.clone(), Some(Duration::ZERO)).await.unwrap();
        store.end_context_job(job, None).await.unwrap();
    }
    let reach = Reach { tokens: u64::MAX, anchored: true, segments: true };
    let history = store.history(scope, HistoryStart::Conversation(id), reach).await.unwrap();
    assert_eq!((history.items.len(), history.segments.len()), (5, 1));
    assert!(history.context.unwrap().summary.is_some());
    assert_eq!(store.items_at(scope, id, &[0, 2, 9]).await.unwrap().len(), 2);
    assert_eq!(store.pinned(scope, id, &ids).await.unwrap().len(), 4);
    assert_eq!(store.span(scope, id, 1, 9, 2).await.unwrap().len(), 2);
    store.delete_item(scope, id, ids[0], NOW).await.unwrap();
    notebook.shorten(id, 1).await;
    turn(notebook, id, |_| Place::After(Some(ids[2]))).await;
    assert_eq!(store.backlog(scope, id).await.unwrap().covered, [0..=0]);

    let made = notebook.new_conversation();
    let conversation = made.id;
    let home = TurnHome::New { conversation: made, listed: false };
    let change = ContextChange { expected: None, anchor: 0, state: notes() };
    let first = notebook.shorten_at(home, change).await;
    let head = store.history(scope, HistoryStart::Response(first.id), reach).await.unwrap().head;
    let home = TurnHome::Existing { id: conversation, place: Place::After(head.leaf) };
    let (second, _) = notebook.begin(home, "q", HOUR).await.unwrap();
    store.delete_response(scope, second.id).await.unwrap();
    assert_eq!(store.backlog(scope, conversation).await.unwrap().edits, 1);
}

/// Allowances, limits, access and the audit log, without the lists of all that there is.
async fn use_what_is_limited(notebook: &Notebook) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    store.record(scope, vec![notebook.charge(None)]).await.unwrap();
    for meter in Meter::ALL {
        let key = AllowanceKey { tenant: scope.tenant.clone(), user: None, model: None, meter };
        let look = Exchange { key, most: 9, returned: 0, returned_to: None, need: 0, want: 0 };
        let batch = vec![
            Exchange { need: 1, want: 5, ..look.clone() },
            Exchange { returned: 5, ..look.clone() },
            Exchange { need: 1, want: 1, ..look },
        ];
        store.exchange(Uuid::nil(), Duration::ZERO, batch).await.unwrap();
    }
    let key = LimitKey { whom: Whom::Tenant, model: None, meter: Meter::Streams };
    let limit = Limit { key: key.clone(), most: None };
    store.set_limit(scope, limit, notebook.act()).await.unwrap();
    store.remove_limit(scope, key, notebook.act()).await.unwrap();
    let entry = notebook.act();
    for until in [None, Some(NOW)] {
        let (revoked_at, revoked_by) = (NOW, entry.actor.clone());
        let revocation = Revocation { whose: Revoked::Tenant, until, revoked_at, revoked_by };
        store.revoke(scope, revocation, notebook.act()).await.unwrap();
        if until.is_none() {
            store.restore(scope, Revoked::Tenant, entry.clone()).await.unwrap();
        }
    }
    for order in [Order::Ascending, Order::Descending] {
        for after in [None, Some(entry.id)] {
            store.audit(scope, page(after, order)).await.unwrap();
        }
    }
    // A holder that is gone, and a revocation whose time is over.
    assert_eq!(store.forget_expired(100).await.unwrap(), 2);
}

/// Lists of all that there is: of a period, of a tenant, of those whose access is revoked.
async fn use_lists(notebook: &Notebook) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    let groups = UsageGroups { day: true, model: true, user: true, conversation: true };
    for whose in [Whose::Own, Whose::Tenant, Whose::User(scope.user.clone())] {
        let (from, until) = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));
        let limit = PageLimit::DEFAULT;
        let mut query = UsageQuery { whose, from, until, groups, after: None, limit };
        let usage = store.usage(scope, query.clone()).await.unwrap();
        query.after = usage.entries.last().map(|row| row.key.clone());
        assert_eq!(store.usage(scope, query).await.unwrap().entries, []);
    }
    store.limits(scope).await.unwrap();
    store.revocations(scope).await.unwrap();
    let known = store.revocation_list(None).await.unwrap().unwrap().version;
    assert_eq!(store.revocation_list(Some(known)).await.unwrap(), None);
}

/// What lists of all that there is may do besides: put the charges of a period together, go from one
/// user of a tenant to the next, and read all limits of a tenant or all revocations, of which there
/// are few.
const OF_LISTS: [&str; 6] = [
    "USE TEMP B-TREE FOR GROUP BY",
    "SEARCH usage_records USING PRIMARY KEY (tenant=?)",
    "SCAN users",
    "SEARCH limit_overrides USING PRIMARY KEY (tenant=?)",
    "SEARCH revocations USING PRIMARY KEY (tenant=?)",
    "SCAN revocations",
];

/// Uses every other method, and every way through each.
async fn use_everything(notebook: &Notebook) {
    let items = notebook.items(&["a", "b", "c"]);
    let fork = items[0].id;
    let id = notebook.conversation_of(items).await;
    turn(notebook, id, Place::Leaf).await;
    turn(notebook, id, Place::After).await;
    turn(notebook, id, |_| Place::After(Some(fork))).await;
    use_conversations(notebook, id).await;
    use_items(notebook, id).await;
    use_responses(notebook).await;
    use_branches(notebook).await;
    use_upkeep(notebook).await;
    use_context(notebook).await;
    use_what_is_limited(notebook).await;
    let home = TurnHome::New { conversation: notebook.new_conversation(), listed: true };
    let (response, _) = notebook.begin(home, "q", HOUR).await.unwrap();
    notebook.store.delete_response(&notebook.scope, response.id).await.unwrap();
    notebook.store.delete_conversation(&notebook.scope, id).await.unwrap();
    notebook.store.ping().await.unwrap();
}

#[derive(Debug, QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// How SQLite would run a statement.
fn plan(notebook: &Notebook, statement: &str) -> Vec<String> {
    let steps: Vec<Step> = sql_query(format!("EXPLAIN QUERY PLAN {statement}"))
        .load(&mut notebook.stranger())
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
    steps.into_iter().map(|step| step.detail).collect()
}

/// Ways of finding rows that find more with every row that is stored: all of a tenant, of a user,
/// of a conversation.
const WIDE: [&str; 4] = [
    "(tenant=?)",
    "(tenant=? AND user=?)",
    "(tenant=? AND user=? AND archived=?)",
    "items_active (tenant=? AND conversation=?)",
];

/// What may be walked: a recursion's own last rows, of which there is one at a time, and the index
/// of what has to be repaired, which has no other rows.
const SHORT: [&str; 3] = [
    "SCAN branch",
    "SCAN CONSTANT ROW",
    "SCAN conversations USING INDEX conversations_branches_not_kept",
];

/// True for a step that finds its rows by an index, few and in order.
fn is_flat(step: &str) -> bool {
    let walks = step.starts_with("SCAN") && !SHORT.contains(&step);
    let sorts = step.contains("TEMP B-TREE") || step.contains("AUTOMATIC");
    !walks && !sorts && !WIDE.iter().any(|wide| step.contains(wide))
}

/// The statements that were run since the last call, transactions and settings apart.
fn run_since() -> BTreeSet<String> {
    let mut run = std::mem::take(&mut *RUN.lock().unwrap());
    run.retain(|text| {
        ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE"].iter().any(|verb| text.starts_with(verb))
            && !text.contains("__diesel_schema_migrations")
    });
    run
}

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index_and_those_of_a_turn_stay_prepared() {
    set_default_instrumentation(|| Some(Box::new(Recorder::default()))).unwrap();
    let notebook = Notebook::open_in(RECORDED, |options| options);
    use_everything(&notebook).await;

    let statements = run_since();
    assert!(statements.len() > 50, "only {} statements were seen", statements.len());
    for statement in &statements {
        let plan = plan(&notebook, statement);
        assert!(plan.iter().all(|step| is_flat(step)), "{statement}\n{plan:#?}");
        // SQLite prepares a statement anew for each value of a limit.
        assert!(!statement.contains("LIMIT"), "{statement}");
    }

    use_lists(&notebook).await;
    let statements = run_since();
    assert!(statements.len() > 4, "only {} statements were seen", statements.len());
    for statement in &statements {
        let plan = plan(&notebook, statement);
        let is_well = |step: &String| is_flat(step) || OF_LISTS.contains(&step.as_str());
        assert!(plan.iter().all(is_well), "{statement}\n{plan:#?}");
        assert!(!statement.contains("LIMIT"), "{statement}");
    }

    let id = notebook.conversation_of(Vec::new()).await;
    run_since();
    turn(&notebook, id, Place::Leaf).await;
    let turn = run_since();
    assert!(turn.len() > 5, "only {turn:#?} were seen");
    let fleeting: Vec<_> = turn.difference(&PREPARED.lock().unwrap()).cloned().collect();
    assert!(fleeting.is_empty(), "prepared anew each time: {fleeting:#?}");
}

#[tokio::test]
async fn a_deletion_finds_what_goes_with_it_by_an_index() {
    let notebook = Notebook::open();
    for (table, columns) in [
        ("items", "tenant = ? AND conversation = ?"),
        ("responses", "tenant = ? AND conversation = ?"),
        ("response_events", "tenant = ? AND response = ?"),
        ("branches", "tenant = ? AND conversation = ?"),
        ("segments", "tenant = ? AND conversation = ?"),
        ("summaries", "tenant = ? AND conversation = ?"),
        ("context_jobs", "tenant = ? AND conversation = ?"),
    ] {
        // As SQLite looks for the rows of a foreign key.
        let plan = plan(&notebook, &format!("SELECT tenant FROM {table} WHERE {columns}"));
        assert!(plan.iter().all(|step| is_flat(step)), "{table}: {plan:#?}");
    }
}
