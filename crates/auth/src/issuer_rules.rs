//! What is expected of the tokens of one issuer.

use std::time::Duration;

use loquat_domain::TenantId;

use crate::{
    ClaimPath, Grants, RulesError, TokenRules, TokenTypes,
    rules::{Times, is_reserved, names},
};

/// Where a token's tenant comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantSource {
    /// The token says it.
    Claim(ClaimPath),
    /// All tokens of the issuer are this tenant's.
    Fixed(TenantId),
}

/// What a verifier expects of the tokens of one issuer, and where it finds what it has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerRules {
    pub(crate) issuers: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) types: TokenTypes,
    pub(crate) tenant: TenantSource,
    pub(crate) user: ClaimPath,
    pub(crate) token_id: ClaimPath,
    pub(crate) grants: Grants,
    pub(crate) required: Vec<(ClaimPath, Vec<String>)>,
    pub(crate) times: Times,
}

impl IssuerRules {
    /// Expects this issuer and one of the audiences, compared byte by byte.
    ///
    /// The user is in `sub`, the token's own name in `jti`; types, scopes and times are those of
    /// [`TokenTypes::default`], [`Grants::default`] and [`TokenRules::new`].
    ///
    /// # Errors
    ///
    /// [`RulesError::NoIssuer`] and [`RulesError::NoAudience`] when there is none, or an empty one;
    /// [`RulesError::ClaimName`] when the tenant's claim has another meaning, such as `exp`.
    pub fn new<A>(issuer: &str, audiences: A, tenant: TenantSource) -> Result<Self, RulesError>
    where
        A: IntoIterator<Item: Into<String>>,
    {
        if let TenantSource::Claim(claim) = &tenant {
            check_claim(claim)?;
        }
        Ok(Self {
            issuers: names([issuer]).ok_or(RulesError::NoIssuer)?,
            audiences: names(audiences).ok_or(RulesError::NoAudience)?,
            types: TokenTypes::default(),
            tenant,
            user: ClaimPath::named("sub"),
            token_id: ClaimPath::named("jti"),
            grants: Grants::default(),
            required: Vec::new(),
            times: Times::default(),
        })
    }

    /// Reads the user from this claim, which may be the tenant's too. `sub` stays required.
    ///
    /// # Errors
    ///
    /// [`RulesError::ClaimName`] when it has another meaning, such as `exp`.
    pub fn with_user_claim(mut self, claim: ClaimPath) -> Result<Self, RulesError> {
        check_claim(&claim)?;
        self.user = claim;
        Ok(self)
    }

    /// Reads the token's own name from this claim.
    #[must_use]
    pub fn with_token_id_claim(mut self, claim: ClaimPath) -> Self {
        self.token_id = claim;
        self
    }

    /// Believes tokens of these types.
    #[must_use]
    pub fn with_types(mut self, types: TokenTypes) -> Self {
        self.types = types;
        self
    }

    /// Says what the issuer's words allow.
    #[must_use]
    pub fn with_grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Refuses tokens whose claim is not one of these texts, or an array with one of them.
    #[must_use]
    pub fn with_required_claim(
        mut self,
        claim: ClaimPath,
        values: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        self.required.push((claim, values.into_iter().map(Into::into).collect()));
        self
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

impl From<TokenRules> for IssuerRules {
    fn from(rules: TokenRules) -> Self {
        Self {
            issuers: rules.issuers,
            audiences: rules.audiences,
            types: TokenTypes::default(),
            tenant: TenantSource::Claim(ClaimPath::named(&rules.tenant_claim)),
            user: ClaimPath::named(&rules.user_claim),
            token_id: ClaimPath::named("jti"),
            grants: Grants::default(),
            required: Vec::new(),
            times: rules.times,
        }
    }
}

fn check_claim(claim: &ClaimPath) -> Result<(), RulesError> {
    match claim.top() {
        Some(name) if is_reserved(name) => Err(RulesError::ClaimName(name.to_owned())),
        _ => Ok(()),
    }
}
