//! HTTP/1.1 to one endpoint and to nobody else: what a provider's wire, and whoever else asks a
//! configured server for something, stands on.
//!
//! One [`HttpClient`] is made for one [`BaseUrl`] and holds its pool of connections and the headers
//! that every request carries. [`HttpClient::post`] and [`HttpClient::get`] return the head and a
//! [`Body`] that is read piece by piece; [`HttpClient::fetch`] reads a small document whole, within
//! [`Bounds`].
//!
//! **Invariant**: a request goes to the configured scheme, host and port, or it is not sent. A
//! redirect is an answer like any other and is never followed; no proxy is taken from the
//! environment; nothing is read without a bound; no key, no URL and no payload is in an error or in
//! a `Debug` text. This crate knows no provider and no wire, and runs nothing in the background but
//! the connections that it keeps.

mod base_url;
mod body;
mod client;
mod connector;
mod error;

pub use base_url::BaseUrl;
pub use body::Body;
pub use client::{Bounds, HttpClient, secret_header};
pub use error::{FetchError, OptionsError, ReadError, SendError};
