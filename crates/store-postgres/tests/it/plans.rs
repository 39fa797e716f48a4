//! No statement walks a table: what a call costs does not grow with what is stored.
//!
//! The statements are within functions, where EXPLAIN does not reach; the server is made to log the
//! plan of each statement that it runs, those of foreign keys among them.

use std::{collections::BTreeSet, path::Path, time::Duration};

use loquat_domain::{
    ConversationId, Fingerprint, IdempotencyKey, ItemId, Limit, LimitKey, Meter, Order, Whom,
};
use loquat_store::{
    AccessStore as _, Archived, BeginTurn, ContextChange, ContextStore as _, ContextUpdate,
    ConversationPatch, ConversationStore as _, FinishTurn, HistoryStart, Ledger as _,
    LimitStore as _, Once, Place, Reach, Revoked, TurnHome, TurnStore as _, Upkeep as _,
    UsageGroups, UsageQuery, Whose,
};
use loquat_testkit::{ClusterOptions, PrivateCluster};

use crate::{
    database::{client, database_on, options},
    notebook::{HOUR, LONG_AGO, NOW, Notebook, all_usage, at_leaf, page, take},
};

/// A statement and how the server ran it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Planned {
    statement: String,
    plan: Vec<String>,
}

/// What the server has logged, and what of it is ours.
fn logged(log: &Path, from: usize) -> (BTreeSet<Planned>, usize) {
    let text = std::fs::read_to_string(log).unwrap();
    let mut planned = BTreeSet::new();
    let mut record: Vec<&str> = Vec::new();
    for line in text.get(from..).unwrap().lines().chain([""]) {
        if let Some(more) = line.strip_prefix('\t') {
            record.push(more);
            continue;
        }
        let plan = record.iter().position(|line| line.contains("  (cost="));
        if let Some(plan) = plan.filter(|_| record.iter().any(|line| line.contains("loquat"))) {
            let statement = record[..plan].join("\n").replace("Query Text: ", "");
            let plan = record[plan..].iter().map(|line| (*line).to_owned()).collect();
            planned.insert(Planned { statement, plan });
        }
        record.clear();
    }
    (planned, text.len())
}

/// The columns by which each index must be searched so that few rows are found.
const NARROW: [(&str, &[&str]); 27] = [
    ("conversations_pkey", &["tenant", "id"]),
    ("conversations_by_creation", &["tenant", "user_id", "archived", "created_at"]),
    ("items_pkey", &["tenant", "id"]),
    ("items_active", &["tenant", "conversation", "position"]),
    ("items_by_parent", &["conversation", "parent"]),
    ("branches_pkey", &["tenant", "conversation", "leaf"]),
    ("responses_pkey", &["tenant", "id"]),
    ("responses_by_leaf", &["conversation", "leaf"]),
    ("turns_pkey", &["tenant", "response"]),
    ("turns_by_lease", &["lease_until"]),
    ("turns_by_log", &["log_until"]),
    ("response_events_pkey", &["tenant", "response"]),
    ("idempotency_keys_pkey", &["tenant", "user_id", "route", "key"]),
    ("idempotency_keys_by_expiry", &["keep_until"]),
    ("segments_pkey", &["tenant", "conversation", "first_position"]),
    ("summaries_pkey", &["tenant", "conversation"]),
    ("context_jobs_pkey", &["tenant", "conversation"]),
    ("context_jobs_by_due", &["due_at"]),
    ("usage_records_pkey", &["tenant", "id"]),
    ("usage_records_once", &["tenant", "response", "purpose", "attempt"]),
    ("usage_records_by_time", &["tenant", "created_at"]),
    ("usage_records_by_user", &["tenant", "user_id", "created_at"]),
    ("allowances_pkey", &["tenant", "user_id", "model", "meter"]),
    ("allowances_by_expiry", &["until"]),
    ("revocations_by_expiry", &["until"]),
    ("revocation_changes_pkey", &["tenant"]),
    ("audit_log_pkey", &["tenant", "id"]),
];

