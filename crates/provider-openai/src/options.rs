//! What an operator can choose.

use std::fmt;

use loquat_provider_http::Limits;
use secrecy::SecretString;

use crate::{
    models::{ModelOptions, Models, WireKind},
    token_file::TokenFile,
};

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
    /// `Authorization: Bearer …` with a token from a file that somebody else keeps fresh, as
    /// Microsoft Entra ID wants it at Azure.
    TokenFile(TokenFile),
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

/// One endpoint and how to treat it.
#[derive(Clone)]
pub struct OpenAiOptions {
    pub(crate) base_url: String,
    pub(crate) auth: Auth,
    pub(crate) azure_api_version: Option<String>,
    pub(crate) output_limit_field: Option<OutputLimitField>,
    pub(crate) usage_request: UsageRequest,
    pub(crate) models: Models,
    pub(crate) limits: Limits,
}

impl OpenAiOptions {
    /// An endpoint without a key. `base_url` is what precedes `/chat/completions` and
    /// `/responses`, for example
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
            models: Models::default(),
            limits: Limits::default(),
        }
    }

    /// Sets how the endpoint knows us.
    #[must_use]
    pub fn with_auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Uses Azure's older URL form,
    /// `{base_url}/openai/deployments/{model}/chat/completions?api-version=…` or
    /// `{base_url}/openai/responses?api-version=…`. Azure's newer one,
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

    /// Sets the wire of all models that have none of their own; by default Chat Completions.
    #[must_use]
    pub fn with_wire(mut self, wire: WireKind) -> Self {
        self.models.wire = wire;
        self
    }

    /// Sets how one model is treated, by its name at the endpoint.
    #[must_use]
    pub fn with_model(mut self, name: impl Into<String>, options: ModelOptions) -> Self {
        self.models.by_name.insert(name.into(), options);
        self
    }

    /// Sets when to stop waiting, and when to try again.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
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
            .field("models", &self.models)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
