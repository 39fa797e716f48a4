//! The verifier of signed JSON web tokens.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use loquat_domain::Timestamp;

use crate::{
    Algorithm, AuthError, InvalidReason, KeyError, Principal, TokenRules, TokenVerifier,
    VerificationKey, claims,
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
    by_kid: HashMap<String, Arc<VerificationKey>>,
    by_algorithm: HashMap<Algorithm, Vec<Arc<VerificationKey>>>,
    rules: TokenRules,
    clock: Clock,
}

impl JwtVerifier {
    /// A verifier that reads the machine's clock.
    ///
    /// # Errors
    ///
    /// [`KeyError::NoKeys`] without a key, [`KeyError::SameKid`] when two have the same key id.
    pub fn new(
        keys: impl IntoIterator<Item = VerificationKey>,
        rules: TokenRules,
    ) -> Result<Self, KeyError> {
        let mut by_kid = HashMap::new();
        let mut by_algorithm: HashMap<_, Vec<_>> = HashMap::new();
        for key in keys.into_iter().map(Arc::new) {
            if let Some(kid) = key.kid.clone()
                && by_kid.insert(kid.clone(), Arc::clone(&key)).is_some()
            {
                return Err(KeyError::SameKid(kid));
            }
            by_algorithm.entry(key.algorithm).or_default().push(key);
        }
        if by_algorithm.is_empty() {
            return Err(KeyError::NoKeys);
        }
        Ok(Self { by_kid, by_algorithm, rules, clock: system_clock() })
    }

    /// Reads the wall-clock time from somewhere else.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn check(&self, token: &str) -> Result<Principal, InvalidReason> {
        let parts = Parts::split(token)?;
        let header = Header::decode(parts.header)?;
        let keys = self.keys_for(&header)?;
        if !keys.iter().any(|key| key.signed(parts.message, parts.signature)) {
            return Err(InvalidReason::Signature);
        }
        let claims = Object::decode(parts.payload).ok_or(InvalidReason::Claims)?;
        claims::principal(&claims, &self.rules, (self.clock)())
    }

    fn keys_for(&self, header: &Header) -> Result<&[Arc<VerificationKey>], InvalidReason> {
        let Some(kid) = &header.kid else {
            let keys = self.by_algorithm.get(&header.algorithm);
            return keys.map(Vec::as_slice).ok_or(InvalidReason::UnknownKey);
        };
        let key = self.by_kid.get(kid).ok_or(InvalidReason::UnknownKey)?;
        if key.algorithm == header.algorithm {
            Ok(std::slice::from_ref(key))
        } else {
            Err(InvalidReason::Algorithm)
        }
    }
}

#[async_trait]
impl TokenVerifier for JwtVerifier {
    async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        self.check(token).map_err(AuthError::Invalid)
    }
}

/// The compact form of a signed token (RFC 7515 §3.1), not decoded.
struct Parts<'a> {
    /// What is signed: header, dot, payload.
    message: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    /// Any other form is refused: five parts are an encrypted token, braces the JSON form.
    fn split(token: &'a str) -> Result<Self, InvalidReason> {
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
