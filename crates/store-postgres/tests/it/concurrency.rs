//! Many calls at once, and calls whose callers go away.

use std::{num::NonZeroUsize, pin::pin, sync::Arc, time::Duration};

use futures::future::{Either, select};
use loquat_domain::{ConversationId, ItemId};
use loquat_store::{StoreError, Upkeep as _};
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::{
    database::{client, database, options},
    notebook::{Notebook, at_leaf},
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
    let mut held = pin!(notebook.append(id, "held"));
    let refused = {
        let refused = pin!(async {
            while sessions(&admin, "wait_event_type = 'Lock'").await == 0 {}
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
                let begin =
                    loquat_store::TurnStore::begin_turn(&*notebook.store, &notebook.scope, turn);
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
    let refused =
        loquat_store::TurnStore::begin_turn(&*notebook.store, &notebook.scope, turn).await;
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
