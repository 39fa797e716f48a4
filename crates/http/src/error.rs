//! The one place that decides what a failure looks like from outside: status, type, code, and
//! when to try again. No enum is matched with a wildcard here, so that a new way to fail does not
//! compile until somebody has chosen its status.
#![deny(clippy::wildcard_enum_match_arm)]

mod code;

use std::{borrow::Cow, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{ALLOW, CONNECTION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use loquat_auth::{AuthError, Permission};
use loquat_chat::{ChatError, Missing, SummaryError};
use loquat_context::ContextError;
use loquat_domain::{Failure, FailureCode, IncompleteReason, Meter, ResponseId, Whom};
use loquat_limits::Standing;
use loquat_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    header::{IDEMPOTENCY_KEY_NAME, RESPONSE_ID},
    rate_limits::{RateLimits, whole_secs},
};
pub use code::ErrorCode;

/// When to try again where another turn is in the way, or the store is: both take moments.
const SOON: Duration = Duration::from_secs(1);

/// When to try again while this instance is being stopped: by then another one has taken over.
const AFTER_RESTART: Duration = Duration::from_secs(2);

/// When to try again where a provider asks to slow down, or too many turns wait: longer than clients
/// wait by themselves.
const AFTER_THE_RUSH: Duration = Duration::from_secs(5);

/// Why a request is not answered as it was meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct ApiError {
    code: ErrorCode,
    message: Cow<'static, str>,
    param: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
    /// The methods that there are, for a path that lacks the one that was tried.
    allow: Option<&'static str>,
    /// The response that the caller can follow instead of asking again.
    response: Option<ResponseId>,
    /// The limit that is reached.
    limit: Option<Box<Standing>>,
    /// What the token would have to grant.
    needs: Option<Permission>,
}

/// The error object, as OpenAI writes it: all four keys, always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Error, examples(json!({
    "message": "conversation not found",
    "type": "invalid_request_error",
    "param": null,
    "code": "conversation_not_found",
})))]
pub(crate) struct ErrorObject {
    /// One sentence for a person.
    message: Cow<'static, str>,
    /// The class of the error.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The field of the request that is at fault, if it is one.
    #[schema(required)]
    param: Option<Cow<'static, str>>,
    /// What went wrong, for a program. `docs/errors.md` lists every code.
    code: &'static str,
}

