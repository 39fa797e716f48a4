//! Opens the database, or says in one sentence why that cannot be.

use std::{error::Error, iter::successors, path::Path};

use loquat_store::StoreError;
use loquat_store_sqlite::{SqliteOptions, SqliteStore};

use crate::config::Faults;

/// Opens the file, makes it where there is none, and brings it to this version's tables.
pub(crate) fn open(file: &Path) -> Result<SqliteStore, Faults> {
    SqliteStore::open(&SqliteOptions::new(file)).map_err(|error| fault(file, &error))
}

/// Brings the file to this version's tables.
pub(crate) fn migrate(file: &Path) -> Result<(), Faults> {
    SqliteStore::migrate(&SqliteOptions::new(file)).map_err(|error| fault(file, &error))
}

fn fault(file: &Path, error: &StoreError) -> Faults {
    let causes = successors(error.source(), |error| (*error).source());
    let cause = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
    // One line a fault, also when SQLite has more to say.
    let cause = cause.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = format!("the database {} cannot be opened: {cause}", file.display());
    Faults::of("database.url", text)
}
