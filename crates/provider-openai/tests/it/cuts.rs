//! A connection that breaks, at every place where it can.

use loquat_provider::{ProviderError, ProviderEvent};
use loquat_testkit::{Framing, ScriptedUpstream, UpstreamScript, UpstreamStep};

use crate::{Heard, hear, is_finished, limits, options, playing, provider, said};

fn transcript() -> UpstreamScript {
    UpstreamScript::answer(["Grüße", " \u{1F600}", "!"])
}

const TEXT: &str = "Grüße \u{1F600}!";

/// The answer when the connection ends after each number of bytes, head included.
async fn cut_everywhere(whole: &[u8], cut: UpstreamStep) -> Vec<Heard> {
    let prefixes = (0..whole.len()).map(|end| {
        let bytes = whole[..end].to_vec();
        UpstreamScript::new([UpstreamStep::Raw(bytes.into()), cut.clone()])
    });
    let upstream = ScriptedUpstream::queue(prefixes).await.unwrap();
    let provider = provider(options(&upstream).with_limits(limits().with_retries(0)));
    let mut heard = Vec::new();
    for _ in 0..whole.len() {
        heard.push(hear(&provider).await);
    }
    assert_eq!(upstream.requests().len(), whole.len());
    heard
}

/// Where the event that says why the model stopped is complete.
fn end_of_finish(whole: &[u8]) -> usize {
    let reason = b"\"finish_reason\":\"stop\"";
    let at = whole.windows(reason.len()).position(|bytes| bytes == reason).unwrap();
    at + whole[at..].windows(2).position(|bytes| bytes == b"\n\n").unwrap() + 2
}

/// What must hold wherever the cut is.
fn check(heard: &[Heard], end_of_finish: usize) {
    for (end, (events, error)) in heard.iter().enumerate() {
        assert!(TEXT.starts_with(&said(events)), "cut after {end}: {events:?}");
        if end < end_of_finish {
            assert!(!is_finished(events), "cut after {end}: a completion that nobody saw");
        } else {
            assert!(is_finished(events), "cut after {end}: {events:?}");
            assert!(error.is_none(), "cut after {end}: all was said, and {error:?}");
        }
        let broke = matches!(
            error,
            None | Some(ProviderError::Disconnected(_) | ProviderError::Unavailable(_))
        );
        assert!(broke, "cut after {end}: {error:?}");
        assert!(!events.is_empty() || error.is_some(), "cut after {end}: an answer of nothing");
    }
}

#[tokio::test]
async fn a_chunked_answer_cut_at_every_byte_is_a_prefix_and_never_a_false_completion() {
    let whole = transcript().wire_bytes();
    let heard = cut_everywhere(&whole, UpstreamStep::CutFin).await;
    check(&heard, end_of_finish(&whole));
    let (events, error) = &heard[end_of_finish(&whole) - 1];
    assert_eq!(said(events), TEXT);
    assert!(matches!(error, Some(ProviderError::Disconnected(_))), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_treated_alike() {
    let whole = transcript().until_close().wire_bytes();
    let heard = cut_everywhere(&whole, UpstreamStep::CutFin).await;
    check(&heard, end_of_finish(&whole));
    let (events, error) = &heard[end_of_finish(&whole) - 1];
    assert_eq!(said(events), TEXT);
    assert!(error.is_none(), "an orderly end without a reason is the end: {error:?}");
}

#[tokio::test]
async fn a_reset_after_the_first_piece_is_a_broken_connection() {
    // The pause lets the piece arrive: a reset throws away what the receiver has not read.
    let script =
        UpstreamScript::sse().text("Hel").delay(std::time::Duration::from_millis(20)).cut_rst();
    let (upstream, provider) = playing([script]).await;
    let (events, error) = hear(&provider).await;
    assert_eq!(events, [ProviderEvent::Text("Hel".to_owned())]);
    assert!(matches!(error, Some(ProviderError::Disconnected(Some(_)))), "{error:?}");
    assert_eq!(upstream.requests().len(), 1, "an answer that has begun is never asked for again");
}

#[tokio::test]
async fn an_end_marker_without_a_reason_to_stop_completes_nothing() {
    let (_upstream, provider) = playing([UpstreamScript::sse().text("a").done()]).await;
    let (events, error) = hear(&provider).await;
    assert_eq!(events, [ProviderEvent::Text("a".to_owned())]);
    assert!(error.is_none(), "{error:?}");
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_a_broken_connection() {
    let head = UpstreamStep::Head {
        status: 200,
        headers: vec![
            ("content-type".to_owned(), "text/event-stream".to_owned()),
            ("content-length".to_owned(), "100000".to_owned()),
        ],
        framing: Framing::Sized,
    };
    let script = UpstreamScript::new([head]).text("a").cut_fin();
    let (_upstream, provider) = playing([script]).await;
    let (events, error) = hear(&provider).await;
    assert_eq!(said(&events), "a");
    assert!(matches!(error, Some(ProviderError::Disconnected(_))), "{error:?}");
}
