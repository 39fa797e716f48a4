//! `[auth.providers.NAME]`: one identity provider.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{super::Faults, KeySection};

/// `[auth.providers.NAME]`: one identity provider, whose tokens are believed beside those of
/// `[[auth.keys]]`.
///
/// A claim is named as it stands in the token, or by a path that begins with a slash:
/// `/realm_access/roles`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct IdentitySection {
    /// The value of `iss` in its tokens, exactly. Without `jwks_url` and `keys`, its keys are found
    /// through the document at this address with `/.well-known/openid-configuration` behind it.
    pub(crate) issuer: String,
    /// Where its keys are, when that document shall not be asked.
    pub(crate) jwks_url: Option<String>,
    /// The algorithms that its published keys are used with. Default `["RS256"]`.
    pub(crate) algorithms: Vec<String>,
    /// Values of `aud` that are believed: what the provider calls this installation.
    pub(crate) audiences: Vec<String>,
    /// The tenant that all its users belong to. This or `tenant_claim` must be given.
    pub(crate) tenant: Option<String>,
    /// The claim that names the tenant.
    pub(crate) tenant_claim: Option<String>,
    /// The claim that names the user. Default `sub`.
    pub(crate) user_claim: String,
    /// The claim that names the token itself, by which it can be revoked. Default `jti`.
    pub(crate) token_id_claim: String,
    /// Values of `typ` that are believed; `""` stands for a token without one. Default
    /// `["JWT", "at+jwt"]`.
    pub(crate) token_types: Vec<String>,
    /// The claims that hold scopes or roles. Default `["scope", "scp"]`.
    pub(crate) scope_claims: Vec<String>,
    /// Tokens that have none of these scopes or roles are refused. Default none.
    pub(crate) required_scopes: Vec<String>,
    /// Whether a scope that `permissions` does not name is a permission by itself. Default false.
    pub(crate) pass_other_scopes: bool,
    /// What its scopes and roles allow.
    pub(crate) permissions: BTreeMap<String, Vec<String>>,
    /// Tokens that do not have one of these values in each of these claims are refused.
    pub(crate) required_claims: BTreeMap<String, Vec<String>>,
    /// `[[auth.providers.NAME.keys]]`: its keys, when they are not published.
    pub(crate) keys: Vec<KeySection>,
}

impl Default for IdentitySection {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        Self {
            issuer: String::new(),
            jwks_url: None,
            algorithms: words(&["RS256"]),
            audiences: Vec::new(),
            tenant: None,
            tenant_claim: None,
            user_claim: "sub".to_owned(),
            token_id_claim: "jti".to_owned(),
            token_types: words(&["JWT", "at+jwt"]),
            scope_claims: words(&["scope", "scp"]),
            required_scopes: Vec::new(),
            pass_other_scopes: false,
            permissions: BTreeMap::new(),
            required_claims: BTreeMap::new(),
            keys: Vec::new(),
        }
    }
}

impl IdentitySection {
    pub(super) fn check(&self, path: &str, faults: &mut Faults) {
        if self.issuer.is_empty() {
            let text = "is missing: give the value of `iss` in the provider's tokens";
            faults.add(&format!("{path}.issuer"), text);
        }
        if self.jwks_url.is_some() && !self.keys.is_empty() {
            let text = "its keys are given below: leave out one of the two";
            faults.add(&format!("{path}.jwks_url"), text);
        }
        if self.tenant.is_some() == self.tenant_claim.is_some() {
            let text = "name either the tenant of all its users (`tenant`) or the claim that says \
                        whose user it is (`tenant_claim`)";
            faults.add(&format!("{path}.tenant"), text);
        }
        super::check_keys(path, &self.keys, faults);
    }
}
