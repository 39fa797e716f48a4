//! `[auth]`: whose tokens are believed.

mod provider;

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Faults, check_name, check_variable};

pub(crate) use provider::IdentitySection;

/// The variable that holds a secret for HS256 when no key is configured otherwise.
pub(crate) const SECRET_VARIABLE: &str = "LOQUAT_AUTH_SECRET";

/// `[auth]`: what a token must say to be believed.
///
/// Without a key and a provider, a secret is generated in the data directory and only this machine is
/// served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AuthSection {
    /// Values of `iss` that `keys` speak for; `loquat token` uses the first. Default `["loquat"]`.
    pub(crate) issuers: Vec<String>,
    /// Values of `aud` that are believed with them; `loquat token` uses the first. Default
    /// `["loquat"]`.
    pub(crate) audiences: Vec<String>,
    /// The claim that names the tenant. Default `tenant`. The same as `user_claim` makes every user
    /// a tenant of their own.
    pub(crate) tenant_claim: String,
    /// The claim that names the user. Default `sub`.
    pub(crate) user_claim: String,
    /// How far the issuer's clock may be from ours, in seconds. Default 30.
    pub(crate) leeway_seconds: u64,
    /// Tokens that live longer are refused, in seconds. Default 86,400, a day: a stolen one is good
    /// until somebody notices.
    pub(crate) max_lifetime_seconds: u64,
    /// `[[auth.keys]]`: the keys that tokens are checked with.
    pub(crate) keys: Vec<KeySection>,
    /// `[auth.providers.NAME]`: identity providers, each with its own keys and rules.
    pub(crate) providers: BTreeMap<String, IdentitySection>,
}

/// `[[auth.keys]]`: one key. Exactly one of `secret_env`, `secret_file` and `public_key_file` says
/// where it is; the configuration itself never holds it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct KeySection {
    /// HS256, HS384, HS512, RS256, RS384, RS512, PS256, ES256, ES384 or `EdDSA`. No default: a
    /// token must not choose.
    pub(crate) algorithm: String,
    /// The key id that tokens name it by. Without one, it is tried for tokens that name none.
    pub(crate) kid: Option<String>,
    /// The environment variable that holds the secret of an HS algorithm.
    pub(crate) secret_env: Option<String>,
    /// The file that holds the secret of an HS algorithm; one line end at its end is not part of it.
    pub(crate) secret_file: Option<PathBuf>,
    /// The PEM file of the public key of any other algorithm.
    pub(crate) public_key_file: Option<PathBuf>,
}

impl Default for AuthSection {
    fn default() -> Self {
        Self {
            issuers: vec!["loquat".to_owned()],
            audiences: vec!["loquat".to_owned()],
            tenant_claim: "tenant".to_owned(),
            user_claim: "sub".to_owned(),
            leeway_seconds: 30,
            max_lifetime_seconds: 86_400,
            keys: Vec::new(),
            providers: BTreeMap::new(),
        }
    }
}

impl AuthSection {
    pub(super) fn check(&self, faults: &mut Faults) {
        check_keys("auth", &self.keys, faults);
        for (name, provider) in &self.providers {
            let path = format!("auth.providers.{name}");
            check_name(&path, name, faults);
            provider.check(&path, faults);
        }
    }

    /// True when nobody is named whose tokens are believed, so that a secret is generated.
    pub(crate) fn is_development(&self) -> bool {
        self.keys.is_empty() && self.providers.is_empty()
    }
}

impl KeySection {
    /// The secret of the environment variable [`SECRET_VARIABLE`].
    pub(super) fn of_environment() -> Self {
        Self {
            algorithm: "HS256".to_owned(),
            secret_env: Some(SECRET_VARIABLE.to_owned()),
            ..Self::default()
        }
    }
}

fn check_keys(path: &str, keys: &[KeySection], faults: &mut Faults) {
    for (at, key) in keys.iter().enumerate() {
        let path = format!("{path}.keys[{at}].secret_env");
        check_variable(&path, key.secret_env.as_ref(), faults);
    }
}
