//! What providers over HTTP share, whatever their wire says: the reader of server-sent events, the
//! machine that leads one answer from its first attempt to its last event with its time limits and
//! retries, what an endpoint's "no" means, and the repair of text that is not quite text.
//!
//! A provider brings a [`Wire`]: how a request is written, how a frame becomes events
//! ([`Translator`]), and, where it differs from what most do, how an error is read. [`HttpProvider`]
//! makes a [`ChatProvider`](loquat_provider::ChatProvider) of it. Nothing runs in the background: an
//! answer that is dropped frees its endpoint at once.
//!
//! **Invariant**: this crate knows no provider's fields. What an endpoint says in an error is read,
//! classified and forgotten; nothing of it is in an error, a log or a `Debug` text. Nothing is asked
//! twice once an answer's first event is out.

mod answer;
mod credentials;
mod error_report;
mod limits;
mod pieces;
mod provider;
mod refusal;
mod retry;
mod seal;
mod sse;
mod text;
mod wire;

pub use credentials::Credentials;
pub use error_report::ErrorReport;
pub use limits::Limits;
pub use pieces::{Channel, Pieces};
pub use provider::HttpProvider;
pub use refusal::Refusal;
pub use retry::Pause;
pub use seal::Seal;
pub use sse::Frame;
pub use text::{Seam, WireText};
pub use wire::{Outgoing, Said, Translator, Wire};
