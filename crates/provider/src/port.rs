//! The port.

use async_trait::async_trait;
use futures::stream::BoxStream;
use loquat_domain::Usage;

use crate::{ChatRequest, Choice, ProviderError};

/// A model's answer as it is produced.
///
/// The order is: content events, then [`ProviderEvent::Finished`] once, then at most one
/// [`ProviderEvent::Usage`], then the end. A stream that ends without `Finished` was cut off. After
/// an error nothing follows.
pub type AnswerStream = BoxStream<'static, Result<ProviderEvent, ProviderError>>;

/// One step of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderEvent {
    /// A piece of the answer; never empty.
    Text(String),
    /// A piece of a refusal; never empty.
    Refusal(String),
    /// A piece of the model's thoughts; never empty.
    Reasoning(String),
    /// A piece of the provider's summary of the thoughts.
    ReasoningSummary {
        /// Tells the parts of one summary apart; rises.
        part: u32,
        /// The piece; never empty.
        delta: String,
    },
    /// The provider's sealed form of the thoughts that were just told, whole, to be sent back as it
    /// came; also of thoughts of which nothing was told. It ends them: what is told of thoughts
    /// afterwards are others.
    ReasoningSealed(String),
    /// The model begins to ask for a function.
    ToolCallStarted {
        /// Tells the calls of one answer apart.
        index: u32,
        /// Ties the call to its output.
        call_id: String,
        /// The function's name.
        name: String,
    },
    /// A piece of a call's arguments; never empty.
    ToolCallArguments {
        /// Which call.
        index: u32,
        /// The piece.
        delta: String,
    },
    /// The model has said why it stopped.
    Finished(FinishReason),
    /// What the answer used, by the provider's count.
    Usage(Usage),
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It waits for the outputs of the functions that it asked for.
    ToolCalls,
    /// It reached its limit of tokens.
    Length,
    /// The provider's filter stopped it.
    ContentFilter,
}

/// A model behind whatever wire it speaks.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait ChatProvider: Send + Sync + 'static {
    /// Starts an answer and returns once the provider has accepted the request.
    ///
    /// Dropping the future or the stream cancels the work upstream; an implementation must not
    /// detach it. At most one event is held ahead of the reader beside what one read from the
    /// socket brought, so memory is bounded by the largest read. An implementation may try
    /// again by itself until the first content event, never after it.
    ///
    /// # Errors
    ///
    /// [`ProviderError`] when the request was not accepted; nothing of the answer exists then.
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError>;

    /// Whom [`start`](Self::start) would ask at this moment, without asking; `None` for a provider
    /// that answers itself.
    fn choose(&self, request: &ChatRequest) -> Option<Choice> {
        let _ = request;
        None
    }
}
