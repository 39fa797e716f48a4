//! Makes tokens, good and bad ones, without the code under test.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use loquat_auth::{
    Algorithm, AuthError, InvalidReason, JwtVerifier, Principal, SigningSecret, TokenRules,
    TokenVerifier, VerificationKey,
};
use loquat_domain::Timestamp;
use serde_json::{Value, json};

/// The time of all tests, in seconds: 1 September 2025.
pub(crate) const NOW: i64 = 1_756_684_800;
pub(crate) const ISSUER: &str = "https://idp.example";
pub(crate) const AUDIENCE: &str = "chat";
pub(crate) const SECRET: &str = "Yk4!pT0#zQ8w-1mVx7Lr$2uHs9Nc@5aJd6Gf%3bEoKi&Wt*RyBqP^ZlXgS+vMnU1";

/// What signs a token.
pub(crate) struct Signer {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: EncodingKey,
}

impl Signer {
    /// With the private key, or the secret, that belongs to [`key`].
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                EncodingKey::from_secret(SECRET.as_bytes())
            }
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => {
                EncodingKey::from_rsa_pem(include_bytes!("keys/rsa.private.pem")).unwrap()
            }
            Algorithm::Es256 => {
                EncodingKey::from_ec_pem(include_bytes!("keys/p256.private.pem")).unwrap()
            }
            Algorithm::Es384 => {
                EncodingKey::from_ec_pem(include_bytes!("keys/p384.private.pem")).unwrap()
            }
            Algorithm::EdDsa => {
                EncodingKey::from_ed_pem(include_bytes!("keys/ed25519.private.pem")).unwrap()
            }
        };
        Self { algorithm, key }
    }

    /// HMAC with whatever bytes an attacker has.
    pub(crate) fn hmac(secret: &[u8]) -> Self {
        Self { algorithm: Algorithm::Hs256, key: EncodingKey::from_secret(secret) }
    }

    /// Signs any two texts, whether they are JSON or not.
    pub(crate) fn sign(&self, header: &str, payload: &str) -> String {
        let message = message(header, payload);
        let algorithm = self.algorithm.into();
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, algorithm);
        format!("{message}.{}", signature.unwrap())
    }

    /// A token with the given header and good claims.
    pub(crate) fn with_header(&self, header: &Value) -> String {
        self.sign(&header.to_string(), &good_claims().to_string())
    }
}

/// The first two parts of a token.
pub(crate) fn message(header: &str, payload: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

/// A token of HS256 with the right header and the given claims.
pub(crate) fn with_claims(claims: &Value) -> String {
    Signer::new(Algorithm::Hs256).sign(r#"{"alg":"HS256","typ":"JWT"}"#, &claims.to_string())
}

/// Claims that follow [`rules`].
pub(crate) fn good_claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ada",
        "tenant": "acme",
        "exp": NOW + 600,
    })
}

/// Good claims with one of them replaced, or removed.
pub(crate) fn claims_with(claim: &str, value: Option<Value>) -> Value {
    let mut claims = good_claims();
    let members = claims.as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(claim.to_owned(), value),
        None => members.remove(claim),
    };
    claims
}

pub(crate) fn rules() -> TokenRules {
    TokenRules::new([ISSUER, "https://other-idp.example"], [AUDIENCE, "api"]).unwrap()
}

pub(crate) fn secret() -> SigningSecret {
    SigningSecret::new(SECRET).unwrap()
}

/// The key that [`Signer::new`] of the same algorithm signs for.
pub(crate) fn key(algorithm: Algorithm) -> VerificationKey {
    let pem = match algorithm {
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
            return VerificationKey::from_secret(algorithm, &secret()).unwrap();
        }
        Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => {
            include_str!("keys/rsa.public.pem")
        }
        Algorithm::Es256 => include_str!("keys/p256.public.pem"),
        Algorithm::Es384 => include_str!("keys/p384.public.pem"),
        Algorithm::EdDsa => include_str!("keys/ed25519.public.pem"),
    };
    VerificationKey::from_public_pem(algorithm, pem).unwrap()
}

/// A verifier with these keys, at [`NOW`].
pub(crate) fn verifier(keys: impl IntoIterator<Item = VerificationKey>) -> JwtVerifier {
    JwtVerifier::new(keys, rules()).unwrap().with_clock(|| at(NOW))
}

/// A verifier with one HS256 key that has no key id, at [`NOW`].
pub(crate) fn hs256_verifier() -> JwtVerifier {
    verifier([key(Algorithm::Hs256)])
}

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_micros(secs * 1_000_000)
}

/// What the verifier says: a principal, or the reason of a refusal that looks like every other.
pub(crate) async fn verdict(
    verifier: &JwtVerifier,
    token: &str,
) -> Result<Principal, InvalidReason> {
    let error = match verifier.verify(token).await {
        Ok(principal) => return Ok(principal),
        Err(error) => error,
    };
    assert_eq!(error.to_string(), "the token is not valid");
    match error {
        AuthError::Invalid(reason) => Err(reason),
        AuthError::Unavailable(_) => panic!("nothing can be unavailable here"),
    }
}

/// Asserts that the token is believed and returns its principal.
pub(crate) async fn believed(verifier: &JwtVerifier, token: &str, row: &str) -> Principal {
    let verdict = verdict(verifier, token).await;
    verdict.unwrap_or_else(|reason| panic!("{row}: refused because {reason}"))
}

/// Asserts that the token is refused for this reason.
pub(crate) async fn refused(verifier: &JwtVerifier, token: &str, reason: InvalidReason, row: &str) {
    assert_eq!(verdict(verifier, token).await.map(drop), Err(reason), "{row}");
}
