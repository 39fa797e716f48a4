//! Every claim that is read × every JSON type it could have, and the values that are not ours.

use std::error::Error;

use loquat_auth::{Algorithm, InvalidReason, JwtVerifier, TokenVerifier};
use serde_json::{Value, json};

use crate::forge::{
    AUDIENCE, ISSUER, NOW, at, believed, claims_with, hs256_verifier, key, refused, rules,
    with_claims,
};

/// Believed, or refused because of the claim itself.
const OK: bool = true;
const NO: bool = false;

#[tokio::test]
async fn a_claim_of_the_wrong_type_is_refused_and_never_taken_for_absent() {
    #[rustfmt::skip]
    let table = [
        // claim    purpose       right text   right date   absent null bool number text array object
        ("exp",    "expiry",     "1756685400", NOW + 600,  [NO,    NO,  NO,  OK,    NO,  NO,   NO]),
        ("nbf",    "not-before", "1756684700", NOW - 100,  [OK,    NO,  NO,  OK,    NO,  NO,   NO]),
        ("iat",    "issued-at",  "1756684700", NOW - 100,  [OK,    NO,  NO,  OK,    NO,  NO,   NO]),
        ("iss",    "issuer",     ISSUER,       0,          [NO,    NO,  NO,  NO,    OK,  NO,   NO]),
        ("aud",    "audience",   AUDIENCE,     0,          [NO,    NO,  NO,  NO,    OK,  OK,   NO]),
        ("sub",    "subject",    "ada",        42,         [NO,    NO,  NO,  NO,    OK,  NO,   NO]),
        ("tenant", "tenant",     "acme",       42,         [NO,    NO,  NO,  NO,    OK,  NO,   NO]),
        ("jti",    "token id",   "t-1",        42,         [OK,    NO,  NO,  NO,    OK,  NO,   NO]),
        ("scope",  "scope",      "read",       42,         [OK,    NO,  NO,  NO,    OK,  OK,   NO]),
        ("scp",    "scope",      "read",       42,         [OK,    NO,  NO,  NO,    OK,  OK,   NO]),
    ];
    let verifier = hs256_verifier();
    for (claim, purpose, text, number, expected) in table {
        let values = [
            None,
            Some(json!(null)),
            Some(json!(true)),
            Some(json!(number)),
            Some(json!(text)),
            Some(json!([text])),
            Some(json!({"value": text})),
        ];
        for (value, expected) in values.into_iter().zip(expected) {
            let row = format!("{claim}: {value:?}");
            let token = with_claims(&claims_with(claim, value));
            if expected {
                believed(&verifier, &token, &row).await;
            } else {
                refused(&verifier, &token, InvalidReason::Claim(purpose), &row).await;
            }
        }
    }
}

#[tokio::test]
async fn claims_that_are_not_read_may_be_anything() {
    let anything = [json!(null), json!(7), json!("x"), json!([[1], {}]), json!({"sub": "eve"})];
    for value in anything {
        let token = with_claims(&claims_with("realm_access", Some(value.clone())));
        believed(&hs256_verifier(), &token, &value.to_string()).await;
    }
}

#[tokio::test]
async fn another_issuer_is_refused() {
    let ours = ["https://idp.example", "https://other-idp.example"];
    let others = [
        "",
        "https://idp.example/",
        "HTTPS://IDP.EXAMPLE",
        "http://idp.example",
        "https://idp.example.evil.example",
        "https://idp.exampl",
        " https://idp.example",
    ];
    for issuer in ours {
        believed(&hs256_verifier(), &token("iss", json!(issuer)), issuer).await;
    }
    for issuer in others {
        let token = token("iss", json!(issuer));
        refused(&hs256_verifier(), &token, InvalidReason::Issuer, issuer).await;
    }
}

#[tokio::test]
async fn another_audience_is_refused() {
    let verifier = hs256_verifier();
    let ours = [json!("chat"), json!("api"), json!(["x", "chat"]), json!(["chat", "chat"])];
    let others = [json!(""), json!("Chat"), json!("chat x"), json!([]), json!(["x", "y"])];
    let mixed = [json!(["chat", 7]), json!(["chat", null]), json!([["chat"]])];
    for audience in ours {
        believed(&verifier, &token("aud", audience.clone()), &audience.to_string()).await;
    }
    for audience in others {
        let row = audience.to_string();
        refused(&verifier, &token("aud", audience), InvalidReason::Audience, &row).await;
    }
    for audience in mixed {
        let row = audience.to_string();
        refused(&verifier, &token("aud", audience), InvalidReason::Claim("audience"), &row).await;
    }
}

