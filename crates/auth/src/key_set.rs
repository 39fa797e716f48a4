//! The keys of one issuer, and where they come from.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;

use crate::{Algorithm, AuthError, InvalidReason, KeyError, VerificationKey};

/// Knows the keys of one issuer at any moment.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// The keys that may have signed a token which names this key id and this algorithm; at least
    /// one, all of exactly this algorithm. Both are the token's own words, and nobody has checked
    /// them: they choose, and prove nothing.
    ///
    /// # Errors
    ///
    /// [`AuthError::Invalid`] when there is none; [`AuthError::Unavailable`] when the keys are not
    /// known at this moment.
    async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<Arc<VerificationKey>>, AuthError>;

    /// Hears that none of the keys it found had signed the token. It may be garbage, or the issuer
    /// may have new keys. Returns at once.
    fn doubt(&self) {}

    /// True when keys were known at some time, so that tokens can be decided upon.
    fn is_ready(&self) -> bool {
        true
    }
}

/// Keys that do not change.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    by_kid: HashMap<String, Vec<Arc<VerificationKey>>>,
    by_algorithm: HashMap<Algorithm, Vec<Arc<VerificationKey>>>,
}

impl KeySet {
    /// Keys that somebody chose one by one, so that a key id which two of them have is a mistake.
    ///
    /// # Errors
    ///
    /// [`KeyError::NoKeys`] without a key, [`KeyError::SameKid`] when two have the same key id.
    pub fn new(keys: impl IntoIterator<Item = VerificationKey>) -> Result<Self, KeyError> {
        let set = Self::of_issuer(keys);
        if set.is_empty() {
            return Err(KeyError::NoKeys);
        }
        match set.by_kid.iter().find(|(_, keys)| keys.len() > 1) {
            Some((kid, _)) => Err(KeyError::SameKid(kid.clone())),
            None => Ok(set),
        }
    }

    /// Keys as an issuer publishes them. Several may have one key id (RFC 7517 §4.5), as one that
    /// is published without its algorithm has for each algorithm that it is used with: a token that
    /// names the id is tried with each that has exactly its algorithm.
    pub fn of_issuer(keys: impl IntoIterator<Item = VerificationKey>) -> Self {
        let mut set = Self::default();
        for key in keys.into_iter().map(Arc::new) {
            if let Some(kid) = &key.kid {
                set.by_kid.entry(kid.clone()).or_default().push(Arc::clone(&key));
            }
            set.by_algorithm.entry(key.algorithm).or_default().push(key);
        }
        set
    }

    /// True when there is no key.
    pub fn is_empty(&self) -> bool {
        self.by_algorithm.is_empty()
    }

    /// The keys that may have signed a token with this header; see [`KeySource::find`].
    ///
    /// # Errors
    ///
    /// [`InvalidReason::UnknownKey`] when no key has the id or, where there is none, the algorithm;
    /// [`InvalidReason::Algorithm`] when the key of that id has another.
    pub fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<Arc<VerificationKey>>, InvalidReason> {
        let Some(kid) = kid else {
            return self.by_algorithm.get(&algorithm).cloned().ok_or(InvalidReason::UnknownKey);
        };
        let named = self.by_kid.get(kid).ok_or(InvalidReason::UnknownKey)?;
        let keys: Vec<_> = named.iter().filter(|key| key.algorithm == algorithm).cloned().collect();
        if keys.is_empty() { Err(InvalidReason::Algorithm) } else { Ok(keys) }
    }
}

#[async_trait]
impl KeySource for KeySet {
    async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<Arc<VerificationKey>>, AuthError> {
        Ok(Self::find(self, kid, algorithm)?)
    }
}
