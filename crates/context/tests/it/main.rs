//! What the crate promises, seen from outside.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "these are tests: they panic where the product is wrong"
)]

mod adversarial;
mod engine;
mod journey;
mod naive;
mod properties;
mod recall;
mod search;
mod seen_to_fail;
mod work;
