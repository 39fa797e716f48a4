//! The store on a Postgres of its own: what every store does, and what only this one can do wrong.

mod concurrency;
mod conformance;
mod database;
mod migrations;
mod notebook;
mod plans;

mod policies;
mod restarts;
mod round_trips;
mod tls;
