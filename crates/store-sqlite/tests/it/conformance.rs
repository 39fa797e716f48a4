//! What every store does.

use loquat_store_sqlite::{SqliteOptions, SqliteStore};
use loquat_testkit::{store_conformance::Store, store_model::Durable};
use tempfile::TempDir;

fn open(directory: &TempDir) -> SqliteStore {
    SqliteStore::open(&SqliteOptions::new(directory.path().join("loquat.sqlite"))).unwrap()
}

/// An empty store, and the directory that it lies in.
fn empty_store() -> (SqliteStore, TempDir) {
    let directory = TempDir::new().unwrap();
    (open(&directory), directory)
}

loquat_testkit::store_conformance!(async { empty_store() });

/// A file, and the store that has it open.
struct Reopened {
    store: Option<SqliteStore>,
    directory: TempDir,
}

#[async_trait::async_trait]
impl Durable for Reopened {
    fn store(&self) -> &dyn Store {
        self.store.as_ref().unwrap()
    }

    async fn reopen(mut self) -> Self {
        self.store = None;
        self.store = Some(open(&self.directory));
        self
    }
}

loquat_testkit::store_model!(async {
    let (store, directory) = empty_store();
    Reopened { store: Some(store), directory }
});
