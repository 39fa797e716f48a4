//! Connections are kept, used again, and replaced when they turn out to be dead.

use std::time::Duration;

use loquat_testkit::{ScriptedUpstream, UpstreamScript};

use crate::{hear, is_finished, options, playing, provider, said};

#[tokio::test]
async fn answers_that_are_read_to_their_end_share_one_connection() {
    let (upstream, provider) = playing((0..20).map(|_| UpstreamScript::answer(["a"]))).await;
    for _ in 0..20 {
        let (events, error) = hear(&provider).await;
        assert!(error.is_none() && is_finished(&events), "{error:?}");
    }
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn an_end_that_comes_a_little_after_the_marker_is_waited_for() {
    let late = || UpstreamScript::answer(["a"]).delay(Duration::from_millis(10));
    let (upstream, provider) = playing([late(), late(), late()]).await;
    for _ in 0..3 {
        hear(&provider).await;
    }
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn an_end_that_never_comes_is_not_waited_for() {
    let (upstream, provider) = playing([UpstreamScript::answer(["a"]).stall()]).await;
    let started = std::time::Instant::now();
    let (events, error) = hear(&provider).await;
    assert!(error.is_none() && is_finished(&events), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(1));
    assert!(upstream.wait_closed(0, crate::SOON).await.is_some());
}

/// The worst kind of endpoint: it takes the next request on a kept connection and closes it.
#[tokio::test]
async fn two_hundred_answers_survive_an_endpoint_that_closes_kept_connections() {
    for cut in [UpstreamScript::cut_fin, UpstreamScript::cut_rst] {
        let answer = UpstreamScript::answer(["a"]).end().delay(Duration::from_millis(2));
        let upstream = ScriptedUpstream::always(cut(answer)).await.unwrap();
        let provider = provider(options(&upstream));
        for turn in 0..200 {
            let (events, error) = hear(&provider).await;
            assert!(error.is_none(), "turn {turn}: {error:?}");
            assert_eq!(said(&events), "a", "turn {turn}");
        }
        assert!(upstream.connections() > 100, "the endpoint closed nothing");
    }
}

#[tokio::test]
async fn many_answers_at_once_do_not_wait_for_one_another() {
    let slow = UpstreamScript::sse().delay(Duration::from_millis(50)).text("a").finish("stop");
    let upstream = ScriptedUpstream::always(slow.done()).await.unwrap();
    let provider = provider(options(&upstream));
    let heard = futures::future::join_all((0..50).map(|_| hear(&provider))).await;
    assert!(heard.iter().all(|(events, error)| error.is_none() && said(events) == "a"));
    assert_eq!(upstream.connections(), 50);
}
