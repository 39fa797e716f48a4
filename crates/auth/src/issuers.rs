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
pub struct Issuers(HashMap<String, usize>, Vec<JwtVerifier>);

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
        if by_name.is_empty() { Err(RulesError::NoIssuer) } else { Ok(Self(by_name, verifiers)) }
    }
}

#[async_trait]
impl TokenVerifier for Issuers {
    async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        let payload = Parts::split(token)?.payload;
        let issuer = unproven_issuer(payload).ok_or(InvalidReason::Claim("issuer"))?;
        let at = self.0.get(&issuer).ok_or(InvalidReason::Issuer)?;
        let verifier = self.1.get(*at).ok_or(InvalidReason::Issuer)?;
        verifier.verify(token).await
    }

    /// True when any of them is: an issuer that is down must not take the others' users with it.
    fn is_ready(&self) -> bool {
        self.1.iter().any(TokenVerifier::is_ready)
    }
}
