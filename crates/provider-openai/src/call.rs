//! One call, ready to be sent as often as it takes.

use bytes::Bytes;
use reqwest::{Client, Response, StatusCode, Url};

use crate::refusal::{Refusal, is_no_stream};

/// Everything that an attempt needs. The client carries the key and the fixed headers.
pub(crate) struct Call {
    pub(crate) client: Client,
    pub(crate) url: Url,
    pub(crate) body: Bytes,
}

impl Call {
    /// Sends it and waits for the head of an event stream. Dropping the future closes the
    /// connection.
    pub(crate) async fn send(&self) -> Result<Response, Refusal> {
        let request = self.client.post(self.url.clone()).body(self.body.clone());
        let response = request.send().await.map_err(Refusal::unsent)?;
        if response.status() == StatusCode::OK && !is_no_stream(response.headers()) {
            Ok(response)
        } else {
            Err(Refusal::read(response).await)
        }
    }
}