/// What goes with a conversation or asks for the first of its rows may look for all of them.
fn takes_all(statement: &str) -> bool {
    let all = [
        "FROM loquat.responses WHERE tenant = p_tenant AND conversation = p_id",
        "DELETE FROM loquat.items WHERE tenant = p_tenant AND conversation = p_id",
        "DELETE FROM loquat.items WHERE tenant = p_tenant AND conversation = v_conversation",
        "WHERE tenant = p_tenant AND conversation = v_conversation AND id <> p_id",
        "SELECT FROM loquat.segments WHERE tenant = p_tenant AND conversation = p_conversation",
        "WHERE s.tenant = p_tenant AND s.conversation = p_conversation\n    ORDER BY s.first_position",
    ];
    statement.starts_with("DELETE FROM ONLY") || all.iter().any(|all| statement.contains(all))
}

/// What a tenant has set or revoked is read as a whole, and for those who enforce it, what all have.
fn reads_all(statement: &str) -> bool {
    let all = [
        "FROM loquat.limit_overrides l WHERE l.tenant = p_tenant",
        "WHERE r.tenant = p_tenant AND coalesce(r.until > v_now, true)",
        "FROM loquat.revocations r WHERE coalesce(r.until > v_now, true)",
        "SELECT coalesce(sum(changes), 0) FROM loquat.revocation_changes",
    ];
    all.iter().any(|all| statement.contains(all))
}

/// The index that a step of a plan uses.
fn index(step: &str) -> Option<&str> {
    let (_, rest) = step.split_once("Scan ")?;
    let rest = rest.strip_prefix("Backward ").unwrap_or(rest);
    let rest = rest.strip_prefix("using ").or_else(|| rest.strip_prefix("on "))?;
    rest.split_whitespace().next()
}

/// What is wide about a plan.
fn faults(planned: &Planned) -> Vec<String> {
    let mut faults = Vec::new();
    if reads_all(&planned.statement) {
        return faults;
    }
    for (place, step) in planned.plan.iter().enumerate() {
        let ours = step.contains("Seq Scan on") && !step.contains("Seq Scan on pg_");
        if ours {
            faults.push(format!("walks a table: {step}"));
        }
        if step.trim_start().trim_start_matches("->").trim_start().starts_with("Sort  ") {
            let merges = [
                "kind (archived)",
                "AS page (leaf, size, place)",
                "array_agg(",
                "GROUP BY 1, 2, 3, 4",
            ];
            if !merges.iter().any(|merge| planned.statement.contains(merge)) {
                faults.push(format!("sorts: {step}"));
            }
        }
        let used = index(step).and_then(|used| NARROW.iter().find(|(index, _)| *index == used));
        let Some((index, columns)) = used else {
            continue;
        };
        let condition = planned.plan.get(place + 1).map_or("", String::as_str).trim_start();
        let condition = condition.strip_prefix("Index Cond: ").unwrap_or("");
        let has = |column: &&str| {
            condition.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == *column)
        };
        let is_narrow = columns.iter().all(has);
        let may_be_wide = takes_all(&planned.statement) && has(&"conversation");
        if !is_narrow && !may_be_wide {
            faults.push(format!("{index} by {condition:?}"));
        }
    }
    faults
}

fn once(key: &str, keep: Duration) -> Once {
    let key = IdempotencyKey::new(key).unwrap();
    Once { route: "plans", key, fingerprint: Fingerprint([1; 32]), keep }
}

/// A turn as a server runs it.
async fn turn(notebook: &Notebook, id: ConversationId, place: impl Fn(Option<ItemId>) -> Place) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    let from = HistoryStart::Conversation(id);
    let leaf = store.history(scope, from, Reach::tokens(100)).await.unwrap().head.leaf;
    let home = TurnHome::Existing { id, place: place(leaf) };
    let turn = notebook.turn(home, "q", Some(once(&format!("{leaf:?}").replace(' ', ""), HOUR)));
    let response = turn.response.clone();
    store.begin_turn(scope, turn).await.unwrap();
    let mut signs = vec![notebook.sign(response.id, 0)];
    store.checkpoint(signs.clone(), HOUR).await.unwrap();
    signs[0].log = None;
    store.checkpoint(signs, HOUR).await.unwrap();
    store.request_stop(scope, response.id).await.unwrap();
    store.events(scope, response.id, 0, 9).await.unwrap();
    notebook.finish(response.clone(), "a").await.unwrap();
    store.events(scope, response.id, 0, 9).await.unwrap();
    store.response(scope, response.id).await.unwrap();
}

