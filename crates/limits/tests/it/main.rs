//! The limiter over the store that keeps everything in memory.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod exact;
mod failures;
mod periods;
mod portions;
mod random;
mod settings;
mod streams;
mod support;
