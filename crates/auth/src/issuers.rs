//! Several issuers, each believed for itself alone.

use std::collections::HashMap;

use async_trait::async_trait;

use crate::{
    AuthError, InvalidReason, JwtVerifier, Principal, RulesError, TokenVerifier,
    claims::unproven_issuer, verifier::Parts,
};

/// Gives each token to the verifier of the issuer that it names.
///
/// The name is read before the signature is checked, and only to choose: the chosen verifier checks
/// it again with everything else, with that issuer's keys and no other's. So a key of one issuer
/// never speaks for another one.
pub struct Issuers {
    verifiers: Vec<JwtVerifier>,
    /// Where in that list an issuer's verifier is.
    by_name: HashMap<String, usize>,
}

impl Issuers {
    /// The verifiers, each for the issuers in its rules.
    ///
    /// # Errors
    ///
    /// [`RulesError::NoIssuer`] without a verifier, [`RulesError::SameIssuer`] when two have the
    /// same issuer.
    pub fn new(verifiers: impl IntoIterator<Item = JwtVerifier>) -> Result<Self, RulesError> {
        let verifiers: Vec<_> = verifiers.into_iter().collect();
        let mut by_name = HashMap::new();
        for (at, verifier) in verifiers.iter().enumerate() {
            for issuer in verifier.issuers() {
                if by_name.insert(issuer.clone(), at).is_some_and(|earlier| earlier != at) {
                    return Err(RulesError::SameIssuer(issuer.clone()));
                }
            }
        }
        if by_name.is_empty() {
            return Err(RulesError::NoIssuer);
        }
        Ok(Self { verifiers, by_name })
    }
}

#[async_trait]
impl TokenVerifier for Issuers {
    async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        let payload = Parts::split(token)?.payload;
        let issuer = unproven_issuer(payload).ok_or(InvalidReason::Claim("issuer"))?;
        let at = self.by_name.get(&issuer).copied();
        let verifier = at.and_then(|at| self.verifiers.get(at)).ok_or(InvalidReason::Issuer)?;
        verifier.verify(token).await
    }

    /// True when any of them is: an issuer that is down must not take the others' users with it.
    fn is_ready(&self) -> bool {
        self.verifiers.iter().any(TokenVerifier::is_ready)
    }
}
