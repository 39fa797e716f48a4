//! The provider.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use loquat_provider::{AnswerStream, ChatProvider, ChatRequest, ProviderError};

use crate::{
    answer::Answer,
    client::{Call, HttpClient},
    endpoint::Endpoint,
    options::{Limits, OpenAiOptions, OptionsError, OutputLimitField, UsageRequest},
    request,
};

/// One endpoint that speaks the Chat Completions wire.
///
/// Cheap to share, costly to make: it holds the connections. Requests of one provider reuse them.
pub struct OpenAiProvider {
    client: Arc<HttpClient>,
    endpoint: Endpoint,
    dialect: Dialect,
    limits: Limits,
}

/// In what the servers of this wire differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    pub(crate) output_limit_field: OutputLimitField,
    pub(crate) usage_request: UsageRequest,
}

impl OpenAiProvider {
    /// Checks the options and makes the client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] when the URL or the key cannot be used, or, for `https`, when the system
    /// has no root certificates.
    pub fn new(options: OpenAiOptions) -> Result<Self, OptionsError> {
        let OpenAiOptions { base_url, auth, azure_api_version, limits, .. } = options;
        let endpoint = Endpoint::new(&base_url, azure_api_version)?;
        let client = HttpClient::new(endpoint.is_https(), &auth, options.connect_timeout)?;
        let field = options.output_limit_field;
        let dialect = Dialect {
            output_limit_field: field.unwrap_or_else(|| endpoint.output_limit_field()),
            usage_request: options.usage_request,
        };
        Ok(Self { client: Arc::new(client), endpoint, dialect, limits })
    }

    /// True when OpenAI's own models answer: at OpenAI itself, or at Azure.
    pub fn is_openais(&self) -> bool {
        self.endpoint.is_openais()
    }
}

impl std::fmt::Debug for OpenAiProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenAiProvider")
            .field("dialect", &self.dialect)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ChatProvider for OpenAiProvider {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let body = request::body(&request, self.dialect)?.into_boxed_slice();
        let uri = self.endpoint.uri(&request.model).ok_or(ProviderError::Rejected { status: 0 })?;
        // The history is in the body: no second copy while the provider is waited for.
        drop(request);
        let call = Call { client: Arc::clone(&self.client), uri, body: Bytes::from(body) };
        let mut answer = Box::new(Answer::new(call, self.limits));
        answer.open().await?;
        let events = stream::unfold(answer, async |mut answer| {
            answer.next().await.map(|event| (event, answer))
        });
        Ok(events.boxed())
    }
}
