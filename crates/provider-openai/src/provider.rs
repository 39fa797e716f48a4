//! The provider.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, header::AUTHORIZATION};
use loquat_outbound::{OptionsError, secret_header};
use loquat_provider::{AnswerStream, ChatProvider, ChatRequest, ProviderError};
use loquat_provider_http::{Credentials, HttpProvider, Outgoing, Wire};

use crate::{
    endpoint::Endpoint,
    models::{Models, WireKind},
    options::{Auth, OpenAiOptions, OutputLimitField, UsageRequest},
    request,
    responses::Responses,
    token_file::TokenHeader,
    translate::ChunkTranslator,
};

/// One endpoint that speaks the Chat Completions wire, the Responses wire, or both.
///
/// Cheap to share, costly to make: it holds the connections. Requests of one provider reuse them,
/// whatever their wire.
pub struct OpenAiProvider {
    endpoint: Arc<Endpoint>,
    models: Arc<Models>,
    chat_completions: HttpProvider<ChatCompletions>,
    responses: HttpProvider<Responses>,
}

/// The Chat Completions wire, as one endpoint speaks it.
struct ChatCompletions {
    endpoint: Arc<Endpoint>,
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
        let uri = self.endpoint.chat_uri(&request.model);
        let uri = uri.ok_or(ProviderError::Inexpressible)?;
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
        let OpenAiOptions { base_url, auth, azure_api_version, models, limits, .. } = options;
        let endpoint = Arc::new(Endpoint::new(&base_url, azure_api_version)?);
        let models = Arc::new(models);
        let field = options.output_limit_field;
        let dialect = Dialect {
            output_limit_field: field.unwrap_or_else(|| endpoint.output_limit_field()),
            usage_request: options.usage_request,
        };
        let wire = ChatCompletions { endpoint: Arc::clone(&endpoint), dialect };
        let base = endpoint.base().clone();
        let chat_completions = HttpProvider::new(wire, base, headers(&auth)?, limits)?;
        let chat_completions = match credentials(auth) {
            Some(credentials) => chat_completions.with_credentials(credentials),
            None => chat_completions,
        };
        let wire = Responses::new(Arc::clone(&endpoint), Arc::clone(&models));
        let responses = chat_completions.speaking(wire);
        Ok(Self { endpoint, models, chat_completions, responses })
    }

    /// True when OpenAI's own models answer: at OpenAI itself, or at Azure.
    pub fn is_openais(&self) -> bool {
        self.endpoint.is_openais()
    }
}

impl fmt::Debug for OpenAiProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiProvider")
            .field("http", &self.chat_completions)
            .field("models", &self.models)
            .finish_non_exhaustive()
    }
}

/// The header by which the endpoint knows us, if it is always the same.
fn headers(auth: &Auth) -> Result<HeaderMap, OptionsError> {
    let mut headers = HeaderMap::new();
    match auth {
        Auth::None | Auth::TokenFile(_) => {}
        Auth::Bearer(key) => {
            headers.insert(AUTHORIZATION, secret_header("Bearer ", key)?);
        }
        Auth::AzureKey(key) => {
            headers.insert(HeaderName::from_static("api-key"), secret_header("", key)?);
        }
    }
    Ok(headers)
}

/// Where the header comes from, if it is not always the same.
fn credentials(auth: Auth) -> Option<Arc<dyn Credentials>> {
    match auth {
        Auth::None | Auth::Bearer(_) | Auth::AzureKey(_) => None,
        Auth::TokenFile(file) => Some(Arc::new(TokenHeader::new(file))),
    }
}

#[async_trait]
impl ChatProvider for OpenAiProvider {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        match self.models.wire(&request.model) {
            WireKind::ChatCompletions => self.chat_completions.start(request).await,
            WireKind::Responses => self.responses.start(request).await,
        }
    }
}
