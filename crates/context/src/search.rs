//! Finds the turns of an old conversation that a new message is about, by their words alone.
//!
//! What has left the window is kept as *segments*: immutable blobs made by [`index`], each of a
//! run of turns, with hashes in place of words. [`search`] scores the turns of all segments of a
//! conversation together, so that how the turns are split makes no difference: BM25, and then
//! *dialogue smoothing*, by which a turn borrows from its neighbours and from the best turn of its
//! session. The answer to a question need not repeat the question's words. [`asks`] and
//! [`Search::known_terms`] say whether a message is worth a search at all.
//!
//! **Invariant**: pure and total. The same query and segments give the same hits, byte for byte,
//! on every platform; bytes that are no segment give a [`DamagedSegment`], whatever they are.
//!
//! What a word becomes at rest is decided in `terms`, `stem` and `stop_words`, and is part of a
//! segment's format: a change there needs a new version. What words are taken for the same or for
//! related (`vocabulary`) is applied to the query alone and may change at any time.

mod checksum;
mod gate;
mod query;
mod rank;
mod segment;
mod stem;
mod stop_words;
mod terms;
mod varint;
mod vocabulary;

pub use gate::asks;
pub use query::Query;
pub use rank::{Hit, SCORE_ONE, Search, search};
pub use segment::{DamagedSegment, Entry, index};
