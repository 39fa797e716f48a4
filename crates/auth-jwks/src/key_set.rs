//! Reads a set of JSON web keys.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use loquat_auth::{Algorithm, KeyComponents, KeySet, VerificationKey};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// The most keys of a set, counted once for each algorithm. A token without a key id is tried with
/// all keys of its algorithm, 0.1 ms each at most. Large issuers publish ten keys.
const MAX_KEYS: usize = 100;

/// A document that is no set of keys to check tokens with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Another document, or a broken one.
    #[error("the document is not a set of JSON web keys")]
    NotAKeySet,
    /// Nothing could be checked with it.
    #[error("none of the keys is a public key to check signatures with, of an allowed algorithm")]
    NoUsableKey,
    /// A set that no issuer needs.
    #[error("there are more than 100 keys")]
    TooManyKeys,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// One key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2). Where to find it elsewhere (`x5u`) and who vouches
/// for it (`x5c`) is not read.
#[derive(Deserialize)]
struct Key {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    #[serde(rename = "key_ops")]
    operations: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// The private half.
    d: Option<IgnoredAny>,
}

/// The keys of a set that can be used here, each for every allowed algorithm that it may be used with.
/// All others are left out: an issuer publishes keys for more than one purpose.
pub(crate) fn read(document: &[u8], allowed: &[Algorithm]) -> Result<KeySet, KeySetError> {
    let set: Set = serde_json::from_slice(document).map_err(|_| KeySetError::NotAKeySet)?;
    let keys = set.keys.into_iter().filter_map(|key| Key::deserialize(key).ok());
    let keys: Vec<_> = keys
        .filter(Key::is_to_check_signatures)
        .flat_map(|key| allowed.iter().filter_map(move |algorithm| key.with(*algorithm)))
        .take(MAX_KEYS + 1)
        .collect();
    match keys.len() {
        0 => Err(KeySetError::NoUsableKey),
        1..=MAX_KEYS => Ok(KeySet::of_issuer(keys)),
        _ => Err(KeySetError::TooManyKeys),
    }
}

impl Key {
    /// A private key that everybody can read proves nothing.
    fn is_to_check_signatures(&self) -> bool {
        let says = |ops: &Vec<String>| ops.iter().any(|it| it == "verify");
        self.d.is_none()
            && self.purpose.as_deref().is_none_or(|it| it == "sig")
            && self.operations.as_ref().is_none_or(says)
    }

    /// The key for this algorithm, if it is one.
    fn with(&self, algorithm: Algorithm) -> Option<VerificationKey> {
        if self.alg.as_deref().is_some_and(|it| it != algorithm.as_str()) {
            return None;
        }
        let curve = match algorithm {
            Algorithm::Es256 => Some("P-256"),
            Algorithm::Es384 => Some("P-384"),
            Algorithm::EdDsa => Some("Ed25519"),
            _ => None,
        };
        if curve.is_some() && self.crv.as_deref() != curve {
            return None;
        }
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
        let (one, other);
        let components = match self.kty.as_str() {
            "RSA" => {
                (one, other) = (bytes(&self.n)?, bytes(&self.e)?);
                KeyComponents::Rsa { n: &one, e: &other }
            }
            "EC" => {
                (one, other) = (bytes(&self.x)?, bytes(&self.y)?);
                KeyComponents::Ec { x: &one, y: &other }
            }
            "OKP" => {
                one = bytes(&self.x)?;
                KeyComponents::Edwards { x: &one }
            }
            _ => return None,
        };
        let key = VerificationKey::from_components(algorithm, &components).ok()?;
        Some(match &self.kid {
            Some(kid) => key.with_kid(kid),
            None => key,
        })
    }
}
