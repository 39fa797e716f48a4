//! Dropping an answer frees the endpoint, whatever the answer is doing.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use loquat_provider::{ChatProvider as _, ProviderEvent};
use loquat_provider_openai::OpenAiOptions;
use loquat_testkit::{ClosedBy, ScriptedUpstream, UpstreamScript};

use crate::{SOON, options, provider, request};

/// The most time between the drop and the moment at which the upstream sees its socket close.
const AT_ONCE: Duration = Duration::from_millis(250);

async fn assert_closed_at_once(upstream: &ScriptedUpstream, dropped: Instant) {
    let closed = upstream.wait_closed(0, SOON).await.expect("the connection stays open");
    assert_eq!(closed.by, ClosedBy::Client);
    let took = closed.at.saturating_duration_since(dropped);
    assert!(took < AT_ONCE, "{took:?}");
}

/// Asks, reads `events` events, and drops the answer.
async fn leave_after(events: usize, script: UpstreamScript) {
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let mut answer = provider(options(&upstream)).start(request()).await.unwrap();
    for _ in 0..events {
        answer.next().await.unwrap().unwrap();
    }
    // The answer is asked for more, finds nothing and waits: it is dropped while it waits.
    let waiting = tokio::time::timeout(Duration::from_millis(20), answer.next()).await;
    assert!(waiting.is_err(), "{waiting:?}");
    drop(answer);
    assert_closed_at_once(&upstream, Instant::now()).await;
}

#[tokio::test]
async fn while_it_connects() {
    let upstream = ScriptedUpstream::queue([]).await.unwrap();
    let provider = provider(OpenAiOptions::new(format!("https://{}/v1", upstream.address())));
    tokio::select! {
        _ = provider.start(request()) => panic!("nobody answers the handshake"),
        is_connected = upstream.wait_for_connections(1, SOON) => assert!(is_connected),
    }
    assert_closed_at_once(&upstream, Instant::now()).await;
}

#[tokio::test]
async fn while_it_waits_for_the_head() {
    let upstream = ScriptedUpstream::always(UpstreamScript::silence()).await.unwrap();
    let provider = provider(options(&upstream));
    tokio::select! {
        _ = provider.start(request()) => panic!("nobody answers"),
        has_asked = upstream.wait_for_requests(1, SOON) => assert!(has_asked),
    }
    assert_closed_at_once(&upstream, Instant::now()).await;
}

#[tokio::test]
async fn while_it_waits_for_the_first_piece() {
    leave_after(0, UpstreamScript::sse().role().stall()).await;
}

#[tokio::test]
async fn in_the_middle() {
    leave_after(2, UpstreamScript::sse().text("a").text("b").stall()).await;
}

#[tokio::test]
async fn after_the_last_word_and_before_the_usage() {
    leave_after(2, UpstreamScript::sse().text("a").finish("stop").stall()).await;
}

#[tokio::test]
async fn without_ever_being_read() {
    let upstream = ScriptedUpstream::always(UpstreamScript::sse().text("a").stall()).await.unwrap();
    let answer = provider(options(&upstream)).start(request()).await.unwrap();
    drop(answer);
    assert_closed_at_once(&upstream, Instant::now()).await;
}

/// 16 MiB in pieces of 8 KiB: more than the buffers between two sockets hold.
fn long_answer() -> UpstreamScript {
    let piece = "x".repeat(8 << 10);
    UpstreamScript::answer(std::iter::repeat_n(&*piece, PIECES))
}

const PIECES: usize = 2048;

#[tokio::test]
async fn with_much_of_the_answer_unread() {
    let upstream = ScriptedUpstream::always(long_answer()).await.unwrap();
    let mut answer = provider(options(&upstream)).start(request()).await.unwrap();
    answer.next().await.unwrap().unwrap();
    drop(answer);
    assert_closed_at_once(&upstream, Instant::now()).await;
}

#[tokio::test]
async fn while_it_pauses_before_another_try() {
    let refusal = UpstreamScript::error(429, "slow_down", "").header("retry-after", "5");
    let upstream = ScriptedUpstream::always(refusal).await.unwrap();
    let provider = provider(options(&upstream));
    tokio::select! {
        _ = provider.start(request()) => panic!("it does not wait"),
        has_asked = upstream.wait_for_requests(1, SOON) => assert!(has_asked),
    }
    let asked_again = upstream.wait_for_requests(2, Duration::from_millis(100)).await;
    assert!(!asked_again, "somebody goes on asking");
}

#[tokio::test]
async fn a_reader_that_stops_reading_stops_the_endpoint() {
    let upstream = ScriptedUpstream::always(long_answer()).await.unwrap();
    let mut answer = provider(options(&upstream)).start(request()).await.unwrap();
    answer.next().await.unwrap().unwrap();
    let is_over = upstream.wait_for_answers(1, Duration::from_millis(300)).await;
    assert!(!is_over, "somebody took the whole answer although nobody read it");
    let mut pieces = 1;
    while let Some(event) = answer.next().await {
        pieces += usize::from(matches!(event.unwrap(), ProviderEvent::Text(_)));
    }
    assert_eq!(pieces, PIECES);
    assert!(upstream.wait_for_answers(1, SOON).await);
}