async fn use_branches(notebook: &Notebook, id: ConversationId, fork: ItemId) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    turn(notebook, id, |_| Place::After(Some(fork))).await;
    let branches = store.branches(scope, id, page(None, Order::Ascending)).await.unwrap();
    let leaf = branches.entries.iter().find(|branch| !branch.active).unwrap().leaf;
    for order in [Order::Ascending, Order::Descending] {
        store.branches(scope, id, page(Some(leaf), order)).await.unwrap();
    }
    store.activate_branch(scope, id, leaf, NOW).await.unwrap();
    store.history(scope, HistoryStart::Item(id, Some(fork)), Reach::tokens(100)).await.unwrap();
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
    let made = notebook.new_conversation();
    store.create_conversation(scope, made, Vec::new(), Some(once("made", HOUR))).await.unwrap();
}

async fn use_items(notebook: &Notebook, id: ConversationId) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    let items = notebook.items(&["x", "y"]);
    let (first, second) = (items[0].id, items[1].id);
    store.append_items(scope, id, items, NOW, Some(once("items", HOUR))).await.unwrap();
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
    let first = notebook.begin(home(), "q").await.unwrap();
    notebook.finish(first.clone(), "a").await.unwrap();
    let head = store
        .history(scope, HistoryStart::Response(first.id), Reach::tokens(1))
        .await
        .unwrap()
        .head;
    let place = Place::After(head.leaf);
    let home = TurnHome::Existing { id: head.conversation, place };
    let second = notebook.begin(home, "q").await.unwrap();
    for response in [second, first] {
        store.delete_response(scope, response.id).await.unwrap();
    }
}

async fn use_upkeep(notebook: &Notebook) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    let home = TurnHome::New { conversation: notebook.new_conversation(), listed: false };
    let mut turn = notebook.turn(home, "q", Some(once("gone", Duration::ZERO)));
    (turn.hidden, turn.lease) = (true, Duration::ZERO);
    let stale = turn.response.clone();
    store.begin_turn(scope, turn).await.unwrap();
    assert_eq!(store.stale_turns(1).await.unwrap().len(), 1);
    let end = |response, keep_log, only_if_stale| FinishTurn {
        response,
        output: Vec::new(),
        last_sequence: 1,
        log: Vec::new(),
        keep_log,
        only_if_stale,
        context_state: None,
        route: None,
        charges: Vec::new(),
    };
    store.finish_turn(scope, end(stale, Duration::ZERO, true)).await.unwrap();
    let home = TurnHome::New { conversation: notebook.new_conversation(), listed: false };
    let response = notebook.begin(home, "q").await.unwrap();
    store.checkpoint(vec![notebook.sign(response.id, 0)], HOUR).await.unwrap();
    store.finish_turn(scope, end(response, Duration::from_micros(1), false)).await.unwrap();
    assert_eq!(store.forget_expired(9).await.unwrap(), 2);
    store.ping().await.unwrap();
}

