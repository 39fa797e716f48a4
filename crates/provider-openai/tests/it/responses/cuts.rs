//! A connection that breaks, at every place where it can.

use loquat_provider::ProviderError;
use loquat_testkit::{ScriptedUpstream, UpstreamScript, UpstreamStep};

use super::{answer, responses};
use crate::{hear, is_finished, limits, provider, said};

const PIECES: [&str; 2] = ["Grüße", " \u{1F600}!"];

#[tokio::test]
async fn an_answer_cut_at_every_byte_is_a_prefix_and_never_a_false_completion() {
    for script in [answer(&PIECES), answer(&PIECES).until_close()] {
        let whole = script.wire_bytes();
        let terminal = b"event: response.completed";
        let at = whole.windows(terminal.len()).position(|bytes| bytes == terminal).unwrap();
        let end = at + whole[at..].windows(2).position(|bytes| bytes == b"\n\n").unwrap() + 2;
        let prefixes = (0..whole.len()).map(|end| {
            let bytes = whole[..end].to_vec();
            UpstreamScript::new([UpstreamStep::Raw(bytes.into()), UpstreamStep::CutFin])
        });
        let upstream = ScriptedUpstream::queue(prefixes).await.unwrap();
        let provider = provider(responses(&upstream).with_limits(limits().with_retries(0)));
        for cut in 0..whole.len() {
            let (events, error) = hear(&provider).await;
            assert!(PIECES.concat().starts_with(&said(&events)), "cut after {cut}: {events:?}");
            assert_eq!(is_finished(&events), cut >= end, "cut after {cut}: {events:?}");
            if cut >= end {
                assert!(error.is_none(), "cut after {cut}: all was said, and {error:?}");
            }
            let broke = matches!(
                error,
                None | Some(ProviderError::Disconnected(_) | ProviderError::Unavailable(_))
            );
            assert!(broke, "cut after {cut}: {error:?}");
            assert!(!events.is_empty() || error.is_some(), "cut after {cut}: an answer of nothing");
        }
    }
}

#[tokio::test]
async fn an_end_marker_without_the_last_event_completes_nothing() {
    let (pieces, _) = super::message(0, &["a"]);
    let upstream = ScriptedUpstream::always(super::script(pieces).done()).await.unwrap();
    let (events, error) = hear(&provider(responses(&upstream))).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!((said(&events), is_finished(&events)), ("a".to_owned(), false));
}
