//! The mock and the load generator as an operator runs them: as processes, over sockets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail where it stands"
)]

mod backend;
mod cancellation;
mod history;
mod load;
mod mock;
mod playground;
