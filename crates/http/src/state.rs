//! What every handler needs.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use bytes::Bytes;
use loquat_auth::TokenVerifier;
use loquat_chat::ChatService;
use loquat_domain::Scope;

use crate::{openapi::openapi_json, providers::ProviderHealth};

/// What every handler needs. Cheap to clone; make one and clone it for each worker.
#[derive(Clone)]
pub struct HttpState {
    pub(crate) chat: ChatService,
    pub(crate) verifier: Arc<dyn TokenVerifier>,
    pub(crate) providers: Arc<dyn Fn() -> Vec<ProviderHealth> + Send + Sync>,
    /// The API's own description, made once.
    pub(crate) openapi: Bytes,
    /// Makes of a scope a number that means something in this process's log and nowhere else.
    scopes: Arc<RandomState>,
}

impl HttpState {
    /// The use cases, and who decides which tokens are believed.
    pub fn new(chat: ChatService, verifier: Arc<dyn TokenVerifier>) -> Self {
        let openapi = Bytes::from(openapi_json());
        Self { chat, verifier, providers: Arc::new(Vec::new), openapi, scopes: Arc::default() }
    }

    /// Asks this how the providers are doing, whenever somebody wants to know. It must not block.
    /// Without it there are none.
    #[must_use]
    pub fn with_providers(
        self,
        health: impl Fn() -> Vec<ProviderHealth> + Send + Sync + 'static,
    ) -> Self {
        Self { providers: Arc::new(health), ..self }
    }

    /// A scope's name in the log. With a key that only this process has, because names of people
    /// are few enough to be guessed from a plain hash.
    pub(crate) fn pseudonym(&self, scope: &Scope) -> u64 {
        self.scopes.hash_one(scope)
    }
}
