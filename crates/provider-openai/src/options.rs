//! What an operator can choose.

use std::{fmt, time::Duration};

use secrecy::SecretString;

/// The longest time limit; longer ones are taken for it, so that no sum of times overflows.
const LONGEST_LIMIT: Duration = Duration::from_hours(24 * 365);

/// How the endpoint knows us.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// Not at all: most local servers.
    #[default]
    None,
    /// `Authorization: Bearer …`
    Bearer(SecretString),
    /// `api-key: …`, as Azure wants it.
    AzureKey(SecretString),
}

/// The field in which the endpoint expects the most tokens that an answer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputLimitField {
    /// `max_completion_tokens`: OpenAI and Azure, whose newer models refuse the other.
    MaxCompletionTokens,
    /// `max_tokens`: what everybody else understands.
    MaxTokens,
}

/// How the endpoint is asked to report the usage of a streamed answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UsageRequest {
    /// With `stream_options: {"include_usage": true}`.
    #[default]
    StreamOptions,
    /// Not asked, for an endpoint that refuses the field.
    Unasked,
}

/// The options cannot be used. The text never repeats a value.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Not a URL at all.
    #[error("the base URL is not a URL")]
    NotAUrl,
    /// A scheme beside `http` and `https`.
    #[error("the base URL must begin with http:// or https://")]
    Scheme,
    /// A user name or password within the URL, where logs and errors would repeat it.
    #[error("the base URL must not contain credentials; configure the key instead")]
    CredentialsInUrl,
    /// A key with characters that no header can carry.
    #[error("the key must be visible ASCII characters")]
    Key,
    /// The HTTP client cannot be made: as a rule the machine has no root certificates.
    #[error("the HTTPS client cannot be set up; are the system's root certificates installed?")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// One endpoint and how to treat it.
///
/// The defaults are those of OpenAI's own clients where there are any, and otherwise what a person
/// who waits would bear.
#[derive(Clone)]
pub struct OpenAiOptions {
    pub(crate) base_url: String,
    pub(crate) auth: Auth,
    pub(crate) azure_api_version: Option<String>,
    pub(crate) output_limit_field: Option<OutputLimitField>,
    pub(crate) usage_request: UsageRequest,
    pub(crate) connect_timeout: Duration,
    pub(crate) limits: Limits,
}

/// When to stop waiting, and when to try again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) first_token: Duration,
    pub(crate) idle: Duration,
    pub(crate) retries: u32,
    pub(crate) retry_delay: Duration,
}

impl OpenAiOptions {
    /// An endpoint without a key. `base_url` is what precedes `/chat/completions`, for example
    /// `https://api.openai.com/v1` or `http://127.0.0.1:11434/v1`; with
    /// [`with_azure_deployments`](Self::with_azure_deployments) it is the resource's own URL. It is
    /// checked when the provider is made.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            auth: Auth::None,
            azure_api_version: None,
            output_limit_field: None,
            usage_request: UsageRequest::default(),
            connect_timeout: Duration::from_secs(5),
            limits: Limits {
                first_token: Duration::from_mins(1),
                idle: Duration::from_mins(1),
                retries: 2,
                retry_delay: Duration::from_millis(500),
            },
        }
    }

    /// Sets how the endpoint knows us.
    #[must_use]
    pub fn with_auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Uses Azure's older URL form,
    /// `{base_url}/openai/deployments/{model}/chat/completions?api-version=…`. Azure's newer one,
    /// `https://….openai.azure.com/openai/v1`, is an ordinary base URL and needs no version.
    #[must_use]
    pub fn with_azure_deployments(mut self, api_version: impl Into<String>) -> Self {
        self.azure_api_version = Some(api_version.into());
        self
    }

    /// Sets the field for the most tokens of an answer. By default it is
    /// [`OutputLimitField::MaxCompletionTokens`] for OpenAI's and Azure's hosts and
    /// [`OutputLimitField::MaxTokens`] for all others.
    #[must_use]
    pub fn with_output_limit_field(mut self, field: OutputLimitField) -> Self {
        self.output_limit_field = Some(field);
        self
    }

    /// Sets how usage is asked for; by default with `stream_options`.
    #[must_use]
    pub fn with_usage_request(mut self, request: UsageRequest) -> Self {
        self.usage_request = request;
        self
    }

    /// Sets how long a connection may take, TLS included; 5 s by default.
    #[must_use]
    pub fn with_connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit.min(LONGEST_LIMIT);
        self
    }

    /// Sets how long the first piece of the answer may take, counted from the call; 60 s by
    /// default. Connecting, every further try and the pauses between them are within it.
    #[must_use]
    pub fn with_first_token_timeout(mut self, limit: Duration) -> Self {
        self.limits.first_token = limit.min(LONGEST_LIMIT);
        self
    }

    /// Sets how long the endpoint may send nothing at all once the answer has begun; 60 s by
    /// default. Models that think in silence need more.
    #[must_use]
    pub fn with_idle_timeout(mut self, limit: Duration) -> Self {
        self.limits.idle = limit.min(LONGEST_LIMIT);
        self
    }

    /// Sets how often a call is tried again before the first piece of the answer; twice by
    /// default. 0 also gives up when a kept connection turns out to have been closed meanwhile.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.limits.retries = retries;
        self
    }

    /// Sets the longest pause before the first further try, 500 ms by default; the actual pause is
    /// drawn at random, and the longest doubles with each try.
    #[must_use]
    pub fn with_retry_delay(mut self, longest: Duration) -> Self {
        self.limits.retry_delay = longest.min(LONGEST_LIMIT);
        self
    }
}

impl fmt::Debug for OpenAiOptions {
    /// Leaves out the URL, which has not been checked for credentials yet, and the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiOptions")
            .field("azure_api_version", &self.azure_api_version)
            .field("output_limit_field", &self.output_limit_field)
            .field("usage_request", &self.usage_request)
            .field("connect_timeout", &self.connect_timeout)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
