//! Whose tokens are believed, and what makes tokens.

mod development;
mod provider;

use std::{fs, path::Path, sync::Arc, time::Duration};

use loquat_auth::{
    Algorithm, Issuers, JwtVerifier, SecretError, SigningSecret, TokenMinter, TokenRules,
    TokenVerifier, VerificationKey,
};
use secrecy::ExposeSecret as _;
use tokio::runtime::Handle;

use self::provider::Provider;
use crate::config::{AuthSection, Environment, Faults, KeySection};

/// What the configuration says about identity, checked.
pub(crate) enum Identity {
    /// Keys and providers that the operator has chosen.
    Configured(Box<Tokens>),
    /// None: a secret is generated, for this machine only.
    Development(TokenRules),
}

/// Whose tokens are believed, and what makes tokens where that is possible.
pub(crate) struct Tokens {
    pub(crate) believed: Believed,
    /// None when only public keys and providers are configured.
    pub(crate) minter: Option<TokenMinter>,
}

/// Whose tokens are believed.
pub(crate) struct Believed {
    /// Those of the configured keys.
    own: Option<JwtVerifier>,
    /// Those of identity providers.
    providers: Vec<Provider>,
}

impl Believed {
    /// Begins to believe them. Keys that are published are fetched from now on, on this runtime.
    pub(crate) fn start(self, runtime: &Handle) -> Result<Arc<dyn TokenVerifier>, Faults> {
        let providers = self.providers.into_iter().map(|provider| provider.start(runtime));
        let providers: Vec<_> = providers.collect::<Result<_, _>>()?;
        match self.own {
            Some(own) if providers.is_empty() => Ok(Arc::new(own)),
            own => {
                let issuers = Issuers::new(own.into_iter().chain(providers));
                let fault = |error: loquat_auth::RulesError| {
                    Faults::of("auth.providers", error.to_string())
                };
                Ok(Arc::new(issuers.map_err(fault)?))
            }
        }
    }
}

/// A secret that signs, and what it signs with.
struct Signer {
    algorithm: Algorithm,
    kid: Option<String>,
    secret: SigningSecret,
}

impl Identity {
    /// Reads the keys and checks them. Generates nothing, and asks nobody.
    pub(crate) fn check(
        auth: &AuthSection,
        environment: &Environment,
        faults: &mut Faults,
    ) -> Option<Self> {
        check_issuers(auth, faults);
        let rules = rules(auth, faults);
        let keys = read_keys("auth", &auth.keys, environment, faults);
        let providers = auth.providers.iter();
        let providers: Vec<_> = providers
            .map(|(name, section)| Provider::check(name, section, auth, environment, faults))
            .collect();
        let providers: Vec<Provider> = providers.into_iter().collect::<Option<_>>()?;
        let rules = rules?;
        if auth.is_development() {
            return Some(Self::Development(rules));
        }
        let (keys, signer) = keys?;
        let minter = signer.map(|signer| signer.minter(rules.clone())).transpose();
        let minter = faults.take("auth.keys", minter)?;
        let own = if keys.is_empty() {
            None
        } else {
            Some(faults.take("auth.keys", JwtVerifier::new(keys, rules))?)
        };
        let believed = Believed { own, providers };
        Some(Self::Configured(Box::new(Tokens { believed, minter })))
    }

    /// True when the secret is a generated one.
    pub(crate) const fn is_development(&self) -> bool {
        matches!(self, Self::Development(_))
    }

    /// Puts it in force. In development, that makes the secret in the data directory, or reads the
    /// one that is there.
    pub(crate) fn open(self, data_dir: &Path) -> Result<Tokens, Faults> {
        let rules = match self {
            Self::Configured(tokens) => return Ok(*tokens),
            Self::Development(rules) => rules,
        };
        let secret = development::secret(data_dir)?;
        let fault = |error: loquat_auth::KeyError| Faults::of("auth.keys", error.to_string());
        let key = VerificationKey::from_secret(Algorithm::Hs256, &secret).map_err(fault)?;
        let signer = Signer { algorithm: Algorithm::Hs256, kid: None, secret };
        let minter = Some(signer.minter(rules.clone()).map_err(fault)?);
        let own = Some(JwtVerifier::new([key], rules).map_err(fault)?);
        Ok(Tokens { believed: Believed { own, providers: Vec::new() }, minter })
    }
}

impl Signer {
    fn minter(self, rules: TokenRules) -> Result<TokenMinter, loquat_auth::KeyError> {
        let minter = TokenMinter::new(self.algorithm, &self.secret, rules)?;
        Ok(match self.kid {
            Some(kid) => minter.with_kid(kid),
            None => minter,
        })
    }
}

