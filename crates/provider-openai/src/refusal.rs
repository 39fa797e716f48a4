//! What an endpoint's "no" means.

use std::{error::Error, time::Duration};

use http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use loquat_provider::ProviderError;
use serde_json::Value;
use tokio::time::error::Elapsed;

use crate::{
    client::next_chunk,
    retry::{Pause, retry_after},
};

/// How much of an error's body is read, in bytes. Those of the known servers have less than 4 KiB.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;

/// How long an error's body may take. Its status alone says nearly as much.
const ERROR_BODY_TIME: Duration = Duration::from_secs(2);

/// An attempt that came to nothing: what to tell the caller, and what the endpoint wants of us if
/// there shall be another.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: ProviderError,
    pub(crate) pause: Pause,
}

impl From<ProviderError> for Refusal {
    fn from(error: ProviderError) -> Self {
        Self { error, pause: Pause::Backoff }
    }
}

impl Refusal {
    /// The request could not be sent, or no answer came to it.
    pub(crate) fn unsent(error: legacy::Error) -> Self {
        if error.source().is_some_and(<dyn Error>::is::<Elapsed>) {
            return ProviderError::ConnectTimeout.into();
        }
        // The usual reason for a connection that breaks before the head is that it was kept from
        // the last answer and has been closed by the endpoint since: a fresh one will do at once.
        let pause = if error.is_connect() { Pause::Backoff } else { Pause::Short };
        Self { error: ProviderError::Unavailable(Some(error.into())), pause }
    }

    /// A status other than 200, or an answer that is not a stream of events.
    pub(crate) async fn read(response: Response<Incoming>) -> Self {
        let (status, wait) = (response.status(), retry_after(response.headers()));
        if status.is_redirection() {
            return ProviderError::Protocol("it redirects, and a key is not carried along").into();
        }
        let report = ErrorReport::read(&beginning(response.into_body()).await);
        match status {
            StatusCode::OK => report.into_answer_error().into(),
            _ => Self::of(status.as_u16(), wait, &report),
        }
    }

    fn of(status: u16, wait: Option<Duration>, report: &ErrorReport) -> Self {
        let pause = wait.map_or(Pause::Backoff, Pause::After);
        match status {
            401 | 403 => ProviderError::Authentication.into(),
            429 if report.says_quota() => Self {
                error: ProviderError::RateLimited { retry_after: wait },
                pause: Pause::Never,
            },
            429 => Self { error: ProviderError::RateLimited { retry_after: wait }, pause },
            408 | 500..=599 => Self { error: ProviderError::Unavailable(None), pause },
            400 | 413 | 422 if report.says_too_long() => {
                ProviderError::ContextLengthExceeded.into()
            }
            400..=499 => ProviderError::Rejected { status }.into(),
            _ => ProviderError::Protocol("a status that this wire does not have").into(),
        }
    }
}

/// True when the head announces something that cannot be a stream of events. Whatever else it
/// announces is taken for one: not every server labels its streams.
pub(crate) fn is_no_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&[][..], |kind| kind.as_bytes());
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    kind.eq_ignore_ascii_case(b"application/json") || kind.eq_ignore_ascii_case(b"text/html")
}

/// The beginning of the body, as far as it comes in time.
async fn beginning(mut incoming: Incoming) -> Vec<u8> {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = next_chunk(&mut incoming).await {
            let room = MAX_ERROR_BODY_BYTES.saturating_sub(body.len());
            body.extend(chunk.iter().take(room));
            if chunk.len() >= room {
                break;
            }
        }
    };
    // What has come until then is judged.
    let _ = tokio::time::timeout(ERROR_BODY_TIME, read).await;
    body
}

/// An endpoint's words about an error. They are classified and dropped: they may repeat the prompt
/// or the key.
#[derive(Default)]
pub(crate) struct ErrorReport {
    /// `code`, as text in lower case; servers write names or statuses.
    code: String,
    /// `type`, in lower case.
    kind: String,
    /// `message`, in lower case.
    message: String,
    /// There was an error object, not merely some JSON.
    is_error: bool,
}