/// What is derived from a conversation, and every edit that takes it away.
async fn use_context(notebook: &Notebook) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    let items = notebook.items(&["a", "b", "c", "d"]);
    let ids: Vec<ItemId> = items.iter().map(|item| item.id).collect();
    let id = notebook.conversation_of(items).await;
    notebook.shorten(id).await;
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
    notebook.shorten(id).await;
    turn(notebook, id, |_| Place::After(Some(ids[2]))).await;
    assert_eq!(store.backlog(scope, id).await.unwrap().covered, [0..=0]);

    let home = TurnHome::New { conversation: notebook.new_conversation(), listed: false };
    let conversation = match &home {
        TurnHome::New { conversation, .. } => conversation.id,
        TurnHome::Existing { id, .. } => *id,
    };
    let mut begun = notebook.turn(home, "q", None);
    let state = loquat_domain::RawJson::from_checked("{}");
    begun.context = Some(ContextChange { expected: None, anchor: 0, state: state.clone() });
    let first = begun.response.clone();
    store.begin_turn(scope, begun).await.unwrap();
    let mut end = notebook.end(first.clone(), "a");
    end.context_state = Some(ContextUpdate { expected: 1, state });
    store.finish_turn(scope, end).await.unwrap();
    let head = store.history(scope, HistoryStart::Response(first.id), reach).await.unwrap().head;
    let home = TurnHome::Existing { id: conversation, place: Place::After(head.leaf) };
    let second = notebook.begin(home, "q").await.unwrap();
    store.delete_response(scope, second.id).await.unwrap();
    assert_eq!(store.backlog(scope, conversation).await.unwrap().edits, 1);
}

/// What is paid for, and how much of it may be used.
async fn use_bill(notebook: &Notebook) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    let home = TurnHome::New { conversation: notebook.new_conversation(), listed: false };
    let response = notebook.begin(home, "q").await.unwrap();
    let charge = notebook.charge(Some(response.id));
    let end = FinishTurn { charges: vec![charge.clone()], ..notebook.end(response, "a") };
    store.finish_turn(scope, end).await.unwrap();
    store.record(scope, vec![charge, notebook.charge(None)]).await.unwrap();
    for whose in [Whose::Own, Whose::Tenant] {
        let groups = UsageGroups { day: true, model: true, user: true, conversation: true };
        let query = UsageQuery { whose, groups, from: NOW, ..all_usage() };
        let used = store.usage(scope, query.clone()).await.unwrap().entries;
        assert_eq!(used[0].calls, 2);
        let after = Some(used[0].key.clone());
        assert_eq!(store.usage(scope, UsageQuery { after, ..query }).await.unwrap().entries, []);
    }

    let key = LimitKey { whom: Whom::EachUser, model: None, meter: Meter::Streams };
    let limit = Limit { key: key.clone(), most: Some(1) };
    store.set_limit(scope, limit.clone(), notebook.audit("set")).await.unwrap();
    assert_eq!(store.limits(scope).await.unwrap(), [limit]);
    store.remove_limit(scope, key, notebook.audit("remove")).await.unwrap();
    for _ in 0..2 {
        let batch = Meter::ALL.map(|meter| take(notebook.count(meter), 99, 1)).to_vec();
        store.exchange(uuid::Uuid::nil(), Duration::ZERO, batch).await.unwrap();
    }
    // Of the streams.
    assert_eq!(store.forget_expired(9).await.unwrap(), 1);
}

async fn use_access(notebook: &Notebook) {
    let (store, scope) = (&notebook.store, &notebook.scope);
    notebook.revoke(Revoked::Tenant, None).await;
    notebook.revoke(Revoked::User(scope.user.clone()), Some(LONG_AGO)).await;
    assert_eq!(store.revocations(scope).await.unwrap().len(), 1);
    let known = store.revocation_list(None).await.unwrap().unwrap().version;
    assert_eq!(store.revocation_list(Some(known)).await.unwrap(), None);
    store.restore(scope, Revoked::Tenant, notebook.audit("restore")).await.unwrap();
    assert_eq!(store.forget_expired(9).await.unwrap(), 1);
    for order in [Order::Ascending, Order::Descending] {
        let all = store.audit(scope, page(None, order)).await.unwrap().entries;
        store.audit(scope, page(Some(all[0].id), order)).await.unwrap();
    }
}

