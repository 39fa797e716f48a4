//! The keys that tokens are checked with.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    VerificationAlgorithm,
};
use jsonwebtoken::{DecodingKey, crypto::aws_lc::DEFAULT_PROVIDER};

use crate::{Algorithm, SigningSecret};

/// Allowed RSA sizes, in bits. Below 2048 is too weak (RFC 7518 §3.3); above 8192 the library
/// refuses to check signatures.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A key that cannot be used, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A secret for an algorithm that wants a public key.
    #[error("{0} takes a public key: give it a PEM file instead of a secret")]
    NotForSecrets(Algorithm),
    /// A public key for an algorithm that wants a secret.
    #[error("{0} takes a secret: give it one instead of a PEM file")]
    NotForPublicKeys(Algorithm),
    /// RFC 7518 §3.2 wants a secret as long as the hash.
    #[error(
        "{algorithm} needs a secret of {bytes} bytes: make one with `openssl rand -hex {bytes}`"
    )]
    SecretTooShort {
        /// The algorithm.
        algorithm: Algorithm,
        /// Its shortest secret.
        bytes: usize,
    },
    /// The private half has no place in a verifier.
    #[error("this is a private key: give its public half, which `openssl pkey -pubout` prints")]
    Private,
    /// Certificates expire and have issuers; nothing here would look at either.
    #[error("this is a certificate: give its key, which `openssl x509 -noout -pubkey` prints")]
    Certificate,
    /// Something else, or several of it.
    #[error("this is not a public key: give exactly one PEM block `PUBLIC KEY`")]
    NotPem,
    /// A public key for another algorithm, or a broken one.
    #[error("this is not a key for {0}: give {needs} in PEM form", needs = needs(*.0))]
    WrongKind(Algorithm),
    /// An RSA key that is too weak or too slow.
    #[error("this RSA key has {bits} bits: give one of 2048 to 8192 bits")]
    RsaSize {
        /// The size of its modulus.
        bits: usize,
    },
    /// A verifier without keys believes nobody.
    #[error("no key is configured: give at least one secret or public key")]
    NoKeys,
    /// A key id must choose one key.
    #[error("two keys have the key id `{0}`: give each key its own")]
    SameKid(String),
}

/// What kind of public key an algorithm needs.
fn needs(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => "a secret",
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => "an RSA key",
        Algorithm::Es256 => "an EC key on the curve P-256",
        Algorithm::Es384 => "an EC key on the curve P-384",
        Algorithm::EdDsa => "an Ed25519 key",
    }
}

/// The first byte of a point of which both coordinates follow (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The numbers that a public key is made of, each as bytes with the highest first.
#[derive(Debug, Clone, Copy)]
pub enum KeyComponents<'a> {
    /// RSA: modulus and exponent.
    Rsa {
        /// The modulus.
        n: &'a [u8],
        /// The exponent.
        e: &'a [u8],
    },
    /// A point on P-256 or P-384, by its coordinates.
    Ec {
        /// The one coordinate.
        x: &'a [u8],
        /// The other.
        y: &'a [u8],
    },
    /// A point of Ed25519.
    Edwards {
        /// The point in the form of RFC 8032 §5.1.2.
        x: &'a [u8],
    },
}

/// One key, pinned to one algorithm.
///
/// A key without a key id is tried for tokens that name none; a token that names one needs a key
/// with that very id.
#[derive(Debug, Clone)]
pub struct VerificationKey {
    pub(crate) kid: Option<String>,
    pub(crate) algorithm: Algorithm,
    material: DecodingKey,
}

impl VerificationKey {
    /// A key of HS256, HS384 or HS512.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotForSecrets`] for another algorithm, [`KeyError::SecretTooShort`] when the
    /// secret is shorter than the algorithm's hash.
    pub fn from_secret(algorithm: Algorithm, secret: &SigningSecret) -> Result<Self, KeyError> {
        check_secret(algorithm, secret)?;
        Ok(Self::new(algorithm, DecodingKey::from_secret(secret.expose())))
    }

