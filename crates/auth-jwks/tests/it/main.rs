//! What becomes of tokens whose issuer publishes its keys, whatever the issuer does.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod documents;
mod faults;
mod forgeries;
mod refresh;
mod stage;