/// Uses every method, and every way through each.
async fn use_everything(notebook: &Notebook) {
    let items = notebook.items(&["a", "b", "c"]);
    let fork = items[0].id;
    let id = notebook.conversation_of(items).await;
    turn(notebook, id, Place::Leaf).await;
    turn(notebook, id, Place::After).await;
    use_branches(notebook, id, fork).await;
    use_conversations(notebook, id).await;
    use_items(notebook, id).await;
    use_responses(notebook).await;
    use_upkeep(notebook).await;
    use_context(notebook).await;
    use_bill(notebook).await;
    use_access(notebook).await;
    let empty = notebook.conversation_of(Vec::new()).await;
    let running = notebook.begin(at_leaf(empty, None), "q").await.unwrap();
    notebook.store.delete_response(&notebook.scope, running.id).await.unwrap();
    notebook.store.earlier(&notebook.scope, &once("made", HOUR)).await.unwrap();
    notebook.store.delete_conversation(&notebook.scope, id).await.unwrap();
}

#[tokio::test]
async fn what_branches_share_is_counted_once_for_all_of_them() {
    const TRUNK: i64 = 2_000;
    let (notebook, database) = Notebook::open().await;
    let trunk = notebook.items(&vec![""; 2_000]);
    let early = trunk[10].id;
    let late: Vec<ItemId> = trunk[1_500..1_600].iter().map(|item| item.id).collect();
    let id = notebook.conversation_of(trunk).await;
    for fork in late {
        let home = TurnHome::Existing { id, place: Place::After(Some(fork)) };
        let response = notebook.begin(home, "q").await.unwrap();
        notebook.finish(response, "a").await.unwrap();
    }
    // Where the trunk is shown; where none of it is; and where it is up to an item in its midst.
    let elsewhere = (Place::After(None), notebook.items(&["z"]));
    let midst = (Place::After(Some(early)), Vec::new());
    for (begun, expected) in [(None, 101), (Some(elsewhere), 102), (Some(midst), 103)] {
        if let Some((place, input)) = begun {
            let home = TurnHome::Existing { id, place };
            let turn = BeginTurn { input, lease: Duration::ZERO, ..notebook.turn(home, "", None) };
            notebook.store.begin_turn(&notebook.scope, turn).await.unwrap();
        }
        let read = format!(
            "WITH told AS MATERIALIZED (
                SELECT count(*), max(size) FROM loquat.branches_v1('acme', 'ada', '{}', NULL, true, 999)
            )
            SELECT told.*, (
                SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint
                FROM pg_index WHERE indrelid = 'loquat.items'::regclass
            ) FROM told",
            id.as_uuid()
        );
        // One connection each: it counts what it has read, also of what is gone.
        let admin = client(&database.admin_url()).await;
        admin.batch_execute("VACUUM loquat.items").await.unwrap();
        admin.batch_execute("SET enable_seqscan = off; SET enable_bitmapscan = off").await.unwrap();
        let read = admin.query_one(&read, &[]).await.unwrap();
        let (branches, longest, entries): (i64, i64, i64) = (read.get(0), read.get(1), read.get(2));
        assert_eq!((branches, longest), (expected, TRUNK));
        assert!(entries < 2 * TRUNK, "{entries} entries of indexes were read");
    }
}

/// 20,000 of everything.
const FILL: &str = include_str!("fill.sql");

