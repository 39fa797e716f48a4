//! `[providers.NAME]` and `[models.NAME]`: who answers.

use serde::{Deserialize, Serialize};

use super::{Faults, check_variable, context::PolicyChoice};

/// `[providers.NAME]`: somebody who runs models. The name is what callers see as a model's owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum ProviderSection {
    /// An endpoint that speaks OpenAI's Chat Completions.
    OpenAi(OpenAiSection),
    /// Says again what it is told; needs nothing.
    Echo(EchoSection),
}

/// `kind = "openai"`: OpenAI, Azure, Ollama, vLLM, llama.cpp and all others of that wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OpenAiSection {
    /// What precedes `/chat/completions`; with `azure_api_version`, the resource's own URL. Default
    /// `https://api.openai.com/v1`.
    pub(crate) base_url: String,
    /// The environment variable that holds the key. Default: no key, as most local servers want.
    pub(crate) api_key_env: Option<String>,
    /// How the key is sent: `bearer`, `api-key` (Azure) or `none`. Default: `none` without
    /// `api_key_env`, `api-key` with `azure_api_version`, else `bearer`.
    pub(crate) auth: Option<AuthStyle>,
    /// The `api-version` of Azure's older URL form, for example `2024-10-21`. Default: not Azure, or
    /// Azure's newer form, whose base URL ends in `/openai/v1`.
    pub(crate) azure_api_version: Option<String>,
    /// The field that limits an answer's tokens: `max_tokens` or `max_completion_tokens`. Default:
    /// the latter for OpenAI's and Azure's hosts, the former for all others.
    pub(crate) max_tokens_field: Option<MaxTokensField>,
    /// Whether usage is asked for with `stream_options`. Default true; false for a server that
    /// refuses the field.
    pub(crate) ask_for_usage: bool,
    /// How long connecting may take, TLS included, in milliseconds. Default 5,000.
    pub(crate) connect_timeout_ms: u64,
    /// How long the first piece of an answer may take, further tries included, in milliseconds.
    /// Default 60,000.
    pub(crate) first_token_timeout_ms: u64,
    /// How long an answer may pause, in milliseconds. Default 60,000; models that think in silence
    /// need more.
    pub(crate) idle_timeout_ms: u64,
    /// How often a call is tried again before the first piece of an answer. Default 2, as OpenAI's
    /// own clients do.
    pub(crate) retries: u32,
    /// Longest pause before the first further try, in milliseconds; it doubles with each. Default
    /// 500, as OpenAI's own clients wait.
    pub(crate) retry_delay_ms: u64,
}

/// How the key is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AuthStyle {
    /// `Authorization: Bearer`.
    Bearer,
    /// `api-key`, as Azure wants it.
    ApiKey,
    /// Not at all.
    None,
}

/// The field that limits an answer's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MaxTokensField {
    /// What everybody but OpenAI and Azure understands.
    MaxTokens,
    /// What OpenAI's newer models insist on.
    MaxCompletionTokens,
}

/// `kind = "echo"`: says again what it is told, word by word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EchoSection {
    /// Pause before the first word, in milliseconds. Default 0.
    pub(crate) first_token_delay_ms: u64,
    /// Pause before each further word, in milliseconds. Default 0.
    pub(crate) inter_token_delay_ms: u64,
}

/// `[models.NAME]`: a model that callers may name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ModelSection {
    /// The name of its provider. No default.
    pub(crate) provider: String,
    /// Its name at its provider. Default: the name that callers use.
    pub(crate) upstream: Option<String>,
    /// Prompt and answer together, in tokens, as the provider runs it. No default: a prompt that is
    /// longer than the provider thinks is cut or refused there.
    pub(crate) context_window: u32,
    /// The longest answer, in tokens; kept free in the window. No default.
    pub(crate) max_output_tokens: u32,
    /// What counts its tokens: `o200k`, `cl100k` or `estimate`. Default: for OpenAI's models at
    /// OpenAI or Azure by the beginning of their names, else `estimate`.
    pub(crate) tokenizer: Option<Tokenizer>,
    /// Which part of a conversation it sees. Default: as `[context]` says.
    pub(crate) context: Option<PolicyChoice>,
}

/// What counts a model's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tokenizer {
    /// Exactly, as GPT-4o and later have it.
    O200k,
    /// Exactly, as GPT-4 and GPT-3.5 have it.
    Cl100k,
    /// An upper bound for all others.
    Estimate,
}

impl Default for OpenAiSection {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            api_key_env: None,
            auth: None,
            azure_api_version: None,
            max_tokens_field: None,
            ask_for_usage: true,
            connect_timeout_ms: 5_000,
            first_token_timeout_ms: 60_000,
            idle_timeout_ms: 60_000,
            retries: 2,
            retry_delay_ms: 500,
        }
    }
}

impl ProviderSection {
    pub(super) fn check(&self, path: &str, faults: &mut Faults) {
        if let Self::OpenAi(openai) = self {
            check_variable(&format!("{path}.api_key_env"), openai.api_key_env.as_ref(), faults);
            check_base_url(&format!("{path}.base_url"), &openai.base_url, faults);
        }
        let mut millis = |key: &str, value: u64, least: u64| {
            faults.check_range(&format!("{path}.{key}"), value, least..=3_600_000);
        };
        match self {
            Self::OpenAi(openai) => {
                millis("connect_timeout_ms", openai.connect_timeout_ms, 1);
                millis("first_token_timeout_ms", openai.first_token_timeout_ms, 1);
                millis("idle_timeout_ms", openai.idle_timeout_ms, 1);
                millis("retry_delay_ms", openai.retry_delay_ms, 0);
                faults.check_range(&format!("{path}.retries"), openai.retries, 0..=10);
            }
            Self::Echo(echo) => {
                millis("first_token_delay_ms", echo.first_token_delay_ms, 0);
                millis("inter_token_delay_ms", echo.inter_token_delay_ms, 0);
            }
        }
    }
}

/// Keys do not belong into a URL, where they would be shown and logged. The rest of it is the
/// provider's to judge.
fn check_base_url(key: &str, url: &str, faults: &mut Faults) {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        faults.add(key, "must not contain a user or a password: name the key in api_key_env");
    } else if url.contains(['?', '#']) {
        faults.add(
            key,
            "must end before any ? or #: name the key in api_key_env, and Azure's api-version in \
             azure_api_version",
        );
    }
}

impl ModelSection {
    pub(super) fn check(&self, path: &str, faults: &mut Faults) {
        if self.provider.is_empty() {
            faults.add(&format!("{path}.provider"), "is missing: name one of [providers.NAME]");
        }
        if self.context_window == 0 {
            faults.add(
                &format!("{path}.context_window"),
                "is missing: say how many tokens prompt and answer may have together",
            );
        }
        if self.max_output_tokens == 0 {
            faults.add(
                &format!("{path}.max_output_tokens"),
                "is missing: say how many tokens an answer may have",
            );
        } else if self.max_output_tokens >= self.context_window {
            faults.add(
                &format!("{path}.max_output_tokens"),
                "must be less than context_window, so that a prompt fits too",
            );
        }
    }
}
