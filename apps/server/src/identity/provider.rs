//! One identity provider: where its keys come from and what its tokens must say.

use std::{fmt::Display, str::FromStr, sync::Arc, time::Duration};

use loquat_auth::{
    Algorithm, ClaimPath, Grants, IssuerRules, JwtVerifier, KeySet, KeySource, OtherWords,
    Permission, TenantSource, TokenTypes,
};
use loquat_auth_jwks::{HttpFetch, Jwks, KeyLocation};
use loquat_domain::TenantId;
use tokio::runtime::Handle;

use super::read_keys;
use crate::config::{AuthSection, Environment, Faults, IdentitySection};

/// An identity provider, checked.
pub(super) struct Provider {
    name: String,
    rules: IssuerRules,
    keys: Keys,
}

enum Keys {
    Fixed(KeySet),
    Published { location: KeyLocation, algorithms: Vec<Algorithm> },
}

impl Provider {
    /// Checks one section; asks nobody.
    pub(super) fn check(
        name: &str,
        section: &IdentitySection,
        auth: &AuthSection,
        environment: &Environment,
        faults: &mut Faults,
    ) -> Option<Self> {
        let path = format!("auth.providers.{name}");
        let keys = keys(&path, section, environment, faults);
        let rules = rules(&path, section, auth, faults);
        Some(Self { name: name.to_owned(), rules: rules?, keys: keys? })
    }

    /// Begins to believe it: published keys are fetched from now on.
    pub(super) fn start(self, runtime: &Handle) -> Result<JwtVerifier, Faults> {
        let keys: Arc<dyn KeySource> = match self.keys {
            Keys::Fixed(keys) => Arc::new(keys),
            Keys::Published { location, algorithms } => {
                let fetch = Arc::new(HttpFetch);
                let jwks = Jwks::start(self.name.as_str(), location, algorithms, fetch, runtime);
                let key = format!("auth.providers.{}.algorithms", self.name);
                Arc::new(jwks.map_err(|error| Faults::of(&key, error.to_string()))?)
            }
        };
        Ok(JwtVerifier::of_issuer(keys, self.rules))
    }
}

fn keys(
    path: &str,
    section: &IdentitySection,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<Keys> {
    if !section.keys.is_empty() {
        let (keys, _) = read_keys(path, &section.keys, environment, faults)?;
        return faults.take(&format!("{path}.keys"), KeySet::new(keys)).map(Keys::Fixed);
    }
    let location = match &section.jwks_url {
        Some(url) => faults.take(&format!("{path}.jwks_url"), KeyLocation::at(url)),
        None => faults.take(&format!("{path}.issuer"), KeyLocation::discovered(&section.issuer)),
    };
    let at = format!("{path}.algorithms");
    let algorithms = each(&at, &section.algorithms, faults)?;
    let algorithms = faults.take(&at, Jwks::check(algorithms))?;
    Some(Keys::Published { location: location?, algorithms })
}

fn rules(
    path: &str,
    section: &IdentitySection,
    auth: &AuthSection,
    faults: &mut Faults,
) -> Option<IssuerRules> {
    let at = |key: &str| format!("{path}.{key}");
    let tenant = match (&section.tenant, &section.tenant_claim) {
        (Some(tenant), _) => {
            faults.take(&at("tenant"), TenantId::new(tenant)).map(TenantSource::Fixed)
        }
        (None, Some(claim)) => one(&at("tenant_claim"), claim, faults).map(TenantSource::Claim),
        (None, None) => None,
    };
    let user = one(&at("user_claim"), &section.user_claim, faults);
    let token_id = one(&at("token_id_claim"), &section.token_id_claim, faults);
    let grants = grants(path, section, faults);
    let required = required_claims(path, section, faults);
    // One after the other, so that each fault has its key; what stands in for the rest is sound.
    let any = || TenantId::new("any").ok().map(TenantSource::Fixed);
    faults.take(&at("audiences"), IssuerRules::new("any", &section.audiences, any()?));
    faults.take(&at("tenant_claim"), IssuerRules::new("any", ["any"], tenant.clone()?));
    let rules = IssuerRules::new(&section.issuer, &section.audiences, tenant?);
    let rules = faults.take(&at("issuer"), rules)?;
    let rules = faults.take(&at("user_claim"), rules.with_user_claim(user?))?;
    let lifetime = Duration::from_secs(auth.max_lifetime_seconds);
    let rules = faults.take("auth.max_lifetime_seconds", rules.with_max_lifetime(lifetime))?;
    let rules = rules
        .with_token_id_claim(token_id?)
        .with_types(TokenTypes::new(section.token_types.iter().map(String::as_str)))
        .with_grants(grants?)
        .with_leeway(Duration::from_secs(auth.leeway_seconds));
    let with = |rules: IssuerRules, (claim, values)| rules.with_required_claim(claim, values);
    Some(required?.into_iter().fold(rules, with))
}

fn grants(path: &str, section: &IdentitySection, faults: &mut Faults) -> Option<Grants> {
    let claims: Option<Vec<ClaimPath>> =
        each(&format!("{path}.scope_claims"), &section.scope_claims, faults);
    let path = format!("{path}.permissions");
    // All of them, so that every fault is told.
    let words: Vec<(&str, Option<Vec<Permission>>)> = section
        .permissions
        .iter()
        .map(|(word, permissions)| (word.as_str(), each(&path, permissions, faults)))
        .collect();
    let others = if section.pass_other_scopes { OtherWords::Pass } else { OtherWords::Ignore };
    let grants =
        Grants::new(claims?, others).requiring_one_of(section.required_scopes.iter().cloned());
    words
        .into_iter()
        .try_fold(grants, |grants, (word, permissions)| Some(grants.with_word(word, permissions?)))
}

fn required_claims(
    path: &str,
    section: &IdentitySection,
    faults: &mut Faults,
) -> Option<Vec<(ClaimPath, Vec<String>)>> {
    let path = format!("{path}.required_claims");
    let read = section.required_claims.iter().map(|(claim, values)| {
        if values.is_empty() {
            faults.add(&path, "name at least one value for each claim");
        }
        Some((one(&path, claim, faults)?, values.clone()))
    });
    // All of them, so that every fault is told.
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

fn one<T: FromStr<Err: Display>>(key: &str, text: &str, faults: &mut Faults) -> Option<T> {
    faults.take(key, text.parse())
}

fn each<T: FromStr<Err: Display>>(
    key: &str,
    texts: &[String],
    faults: &mut Faults,
) -> Option<Vec<T>> {
    texts.iter().map(|text| one(key, text, faults)).collect()
}
