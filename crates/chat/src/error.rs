//! How a use case fails.

use std::time::Duration;

use loquat_context::ContextError;
use loquat_domain::{Failure, ResponseId};
use loquat_limits::{LimitError, Standing};
use loquat_store::StoreError;

use crate::SummaryError;

/// What a caller named and does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The conversation.
    Conversation,
    /// The item.
    Item,
    /// The response.
    Response,
    /// The response that a new one shall continue.
    PreviousResponse,
    /// The branch.
    Branch,
    /// The model.
    Model,
    /// The limit that was set.
    Limit,
    /// The revocation of an access.
    Revocation,
}

/// Why a use case failed, as the decisions that its caller can take.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// The scope has no such thing.
    #[error("no such {0:?}")]
    NotFound(Missing),
    /// A field has a value that cannot be used. Nothing was stored.
    #[error("{param}: {message}")]
    Invalid {
        /// The field's name on the wire.
        param: &'static str,
        /// What is wrong with it and what would be right.
        message: String,
    },
    /// Text that no store can keep. Nothing was stored.
    #[error("{param}: text must not contain the NUL character")]
    InvalidText {
        /// The field's name on the wire.
        param: &'static str,
    },
    /// The page's `after` is no entry of that list.
    #[error("the cursor is no entry of this list")]
    CursorNotFound,
    /// A turn is running in the conversation; try again when it has ended.
    #[error("a turn is running in the conversation")]
    Locked,
    /// The response that a new one shall continue is still in progress.
    #[error("the previous response is still in progress")]
    PreviousRunning,
    /// The same request is being answered at this moment. The response can be followed, unless it
    /// is one that nobody can name.
    #[error("the same request is being answered already")]
    BeingAnswered(Option<ResponseId>),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// As many turns wait in the background as may; try again later.
    #[error("too many turns are waiting")]
    QueueFull,
    /// The prompt does not fit the model's window. Nothing was stored.
    #[error(transparent)]
    Context(ContextError),
    /// A limit is reached. Nothing was stored.
    #[error("a limit is reached: {}", .standing.key.meter.as_str())]
    LimitReached {
        /// Which, and how much is left of it.
        standing: Standing,
        /// When to try again; `None` where it is no use, because the whole limit is less than what
        /// was asked for.
        retry_after: Option<Duration>,
    },
    /// The access of whoever asks is revoked, perhaps since their turn was accepted.
    #[error("access is revoked")]
    AccessRevoked,
    /// The process has just begun, and the store cannot tell yet whose access is revoked.
    #[error("whose access is revoked is not known yet")]
    AccessUnknown,
    /// The server is being stopped; try again at another instance or a moment later.
    #[error("the server is being stopped")]
    ShuttingDown,
    /// The turn was accepted and failed before its answer began. The response is stored as failed.
    #[error("the turn failed: {}", .failure.code)]
    Failed {
        /// How.
        failure: Failure,
        /// When to try again, if the provider said. Who asks for the same turn again later is not
        /// told: the wait is over, or nobody knows.
        retry_after: Option<Duration>,
    },
    /// The turn was stopped before its answer began. The response is stored as cancelled.
    #[error("the turn was stopped before its answer began")]
    Stopped,
    /// The model that was asked for a summary gave none.
    #[error(transparent)]
    Summary(SummaryError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// A fault of our own.
    #[error("the work ended without a result")]
    Internal,
}

impl From<LimitError> for ChatError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Reached { standing, retry_after } => {
                Self::LimitReached { standing, retry_after }
            }
            LimitError::Store(error) => Self::Store(error),
        }
    }
}

impl ChatError {
    /// The store's failure, where absence means that `missing` is not there.
    pub(crate) fn from_store(error: StoreError, missing: Missing) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound(missing),
            StoreError::CursorNotFound => Self::CursorNotFound,
            StoreError::Locked => Self::Locked,
            other => Self::Store(other),
        }
    }
}
