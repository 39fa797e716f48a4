//! The Responses wire.

mod calls;
mod event;
mod input;
mod request;
mod sources;
mod translate;

use std::sync::Arc;

use loquat_provider::{ChatRequest, ProviderError};
use loquat_provider_http::{Outgoing, Seal, Wire};

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

    fn write(&self, request: &ChatRequest) -> Result<Outgoing, ProviderError> {
        let body = request::body(request, self.models.thoughts(&request.model), &self.seal)?;
        let uri = self.endpoint.responses_uri().ok_or(ProviderError::Rejected { status: 0 })?;
        Ok(Outgoing { uri, body })
    }

    fn translator(&self) -> EventTranslator {
        EventTranslator::new(Arc::clone(&self.seal))
    }
}
