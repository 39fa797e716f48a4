//! What an answer used.

/// Tokens that one response used, in the shape that the field reports: the details are parts of
/// the totals, never additions to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: u64,
    /// The part of `input_tokens` that was read from the provider's prompt cache.
    pub cached_tokens: u64,
    /// The part of `input_tokens` that was written to the provider's prompt cache.
    pub cache_write_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: u64,
    /// The part of `output_tokens` that was reasoning.
    pub reasoning_tokens: u64,
    /// True when the provider did not say and we counted ourselves.
    pub estimated: bool,
}

impl Usage {
    /// Prompt and answer together.
    pub const fn total_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}
