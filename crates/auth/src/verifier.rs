//! The verifier of signed JSON web tokens.

use std::sync::Arc;

use async_trait::async_trait;
use loquat_domain::Timestamp;

use crate::{
    AuthError, InvalidReason, IssuerRules, KeyError, KeySet, KeySource, Principal, TokenRules,
    TokenVerifier, VerificationKey, claims,
    clock::{Clock, system_clock},
    header::Header,
    object::Object,
};

/// Longest token, in bytes, checked before anything is decoded. Ours are about 300 bytes, those of
/// large identity providers 1 to 3 KiB.
pub(crate) const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Believes tokens that one of its keys signed and that follow its rules.
///
/// A header's `kid` is looked up and nothing else; the algorithm is the key's own, so that a token
/// cannot choose how it is checked. Keys of several algorithms, also a secret beside a public key,
/// do not weaken each other. A token without `kid` is tried with every key of exactly its
/// algorithm, so a secret can be replaced by configuring the new and the old one for a while.
///
/// Times are checked against one reading of the wall clock, with the leeway of the rules.
pub struct JwtVerifier {
    keys: Arc<dyn KeySource>,
    rules: IssuerRules,
    clock: Clock,
}

impl JwtVerifier {
    /// A verifier with these keys that reads the machine's clock.
    ///
    /// # Errors
    ///
    /// [`KeyError::NoKeys`] without a key, [`KeyError::SameKid`] when two have the same key id.
    pub fn new(
        keys: impl IntoIterator<Item = VerificationKey>,
        rules: TokenRules,
    ) -> Result<Self, KeyError> {
        Ok(Self::of_issuer(Arc::new(KeySet::new(keys)?), rules.into()))
    }

    /// A verifier for the tokens of one issuer, whose keys may change. It reads the machine's clock.
    pub fn of_issuer(keys: Arc<dyn KeySource>, rules: IssuerRules) -> Self {
        Self { keys, rules, clock: system_clock() }
    }

    /// Reads the wall-clock time from somewhere else.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Whose tokens it believes.
    pub(crate) fn issuers(&self) -> &[String] {
        &self.rules.issuers
    }
}

#[async_trait]
impl TokenVerifier for JwtVerifier {
    async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        let parts = Parts::split(token)?;
        let header = Header::decode(parts.header, &self.rules.types)?;
        let keys = self.keys.find(header.kid.as_deref(), header.algorithm).await?;
        if !keys.iter().any(|key| key.signed(parts.message, parts.signature)) {
            self.keys.doubt();
            return Err(InvalidReason::Signature.into());
        }
        let claims = Object::decode(parts.payload).ok_or(InvalidReason::Claims)?;
        Ok(claims::principal(&claims, &self.rules, (self.clock)())?)
    }

    fn is_ready(&self) -> bool {
        self.keys.is_ready()
    }
}

/// The compact form of a signed token (RFC 7515 §3.1), not decoded.
pub(crate) struct Parts<'a> {
    /// What is signed: header, dot, payload.
    message: &'a str,
    header: &'a str,
    pub(crate) payload: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    /// Any other form is refused: five parts are an encrypted token, braces the JSON form.
    pub(crate) fn split(token: &'a str) -> Result<Self, InvalidReason> {
        const MALFORMED: InvalidReason = InvalidReason::Malformed;
        if token.len() > MAX_TOKEN_BYTES {
            return Err(InvalidReason::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(MALFORMED)?;
        let (header, payload) = message.split_once('.').ok_or(MALFORMED)?;
        if [header, payload, signature].into_iter().all(is_base64url) {
            Ok(Self { message, header, payload, signature })
        } else {
            Err(MALFORMED)
        }
    }
}

/// At least one character, all of the alphabet of RFC 4648 §5, without padding.
fn is_base64url(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !part.is_empty() && part.bytes().all(allowed)
}
