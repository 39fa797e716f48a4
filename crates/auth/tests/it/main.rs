//! Which tokens are believed, and that all others are refused alike.
//!
//! Each table is in view in its test. A row that must be refused also names the reason, so that
//! it cannot be refused by accident for another one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod algorithms;
mod claims;
mod confusion;
mod forge;
mod headers;
mod issuers;
mod key_files;
mod mapping;
mod minting;
mod secrets;
mod shapes;
mod times;
