//! The provider.

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use loquat_outbound::{OptionsError, secret_header};
use loquat_provider::{AnswerStream, ChatProvider, ChatRequest, ProviderError};
use loquat_provider_http::{HttpProvider, Outgoing, Wire};

use crate::{
    endpoint::Endpoint,
    options::{Auth, OpenAiOptions, OutputLimitField, UsageRequest},
    request,
    translate::ChunkTranslator,
};

/// One endpoint that speaks the Chat Completions wire.
///
/// Cheap to share, costly to make: it holds the connections. Requests of one provider reuse them.
#[derive(Debug)]
pub struct OpenAiProvider(HttpProvider<ChatCompletions>);

/// The Chat Completions wire, as one endpoint speaks it.
struct ChatCompletions {
    endpoint: Endpoint,
    dialect: Dialect,
}

/// In what the servers of this wire differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    pub(crate) output_limit_field: OutputLimitField,
    pub(crate) usage_request: UsageRequest,
}

impl Wire for ChatCompletions {
    type Translator = ChunkTranslator;

    fn write(&self, request: &ChatRequest) -> Result<Outgoing, ProviderError> {
        let body = request::body(request, self.dialect)?;
        let uri = self.endpoint.uri(&request.model).ok_or(ProviderError::Rejected { status: 0 })?;
        Ok(Outgoing { uri, body })
    }

    fn translator(&self) -> ChunkTranslator {
        ChunkTranslator::default()
    }
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
        let base = endpoint.base().clone();
        let field = options.output_limit_field;
        let dialect = Dialect {
            output_limit_field: field.unwrap_or_else(|| endpoint.output_limit_field()),
            usage_request: options.usage_request,
        };
        let wire = ChatCompletions { endpoint, dialect };
        HttpProvider::new(wire, base, headers(&auth)?, limits).map(Self)
    }

    /// True when OpenAI's own models answer: at OpenAI itself, or at Azure.
    pub fn is_openais(&self) -> bool {
        self.0.wire().endpoint.is_openais()
    }
}

/// The header by which the endpoint knows us.
fn headers(auth: &Auth) -> Result<HeaderMap, OptionsError> {
    let mut headers = HeaderMap::new();
    match auth {
        Auth::None => {}
        Auth::Bearer(key) => {
            headers.insert(AUTHORIZATION, secret_header("Bearer ", key)?);
        }
        Auth::AzureKey(key) => {
            headers.insert(HeaderName::from_static("api-key"), secret_header("", key)?);
        }
    }
    Ok(headers)
}

#[async_trait]
impl ChatProvider for OpenAiProvider {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        self.0.start(request).await
    }
}
