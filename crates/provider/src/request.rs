//! What a model is asked.

use loquat_domain::{ConversationId, ItemContent, Metadata, Scope, Settings};

use crate::Trail;

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
    /// After how many items of `input` a part of it ends that later requests repeat, ascending: where
    /// a provider that caches what it is told to should be told to.
    pub cache_ends: Vec<usize>,
    /// What is known of the call beside what the model shall see.
    pub about: About,
    /// Where whoever asks others writes down whom.
    pub trail: Trail,
}

impl ChatRequest {
    /// A request of which nothing more is known.
    pub fn new(model: impl Into<String>, settings: Settings, input: Vec<ItemContent>) -> Self {
        Self {
            model: model.into(),
            settings,
            input,
            cache_ends: Vec::new(),
            about: About::default(),
            trail: Trail::default(),
        }
    }
}

/// What is known of a call beside what the model shall see: for a provider that chooses among others.
/// No wire carries any of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// On whose behalf it is made, if on anybody's.
    pub scope: Option<Scope>,
    /// Ties the calls of one conversation together, also of one that callers never see.
    pub conversation: Option<ConversationId>,
    /// The caller's own key-value pairs.
    pub metadata: Metadata,
    /// Tokens of the prompt with tools and instructions, by the count of whoever asks; 0 when nobody
    /// has counted.
    pub input_tokens: u32,
}