impl ErrorReport {
    /// Reads `{"error": {…}}`, `{"error": "…"}` and the object alone. What cannot be read says
    /// nothing.
    pub(crate) fn read(json: &[u8]) -> Self {
        let Ok(body) = serde_json::from_slice::<Value>(json) else { return Self::default() };
        let report = body.get("error").filter(|error| !error.is_null());
        let (report, is_error) = (report.unwrap_or(&body), report.is_some());
        let field = |name: &str| match report.get(name) {
            Some(Value::String(text)) => text.to_ascii_lowercase(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let message = match report {
            Value::String(text) => text.to_ascii_lowercase(),
            _ => field("message"),
        };
        Self { code: field("code"), kind: field("type"), message, is_error }
    }

    /// What it means in the middle of an answer.
    pub(crate) fn into_error(self) -> ProviderError {
        if self.says_too_long() {
            ProviderError::ContextLengthExceeded
        } else if self.says_rate_limit() {
            ProviderError::RateLimited { retry_after: None }
        } else {
            ProviderError::Failed
        }
    }

    /// What it means as a whole answer with status 200.
    fn into_answer_error(self) -> ProviderError {
        if self.is_error {
            self.into_error()
        } else {
            ProviderError::Protocol("a document instead of a stream of events")
        }
    }

    fn says_rate_limit(&self) -> bool {
        self.code == "429"
            || [&self.code, &self.kind].iter().any(|text| text.contains("rate_limit"))
    }

    /// The account is empty: no waiting helps.
    fn says_quota(&self) -> bool {
        self.code == "insufficient_quota" || self.kind == "insufficient_quota"
    }

    /// OpenAI and most others have a code; the texts are those of vLLM ("maximum context length"),
    /// llama.cpp ("exceeds the available context size"), Mistral and LM Studio ("context length"),
    /// and gateways in front of Anthropic ("prompt is too long") and Gemini ("input token count").
    fn says_too_long(&self) -> bool {
        const CODES: [&str; 3] =
            ["context_length_exceeded", "exceed_context_size_error", "string_above_max_length"];
        const TEXTS: [&str; 6] = [
            "context length",
            "context size",
            "context window",
            "prompt is too long",
            "input is too long",
            "input token count",
        ];
        [&self.code, &self.kind].iter().any(|text| CODES.contains(&text.as_str()))
            || TEXTS.iter().any(|text| self.message.contains(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> ProviderError {
        Refusal::of(status, None, &ErrorReport::read(body.as_bytes())).error
    }

    #[test]
    fn a_prompt_that_is_too_long_is_told_in_many_ways() {
        for body in [
            r#"{"error":{"message":"x","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens","code":400}"#,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#,
            r#"{"error":"prompt is too long: 9 tokens > 8 maximum"}"#,
        ] {
            assert!(matches!(of(400, body), ProviderError::ContextLengthExceeded), "{body}");
        }
    }

    #[test]
    fn other_refusals_keep_their_status() {
        for (status, body) in [
            (400, r#"{"error":{"message":"bad temperature"}}"#),
            (404, r#"{"error":{"message":"no such model","code":"model_not_found"}}"#),
            (422, "not json"),
            (409, ""),
        ] {
            assert!(
                matches!(of(status, body), ProviderError::Rejected { status: told } if told == status),
                "{status}"
            );
        }
    }

    #[test]
    fn an_empty_account_is_not_worth_another_try() {
        let report = ErrorReport::read(br#"{"error":{"code":"insufficient_quota"}}"#);
        let refusal = Refusal::of(429, None, &report);
        assert!(matches!(refusal.pause, Pause::Never));
    }

    #[test]
    fn an_error_object_in_the_middle_is_classified() {
        let error = |json: &str| ErrorReport::read(json.as_bytes()).into_error();
        assert!(matches!(
            error(r#"{"error":{"type":"rate_limit_error"}}"#),
            ProviderError::RateLimited { .. }
        ));
        assert!(matches!(error(r#"{"error":{"code":429}}"#), ProviderError::RateLimited { .. }));
        assert!(matches!(error(r#"{"error":"out of memory"}"#), ProviderError::Failed));
        assert!(matches!(error("{"), ProviderError::Failed));
    }
}
