//! `[providers.NAME]`: who runs models.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Faults, check_variable};

/// `[providers.NAME]`: somebody who runs models. The name is what callers see as a model's owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum ProviderSection {
    /// An endpoint that speaks one of OpenAI's wires.
    OpenAi(OpenAiSection),
    /// An endpoint that speaks Anthropic's Messages.
    Anthropic(AnthropicSection),
    /// Says again what it is told; needs nothing.
    Echo(EchoSection),
}

/// `kind = "openai"`: OpenAI, Azure, Ollama, vLLM, llama.cpp and all others of that wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OpenAiSection {
    /// What precedes `/chat/completions` or `/responses`; with `azure_api_version`, the resource's own URL. Default
    /// `https://api.openai.com/v1`.
    pub(crate) base_url: String,
    /// The environment variable that holds the key. Default: no key, as most local servers want.
    pub(crate) api_key_env: Option<String>,
    /// The file that holds a token that somebody else keeps fresh, as for Microsoft Entra ID; read again
    /// every 5 s when it is needed. Default: none.
    pub(crate) token_file: Option<PathBuf>,
    /// How the key is sent: `bearer`, `api-key` (Azure) or `none`. Default: `none` without
    /// `api_key_env`, `api-key` with `azure_api_version`, else `bearer`; `bearer` with `token_file`.
    pub(crate) auth: Option<AuthStyle>,
    /// The `api-version` of Azure's older URL form, for example `2024-10-21`. Default: not Azure, or
    /// Azure's newer form, whose base URL ends in `/openai/v1`.
    pub(crate) azure_api_version: Option<String>,
    /// The field that limits an answer's tokens: `max_tokens` or `max_completion_tokens`. Default:
    /// the latter for OpenAI's and Azure's hosts, the former for all others.
    pub(crate) max_tokens_field: Option<MaxTokensField>,
    /// What models are spoken to in that do not say otherwise: `chat-completions` or `responses`.
    /// Default `chat-completions`, which nearly every server speaks.
    pub(crate) wire: WireStyle,
    /// Whether usage is asked for with `stream_options`. Default true; false for a server that
    /// refuses the field. The wire `responses` needs no asking.
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

/// `kind = "anthropic"`: Anthropic, and others that speak its Messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AnthropicSection {
    /// What precedes `/v1/messages`. Default `https://api.anthropic.com`.
    pub(crate) base_url: String,
    /// The environment variable that holds the key. Default: no key.
    pub(crate) api_key_env: Option<String>,
    /// How the key is sent: `api-key` (Anthropic), `bearer` (gateways) or `none`. Default: `none`
    /// without `api_key_env`, else `api-key`.
    pub(crate) auth: Option<AuthStyle>,
    /// Whether the endpoint is told where prompts repeat, so that it caches them. Default true; false
    /// for a server that refuses the marks.
    pub(crate) prompt_cache: bool,
    /// Features that are not generally available, by their names in `anthropic-beta`. Default: none.
    pub(crate) betas: Vec<String>,
    /// How long connecting may take, TLS included, in milliseconds. Default 5,000.
    pub(crate) connect_timeout_ms: u64,
    /// How long the first piece of an answer may take, further tries included, in milliseconds.
    /// Default 60,000.
    pub(crate) first_token_timeout_ms: u64,
    /// How long an answer may pause, in milliseconds. Default 60,000.
    pub(crate) idle_timeout_ms: u64,
    /// How often a call is tried again before the first piece of an answer. Default 2.
    pub(crate) retries: u32,
    /// Longest pause before the first further try, in milliseconds; it doubles with each. Default
    /// 500.
    pub(crate) retry_delay_ms: u64,
}

/// What a model is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WireStyle {
    /// What nearly every server speaks.
    #[default]
    ChatCompletions,
    /// OpenAI's newer wire, in which a model's thoughts can be sent back.
    Responses,
}

/// How the key is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AuthStyle {
    /// `Authorization: Bearer`.
    Bearer,
    /// `api-key`, as Azure wants it, or `x-api-key`, as Anthropic does.
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

impl Default for OpenAiSection {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".to_owned(),
            api_key_env: None,
            token_file: None,
            auth: None,
            azure_api_version: None,
            max_tokens_field: None,
            wire: WireStyle::default(),
            ask_for_usage: true,
            connect_timeout_ms: Patience::DEFAULT.connect_timeout_ms,
            first_token_timeout_ms: Patience::DEFAULT.first_token_timeout_ms,
            idle_timeout_ms: Patience::DEFAULT.idle_timeout_ms,
            retries: Patience::DEFAULT.retries,
            retry_delay_ms: Patience::DEFAULT.retry_delay_ms,
        }
    }
}

