//! What is tried again, how often, and what never is.

use std::time::{Duration, Instant};

use loquat_provider::{ChatProvider as _, ProviderError, ProviderEvent};
use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::json;

use crate::{hear, limits, listen, options, playing, provider, request, said};

fn status(status: u16) -> UpstreamScript {
    UpstreamScript::error(status, "some_code", "words that nobody forwards")
}

fn answer() -> UpstreamScript {
    UpstreamScript::answer(["fine"])
}

#[tokio::test]
async fn a_passing_fault_is_tried_again_and_the_answer_comes_once() {
    for code in [408, 429, 500, 502, 503, 504, 529] {
        let (upstream, provider) = playing([status(code), status(code), answer()]).await;
        let (events, error) = hear(&provider).await;
        assert!(error.is_none(), "{code}: {error:?}");
        assert_eq!(said(&events), "fine", "{code}");
        assert_eq!(upstream.requests().len(), 3, "{code}");
    }
}

#[tokio::test]
async fn a_lasting_fault_is_given_up_after_two_further_tries() {
    for code in [408, 429, 500, 502, 503, 529] {
        let (upstream, provider) = playing([status(code), status(code), status(code)]).await;
        let (_, error) = hear(&provider).await;
        let is_right = match code {
            429 => matches!(error, Some(ProviderError::RateLimited { retry_after: None })),
            _ => matches!(error, Some(ProviderError::Unavailable(_))),
        };
        assert!(is_right, "{code}: {error:?}");
        assert_eq!(upstream.requests().len(), 3, "{code}");
    }
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    for code in [400, 401, 403, 404, 405, 409, 413, 422, 451] {
        let (upstream, provider) = playing([status(code), answer()]).await;
        let (_, error) = hear(&provider).await;
        let is_right = match code {
            401 | 403 => matches!(error, Some(ProviderError::Authentication)),
            _ => matches!(error, Some(ProviderError::Rejected { status }) if status == code),
        };
        assert!(is_right, "{code}: {error:?}");
        assert_eq!(upstream.requests().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_status_of_another_wire_breaks_the_protocol_and_is_not_tried_again() {
    for code in [201, 204, 206, 300, 304] {
        let (upstream, provider) = playing([status(code), answer()]).await;
        let (_, error) = hear(&provider).await;
        assert!(matches!(error, Some(ProviderError::Protocol(_))), "{code}: {error:?}");
        assert_eq!(upstream.requests().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_told_apart() {
    let script = UpstreamScript::error(400, "context_length_exceeded", "too long");
    let (upstream, provider) = playing([script]).await;
    let (_, error) = hear(&provider).await;
    assert!(matches!(error, Some(ProviderError::ContextLengthExceeded)), "{error:?}");
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_wish_to_wait_is_granted() {
    let scripts = [status(429).header("retry-after-ms", "80"), answer()];
    let (upstream, provider) = playing(scripts).await;
    let (_, error) = hear(&provider).await;
    assert!(error.is_none(), "{error:?}");
    let requests = upstream.requests();
    let waited = requests[1].received_at - requests[0].received_at;
    assert!(waited >= Duration::from_millis(80), "{waited:?}");
}

#[tokio::test]
async fn a_wish_to_wait_in_seconds_is_granted_for_other_statuses_too() {
    let (upstream, provider) = playing([status(503).header("retry-after", "1"), answer()]).await;
    let (_, error) = hear(&provider).await;
    assert!(error.is_none(), "{error:?}");
    let requests = upstream.requests();
    let waited = requests[1].received_at - requests[0].received_at;
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
}

#[tokio::test]
async fn a_wish_to_wait_too_long_is_passed_on_at_once() {
    let script = status(429).header("retry-after", "3600");
    let (upstream, provider) = playing([script, answer()]).await;
    let (_, error) = hear(&provider).await;
    let hour = Duration::from_hours(1);
    assert!(
        matches!(error, Some(ProviderError::RateLimited { retry_after: Some(wait) }) if wait == hour),
        "{error:?}"
    );
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn a_try_that_would_come_after_the_time_for_the_first_piece_is_not_made() {
    let upstream =
        ScriptedUpstream::queue([status(429).header("retry-after", "2"), answer()]).await.unwrap();
    let provider = provider(
        options(&upstream).with_limits(limits().with_first_token_timeout(Duration::from_secs(1))),
    );
    let started = Instant::now();
    let (_, error) = hear(&provider).await;
    assert!(matches!(error, Some(ProviderError::RateLimited { .. })), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn without_retries_the_first_fault_counts() {
    let upstream = ScriptedUpstream::queue([status(500), answer()]).await.unwrap();
    let (_, error) =
        hear(&provider(options(&upstream).with_limits(limits().with_retries(0)))).await;
    assert!(matches!(error, Some(ProviderError::Unavailable(_))), "{error:?}");
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_before_its_first_piece_is_asked_for_again() {
    for broken in [
        UpstreamScript::new([]).cut_fin(),
        UpstreamScript::new([]).cut_rst(),
        UpstreamScript::sse().cut_fin(),
        UpstreamScript::sse().role().cut_fin(),
        UpstreamScript::sse().role().until_close(),
        UpstreamScript::sse().data(&json!({"error": {"type": "rate_limit_error"}})),
        UpstreamScript::json(200, &json!({"error": {"code": 429}})),
    ] {
        let (upstream, provider) = playing([broken.clone(), broken.clone(), answer()]).await;
        let (events, error) = hear(&provider).await;
        assert!(error.is_none(), "{broken:?}: {error:?}");
        assert_eq!(said(&events), "fine");
        assert_eq!(upstream.requests().len(), 3, "{broken:?}");
    }
}

#[tokio::test]
async fn tries_before_and_after_acceptance_are_counted_together() {
    let broken = UpstreamScript::sse().role().cut_fin();
    let (upstream, provider) = playing([status(500), broken.clone(), broken, answer()]).await;
    let accepted = provider.start(request()).await.unwrap();
    assert_eq!(upstream.requests().len(), 2);
    let (events, error) = listen(accepted).await;
    assert_eq!(events, []);
    assert!(matches!(error, Some(ProviderError::Disconnected(_))), "{error:?}");
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn an_answer_that_has_begun_is_never_asked_for_again() {
    for end in [
        UpstreamScript::sse().text("Hel").cut_fin(),
        UpstreamScript::sse().text("Hel").data(&json!({"error": {"type": "rate_limit_error"}})),
        UpstreamScript::sse().text("Hel").data(&json!({"error": {"type": "server_error"}})),
    ] {
        let (upstream, provider) = playing([end, answer()]).await;
        let (events, error) = hear(&provider).await;
        assert_eq!(events, [ProviderEvent::Text("Hel".to_owned())]);
        assert!(error.is_some());
        assert_eq!(upstream.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_unreachable_endpoint_is_unavailable() {
    let upstream = ScriptedUpstream::queue([]).await.unwrap();
    let options = options(&upstream);
    drop(upstream);
    let (_, error) = hear(&provider(options)).await;
    assert!(matches!(error, Some(ProviderError::Unavailable(Some(_)))), "{error:?}");
}
