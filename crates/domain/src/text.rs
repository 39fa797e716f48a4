//! What text may be stored.

use std::fmt;

/// Text that no store accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text must not contain the NUL character")]
pub struct TextError;

/// Refuses the one character that a store cannot keep: Postgres has no NUL in text or JSON, and
/// SQLite's functions stop at it. Every other Unicode scalar is kept as it is.
///
/// # Errors
///
/// [`TextError`] when the text contains U+0000.
pub fn check_text(text: &str) -> Result<(), TextError> {
    if text.contains('\0') { Err(TextError) } else { Ok(()) }
}

/// A JSON value in the words of whoever wrote it.
///
/// Kept as text so that it is passed on unread and unchanged: the order of a schema's properties
/// steers a model's answer. The edge that makes one has parsed it.
#[derive(Clone, PartialEq, Eq)]
pub struct RawJson(Box<str>);

impl RawJson {
    /// Wraps text that the caller has parsed as JSON.
    pub fn from_checked(json: impl Into<Box<str>>) -> Self {
        Self(json.into())
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson({} bytes)", self.0.len())
    }
}