/// The body of every answer that is an error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorResponse)]
pub(crate) struct ErrorBody {
    error: ErrorObject,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
            retry_after: None,
            allow: None,
            response: None,
            limit: None,
            needs: None,
        }
    }

    /// A value that cannot be used, and what would be right.
    pub(crate) fn invalid(
        param: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(ErrorCode::InvalidValue, message).at(param)
    }

    /// A field that is missing.
    pub(crate) fn missing(param: impl Into<Cow<'static, str>>) -> Self {
        let param = param.into();
        Self::new(ErrorCode::MissingRequiredParameter, format!("{param} is required")).at(param)
    }

    /// A field, or a value of one, that this server cannot honour.
    pub(crate) fn unsupported(param: impl Into<Cow<'static, str>>) -> Self {
        let param = param.into();
        let message = format!("{param} is not supported by this server");
        Self::new(ErrorCode::UnsupportedParameter, message).at(param)
    }

    /// A field that the caller may not set.
    pub(crate) fn unknown(param: impl Into<Cow<'static, str>>) -> Self {
        let param = param.into();
        Self::new(ErrorCode::UnknownParameter, format!("{param} cannot be set")).at(param)
    }

    pub(crate) fn not_found(missing: Missing) -> Self {
        let (code, message) = match missing {
            Missing::Conversation => (ErrorCode::ConversationNotFound, "conversation not found"),
            Missing::Item => (ErrorCode::ItemNotFound, "item not found"),
            Missing::Response => (ErrorCode::ResponseNotFound, "response not found"),
            Missing::PreviousResponse => {
                let error = Self::new(
                    ErrorCode::PreviousResponseNotFound,
                    "the response to be continued was not found",
                );
                return error.at("previous_response_id");
            }
            Missing::Branch => (ErrorCode::BranchNotFound, "branch not found"),
            Missing::Model => {
                let message = "there is no such model; GET /v1/models lists them";
                return Self::new(ErrorCode::ModelNotFound, message).at("model");
            }
            Missing::Limit => (ErrorCode::LimitNotFound, "no such limit was set"),
            Missing::Revocation => (ErrorCode::RevocationNotFound, "no such access is revoked"),
        };
        Self::new(code, message)
    }

    pub(crate) fn no_route() -> Self {
        Self::new(ErrorCode::RouteNotFound, "there is no such path; /docs lists them")
    }

    pub(crate) fn no_method(allow: &'static str) -> Self {
        let message = format!("the methods of this path are {allow}");
        Self { allow: Some(allow), ..Self::new(ErrorCode::MethodNotAllowed, message) }
    }

    pub(crate) fn no_token() -> Self {
        let message = "a valid token is needed: Authorization: Bearer <token>";
        Self::new(ErrorCode::InvalidToken, message)
    }

    /// A token that is believed and does not grant what the request needs.
    pub(crate) fn insufficient_scope(permission: Permission) -> Self {
        let message = format!("the token needs the scope {permission}");
        Self { needs: Some(permission), ..Self::new(ErrorCode::InsufficientScope, message) }
    }

    pub(crate) fn invalid_cursor() -> Self {
        Self::new(ErrorCode::InvalidCursor, "after is no entry of this list").at("after")
    }

    pub(crate) fn invalid_text(param: impl Into<Cow<'static, str>>) -> Self {
        let message = "text must not contain the NUL character";
        Self::new(ErrorCode::InvalidText, message).at(param)
    }

    /// A header that is no idempotency key.
    pub(crate) fn invalid_key() -> Self {
        let message = "one Idempotency-Key is 1 to 255 printable ASCII characters without spaces";
        Self::new(ErrorCode::InvalidIdempotencyKey, message).at(IDEMPOTENCY_KEY_NAME)
    }

    /// A fault of our own. What it was is in the log, not in the answer.
    pub(crate) fn internal() -> Self {
        Self::new(ErrorCode::ServerError, "the server made a mistake; it has been recorded")
    }

    /// Names the field that is at fault.
    pub(crate) fn at(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Calls a field by the name that it has on this route.
    pub(crate) fn renaming(mut self, from: &str, to: &'static str) -> Self {
        if self.param.as_deref() == Some(from) {
            self.param = Some(Cow::Borrowed(to));
        }
        self
    }

    fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    fn object(&self) -> ErrorObject {
        ErrorObject {
            message: self.message.clone(),
            kind: self.code.kind(),
            param: self.param.clone(),
            code: self.code.as_str(),
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.code.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(wait) = self.retry_after {
            response.insert_header((RETRY_AFTER, whole_secs(wait).to_string()));
        }
        if let Some(allow) = self.allow {
            response.insert_header((ALLOW, HeaderValue::from_static(allow)));
        }
        if let Some(id) = self.response {
            response.insert_header((RESPONSE_ID, id.to_string()));
        }
        if self.code == ErrorCode::InvalidToken {
            response.insert_header((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        if let Some(permission) = self.needs {
            // RFC 6750 §3.1.
            let challenge = format!(r#"Bearer error="insufficient_scope", scope="{permission}""#);
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if matches!(self.code, ErrorCode::RequestTimeout | ErrorCode::BodyTooLarge) {
            // The rest of the body is still to come and nobody will read it.
            response.insert_header((CONNECTION, HeaderValue::from_static("close")));
            response.force_close();
        }
        let mut response = response.json(ErrorBody { error: self.object() });
        if let Some(standing) = &self.limit {
            RateLimits::tightest(std::slice::from_ref(standing)).tell(response.headers_mut());
        }
        response
    }
}

impl From<ChatError> for ApiError {
    fn from(error: ChatError) -> Self {
        match error {
            ChatError::NotFound(missing) => Self::not_found(missing),
            ChatError::Invalid { param, message } => Self::invalid(param, message),
            ChatError::InvalidText { param } => Self::invalid_text(param),
            ChatError::CursorNotFound => Self::invalid_cursor(),
            ChatError::Locked => locked(),
            ChatError::PreviousRunning => {
                let message = "the response to be continued is still in progress";
                Self::new(ErrorCode::PreviousResponseInProgress, message)
                    .at("previous_response_id")
                    .retry_after(SOON)
            }
            ChatError::BeingAnswered(response) => being_answered(response),
            ChatError::KeyReused => {
                let message = "this Idempotency-Key was used for another request";
                Self::new(ErrorCode::IdempotencyKeyReused, message).at(IDEMPOTENCY_KEY_NAME)
            }
            ChatError::QueueFull => {
                let message = "too many answers wait in the background; try again in a moment";
                Self::new(ErrorCode::BackgroundQueueFull, message).retry_after(AFTER_THE_RUSH)
            }
            ChatError::Context(error) => error.into(),
            ChatError::LimitReached { standing, retry_after } => {
                limit_reached(standing, retry_after)
            }
            // As if the token were none: whoever lost the access learns nothing by it.
            ChatError::AccessRevoked => Self::no_token(),
            ChatError::AccessUnknown => authentication_unavailable(),
            ChatError::ShuttingDown => {
                let message = "the server is being stopped and takes no new turns";
                Self::new(ErrorCode::ServerShuttingDown, message).retry_after(AFTER_RESTART)
            }
            ChatError::Failed { failure, retry_after } => {
                let error = Self::from(&failure);
                Self { retry_after: retry_after.or(error.retry_after), ..error }
            }
            ChatError::Stopped => stopped(),
            ChatError::Summary(error) => error.into(),
            ChatError::Store(error) => error.into(),
            ChatError::Internal => {
                tracing::error!("the work of a request ended without a result");
                Self::internal()
            }
        }
    }
}

fn locked() -> ApiError {
    let message = "a turn is running in this conversation; try again when it has ended";
    ApiError::new(ErrorCode::ConversationLocked, message).retry_after(SOON)
}

/// The answer to a request that came again before the first one was answered.
fn being_answered(response: Option<ResponseId>) -> ApiError {
    let message = match response {
        Some(id) => format!(
            "the same request is being answered: follow it with GET /v1/responses/{id}?stream=true"
        ),
        None => "the same request is being answered; try again when it has ended".to_owned(),
    };
    let error = ApiError::new(ErrorCode::IdempotencyInProgress, message);
    ApiError { response, ..error.at(IDEMPOTENCY_KEY_NAME).retry_after(SOON) }
}

/// The answer to a request for which there is no room within a limit.
fn limit_reached(standing: Standing, retry_after: Option<Duration>) -> ApiError {
    let Standing { key, most, .. } = &standing;
    let whose = match key.whom {
        Whom::Tenant => "of all users together",
        Whom::EachUser | Whom::User(_) => "of yours",
    };
    let model = key.model.as_ref().map_or_else(String::new, |model| format!(" of model {model}"));
    let (code, what) = match key.meter {
        Meter::RequestsPerMinute => (ErrorCode::RateLimitExceeded, "requests a minute"),
        Meter::Streams => (ErrorCode::RateLimitExceeded, "answers at once"),
        Meter::TokensPerDay => (ErrorCode::RateLimitExceeded, "tokens a day"),
        Meter::MicrosPerMonth => (ErrorCode::InsufficientQuota, "millionths of money a month"),
    };
    let limit = format!("the limit {whose}, {most} {what}{model},");
    let message = match retry_after {
        Some(_) => format!("{limit} leaves no room for this"),
        None => {
            format!("{limit} is less than this may use: send less, or a smaller max_output_tokens")
        }
    };
    ApiError { limit: Some(Box::new(standing)), retry_after, ..ApiError::new(code, message) }
}

fn authentication_unavailable() -> ApiError {
    let message = "tokens cannot be checked at this moment; try again";
    ApiError::new(ErrorCode::AuthenticationUnavailable, message).retry_after(SOON)
}

/// The answer to a caller whose turn was stopped by another request.
pub(crate) fn stopped() -> ApiError {
    ApiError::new(ErrorCode::ResponseCancelled, "the turn was stopped")
}

impl From<ContextError> for ApiError {
    fn from(error: ContextError) -> Self {
        let code = match error {
            ContextError::TooLarge { .. } => ErrorCode::ContextLengthExceeded,
            ContextError::UnknownCall { .. } => ErrorCode::InvalidValue,
        };
        Self::new(code, error.to_string()).at("input")
    }
}

impl From<SummaryError> for ApiError {
    fn from(error: SummaryError) -> Self {
        let code = error.provider_code().map_or(ErrorCode::SummaryFailed, ErrorCode::from);
        let wait = error.retry_after().unwrap_or(AFTER_THE_RUSH);
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, code = code.as_str(), "a summary was not written");
        let answer = Self::new(code, "the model gave no summary; nothing was changed");
        match code.status() {
            429 => answer.retry_after(wait),
            _ => answer,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let answer = match &error {
            StoreError::CursorNotFound => return Self::invalid_cursor(),
            StoreError::Locked => return locked(),
            StoreError::Conflict => {
                let message = "the conversation has changed meanwhile; try again";
                return Self::new(ErrorCode::ConversationChanged, message).retry_after(SOON);
            }
            StoreError::Unavailable(_) => {
                let message = "the store cannot be reached; try again in a moment";
                Self::new(ErrorCode::StoreUnavailable, message).retry_after(SOON)
            }
            // Where absence is possible the use case has already said what is absent, and it has
            // looked up what was done before.
            StoreError::NotFound
            | StoreError::Done(_)
            | StoreError::Corrupt { .. }
            | StoreError::Internal(_) => Self::internal(),
        };
        let error: &dyn std::error::Error = &error;
        tracing::error!(error, code = answer.code.as_str(), "the store failed a request");
        answer
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match &error {
            AuthError::Invalid(reason) => {
                tracing::debug!(%reason, "a token was refused");
                Self::no_token()
            }
            AuthError::Unavailable(_) => {
                let error: &dyn std::error::Error = &error;
                // Whoever fetches the keys tells the operator, once; this is said of each request.
                tracing::debug!(error, "a token cannot be checked");
                authentication_unavailable()
            }
        }
    }
}

impl From<&Failure> for ApiError {
    fn from(failure: &Failure) -> Self {
        let error = Self::new(failure.code.into(), failure.message.clone());
        if error.code == ErrorCode::Storage {
            error.retry_after(SOON)
        } else if matches!(failure.code, FailureCode::RateLimitExceeded) {
            error.retry_after(AFTER_THE_RUSH)
        } else {
            error
        }
    }
}

impl From<&Failure> for ErrorObject {
    fn from(failure: &Failure) -> Self {
        ApiError::from(failure).object()
    }
}

impl From<&ApiError> for ErrorObject {
    fn from(error: &ApiError) -> Self {
        error.object()
    }
}

/// An answer that was cut off, as an error. `None` where every format has a word for it: an answer
/// at its limit, or a filtered one.
pub(crate) fn cut_off(reason: IncompleteReason) -> Option<ApiError> {
    let (code, message) = match reason {
        IncompleteReason::MaxOutputTokens | IncompleteReason::ContentFilter => return None,
        IncompleteReason::UpstreamDisconnected => {
            (ErrorCode::UpstreamDisconnected, "the provider's answer ended without a reason")
        }
        IncompleteReason::ServerRestart => {
            (ErrorCode::ServerRestart, "the process that produced the answer died")
        }
        IncompleteReason::ServerShutdown => {
            (ErrorCode::ServerShutdown, "the server was stopped while it answered")
        }
    };
    Some(ApiError::new(code, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_becomes_an_error_keeps_its_name() {
        for reason in IncompleteReason::ALL {
            if let Some(error) = cut_off(reason) {
                assert_eq!(error.code.as_str(), reason.as_str());
            }
        }
    }

    #[test]
    fn a_wait_is_never_announced_as_nothing() {
        let error = ApiError::internal().retry_after(Duration::from_millis(10));
        assert_eq!(error.error_response().headers().get(RETRY_AFTER).unwrap(), "1");
    }
}
