//! The file itself.

use std::{fs, time::Duration};

use diesel::connection::SimpleConnection;
use loquat_store::{HistoryStart, Reach, StaleTurn, StoreError, TurnHome, TurnStore, Upkeep};
use loquat_store_sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

use crate::notebook::{HOUR, Notebook, at_leaf};

#[tokio::test]
async fn what_was_stored_is_there_after_a_restart() {
    let notebook = Notebook::open();
    let id = notebook.conversation_of(notebook.items(&["a"])).await;
    let leaf = notebook
        .store
        .history(&notebook.scope, HistoryStart::Conversation(id), Reach::tokens(1))
        .await
        .unwrap();
    let (response, _) = notebook.begin(at_leaf(id, leaf.head.leaf), "b", HOUR).await.unwrap();
    let notebook = notebook.reopen();
    notebook.finish(response, "c").await;
    assert_eq!(notebook.reopen().texts(id).await, ["a", "b", "c"]);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_what_people_said() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let directory = TempDir::new().unwrap();
    let data = directory.path().join("state/loquat");
    let store = SqliteStore::open(&SqliteOptions::new(data.join("loquat.sqlite"))).unwrap();
    store.ping().await.unwrap();
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 3, "the log and its index lie beside the file: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn several_processes_may_start_on_a_new_file_together() {
    let directory = TempDir::new().unwrap();
    let options = SqliteOptions::new(directory.path().join("loquat.sqlite"));
    std::thread::scope(|threads| {
        let started: Vec<_> =
            (0..4).map(|_| threads.spawn(|| SqliteStore::open(&options).map(drop))).collect();
        for thread in started {
            thread.join().unwrap().unwrap();
        }
    });
    SqliteStore::migrate(&options).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("diary.txt");
    let diary = "Dear diary, ".repeat(100);
    fs::write(&path, &diary).unwrap();
    let opened = SqliteStore::open(&SqliteOptions::new(&path));
    assert!(matches!(opened, Err(StoreError::Internal(_))), "{opened:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), diary);
}

#[test]
fn a_place_that_cannot_be_written_is_unavailable() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let opened = SqliteStore::open(&SqliteOptions::new(file.join("loquat.sqlite")));
    assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{opened:?}");
}

#[test]
fn a_name_that_sqlite_would_read_as_more_than_a_name_is_a_name() {
    let directory = TempDir::new().unwrap();
    for name in ["file:x?mode=memory", ":memory:", "a%41?b#c"] {
        let path = directory.path().join(name);
        SqliteStore::migrate(&SqliteOptions::new(&path)).unwrap();
        assert!(fs::metadata(&path).unwrap().len() > 0, "{name} is empty");
    }
}

#[tokio::test]
async fn a_stale_turn_that_cannot_be_read_is_named_and_can_be_ended() {
    let notebook = Notebook::open();
    let home = TurnHome::New { conversation: notebook.new_conversation(), listed: true };
    let (response, _) = notebook.begin(home, "a", Duration::ZERO).await.unwrap();
    let broken = "UPDATE responses SET settings = '{\"v\":9}', metadata = '[]', status = 'odd'";
    notebook.stranger().batch_execute(broken).unwrap();
    let stale = notebook.store.stale_turns(10).await.unwrap();
    assert_eq!(stale, [StaleTurn { scope: notebook.scope.clone(), response: response.id }]);
    let read = notebook.store.response(&notebook.scope, response.id).await;
    assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{read:?}");
    notebook.finish(response, "b").await;
    assert_eq!(notebook.store.stale_turns(10).await.unwrap(), []);
}

#[tokio::test]
async fn a_value_that_this_version_cannot_read_names_its_column() {
    let notebook = Notebook::open();
    let id = notebook.conversation_of(notebook.items(&["a"])).await;
    notebook.stranger().batch_execute("UPDATE items SET content = '{\"v\":9}'").unwrap();
    let read = notebook
        .store
        .history(&notebook.scope, HistoryStart::Conversation(id), Reach::tokens(1))
        .await;
    assert!(matches!(read, Err(StoreError::Corrupt { column: "content" })), "{read:?}");
}
