//! The store on a Postgres of its own: what every store does, and what only this one can do wrong.

mod conformance;
mod database;
