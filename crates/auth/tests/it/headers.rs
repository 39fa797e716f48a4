//! What a header may and may not say. Every token here is signed with the right key.

use jsonwebtoken::EncodingKey;
use loquat_auth::{Algorithm, InvalidReason};
use serde_json::{Value, json};

use crate::forge::{Signer, believed, good_claims, hs256_verifier, key, refused, verifier};

#[tokio::test]
async fn a_header_that_asks_for_an_extension_is_refused() {
    let extensions = [
        json!({"crit": ["x"], "x": 1}),
        json!({"crit": ["exp"]}),
        json!({"crit": []}),
        json!({"crit": null}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"b64": false}),
        json!({"b64": true}),
        json!({"zip": "DEF"}),
        json!({"enc": "A256GCM"}),
        json!({"cty": "JWT"}),
        json!({"cty": "jwt"}),
    ];
    for extension in extensions {
        let token = with_members(&extension);
        let row = extension.to_string();
        refused(&hs256_verifier(), &token, InvalidReason::Extension, &row).await;
    }
}

#[tokio::test]
async fn only_the_type_of_an_access_token_is_believed() {
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"] {
        believed(&hs256_verifier(), &with_members(&json!({"typ": typ})), typ).await;
    }
    let others = [
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "JOSE",
        "jwt ",
        "",
        "/JWT",
        "text/jwt",
        "application/",
        "x/application/jwt",
        "Bearer",
        "refresh",
    ];
    for typ in others {
        let token = with_members(&json!({"typ": typ}));
        refused(&hs256_verifier(), &token, InvalidReason::Type, typ).await;
    }
}

#[tokio::test]
async fn a_header_member_of_the_wrong_type_is_refused() {
    let members = ["alg", "typ", "kid"];
    let values = [json!(null), json!(true), json!(256), json!(["HS256"]), json!({"a": "HS256"})];
    for member in members {
        for value in &values {
            let token = with_members(&json!({ member: value }));
            let row = format!("{member}: {value}");
            refused(&hs256_verifier(), &token, InvalidReason::Header, &row).await;
        }
    }
}

#[tokio::test]
async fn a_header_that_is_not_one_object_is_refused() {
    let headers = [
        "",
        "{}",
        "[]",
        "null",
        "\"HS256\"",
        "HS256",
        r#"{"typ":"JWT"}"#,
        r#"{"alg":"HS256"}{}"#,
        r#"{"alg":"HS256","#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"HS256","kid":"a","\u006bid":"b"}"#,
        "\u{feff}{\"alg\":\"HS256\"}",
    ];
    for header in headers {
        let token = Signer::new(Algorithm::Hs256).sign(header, &good_claims().to_string());
        // An empty part already has the wrong shape.
        let reason = match header {
            "" => InvalidReason::Malformed,
            _ => InvalidReason::Header,
        };
        refused(&hs256_verifier(), &token, reason, header).await;
    }
}

#[tokio::test]
async fn a_key_id_is_looked_up_and_nothing_else() {
    let verifier = verifier([key(Algorithm::Hs256).with_kid("k1")]);
    believed(&verifier, &with_members(&json!({"kid": "k1"})), "k1").await;
    let long = "k1".repeat(2000);
    let kids = [
        "",
        "k",
        "K1",
        "k1 ",
        "k1\0",
        "k1\n",
        "../../dev/null",
        "/dev/null",
        "..\\..\\x",
        "' OR 1=1--",
        "k1'--",
        "1; DROP TABLE keys",
        "$(id)",
        "`id`",
        "|id",
        "%00",
        "%6b1",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "https://evil.example/jwks.json",
        "file:///etc/passwd",
        "\u{1f511}",
        "k\u{2024}1",
        "*",
        ".*",
        "__proto__",
        &long,
    ];
    for kid in kids {
        let token = with_members(&json!({"kid": kid}));
        refused(&verifier, &token, InvalidReason::UnknownKey, kid).await;
    }
}

#[tokio::test]
async fn a_token_that_names_a_key_is_refused_when_the_only_key_has_no_name() {
    let token = with_members(&json!({"kid": "k1"}));
    refused(&hs256_verifier(), &token, InvalidReason::UnknownKey, "k1").await;
}

/// RFC 8725 §3.10: what a token says about its own key is hostile.
#[tokio::test]
async fn a_key_that_comes_with_the_token_is_ignored() {
    let verifier = verifier([key(Algorithm::Rs256)]);
    let strangers_key = include_bytes!("keys/rsa-stranger.private.pem");
    let stranger = Signer {
        algorithm: Algorithm::Rs256,
        key: EncodingKey::from_rsa_pem(strangers_key).unwrap(),
    };
    let mut jwk =
        jsonwebtoken::jwk::Jwk::from_encoding_key(&stranger.key, jsonwebtoken::Algorithm::RS256)
            .unwrap();
    jwk.common.key_id = Some("stranger".to_owned());
    let pointers = [
        json!({"jwk": jwk}),
        json!({"jku": "http://127.0.0.1:9/jwks.json"}),
        json!({"x5u": "http://127.0.0.1:9/chain.pem"}),
        json!({"x5c": ["MIIB"]}),
        json!({"jwk": 7, "jku": null, "x5u": [], "x5c": {}}),
    ];
    for pointer in pointers {
        let row = pointer.to_string();
        let header = merged(json!({"alg": "RS256"}), &pointer);
        let forged = stranger.with_header(&header);
        refused(&verifier, &forged, InvalidReason::Signature, &row).await;
        believed(&verifier, &Signer::new(Algorithm::Rs256).with_header(&header), &row).await;
    }
}

/// A good token of HS256 with these members added to its header, or in place of its own.
fn with_members(members: &Value) -> String {
    Signer::new(Algorithm::Hs256).with_header(&merged(json!({"alg": "HS256"}), members))
}

fn merged(mut header: Value, members: &Value) -> Value {
    header.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    header
}
