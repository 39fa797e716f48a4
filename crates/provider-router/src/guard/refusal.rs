//! Why a call is not made.

use std::time::Duration;

use loquat_provider::ProviderError;

/// Why a provider is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its last calls failed, and it is tried again after so long; at once, where it is being tried.
    #[error("the provider's last calls failed")]
    CircuitOpen(Duration),
    /// Its last call failed, and there is another to ask.
    #[error("the provider's last call failed")]
    InDoubt,
    /// It asked to be left alone for so long.
    #[error("the provider asked to wait")]
    AskedToWait(Duration),
    /// As many calls wait for a place as may.
    #[error("too many calls wait for the provider")]
    QueueFull,
    /// No place became free in time.
    #[error("no place at the provider became free in time")]
    QueueTimeout,
}

impl Refusal {
    /// The refusal's name for programs, receipts and logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CircuitOpen(_) => "circuit_open",
            Self::InDoubt => "in_doubt",
            Self::AskedToWait(_) => "asked_to_wait",
            Self::QueueFull => "queue_full",
            Self::QueueTimeout => "queue_timeout",
        }
    }

    /// When it is worth to come again. Of several refusals the one with the shortest wait is told.
    pub(crate) const fn wait(&self) -> Duration {
        match self {
            Self::QueueFull | Self::QueueTimeout => Duration::ZERO,
            Self::CircuitOpen(wait) | Self::AskedToWait(wait) => *wait,
            // Whoever was asked instead has more to say.
            Self::InDoubt => Duration::MAX,
        }
    }
}

impl From<Refusal> for ProviderError {
    /// What a caller is told when nobody else was there to ask.
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::AskedToWait(time) => Self::RateLimited { retry_after: Some(time) },
            Refusal::CircuitOpen(time) => Self::Resting { retry_after: time },
            Refusal::QueueFull | Refusal::QueueTimeout => Self::Busy,
            // There is always another then.
            Refusal::InDoubt => Self::Unavailable(Some(Box::new(refusal))),
        }
    }
}
