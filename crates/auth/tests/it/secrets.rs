//! Secrets that protect nothing are not taken.

use loquat_auth::{Algorithm, SecretError, SigningSecret, VerificationKey};

use crate::forge::SECRET;

#[test]
fn a_secret_that_protects_nothing_is_refused() {
    use SecretError::{Pem, Predictable, Published, TooShort};
    let table = [
        ("", TooShort),
        ("x", TooShort),
        ("0f3a9c71d2e84b56a8c1f7e09d364a2", TooShort),
        ("secret", Published),
        ("changeme", Published),
        ("password", Published),
        ("your-256-bit-secret", Published),
        ("a-string-secret-at-least-256-bits-long", Published),
        ("a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long", Published),
        ("super-secret-jwt-token-with-at-least-32-characters-long", Published),
        ("your-super-secret-jwt-token-with-at-least-32-characters-long", Published),
        ("09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", Published),
        ("09D25E094FAA6CA2556C818166B7A9563B93F7099F6F0F4CAA6CF63B88E8D3E7\n", Published),
        ("CHANGE_ME-please-0123456789-abcdefgh", Published),
        ("my_jwt_secret_for_production_2025_v1", Published),
        ("00000000000000000000000000000000", Predictable),
        ("03516420631524064135201642536014253", Predictable),
        ("abababababababababababababababababab", Predictable),
        ("0123456012345601234560123456012345", Predictable),
        ("0123456789abcdefghijklmnopqrstuvwxyz", Predictable),
        ("zyxwvutsrqponmlkjihgfedcba9876543210", Predictable),
        ("tH8#q!Zr2@tH8#q!Zr2@tH8#q!Zr2@tH8#q!Zr2@", Predictable),
        ("0f3a9c71d2e84b56a8c1f7e09d364a20f3a9c71d2e84b56a8c1f7e09d364a2", Predictable),
        (include_str!("keys/rsa.public.pem"), Pem),
        (include_str!("keys/p256.private.pem"), Pem),
    ];
    for (secret, expected) in table {
        assert_eq!(SigningSecret::new(secret).map(drop), Err(expected), "{secret:?}");
    }
}

#[test]
fn a_random_secret_is_taken_in_any_form() {
    let table: [&[u8]; 5] = [
        SECRET.as_bytes(),
        b"0f3a9c71d2e84b56a8c1f7e09d364a25",
        b"0f3a9c71d2e84b56a8c1f7e09d364a25c3b7d1e60f9a82457be3610cd94fa87e",
        b"J5nB2x0qWm8T4uYc7Lr1Zk6Hs9Vd3Pfg",
        &[
            0x8d, 0x00, 0x1f, 0xe2, 0x77, 0xff, 0x3a, 0xc4, 0x52, 0x09, 0xb8, 0x61, 0xd0, 0x2e,
            0x95, 0x7c, 0xe9, 0x14, 0x4b, 0xa3, 0x68, 0xf5, 0x30, 0x8a, 0xdc, 0x07, 0xb1, 0x5e,
            0x99, 0x26, 0xcf, 0x43,
        ],
    ];
    for secret in table {
        assert!(SigningSecret::new(secret).is_ok(), "{secret:?}");
    }
}

#[test]
fn a_secret_does_not_print() {
    let secret = SigningSecret::new(SECRET).unwrap();
    let key = VerificationKey::from_secret(Algorithm::Hs256, &secret).unwrap();
    // The bytes of the secret as numbers, as a derived `Debug` would write them.
    let numbers = format!("{:?}", SECRET.as_bytes().get(..4).unwrap());
    let numbers = numbers.trim_matches(['[', ']']);
    for printed in [format!("{secret:?}"), format!("{key:?}")] {
        assert!(printed.to_lowercase().contains("redacted"), "{printed}");
        assert!(!printed.contains(numbers) && !printed.contains("Yk4!"), "{printed}");
    }
}

#[test]
fn every_refusal_says_in_one_sentence_what_to_do() {
    let errors =
        [SecretError::Published, SecretError::TooShort, SecretError::Pem, SecretError::Predictable];
    for error in errors {
        let text = error.to_string();
        let (fault, remedy) = text.split_once(": ").unwrap();
        assert!(fault.starts_with("the secret ") && !remedy.is_empty(), "{text}");
        assert!(!text.ends_with('.'), "{text}");
    }
}
