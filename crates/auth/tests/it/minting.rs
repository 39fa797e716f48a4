//! Tokens of our own are what the verifier believes, and say exactly what was asked for.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use loquat_auth::{
    Algorithm, JwtVerifier, KeyError, MintError, Permissions, SigningSecret, TokenMinter,
    TokenRequest, TokenRules,
};
use loquat_domain::{Scope, TenantId, TokenId, UserId};
use serde_json::{Value, json};

use crate::forge::{AUDIENCE, ISSUER, NOW, at, believed, key, rules, secret, verifier};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_minted_token_is_believed_and_says_what_was_asked_for() {
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        let token = minter(algorithm, rules()).mint(&request()).unwrap();

        let principal = believed(&verifier([key(algorithm)]), &token, algorithm.as_str()).await;
        assert_eq!(principal.scope, request().scope);
        assert_eq!(principal.permissions, request().permissions);
        assert_eq!(principal.expires_at, at(NOW + 3600));
        let [header, claims] = parts(&token);
        assert_eq!(header, json!({"alg": algorithm.as_str(), "typ": "JWT"}));
        let expected = json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "ada",
            "tenant": "acme",
            "scope": "read write",
            "iat": NOW,
            "exp": NOW + 3600,
            "jti": "t-1",
        });
        assert_eq!(claims, expected);
    }
}

#[tokio::test]
async fn the_longest_lifetime_is_believed_from_its_first_second() {
    let minter = minter(Algorithm::Hs256, rules());
    let token = minter.mint(&TokenRequest { lifetime: DAY, ..request() }).unwrap();
    let principal = believed(&verifier([key(Algorithm::Hs256)]), &token, "a day").await;
    assert_eq!(principal.expires_at, at(NOW).plus(DAY));
}

#[tokio::test]
async fn tenant_and_user_go_into_the_configured_claims() {
    // Tenant claim, user claim, and what the three claims then say.
    let table = [
        ("org", "sub", json!({"org": "acme", "sub": "ada"})),
        ("org", "uid", json!({"org": "acme", "uid": "ada", "sub": "ada"})),
        ("sub", "uid", json!({"sub": "acme", "uid": "ada"})),
    ];
    for (tenant, user, expected) in table {
        let rules = rules().with_claims(tenant, user).unwrap();
        let token = minter(Algorithm::Hs256, rules.clone()).mint(&request()).unwrap();
        let verifier = JwtVerifier::new([key(Algorithm::Hs256)], rules).unwrap();
        let verifier = verifier.with_clock(|| at(NOW));

        let principal = believed(&verifier, &token, tenant).await;
        assert_eq!(principal.scope, request().scope);
        let [_, claims] = parts(&token);
        for (claim, value) in expected.as_object().unwrap() {
            assert_eq!(&claims[claim], value, "{claim}");
        }
    }
}

#[tokio::test]
async fn a_key_id_finds_its_key() {
    let kid = minter(Algorithm::Hs256, rules()).with_kid("k1");
    let token = kid.mint(&request()).unwrap();
    let verifier = verifier([key(Algorithm::Hs256).with_kid("k1")]);
    believed(&verifier, &token, "k1").await;
}

#[test]
fn what_is_not_asked_for_is_not_in_the_token() {
    let bare = TokenRequest { permissions: Permissions::default(), id: None, ..request() };
    let token = minter(Algorithm::Hs256, rules()).mint(&bare).unwrap();
    let [_, claims] = parts(&token);
    assert!(claims.get("scope").is_none() && claims.get("jti").is_none(), "{claims}");
}

#[test]
fn a_token_that_the_verifier_would_refuse_is_not_made() {
    let minter = minter(Algorithm::Hs256, rules());
    for lifetime in [Duration::ZERO, Duration::from_millis(999), DAY + Duration::from_millis(1)] {
        let error = minter.mint(&TokenRequest { lifetime, ..request() }).unwrap_err();
        assert!(matches!(error, MintError::Lifetime { max } if max == DAY), "{lifetime:?}");
        let text = "a token lives from 1 to 86400 seconds: ask for a lifetime in between";
        assert_eq!(error.to_string(), text);
    }
    let scopes: Vec<String> = (0..1000).map(|it| format!("scope:{it}")).collect();
    let permissions = Permissions::new(scopes.iter().map(String::as_str)).unwrap();
    let error = minter.mint(&TokenRequest { permissions, ..request() }).unwrap_err();
    assert!(matches!(error, MintError::TooLong), "{error:?}");
}

#[test]
fn two_names_do_not_fit_into_one_claim() {
    let minter = minter(Algorithm::Hs256, rules().with_claims("sub", "sub").unwrap());
    let two = minter.mint(&request());
    assert!(matches!(two, Err(MintError::OneClaim)), "{two:?}");
    let scope = Scope { tenant: TenantId::new("ada").unwrap(), ..request().scope };
    assert!(minter.mint(&TokenRequest { scope, ..request() }).is_ok());
}

#[test]
fn only_a_secret_that_fits_the_algorithm_makes_a_minter() {
    let short = SigningSecret::new("0f3a9c71d2e84b56a8c1f7e09d364a25").unwrap();
    let error = TokenMinter::new(Algorithm::Hs512, &short, rules()).err();
    let expected = KeyError::SecretTooShort { algorithm: Algorithm::Hs512, bytes: 64 };
    assert_eq!(error, Some(expected));
    let error = TokenMinter::new(Algorithm::Rs256, &secret(), rules()).err();
    assert_eq!(error, Some(KeyError::NotForSecrets(Algorithm::Rs256)));
}

fn minter(algorithm: Algorithm, rules: TokenRules) -> TokenMinter {
    TokenMinter::new(algorithm, &secret(), rules).unwrap().with_clock(|| at(NOW))
}

fn request() -> TokenRequest {
    TokenRequest {
        scope: Scope { tenant: TenantId::new("acme").unwrap(), user: UserId::new("ada").unwrap() },
        permissions: Permissions::new(["write", "read"]).unwrap(),
        lifetime: Duration::from_hours(1),
        id: Some(TokenId::new("t-1").unwrap()),
    }
}

/// Header and claims of a token.
fn parts(token: &str) -> [Value; 2] {
    let mut parts = token.split('.').map(|part| {
        let json = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice(&json).unwrap_or_default()
    });
    [parts.next().unwrap(), parts.next().unwrap()]
}
