//! The provider.

use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header::AUTHORIZATION};
use loquat_outbound::{BaseUrl, OptionsError, secret_header};
use loquat_provider::{AnswerStream, ChatProvider, ChatRequest, ProviderError};
use loquat_provider_http::{ErrorReport, HttpProvider, Outgoing, Pause, Refusal, Seal, Wire};

use crate::{
    Generation, PromptCache,
    options::{AnthropicOptions, Auth},
    request, rewrite,
    translate::EventTranslator,
};

/// The version of the wire that is spoken here.
const VERSION: &str = "2023-06-01";

/// One endpoint that speaks the Messages wire.
///
/// Cheap to share, costly to make: it holds the connections. Requests of one provider reuse them.
#[derive(Debug)]
pub struct AnthropicProvider(HttpProvider<Messages>);

/// The Messages wire, as one endpoint speaks it.
pub(crate) struct Messages {
    uri: Uri,
    pub(crate) seal: Seal,
    pub(crate) prompt_cache: PromptCache,
    generation: Option<Generation>,
}

impl Messages {
    pub(crate) fn generation(&self, model: &str) -> Generation {
        self.generation.unwrap_or_else(|| Generation::of(model))
    }
}

impl Wire for Messages {
    type Translator = EventTranslator;

    fn write(&self, request: &ChatRequest) -> Result<Outgoing, ProviderError> {
        Ok(Outgoing { uri: self.uri.clone(), body: request::body(request, self)? })
    }

    fn translator(&self) -> EventTranslator {
        EventTranslator::new(self.seal.clone())
    }

    /// Thoughts that the endpoint can no longer open would make it refuse the conversation for ever,
    /// and a way to think that it does not know would make it refuse every one.
    fn refusal(&self, status: StatusCode, wait: Option<Duration>, body: &[u8]) -> Refusal {
        let refusal = ErrorReport::read(body).refusal(status, wait);
        if status == StatusCode::BAD_REQUEST && rewrite::is_about_thoughts(body) {
            return Refusal { pause: Pause::Rewritten, ..refusal };
        }
        refusal
    }

    fn rewrite(&self, body: &[u8]) -> Option<Vec<u8>> {
        rewrite::without_thoughts(body)
    }
}

impl AnthropicProvider {
    /// Checks the options and makes the client. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] when the URL, the key or the name of a beta cannot be used, or, for `https`,
    /// when the system has no root certificates.
    pub fn new(options: AnthropicOptions) -> Result<Self, OptionsError> {
        let AnthropicOptions { base_url, auth, betas, prompt_cache, generation, limits } = options;
        let base = BaseUrl::new(&base_url)?;
        let uri = uri(&base).ok_or(OptionsError::NotAUrl)?;
        let seal = Seal::new("anthropic", &base);
        let wire = Messages { uri, seal, prompt_cache, generation };
        HttpProvider::new(wire, base, headers(&auth, &betas)?, limits).map(Self)
    }
}

fn uri(base: &BaseUrl) -> Option<Uri> {
    let has_version = base.path().trim_end_matches('/').ends_with("/v1");
    let version = (!has_version).then_some("v1");
    base.uri(version.into_iter().chain(["messages"]), None)
}

fn headers(auth: &Auth, betas: &[String]) -> Result<HeaderMap, OptionsError> {
    let mut headers = HeaderMap::new();
    let version = HeaderValue::from_static(VERSION);
    headers.insert(HeaderName::from_static("anthropic-version"), version);
    if !betas.is_empty() {
        let betas = HeaderValue::try_from(betas.join(",")).map_err(|_| OptionsError::Key)?;
        headers.insert(HeaderName::from_static("anthropic-beta"), betas);
    }
    match auth {
        Auth::None => {}
        Auth::ApiKey(key) => {
            headers.insert(HeaderName::from_static("x-api-key"), secret_header("", key)?);
        }
        Auth::Bearer(key) => {
            headers.insert(AUTHORIZATION, secret_header("Bearer ", key)?);
        }
    }
    Ok(headers)
}

#[async_trait]
impl ChatProvider for AnthropicProvider {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        self.0.start(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_in_the_path_once() {
        for (base, uri_of) in [
            ("https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
            ("https://api.anthropic.com/v1/", "https://api.anthropic.com/v1/messages"),
            ("http://localhost:1/anthropic", "http://localhost:1/anthropic/v1/messages"),
            ("http://localhost:1/v1", "http://localhost:1/v1/messages"),
            ("http://localhost:1/notv1", "http://localhost:1/notv1/v1/messages"),
        ] {
            assert_eq!(uri(&BaseUrl::new(base).unwrap()).unwrap().to_string(), uri_of);
        }
    }
}
