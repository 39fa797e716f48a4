//! What an endpoint's "no" means.

use std::time::Duration;

use http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE};
use loquat_outbound::{Body, SendError};
use loquat_provider::ProviderError;

use crate::{ErrorReport, Pause, Wire, retry::retry_after};

/// How much of an error's body is read, in bytes. Those of the known servers have less than 4 KiB.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;

/// How long an error's body may take. Its status alone says nearly as much.
const ERROR_BODY_TIME: Duration = Duration::from_secs(2);

/// An attempt that came to nothing: what to tell the caller, and what the endpoint wants of us if
/// there shall be another.
#[derive(Debug)]
pub struct Refusal {
    /// What to tell the caller. There is another attempt only when it
    /// [may be retried](ProviderError::may_be_retried).
    pub error: ProviderError,
    /// What should lie between this attempt and the next.
    pub pause: Pause,
}

impl From<ProviderError> for Refusal {
    fn from(error: ProviderError) -> Self {
        Self { error, pause: Pause::Backoff }
    }
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Elsewhere => ProviderError::Inexpressible.into(),
            SendError::ConnectTimeout => ProviderError::ConnectTimeout.into(),
            SendError::Unreachable(source) => ProviderError::Unavailable(Some(source)).into(),
            // The usual reason is that the connection was kept from the last answer and has been
            // closed by the endpoint since: a fresh one will do at once.
            SendError::Lost(source) => {
                Self { error: ProviderError::Unavailable(Some(source)), pause: Pause::Short }
            }
        }
    }
}

impl Refusal {
    /// A status other than 200, or an answer that is not a stream of events.
    pub(crate) async fn read(response: Response<Body>, wire: &impl Wire) -> Self {
        let (status, wait) = (response.status(), retry_after(response.headers()));
        if status.is_redirection() {
            return ProviderError::Protocol("it redirects, and a key is not carried along").into();
        }
        let body = beginning(response.into_body()).await;
        match status {
            StatusCode::OK => ErrorReport::read(&body).into_answer_error().into(),
            _ => wire.refusal(status, wait, &body),
        }
    }
}

/// True when the head announces something that cannot be a stream of events. Whatever else it
/// announces is taken for one: not every server labels its streams.
pub(crate) fn is_no_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&[][..], |kind| kind.as_bytes());
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    kind.eq_ignore_ascii_case(b"application/json") || kind.eq_ignore_ascii_case(b"text/html")
}

/// The beginning of the body, as far as it comes in time.
async fn beginning(mut incoming: Body) -> Vec<u8> {
    let mut body = Vec::new();
    let reading = incoming.read_into(&mut body, MAX_ERROR_BODY_BYTES);
    // What has come until then is judged.
    let _ = tokio::time::timeout(ERROR_BODY_TIME, reading).await;
    body
}