/// What of the hot statements' plans must be so and not otherwise: a part of the statement, and of
/// its plan.
const EXPECTED: [(&str, &str); 31] = [
    ("WITH RECURSIVE branch AS (", "Index Cond: ((id = b_1.parent) AND (tenant"),
    ("AND i.position > v_position", "->  Index Scan using items_active on items i"),
    ("AND i.position < v_position", "->  Index Scan Backward using items_active on items i"),
    ("(c.created_at, c.id) > (v_created_at", "Index Scan using conversations_by_creation"),
    ("(c.created_at, c.id) < (v_created_at", "Index Scan Backward using conversations_by_creation"),
    ("AND b.leaf > v_after", "Index Only Scan using branches_pkey"),
    ("AND b.leaf < v_after", "Index Only Scan Backward using branches_pkey"),
    ("id = p_conversation FOR NO KEY UPDATE", "Index Scan using conversations_pkey"),
    ("UPDATE loquat.turns SET lease_until = v_until", "Index Scan using turns_pkey on turns"),
    ("SET lease_until = NULL, log_until", "Index Scan using turns_pkey on turns"),
    ("SET status = p_status", "Index Scan using responses_pkey on responses"),
    ("e.first_sequence = v_next", "Index Scan using response_events_pkey"),
    ("t.lease_until <= v_now", "Index Scan using turns_by_lease"),
    ("log_until <= v_now", "Index Scan using turns_by_log"),
    ("keep_until <= v_now ORDER BY", "Index Scan using idempotency_keys_by_expiry"),
    ("AND route = p_route AND key = p_key", "Index Scan using idempotency_keys_pkey"),
    ("WITH RECURSIVE lead AS (", "Index Scan using items_active on items items_1"),
    ("due_at <= v_now ORDER BY", "Index Scan using context_jobs_by_due"),
    ("s.first_position < v_position", "Index Scan using segments_pkey"),
    ("AND active AND position = place", "Index Scan using items_active"),
    ("i.position >= p_from AND i.position < p_to", "Index Scan using items_active"),
    ("AND position > v_position", "Index Only Scan using items_active"),
    ("GROUP BY 1, 2, 3, 4", "Index Scan using usage_records_by_time"),
    ("GROUP BY 1, 2, 3, 4", "Index Scan using usage_records_by_user"),
    ("meter = p_meters[v_n]\n            FOR NO KEY UPDATE", "Index Scan using allowances_pkey"),
    ("SET period = v_period", "Index Scan using allowances_pkey"),
    ("FROM loquat.allowances WHERE until <= v_now", "Index Scan using allowances_by_expiry"),
    ("FROM loquat.revocations WHERE until <= v_now", "Index Scan using revocations_by_expiry"),
    ("a.id > v_after", "Index Scan using audit_log_pkey"),
    ("a.id < v_after", "Index Scan Backward using audit_log_pkey"),
    ("a.id = p_after", "Index Only Scan using audit_log_pkey"),
];

#[tokio::test]
async fn every_statement_finds_its_rows_by_a_narrow_index() {
    let settings = [
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_nested_statements", "on"),
        ("auto_explain.log_level", "log"),
        ("log_min_messages", "log"),
        ("log_destination", "stderr"),
        ("autovacuum", "off"),
    ];
    let options_ = settings.iter().fold(ClusterOptions::default(), |options, (name, value)| {
        options.with_setting(name, value)
    });
    let cluster = PrivateCluster::start(options_).await;
    let database = database_on(&cluster).await;
    let log = cluster.data_directory().join("server.log");
    let mut read = std::fs::metadata(&log).map_or(0, |log| usize::try_from(log.len()).unwrap());
    let admin = client(&database.admin_url()).await;
    // Plans are kept, and those of the first day must be good on the second: of tables that the
    // planner knows nothing of, that it knows to be empty, and that are full.
    for before in ["SELECT", "ANALYZE", FILL] {
        admin.batch_execute(before).await.unwrap();
        let filled = before == FILL;
        let (_, length) = logged(&log, read);
        read = length;
        let notebook = Notebook::connect(&options(&database.app_url())).await;
        // Nobody finds what the one before has made.
        let tenant = if filled { "acme" } else { before };
        use_everything(&notebook.of(tenant, "ada")).await;
        let (planned, length) = logged(&log, read);
        read = length;
        let texts: BTreeSet<&str> = planned.iter().map(|it| it.statement.as_str()).collect();
        assert!(texts.len() > 80, "only {} statements were seen", texts.len());
        for planned in &planned {
            let faults = faults(planned);
            assert!(faults.is_empty(), "after {before:.7}\n{faults:#?}\n{planned:#?}");
        }
        for (statement, expected) in EXPECTED {
            let found: Vec<_> =
                planned.iter().filter(|it| it.statement.contains(statement)).collect();
            assert!(!found.is_empty(), "{statement} was not seen");
            let is_so = |it: &&Planned| it.plan.iter().any(|step| step.contains(expected));
            let otherwise: Vec<_> = found.into_iter().filter(|it| !is_so(it)).collect();
            assert!(otherwise.is_empty(), "after {before:.7}, {expected}: {otherwise:#?}");
        }
    }
}
