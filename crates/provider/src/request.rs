//! What a model is asked.

use loquat_domain::{ItemContent, Settings};

/// Everything that the model shall see, and how it shall answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The model's name at its provider.
    pub model: String,
    /// How to answer. `instructions` come before the input; `max_output_tokens` is what the
    /// provider is told; `truncation` has been dealt with and means nothing here.
    pub settings: Settings,
    /// The conversation as the model shall see it, oldest first.
    pub input: Vec<ItemContent>,
}
