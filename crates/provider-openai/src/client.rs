//! HTTP to one endpoint and to nobody else.
//!
//! This is hyper's pooling client and not one built on top of it, because only here can the read
//! buffer be bounded. Left alone it grows to 400 KiB when the endpoint is faster than the reader:
//! a stream that nobody reads then holds 290 to 430 KiB, and 40 KiB with the bound below (measured
//! with 50 streams, each some thousand events in). Nothing that is missing here is missed: no
//! redirects, no proxy from the environment, no cookies, no decompression.

mod connector;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use secrecy::ExposeSecret as _;

use crate::{
    options::{Auth, OptionsError},
    refusal::{Refusal, is_no_stream},
};
use connector::Connector;

/// How long an unused connection is kept. OpenAI's and Azure's front ends keep theirs for at least
/// a minute; one that is closed earlier is noticed, at the latest by a further attempt.
const KEEP_UNUSED: Duration = Duration::from_secs(50);

/// The size of a read, in bytes, and the least that hyper allows; also the limit of an answer's head,
/// which common front ends keep below as well. Each open stream holds one. Where events come in bulk a
/// read carries about fifty of them, and reading more at once was measured to save nothing.
const READ_SIZE: usize = 8 * 1024;

/// The pool of connections to one endpoint, and the headers that every request carries.
pub(crate) struct HttpClient {
    pool: legacy::Client<Connector, Full<Bytes>>,
    headers: HeaderMap,
}

impl HttpClient {
    /// HTTP/1.1 without any limit on the whole of a request: a stream may be long. One connection
    /// an answer means that dropping one frees the provider at once and none waits behind another.
    pub(crate) fn new(
        is_https: bool,
        auth: &Auth,
        connect_timeout: Duration,
    ) -> Result<Self, OptionsError> {
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_UNUSED)
            .http1_read_buf_exact_size(READ_SIZE)
            .build(Connector::new(is_https, connect_timeout)?);
        Ok(Self { pool, headers: headers(auth)? })
    }
}

fn headers(auth: &Auth) -> Result<HeaderMap, OptionsError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let agent = concat!("loquat/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    let (name, value) = match auth {
        Auth::None => return Ok(headers),
        Auth::Bearer(key) => (AUTHORIZATION, format!("Bearer {}", key.expose_secret())),
        Auth::AzureKey(key) => (HeaderName::from_static("api-key"), key.expose_secret().to_owned()),
    };
    if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(OptionsError::Key);
    }
    let mut value = HeaderValue::try_from(value).map_err(|_| OptionsError::Key)?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}

/// One call, ready to be sent as often as it takes.
pub(crate) struct Call {
    pub(crate) client: Arc<HttpClient>,
    pub(crate) uri: Uri,
    pub(crate) body: Bytes,
}

impl Call {
    /// Sends it and waits for the head of an event stream. Dropping the future closes the
    /// connection.
    pub(crate) async fn send(&self) -> Result<Response<Incoming>, Refusal> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().clone_from(&self.client.headers);
        let response = self.client.pool.request(request).await.map_err(Refusal::unsent)?;
        if response.status() == StatusCode::OK && !is_no_stream(response.headers()) {
            Ok(response)
        } else {
            Err(Refusal::read(response).await)
        }
    }
}

/// The next bytes of a body; `None` at its end.
pub(crate) async fn next_chunk(body: &mut Incoming) -> Result<Option<Bytes>, hyper::Error> {
    while let Some(frame) = body.frame().await {
        // Trailers say nothing about an answer.
        if let Ok(chunk) = frame?.into_data() {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}
