//! Does the cost of a call grow with what there is already? Prints a table for
//! `docs/performance.md`. The file is made in the directory of the first argument, which should be
//! on a real disk; else in the working directory.

use std::path::PathBuf;

use loquat_store_sqlite::{SqliteOptions, SqliteStore};
use loquat_testkit::flatness::flatness;

/// Entries of the large one of each pair.
const MANY: usize = 100_000;

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let parent = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let directory = tempfile::tempdir_in(parent)?;
    let store = SqliteStore::open(&SqliteOptions::new(directory.path().join("flat.db")))?;
    println!("| SQLite | with 10 | with {MANY} | times |\n|---|---|---|---|");
    for cost in flatness(&store, MANY).await {
        println!("{cost}");
    }
    Ok(())
}
