//! Which keys can be configured, and what is said about the others.

use loquat_auth::{Algorithm, JwtVerifier, KeyError, SigningSecret, VerificationKey};

use crate::forge::{SECRET, key, rules};

const RSA: &str = include_str!("keys/rsa.public.pem");
const P256: &str = include_str!("keys/p256.public.pem");
const P384: &str = include_str!("keys/p384.public.pem");
const P521: &str = include_str!("keys/p521.public.pem");
const SECP256K1: &str = include_str!("keys/secp256k1.public.pem");
const ED25519: &str = include_str!("keys/ed25519.public.pem");
const ED448: &str = include_str!("keys/ed448.public.pem");

#[test]
fn a_key_of_another_kind_than_the_algorithm_is_refused() {
    let table = [
        (Algorithm::Rs256, P256),
        (Algorithm::Rs256, ED25519),
        (Algorithm::Ps256, P384),
        (Algorithm::Es256, RSA),
        (Algorithm::Es256, P384),
        (Algorithm::Es256, P521),
        (Algorithm::Es256, SECP256K1),
        (Algorithm::Es256, ED25519),
        (Algorithm::Es384, P256),
        (Algorithm::Es384, SECP256K1),
        (Algorithm::EdDsa, P256),
        (Algorithm::EdDsa, ED448),
        (Algorithm::EdDsa, RSA),
    ];
    for (algorithm, pem) in table {
        assert_eq!(refusal(algorithm, pem), KeyError::WrongKind(algorithm), "{algorithm} {pem}");
    }
}

#[test]
fn what_is_given_instead_of_a_public_key_is_named() {
    let private = include_str!("keys/rsa.private.pem");
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nAA==\n-----END RSA PRIVATE KEY-----\n";
    let certificate = include_str!("keys/rsa.certificate.pem");
    let two = format!("{RSA}{RSA}");
    let broken = RSA.replace("MIIB", "AAAA");
    let table = [
        (private, KeyError::Private),
        (legacy, KeyError::Private),
        (certificate, KeyError::Certificate),
        (&two, KeyError::NotPem),
        ("", KeyError::NotPem),
        ("not a key", KeyError::NotPem),
        (&broken, KeyError::WrongKind(Algorithm::Rs256)),
        (include_str!("keys/rsa-1024.public.pem"), KeyError::RsaSize { bits: 1024 }),
    ];
    for (pem, expected) in table {
        assert_eq!(refusal(Algorithm::Rs256, pem), expected, "{pem}");
    }
}

#[test]
fn both_forms_of_an_rsa_key_are_taken() {
    for pem in [RSA, include_str!("keys/rsa-pkcs1.public.pem"), &RSA.replace('\n', "\r\n")] {
        assert!(VerificationKey::from_public_pem(Algorithm::Rs256, pem).is_ok(), "{pem}");
    }
}

#[test]
fn a_secret_is_as_long_as_the_hash() {
    let table = [
        (Algorithm::Hs256, 32, Ok(())),
        (Algorithm::Hs384, 47, too_short(Algorithm::Hs384, 48)),
        (Algorithm::Hs384, 48, Ok(())),
        (Algorithm::Hs512, 63, too_short(Algorithm::Hs512, 64)),
        (Algorithm::Hs512, 64, Ok(())),
        (Algorithm::Rs256, 64, Err(KeyError::NotForSecrets(Algorithm::Rs256))),
        (Algorithm::EdDsa, 64, Err(KeyError::NotForSecrets(Algorithm::EdDsa))),
    ];
    for (algorithm, bytes, expected) in table {
        let secret = SigningSecret::new(SECRET.get(..bytes).unwrap()).unwrap();
        let key = VerificationKey::from_secret(algorithm, &secret);
        assert_eq!(key.map(drop), expected, "{algorithm} with {bytes} bytes");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    assert_eq!(refusal(Algorithm::Hs256, RSA), KeyError::NotForPublicKeys(Algorithm::Hs256));
}

#[test]
fn a_verifier_needs_keys_with_different_names() {
    let same = [key(Algorithm::Rs256).with_kid("k1"), key(Algorithm::Es256).with_kid("k1")];
    let none = JwtVerifier::new([], rules()).err();
    assert_eq!(none, Some(KeyError::NoKeys));
    let same = JwtVerifier::new(same, rules()).err();
    assert_eq!(same, Some(KeyError::SameKid("k1".to_owned())));
}

#[test]
fn every_refusal_says_in_one_sentence_what_to_do() {
    let errors = [
        KeyError::NotForSecrets(Algorithm::Rs256),
        KeyError::NotForPublicKeys(Algorithm::Hs256),
        KeyError::SecretTooShort { algorithm: Algorithm::Hs512, bytes: 64 },
        KeyError::Private,
        KeyError::Certificate,
        KeyError::NotPem,
        KeyError::WrongKind(Algorithm::Es256),
        KeyError::RsaSize { bits: 1024 },
        KeyError::NoKeys,
        KeyError::SameKid("k1".to_owned()),
    ];
    for error in errors {
        let text = error.to_string();
        let (fault, remedy) = text.split_once(": ").unwrap();
        assert!(!fault.is_empty() && remedy.starts_with(['g', 'm']), "{text}");
        assert!(!text.ends_with('.'), "{text}");
    }
}

fn too_short(algorithm: Algorithm, bytes: usize) -> Result<(), KeyError> {
    Err(KeyError::SecretTooShort { algorithm, bytes })
}

fn refusal(algorithm: Algorithm, pem: &str) -> KeyError {
    VerificationKey::from_public_pem(algorithm, pem).unwrap_err()
}
