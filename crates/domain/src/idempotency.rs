//! Requests that may come twice and shall be done once.

use std::fmt;

/// What a caller calls a request, so that sending it again does not do it again.
///
/// 1 to 255 printable ASCII characters without spaces: what fits a header, and the length that the
/// field has agreed on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(String);

/// The text cannot be an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to 255 printable ASCII characters and no spaces")]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// Checks and wraps a key.
    ///
    /// # Errors
    ///
    /// [`IdempotencyKeyError`] when the text is empty, too long or has other characters.
    pub fn new(text: impl Into<String>) -> Result<Self, IdempotencyKeyError> {
        let text = text.into();
        let fits = (1..=255).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(IdempotencyKeyError)
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Callers put into a key what they like, so it is not shown.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(..)")
    }
}

/// A digest of everything that a request says: two requests with the same one are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_fits_a_header() {
        assert!(IdempotencyKey::new("order-17/retry").is_ok());
        assert!(IdempotencyKey::new("k".repeat(255)).is_ok());
        for text in ["", "two words", "caf\u{e9}", "line\n"] {
            assert_eq!(IdempotencyKey::new(text), Err(IdempotencyKeyError), "{text:?}");
        }
        assert_eq!(IdempotencyKey::new("k".repeat(256)), Err(IdempotencyKeyError));
    }

    #[test]
    fn a_key_does_not_print() {
        let key = IdempotencyKey::new("secret").unwrap();
        assert_eq!(format!("{key:?}"), "IdempotencyKey(..)");
    }
}
