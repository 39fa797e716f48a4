//! Tokens that somebody else has made, or bent, for an issuer whose keys are public: J1 to J9 and J14
//! of the requirements. What the claims must say is told in `loquat-auth`'s own tests; here it is made
//! sure that none of it is lost when keys are fetched.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use loquat_auth::{InvalidReason, JwtVerifier};
use loquat_testkit::{IdentityAlgorithm, IdentityServer};
use serde_json::{Value, json};

use crate::stage::{Desk, believed, keys_of, refused, verifier};

async fn stage(kind: IdentityAlgorithm) -> (IdentityServer, JwtVerifier) {
    let server = IdentityServer::start(kind).await.unwrap();
    let verifier = verifier(&server, &Desk::new(keys_of(&server)));
    (server, verifier)
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test(start_paused = true)]
async fn an_unsigned_token_is_refused() {
    let (server, verifier) = stage(IdentityAlgorithm::Rs256).await;
    let claims = server.claims(&json!({}));
    let good = server.token(&json!({}));
    let (message, _) = good.rsplit_once('.').unwrap();
    for alg in ["none", "nOnE", "RS256"] {
        let message = format!("{}.{}", part(&json!({"alg": alg, "kid": "key-1"})), part(&claims));
        refused(&verifier, &format!("{message}."), InvalidReason::Malformed, alg).await;
    }
    let alg_none = format!("{}.{}.AA", part(&json!({"alg": "none"})), part(&claims));
    refused(&verifier, &alg_none, InvalidReason::Algorithm, "none").await;
    refused(&verifier, &format!("{message}.AAAA"), InvalidReason::Signature, "another").await;
}

