//! The shared secret of the HMAC algorithms.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretSlice};

/// Shortest secret, in bytes: the output of SHA-256 (RFC 7518 §3.2).
const MIN_BYTES: usize = 32;

/// Fewest different bytes, and fewest different steps from one byte to the next. Of 32 random
/// bytes about 30 differ, of 32 random hexadecimal digits about 14; a counted alphabet has 2 or 3
/// different steps.
const MIN_DISTINCT: usize = 8;

/// Secrets printed in the documentation of widely used tools, which therefore everybody knows, in
/// the form of [`plain`].
const PUBLISHED: [&str; 8] = [
    // The editor of jwt.io, today and before.
    "astringsecretatleast256bitslong",
    "avalidstringsecretthatisatleast512bitslongwhichisverylong",
    "your256bitsecret",
    // The self-hosting guide of Supabase and its local development.
    "yoursupersecretjwttokenwithatleast32characterslong",
    "supersecretjwttokenwithatleast32characterslong",
    // The security chapter of FastAPI's tutorial.
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    // What people type to be done with it.
    "secret",
    "password",
];

/// What gives a placeholder away, in the form of [`plain`]. A random text has one of them by
/// chance less than once in 10^9 times.
const PLACEHOLDERS: [&str; 7] = [
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "yoursecret",
    "supersecret",
    "jwtsecret",
];

/// A secret that does not protect anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Known from somebody's documentation, or not replaced.
    #[error(
        "the secret is a published example or a placeholder: make one with `openssl rand -hex 32`"
    )]
    Published,
    /// Can be found by trying.
    #[error("the secret is shorter than 32 bytes: make one with `openssl rand -hex 32`")]
    TooShort,
    /// A key that everybody may know, in the place of one that nobody may know.
    #[error("the secret is a PEM file: give it as a public key, or make a secret of its own")]
    Pem,
    /// Can be guessed.
    #[error("the secret repeats itself or counts up: make one with `openssl rand -hex 32`")]
    Predictable,
}

/// A secret of at least 32 bytes that is not obviously guessable. It does not print, and its
/// memory is wiped at the end.
#[derive(Debug, Clone)]
pub struct SigningSecret(SecretSlice<u8>);

impl SigningSecret {
    /// Checks and wraps a secret; the bytes are used as they are, not decoded.
    ///
    /// # Errors
    ///
    /// A [`SecretError`] for the first fault that is found. No check can prove a secret good;
    /// these catch what happens.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, SecretError> {
        let secret = SecretSlice::from(bytes.into());
        check(secret.expose_secret())?;
        Ok(Self(secret))
    }

    /// The secret itself, for the one call that makes a key of it.
    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

fn check(secret: &[u8]) -> Result<(), SecretError> {
    let plain = plain(secret);
    let known = PUBLISHED.contains(&plain.as_str());
    if known || PLACEHOLDERS.iter().any(|it| plain.contains(it)) {
        return Err(SecretError::Published);
    }
    if secret.len() < MIN_BYTES {
        return Err(SecretError::TooShort);
    }
    if secret.trim_ascii_start().starts_with(b"-----BEGIN ") {
        return Err(SecretError::Pem);
    }
    let bytes = secret.iter().copied();
    let steps = bytes.clone().zip(bytes.clone().skip(1)).map(|(a, b)| b.wrapping_sub(a));
    if distinct(bytes) < MIN_DISTINCT || distinct(steps) < MIN_DISTINCT || repeats(secret) {
        return Err(SecretError::Predictable);
    }
    Ok(())
}

/// ASCII letters and digits only, in lower case: how a secret is compared with known ones.
fn plain(secret: &[u8]) -> String {
    let kept = secret.iter().filter(|it| it.is_ascii_alphanumeric());
    kept.map(|it| char::from(it.to_ascii_lowercase())).collect()
}

fn distinct(bytes: impl Iterator<Item = u8>) -> usize {
    bytes.collect::<BTreeSet<u8>>().len()
}

/// True when the secret is a unit shorter than the minimum, written at least twice: repeating it
/// adds nothing.
fn repeats(secret: &[u8]) -> bool {
    let longest = (secret.len() / 2).min(MIN_BYTES - 1);
    (1..=longest).any(|unit| secret.iter().zip(secret.iter().skip(unit)).all(|(a, b)| a == b))
}
