//! Loquat as its users meet it: the real binary, clients on raw sockets, the official SDKs, and a
//! provider that says exactly what a test tells it to.
//!
//! The program must have been built before: `cargo build`, or `scripts/test`, which builds
//! everything. A test that does not find it, or finds one that is older than its sources, fails.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what a test relies on and does not find is the test's failure"
)]

mod bill;
mod crash;
mod disconnect;
mod endings;
mod examples;
mod harness;
mod identity;
mod main_job;
mod privacy;
mod sdk;
mod shown_is_stored;
mod slow_reader;
mod start;
mod tenancy;
mod torture;
