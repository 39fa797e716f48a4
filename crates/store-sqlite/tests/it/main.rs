//! The store from outside: the conformance suite, and what is SQLite's own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test panics where the store is wrong"
)]

mod bill;
mod concurrency;
mod conformance;
mod file;
mod notebook;
mod plans;
mod upgrade;
