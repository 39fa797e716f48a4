//! The port to a model: what is asked ([`ChatRequest`]), what comes back ([`ProviderEvent`]), how it
//! fails ([`ProviderError`]), and [`EchoProvider`], the model that needs nothing.
//!
//! A provider may be made of others, among which it chooses. For that a request says also on whose
//! behalf it is made ([`About`]), and whoever asks others leaves a [`Trail`].
//!
//! **Invariant**: this crate knows no store and no wire. A provider is handed everything that the
//! model shall see, and remembers nothing of it.

mod echo;
mod error;
mod port;
mod request;
mod trail;

pub use echo::EchoProvider;
pub use error::ProviderError;
#[cfg(feature = "mock")]
pub use port::MockChatProvider;
pub use port::{AnswerStream, ChatProvider, FinishReason, ProviderEvent};
pub use request::{About, ChatRequest};
pub use trail::{Attempt, AttemptOutcome, Choice, Trail};
