//! What a token must say to be believed here.

use std::time::Duration;

/// Allowed difference between the issuer's clock and ours. Requirement R39; half of the default
/// of jsonwebtoken.
const LEEWAY: Duration = Duration::from_secs(30);

/// Longest life of a token. A stolen one is good until somebody notices, so a day is already generous.
const MAX_LIFETIME: Duration = Duration::from_hours(24);

/// Claims with a meaning of their own (RFC 7519 §4.1, RFC 6749 §3.3); `sub` is not among them,
/// because it is the usual place of the user.
const RESERVED: [&str; 8] = ["iss", "aud", "exp", "nbf", "iat", "jti", "scope", "scp"];

/// Rules that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// There is no issuer, or an empty one.
    #[error("no issuer to expect: name at least one, as it stands in the `iss` claim")]
    NoIssuer,
    /// There is no audience, or an empty one.
    #[error("no audience to expect: name at least one, as it stands in the `aud` claim")]
    NoAudience,
    /// A claim has no name, or one that means something else.
    #[error(
        "`{0}` cannot be the claim of the tenant or the user: name a claim that has no other \
         meaning"
    )]
    ClaimName(String),
    /// Two verifiers would be asked about the same token.
    #[error("two issuers have the name `{0}`: configure each one once")]
    SameIssuer(String),
    /// No token can live that short.
    #[error("the maximum lifetime of a token is too short: allow at least one second")]
    Lifetime,
}

/// What the verifier expects of a token and the minter puts into it, so that the two agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRules {
    pub(crate) issuers: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) tenant_claim: String,
    pub(crate) user_claim: String,
    pub(crate) times: Times,
}

/// How the times in a token are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) leeway: Duration,
    pub(crate) max_lifetime: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { leeway: LEEWAY, max_lifetime: MAX_LIFETIME }
    }
}

impl Times {
    pub(crate) fn with_max_lifetime(mut self, max_lifetime: Duration) -> Result<Self, RulesError> {
        if max_lifetime < Duration::from_secs(1) {
            return Err(RulesError::Lifetime);
        }
        self.max_lifetime = max_lifetime;
        Ok(self)
    }
}

impl TokenRules {
    /// Expects one of the issuers and one of the audiences, compared byte by byte. The minter
    /// uses the first of each.
    ///
    /// The tenant is in the claim `tenant`, the user in `sub`, the leeway is 30 s and a token
    /// lives at most 24 h.
    ///
    /// # Errors
    ///
    /// [`RulesError::NoIssuer`] and [`RulesError::NoAudience`] when there is none, or an empty one.
    pub fn new<I, A>(issuers: I, audiences: A) -> Result<Self, RulesError>
    where
        I: IntoIterator<Item: Into<String>>,
        A: IntoIterator<Item: Into<String>>,
    {
        Ok(Self {
            issuers: names(issuers).ok_or(RulesError::NoIssuer)?,
            audiences: names(audiences).ok_or(RulesError::NoAudience)?,
            tenant_claim: "tenant".to_owned(),
            user_claim: "sub".to_owned(),
            times: Times::default(),
        })
    }

    /// Reads the tenant and the user from these top-level claims. They may be the same one: then
    /// every user is a tenant of their own. `sub` stays required.
    ///
    /// # Errors
    ///
    /// [`RulesError::ClaimName`] when a name is empty or has another meaning, such as `exp`.
    pub fn with_claims(
        mut self,
        tenant: impl Into<String>,
        user: impl Into<String>,
    ) -> Result<Self, RulesError> {
        self.tenant_claim = claim_name(tenant.into())?;
        self.user_claim = claim_name(user.into())?;
        Ok(self)
    }

    /// Allows the issuer's clock to differ from ours by this much, in both directions.
    #[must_use]
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.times.leeway = leeway;
        self
    }

    /// Refuses tokens that live longer, counted from now and, where a token says when it was
    /// issued, from then.
    ///
    /// # Errors
    ///
    /// [`RulesError::Lifetime`] when it is shorter than a second.
    pub fn with_max_lifetime(mut self, max_lifetime: Duration) -> Result<Self, RulesError> {
        self.times = self.times.with_max_lifetime(max_lifetime)?;
        Ok(self)
    }
}

/// At least one name, none empty.
pub(crate) fn names(names: impl IntoIterator<Item: Into<String>>) -> Option<Vec<String>> {
    let names: Vec<String> = names.into_iter().map(Into::into).collect();
    let usable = !names.is_empty() && names.iter().all(|name| !name.is_empty());
    usable.then_some(names)
}

fn claim_name(name: String) -> Result<String, RulesError> {
    if name.is_empty() || is_reserved(&name) { Err(RulesError::ClaimName(name)) } else { Ok(name) }
}

/// True for a claim that has a meaning of its own.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [&str; 0] = [];

    #[test]
    fn rules_without_an_issuer_or_audience_are_refused() {
        assert_eq!(TokenRules::new(NONE, ["a"]), Err(RulesError::NoIssuer));
        assert_eq!(TokenRules::new([""], ["a"]), Err(RulesError::NoIssuer));
        assert_eq!(TokenRules::new(["i"], NONE), Err(RulesError::NoAudience));
        assert_eq!(TokenRules::new(["i"], ["a", ""]), Err(RulesError::NoAudience));
    }

    #[test]
    fn a_claim_that_means_something_else_cannot_name_the_tenant_or_the_user() {
        let rules = TokenRules::new(["i"], ["a"]).unwrap();
        for name in ["", "exp", "aud", "scope"] {
            let refused = Err(RulesError::ClaimName(name.to_owned()));
            assert_eq!(rules.clone().with_claims(name, "sub"), refused);
            assert_eq!(rules.clone().with_claims("org", name), refused);
        }
        assert!(rules.with_claims("sub", "sub").is_ok());
    }

    #[test]
    fn a_lifetime_under_a_second_is_refused() {
        let rules = TokenRules::new(["i"], ["a"]).unwrap();
        let refused = rules.with_max_lifetime(Duration::from_millis(999));
        assert_eq!(refused, Err(RulesError::Lifetime));
    }
}
