//! Silence, and answers that are not the protocol.

use std::time::{Duration, Instant};

use loquat_provider::{ChatProvider as _, ProviderError};
use loquat_provider_http::Limits;
use loquat_provider_openai::OpenAiOptions;
use loquat_testkit::{ClosedBy, ScriptedUpstream, UpstreamScript};
use serde_json::json;

use crate::{
    Heard, SOON, hear, is_finished, limits, listen, options, playing, provider, request, said,
};

const SHORT: Duration = Duration::from_millis(60);

/// The answer of an upstream that is given little time for the first piece, or later for each read.
async fn impatiently(
    script: UpstreamScript,
    limit: fn(Limits) -> Limits,
) -> (ScriptedUpstream, Heard) {
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let heard = hear(&provider(options(&upstream).with_limits(limit(limits())))).await;
    (upstream, heard)
}

fn first_token(limits: Limits) -> Limits {
    limits.with_first_token_timeout(SHORT)
}

fn idle(limits: Limits) -> Limits {
    limits.with_idle_timeout(SHORT)
}

#[tokio::test]
async fn silence_before_the_head_ends_with_the_time_for_the_first_piece() {
    let (upstream, (_, error)) = impatiently(UpstreamScript::silence(), first_token).await;
    assert!(matches!(error, Some(ProviderError::FirstTokenTimeout)), "{error:?}");
    assert_eq!(upstream.requests().len(), 1);
    assert_eq!(upstream.wait_closed(0, SOON).await.unwrap().by, ClosedBy::Client);
}

#[tokio::test]
async fn silence_after_the_head_ends_with_the_time_for_the_first_piece() {
    let (upstream, (_, error)) = impatiently(UpstreamScript::sse().stall(), first_token).await;
    assert!(matches!(error, Some(ProviderError::FirstTokenTimeout)), "{error:?}");
    assert_eq!(upstream.wait_closed(0, SOON).await.unwrap().by, ClosedBy::Client);
}

