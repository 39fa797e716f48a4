//! The store on a Postgres of its own: what every store does, and what only this one can do wrong.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test panics where the store is wrong"
)]

mod access;
mod concurrency;
mod conformance;
mod database;
mod exchanges;
mod injection;
mod ledger;
mod migrations;
mod model;
mod notebook;
mod plans;
mod policies;
mod restarts;
mod round_trips;
mod tls;
mod upgrade;