fn rules(auth: &AuthSection, faults: &mut Faults) -> Option<TokenRules> {
    // One after the other, so that each fault has its key; what stands in for the rest is sound.
    let issuers = TokenRules::new(&auth.issuers, ["any"]);
    faults.take("auth.issuers", issuers);
    let audiences = TokenRules::new(["any"], &auth.audiences);
    faults.take("auth.audiences", audiences);
    let rules = TokenRules::new(&auth.issuers, &auth.audiences).ok()?;
    faults.take("auth.tenant_claim", rules.clone().with_claims(&auth.tenant_claim, "sub"));
    faults.take("auth.user_claim", rules.clone().with_claims("sub", &auth.user_claim));
    let rules = rules.with_claims(&auth.tenant_claim, &auth.user_claim).ok()?;
    let rules = rules.with_leeway(Duration::from_secs(auth.leeway_seconds));
    let lifetime = Duration::from_secs(auth.max_lifetime_seconds);
    faults.take("auth.max_lifetime_seconds", rules.with_max_lifetime(lifetime))
}

/// Every issuer is believed by one section only.
fn check_issuers(auth: &AuthSection, faults: &mut Faults) {
    let own: &[String] = if auth.keys.is_empty() { &[] } else { &auth.issuers };
    let mut seen: Vec<&String> = own.iter().collect();
    for (name, provider) in &auth.providers {
        if seen.contains(&&provider.issuer) {
            let text = "another provider, or `auth.issuers`, has the same issuer: whose keys its \
                        tokens are checked with must be clear";
            faults.add(&format!("auth.providers.{name}.issuer"), text);
        }
        seen.push(&provider.issuer);
    }
}

/// The keys of a section, and what signs with the first secret among them; none when one is faulty.
fn read_keys(
    path: &str,
    keys: &[KeySection],
    environment: &Environment,
    faults: &mut Faults,
) -> Option<(Vec<VerificationKey>, Option<Signer>)> {
    let mut read = Vec::new();
    let mut signer = None;
    for (at, key) in keys.iter().enumerate() {
        let key = read_key(&format!("{path}.keys[{at}]"), key, environment, faults);
        let (key, signs) = key.map_or((None, None), |(key, signs)| (Some(key), signs));
        read.extend(key);
        signer = signer.or(signs);
    }
    (read.len() == keys.len()).then_some((read, signer))
}

/// A key, and what signs with it when it is a secret.
fn read_key(
    path: &str,
    key: &KeySection,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<(VerificationKey, Option<Signer>)> {
    let algorithm = faults.take(&format!("{path}.algorithm"), key.algorithm.parse());
    let at = |field: &str| format!("{path}.{field}");
    let (read, signer) = match (&key.secret_env, &key.secret_file, &key.public_key_file) {
        (Some(variable), None, None) => {
            let secret = secret_of_variable(&at("secret_env"), variable, environment, faults)?;
            let read = VerificationKey::from_secret(algorithm?, &secret);
            (faults.take(&at("secret_env"), read), Some(secret))
        }
        (None, Some(file), None) => {
            let secret = secret_of_file(&at("secret_file"), file, faults)?;
            let read = VerificationKey::from_secret(algorithm?, &secret);
            (faults.take(&at("secret_file"), read), Some(secret))
        }
        (None, None, Some(file)) => {
            let pem = fs::read_to_string(file).map_err(unreadable);
            let pem = faults.take(&at("public_key_file"), pem)?;
            let read = VerificationKey::from_public_pem(algorithm?, &pem);
            (faults.take(&at("public_key_file"), read), None)
        }
        _ => {
            faults.add(path, "name exactly one of secret_env, secret_file and public_key_file");
            return None;
        }
    };
    let (read, algorithm) = (read?, algorithm?);
    let signer = signer.map(|secret| Signer { algorithm, kid: key.kid.clone(), secret });
    Some(match &key.kid {
        Some(kid) => (read.with_kid(kid), signer),
        None => (read, signer),
    })
}

fn secret_of_variable(
    key: &str,
    variable: &str,
    environment: &Environment,
    faults: &mut Faults,
) -> Option<SigningSecret> {
    let secret = crate::secret::of_variable(key, variable, environment, faults)?;
    faults.take(key, SigningSecret::new(secret.expose_secret().as_bytes()))
}

fn secret_of_file(key: &str, file: &Path, faults: &mut Faults) -> Option<SigningSecret> {
    let bytes = faults.take(key, fs::read(file).map_err(unreadable))?;
    faults.take(key, without_line_end(&bytes))
}

/// An editor's or `echo`'s line end is not part of the secret.
fn without_line_end(bytes: &[u8]) -> Result<SigningSecret, SecretError> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    SigningSecret::new(bytes.strip_suffix(b"\r").unwrap_or(bytes))
}

/// Without the name of the file, which may be a secret in the wrong place.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: std::io::Error) -> String {
    format!("the file cannot be read: {error}")
}
