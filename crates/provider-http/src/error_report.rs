//! An endpoint's words about an error.

use std::time::Duration;

use http::StatusCode;
use loquat_provider::ProviderError;
use serde_json::Value;

use crate::{Pause, Refusal};

/// An endpoint's words about an error. They are classified and dropped: they may repeat the prompt
/// or the key.
#[derive(Default)]
pub struct ErrorReport {
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
    pub fn read(json: &[u8]) -> Self {
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

    /// What it means beside a status other than 200.
    pub fn refusal(&self, status: StatusCode, wait: Option<Duration>) -> Refusal {
        let (status, pause) = (status.as_u16(), wait.map_or(Pause::Backoff, Pause::After));
        match status {
            400..=499 if self.says_empty() => ProviderError::AccountEmpty.into(),
            402 if !self.says_too_dear() => ProviderError::AccountEmpty.into(),
            403 if self.says_forbidden() => ProviderError::Rejected { status }.into(),
            401 | 403 => ProviderError::Authentication.into(),
            429 => Refusal { error: ProviderError::RateLimited { retry_after: wait }, pause },
            408 | 500..=599 => Refusal { error: ProviderError::Unavailable(None), pause },
            400 | 413 | 422 if self.says_too_long() => ProviderError::ContextLengthExceeded.into(),
            400..=499 => ProviderError::Rejected { status }.into(),
            _ => ProviderError::Protocol("a status that this wire does not have").into(),
        }
    }

    /// What it means in the middle of an answer.
    pub fn into_error(self) -> ProviderError {
        if self.says_too_long() {
            ProviderError::ContextLengthExceeded
        } else if self.says_empty() {
            ProviderError::AccountEmpty
        } else if self.says_rate_limit() {
            ProviderError::RateLimited { retry_after: None }
        } else if self.says_overload() {
            ProviderError::Unavailable(None)
        } else if self.says_forbidden() || self.says_faulty() {
            ProviderError::Rejected { status: 400 }
        } else {
            ProviderError::Failed
        }
    }

    /// What it means as a whole answer with status 200.
    pub(crate) fn into_answer_error(self) -> ProviderError {
        if self.is_error {
            self.into_error()
        } else {
            ProviderError::Protocol("a document instead of a stream of events")
        }
    }

    fn says_rate_limit(&self) -> bool {
        self.code == "429" || self.names(&["rate_limit"])
    }

    /// It is this request that is not served, whoever makes it, or this model: neither says anything
    /// against the credentials. OpenAI has codes (`model_not_found`, `content_policy_violation`),
    /// gateways write of moderation.
    fn says_forbidden(&self) -> bool {
        self.names(&["model_not_found", "policy", "moderation"])
            || self.message.contains("moderation")
    }

    /// The request has a fault, and the endpoint none. OpenAI has codes (`invalid_prompt`,
    /// `image_too_large`, `failed_to_download_image`), Anthropic a type.
    fn says_faulty(&self) -> bool {
        self.names(&["invalid_request", "invalid_prompt", "image"])
    }

    /// Whether a part of its code or type is one of these.
    fn names(&self, parts: &[&str]) -> bool {
        [&self.code, &self.kind].iter().any(|text| parts.iter().any(|part| text.contains(part)))
    }

    /// The endpoint has too much to do, which passes.
    fn says_overload(&self) -> bool {
        self.kind == "overloaded_error" || matches!(&*self.code, "529" | "503" | "overloaded_error")
    }

    /// The account is empty: no waiting helps. OpenAI has a name for it and Anthropic a type and,
    /// in a refusal of the general kind, words.
    fn says_empty(&self) -> bool {
        const NAMES: [&str; 2] = ["insufficient_quota", "billing_error"];
        [&self.code, &self.kind].iter().any(|text| NAMES.contains(&text.as_str()))
            || self.message.contains("credit balance is too low")
    }

    /// There is money, but not enough for this request; a smaller one may be served. The texts are
    /// `OpenRouter`'s ("but can only afford", "prompt tokens limit exceeded").
    fn says_too_dear(&self) -> bool {
        ["afford", "tokens limit exceeded"].iter().any(|text| self.message.contains(text))
    }

    /// OpenAI and most others have a code; the texts are those of vLLM ("maximum context length"),
    /// llama.cpp ("exceeds the available context size"), Mistral and LM Studio ("context length"),
    /// Anthropic ("prompt is too long", "exceed context limit"), and gateways in front of Gemini
    /// ("input token count").
    fn says_too_long(&self) -> bool {
        const CODES: [&str; 3] =
            ["context_length_exceeded", "exceed_context_size_error", "string_above_max_length"];
        const TEXTS: [&str; 7] = [
            "context length",
            "context limit",
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
        let status = StatusCode::from_u16(status).unwrap();
        ErrorReport::read(body.as_bytes()).refusal(status, None).error
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
    fn a_request_that_is_forbidden_says_nothing_against_the_key() {
        for body in [
            r#"{"error":{"message":"no access to model","code":"model_not_found"}}"#,
            r#"{"error":{"message":"x","type":"invalid_request_error","code":"content_policy_violation"}}"#,
            r#"{"error":{"message":"Your input was flagged: moderation","code":403}}"#,
        ] {
            assert!(matches!(of(403, body), ProviderError::Rejected { status: 403 }), "{body}");
        }
        let permission = r#"{"error":{"type":"permission_error"}}"#;
        assert!(matches!(of(403, permission), ProviderError::Authentication));
        assert!(matches!(of(403, ""), ProviderError::Authentication));
    }

    #[test]
    fn an_empty_account_is_not_worth_another_try() {
        for body in [
            r#"{"error":{"code":"insufficient_quota"}}"#,
            r#"{"error":{"type":"billing_error"}}"#,
            r#"{"error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#,
        ] {
            assert!(matches!(of(429, body), ProviderError::AccountEmpty), "{body}");
            let in_the_middle = ErrorReport::read(body.as_bytes()).into_error();
            assert!(matches!(in_the_middle, ProviderError::AccountEmpty), "{body}");
        }
        assert!(!ProviderError::AccountEmpty.may_be_retried());
    }

    #[test]
    fn a_status_that_asks_for_money_means_the_account_unless_it_is_the_request_that_is_too_dear() {
        for body in ["", r#"{"error":{"message":"Insufficient Balance"}}"#] {
            assert!(matches!(of(402, body), ProviderError::AccountEmpty), "{body}");
        }
        for message in
            ["You requested up to 9 tokens, but can only afford 8", "Prompt tokens limit exceeded"]
        {
            let body = format!(r#"{{"error":{{"code":402,"message":"{message}"}}}}"#);
            assert!(matches!(of(402, &body), ProviderError::Rejected { status: 402 }), "{body}");
        }
    }

    #[test]
    fn an_error_object_in_the_middle_is_classified() {
        let error = |json: &str| ErrorReport::read(json.as_bytes()).into_error();
        assert!(matches!(
            error(r#"{"error":{"type":"rate_limit_error"}}"#),
            ProviderError::RateLimited { .. }
        ));
        assert!(matches!(error(r#"{"error":{"code":429}}"#), ProviderError::RateLimited { .. }));
        for code in ["invalid_prompt", "image_too_large", "failed_to_download_image", "bio_policy"]
        {
            let told = error(&format!(r#"{{"error":{{"code":"{code}"}}}}"#));
            assert!(matches!(told, ProviderError::Rejected { status: 400 }), "{code}: {told:?}");
        }
        let told = error(r#"{"error":{"type":"invalid_request_error","message":"x"}}"#);
        assert!(matches!(told, ProviderError::Rejected { status: 400 }), "{told:?}");
        assert!(matches!(error(r#"{"error":"out of memory"}"#), ProviderError::Failed));
        assert!(matches!(error("{"), ProviderError::Failed));
    }
}
