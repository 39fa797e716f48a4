//! A public key used as a secret: whoever knows the one must not be able to sign as the other.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{DecodingKey, crypto::aws_lc::DEFAULT_PROVIDER};
use loquat_auth::{Algorithm, InvalidReason};
use serde_json::{Value, json};

use crate::forge::{Signer, key, refused, verifier};

const PEM: &str = include_str!("keys/rsa.public.pem");

/// What an attacker can make of a public key.
fn public_bytes() -> [(&'static str, Vec<u8>); 8] {
    let body: String = PEM.lines().filter(|it| !it.starts_with("-----")).collect();
    let pkcs1 = DecodingKey::from_rsa_pem(PEM.as_bytes()).unwrap();
    let pkcs1 = pkcs1.try_get_as_bytes().unwrap().to_vec();
    let components = DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key;
    let (modulus, _) = components(&pkcs1).unwrap();
    [
        ("PEM", PEM.as_bytes().to_vec()),
        ("PEM without its last newline", PEM.trim_end().as_bytes().to_vec()),
        ("PEM with CR LF", PEM.replace('\n', "\r\n").into_bytes()),
        ("PKCS#1 PEM", include_bytes!("keys/rsa-pkcs1.public.pem").to_vec()),
        ("SPKI DER", STANDARD.decode(body).unwrap()),
        ("PKCS#1 DER", pkcs1),
        ("modulus of the JWK", URL_SAFE_NO_PAD.encode(&modulus).into_bytes()),
        ("modulus", modulus),
    ]
}

#[tokio::test]
async fn a_public_key_is_never_taken_for_a_secret() {
    let only_rsa = verifier([key(Algorithm::Rs256).with_kid("rsa")]);
    let both = verifier([key(Algorithm::Rs256).with_kid("rsa"), key(Algorithm::Hs256)]);
    for (row, bytes) in public_bytes() {
        let forge = |header: Value| Signer::hmac(&bytes).with_header(&header);
        let unnamed = forge(json!({"alg": "HS256"}));
        let named = forge(json!({"alg": "HS256", "kid": "rsa"}));
        let lying = forge(json!({"alg": "RS256", "kid": "rsa"}));

        refused(&only_rsa, &unnamed, InvalidReason::UnknownKey, row).await;
        refused(&both, &unnamed, InvalidReason::Signature, row).await;
        for verifier in [&only_rsa, &both] {
            refused(verifier, &named, InvalidReason::Algorithm, row).await;
            refused(verifier, &lying, InvalidReason::Signature, row).await;
        }
    }
}