#[tokio::test]
async fn comments_and_empty_deltas_do_not_buy_time_for_the_first_piece() {
    let mut script = UpstreamScript::sse();
    for _ in 0..200 {
        script = script.text("").body(": still here\n\n").delay(Duration::from_millis(5));
    }
    let started = Instant::now();
    let (upstream, (_, error)) = impatiently(script, first_token).await;
    assert!(matches!(error, Some(ProviderError::FirstTokenTimeout)), "{error:?}");
    assert!(started.elapsed() < Duration::from_millis(900));
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_flood_of_nothing_does_not_buy_time_either() {
    // Never a moment in which the socket is empty: 64 MiB, far more than is read in the time.
    let script = UpstreamScript::sse().body(": flood\n".repeat(8 << 20));
    let (_upstream, (_, error)) = impatiently(script, first_token).await;
    assert!(matches!(error, Some(ProviderError::FirstTokenTimeout)), "{error:?}");
}

#[tokio::test]
async fn silence_in_the_middle_ends_with_the_idle_time() {
    let script = UpstreamScript::sse().text("Hel").text("lo").stall();
    let (upstream, (events, error)) = impatiently(script, idle).await;
    assert_eq!(said(&events), "Hello");
    assert!(matches!(error, Some(ProviderError::IdleTimeout)), "{error:?}");
    assert_eq!(upstream.requests().len(), 1, "never asked again after the first piece");
    assert_eq!(upstream.wait_closed(0, SOON).await.unwrap().by, ClosedBy::Client);
}

#[tokio::test]
async fn whatever_arrives_in_the_middle_is_a_sign_of_life() {
    let mut script = UpstreamScript::sse().text("a");
    for _ in 0..10 {
        script = script.delay(SHORT / 4).body(": still here\n\n").delay(SHORT / 4).text("");
    }
    let (_upstream, (events, error)) = impatiently(script.text("b").finish("stop"), idle).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(said(&events), "ab");
}

#[tokio::test]
async fn the_time_that_the_reader_takes_is_not_the_provider_s() {
    let script = UpstreamScript::sse().text("a").delay(SHORT * 2).text("b").finish("stop");
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let mut answer =
        provider(options(&upstream).with_limits(idle(limits()))).start(request()).await.unwrap();
    futures::StreamExt::next(&mut answer).await.unwrap().unwrap();
    tokio::time::sleep(SHORT * 3).await;
    let (events, error) = listen(answer).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(said(&events), "b");
}

#[tokio::test]
async fn an_idle_time_longer_than_the_one_for_the_first_piece_holds_after_it() {
    let script = UpstreamScript::sse().text("a").delay(SHORT * 2).text("b").finish("stop").done();
    let (_upstream, (events, error)) = impatiently(script, first_token).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(said(&events), "ab");
}

#[tokio::test]
async fn silence_after_the_last_word_takes_nothing_away() {
    let script = UpstreamScript::sse().text("a").finish("stop").stall();
    let (_upstream, (events, error)) = impatiently(script, idle).await;
    assert!(error.is_none(), "{error:?}");
    assert!(is_finished(&events));
}

#[tokio::test]
async fn a_connection_that_is_not_accepted_has_a_time_of_its_own() {
    // TLS that never answers: the connection is made as far as the kernel is concerned.
    let upstream = ScriptedUpstream::queue([]).await.unwrap();
    let limits =
        limits().with_connect_timeout(SHORT).with_retries(1).with_retry_delay(Duration::ZERO);
    let options = OpenAiOptions::new(format!("https://{}/v1", upstream.address()));
    let (_, error) = hear(&provider(options.with_limits(limits))).await;
    assert!(matches!(error, Some(ProviderError::ConnectTimeout)), "{error:?}");
    assert_eq!(upstream.connections(), 2);
}

#[tokio::test]
async fn an_event_that_is_no_chunk_breaks_the_protocol_once() {
    for bad in ["{", "hello", "[1]", "{\"choices\":{}}", "{\"choices\":[{\"delta\":\"x\"}]}"] {
        let script = UpstreamScript::sse().text("a").data_text(bad).text("b").finish("stop");
        let (upstream, provider) = playing([script]).await;
        let (events, error) = hear(&provider).await;
        assert_eq!(said(&events), "a", "{bad}");
        assert!(matches!(error, Some(ProviderError::Protocol(_))), "{bad}: {error:?}");
        assert_eq!(upstream.requests().len(), 1, "{bad}");
    }
}

#[tokio::test]
async fn an_event_that_breaks_the_protocol_first_is_not_asked_for_again() {
    let (upstream, provider) = playing([UpstreamScript::sse().data_text("hello")]).await;
    let (_, error) = hear(&provider).await;
    assert!(matches!(error, Some(ProviderError::Protocol(_))), "{error:?}");
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_line_of_ten_megabytes_is_refused() {
    let line = format!("data: {}", "x".repeat(10 << 20));
    let script = UpstreamScript::sse().text("a").body(line).finish("stop");
    let (upstream, provider) = playing([script]).await;
    let (events, error) = hear(&provider).await;
    assert_eq!(said(&events), "a");
    assert!(matches!(error, Some(ProviderError::Protocol(_))), "{error:?}");
    assert_eq!(upstream.wait_closed(0, SOON).await.unwrap().by, ClosedBy::Client);
}

#[tokio::test]
async fn unknown_events_comments_and_a_half_event_at_the_end_are_passed_over() {
    let script = UpstreamScript::sse()
        .body("\u{FEFF}: hi\n\nevent: ping\ndata: now\n\nretry: 5\n\n")
        .text("a")
        .finish("stop")
        .body("data: {\"half\":");
    let (_upstream, provider) = playing([script]).await;
    let (events, error) = hear(&provider).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(said(&events), "a");
    assert!(is_finished(&events));
}

#[tokio::test]
async fn an_error_in_the_middle_is_told_by_its_kind() {
    let error = async |error: serde_json::Value| {
        let script = UpstreamScript::sse().text("a").data(&json!({"error": error})).text("b");
        let (_upstream, provider) = playing([script]).await;
        let (events, error) = hear(&provider).await;
        assert_eq!(said(&events), "a");
        error
    };
    let failed = error(json!({"message": "x", "type": "server_error"})).await;
    assert!(matches!(failed, Some(ProviderError::Failed)), "{failed:?}");
    let failed = error(json!({"message": "x", "code": "context_length_exceeded"})).await;
    assert!(matches!(failed, Some(ProviderError::ContextLengthExceeded)), "{failed:?}");
    let failed = error(json!({"message": "x", "code": "rate_limit_exceeded"})).await;
    assert!(matches!(failed, Some(ProviderError::RateLimited { .. })), "{failed:?}");
}

#[tokio::test]
async fn a_document_instead_of_a_stream_breaks_the_protocol() {
    let page = UpstreamScript::json(200, &json!({"object": "chat.completion"}));
    let (upstream, provider) = playing([page]).await;
    let (_, error) = hear(&provider).await;
    assert!(matches!(error, Some(ProviderError::Protocol(_))), "{error:?}");
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn an_error_body_without_an_end_is_not_read_to_its_end() {
    let script = UpstreamScript::json(400, &json!({}))
        .header("transfer-encoding", "chunked")
        .until_close()
        .body("x".repeat(64 << 20));
    let (_upstream, provider) = playing([script]).await;
    let started = Instant::now();
    let (_, error) = hear(&provider).await;
    assert!(error.is_some());
    assert!(started.elapsed() < SOON);
}
