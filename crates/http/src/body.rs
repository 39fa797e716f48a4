//! A JSON body, read within limits and then field by field.

mod explain;
mod scan;

use std::time::Duration;

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use bytes::BytesMut;
use futures::{StreamExt as _, future::LocalBoxFuture};
use serde::de::DeserializeOwned;

use crate::error::{ApiError, ErrorCode};
pub(crate) use scan::Field;

/// The largest body, in bytes: four times the largest item, so that a turn with some history fits.
const MAX_BODY: usize = 1024 * 1024;

/// How long a body may take to arrive. A whole one on a slow mobile line takes half of it.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// What a request's body can be read as.
pub(crate) trait RequestBody: DeserializeOwned + 'static {
    /// Looks at the fields before they are read: for bodies that have to bear more than they know.
    ///
    /// # Errors
    ///
    /// A 400 that names the field.
    fn check(_fields: &[Field<'_>]) -> Result<(), ApiError> {
        Ok(())
    }

    /// What no body at all means, where there may be none.
    fn absent() -> Option<Self> {
        None
    }
}

/// A body of JSON. Extracting it fails with 400, 408, 413 or 415.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: RequestBody> FromRequest for JsonBody<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let received = receive(request, payload);
        Box::pin(async move { received.await.map(|Received { body, .. }| Self(body)) })
    }
}

/// A body, and the bytes that it was read from.
pub(crate) struct Received<T> {
    pub(crate) body: T,
    pub(crate) bytes: BytesMut,
}

/// Reads a request's body whole.
pub(crate) fn receive<T: RequestBody>(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<Received<T>, ApiError>> + use<T> {
    let declared = declared(request);
    let length = announced_length(request);
    let payload = payload.take();
    async move {
        if declared == Declared::Other || (declared == Declared::Nothing && T::absent().is_none()) {
            return Err(unsupported_media_type());
        }
        if length > MAX_BODY {
            return Err(too_large());
        }
        let read = tokio::time::timeout(BODY_DEADLINE, read(payload, length));
        let bytes = read.await.map_err(|_| too_slow())??;
        let body = match T::absent() {
            Some(absent) if bytes.is_empty() => absent,
            _ if declared == Declared::Nothing => return Err(unsupported_media_type()),
            _ => parse(&bytes)?,
        };
        Ok(Received { body, bytes })
    }
}

/// What a request says that its body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declared {
    Json,
    Nothing,
    Other,
}

fn declared(request: &HttpRequest) -> Declared {
    let headers = request.headers();
    let encoded = headers.get(CONTENT_ENCODING).is_some_and(|it| it != "identity");
    let Some(declared) = headers.get(CONTENT_TYPE) else {
        return if encoded { Declared::Other } else { Declared::Nothing };
    };
    let essence = declared.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let is_json = essence.trim().eq_ignore_ascii_case("application/json");
    if is_json && !encoded { Declared::Json } else { Declared::Other }
}

/// What the head says; a chunked body says nothing, and is counted as it comes.
fn announced_length(request: &HttpRequest) -> usize {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    length.map_or(0, |digits| digits.parse().unwrap_or(usize::MAX))
}

async fn read(mut payload: Payload, announced: usize) -> Result<BytesMut, ApiError> {
    let mut body = BytesMut::with_capacity(announced);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| not_whole())?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parse<T: RequestBody>(body: &[u8]) -> Result<T, ApiError> {
    T::check(&scan::fields(body)?)?;
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json).map_err(|error| explain::explain(&error))
}

fn unsupported_media_type() -> ApiError {
    let message = "a body of Content-Type application/json without Content-Encoding is needed";
    ApiError::new(ErrorCode::UnsupportedMediaType, message)
}

fn too_large() -> ApiError {
    ApiError::new(ErrorCode::BodyTooLarge, format!("a body has at most {MAX_BODY} bytes"))
}

fn too_slow() -> ApiError {
    let message = format!("the body did not arrive within {} s", BODY_DEADLINE.as_secs());
    ApiError::new(ErrorCode::RequestTimeout, message)
}

fn not_whole() -> ApiError {
    ApiError::new(ErrorCode::InvalidJson, "the body did not arrive whole")
}
