//! Credentials that do not stay the same.

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use loquat_provider::ProviderError;

/// Where the header comes from that lets a request in, for an endpoint whose key is not fixed.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// The header for the next attempt; its value must be marked as sensitive.
    ///
    /// Asked before every attempt and within the time for the first piece of the answer; dropping
    /// the future must leave nothing behind.
    ///
    /// # Errors
    ///
    /// [`ProviderError`], which is treated like the attempt's own: one that
    /// [may be retried](ProviderError::may_be_retried) is.
    async fn header(&self) -> Result<(HeaderName, HeaderValue), ProviderError>;
}
