//! Tokens of our own, for installations without an identity provider.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{EncodingKey, Header};
use loquat_domain::{Scope, Timestamp, TokenId};
use serde_json::{Map, Value};

use crate::{
    Algorithm, KeyError, Permissions, SigningSecret, TokenRules,
    clock::{Clock, system_clock},
    key::{check_secret, install_crypto},
    verifier::MAX_TOKEN_BYTES,
};

/// What a new token shall say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// On whose behalf its bearer acts.
    pub scope: Scope,
    /// What its bearer may do; without any, the token has no `scope` claim.
    pub permissions: Permissions,
    /// How long it is valid, from now; fractions of a second are dropped.
    pub lifetime: Duration,
    /// A name for the token itself (`jti`), by which it can be called back.
    pub id: Option<TokenId>,
}

/// A token that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// A verifier with the same rules would refuse it.
    #[error("a token lives from 1 to {} seconds: ask for a lifetime in between", max.as_secs())]
    Lifetime {
        /// The longest lifetime of the rules.
        max: Duration,
    },
    /// The rules read both from one claim.
    #[error("tenant and user are read from the same claim: give both the same name")]
    OneClaim,
    /// A verifier would refuse it unread.
    #[error("the token is longer than 8 KiB: give it fewer scopes")]
    TooLong,
    /// The crypto library failed.
    #[error("the token could not be signed")]
    Signing(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Makes tokens that a [`crate::JwtVerifier`] with the same secret and rules believes.
pub struct TokenMinter {
    header: Header,
    key: EncodingKey,
    rules: TokenRules,
    clock: Clock,
}

impl TokenMinter {
    /// A minter with HS256, HS384 or HS512 that reads the machine's clock. It puts the first
    /// issuer and the first audience of the rules into its tokens.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotForSecrets`] for another algorithm, [`KeyError::SecretTooShort`] when the
    /// secret is shorter than the algorithm's hash.
    pub fn new(
        algorithm: Algorithm,
        secret: &SigningSecret,
        rules: TokenRules,
    ) -> Result<Self, KeyError> {
        check_secret(algorithm, secret)?;
        install_crypto();
        let key = EncodingKey::from_secret(secret.expose());
        Ok(Self { header: Header::new(algorithm.into()), key, rules, clock: system_clock() })
    }

    /// Names the key in each token's header: needed when the verifier's key has a key id and
    /// other keys have the same algorithm.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.header.kid = Some(kid.into());
        self
    }

    /// Reads the wall-clock time from somewhere else.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes a token. Whoever has it is its user until it expires or, if it has an id, is
    /// called back.
    ///
    /// # Errors
    ///
    /// [`MintError::Lifetime`] when it would live less than a second or longer than the rules
    /// allow, [`MintError::OneClaim`] when tenant and user differ but are read from the same
    /// claim, [`MintError::TooLong`] when it would be over 8 KiB, [`MintError::Signing`] when the
    /// crypto library fails.
    pub fn mint(&self, request: &TokenRequest) -> Result<String, MintError> {
        let claims = self.claims(request)?;
        let token = jsonwebtoken::encode(&self.header, &claims, &self.key)
            .map_err(|error| MintError::Signing(Box::new(error)))?;
        if token.len() > MAX_TOKEN_BYTES { Err(MintError::TooLong) } else { Ok(token) }
    }

    fn claims(&self, request: &TokenRequest) -> Result<Map<String, Value>, MintError> {
        let TokenRules { issuers, audiences, tenant_claim, user_claim, .. } = &self.rules;
        let Scope { tenant, user } = &request.scope;
        if tenant_claim == user_claim && tenant.as_str() != user.as_str() {
            return Err(MintError::OneClaim);
        }
        let issued_at = (self.clock)().as_secs();
        let mut claims = Map::new();
        let mut put = |claim: &str, value: Value| claims.insert(claim.to_owned(), value);
        put("iss", issuers.first().cloned().into());
        put("aud", audiences.first().cloned().into());
        put("iat", issued_at.into());
        put("exp", issued_at.saturating_add(self.lifetime_secs(request.lifetime)?).into());
        // `sub` is required in any case, and one of the two configured claims may be `sub`.
        put("sub", user.as_str().into());
        put(tenant_claim, tenant.as_str().into());
        put(user_claim, user.as_str().into());
        if !request.permissions.is_empty() {
            put("scope", request.permissions.to_string().into());
        }
        if let Some(id) = &request.id {
            put("jti", id.as_str().into());
        }
        Ok(claims)
    }

    fn lifetime_secs(&self, lifetime: Duration) -> Result<i64, MintError> {
        let max = self.rules.times.max_lifetime;
        let secs = i64::try_from(lifetime.as_secs()).ok();
        secs.filter(|secs| *secs > 0 && lifetime <= max).ok_or(MintError::Lifetime { max })
    }
}
