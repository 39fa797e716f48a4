//! What a token may do.

use std::{collections::BTreeSet, fmt};

use crate::Permission;

/// A scope has a character that RFC 6749 §3.3 does not allow, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope is printable ASCII without spaces, quotes and backslashes")]
pub struct PermissionError;

/// A set of scopes in the sense of RFC 6749 §3.3: words that the issuer grants.
///
/// What a word allows is for whoever asks with [`Permissions::contains`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(BTreeSet<Box<str>>);

impl Permissions {
    /// Checks and collects scopes; one that is named twice is there once.
    ///
    /// # Errors
    ///
    /// [`PermissionError`] when one is empty or has a character that is not allowed.
    pub fn new<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Result<Self, PermissionError> {
        let checked = scopes.into_iter().map(|it| is_scope(it).then(|| it.into()));
        checked.collect::<Option<_>>().map(Self).ok_or(PermissionError)
    }

    /// True when exactly this scope was granted.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// True when this was granted.
    pub fn allow(&self, permission: Permission) -> bool {
        self.contains(permission.as_str())
    }

    /// True when no scope was granted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl fmt::Display for Permissions {
    /// The form of the `scope` claim: joined by single spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

fn is_scope(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_a_set_of_words() {
        let permissions = Permissions::new(["write", "read", "read"]).unwrap();
        assert_eq!(permissions.to_string(), "read write");
        assert!(permissions.contains("read") && !permissions.contains("rea"));
        assert_eq!(Permissions::default().to_string(), "");
    }

    #[test]
    fn a_scope_with_a_forbidden_character_is_refused() {
        for scope in ["", "a b", "a\"", "a\\", "a\n", "ä"] {
            assert_eq!(Permissions::new(["fine", scope]), Err(PermissionError), "{scope:?}");
        }
    }
}
