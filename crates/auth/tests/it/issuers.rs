//! Several issuers, each believed for itself alone.

use std::sync::Arc;

use loquat_auth::{
    Algorithm, AuthError, InvalidReason, IssuerRules, Issuers, JwtVerifier, KeySet, KeySource,
    Principal, RulesError, TenantSource, TokenVerifier, VerificationKey,
};
use serde_json::{Value, json};

use crate::forge::{AUDIENCE, ISSUER, Signer, at, claims_with, key, message};

const OTHER: &str = "https://umbrella.example";

/// Two issuers: one signs with RSA and says the tenant in a claim, the other one with an elliptic
/// curve, and all its users are of one tenant.
fn issuers() -> Issuers {
    let umbrella = TenantSource::Fixed(loquat_domain::TenantId::new("umbrella").unwrap());
    let claim = TenantSource::Claim("tenant".parse().unwrap());
    let rows = [
        (ISSUER, claim, key(Algorithm::Rs256).with_kid("k")),
        (OTHER, umbrella, key(Algorithm::Es256).with_kid("k")),
    ];
    Issuers::new(rows.map(|(issuer, tenant, key)| verifier(issuer, tenant, key))).unwrap()
}

fn verifier(issuer: &str, tenant: TenantSource, key: VerificationKey) -> JwtVerifier {
    let rules = IssuerRules::new(issuer, [AUDIENCE], tenant).unwrap();
    let keys = Arc::new(KeySet::new([key]).unwrap());
    JwtVerifier::of_issuer(keys, rules).with_clock(|| at(crate::forge::NOW))
}

fn token(algorithm: Algorithm, issuer: &Value) -> String {
    let header = json!({"alg": algorithm.as_str(), "typ": "JWT", "kid": "k"}).to_string();
    let claims = claims_with("iss", Some(issuer.clone())).to_string();
    Signer::new(algorithm).sign(&header, &claims)
}

async fn verdict(token: &str) -> Result<Principal, InvalidReason> {
    issuers().verify(token).await.map_err(|error| match error {
        AuthError::Invalid(reason) => reason,
        AuthError::Unavailable(_) => panic!("nothing can be unavailable here"),
    })
}

#[tokio::test]
async fn each_issuer_speaks_for_its_own_tenants() {
    let first = verdict(&token(Algorithm::Rs256, &json!(ISSUER))).await.unwrap();
    assert_eq!(first.scope.tenant.as_str(), "acme");
    let second = verdict(&token(Algorithm::Es256, &json!(OTHER))).await.unwrap();
    assert_eq!(second.scope.tenant.as_str(), "umbrella", "whatever its claim says");
}

#[tokio::test]
async fn a_key_of_one_issuer_does_not_speak_for_another() {
    for (algorithm, issuer) in [(Algorithm::Es256, ISSUER), (Algorithm::Rs256, OTHER)] {
        let verdict = verdict(&token(algorithm, &json!(issuer))).await;
        assert_eq!(verdict, Err(InvalidReason::Algorithm), "{issuer}");
    }
    // Also when both have a key of the same kind.
    let tenant = || TenantSource::Claim("tenant".parse().unwrap());
    let stranger = include_bytes!("keys/rsa-stranger.private.pem");
    let stranger = jsonwebtoken::EncodingKey::from_rsa_pem(stranger).unwrap();
    let stranger = Signer { algorithm: Algorithm::Rs256, key: stranger };
    let header = json!({"alg": "RS256"}).to_string();
    let forged = stranger.sign(&header, &claims_with("iss", Some(json!(ISSUER))).to_string());
    let both = [
        verifier(ISSUER, tenant(), key(Algorithm::Rs256)),
        verifier(OTHER, tenant(), key(Algorithm::Rs256)),
    ];
    let refused = Issuers::new(both).unwrap().verify(&forged).await.unwrap_err();
    assert!(matches!(refused, AuthError::Invalid(InvalidReason::Signature)));
}

#[tokio::test]
async fn a_token_that_names_no_known_issuer_is_refused_before_its_signature_is_looked_at() {
    let strangers = [
        json!("https://idp.example/"),
        json!("HTTPS://IDP.EXAMPLE"),
        json!(" https://idp.example"),
        json!(""),
    ];
    for issuer in strangers {
        let verdict = verdict(&token(Algorithm::Rs256, &issuer)).await;
        assert_eq!(verdict, Err(InvalidReason::Issuer), "{issuer}");
    }
    for issuer in [json!(null), json!(7), json!([ISSUER]), json!({"iss": ISSUER})] {
        let verdict = verdict(&token(Algorithm::Rs256, &issuer)).await;
        assert_eq!(verdict, Err(InvalidReason::Claim("issuer")), "{issuer}");
    }
}

#[tokio::test]
async fn a_token_that_names_two_issuers_is_refused() {
    let claims = claims_with("iss", Some(json!(OTHER))).to_string();
    for first in [format!(r#"{{"iss":"{ISSUER}","#), format!(r#"{{"i\u0073s":"{ISSUER}","#)] {
        let twice = claims.replacen('{', &first, 1);
        let header = json!({"alg": "ES256", "kid": "k"}).to_string();
        let token = Signer::new(Algorithm::Es256).sign(&header, &twice);
        assert_eq!(verdict(&token).await, Err(InvalidReason::Claim("issuer")), "{first}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused_as_ever() {
    for (text, reason) in [
        ("", InvalidReason::Malformed),
        ("a.b", InvalidReason::Malformed),
        ("a.b.c", InvalidReason::Claim("issuer")),
        (&"x".repeat(9000), InvalidReason::TooLong),
        (&format!("{}.AA", message("{}", "[]")), InvalidReason::Claim("issuer")),
    ] {
        assert_eq!(verdict(text).await, Err(reason), "{text:.20}");
    }
}

/// Keys that have not come.
struct NoKeys;

#[async_trait::async_trait]
impl KeySource for NoKeys {
    async fn find(
        &self,
        _: Option<&str>,
        _: Algorithm,
    ) -> Result<Vec<Arc<VerificationKey>>, AuthError> {
        Err(AuthError::Unavailable("they have not come".into()))
    }

    fn is_ready(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn an_issuer_that_is_down_does_not_take_the_others_with_it() {
    let tenant = || TenantSource::Claim("tenant".parse().unwrap());
    let down = || {
        let rules = IssuerRules::new(OTHER, [AUDIENCE], tenant()).unwrap();
        JwtVerifier::of_issuer(Arc::new(NoKeys), rules)
    };
    let up = verifier(ISSUER, tenant(), key(Algorithm::Rs256).with_kid("k"));
    let both = Issuers::new([down(), up]).unwrap();
    assert!(both.is_ready());
    assert!(both.verify(&token(Algorithm::Rs256, &json!(ISSUER))).await.is_ok());
    let undecided = both.verify(&token(Algorithm::Es256, &json!(OTHER))).await;
    assert!(matches!(undecided, Err(AuthError::Unavailable(_))));
    assert!(!Issuers::new([down()]).unwrap().is_ready());
}

#[test]
fn an_issuer_is_named_once() {
    let tenant = || TenantSource::Claim("tenant".parse().unwrap());
    let twice = [Algorithm::Rs256, Algorithm::Es256].map(|it| verifier(ISSUER, tenant(), key(it)));
    let refused = Issuers::new(twice).err();
    assert_eq!(refused, Some(RulesError::SameIssuer(ISSUER.to_owned())));
    assert_eq!(Issuers::new([]).err(), Some(RulesError::NoIssuer));
}
