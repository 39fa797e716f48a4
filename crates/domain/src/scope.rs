//! On whose behalf something is done.

use std::{fmt, sync::Arc};

/// Longest tenant or user name, in bytes. OpenID Connect Core 1.0 §2 gives `sub` 255 characters.
const MAX_NAME_BYTES: usize = 255;

/// The text cannot name a tenant, a user or a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant, user or token is named by 1 to 255 printable ASCII characters without spaces")]
pub struct NameError;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        ///
        /// 1 to 255 printable ASCII characters without spaces; cheap to clone.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and wraps a name.
            ///
            /// # Errors
            ///
            /// [`NameError`] when the text is empty, too long or has other characters.
            pub fn new(name: &str) -> Result<Self, NameError> {
                let fits = (1..=MAX_NAME_BYTES).contains(&name.len());
                if fits && name.bytes().all(|byte| byte.is_ascii_graphic()) {
                    Ok(Self(name.into()))
                } else {
                    Err(NameError)
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

names! {
    /// The customer whose data a row is.
    TenantId;
    /// A person or program within a tenant; owner of conversations.
    UserId;
    /// A token, as its issuer names it (`jti`, RFC 7519 §4.1.7), so that it can be called back.
    TokenId;
}

/// On whose behalf a call is made: the first argument of every store method.
///
/// Another tenant's or another user's row behaves, for a scope, exactly as a row that is not there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The customer.
    pub tenant: TenantId,
    /// The person within the customer.
    pub user: UserId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_spaces_and_long_names_are_refused() {
        for name in ["", "a b", "a\0b", "a\n", "ä", &"x".repeat(256)] {
            assert_eq!(TenantId::new(name), Err(NameError), "{name:?}");
        }
        assert!(UserId::new("auth0|6f-2_1@example.org").is_ok());
    }
}
