//! The provider.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use loquat_provider::{AnswerStream, ChatProvider, ChatRequest, ProviderError};
use reqwest::{
    Client,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect, retry,
};
use secrecy::ExposeSecret as _;

use crate::{
    answer::Answer,
    call::Call,
    endpoint::Endpoint,
    options::{Auth, Limits, OpenAiOptions, OptionsError, OutputLimitField, UsageRequest},
    request,
};

/// How long an unused connection is kept. OpenAI's and Azure's front ends keep theirs for at least
/// a minute; one that is closed earlier is noticed, at the latest by a further attempt.
const KEEP_UNUSED: Duration = Duration::from_secs(50);

/// One endpoint that speaks the Chat Completions wire.
///
/// Cheap to share, costly to make: it holds the connections. Requests of one provider reuse them.
pub struct OpenAiProvider {
    client: Client,
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
        let client = client(&endpoint, &auth, options.connect_timeout)?;
        let field = options.output_limit_field;
        let dialect = Dialect {
            output_limit_field: field.unwrap_or_else(|| endpoint.output_limit_field()),
            usage_request: options.usage_request,
        };
        Ok(Self { client, endpoint, dialect, limits })
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
        let body = request::body(&request, self.dialect)?;
        let call = Call {
            client: self.client.clone(),
            url: self.endpoint.url(&request.model),
            body: Bytes::from(body),
        };
        let mut answer = Box::new(Answer::new(call, self.limits));
        answer.open().await?;
        let events = stream::unfold(answer, async |mut answer| {
            answer.next().await.map(|event| (event, answer))
        });
        Ok(events.boxed())
    }
}

/// A client that talks to the endpoint and to nobody else: no redirects, no proxy from the
/// environment, no silent second attempt. It has no limit on the whole of a request, because a
/// stream may be long; HTTP/1.1, because dropping one answer there frees the provider at once and
/// no answer waits behind another.
fn client(
    endpoint: &Endpoint,
    auth: &Auth,
    connect_timeout: Duration,
) -> Result<Client, OptionsError> {
    let builder = Client::builder()
        .user_agent(concat!("loquat/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers(auth)?)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .retry(retry::never())
        .http1_only()
        .connect_timeout(connect_timeout)
        .tcp_nodelay(true)
        .pool_idle_timeout(KEEP_UNUSED);
    // A local server needs no certificates, and a container may have none.
    let builder = if endpoint.is_https() { builder } else { builder.tls_certs_only([]) };
    builder.build().map_err(|error| OptionsError::Client(error.into()))
}

fn headers(auth: &Auth) -> Result<HeaderMap, OptionsError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let (name, value) = match auth {
        Auth::None => return Ok(headers),
        Auth::Bearer(key) => (AUTHORIZATION, format!("Bearer {}", key.expose_secret())),
        Auth::AzureKey(key) => (HeaderName::from_static("api-key"), key.expose_secret().to_owned()),
    };
    if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(OptionsError::Key);
    }
    let mut value = HeaderValue::from_str(&value).map_err(|_| OptionsError::Key)?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}
