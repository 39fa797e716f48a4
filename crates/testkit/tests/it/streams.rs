//! A checker is trusted after it was seen to refuse: each accepts a right transcript and refuses
//! every small change of it.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests panic where a test would"
)]

mod chat;
mod completions;
mod mutate;
mod responses;