impl Default for AnthropicSection {
    fn default() -> Self {
        Self {
            base_url: "https://api.anthropic.com".to_owned(),
            api_key_env: None,
            auth: None,
            prompt_cache: true,
            betas: Vec::new(),
            connect_timeout_ms: Patience::DEFAULT.connect_timeout_ms,
            first_token_timeout_ms: Patience::DEFAULT.first_token_timeout_ms,
            idle_timeout_ms: Patience::DEFAULT.idle_timeout_ms,
            retries: Patience::DEFAULT.retries,
            retry_delay_ms: Patience::DEFAULT.retry_delay_ms,
        }
    }
}

/// When to stop waiting for a provider, and when to try again: the keys that all of them have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) connect_timeout_ms: u64,
    pub(crate) first_token_timeout_ms: u64,
    pub(crate) idle_timeout_ms: u64,
    pub(crate) retries: u32,
    pub(crate) retry_delay_ms: u64,
}

impl Patience {
    const DEFAULT: Self = Self {
        connect_timeout_ms: 5_000,
        first_token_timeout_ms: 60_000,
        idle_timeout_ms: 60_000,
        retries: 2,
        retry_delay_ms: 500,
    };

    fn check(self, path: &str, faults: &mut Faults) {
        check_millis(path, "connect_timeout_ms", self.connect_timeout_ms, 1, faults);
        check_millis(path, "first_token_timeout_ms", self.first_token_timeout_ms, 1, faults);
        check_millis(path, "idle_timeout_ms", self.idle_timeout_ms, 1, faults);
        check_millis(path, "retry_delay_ms", self.retry_delay_ms, 0, faults);
        faults.check_range(&format!("{path}.retries"), self.retries, 0..=10);
    }
}

fn check_millis(path: &str, key: &str, value: u64, least: u64, faults: &mut Faults) {
    faults.check_range(&format!("{path}.{key}"), value, least..=3_600_000);
}

impl OpenAiSection {
    pub(crate) const fn patience(&self) -> Patience {
        Patience {
            connect_timeout_ms: self.connect_timeout_ms,
            first_token_timeout_ms: self.first_token_timeout_ms,
            idle_timeout_ms: self.idle_timeout_ms,
            retries: self.retries,
            retry_delay_ms: self.retry_delay_ms,
        }
    }

    /// A token is sent as one, and is not a key.
    fn check_token(&self, path: &str, faults: &mut Faults) {
        if self.token_file.is_none() {
            return;
        }
        if self.api_key_env.is_some() {
            let text = "must not stand beside api_key_env: the token takes the key's place";
            faults.add(&format!("{path}.token_file"), text);
        }
        if !matches!(self.auth, None | Some(AuthStyle::Bearer)) {
            let text = "must be \"bearer\", since token_file names a token";
            faults.add(&format!("{path}.auth"), text);
        }
    }
}

impl AnthropicSection {
    pub(crate) const fn patience(&self) -> Patience {
        Patience {
            connect_timeout_ms: self.connect_timeout_ms,
            first_token_timeout_ms: self.first_token_timeout_ms,
            idle_timeout_ms: self.idle_timeout_ms,
            retries: self.retries,
            retry_delay_ms: self.retry_delay_ms,
        }
    }
}

impl ProviderSection {
    pub(super) fn check(&self, path: &str, faults: &mut Faults) {
        match self {
            Self::OpenAi(openai) => {
                check_endpoint(path, openai.api_key_env.as_ref(), &openai.base_url, faults);
                openai.check_token(path, faults);
                openai.patience().check(path, faults);
            }
            Self::Anthropic(anthropic) => {
                check_endpoint(path, anthropic.api_key_env.as_ref(), &anthropic.base_url, faults);
                anthropic.patience().check(path, faults);
            }
            Self::Echo(echo) => {
                let first = echo.first_token_delay_ms;
                check_millis(path, "first_token_delay_ms", first, 0, faults);
                check_millis(path, "inter_token_delay_ms", echo.inter_token_delay_ms, 0, faults);
            }
        }
    }
}

fn check_endpoint(path: &str, variable: Option<&String>, base_url: &str, faults: &mut Faults) {
    check_variable(&format!("{path}.api_key_env"), variable, faults);
    check_base_url(&format!("{path}.base_url"), base_url, faults);
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
