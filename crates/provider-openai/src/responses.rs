//! The Responses wire.

mod calls;
mod event;
mod input;
mod request;
mod rewrite;
mod sources;
mod translate;

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use loquat_provider::{ChatRequest, ProviderError};
use loquat_provider_http::{ErrorReport, Outgoing, Pause, Refusal, Seal, Wire};

use crate::{endpoint::Endpoint, models::Models};
use translate::EventTranslator;

/// The Responses wire, as one endpoint speaks it.
pub(crate) struct Responses {
    endpoint: Arc<Endpoint>,
    models: Arc<Models>,
    seal: Arc<Seal>,
}

impl Responses {
    pub(crate) fn new(endpoint: Arc<Endpoint>, models: Arc<Models>) -> Self {
        let seal = Arc::new(Seal::new("openai-responses", endpoint.base()));
        Self { endpoint, models, seal }
    }
}

impl Wire for Responses {
    type Translator = EventTranslator;

    /// The last events have the whole answer in them, and the request's instructions and tools. An
    /// answer of 2 MiB, the longest that is kept by default, is up to 6 MiB of JSON where everything
    /// but ASCII is escaped.
    const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

    fn write(&self, request: &ChatRequest) -> Result<Outgoing, ProviderError> {
        let body = request::body(request, self.models.thoughts(&request.model), &self.seal)?;
        let uri = self.endpoint.responses_uri().ok_or(ProviderError::Inexpressible)?;
        Ok(Outgoing { uri, body })
    }

    fn translator(&self) -> EventTranslator {
        EventTranslator::new(Arc::clone(&self.seal))
    }

    /// Thoughts that the endpoint can no longer open would make it refuse the conversation for ever:
    /// sealed under a key that was replaced, by a model that is gone, for another organisation. And
    /// models that have none refuse to be asked for them.
    fn refusal(&self, status: StatusCode, wait: Option<Duration>, body: &[u8]) -> Refusal {
        let refusal = ErrorReport::read(body).refusal(status, wait);
        if status == StatusCode::BAD_REQUEST && rewrite::is_about_seals(body) {
            return Refusal { pause: Pause::Rewritten, ..refusal };
        }
        refusal
    }

    fn rewrite(&self, body: &[u8]) -> Option<Vec<u8>> {
        rewrite::unsealed(body)
    }
}
