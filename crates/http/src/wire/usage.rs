//! What an answer used, as `/v1/responses` says it.

use loquat_domain::Usage;
use serde::Serialize;
use utoipa::ToSchema;

/// Tokens. The details are parts of the totals.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Usage)]
pub(crate) struct UsageBody {
    input_tokens: u64,
    input_tokens_details: InputTokensDetails,
    output_tokens: u64,
    output_tokens_details: OutputTokensDetails,
    total_tokens: u64,
    /// True when the provider did not say and the server counted itself.
    estimated: bool,
}

/// Parts of `input_tokens`.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct InputTokensDetails {
    /// Read from the provider's prompt cache.
    cached_tokens: u64,
    /// Written to the provider's prompt cache.
    cache_write_tokens: u64,
}

/// Parts of `output_tokens`.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct OutputTokensDetails {
    reasoning_tokens: u64,
}

impl From<&Usage> for UsageBody {
    fn from(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens,
            input_tokens_details: InputTokensDetails {
                cached_tokens: usage.cached_tokens,
                cache_write_tokens: usage.cache_write_tokens,
            },
            output_tokens: usage.output_tokens,
            output_tokens_details: OutputTokensDetails { reasoning_tokens: usage.reasoning_tokens },
            total_tokens: usage.total_tokens(),
            estimated: usage.estimated,
        }
    }
}