    /// A public key of any other algorithm: one PEM block `PUBLIC KEY` or `RSA PUBLIC KEY`.
    ///
    /// # Errors
    ///
    /// A [`KeyError`] that says what the text is instead, or that the key is of another kind than
    /// the algorithm needs, not on its curve, or an RSA key of less than 2048 or more than 8192
    /// bits.
    pub fn from_public_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        if algorithm.min_secret_bytes().is_some() {
            return Err(KeyError::NotForPublicKeys(algorithm));
        }
        check_pem(pem)?;
        Ok(Self::new(algorithm, public_key(algorithm, pem)?))
    }

    /// A public key as it stands in a set of JSON web keys.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotForPublicKeys`], [`KeyError::WrongKind`] when the components are of another
    /// kind of key than the algorithm needs or not on its curve, [`KeyError::RsaSize`].
    pub fn from_components(
        algorithm: Algorithm,
        components: &KeyComponents<'_>,
    ) -> Result<Self, KeyError> {
        if algorithm.min_secret_bytes().is_some() {
            return Err(KeyError::NotForPublicKeys(algorithm));
        }
        let material = match *components {
            KeyComponents::Rsa { n, e } => {
                if !algorithm.is_rsa() {
                    return Err(KeyError::WrongKind(algorithm));
                }
                check_rsa(algorithm, n, e)?;
                DecodingKey::from_rsa_raw_components(significant(n), significant(e))
            }
            KeyComponents::Ec { x, y } => {
                // Each as long as the field, with zeros in front where needed (RFC 7518 §6.2.1).
                if x.len() != y.len() {
                    return Err(KeyError::WrongKind(algorithm));
                }
                let point = [&[UNCOMPRESSED], x, y].concat();
                check_point(algorithm, &point)?;
                DecodingKey::from_ec_der(&point)
            }
            KeyComponents::Edwards { x } => {
                check_point(algorithm, x)?;
                DecodingKey::from_ed_der(x)
            }
        };
        Ok(Self::new(algorithm, material))
    }

    /// Gives the key the id that tokens name it by in their header's `kid`.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    fn new(algorithm: Algorithm, material: DecodingKey) -> Self {
        install_crypto();
        Self { kid: None, algorithm, material }
    }

    /// True when this key signed the message with its algorithm. `signature` is base64url.
    pub(crate) fn signed(&self, message: &str, signature: &str) -> bool {
        let algorithm = self.algorithm.into();
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.material, algorithm)
            .unwrap_or(false)
    }
}

/// Chooses the process's one crypto library for JWT. Without a choice, and with another crate's
/// feature turning on the second one, jsonwebtoken panics at its first use. An embedding program
/// that has chosen already keeps its choice, which is why a second call is no error.
pub(crate) fn install_crypto() {
    DEFAULT_PROVIDER.install_default().ok();
}

/// A secret fits an HMAC algorithm that it is long enough for.
pub(crate) fn check_secret(algorithm: Algorithm, secret: &SigningSecret) -> Result<(), KeyError> {
    let bytes = algorithm.min_secret_bytes().ok_or(KeyError::NotForSecrets(algorithm))?;
    if secret.expose().len() < bytes {
        return Err(KeyError::SecretTooShort { algorithm, bytes });
    }
    Ok(())
}

/// Tells a public key from what people give by mistake. jsonwebtoken would take a private key
/// and a certificate, and the first of several blocks.
fn check_pem(pem: &str) -> Result<(), KeyError> {
    let mut labels = pem.lines().filter_map(|it| it.trim().strip_prefix("-----BEGIN "));
    match (labels.next(), labels.next()) {
        (Some("PUBLIC KEY-----" | "RSA PUBLIC KEY-----"), None) => Ok(()),
        (Some(label), _) if label.ends_with("PRIVATE KEY-----") => Err(KeyError::Private),
        (Some(label), _) if label.ends_with("CERTIFICATE-----") => Err(KeyError::Certificate),
        _ => Err(KeyError::NotPem),
    }
}

/// Reads the key and proves that it is of the algorithm's kind. jsonwebtoken alone looks at the
/// bytes of a key only when a signature is checked, and would then refuse every token.
fn public_key(algorithm: Algorithm, pem: &str) -> Result<DecodingKey, KeyError> {
    let wrong = |_| KeyError::WrongKind(algorithm);
    let key = match algorithm {
        Algorithm::Es256 | Algorithm::Es384 => DecodingKey::from_ec_pem(pem.as_bytes()),
        Algorithm::EdDsa => DecodingKey::from_ed_pem(pem.as_bytes()),
        _ => DecodingKey::from_rsa_pem(pem.as_bytes()),
    };
    let key = key.map_err(wrong)?;
    let bytes = key.try_get_as_bytes().map_err(wrong)?;
    if algorithm.is_rsa() {
        let components = DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key;
        let (modulus, exponent) = components(bytes).map_err(wrong)?;
        check_rsa(algorithm, &modulus, &exponent)?;
    } else {
        check_point(algorithm, bytes)?;
    }
    Ok(key)
}

/// A point on the algorithm's curve. Each curve has points of a length of its own.
fn check_point(algorithm: Algorithm, point: &[u8]) -> Result<(), KeyError> {
    let curve: &dyn VerificationAlgorithm = match algorithm {
        Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDsa => &ED25519,
        _ => return Err(KeyError::WrongKind(algorithm)),
    };
    ParsedPublicKey::new(curve, point).map(drop).map_err(|_| KeyError::WrongKind(algorithm))
}

/// A modulus of a size that is allowed, and an exponent that makes forging hard: with 1 every text
/// would be its own signature.
fn check_rsa(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Result<(), KeyError> {
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let exponent = significant(exponent);
    if !is_odd(modulus) || !is_odd(exponent) || exponent == [1] {
        return Err(KeyError::WrongKind(algorithm));
    }
    let bits = bits(modulus);
    if RSA_BITS.contains(&bits) { Ok(()) } else { Err(KeyError::RsaSize { bits }) }
}

/// A number without zeros in front.
fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|it| **it == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The size of a number in bits.
fn bits(number: &[u8]) -> usize {
    let significant = significant(number);
    let unused = significant.first().map_or(0, |it| it.leading_zeros());
    significant.len() * 8 - usize::try_from(unused).unwrap_or(0)
}
