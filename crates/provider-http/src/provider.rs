//! A provider made of a wire.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_TYPE},
};
use loquat_outbound::{BaseUrl, HttpClient, OptionsError};
use loquat_provider::{AnswerStream, ChatProvider, ChatRequest, ProviderError};

use crate::{
    Credentials, Limits, Outgoing, Wire,
    answer::{Answer, Call},
};

/// One endpoint with its wire, its key, its time limits and its pool of connections.
///
/// Cheap to share, costly to make. Requests of one provider reuse its connections.
pub struct HttpProvider<W> {
    wire: Arc<W>,
    client: Arc<HttpClient>,
    credentials: Option<Arc<dyn Credentials>>,
    limits: Limits,
}

impl<W: Wire> HttpProvider<W> {
    /// A provider for the endpoint at `base`. Every request carries `headers`, among them a fixed
    /// key, if there is one. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`OptionsError::Client`] when the system has no root certificates and needs some.
    pub fn new(
        wire: W,
        base: BaseUrl,
        mut headers: HeaderMap,
        limits: Limits,
    ) -> Result<Self, OptionsError> {
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let client = Arc::new(HttpClient::new(base, headers, limits.connect_timeout())?);
        Ok(Self { wire: Arc::new(wire), client, credentials: None, limits })
    }

    /// Asks for a header before every attempt.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Arc<dyn Credentials>) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The same endpoint in another of its wires: with the same connections, key and limits.
    pub fn speaking<V: Wire>(&self, wire: V) -> HttpProvider<V> {
        HttpProvider {
            wire: Arc::new(wire),
            client: Arc::clone(&self.client),
            credentials: self.credentials.clone(),
            limits: self.limits,
        }
    }

    /// The wire that it speaks.
    pub fn wire(&self) -> &W {
        &self.wire
    }
}

impl<W> fmt::Debug for HttpProvider<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProvider")
            .field("client", &self.client)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<W: Wire> ChatProvider for HttpProvider<W> {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let Outgoing { uri, body } = self.wire.write(&request)?;
        let trail = request.trail.clone();
        // The history is in the body: no second copy while the provider is waited for.
        drop(request);
        let call = Call {
            client: Arc::clone(&self.client),
            credentials: self.credentials.clone(),
            uri,
            body: Bytes::from(body.into_boxed_slice()),
        };
        let answer = Answer::new(Arc::clone(&self.wire), call, self.limits, trail);
        let mut answer = Box::new(answer);
        answer.open().await?;
        let events = stream::unfold(answer, async |mut answer| {
            answer.next().await.map(|event| (event, answer))
        });
        Ok(events.boxed())
    }
}
