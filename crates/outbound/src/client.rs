//! The client.
//!
//! This is hyper's pooling client and not one built on top of it, because only here can the read
//! buffer be bounded. Left alone it grows to 400 KiB when the endpoint is faster than the reader:
//! a stream that nobody reads then holds 290 to 430 KiB, and 40 KiB with the bound below (measured
//! with 50 streams, each some thousand events in). Nothing that is missing here is missed: no
//! redirects, no proxy from the environment, no cookies, no decompression.

use std::{error::Error, fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header::USER_AGENT};
use http_body_util::Full;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::error::Elapsed;

use crate::{BaseUrl, Body, FetchError, OptionsError, SendError, connector::Connector};

/// How long an unused connection is kept. OpenAI's and Azure's front ends keep theirs for at least
/// a minute; one that is closed earlier is noticed, at the latest by a further attempt.
const KEEP_UNUSED: Duration = Duration::from_secs(50);

/// The size of a read, in bytes, and the least that hyper allows; also the limit of an answer's head,
/// which common front ends keep below as well. Each open stream holds one. Where events come in bulk a
/// read carries about fifty of them, and reading more at once was measured to save nothing.
const READ_SIZE: usize = 8 * 1024;

/// How much of a document is read, and how long that may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most bytes that its body may have.
    pub max_bytes: usize,
    /// The most time from the call to the body's end, connecting included.
    pub time: Duration,
}

/// The pool of connections to one endpoint, and the headers that every request carries.
///
/// HTTP/1.1, one answer a connection: dropping an answer frees the endpoint at once, and none waits
/// behind another. Nothing is sent a second time by the client itself.
pub struct HttpClient {
    home: BaseUrl,
    pool: legacy::Client<Connector, Full<Bytes>>,
    headers: HeaderMap,
}

impl HttpClient {
    /// A client for the endpoint at `home`. Every request carries `headers`, and who we are. A
    /// connection, TLS included, may take `connect_timeout`.
    ///
    /// # Errors
    ///
    /// [`OptionsError::Client`] when the system has no root certificates and needs some.
    pub fn new(
        home: BaseUrl,
        mut headers: HeaderMap,
        connect_timeout: Duration,
    ) -> Result<Self, OptionsError> {
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_UNUSED)
            .http1_read_buf_exact_size(READ_SIZE)
            .build(Connector::new(home.is_https(), connect_timeout)?);
        let agent = concat!("loquat/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        Ok(Self { home, pool, headers })
    }

    /// Posts `body` and waits for the head of the answer, whatever its status. `more` headers come
    /// on top of the client's own and replace those of the same name.
    ///
    /// Dropping the future closes the connection. Beside the time for connecting there is no limit;
    /// the caller has one.
    ///
    /// # Errors
    ///
    /// [`SendError`]; what the endpoint has seen by then is said there.
    pub async fn post(
        &self,
        uri: &Uri,
        more: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Body>, SendError> {
        self.send(Method::POST, uri, more, body).await
    }

    /// Like [`post`](Self::post), with GET and without a body.
    ///
    /// # Errors
    ///
    /// [`SendError`]; what the endpoint has seen by then is said there.
    pub async fn get(&self, uri: &Uri) -> Result<Response<Body>, SendError> {
        self.send(Method::GET, uri, &HeaderMap::new(), Bytes::new()).await
    }

    /// Gets a small document whole: status, headers and body, whatever the status. A redirect is
    /// such a document.
    ///
    /// # Errors
    ///
    /// [`FetchError`] when it does not come whole within the bounds.
    pub async fn fetch(&self, uri: &Uri, bounds: Bounds) -> Result<Response<Bytes>, FetchError> {
        let fetching = async {
            let (head, mut body) = self.get(uri).await?.into_parts();
            let mut bytes = Vec::new();
            if body.read_into(&mut bytes, bounds.max_bytes).await? {
                Ok(Response::from_parts(head, Bytes::from(bytes)))
            } else {
                Err(FetchError::TooLarge { max_bytes: bounds.max_bytes })
            }
        };
        tokio::time::timeout(bounds.time, fetching).await.map_err(|_| FetchError::Late)?
    }

    async fn send(
        &self,
        method: Method,
        uri: &Uri,
        more: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Body>, SendError> {
        if !self.home.is_home_of(uri) {
            return Err(SendError::Elsewhere);
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        request.headers_mut().clone_from(&self.headers);
        for (name, value) in more {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        let response = self.pool.request(request).await.map_err(unsent)?;
        Ok(response.map(Body))
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("home", &self.home).finish_non_exhaustive()
    }
}

fn unsent(error: legacy::Error) -> SendError {
    if error.source().is_some_and(<dyn Error>::is::<Elapsed>) {
        SendError::ConnectTimeout
    } else if error.is_connect() {
        SendError::Unreachable(error.into())
    } else {
        SendError::Lost(error.into())
    }
}

/// A header's value that is never printed: `prefix` and then the secret.
///
/// # Errors
///
/// [`OptionsError::Key`] when the secret has characters that no header can carry.
pub fn secret_header(prefix: &str, secret: &SecretString) -> Result<HeaderValue, OptionsError> {
    let value = format!("{prefix}{}", secret.expose_secret());
    if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(OptionsError::Key);
    }
    let mut value = HeaderValue::try_from(value).map_err(|_| OptionsError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}
