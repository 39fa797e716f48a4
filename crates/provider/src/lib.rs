//! The port to a model: what is asked ([`ChatRequest`]), what comes back ([`ProviderEvent`]), how it
//! fails ([`ProviderError`]), and [`EchoProvider`], the model that needs nothing.
//!
//! **Invariant**: this crate knows no conversation, no tenant, no store and no wire. A provider is
//! handed everything that the model shall see, and remembers nothing.

mod echo;
mod error;
mod port;
mod request;

pub use echo::EchoProvider;
pub use error::ProviderError;
#[cfg(feature = "mock")]
pub use port::MockChatProvider;
pub use port::{AnswerStream, ChatProvider, FinishReason, ProviderEvent};
pub use request::ChatRequest;
