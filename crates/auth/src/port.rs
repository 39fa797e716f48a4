//! The port.

use async_trait::async_trait;
use loquat_domain::{Scope, Timestamp, TokenId};

use crate::{AuthError, Permissions};

/// Who a valid token speaks for, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// On whose behalf every call of this request is made.
    pub scope: Scope,
    /// What the token may do; empty when it names no scopes.
    pub permissions: Permissions,
    /// The token's own name, by which it can be called back; none when its issuer gave it none.
    pub token_id: Option<TokenId>,
    /// When the token ends, as it says itself. A verifier grants some leeway, so this may lie a
    /// few seconds back. Whoever keeps a principal drops it at this moment.
    pub expires_at: Timestamp,
}

/// Decides whether a bearer token is believed.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait TokenVerifier: Send + Sync + 'static {
    /// Checks a token: the bare credential, without the word `Bearer`.
    ///
    /// Dropping the future changes nothing.
    ///
    /// # Errors
    ///
    /// [`AuthError::Invalid`] when the token is not believed, whatever the reason;
    /// [`AuthError::Unavailable`] when it could not be decided, so that it may be tried again.
    async fn verify(&self, token: &str) -> Result<Principal, AuthError>;

    /// True when tokens can be decided upon. False only until that was so for the first time, for
    /// instance because the issuer's keys have not come yet.
    fn is_ready(&self) -> bool {
        true
    }
}
