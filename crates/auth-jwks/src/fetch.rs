//! How documents are fetched.

use std::{error::Error, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, CACHE_CONTROL},
};
use loquat_outbound::{BaseUrl, Bounds, HttpClient};

/// The largest document that is read. Sets of keys have 1 to 10 KiB; with long chains of
/// certificates, some tens.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// How long a document may take, connecting included.
pub const MAX_FETCH_TIME: Duration = Duration::from_secs(5);

/// A document as it came.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its bytes.
    pub body: Bytes,
    /// For how long its sender says that it stays as it is.
    pub max_age: Option<Duration>,
}

/// A document that did not come.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is something else than a document. A redirect is such an answer.
    #[error("the answer has status {0} instead of 200")]
    Status(u16),
    /// It did not come whole, in time, or small enough.
    #[error("the document did not come")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// Fetches small documents.
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// Gets the document at this address and at no other: a redirect is an error. Nothing is sent
    /// that is not the same for everybody. Dropping the future ends the fetch.
    ///
    /// # Errors
    ///
    /// [`FetchError`] when it is not there within [`MAX_FETCH_TIME`], or has more than
    /// [`MAX_DOCUMENT_BYTES`], which are not read then.
    async fn fetch(&self, url: &BaseUrl) -> Result<Document, FetchError>;
}

/// Fetches over HTTP/1.1, with the system's root certificates.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpFetch;

#[async_trait]
impl Fetch for HttpFetch {
    async fn fetch(&self, url: &BaseUrl) -> Result<Document, FetchError> {
        let failed = |error: Box<dyn Error + Send + Sync>| FetchError::Failed(error);
        let uri = url.uri([], None).ok_or_else(|| failed("the address is too long".into()))?;
        let json = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        // A connection that was kept for minutes is more often dead than of use.
        let client = HttpClient::new(url.clone(), json, MAX_FETCH_TIME)
            .map_err(|error| failed(error.into()))?;
        let bounds = Bounds { max_bytes: MAX_DOCUMENT_BYTES, time: MAX_FETCH_TIME };
        let answer = client.fetch(&uri, bounds).await.map_err(|error| failed(error.into()))?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        let max_age = max_age(answer.headers());
        Ok(Document { body: answer.into_body(), max_age })
    }
}

/// What `Cache-Control` says (RFC 9111 §5.2.2.1); of several the shortest.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).into_iter().filter_map(|it| it.to_str().ok());
    let seconds = values.flat_map(|it| it.split(',')).filter_map(|directive| {
        let (name, seconds) = directive.split_once('=')?;
        name.trim().eq_ignore_ascii_case("max-age").then(|| seconds.trim().parse().ok())?
    });
    seconds.min().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_found_among_other_directives() {
        let table = [
            (vec![], None),
            (vec!["no-cache"], None),
            (vec!["public, max-age=600, must-revalidate"], Some(600)),
            (vec!["Max-Age=600"], Some(600)),
            (vec!["max-age=600", "max-age=60"], Some(60)),
            (vec!["max-age=x"], None),
            (vec!["s-maxage=600"], None),
            (vec!["max-age=-1"], None),
            (vec!["max-age=99999999999999999999"], None),
        ];
        for (values, seconds) in table {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
            }
            assert_eq!(max_age(&headers), seconds.map(Duration::from_secs), "{headers:?}");
        }
    }
}
