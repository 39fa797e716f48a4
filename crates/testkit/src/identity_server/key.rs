//! Keys that an identity server signs with.

use aws_lc_rs::{
    encoding::{AsBigEndian as _, EcPublicKeyUncompressedBin},
    rand::SystemRandom,
    rsa::{self, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RSA_PKCS1_SHA256,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// What a key signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityAlgorithm {
    /// RSA of 2048 bits, with SHA-256.
    Rs256,
    /// P-256, with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl IdentityAlgorithm {
    /// Its name in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

enum Pair {
    Rsa(Box<rsa::KeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

/// A key pair made for a test.
pub(super) struct IdentityKey {
    pub(super) kid: String,
    pub(super) algorithm: IdentityAlgorithm,
    pair: Pair,
}

#[expect(clippy::unwrap_used, reason = "without random numbers there is no test")]
impl IdentityKey {
    pub(super) fn new(kid: &str, algorithm: IdentityAlgorithm) -> Self {
        let pair = match algorithm {
            IdentityAlgorithm::Rs256 => {
                Pair::Rsa(Box::new(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap()))
            }
            IdentityAlgorithm::Es256 => Pair::Ecdsa(Box::new(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            )),
            IdentityAlgorithm::EdDsa => {
                Pair::Ed25519(Box::new(Ed25519KeyPair::generate().unwrap()))
            }
        };
        Self { kid: kid.to_owned(), algorithm, pair }
    }

    /// The signature in the form of a token's third part.
    pub(super) fn sign(&self, message: &str) -> String {
        let (message, random) = (message.as_bytes(), SystemRandom::new());
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                URL_SAFE_NO_PAD.encode(signature)
            }
            Pair::Ecdsa(pair) => URL_SAFE_NO_PAD.encode(pair.sign(&random, message).unwrap()),
            Pair::Ed25519(pair) => URL_SAFE_NO_PAD.encode(pair.sign(message)),
        }
    }

    /// The public half as a JSON web key.
    pub(super) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut key = match &self.pair {
            Pair::Rsa(pair) => {
                let (modulus, exponent) = integers(pair.public_key().as_ref()).unwrap();
                json!({"kty": "RSA", "n": text(modulus), "e": text(exponent)})
            }
            Pair::Ecdsa(pair) => {
                let point: EcPublicKeyUncompressedBin<'_> =
                    pair.public_key().as_be_bytes().unwrap();
                let (x, y) = point.as_ref().get(1..).unwrap().split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)})
            }
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
        };
        let members = key.as_object_mut().unwrap();
        members.insert("kid".to_owned(), json!(self.kid));
        members.insert("alg".to_owned(), json!(self.algorithm.name()));
        members.insert("use".to_owned(), json!("sig"));
        key
    }
}

/// The two integers of an `RSAPublicKey` (RFC 8017 §A.1.1), without zeros in front.
fn integers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = element(der, 0x30)?;
    let (modulus, rest) = element(sequence, 0x02)?;
    let (exponent, _) = element(rest, 0x02)?;
    Some((modulus.strip_prefix(&[0]).unwrap_or(modulus), exponent))
}

/// The content of the element at the front, which must have this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first.checked_sub(0x80) {
        None => (usize::from(first), rest),
        Some(count) => {
            let (length, rest) = rest.split_at_checked(usize::from(count))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
    };
    rest.split_at_checked(length)
}
