//! A connection that breaks, at every place where it can.

use loquat_provider::{ProviderError, ProviderEvent};

use super::{
    Dialect, Inexpressible, Patience, Say, Verdict,
    hear::{
        Heard, SHORT, answer_of, beginning, is_finished, playing, playing_for, said, script,
        written,
    },
};
use crate::{Framing, UpstreamScript, UpstreamStep};

const PIECES: [&str; 3] = ["Grüße", " \u{1F600}", "!"];

const TEXT: &str = "Grüße \u{1F600}!";

/// What ends a chunked body.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A whole answer's bytes, head included, and where in them the event that says why it stops begins
/// and where it is over.
struct Whole {
    bytes: Vec<u8>,
    finish: std::ops::Range<usize>,
}

fn whole(
    dialect: &dyn Dialect,
    framed: impl Fn(UpstreamScript) -> UpstreamScript,
) -> Result<Whole, Inexpressible> {
    let says = answer_of(&PIECES);
    let at = says.iter().position(|say| matches!(say, Say::Finish(..))).expect("a finish");
    let length = |says: &[Say]| -> Result<usize, Inexpressible> {
        let bytes = framed(script(dialect, says)?).wire_bytes();
        Ok(bytes.strip_suffix(LAST_CHUNK).unwrap_or(&bytes).len())
    };
    let finish = length(&says[..at])?..length(&says[..=at])?;
    Ok(Whole { bytes: framed(script(dialect, &says)?).wire_bytes(), finish })
}

/// The answer when the connection ends after each number of bytes.
async fn cut_everywhere(dialect: &dyn Dialect, bytes: &[u8]) -> Vec<Heard> {
    let prefixes = (0..bytes.len()).map(|end| {
        let bytes = bytes[..end].to_vec();
        UpstreamScript::new([UpstreamStep::Raw(bytes.into()), UpstreamStep::CutFin])
    });
    let patience = Patience { retries: 0, ..Patience::default() };
    let stage = playing_for(dialect, patience, prefixes).await;
    let mut heard = Vec::new();
    for _ in 0..bytes.len() {
        heard.push(stage.hear().await);
    }
    assert_eq!(stage.asked(), bytes.len());
    heard
}

/// What must hold wherever the cut is.
fn check(heard: &[Heard], whole: &Whole) {
    for (end, (events, error)) in heard.iter().enumerate() {
        assert!(TEXT.starts_with(&said(events)), "cut after {end}: {events:?}");
        if end < whole.finish.start {
            assert!(!is_finished(events), "cut after {end}: a completion that nobody saw");
        }
        if end >= whole.finish.end {
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

/// What was told is the beginning of the answer; it is complete if and only if the reason to stop
/// was read; else the error says that the connection broke.
pub async fn a_cut_at_any_byte_gives_a_prefix_and_no_false_completion(
    dialect: &dyn Dialect,
) -> Verdict {
    let whole = whole(dialect, |script| script)?;
    let heard = cut_everywhere(dialect, &whole.bytes).await;
    check(&heard, &whole);
    let (events, error) = &heard[whole.finish.start];
    assert_eq!(said(events), TEXT);
    assert!(matches!(error, Some(ProviderError::Disconnected(_))), "{error:?}");
    Ok(())
}

/// Without a length and without chunks only the reason to stop tells an end from a cut.
pub async fn an_answer_that_ends_with_its_connection_is_treated_alike(
    dialect: &dyn Dialect,
) -> Verdict {
    let whole = whole(dialect, UpstreamScript::until_close)?;
    let heard = cut_everywhere(dialect, &whole.bytes).await;
    check(&heard, &whole);
    let (events, error) = &heard[whole.finish.start];
    assert_eq!(said(events), TEXT);
    assert!(error.is_none(), "an orderly end without a reason is the end: {error:?}");
    Ok(())
}

/// RST instead of FIN.
pub async fn a_reset_in_the_middle_is_a_broken_connection(dialect: &dyn Dialect) -> Verdict {
    // The pause lets the piece arrive: a reset throws away what the receiver has not read.
    let reset = beginning(dialect, &["Hel"])?.delay(SHORT / 3).cut_rst();
    let stage = playing(dialect, [reset]).await;
    let (events, error) = stage.hear().await;
    assert_eq!(events, [ProviderEvent::Text("Hel".to_owned())]);
    assert!(matches!(error, Some(ProviderError::Disconnected(Some(_)))), "{error:?}");
    assert_eq!(stage.asked(), 1, "an answer that has begun is never asked for again");
    Ok(())
}

/// A `content-length` that is not kept.
pub async fn a_body_shorter_than_announced_is_a_broken_connection(
    dialect: &dyn Dialect,
) -> Verdict {
    let head = UpstreamStep::Head {
        status: 200,
        headers: vec![
            ("content-type".to_owned(), "text/event-stream".to_owned()),
            ("content-length".to_owned(), "100000".to_owned()),
        ],
        framing: Framing::Sized,
    };
    let says = [Say::Begin(None), Say::text("a")];
    let bytes = written(dialect, &says)?.concat();
    let stage = playing(dialect, [UpstreamScript::new([head]).body(bytes).cut_fin()]).await;
    let (events, error) = stage.hear().await;
    assert_eq!(said(&events), "a");
    assert!(matches!(error, Some(ProviderError::Disconnected(_))), "{error:?}");
    Ok(())
}
