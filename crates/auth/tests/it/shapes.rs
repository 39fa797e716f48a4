//! Texts that are no signed token at all, or are one no longer.

use loquat_auth::{Algorithm, InvalidReason};
use serde_json::json;

use crate::forge::{Signer, believed, good_claims, hs256_verifier, message, refused, with_claims};

/// The limit of the verifier.
const MAX_BYTES: usize = 8 * 1024;

#[tokio::test]
async fn a_text_that_is_not_three_parts_is_refused() {
    let good = with_claims(&good_claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let texts = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        header.to_owned(),
        message.to_owned(),
        format!("{message}."),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{header}.{payload}.{payload}.{payload}.{signature}"),
        format!("Bearer {good}"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{good}\0"),
        format!("{good}="),
        format!("{header}=.{payload}.{signature}"),
        format!("{good}\u{e9}"),
        format!("{good},{good}"),
        good.replace('.', "%2E"),
        json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
    ];
    for text in texts {
        refused(&hs256_verifier(), &text, InvalidReason::Malformed, &text).await;
    }
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    let verifier = hs256_verifier();
    for alg in ["none", "nOnE", "HS256"] {
        let header = json!({ "alg": alg }).to_string();
        let unsigned = format!("{}.", message(&header, &good_claims().to_string()));
        refused(&verifier, &unsigned, InvalidReason::Malformed, alg).await;
    }
    let header = json!({"alg": "HS256"}).to_string();
    let with_any = format!("{}.AA", message(&header, &good_claims().to_string()));
    refused(&verifier, &with_any, InvalidReason::Signature, "a signature of one byte").await;
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let verifier = hs256_verifier();
    let good = with_claims(&good_claims());
    let other = with_claims(&json!({"sub": "eve"}));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let (others_message, _) = other.rsplit_once('.').unwrap();
    let (_, others_payload) = others_message.split_once('.').unwrap();
    let halved = signature.get(..signature.len() / 2).unwrap();
    // 32 bytes are 43 characters, the last of which carries two bits that mean nothing.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let same_bits = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let malleable = format!("{}{same_bits}", signature.strip_suffix(last).unwrap());
    let changed = [
        ("another payload", format!("{header}.{others_payload}.{signature}")),
        ("half a signature", format!("{message}.{halved}")),
        ("a signature and more", format!("{message}.{signature}AAAA")),
        ("the signature spelt differently", format!("{message}.{malleable}")),
        ("the message as its signature", format!("{message}.{header}")),
        ("the other case", format!("{message}.{}", signature.to_ascii_uppercase())),
    ];
    believed(&verifier, &good, "unchanged").await;
    for (row, token) in changed {
        refused(&verifier, &token, InvalidReason::Signature, row).await;
    }
}

#[tokio::test]
async fn a_payload_that_is_not_one_object_is_refused() {
    let good = good_claims().to_string();
    let twice = good.replacen('{', r#"{"sub":"eve","#, 1);
    let escaped = good.replacen('{', r#"{"\u0073ub":"eve","#, 1);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
    let payloads = [
        "[]",
        "null",
        "\"x\"",
        "7",
        "x",
        "{",
        "{}{}",
        &format!("{good}{good}"),
        &twice,
        &escaped,
        &deep,
        "{\"exp\":1e999}",
        "{\"a\":\"\u{1}\"}",
    ];
    for payload in payloads {
        let token = Signer::new(Algorithm::Hs256).sign(r#"{"alg":"HS256"}"#, payload);
        refused(&hs256_verifier(), &token, InvalidReason::Claims, payload).await;
    }
}

#[tokio::test]
async fn the_payload_of_an_unsigned_token_is_not_read() {
    let token = Signer::hmac(b"somebody else's").sign(r#"{"alg":"HS256"}"#, "not JSON");
    refused(&hs256_verifier(), &token, InvalidReason::Signature, "not JSON").await;
}

#[tokio::test]
async fn a_token_over_the_limit_is_refused_before_it_is_decoded() {
    let verifier = hs256_verifier();
    believed(&verifier, &of_length(MAX_BYTES), "at the limit").await;
    refused(&verifier, &of_length(MAX_BYTES + 1), InvalidReason::TooLong, "over it").await;
    let garbage = "\u{0}".repeat(2 * 1024 * 1024);
    refused(&verifier, &garbage, InvalidReason::TooLong, "garbage").await;
}

/// A good token of exactly this many bytes: spaces around JSON mean nothing.
fn of_length(bytes: usize) -> String {
    let signer = Signer::new(Algorithm::Hs256);
    let token = |in_header: usize, in_payload: usize| {
        let header = format!(r#"{{"alg":"HS256"}}{}"#, " ".repeat(in_header));
        let payload = format!("{}{}", good_claims(), " ".repeat(in_payload));
        signer.sign(&header, &payload)
    };
    let missing = (bytes - token(0, 0).len()) * 3 / 4;
    let tries = (0..4).flat_map(|h| (missing - 8..missing + 4).map(move |p| (h, p)));
    tries.map(|(h, p)| token(h, p)).find(|it| it.len() == bytes).unwrap()
}
