//! Every code that an error can have, as data.

use std::fmt;

use actix_web::http::StatusCode;
use loquat_domain::FailureCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $status:literal $variant:ident = $code:literal;)+) => {
        /// What went wrong, in the word that a program decides by.
        ///
        /// `docs/errors.md` says of each when it comes and what to do about it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The HTTP status that it comes with, as long as the answer has not begun.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }
        }
    };
}

codes! {
    /// The body is not one JSON document, or a key comes twice in an object.
    400 InvalidJson = "invalid_json";
    /// A value has the wrong JSON type.
    400 InvalidType = "invalid_type";
    /// A value has the right type and cannot be used.
    400 InvalidValue = "invalid_value";
    /// A field that must be there is not.
    400 MissingRequiredParameter = "missing_required_parameter";
    /// A field that the caller may not set.
    400 UnknownParameter = "unknown_parameter";
    /// A field that is known in the field and that this server cannot honour.
    400 UnsupportedParameter = "unsupported_parameter";
    /// Text with the NUL character, which no store can keep.
    400 InvalidText = "invalid_text";
    /// The `after` of a page is no entry of that list.
    400 InvalidCursor = "invalid_cursor";
    /// The header `Idempotency-Key` is not what a key can be.
    400 InvalidIdempotencyKey = "invalid_idempotency_key";
    /// The prompt does not fit the model's window.
    400 ContextLengthExceeded = "context_length_exceeded";
    /// The provider refused the request as it stands.
    400 ProviderRejected = "provider_rejected";
    /// There is no token, or it is not believed.
    401 InvalidToken = "invalid_token";
    /// The token does not grant what is needed.
    403 InsufficientScope = "insufficient_scope";
    /// The caller has no such conversation.
    404 ConversationNotFound = "conversation_not_found";
    /// The caller's conversation has no such item.
    404 ItemNotFound = "item_not_found";
    /// The caller has no such response.
    404 ResponseNotFound = "response_not_found";
    /// The caller has no response of that id to continue.
    404 PreviousResponseNotFound = "previous_response_not_found";
    /// The caller's conversation has no such branch.
    404 BranchNotFound = "branch_not_found";
    /// No such model is configured.
    404 ModelNotFound = "model_not_found";
    /// No such limit was set.
    404 LimitNotFound = "limit_not_found";
    /// No such access is revoked.
    404 RevocationNotFound = "revocation_not_found";
    /// No such path.
    404 RouteNotFound = "route_not_found";
    /// The path is there, the method is not.
    405 MethodNotAllowed = "method_not_allowed";
    /// None of the formats that the caller accepts is offered.
    406 NotAcceptable = "not_acceptable";
    /// The body did not arrive in time.
    408 RequestTimeout = "request_timeout";
    /// A turn is running in the conversation.
    409 ConversationLocked = "conversation_locked";
    /// The conversation moved on while the turn was being started.
    409 ConversationChanged = "conversation_changed";
    /// The response to be continued has not ended yet.
    409 PreviousResponseInProgress = "previous_response_in_progress";
    /// The same request is being answered at this moment.
    409 IdempotencyInProgress = "idempotency_in_progress";
    /// The turn was stopped by its owner.
    410 ResponseCancelled = "response_cancelled";
    /// The body is too large.
    413 BodyTooLarge = "body_too_large";
    /// The body is not declared as JSON.
    415 UnsupportedMediaType = "unsupported_media_type";
    /// The idempotency key was used for another request.
    422 IdempotencyKeyReused = "idempotency_key_reused";
    /// As many turns wait in the background as may.
    429 BackgroundQueueFull = "background_queue_full";
    /// A limit is reached, or the provider asks to slow down.
    429 RateLimitExceeded = "rate_limit_exceeded";
    /// The money for this month is spent.
    429 InsufficientQuota = "insufficient_quota";
    /// A fault of this server.
    500 ServerError = "server_error";
    /// The provider cannot be reached, or says that it is broken.
    502 ProviderUnavailable = "provider_unavailable";
    /// The provider refused the configured credentials.
    502 ProviderAuthentication = "provider_authentication";
    /// The provider broke its protocol.
    502 ProviderProtocol = "provider_protocol";
    /// The provider reported an error in the middle of its answer.
    502 ProviderError = "provider_error";
    /// The model that was asked for a summary gave none.
    502 SummaryFailed = "summary_failed";
    /// The provider's answer ended without a reason.
    502 UpstreamDisconnected = "upstream_disconnected";
    /// The store cannot be reached, or is full.
    503 StoreUnavailable = "store_unavailable";
    /// The answer could not be stored.
    503 Storage = "storage";
    /// Tokens cannot be checked at this moment.
    503 AuthenticationUnavailable = "authentication_unavailable";
    /// The server is being stopped and takes no new turns.
    503 ServerShuttingDown = "server_shutting_down";
    /// The process that ran the turn died.
    503 ServerRestart = "server_restart";
    /// The process that ran the turn was asked to stop.
    503 ServerShutdown = "server_shutdown";
    /// The provider did not accept the connection in time.
    504 ProviderConnectTimeout = "provider_connect_timeout";
    /// The provider produced nothing in time.
    504 ProviderFirstTokenTimeout = "provider_first_token_timeout";
    /// The provider stopped in the middle for too long.
    504 ProviderIdleTimeout = "provider_idle_timeout";
    /// The whole turn took too long.
    504 TurnTimeout = "turn_timeout";
}

impl ErrorCode {
    /// The error's `type` on the wire: OpenAI's word for the class that the status is in.
    pub const fn kind(self) -> &'static str {
        match (self, self.status()) {
            // OpenAI's clients look for this one in either place.
            (Self::InsufficientQuota, _) => Self::InsufficientQuota.as_str(),
            (_, 401) => "authentication_error",
            (_, 429) => "rate_limit_error",
            (_, 400..=499) => "invalid_request_error",
            _ => "server_error",
        }
    }

    pub(crate) fn status_code(self) -> StatusCode {
        StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<FailureCode> for ErrorCode {
    fn from(code: FailureCode) -> Self {
        match code {
            FailureCode::RateLimitExceeded => Self::RateLimitExceeded,
            FailureCode::ProviderUnavailable => Self::ProviderUnavailable,
            FailureCode::ProviderConnectTimeout => Self::ProviderConnectTimeout,
            FailureCode::ProviderFirstTokenTimeout => Self::ProviderFirstTokenTimeout,
            FailureCode::ProviderIdleTimeout => Self::ProviderIdleTimeout,
            FailureCode::TurnTimeout => Self::TurnTimeout,
            FailureCode::ProviderAuthentication => Self::ProviderAuthentication,
            FailureCode::ProviderRejected => Self::ProviderRejected,
            FailureCode::ContextLengthExceeded => Self::ContextLengthExceeded,
            FailureCode::ProviderProtocol => Self::ProviderProtocol,
            FailureCode::ProviderError => Self::ProviderError,
            FailureCode::Storage => Self::Storage,
            FailureCode::ServerError => Self::ServerError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_known_and_every_code_is_there_once() {
        for code in ErrorCode::ALL {
            assert_eq!(code.status_code().as_u16(), code.status());
            assert!((400..600).contains(&code.status()));
            let same = ErrorCode::ALL.iter().filter(|it| it.as_str() == code.as_str()).count();
            assert_eq!(same, 1, "{code}");
        }
    }

    #[test]
    fn a_failure_keeps_its_name() {
        for code in FailureCode::ALL {
            assert_eq!(ErrorCode::from(code).as_str(), code.as_str());
        }
    }
}
