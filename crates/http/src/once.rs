//! Requests that may be sent twice and make what they make once.

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::HeaderMap};
use aws_lc_rs::digest::{Context, SHA256};
use futures::future::LocalBoxFuture;
use loquat_chat::OnceKey;
use loquat_domain::{Fingerprint, IdempotencyKey};

use crate::{
    body::{Received, RequestBody, receive},
    error::ApiError,
    header::IDEMPOTENCY_KEY,
};

/// A body that asks for something to be made.
pub(crate) trait Creation: RequestBody {
    /// Names the kind of request in the store: the same key for another kind is another key.
    const ROUTE: &'static str;
}

/// A body of JSON, and the name by which its request is known if it comes again. Extracting it fails
/// like [`JsonBody`](crate::body::JsonBody), and with 400 for a header that is no such name.
pub(crate) struct OnceBody<T> {
    pub(crate) body: T,
    pub(crate) once: Option<OnceKey>,
}

impl<T: Creation> FromRequest for OnceBody<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let key = key(request.headers());
        let path = request.path().to_owned();
        let received = receive(request, payload);
        Box::pin(async move {
            let key = key?;
            let Received { body, bytes } = received.await?;
            let once = key.map(|key| {
                let fingerprint = fingerprint(&path, &bytes);
                OnceKey { route: T::ROUTE, key, fingerprint }
            });
            Ok(Self { body, once })
        })
    }
}

/// The one key of a request, if it has one.
fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut all = headers.get_all(IDEMPOTENCY_KEY);
    let Some(header) = all.next() else { return Ok(None) };
    let text = header.to_str().map_err(|_| ApiError::invalid_key())?;
    match (IdempotencyKey::new(text), all.next()) {
        (Ok(key), None) => Ok(Some(key)),
        _ => Err(ApiError::invalid_key()),
    }
}

/// Everything that a request says: its path, which has ids in it, and its body as it came. How the
/// answer shall be sent, and by whom it was asked for, is no part of it.
fn fingerprint(path: &str, body: &[u8]) -> Fingerprint {
    let mut digest = Context::new(&SHA256);
    // A path has no line break, so that no two requests run together to the same bytes.
    for part in [path.as_bytes(), b"\n", body] {
        digest.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.finish().as_ref());
    Fingerprint(bytes)
}

#[cfg(test)]
mod tests {
    use actix_web::{http::header::HeaderValue, test::TestRequest};

    use super::*;

    fn key_of(headers: &[&[u8]]) -> Result<Option<String>, ApiError> {
        let request = headers.iter().fold(TestRequest::default(), |request, value| {
            request.append_header((IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap()))
        });
        let key = key(request.to_http_request().headers())?;
        Ok(key.map(|key| key.as_str().to_owned()))
    }

    #[test]
    fn one_header_is_one_key() {
        assert_eq!(key_of(&[]), Ok(None));
        assert_eq!(key_of(&[b"order-17/2"]), Ok(Some("order-17/2".to_owned())));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = [b'k'; 256];
        for headers in [
            &[b"a".as_slice(), b"a"][..],
            &[b""],
            &[b"a b"],
            &[b"caf\xc3\xa9"],
            &[b"\xff"],
            &[&long],
        ] {
            assert_eq!(key_of(headers), Err(ApiError::invalid_key()), "{headers:?}");
        }
    }

    #[test]
    fn a_fingerprint_is_that_of_path_and_body() {
        let original = fingerprint("/v1/a", b"{}");
        assert_eq!(fingerprint("/v1/a", b"{}"), original);
        for other in
            [fingerprint("/v1/b", b"{}"), fingerprint("/v1/a", b"{ }"), fingerprint("/v1/a", b"")]
        {
            assert_ne!(other, original);
        }
    }
}
