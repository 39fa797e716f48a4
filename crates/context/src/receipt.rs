//! The account of a prompt.

use serde::Serialize;

/// What a prompt was made of, and what stayed out. Stored with the response as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Version of this form.
    pub v: u8,
    /// Name of the counter that all tokens here were counted with.
    pub counter: &'static str,
    /// The model's window, prompt and answer together.
    pub model_window: u32,
    /// Tokens that were kept free for the answer.
    pub reserved_output: u32,
    /// The most tokens that the prompt could have.
    pub max_input: u32,
    /// The tokens that it has: the sum of the sections.
    pub used: u32,
    /// What it is made of, in order.
    pub sections: Vec<Section>,
    /// What stayed out although it was loaded.
    pub dropped: Vec<Dropped>,
    /// Id of the oldest item of the history that is in the prompt; everything older, loaded or not,
    /// stayed out unless `whole_history`.
    pub oldest_item: Option<String>,
    /// True when the whole history is in the prompt.
    pub whole_history: bool,
}

/// A part of the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Section {
    /// What it is.
    pub kind: SectionKind,
    /// Its tokens.
    pub tokens: u32,
    /// How many items it has.
    pub items: usize,
}

/// What a part of the prompt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionKind {
    /// The tools' descriptions and schemas.
    Tools,
    /// The words of the operator.
    Instructions,
    /// The newest items of the conversation.
    History,
    /// The caller's new items.
    Input,
}

/// A loaded item that is not in the prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Its id.
    pub item: String,
    /// Its tokens.
    pub tokens: u32,
    /// Why it stayed out.
    pub why: &'static str,
}
