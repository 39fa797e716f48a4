//! Many calls at once, and calls whose callers go away.

use std::{num::NonZeroUsize, pin::pin, sync::Arc, time::Duration};

use futures::future::{Either, select};
use loquat_domain::{
    CancelReason, ConversationId, Fingerprint, IdempotencyKey, ItemId, Response, Status,
};
use loquat_store::{
    BeginTurn, ConversationStore as _, FinishTurn, Interrupted, Interruption, Once, Place,
    StaleTurn, StoreError, TurnHome, TurnStore as _, Upkeep as _,
};
use loquat_testkit::TestDatabase;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::{
    database::{client, database, options},
    notebook::{HOUR, Notebook, at_leaf},
};

const TURNS: usize = 10;

async fn take_turns(notebook: Notebook, shared: ConversationId) {
    let own = notebook.conversation_of(Vec::new()).await;
    let mut leaf: Option<ItemId> = None;
    for _ in 0..TURNS {
        let response = notebook.begin(at_leaf(own, leaf), "ask").await.unwrap();
        leaf = Some(notebook.finish(response, "answer").await.unwrap());
        notebook.append(shared, "shared").await.unwrap();
    }
    assert_eq!(notebook.texts(own).await, ["ask", "answer"].repeat(TURNS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_at_once_share_one_connection() {
    let database = database().await;
    let options = options(&database.app_url()).with_pool_size(NonZeroUsize::MIN);
    let notebook = Notebook::connect(&options).await;
    let shared = notebook.conversation_of(Vec::new()).await;
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        tasks.spawn(take_turns(notebook.of("acme", "ada"), shared));
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(notebook.texts(shared).await, vec!["shared"; 100 * TURNS]);
    let admin = client(&database.admin_url()).await;
    assert_eq!(sessions(&admin, "true").await, 1);
}

/// How many sessions of the store's there are of which this is true.
async fn sessions(admin: &Client, condition: &str) -> i64 {
    let count = format!(
        "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'loquat' AND {condition}"
    );
    admin.query_one(&count, &[]).await.unwrap().get(0)
}

/// Waits until as many sessions of the store's wait for a lock. `observer` must not be the one that
/// holds it: within a transaction the list of sessions stays as it was first seen.
async fn until_waiting(observer: &Client, count: i64) {
    while sessions(observer, "wait_event_type = 'Lock'").await != count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_for_a_connection_is_told_that_there_is_none() {
    let database = database().await;
    let options = options(&database.app_url())
        .with_pool_size(NonZeroUsize::MIN)
        .with_wait_timeout(Duration::from_millis(50));
    let notebook = Arc::new(Notebook::connect(&options).await);
    let id = notebook.conversation_of(Vec::new()).await;
    let admin = client(&database.admin_url()).await;
    admin.batch_execute("BEGIN; SELECT FROM loquat.conversations FOR UPDATE").await.unwrap();
    let observer = client(&database.admin_url()).await;
    let mut held = pin!(notebook.append(id, "held"));
    let refused = {
        let refused = pin!(async {
            until_waiting(&observer, 1).await;
            notebook.store.ping().await
        });
        match select(&mut held, refused).await {
            Either::Right((refused, _)) => refused,
            Either::Left((done, _)) => panic!("{done:?}"),
        }
    };
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    admin.batch_execute("COMMIT").await.unwrap();
    held.await.unwrap();
    notebook.store.ping().await.unwrap();
}

/// Turns of two tenants, of which somebody holds the first one's row.
async fn one_of_two_held() -> (Notebook, [Response; 2], Client, TestDatabase) {
    let (ada, database) = Notebook::open().await;
    let eve = ada.of("umbrella", "eve");
    let mut turns = Vec::new();
    for person in [&ada, &eve] {
        let home = TurnHome::New { conversation: person.new_conversation(), listed: false };
        let turn = BeginTurn { lease: Duration::ZERO, ..person.turn(home, "q", None) };
        turns.push(turn.response.clone());
        person.store.begin_turn(&person.scope, turn).await.unwrap();
    }
    let admin = client(&database.admin_url()).await;
    let hold = "BEGIN; SELECT FROM loquat.turns WHERE tenant = 'acme' FOR UPDATE";
    admin.batch_execute(hold).await.unwrap();
    (ada, turns.try_into().unwrap(), admin, database)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_somebody_holds_does_not_cost_the_others_their_lives() {
    let (ada, [held, free], admin, _database) = one_of_two_held().await;
    let eve = ada.of("umbrella", "eve");
    let signs = vec![ada.sign(held.id, 0), eve.sign(free.id, 0)];
    let refused = ada.store.checkpoint(signs.clone(), HOUR).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let stale = StaleTurn { scope: ada.scope.clone(), response: held.id };
    assert_eq!(ada.store.stale_turns(9).await.unwrap(), [stale]);
    admin.batch_execute("COMMIT").await.unwrap();
    // What comes again is kept once.
    assert_eq!(ada.store.checkpoint(signs, HOUR).await.unwrap(), []);
    assert_eq!(ada.store.stale_turns(9).await.unwrap(), []);
    for (person, turn) in [(&ada, held), (&eve, free)] {
        let log = person.store.events(&person.scope, turn.id, 0, 9).await.unwrap();
        assert_eq!(log.runs.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_that_somebody_holds_for_a_moment_is_waited_for() {
    for deletes in [false, true] {
        let (ada, [held, free], admin, database) = one_of_two_held().await;
        let eve = ada.of("umbrella", "eve");
        let observer = client(&database.admin_url()).await;
        let signs = vec![ada.sign(held.id, 0), eve.sign(free.id, 0)];
        let release = async {
            until_waiting(&observer, 1).await;
            if deletes {
                let delete = "DELETE FROM loquat.responses WHERE tenant = 'acme'";
                admin.batch_execute(delete).await.unwrap();
            }
            admin.batch_execute("COMMIT").await.unwrap();
        };
        let (done, ()) = futures::join!(ada.store.checkpoint(signs, HOUR), release);
        let log = ada.store.events(&ada.scope, held.id, 0, 9).await;
        if deletes {
            let (scope, why) = (ada.scope.clone(), Interruption::Gone);
            assert_eq!(done.unwrap(), [Interrupted { scope, response: held.id, why }]);
            assert!(matches!(log, Err(StoreError::NotFound)), "{log:?}");
        } else {
            assert_eq!((done.unwrap().len(), log.unwrap().runs.len()), (0, 1));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_deletes_much_is_at_a_running_turn_for_a_moment_only() {
    let (notebook, database) = Notebook::open().await;
    let id = notebook.conversation_of(notebook.items(&["a"])).await;
    let home = TurnHome::Existing { id, place: Place::After(None) };
    let listed = notebook.begin(home, "b").await.unwrap();
    let home = TurnHome::New { conversation: notebook.new_conversation(), listed: false };
    let implicit = notebook.begin(home, "c").await.unwrap();
    let admin = client(&database.admin_url()).await;
    // As if there were very many items.
    admin.batch_execute("BEGIN; SELECT FROM loquat.items FOR UPDATE").await.unwrap();
    let observer = client(&database.admin_url()).await;
    let signs = [&listed, &implicit].map(|turn| notebook.sign(turn.id, 0)).to_vec();
    let checkpoint = async {
        until_waiting(&observer, 2).await;
        let checkpointed = notebook.store.checkpoint(signs.clone(), HOUR).await;
        admin.batch_execute("COMMIT").await.unwrap();
        checkpointed
    };
    let (conversation, response, checkpointed) = futures::join!(
        notebook.store.delete_conversation(&notebook.scope, id),
        notebook.store.delete_response(&notebook.scope, implicit.id),
        checkpoint
    );
    conversation.unwrap();
    response.unwrap();
    assert_eq!(checkpointed.unwrap(), []);
    let interrupted = notebook.store.checkpoint(signs, HOUR).await.unwrap();
    assert_eq!(interrupted.len(), 2);
    for table in ["conversations", "items", "responses", "turns", "response_events"] {
        let left = format!("SELECT count(*) FROM loquat.{table}");
        assert_eq!(admin.query_one(&left, &[]).await.unwrap().get::<_, i64>(0), 0, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_turns_alive_and_ends_them_waits_for_no_other_calls() {
    let database = database().await;
    let options = options(&database.app_url()).with_pool_size(NonZeroUsize::new(4).unwrap());
    let notebook = Notebook::connect(&options).await;
    let id = notebook.conversation_of(Vec::new()).await;
    let admin = client(&database.admin_url()).await;
    admin.batch_execute("BEGIN; SELECT FROM loquat.conversations FOR UPDATE").await.unwrap();
    let home = TurnHome::New { conversation: notebook.new_conversation(), listed: false };
    let running = notebook.begin(home, "q").await.unwrap();
    let observer = client(&database.admin_url()).await;
    let appends = futures::future::join_all((0..20).map(|_| notebook.append(id, "x")));
    let others = async {
        until_waiting(&observer, 3).await;
        let signs = vec![notebook.sign(running.id, 0)];
        assert_eq!(notebook.store.checkpoint(signs, HOUR).await.unwrap(), []);
        assert_eq!(notebook.store.stale_turns(9).await.unwrap(), []);
        assert_eq!(notebook.store.forget_expired(9).await.unwrap(), 0);
        notebook.finish(running, "a").await.unwrap();
        until_waiting(&observer, 3).await;
        admin.batch_execute("COMMIT").await.unwrap();
    };
    let (appended, ()) = futures::join!(appends, others);
    for appended in appended {
        appended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_of_life_on_its_way_keeps_a_turn_from_being_ended_as_stale() {
    for keep_log in [HOUR, Duration::ZERO] {
        let (ada, [held, _], admin, database) = one_of_two_held().await;
        let observer = client(&database.admin_url()).await;
        let end = FinishTurn {
            response: Response { status: Status::Cancelled(CancelReason::ByOwner), ..held.clone() },
            output: Vec::new(),
            last_sequence: 0,
            log: Vec::new(),
            keep_log,
            only_if_stale: true,
            context_state: None,
            route: None,
            charges: Vec::new(),
        };
        let renew = async {
            until_waiting(&observer, 1).await;
            let renew = "UPDATE loquat.turns SET lease_until = loquat.now_v1() + 3600000000
                WHERE tenant = 'acme'; COMMIT";
            admin.batch_execute(renew).await.unwrap();
        };
        let (ended, ()) = futures::join!(ada.store.finish_turn(&ada.scope, end), renew);
        assert!(matches!(ended, Err(StoreError::Conflict)), "{ended:?}");
        let response = ada.store.response(&ada.scope, held.id).await.unwrap().response;
        assert_eq!(response, held);
    }
}

/// A hidden turn that has ended, and whose key has run out.
async fn run_out(notebook: &Notebook) -> Once {
    let once = Once {
        route: "r",
        key: IdempotencyKey::new("k").unwrap(),
        fingerprint: Fingerprint([7; 32]),
        keep: Duration::ZERO,
    };
    let home = TurnHome::New { conversation: notebook.new_conversation(), listed: false };
    let turn = notebook.turn(home, "q", Some(once.clone()));
    let turn = BeginTurn { hidden: true, ..turn };
    let response = turn.response.clone();
    notebook.store.begin_turn(&notebook.scope, turn).await.unwrap();
    notebook.finish(response, "a").await.unwrap();
    once
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_tidies_up_does_not_wait_for_who_is_at_something() {
    let (notebook, database) = Notebook::open().await;
    run_out(&notebook).await;
    let admin = client(&database.admin_url()).await;
    for table in ["conversations", "idempotency_keys"] {
        let hold = format!("BEGIN; SELECT FROM loquat.{table} FOR UPDATE");
        admin.batch_execute(&hold).await.unwrap();
        assert_eq!(notebook.store.forget_expired(9).await.unwrap(), 0, "{table}");
        admin.batch_execute("COMMIT").await.unwrap();
    }
    assert_eq!(notebook.store.forget_expired(9).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_conversation_holds_no_key() {
    let (notebook, database) = Notebook::open().await;
    let once = run_out(&notebook).await;
    let admin = client(&database.admin_url()).await;
    admin.batch_execute("BEGIN; SELECT FROM loquat.conversations FOR UPDATE").await.unwrap();
    let home = TurnHome::New { conversation: notebook.new_conversation(), listed: false };
    let turn = notebook.turn(home, "again", Some(once));
    let observer = client(&database.admin_url()).await;
    let look = async {
        until_waiting(&observer, 1).await;
        let lock = "SELECT FROM loquat.idempotency_keys FOR UPDATE NOWAIT";
        let locked = admin.query(lock, &[]).await;
        admin.batch_execute("COMMIT").await.unwrap();
        locked.unwrap().len()
    };
    let again = notebook.store.begin_turn(&notebook.scope, turn);
    let (begun, keys) = futures::join!(again, look);
    begun.unwrap();
    assert_eq!(keys, 1);
}

/// Polls a future so many times, and then drops it. True when it was done by then.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> bool {
    let mut future = pin!(future);
    for _ in 0..times {
        if futures::poll!(&mut future).is_ready() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_dropped_at_any_moment_leave_no_transaction_and_no_broken_connection() {
    let database = database().await;
    let options = options(&database.app_url()).with_pool_size(NonZeroUsize::new(2).unwrap());
    let notebook = Arc::new(Notebook::connect(&options).await);
    let admin = client(&database.admin_url()).await;
    let mut tasks = JoinSet::new();
    for task in 0..20_usize {
        let notebook = notebook.of(&format!("tenant{}", task % 5), &format!("canary{task}"));
        tasks.spawn(async move {
            let id = notebook.conversation_of(Vec::new()).await;
            let canary = notebook.scope.user.as_str().to_owned();
            for round in 0..40 {
                polled(round, notebook.append(id, &canary)).await;
                let response = notebook.response();
                let mut turn = notebook.turn(at_leaf(id, None), &canary, None);
                turn.response = response.clone();
                turn.home = loquat_store::TurnHome::Existing {
                    id,
                    place: loquat_store::Place::After(None),
                };
                let begin = notebook.store.begin_turn(&notebook.scope, turn);
                polled(round, begin).await;
                polled(round, notebook.finish(response.clone(), &canary)).await;
                polled(round, notebook.texts(id)).await;
                // Frees the conversation, whatever has become of the turn.
                let delete = loquat_store::TurnStore::delete_response(
                    &*notebook.store,
                    &notebook.scope,
                    response.id,
                );
                match delete.await {
                    Ok(()) | Err(StoreError::NotFound) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
            let texts = notebook.texts(id).await;
            assert!(texts.iter().all(|text| *text == canary), "{canary}: {texts:?}");
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
        let dangling = sessions(&admin, "state LIKE 'idle in transaction%'").await;
        assert_eq!(dangling, 0);
    }
    // Nothing was thrown away for it.
    assert!(sessions(&admin, "true").await <= 2);
    notebook.store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_database_sets_for_its_sessions_does_not_matter() {
    let database = database().await;
    let admin = client(&database.admin_url()).await;
    for setting in
        ["default_transaction_isolation = 'serializable'", "statement_timeout = 1", "jit = on"]
    {
        let set = format!("ALTER DATABASE {} SET {setting}", database.name());
        admin.batch_execute(&set).await.unwrap();
    }
    let notebook = Notebook::connect(&options(&database.app_url())).await;
    let id = notebook.conversation_of(Vec::new()).await;
    for appended in futures::future::join_all((0..20).map(|_| notebook.append(id, "x"))).await {
        appended.unwrap();
    }
    assert_eq!(notebook.texts(id).await, ["x"; 20]);
}

#[tokio::test]
async fn text_that_the_database_cannot_keep_is_an_error_and_harms_nobody() {
    let (notebook, _database) = Notebook::open().await;
    let id = notebook.conversation_of(Vec::new()).await;
    let mut turn = notebook.turn(at_leaf(id, None), "a", None);
    turn.response.model = "NUL \0".to_owned();
    let refused = notebook.store.begin_turn(&notebook.scope, turn).await;
    assert!(matches!(refused, Err(StoreError::Internal(_))), "{refused:?}");
    assert!(notebook.texts(id).await.is_empty());
    notebook.begin(at_leaf(id, None), "b").await.unwrap();
}

#[test]
fn a_store_is_used_from_a_runtime_that_ends() {
    let lasting = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (notebook, database) = lasting.block_on(Notebook::open());
    for _ in 0..3 {
        // As an actix worker's.
        let passing = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        passing.block_on(async {
            let calls = (0..8).map(|_| notebook.store.ping());
            for done in futures::future::join_all(calls).await {
                done.unwrap();
            }
        });
    }
    lasting.block_on(notebook.store.ping()).unwrap();
    drop(notebook);
    drop(database);
}
