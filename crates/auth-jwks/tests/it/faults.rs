//! What an issuer can do wrong over the network.

use std::time::{Duration, Instant};

use loquat_auth::{InvalidReason, TokenVerifier};
use loquat_auth_jwks::{MAX_DOCUMENT_BYTES, Unknown};
use loquat_testkit::{IdentityAlgorithm, IdentityAnswer, IdentityServer};
use serde_json::json;

use crate::stage::{Verdict, believed, cool_down, discovering, refused, verdict};

async fn issuer() -> IdentityServer {
    IdentityServer::start(IdentityAlgorithm::EdDsa).await.unwrap()
}

/// Every wrong answer but silence, which takes its time.
fn wrong_answers(stranger: &IdentityServer) -> Vec<IdentityAnswer> {
    let stranger_key = stranger.published(|keys| keys[0].clone());
    vec![
        IdentityAnswer::Status(500),
        IdentityAnswer::Status(404),
        IdentityAnswer::Status(401),
        IdentityAnswer::Status(206),
        IdentityAnswer::Redirect(stranger.keys_url()),
        IdentityAnswer::Endless,
        IdentityAnswer::CutShort,
        IdentityAnswer::Text("<html><body>Sign in</body></html>".to_owned()),
        IdentityAnswer::Text(String::new()),
        IdentityAnswer::Text("{\"keys\":[".to_owned()),
        IdentityAnswer::Text(" ".repeat(MAX_DOCUMENT_BYTES + 1)),
        IdentityAnswer::Document(json!([])),
        IdentityAnswer::Document(json!({"keys": []})),
        IdentityAnswer::Document(
            json!({"issuer": stranger.issuer(), "jwks_uri": stranger.keys_url()}),
        ),
        IdentityAnswer::Document(json!([stranger_key])),
    ]
}

#[tokio::test]
async fn keys_are_found_by_the_name_of_the_issuer() {
    let server = issuer().await;
    let verifier = discovering(&server);
    believed(&verifier, &server.token(&json!({})), "discovered").await;
    assert_eq!((server.discovery_requests(), server.key_requests()), (1, 1));
    // What we say is the same for everybody, and asks for nothing but the document.
    for request in server.requests() {
        assert_eq!(request.method, "GET");
        assert_eq!(request.header("accept"), Some("application/json"));
        for name in ["authorization", "cookie", "referer"] {
            assert_eq!(request.header(name), None, "{name}");
        }
    }
}

#[tokio::test]
async fn while_the_first_keys_do_not_come_nothing_can_be_told() {
    let stranger = issuer().await;
    for answer in wrong_answers(&stranger) {
        let row = format!("{answer:.60?}");
        let server = issuer().await;
        server.answer_keys(answer);
        let verifier = discovering(&server);
        for token in [server.token(&json!({})), stranger.token(&json!({}))] {
            let verdict = verdict(&verifier, &token).await;
            assert_eq!(verdict, Verdict::Unavailable(Unknown::NotLoaded), "{row}");
        }
        assert!(!verifier.is_ready(), "{row}");
        assert_eq!(server.key_requests(), 1, "{row}");
    }
    assert_eq!(stranger.requests().len(), 0, "nobody was sent to another server");
}

#[tokio::test]
async fn a_wrong_configuration_is_not_followed() {
    let stranger = issuer().await;
    for answer in wrong_answers(&stranger) {
        let row = format!("{answer:.60?}");
        let server = issuer().await;
        server.answer_discovery(answer);
        let verifier = discovering(&server);
        let verdict = verdict(&verifier, &server.token(&json!({}))).await;
        assert_eq!(verdict, Verdict::Unavailable(Unknown::NotLoaded), "{row}");
        assert_eq!(server.key_requests(), 0, "{row}");
    }
    assert_eq!(stranger.requests().len(), 0);
}

#[tokio::test]
async fn the_last_good_keys_stay_whatever_the_issuer_answers() {
    let (server, stranger) = (issuer().await, issuer().await);
    let verifier = discovering(&server);
    let good = server.token(&json!({}));
    believed(&verifier, &good, "at first").await;
    let unknown = server.token_with(&json!({"kid": "made-up"}), &server.claims(&json!({})));
    for answer in wrong_answers(&stranger) {
        let row = format!("{answer:.60?}");
        let before = server.key_requests();
        server.answer_keys(answer);
        cool_down().await;
        refused(&verifier, &unknown, InvalidReason::UnknownKey, &row).await;
        assert_eq!(server.key_requests(), before + 1, "{row}");
        believed(&verifier, &good, &row).await;
        refused(&verifier, &stranger.token(&json!({})), InvalidReason::Signature, &row).await;
        assert!(verifier.is_ready(), "{row}");
    }
    assert_eq!(stranger.requests().len(), 0, "nobody was sent to another server");
    server.answer_keys(IdentityAnswer::Right);
    cool_down().await;
    server.rotate("key-2", IdentityAlgorithm::Es256);
    believed(&verifier, &server.token(&json!({})), "when it is well again").await;
}

#[tokio::test]
async fn a_large_document_is_read_up_to_the_limit_and_no_further() {
    let server = issuer().await;
    let key = server.published(|keys| keys[0].clone());
    let document = json!({ "keys": [key] }).to_string();
    let fits = format!("{document}{}", " ".repeat(MAX_DOCUMENT_BYTES - document.len()));
    server.answer_keys(IdentityAnswer::Text(fits));
    believed(&discovering(&server), &server.token(&json!({})), "at the limit").await;
}

#[tokio::test]
async fn a_silent_issuer_is_given_up_after_five_seconds() {
    let server = issuer().await;
    server.answer_keys(IdentityAnswer::Silence);
    let verifier = discovering(&server);
    let began = Instant::now();
    let token = server.token(&json!({}));
    assert_eq!(verdict(&verifier, &token).await, Verdict::Unavailable(Unknown::NotLoaded));
    assert!(began.elapsed() < Duration::from_secs(4), "a request waits for two seconds");
    server.answer_keys(IdentityAnswer::Right);
    let until = began + Duration::from_secs(20);
    while !verifier.is_ready() && Instant::now() < until {
        verdict(&verifier, &token).await;
        tokio::task::yield_now().await;
    }
    believed(&verifier, &token, "the next try").await;
    assert!(began.elapsed() > Duration::from_secs(5));
}

#[tokio::test]
async fn an_issuer_that_nobody_is_at_is_like_one_that_is_down() {
    let server = issuer().await;
    let verifier = discovering(&server);
    let good = server.token(&json!({}));
    believed(&verifier, &good, "up").await;
    let unknown = server.token_with(&json!({"kid": "made-up"}), &server.claims(&json!({})));
    drop(server);
    cool_down().await;
    refused(&verifier, &unknown, InvalidReason::UnknownKey, "down").await;
    believed(&verifier, &good, "down").await;
}