#[tokio::test]
async fn a_name_that_the_domain_does_not_allow_is_refused() {
    let long = "x".repeat(256);
    let names =
        ["", " ", "a b", "a\0", "\0", "a\n", "\u{7f}", "ä", "а", "\u{202e}ada", "\u{1f916}", &long];
    for name in names {
        for (claim, purpose) in [("sub", "subject"), ("tenant", "tenant"), ("jti", "token id")] {
            let row = format!("{claim}: {name:?}");
            let token = token(claim, json!(name));
            refused(&hs256_verifier(), &token, InvalidReason::Claim(purpose), &row).await;
        }
    }
    for name in ["a", "'OR'1'='1'--", "../../x", "auth0|6f-2_1@example.org", &"x".repeat(255)] {
        let principal = believed(&hs256_verifier(), &token("sub", json!(name)), name).await;
        assert_eq!(principal.scope.user.as_str(), name);
    }
}

#[tokio::test]
async fn tenant_and_user_come_from_the_configured_claims() {
    let rules = rules().with_claims("org_id", "https://example.org/user").unwrap();
    let verifier = JwtVerifier::new([key(Algorithm::Hs256)], rules).unwrap();
    let verifier = verifier.with_clock(|| at(NOW));
    let mut claims = claims_with("tenant", Some(json!("not this one")));
    claims["org_id"] = json!("umbrella");
    claims["https://example.org/user"] = json!("grace");

    let principal = believed(&verifier, &with_claims(&claims), "all there").await;
    assert_eq!(principal.scope.tenant.as_str(), "umbrella");
    assert_eq!(principal.scope.user.as_str(), "grace");

    for (claim, purpose) in
        [("org_id", "tenant"), ("https://example.org/user", "user"), ("sub", "subject")]
    {
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove(claim);
        let token = with_claims(&without);
        refused(&verifier, &token, InvalidReason::Claim(purpose), claim).await;
    }
}

#[tokio::test]
async fn a_token_is_known_by_the_name_that_its_issuer_gave_it() {
    let verifier = hs256_verifier();
    let named = believed(&verifier, &token("jti", json!("onrtac:6f2d/7+=")), "named").await;
    assert_eq!(named.token_id.unwrap().as_str(), "onrtac:6f2d/7+=");
    let nameless = believed(&verifier, &with_claims(&crate::forge::good_claims()), "none").await;
    assert_eq!(nameless.token_id, None);
}

#[tokio::test]
async fn scopes_are_read_from_both_claims_in_both_forms() {
    let table = [
        (json!({}), ""),
        (json!({"scope": ""}), ""),
        (json!({"scope": "read"}), "read"),
        (json!({"scope": "write  read write "}), "read write"),
        (json!({"scope": ["write", "read"]}), "read write"),
        (json!({"scp": "read"}), "read"),
        (json!({"scp": ["read", "write"]}), "read write"),
        (json!({"scp": ["a"], "scope": "b"}), "a b"),
        (json!({"scp": []}), ""),
    ];
    for (scopes, expected) in table {
        let principal = believed(&hs256_verifier(), &with_scopes(&scopes), expected).await;
        assert_eq!(principal.permissions.to_string(), expected, "{scopes}");
    }
}

#[tokio::test]
async fn scopes_that_are_not_words_are_refused() {
    let table = [
        json!({"scope": "a\"b"}),
        json!({"scope": "a\tb"}),
        json!({"scope": "ä"}),
        json!({"scope": ["read", 7]}),
        json!({"scope": "read", "scp": 7}),
        json!({"scp": [null]}),
    ];
    for scopes in table {
        let row = scopes.to_string();
        let token = with_scopes(&scopes);
        refused(&hs256_verifier(), &token, InvalidReason::Claim("scope"), &row).await;
    }
}

#[tokio::test]
async fn other_kinds_of_tokens_are_refused() {
    let table = [
        // A logout token has no expiry in many deployments, and no tenant.
        (json!({"exp": null, "events": {}}), InvalidReason::Claim("expiry")),
        // An ID token is for the client, a refresh token for the issuer.
        (json!({"aud": "web-client", "nonce": "n"}), InvalidReason::Audience),
        (json!({"aud": ISSUER, "typ": "Refresh"}), InvalidReason::Audience),
    ];
    for (members, reason) in table {
        let row = members.to_string();
        refused(&hs256_verifier(), &with_scopes(&members), reason, &row).await;
    }
}

#[tokio::test]
async fn a_refusal_contains_nothing_of_the_token() {
    let token = token("sub", json!("canary canary"));
    let error = hs256_verifier().verify(&token).await.unwrap_err();
    assert_eq!(error.to_string(), "the token is not valid");
    let source = error.source().unwrap().to_string();
    assert_eq!(source, "its subject claim is absent or not of the right type");
    let debug = format!("{error:?}");
    assert_eq!(debug, r#"Invalid(Claim("subject"))"#);
}

/// A token with one claim replaced.
fn token(claim: &str, value: Value) -> String {
    with_claims(&claims_with(claim, Some(value)))
}

/// A token with these claims added.
fn with_scopes(members: &Value) -> String {
    let mut claims = crate::forge::good_claims();
    claims.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    with_claims(&claims)
}
