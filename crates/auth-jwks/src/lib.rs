//! The keys that an issuer signs with, as it publishes them: [`Jwks`] is a
//! [`KeySource`](loquat_auth::KeySource) that fetches a set of JSON web keys (RFC 7517) from a URL, or
//! from where the issuer's `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0) says,
//! and fetches it again from time to time.
//!
//! - One task fetches, so there is never more than one fetch at a time; requests only ask for one.
//! - What requests ask for comes at most once in [`COOL_DOWN`], whatever the keys are and whatever
//!   became of the fetch before: a flood of tokens with made-up key ids costs the issuer no more than
//!   one such token.
//! - A token whose key is known never waits. One whose key is unknown waits for the fetch that it
//!   asked for, [`PATIENCE`] at most, and no more than [`MAX_WAITING`] tokens do so at a time.
//! - A fetch that fails, in whatever way, changes nothing: the last good keys stay, for [`STALE_AFTER`]
//!   at most. Before the first good ones nobody is told that a token is wrong, but that it cannot be
//!   told.
//! - Between fetches lie five minutes, or what the issuer's `Cache-Control: max-age` says within
//!   [`FRESH`]; so a key that the issuer no longer publishes is believed no longer than that.
//!
//! **Invariant**: nothing of a token chooses where keys come from. Keys are public ones only, and each
//! is pinned to an algorithm that the configuration allows. This crate reads no payload of any token,
//! no file and no environment; it writes no key and no URL into a log.

mod fetch;
mod jwks;
mod key_set;
mod location;
mod refresh;

pub use fetch::{Document, Fetch, FetchError, HttpFetch, MAX_DOCUMENT_BYTES, MAX_FETCH_TIME};
pub use jwks::{Jwks, JwksError, MAX_WAITING, PATIENCE, Unknown};
pub use key_set::KeySetError;
pub use location::{KeyLocation, LocationError};
pub use refresh::{COOL_DOWN, FRESH, STALE_AFTER};
