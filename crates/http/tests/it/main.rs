//! What the HTTP edge does, seen from outside it: over a store in memory and models that are played.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail at the spot"
)]

mod access;
mod administration;
mod background;
mod branches;
mod chat_stream;
mod compact;
mod completions;
mod context;
mod conversations;
mod docs;
mod errors;
mod faults;
mod fields;
mod hostile;
mod idempotency;
mod limits;
mod logs;
mod long_conversation;
mod openapi;
mod ownership;
mod paging;
mod responses;
mod resume;
mod routing;
mod server;
mod shapes;
mod stage;
mod thoughts;
mod usage;
