//! Which fields the bodies of `/v1/responses`, what is below it, and `/v1/chat/completions` may have
//! beside those that are read. The one place where that is decided; `docs/api.md` tells it to users.
//!
//! OpenAI's clients send whatever the newest API has, so an unknown field is ignored as long as
//! ignoring it is harmless. A field that would change what the answer means, and that we cannot
//! honour, is refused: silence would be a wrong answer. So is a field that is ours to set, or the
//! operator's, because whoever sends it believes that it counts.

use serde_json::Value;

use crate::{body::Field, error::ApiError};

/// A field that cannot be honoured, unless it has a value that asks for nothing.
pub(crate) struct Unsupported {
    /// The field.
    pub(crate) name: &'static str,
    /// JSON values that ask for nothing; `null` always does.
    pub(crate) neutral: &'static [&'static str],
}

const fn unsupported(name: &'static str, neutral: &'static [&'static str]) -> Unsupported {
    Unsupported { name, neutral }
}

/// What of a response's request cannot be honoured.
pub(crate) const RESPONSES: &[Unsupported] = &[
    unsupported("context_management", &["[]"]),
    unsupported("max_tool_calls", &[]),
    unsupported("prompt", &[]),
    unsupported("top_logprobs", &["0"]),
];

/// What of a chat completion's request cannot be honoured.
pub(crate) const COMPLETIONS: &[Unsupported] = &[
    unsupported("audio", &[]),
    unsupported("context", &[]),
    unsupported("function_call", &["\"none\"", "\"auto\""]),
    unsupported("functions", &["[]"]),
    unsupported("logit_bias", &["{}"]),
    unsupported("logprobs", &["false"]),
    unsupported("modalities", &["[\"text\"]"]),
    unsupported("n", &["1"]),
    unsupported("prediction", &[]),
    unsupported("top_logprobs", &["0"]),
    unsupported("verbosity", &["\"medium\""]),
    unsupported("web_search_options", &[]),
];

/// What of a request for a conversation in short cannot be honoured.
pub(crate) const COMPACTIONS: &[Unsupported] =
    &[unsupported("context", &[]), unsupported("stream", &["false"])];

/// What only the server or its operator sets: who owns a thing, what it is, what it cost, and whom
/// the provider's keys are sent to.
pub(crate) const SERVER_OWNED: &[&str] = &[
    "api_base",
    "api_key",
    "base_url",
    "choices",
    "completed_at",
    "created",
    "created_at",
    "error",
    "headers",
    "id",
    "incomplete_details",
    "object",
    "organization",
    "output",
    "output_text",
    "role",
    "seq",
    "status",
    "tenant",
    "tenant_id",
    "updated_at",
    "usage",
    "user_id",
];

/// What is known, and ignored because the answer means the same without it.
#[cfg(test)]
pub(crate) const IGNORED: &[&str] = &[
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "stream_options.include_obfuscation",
    "user",
];

/// Refuses what must not be ignored.
///
/// # Errors
///
/// A 400 that names the first such field.
pub(crate) fn check(fields: &[Field<'_>], unsupported: &[Unsupported]) -> Result<(), ApiError> {
    for field in fields {
        if let Some(owned) = SERVER_OWNED.iter().find(|it| **it == field.name) {
            return Err(ApiError::unknown(*owned));
        }
        if let Some(rule) = unsupported.iter().find(|it| it.name == field.name)
            && !is_neutral(rule, field.value.get())
        {
            return Err(ApiError::unsupported(rule.name));
        }
    }
    Ok(())
}

fn is_neutral(rule: &Unsupported, value: &str) -> bool {
    let value = serde_json::from_str::<Value>(value).unwrap_or_default();
    let same = |neutral: &&str| serde_json::from_str::<Value>(neutral).is_ok_and(|it| it == value);
    value.is_null() || rule.neutral.iter().any(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text is kept with the code: what users are told is what is done.
    const API: &str = include_str!("../../../docs/api.md");

    fn all() -> impl Iterator<Item = &'static Unsupported> {
        RESPONSES.iter().chain(COMPLETIONS).chain(COMPACTIONS)
    }

    #[test]
    fn the_documentation_names_every_field_of_the_rule() {
        let unsupported = all().map(|it| it.name);
        for name in unsupported.chain(SERVER_OWNED.iter().copied()).chain(IGNORED.iter().copied()) {
            assert!(API.contains(&format!("`{name}`")), "docs/api.md does not name {name}");
        }
    }

    #[test]
    fn a_value_that_asks_for_nothing_is_let_through() {
        for rule in all() {
            assert!(is_neutral(rule, "null"), "{}", rule.name);
            assert!(!is_neutral(rule, "\"something else\""), "{}", rule.name);
            for neutral in rule.neutral {
                assert!(is_neutral(rule, &format!(" {neutral} ")), "{} {neutral}", rule.name);
            }
        }
    }
}
