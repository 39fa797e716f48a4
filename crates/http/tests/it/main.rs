//! What the HTTP edge does, seen from outside it: over a store in memory and models that are played.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail at the spot"
)]

mod chat_stream;
mod completions;
mod conversations;
mod docs;
mod errors;
mod faults;
mod fields;
mod hostile;
mod logs;
mod openapi;
mod ownership;
mod paging;
mod responses;
mod routing;
mod server;
mod shapes;
mod stage;
