//! What every store does.

use loquat_store_sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;

/// An empty store, and the directory that it lies in.
fn empty_store() -> (SqliteStore, TempDir) {
    let directory = TempDir::new().unwrap();
    let options = SqliteOptions::new(directory.path().join("loquat.sqlite"));
    (SqliteStore::open(&options).unwrap(), directory)
}

loquat_testkit::store_conformance!(async { empty_store() });
