//! How a provider fails.

use std::time::Duration;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a provider did not answer, or not to the end.
///
/// The variants are what a caller can do about it. The driver's own error travels as the source
/// for the operator's log and is never part of the text; a provider's words are kept nowhere,
/// because they may repeat the prompt or the key.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Too many requests; may be tried again after the given time.
    #[error("the provider asks to slow down")]
    RateLimited {
        /// How long the provider wants us to wait, if it said.
        retry_after: Option<Duration>,
    },
    /// Cannot be reached, or says that it is broken or overloaded; may be tried again.
    #[error("the provider is unavailable")]
    Unavailable(#[source] Option<Source>),
    /// The connection was not accepted in time; may be tried again.
    #[error("the provider did not accept the connection in time")]
    ConnectTimeout,
    /// Nothing came in time after the request was sent.
    #[error("the provider produced nothing in time")]
    FirstTokenTimeout,
    /// The answer stopped in the middle for too long.
    #[error("the provider stopped in the middle of its answer")]
    IdleTimeout,
    /// Our credentials were refused: for the operator to mend.
    #[error("the provider refused the configured credentials")]
    Authentication,
    /// Our account at the provider has no money left: for the operator to mend.
    #[error("the account at the provider is empty")]
    AccountEmpty,
    /// More calls wait for the provider than may, or have waited too long. Nobody was called.
    #[error("too many calls wait for the provider")]
    Busy,
    /// The provider's last calls failed, and it is left alone for so long. Nobody was called.
    #[error("the provider is left alone after failures")]
    Resting {
        /// Until it is tried again.
        retry_after: Duration,
    },
    /// The endpoint's wire, or no model that may be asked, has words for the request. Nobody was
    /// called.
    #[error("the request cannot be put in the provider's words")]
    Inexpressible,
    /// The request was refused as it stands; trying again changes nothing.
    #[error("the provider refused the request (status {status})")]
    Rejected {
        /// The HTTP status with which it was refused.
        status: u16,
    },
    /// By the provider's own count the prompt is too long: shorten it.
    #[error("the prompt is too long for the model")]
    ContextLengthExceeded,
    /// The provider's bytes are not the protocol that they should be.
    #[error("the provider broke its protocol: {0}")]
    Protocol(&'static str),
    /// The provider reported an error in the middle of its answer.
    #[error("the provider reported an error in its answer")]
    Failed,
    /// The connection broke in the middle of the answer.
    #[error("the provider's connection broke")]
    Disconnected(#[source] Option<Source>),
}

impl ProviderError {
    /// The failure's name for programs, receipts and logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable(_) => "unavailable",
            Self::ConnectTimeout => "connect_timeout",
            Self::FirstTokenTimeout => "first_token_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::Authentication => "authentication",
            Self::AccountEmpty => "account_empty",
            Self::Busy => "busy",
            Self::Resting { .. } => "resting",
            Self::Inexpressible => "inexpressible",
            Self::Rejected { .. } => "rejected",
            Self::ContextLengthExceeded => "context_length_exceeded",
            Self::Protocol(_) => "protocol",
            Self::Failed => "failed",
            Self::Disconnected(_) => "disconnected",
        }
    }

    /// When to come again, if the provider said, or if it is known of it.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => *retry_after,
            Self::Resting { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// True when the same request may succeed a moment later, as long as no content has come.
    pub const fn may_be_retried(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Unavailable(_)
                | Self::ConnectTimeout
                | Self::FirstTokenTimeout
                | Self::Disconnected(_)
        )
    }
}
