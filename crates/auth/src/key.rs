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
    let read = match algorithm {
        Algorithm::Es256 | Algorithm::Es384 => DecodingKey::from_ec_pem,
        Algorithm::EdDsa => DecodingKey::from_ed_pem,
        _ => DecodingKey::from_rsa_pem,
    };
    let wrong = |_| KeyError::WrongKind(algorithm);
    let key = read(pem.as_bytes()).map_err(wrong)?;
    let bytes = key.try_get_as_bytes().map_err(wrong)?;
    let curve: &dyn VerificationAlgorithm = match algorithm {
        Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
        Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDsa => &ED25519,
        _ => {
            let bits = rsa_bits(bytes).ok_or(KeyError::WrongKind(algorithm))?;
            return if RSA_BITS.contains(&bits) {
                Ok(key)
            } else {
                Err(KeyError::RsaSize { bits })
            };
        }
    };
    ParsedPublicKey::new(curve, bytes).map_err(|_| KeyError::WrongKind(algorithm))?;
    Ok(key)
}

/// The size of an RSA key's modulus in bits; none when the bytes are no sound RSA key.
fn rsa_bits(der: &[u8]) -> Option<usize> {
    let components = DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key;
    let (modulus, _) = components(der).ok()?;
    let significant = modulus.iter().skip_while(|it| **it == 0);
    let bytes = significant.clone().count();
    let unused = significant.copied().next()?.leading_zeros();
    (bytes * 8).checked_sub(usize::try_from(unused).ok()?)
}
