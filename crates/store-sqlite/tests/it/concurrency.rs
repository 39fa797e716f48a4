//! Many calls at once, and calls whose callers go away.

use std::{
    num::NonZeroUsize,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use diesel::connection::SimpleConnection;
use loquat_domain::{ConversationId, ItemId, Meter};
use loquat_store::{ConversationStore, StoreError, Upkeep};
use tokio::task::JoinSet;

use crate::{
    bill::take,
    notebook::{HOUR, NOW, Notebook, at_leaf},
};

const TASKS: usize = 32;
const TURNS: usize = 100;

/// One task's share: turns in a conversation of its own, and after each an item in one that all
/// share.
async fn take_turns(notebook: Arc<Notebook>, shared: ConversationId) {
    let own = notebook.conversation_of(Vec::new()).await;
    let mut leaf: Option<ItemId> = None;
    for _ in 0..TURNS {
        let (response, _) = notebook.begin(at_leaf(own, leaf), "ask", HOUR).await.unwrap();
        leaf = Some(notebook.finish(response, "answer").await);
        let item = notebook.item("shared");
        let store = &notebook.store;
        store.append_items(&notebook.scope, shared, vec![item], NOW, None).await.unwrap();
    }
    let told = notebook.texts(own).await;
    assert_eq!(told, ["ask", "answer"].repeat(TURNS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_turns_and_appends_at_once_all_succeed_in_few_commits() {
    let notebook = Arc::new(Notebook::open());
    let shared = notebook.conversation_of(Vec::new()).await;
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        tasks.spawn(take_turns(Arc::clone(&notebook), shared));
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(notebook.texts(shared).await, vec!["shared"; TASKS * TURNS]);
    let writes = u64::try_from(TASKS * (3 * TURNS + 1) + 1).unwrap();
    let commits = notebook.store.commits();
    assert!(commits < writes / 2, "{commits} commits for {writes} writes");
}

/// Asks a future for its result once: a write gets as far as the queue.
fn poll_once<T>(future: Pin<&mut impl Future<Output = T>>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[tokio::test]
async fn writes_that_wait_at_one_moment_share_one_commit() {
    let notebook = Notebook::open();
    let conversation = notebook.conversation_of(Vec::new()).await;
    let before = notebook.store.commits();
    let mut stranger = notebook.hold();
    let mut writes: Vec<_> = (0..50)
        .map(|_| {
            let items = vec![notebook.item("x")];
            Box::pin(notebook.store.append_items(&notebook.scope, conversation, items, NOW, None))
        })
        .collect();
    for write in &mut writes {
        assert!(!poll_once(write.as_mut()), "a write is done while another process holds the file");
    }
    stranger.batch_execute("COMMIT").unwrap();
    for write in writes {
        write.await.unwrap();
    }
    assert_eq!(notebook.texts(conversation).await.len(), 50);
    // The writer may have taken the first before the others came.
    let commits = notebook.store.commits() - before;
    assert!((1..=2).contains(&commits), "{commits} commits");
}

#[tokio::test]
async fn exchanges_that_wait_at_one_moment_share_one_commit() {
    let notebook = Notebook::open();
    let before = notebook.store.commits();
    let mut stranger = notebook.hold();
    let mut takes: Vec<_> =
        (0..50).map(|_| Box::pin(take(&notebook, Meter::MicrosPerMonth, HOUR, 2))).collect();
    for take in &mut takes {
        assert!(
            !poll_once(take.as_mut()),
            "an exchange is done while another process has the file"
        );
    }
    stranger.batch_execute("COMMIT").unwrap();
    for (taken, take) in (1..).zip(takes) {
        assert_eq!(take.await, 2 * taken);
    }
    let commits = notebook.store.commits() - before;
    assert!((1..=2).contains(&commits), "{commits} commits");
}

#[tokio::test]
async fn a_write_whose_caller_has_gone_is_done_all_the_same() {
    let notebook = Notebook::open();
    let conversation = notebook.conversation_of(Vec::new()).await;
    for text in ["a", "b", "c"] {
        let items = vec![notebook.item(text)];
        let mut write =
            Box::pin(notebook.store.append_items(&notebook.scope, conversation, items, NOW, None));
        poll_once(write.as_mut());
    }
    notebook.store.ping().await.unwrap();
    assert_eq!(notebook.reopen().texts(conversation).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_read_whose_caller_has_gone_harms_nobody() {
    let notebook = Notebook::open();
    let conversation = notebook.conversation_of(notebook.items(&["a"])).await;
    for _ in 0..100 {
        let mut read = Box::pin(notebook.store.conversation(&notebook.scope, conversation));
        poll_once(read.as_mut());
    }
    assert_eq!(notebook.texts(conversation).await, ["a"]);
}

#[tokio::test]
async fn a_write_that_was_never_asked_for_its_result_is_not_done() {
    let notebook = Notebook::open();
    let conversation = notebook.conversation_of(Vec::new()).await;
    let items = vec![notebook.item("a")];
    drop(notebook.store.append_items(&notebook.scope, conversation, items, NOW, None));
    notebook.store.ping().await.unwrap();
    assert!(notebook.texts(conversation).await.is_empty());
}

#[tokio::test]
async fn a_store_that_is_dropped_does_what_is_queued() {
    let notebook = Notebook::open();
    let conversation = notebook.conversation_of(Vec::new()).await;
    let items = notebook.items(&["a"]);
    let mut write =
        Box::pin(notebook.store.append_items(&notebook.scope, conversation, items, NOW, None));
    poll_once(write.as_mut());
    drop(write);
    assert_eq!(notebook.reopen().texts(conversation).await, ["a"]);
}

#[tokio::test]
async fn a_full_queue_is_unavailable_while_reads_go_on() {
    let notebook = Notebook::open_with(|options| {
        options.with_queue(NonZeroUsize::MIN).with_patience(Duration::ZERO).with_busy_timeout(HOUR)
    });
    let conversation = notebook.conversation_of(Vec::new()).await;
    let mut stranger = notebook.hold();
    let mut writes = JoinSet::new();
    // One is held by the writer and one by the queue.
    for _ in 0..3 {
        let (store, scope) = (Arc::clone(&notebook.store), notebook.scope.clone());
        let items = vec![notebook.item("x")];
        writes
            .spawn(async move { store.append_items(&scope, conversation, items, NOW, None).await });
    }
    let refused = writes.join_next().await.unwrap().unwrap();
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(notebook.texts(conversation).await.is_empty());
    stranger.batch_execute("COMMIT").unwrap();
    let others = writes.join_all().await;
    let stored = others.iter().filter(|write| write.is_ok()).count();
    assert!(stored >= 1, "{others:?}");
    assert_eq!(notebook.texts(conversation).await.len(), stored);
}

#[tokio::test]
async fn a_file_that_another_process_holds_is_unavailable_for_that_time_only() {
    let notebook = Notebook::open_with(|options| options.with_busy_timeout(Duration::ZERO));
    let conversation = notebook.conversation_of(Vec::new()).await;
    let append = || {
        let items = vec![notebook.item("x")];
        notebook.store.append_items(&notebook.scope, conversation, items, NOW, None)
    };
    let mut stranger = notebook.hold();
    let held = append().await;
    assert!(matches!(held, Err(StoreError::Unavailable(_))), "{held:?}");
    assert!(matches!(notebook.store.ping().await, Err(StoreError::Unavailable(_))));
    stranger.batch_execute("COMMIT").unwrap();
    append().await.unwrap();
    notebook.store.ping().await.unwrap();
}
