//! A Postgres that goes away and comes back.

use std::time::Duration;

use loquat_store::{Reach, StoreError, Upkeep as _};
use loquat_testkit::{ClusterOptions, PrivateCluster};

use crate::{
    database::{database_on, options},
    notebook::{Notebook, at_leaf},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_is_noticed_by_nobody_who_does_not_call_meanwhile() {
    let cluster = PrivateCluster::start(ClusterOptions::default()).await;
    let database = database_on(&cluster).await;
    let notebook = Notebook::connect(&options(&database.app_url())).await;
    let id = notebook.conversation_of(notebook.items(&["a"])).await;
    // As many connections as there may be, so that each of them is stale then.
    futures::future::join_all((0..20).map(|_| notebook.texts(id))).await;
    cluster.restart_immediate().await;
    assert_eq!(notebook.texts(id).await, ["a"]);
    cluster.restart_immediate().await;
    notebook.append(id, "b").await.unwrap();
    assert_eq!(notebook.texts(id).await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_unavailable_and_the_same_store_goes_on_afterwards() {
    let cluster = PrivateCluster::start(ClusterOptions::default()).await;
    let database = database_on(&cluster).await;
    let notebook = Notebook::connect(&options(&database.app_url())).await;
    let id = notebook.conversation_of(notebook.items(&["a"])).await;
    let running = notebook.begin(at_leaf(id, leaf(&notebook, id).await), "b").await.unwrap();
    cluster.kill().await;
    let refused = notebook.store.ping().await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let refused = notebook.finish(running.clone(), "c").await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    cluster.launch().await;
    // Also a client that was killed in the middle of it all finds what was committed, once.
    while notebook.store.ping().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    notebook.finish(running, "c").await.unwrap();
    assert_eq!(notebook.texts(id).await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_reported_as_stored_is_there_after_a_crash_amid_writes() {
    // With fsync, which the test kit's clusters do without.
    let settings = ClusterOptions::default().with_setting("fsync", "on");
    let cluster = PrivateCluster::start(settings).await;
    let database = database_on(&cluster).await;
    let notebook = Notebook::connect(&options(&database.app_url())).await;
    let id = notebook.conversation_of(Vec::new()).await;
    let write = async {
        let mut stored = Vec::new();
        for n in 0.. {
            let text = n.to_string();
            match notebook.append(id, &text).await {
                Ok(()) => stored.push(text),
                Err(StoreError::Unavailable(_)) => return stored,
                Err(other) => panic!("{other:?}"),
            }
        }
        stored
    };
    let crash = async {
        while notebook.texts(id).await.len() < 50 {}
        cluster.stop_immediate().await;
    };
    let (stored, ()) = futures::join!(write, crash);
    cluster.launch().await;
    let found = notebook.texts(id).await;
    // The last one may have been committed without anybody being told.
    assert!(found.starts_with(&stored) && found.len() <= stored.len() + 1, "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_waits_too_long_is_unavailable_and_the_connection_goes_on() {
    let cluster = PrivateCluster::start(ClusterOptions::default()).await;
    let database = database_on(&cluster).await;
    let options = options(&database.app_url()).with_statement_timeout(Duration::from_millis(100));
    let notebook = Notebook::connect(&options).await;
    let id = notebook.conversation_of(notebook.items(&["a"])).await;
    let admin = crate::database::client(&database.admin_url()).await;
    admin.batch_execute("BEGIN; SELECT FROM loquat.conversations FOR UPDATE").await.unwrap();
    let refused = notebook.append(id, "b").await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    admin.batch_execute("COMMIT").await.unwrap();
    notebook.append(id, "c").await.unwrap();
    assert_eq!(notebook.texts(id).await, ["a", "c"]);
}

async fn leaf(
    notebook: &Notebook,
    id: loquat_domain::ConversationId,
) -> Option<loquat_domain::ItemId> {
    let start = loquat_store::HistoryStart::Conversation(id);
    loquat_store::TurnStore::history(&*notebook.store, &notebook.scope, start, Reach::tokens(1))
        .await
        .unwrap()
        .head
        .leaf
}
