//! One line in the log for each request, and a floor under whatever goes wrong in it.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use actix_web::{
    Error, HttpMessage as _,
    body::{BodySize, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
use bytes::Bytes;
use futures::FutureExt as _;
use loquat_auth::Principal;
use loquat_chat::{IdSource as _, SystemIds};

use crate::{HttpState, error::ApiError};

/// Names a request in the log and in its answer, so that a person can find one with the other.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is taken over from a client, in bytes.
const MAX_REQUEST_ID: usize = 64;

/// Answers a panic with an error, names the request in its answer, and logs one line when the
/// answer has been sent or given up.
///
/// # Errors
///
/// A panic, as an error that renders itself; and what an inner layer did not turn into an answer.
pub(crate) async fn observe<B: MessageBody + Unpin + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<Observed<B>>, Error> {
    let mut line = Line::new(&request);
    let answered = AssertUnwindSafe(async { next.call(request).await }).catch_unwind().await;
    let error = match answered {
        Ok(Ok(mut response)) => {
            line.answered(&response);
            response.headers_mut().insert(REQUEST_ID, line.id.clone());
            return Ok(response.map_body(|_, body| Observed::new(line, body)));
        }
        Ok(Err(error)) => error,
        // What it was has been printed by the panic hook, if there is one; it may hold anything.
        Err(_panic) => ApiError::internal().into(),
    };
    let mut response = error.error_response();
    line.status = response.status().as_u16();
    line.complete = true;
    response.headers_mut().insert(REQUEST_ID, line.id.clone());
    Err(InternalError::from_response("request failed", response).into())
}

/// A request's line, which is written when it is dropped: at the end of the answer, or when the
/// client has gone away before it.
struct Line {
    id: HeaderValue,
    method: Method,
    route: Option<String>,
    /// 0 when the client went away before there was an answer.
    status: u16,
    scope: Option<u64>,
    started: Instant,
    complete: bool,
}

impl Line {
    fn new(request: &ServiceRequest) -> Self {
        Self {
            id: request_id(request.headers()),
            method: request.method().clone(),
            route: None,
            status: 0,
            scope: None,
            started: Instant::now(),
            complete: false,
        }
    }

    fn answered<B>(&mut self, response: &ServiceResponse<B>) {
        let request = response.request();
        self.status = response.status().as_u16();
        // The pattern and never the path: whoever mistypes a path may put anything into it.
        self.route = request.match_pattern();
        let state = request.app_data::<Data<HttpState>>();
        self.scope = state.and_then(|state| {
            request.extensions().get::<Principal>().map(|it| state.pseudonym(&it.scope))
        });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let method =
            if STANDARD_METHODS.contains(&self.method) { self.method.as_str() } else { "?" };
        tracing::info!(
            target: "loquat_http::request",
            id = self.id.to_str().unwrap_or_default(),
            method,
            route = self.route.as_deref().unwrap_or("unknown"),
            status = self.status,
            duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            scope = self.scope.map(|scope| format!("{scope:016x}")),
            complete = self.complete,
            "request"
        );
    }
}

/// Any word may stand in a request's first line; only these are repeated in the log.
const STANDARD_METHODS: [Method; 9] = [
    Method::GET,
    Method::POST,
    Method::DELETE,
    Method::PUT,
    Method::PATCH,
    Method::HEAD,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
];

/// The client's own name for the request when it has a harmless form, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let mut given = headers.get_all(REQUEST_ID);
    if let (Some(id), None) = (given.next(), given.next())
        && (1..=MAX_REQUEST_ID).contains(&id.len())
        && id.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    {
        return id.clone();
    }
    let id = SystemIds.next().simple().to_string();
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unnamed"))
}

/// A body that takes its request's line with it.
pub(crate) struct Observed<B> {
    line: Option<Line>,
    body: B,
}

impl<B: MessageBody> Observed<B> {
    fn new(mut line: Line, body: B) -> Self {
        // A body of no bytes is dropped without being asked for any.
        line.complete = body.size().is_eof();
        Self { line: Some(line), body }
    }

    fn end(&mut self) {
        if let Some(mut line) = self.line.take() {
            line.complete = true;
        }
    }
}

impl<B: MessageBody + Unpin> MessageBody for Observed<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_next(cx);
        if let Poll::Ready(None) = polled {
            this.end();
        }
        polled
    }

    fn try_into_bytes(mut self) -> Result<Bytes, Self> {
        match self.body.try_into_bytes() {
            Ok(bytes) => {
                if let Some(line) = &mut self.line {
                    line.complete = true;
                }
                Ok(bytes)
            }
            Err(body) => Err(Self { line: self.line, body }),
        }
    }
}
