//! Every algorithm with its own key, and every algorithm with every other key.

use loquat_auth::{Algorithm, InvalidReason};
use loquat_domain::{Scope, TenantId, UserId};
use serde_json::json;

use crate::forge::{NOW, Signer, at, believed, hs256_verifier, key, refused, verifier};

#[tokio::test]
async fn every_algorithm_is_believed_with_its_own_key() {
    for algorithm in Algorithm::ALL {
        let name = algorithm.as_str();
        let verifier = verifier([key(algorithm).with_kid("k1")]);
        let signer = Signer::new(algorithm);
        let named = signer.with_header(&json!({"alg": name, "kid": "k1"}));
        let unnamed = signer.with_header(&json!({"alg": name}));

        let principal = believed(&verifier, &named, name).await;
        let scope =
            Scope { tenant: TenantId::new("acme").unwrap(), user: UserId::new("ada").unwrap() };
        assert_eq!(principal.scope, scope, "{name}");
        assert_eq!(principal.expires_at, at(NOW + 600), "{name}");
        assert!(principal.permissions.is_empty(), "{name}");
        assert_eq!(believed(&verifier, &unnamed, name).await, principal, "{name}");
    }
}

#[tokio::test]
async fn a_key_refuses_the_tokens_of_every_other_algorithm() {
    for (used, pinned) in pairs() {
        let row = format!("signed with {used}, key pinned to {pinned}");
        let verifier = verifier([key(pinned).with_kid("k1")]);
        let signer = Signer::new(used);
        let honest = signer.with_header(&json!({"alg": used.as_str()}));
        let named = signer.with_header(&json!({"alg": used.as_str(), "kid": "k1"}));
        let lying = signer.with_header(&json!({"alg": pinned.as_str(), "kid": "k1"}));

        refused(&verifier, &honest, InvalidReason::UnknownKey, &row).await;
        refused(&verifier, &named, InvalidReason::Algorithm, &row).await;
        refused(&verifier, &lying, InvalidReason::Signature, &row).await;
    }
}

#[tokio::test]
async fn keys_side_by_side_do_not_stand_in_for_each_other() {
    let verifier = verifier(Algorithm::ALL.map(|it| key(it).with_kid(it.as_str())));
    for (used, named) in pairs() {
        let row = format!("signed with {used}, naming the key of {named}");
        let signer = Signer::new(used);
        let honest = signer.with_header(&json!({"alg": used.as_str(), "kid": named.as_str()}));
        let lying = signer.with_header(&json!({"alg": named.as_str(), "kid": named.as_str()}));

        refused(&verifier, &honest, InvalidReason::Algorithm, &row).await;
        refused(&verifier, &lying, InvalidReason::Signature, &row).await;
    }
}

#[tokio::test]
async fn a_name_that_is_not_exactly_an_algorithm_is_refused() {
    let names = [
        "none",
        "nOnE",
        "NONE",
        "None",
        "",
        "hs256",
        "Hs256",
        "HS256 ",
        " HS256",
        "HS256\0",
        "HS 256",
        "HS1",
        "HMAC",
        "PS384",
        "PS512",
        "ES512",
        "ES256K",
        "Ed25519",
        "dir",
        "RSA-OAEP",
        "PBES2-HS256+A128KW",
    ];
    for name in names {
        let token = Signer::new(Algorithm::Hs256).with_header(&json!({"alg": name}));
        refused(&hs256_verifier(), &token, InvalidReason::Algorithm, name).await;
    }
}

#[tokio::test]
async fn an_old_and_a_new_secret_are_believed_side_by_side() {
    let old = "3b9f0c71d2e84a56b8c1f7e09d364a2518cf60be97d3a14f";
    let old_key = loquat_auth::SigningSecret::new(old).unwrap();
    let old_key = loquat_auth::VerificationKey::from_secret(Algorithm::Hs256, &old_key).unwrap();
    let verifier = verifier([key(Algorithm::Hs256), old_key]);
    let header = json!({"alg": "HS256"});

    let with_new = Signer::new(Algorithm::Hs256).with_header(&header);
    let with_old = Signer::hmac(old.as_bytes()).with_header(&header);
    let with_third = Signer::hmac(b"a third one").with_header(&header);
    believed(&verifier, &with_new, "new").await;
    believed(&verifier, &with_old, "old").await;
    refused(&verifier, &with_third, InvalidReason::Signature, "third").await;
}

/// All pairs of two different algorithms.
fn pairs() -> impl Iterator<Item = (Algorithm, Algorithm)> {
    let all = Algorithm::ALL;
    let pairs = all.into_iter().flat_map(move |a| all.into_iter().map(move |b| (a, b)));
    pairs.filter(|(a, b)| a != b)
}
