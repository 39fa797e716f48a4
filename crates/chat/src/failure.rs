//! What a caller may know of a provider's failure.

use loquat_domain::{Failure, FailureCode};
use loquat_provider::ProviderError;

/// A provider's error as a caller of ours may know it.
pub(crate) fn failure(error: &ProviderError) -> Failure {
    let (code, message) = match error {
        ProviderError::Busy => (
            FailureCode::RateLimitExceeded,
            "too many requests wait for the model's provider; try again in a moment",
        ),
        ProviderError::RateLimited { .. } => (
            FailureCode::RateLimitExceeded,
            "the model's provider asks to slow down; try again a little later",
        ),
        ProviderError::Unavailable(_)
        | ProviderError::Disconnected(_)
        | ProviderError::Resting { .. } => (
            FailureCode::ProviderUnavailable,
            "the model's provider cannot be reached; try again a little later",
        ),
        ProviderError::ConnectTimeout => (
            FailureCode::ProviderConnectTimeout,
            "the model's provider did not accept the connection in time; try again",
        ),
        ProviderError::FirstTokenTimeout => (
            FailureCode::ProviderFirstTokenTimeout,
            "the model produced nothing in time; try again",
        ),
        ProviderError::IdleTimeout => (
            FailureCode::ProviderIdleTimeout,
            "the model stopped in the middle of its answer; what came is stored",
        ),
        ProviderError::Authentication => (
            FailureCode::ProviderAuthentication,
            "the model's provider refused this server's credentials; tell its operator",
        ),
        ProviderError::AccountEmpty => (
            FailureCode::ProviderAuthentication,
            "the model's provider does not serve this server's account; tell its operator",
        ),
        ProviderError::Inexpressible => (
            FailureCode::ProviderRejected,
            "the model cannot do what the request asks for; change it, or ask another model",
        ),
        ProviderError::Rejected { .. } => (
            FailureCode::ProviderRejected,
            "the model's provider refused the request; change it before you try again",
        ),
        ProviderError::ContextLengthExceeded => (
            FailureCode::ContextLengthExceeded,
            "the prompt is too long for the model; shorten the new items or the instructions",
        ),
        ProviderError::Protocol(_) => (
            FailureCode::ProviderProtocol,
            "the model's provider answered in a form that is not its protocol",
        ),
        ProviderError::Failed => (
            FailureCode::ProviderError,
            "the model's provider reported an error; what came before is stored",
        ),
    };
    Failure { code, message: message.to_owned() }
}