#[tokio::test(start_paused = true)]
async fn a_public_key_is_no_secret_to_sign_with() {
    let (server, verifier) = stage(IdentityAlgorithm::Rs256).await;
    let key = server.published(|keys| keys[0].clone());
    let modulus = key["n"].as_str().unwrap();
    let secrets: [Vec<u8>; 3] = [
        modulus.as_bytes().to_vec(),
        URL_SAFE_NO_PAD.decode(modulus).unwrap(),
        key.to_string().into_bytes(),
    ];
    for (number, secret) in secrets.iter().enumerate() {
        for header in [json!({"alg": "HS256", "kid": "key-1"}), json!({"alg": "HS256"})] {
            let message = format!("{}.{}", part(&header), part(&server.claims(&json!({}))));
            let token = format!("{message}.{}", hmac_sha256(secret, &message));
            let row = format!("{number}: {header}");
            refused(&verifier, &token, InvalidReason::Algorithm, &row).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_algorithm_that_is_allowed_must_also_be_the_keys() {
    let (server, verifier) = stage(IdentityAlgorithm::EdDsa).await;
    for alg in ["ES256", "RS256"] {
        let token = server.token_with(&json!({ "alg": alg }), &server.claims(&json!({})));
        refused(&verifier, &token, InvalidReason::Algorithm, alg).await;
    }
    for alg in ["RS384", "PS256", "ES384", "HS256", "eddsa", "EdDSA ", "RSA1_5"] {
        let token = server.token_with(&json!({ "alg": alg }), &server.claims(&json!({})));
        refused(&verifier, &token, InvalidReason::Algorithm, alg).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_id_is_looked_up_and_nothing_else() {
    let (server, verifier) = stage(IdentityAlgorithm::EdDsa).await;
    let long = "key-1".repeat(600);
    let kids = [
        "",
        "KEY-1",
        "key-1 ",
        "key-1\0",
        "../../dev/null",
        "/etc/passwd",
        "' OR 1=1--",
        "http://127.0.0.1/keys",
        "%6bey-1",
        "\u{1f511}",
        &long,
    ];
    for kid in kids {
        let token = server.token_with(&json!({ "kid": kid }), &server.claims(&json!({})));
        refused(&verifier, &token, InvalidReason::UnknownKey, kid).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_brings_its_key_along_is_checked_with_the_issuers() {
    let (server, verifier) = stage(IdentityAlgorithm::EdDsa).await;
    let stranger = IdentityServer::start(IdentityAlgorithm::EdDsa).await.unwrap();
    let key = stranger.published(|keys| keys[0].clone());
    let members = [
        json!({"jku": stranger.keys_url()}),
        json!({"x5u": stranger.keys_url()}),
        json!({"jwk": key}),
        json!({"x5c": ["MIIB"], "x5t": "AQAB"}),
    ];
    for member in members {
        let row = member.to_string();
        let forged = stranger.token_with(&member, &server.claims(&json!({})));
        refused(&verifier, &forged, InvalidReason::Signature, &row).await;
        believed(&verifier, &server.token_with(&member, &server.claims(&json!({}))), &row).await;
    }
    assert_eq!(stranger.requests().len(), 0, "nobody asked for that key");
}

#[tokio::test(start_paused = true)]
async fn extensions_and_other_kinds_of_tokens_are_refused() {
    let (server, verifier) = stage(IdentityAlgorithm::EdDsa).await;
    for member in [
        json!({"crit": ["x"]}),
        json!({"b64": false}),
        json!({"zip": "DEF"}),
        json!({"cty": "JWT"}),
    ] {
        let token = server.token_with(&member, &server.claims(&json!({})));
        refused(&verifier, &token, InvalidReason::Extension, &member.to_string()).await;
    }
    for typ in ["logout+jwt", "secevent+jwt", "dpop+jwt", ""] {
        let token = server.token_with(&json!({ "typ": typ }), &server.claims(&json!({})));
        refused(&verifier, &token, InvalidReason::Type, typ).await;
    }
    let five = format!("{}.AAAA.AAAA", server.token(&json!({})));
    refused(&verifier, &five, InvalidReason::Malformed, "encrypted").await;
}

#[tokio::test(start_paused = true)]
async fn every_claim_must_be_there_and_of_its_type() {
    let (server, verifier) = stage(IdentityAlgorithm::EdDsa).await;
    let claims = [
        ("exp", "expiry"),
        ("iss", "issuer"),
        ("aud", "audience"),
        ("sub", "subject"),
        ("tenant", "tenant"),
    ];
    for (claim, purpose) in claims {
        for value in [None, Some(json!(true)), Some(json!({"a": 1})), Some(json!([7]))] {
            let mut changed = server.claims(&json!({}));
            let members = changed.as_object_mut().unwrap();
            members.remove(claim);
            members.extend(value.clone().map(|value| (claim.to_owned(), value)));
            let token = server.token_with(&json!({}), &changed);
            let row = format!("{claim}: {value:?}");
            refused(&verifier, &token, InvalidReason::Claim(purpose), &row).await;
        }
    }
    let values = [
        (json!({"iss": format!("{}/", server.issuer())}), InvalidReason::Issuer),
        (json!({"aud": "somebody-else"}), InvalidReason::Audience),
        (json!({"exp": 1}), InvalidReason::Expired),
        (json!({"exp": 253_402_300_799_u64}), InvalidReason::LivesTooLong),
        (json!({"nbf": 253_402_300_799_u64}), InvalidReason::NotYetValid),
        (json!({"iat": 253_402_300_799_u64}), InvalidReason::IssuedInFuture),
    ];
    for (changes, reason) in values {
        refused(&verifier, &server.token(&changes), reason, &changes.to_string()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_token_is_refused_unread() {
    let (server, verifier) = stage(IdentityAlgorithm::EdDsa).await;
    let token = server.token(&json!({"padding": "x".repeat(8 * 1024)}));
    refused(&verifier, &token, InvalidReason::TooLong, "over 8 KiB").await;
}

/// HMAC-SHA-256 in the form of a token's third part.
fn hmac_sha256(secret: &[u8], message: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, message.as_bytes()))
}
