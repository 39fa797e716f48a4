//! The store from outside: the conformance suite, and what is SQLite's own.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test panics where the store is wrong"
)]

mod conformance;
