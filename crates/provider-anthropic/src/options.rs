//! What an operator can choose.

use std::fmt;

use loquat_provider_http::Limits;
use secrecy::SecretString;

use crate::Generation;

/// How the endpoint knows us.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// Not at all: a gateway that adds the key itself.
    #[default]
    None,
    /// `x-api-key: …`, as Anthropic wants it.
    ApiKey(SecretString),
    /// `Authorization: Bearer …`, as gateways want it.
    Bearer(SecretString),
}

/// Whether the endpoint is told where prompts repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PromptCache {
    /// Yes: after the tools, after the system prompt, and where the request says. Writing to the cache
    /// costs a quarter more than reading the prompt, and reading from it a tenth.
    #[default]
    Marked,
    /// No, for an endpoint that refuses the marks.
    Unmarked,
}

/// One endpoint and how to treat it.
#[derive(Clone)]
pub struct AnthropicOptions {
    pub(crate) base_url: String,
    pub(crate) auth: Auth,
    pub(crate) betas: Vec<String>,
    pub(crate) prompt_cache: PromptCache,
    pub(crate) generation: Option<Generation>,
    pub(crate) limits: Limits,
}

impl AnthropicOptions {
    /// An endpoint without a key. `base_url` is what precedes `/v1/messages`, for example
    /// `https://api.anthropic.com`; one that ends with `/v1` is understood too. It is checked when
    /// the provider is made.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            auth: Auth::default(),
            betas: Vec::new(),
            prompt_cache: PromptCache::default(),
            generation: None,
            limits: Limits::default(),
        }
    }

    /// Sets how the endpoint knows us.
    #[must_use]
    pub fn with_auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Asks for features that are not generally available, by their names in `anthropic-beta`.
    #[must_use]
    pub fn with_betas(mut self, betas: impl IntoIterator<Item = String>) -> Self {
        self.betas = betas.into_iter().collect();
        self
    }

    /// Sets whether the endpoint is told where prompts repeat; by default it is.
    #[must_use]
    pub fn with_prompt_cache(mut self, prompt_cache: PromptCache) -> Self {
        self.prompt_cache = prompt_cache;
        self
    }

    /// Sets what the endpoint's models understand, whatever their names. By default the name tells:
    /// see [`Generation::of`].
    #[must_use]
    pub fn with_generation(mut self, generation: Generation) -> Self {
        self.generation = Some(generation);
        self
    }

    /// Sets when to stop waiting, and when to try again.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl fmt::Debug for AnthropicOptions {
    /// Leaves out the URL, which has not been checked for credentials yet, and the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnthropicOptions")
            .field("betas", &self.betas)
            .field("prompt_cache", &self.prompt_cache)
            .field("generation", &self.generation)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
