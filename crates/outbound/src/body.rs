//! What an endpoint sends after its head.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::ReadError;

/// The body of an answer, read piece by piece. Dropping it before its end closes the connection;
/// reading it to its end gives the connection back to the pool.
#[derive(Debug)]
pub struct Body(pub(crate) Incoming);

impl Body {
    /// The next bytes, at most as many as one read brings; `None` at the end.
    ///
    /// Dropping the future loses nothing. Nothing is read ahead: a reader who does not ask stops
    /// the endpoint. There is no time limit; the caller has one.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the connection ends before the body does.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ReadError> {
        while let Some(frame) = self.0.frame().await {
            // Trailers say nothing that anybody here listens to.
            if let Ok(chunk) = frame.map_err(ReadError)?.into_data() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }

    /// Appends what comes until `into` has `max_bytes` or the body ends; true when it ended, false
    /// when there is more. What has come is in `into` also when the future fails or is dropped.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the connection ends before the body does.
    pub async fn read_into(
        &mut self,
        into: &mut Vec<u8>,
        max_bytes: usize,
    ) -> Result<bool, ReadError> {
        while let Some(chunk) = self.chunk().await? {
            let room = max_bytes.saturating_sub(into.len());
            into.extend(chunk.iter().take(room));
            if chunk.len() > room {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
