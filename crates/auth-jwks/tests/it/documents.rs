//! Which keys of a set are used, and where the set may come from.

use std::sync::Arc;

use loquat_auth::{Algorithm, InvalidReason, JwtVerifier};
use loquat_auth_jwks::{Fetch, Jwks, JwksError, KeyLocation, Unknown};
use loquat_testkit::{IdentityAlgorithm, IdentityServer};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::stage::{Answer, Desk, Verdict, believed, keys_of, refused, rules, verdict, verifier};

const KINDS: [IdentityAlgorithm; 3] =
    [IdentityAlgorithm::Rs256, IdentityAlgorithm::Es256, IdentityAlgorithm::EdDsa];

#[tokio::test(start_paused = true)]
async fn a_key_of_every_kind_is_used() {
    for kind in KINDS {
        let server = IdentityServer::start(kind).await.unwrap();
        let verifier = verifier(&server, &Desk::new(keys_of(&server)));
        let principal = believed(&verifier, &server.token(&json!({})), kind.name()).await;
        assert_eq!(principal.scope.user.as_str(), "ada");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_used_whatever_it_leaves_out_that_it_may_leave_out() {
    for kind in KINDS {
        for member in ["alg", "use", "kid"] {
            let server = IdentityServer::start(kind).await.unwrap();
            server.published(|keys| drop(keys[0].as_object_mut().unwrap().remove(member)));
            let verifier = verifier(&server, &Desk::new(keys_of(&server)));
            let header = if member == "kid" { json!({"kid": null}) } else { json!({}) };
            let token = server.token_with(&header, &server.claims(&json!({})));
            believed(&verifier, &token, &format!("{kind:?} without {member}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_names_no_key_is_tried_with_all_of_its_algorithm_and_no_other() {
    let server = IdentityServer::start(IdentityAlgorithm::Rs256).await.unwrap();
    for (kid, kind) in [("e", IdentityAlgorithm::EdDsa), ("f", IdentityAlgorithm::EdDsa)] {
        server.rotate(kid, kind);
    }
    let nameless = server.token_with(&json!({"kid": null}), &server.claims(&json!({})));
    server.rotate("g", IdentityAlgorithm::EdDsa);
    let verifier = verifier(&server, &Desk::new(keys_of(&server)));
    believed(&verifier, &nameless, "the second of three").await;
    server.rotate("unpublished", IdentityAlgorithm::Es256);
    let nameless = server.token_with(&json!({"kid": null}), &server.claims(&json!({})));
    refused(&verifier, &nameless, InvalidReason::UnknownKey, "no ES256 there").await;
}

#[tokio::test(start_paused = true)]
async fn several_keys_with_one_id_are_each_tried() {
    let server = IdentityServer::start(IdentityAlgorithm::EdDsa).await.unwrap();
    let mut tokens = vec![server.token(&json!({}))];
    for kind in [IdentityAlgorithm::EdDsa, IdentityAlgorithm::Es256] {
        server.rotate("key-1", kind);
        tokens.push(server.token(&json!({})));
    }
    let verifier = verifier(&server, &Desk::new(keys_of(&server)));
    for (number, token) in tokens.iter().enumerate() {
        believed(&verifier, token, &number.to_string()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_for_us_is_left_out_and_the_others_are_used() {
    #[rustfmt::skip]
    let table = [
        (IdentityAlgorithm::Rs256, "use", json!("enc")),
        (IdentityAlgorithm::Rs256, "use", json!("")),
        (IdentityAlgorithm::Rs256, "use", json!(7)),
        (IdentityAlgorithm::Rs256, "key_ops", json!(["encrypt", "wrapKey"])),
        (IdentityAlgorithm::Rs256, "key_ops", json!([])),
        (IdentityAlgorithm::Rs256, "alg", json!("RS512")),
        (IdentityAlgorithm::Rs256, "alg", json!("HS256")),
        (IdentityAlgorithm::Rs256, "alg", json!("none")),
        (IdentityAlgorithm::Rs256, "alg", json!("ES256")),
        (IdentityAlgorithm::Rs256, "alg", json!("RSA-OAEP")),
        (IdentityAlgorithm::Rs256, "kty", json!("oct")),
        (IdentityAlgorithm::Rs256, "kty", json!("rsa")),
        (IdentityAlgorithm::Rs256, "kty", json!(null)),
        (IdentityAlgorithm::Rs256, "d", json!("AQAB")),
        (IdentityAlgorithm::Rs256, "e", json!("AQ")),       // 1
        (IdentityAlgorithm::Rs256, "e", json!("Ag")),       // 2
        (IdentityAlgorithm::Rs256, "e", json!("AAAB")),     // 1 with zeros
        (IdentityAlgorithm::Rs256, "e", json!("")),
        (IdentityAlgorithm::Rs256, "e", json!(65_537)),
        (IdentityAlgorithm::Rs256, "n", json!("_w")),
        (IdentityAlgorithm::Rs256, "n", json!("AQAB".repeat(43))),   // 1,032 bits
        (IdentityAlgorithm::Rs256, "n", json!("AQAB".repeat(400))),  // 9,600 bits
        (IdentityAlgorithm::Rs256, "n", json!("not base64url!")),
        (IdentityAlgorithm::Rs256, "n", json!(null)),
        (IdentityAlgorithm::Es256, "crv", json!("P-384")),
        (IdentityAlgorithm::Es256, "crv", json!("secp256k1")),
        (IdentityAlgorithm::Es256, "crv", json!(null)),
        (IdentityAlgorithm::Es256, "x", json!("AQAB")),
        (IdentityAlgorithm::Es256, "y", json!("A".repeat(43))),
        (IdentityAlgorithm::Es256, "kty", json!("OKP")),
        (IdentityAlgorithm::EdDsa, "crv", json!("Ed448")),
        (IdentityAlgorithm::EdDsa, "crv", json!("X25519")),
        (IdentityAlgorithm::EdDsa, "x", json!("AQAB")),
        (IdentityAlgorithm::EdDsa, "kty", json!("EC")),
    ];
    for (kind, member, value) in table {
        let row = format!("{kind:?}: {member} = {value}");
        let server = IdentityServer::start(kind).await.unwrap();
        let bad = server.token(&json!({}));
        server.published(|keys| keys[0][member] = value);
        server.rotate("key-2", IdentityAlgorithm::EdDsa);
        server.published(|keys| keys.extend([json!(null), json!(7), json!({}), json!([])]));
        let verifier = verifier(&server, &Desk::new(keys_of(&server)));
        believed(&verifier, &server.token(&json!({})), &row).await;
        refused(&verifier, &bad, InvalidReason::UnknownKey, &row).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_without_a_usable_key_is_none() {
    let server = IdentityServer::start(IdentityAlgorithm::EdDsa).await.unwrap();
    let key = server.published(|keys| keys[0].clone());
    let many: Vec<Value> = (0..101).map(|_| key.clone()).collect();
    let secret = json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "key-1"});
    let documents = [
        Answer::Text(""),
        Answer::Text("<html><body>Sign in</body></html>"),
        Answer::Text("{\"keys\":[{"),
        Answer::Document(json!(null)),
        Answer::Document(json!([key])),
        Answer::Document(key.clone()),
        Answer::Document(json!({})),
        Answer::Document(json!({"keys": {}})),
        Answer::Document(json!({"keys": []})),
        Answer::Document(json!({"keys": [secret]})),
        Answer::Document(json!({ "keys": many })),
    ];
    for document in documents {
        let verifier = verifier(&server, &Desk::new(document.clone()));
        let verdict = verdict(&verifier, &server.token(&json!({}))).await;
        assert_eq!(verdict, Verdict::Unavailable(Unknown::NotLoaded), "{document:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_algorithm_that_is_not_allowed_is_refused_before_keys_are_looked_up() {
    let server = IdentityServer::start(IdentityAlgorithm::EdDsa).await.unwrap();
    let desk = Desk::new(Answer::Fails);
    let verifier = verifier_of(&server, &desk, &[Algorithm::Rs256]);
    let token = server.token(&json!({}));
    refused(&verifier, &token, InvalidReason::Algorithm, "also without keys").await;
    desk.publish(&server);
}

#[tokio::test(start_paused = true)]
async fn only_algorithms_with_public_keys_can_be_allowed() {
    assert_eq!(Jwks::check([]), Err(JwksError::NoAlgorithm));
    for secret in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        let refused = Err(JwksError::ForSecrets(secret));
        assert_eq!(Jwks::check([Algorithm::Rs256, secret]), refused);
    }
    let twice = [Algorithm::Rs256, Algorithm::Es256, Algorithm::Rs256];
    assert_eq!(Jwks::check(twice), Ok(vec![Algorithm::Rs256, Algorithm::Es256]));
}

#[tokio::test(start_paused = true)]
async fn a_configuration_must_name_its_issuer_and_a_safe_place() {
    let server = IdentityServer::start(IdentityAlgorithm::EdDsa).await.unwrap();
    let issuer = "https://id.example/realm";
    #[rustfmt::skip]
    let table = [
        (json!({"issuer": issuer, "jwks_uri": "https://keys.example/k"}), true),
        (json!({"issuer": "https://id.example/realm/", "jwks_uri": "https://keys.example/k"}), false),
        (json!({"issuer": "https://id.example", "jwks_uri": "https://keys.example/k"}), false),
        (json!({"issuer": "HTTPS://id.example/realm", "jwks_uri": "https://keys.example/k"}), false),
        (json!({"issuer": null, "jwks_uri": "https://keys.example/k"}), false),
        (json!({"jwks_uri": "https://keys.example/k"}), false),
        (json!({"issuer": issuer}), false),
        (json!({"issuer": issuer, "jwks_uri": "http://keys.example/k"}), false),
        (json!({"issuer": issuer, "jwks_uri": "http://169.254.169.254/k"}), false),
        (json!({"issuer": issuer, "jwks_uri": "http://127.0.0.1:1/k"}), false),
        (json!({"issuer": issuer, "jwks_uri": "file:///etc/keys"}), false),
        (json!({"issuer": issuer, "jwks_uri": "https://u:p@keys.example/k"}), false),
        (json!({"issuer": issuer, "jwks_uri": ["https://keys.example/k"]}), false),
    ];
    for (configuration, is_followed) in table {
        let desk = Desk::new(Answer::Document(configuration.clone()));
        let location = KeyLocation::discovered(issuer).unwrap();
        let fetch: Arc<dyn Fetch> = desk.clone();
        let runtime = Handle::current();
        let jwks = Jwks::start("test", location, [Algorithm::EdDsa], fetch, &runtime).unwrap();
        let verifier = JwtVerifier::of_issuer(Arc::new(jwks), rules(&server));
        verdict(&verifier, &server.token(&json!({}))).await;
        let mut expected = vec!["https://id.example/realm/.well-known/openid-configuration"];
        expected.extend(is_followed.then_some("https://keys.example/k"));
        assert_eq!(desk.asked_for(), expected, "{configuration}");
    }
}

fn verifier_of(server: &IdentityServer, desk: &Arc<Desk>, allowed: &[Algorithm]) -> JwtVerifier {
    let location = KeyLocation::at(crate::stage::KEYS_URL).unwrap();
    let fetch: Arc<dyn Fetch> = desk.clone();
    let allowed = allowed.iter().copied();
    let jwks = Jwks::start("test", location, allowed, fetch, &Handle::current()).unwrap();
    JwtVerifier::of_issuer(Arc::new(jwks), rules(server))
}
