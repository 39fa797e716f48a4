//! What the HTTP edge does, seen from outside it: over a store in memory and models that are played.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail at the spot"
)]

mod api;
mod errors;
mod openapi;
mod stage;
