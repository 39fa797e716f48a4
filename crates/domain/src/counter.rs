//! Who counted tokens.

use std::{borrow::Cow, fmt};

/// Longest id, in bytes.
const MAX_BYTES: usize = 32;

/// A way to count tokens. Counts by different ways cannot be compared, and a new way to count is a
/// new id.
///
/// 1 to 32 characters, each a lower-case letter, a digit or a hyphen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterId(Cow<'static, str>);

/// The text cannot be the id of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a counter's id has 1 to 32 lower-case letters, digits and hyphens")]
pub struct CounterIdError;

impl CounterId {
    /// The estimate by the lengths of texts, which needs no vocabulary.
    pub const ESTIMATE: Self = Self(Cow::Borrowed("estimate-1"));

    /// Checks and wraps an id.
    ///
    /// # Errors
    ///
    /// [`CounterIdError`] when it is empty, too long or has other characters.
    pub fn new(id: impl Into<Cow<'static, str>>) -> Result<Self, CounterIdError> {
        let id = id.into();
        let fits = (1..=MAX_BYTES).contains(&id.len());
        if fits && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            Ok(Self(id))
        } else {
            Err(CounterIdError)
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for CounterId {
    fn default() -> Self {
        Self::ESTIMATE
    }
}

impl fmt::Display for CounterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_has_an_id_like_any_other() {
        assert_eq!(CounterId::new("estimate-1"), Ok(CounterId::ESTIMATE));
        assert_eq!(CounterId::ESTIMATE.to_string(), "estimate-1");
    }

    #[test]
    fn other_characters_and_long_ids_are_refused() {
        for id in ["", "O200k", "o200k_base", "a b", "ä", "a\0", &"x".repeat(33)] {
            assert_eq!(CounterId::new(id.to_owned()), Err(CounterIdError), "{id:?}");
        }
        assert!(CounterId::new("x".repeat(32)).is_ok());
    }
}
