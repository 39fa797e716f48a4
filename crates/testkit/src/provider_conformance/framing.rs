//! Server-sent events in all their forms, and bytes that are none.

use std::time::Duration;

use loquat_provider::{FinishReason, ProviderError, ProviderEvent};

use super::{
    Dialect, Inexpressible, Json, Say, Verdict,
    hear::{
        Heard, SOON, answer, beginning, is_finished, joined, map_body, playing, said, script, whole,
    },
};
use crate::{ClosedBy, UpstreamScript};

/// An answer with everything in it that this wire can say: characters of one to four bytes, escapes,
/// thoughts, two calls.
fn rich(dialect: &dyn Dialect) -> Result<UpstreamScript, Inexpressible> {
    let calls = [
        Say::Call { index: 0, id: "call_1", name: "f" },
        Say::arguments(0, "{\"x\":\"é\"}"),
        Say::Call { index: 1, id: "call_2", name: "g" },
        Say::arguments(1, "{}"),
    ];
    let thoughts = Say::reasoning("hm… \u{1F914}");
    let can_say = |say: &Say| dialect.pen().write(say).is_some();
    let mut says = vec![Say::Begin(None), Say::Nothing];
    says.extend(can_say(&thoughts).then_some(thoughts));
    says.extend([
        Say::text("Grüße, \u{1F600}\n\"你好\""),
        Say::Text(Json::raw("\\ud83d")),
        Say::Text(Json::raw("\\ude00")),
    ]);
    let reason = if can_say(&calls[0]) {
        says.extend(calls);
        FinishReason::ToolCalls
    } else {
        FinishReason::Stop
    };
    says.extend([Say::Finish(reason, Some(super::hear::USAGE)), Say::Done]);
    script(dialect, &says)
}

/// The answer as it is, and as the script has it: they must be the same.
async fn assert_the_same(dialect: &dyn Dialect, as_it_is: UpstreamScript, cut: UpstreamScript) {
    let stage = playing(dialect, [as_it_is, cut]).await;
    let expected = joined(&whole(stage.hear().await));
    assert!(is_finished(&expected), "{expected:?}");
    let heard: Heard = stage.hear().await;
    assert_eq!(joined(&whole(heard)), expected);
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// LF, CRLF and CR, alone and mixed, and with a CRLF that two packets cut.
pub async fn every_end_of_a_line_is_one(dialect: &dyn Dialect) -> Verdict {
    let script = rich(dialect)?;
    for end in [&b"\r\n"[..], b"\r"] {
        let other = map_body(&script, |bytes| replaced(bytes, b"\n", end));
        assert_the_same(dialect, script.clone(), other.clone()).await;
        assert_the_same(dialect, script.clone(), other.rechunked(&[1])).await;
    }
    let mixed = map_body(&script, |bytes| replaced(bytes, b"\n\n", b"\r\n\r"));
    assert_the_same(dialect, script, mixed).await;
    Ok(())
}

/// A byte order mark, comments, `id`, `retry`, and events that nobody knows.
pub async fn a_mark_comments_and_unknown_events_are_passed_over(dialect: &dyn Dialect) -> Verdict {
    let script = rich(dialect)?;
    let noisy = map_body(&script, |bytes| {
        [b": a comment\nid: 7\nretry: 5\n:\n\nevent: unheard-of\ndata: now\n\n", bytes].concat()
    });
    // The mark is only one at the very beginning.
    let mut steps = noisy.steps().to_vec();
    steps.insert(1, crate::UpstreamStep::Body("\u{FEFF}".as_bytes().into()));
    assert_the_same(dialect, script, UpstreamScript::new(steps)).await;
    Ok(())
}

/// `data:{…}`
pub async fn a_field_may_come_without_a_space(dialect: &dyn Dialect) -> Verdict {
    let script = rich(dialect)?;
    let tight = map_body(&script, |bytes| {
        let bytes = replaced(bytes, b"data: ", b"data:");
        replaced(&bytes, b"event: ", b"event:")
    });
    assert_the_same(dialect, script, tight).await;
    Ok(())
}

/// JSON may be broken into lines where it may have space.
pub async fn data_on_several_lines_is_one_event(dialect: &dyn Dialect) -> Verdict {
    let script = rich(dialect)?;
    let broken = map_body(&script, |bytes| replaced(bytes, b"data: {", b"data: {\ndata:\ndata: "));
    assert_the_same(dialect, script, broken).await;
    Ok(())
}

/// An event without its blank line is none.
pub async fn half_an_event_at_the_end_does_not_count(dialect: &dyn Dialect) -> Verdict {
    let stage = playing(dialect, [answer(dialect, &["a"])?.body("data: {\"half\":")]).await;
    let events = whole(stage.hear().await);
    assert_eq!(said(&events), "a");
    assert!(is_finished(&events));
    Ok(())
}

/// Packets of many sizes, and both ways in which a body can end.
pub async fn however_an_answer_is_cut_up_it_is_the_same(dialect: &dyn Dialect) -> Verdict {
    let script = rich(dialect)?;
    for sizes in [
        &[2][..],
        &[3],
        &[7, 1, 64, 2],
        &[13, 5, 200, 1, 1, 31],
        &[1, 127],
        &[97, 3],
        &[256, 255],
        &[usize::MAX],
    ] {
        let cut = script.clone().rechunked(sizes);
        assert_the_same(dialect, script.clone(), cut.clone()).await;
        assert_the_same(dialect, script.clone(), cut.until_close()).await;
    }
    Ok(())
}

/// The smallest packets there are.
pub async fn every_byte_in_a_packet_of_its_own_gives_the_same_answer(
    dialect: &dyn Dialect,
) -> Verdict {
    let script = rich(dialect)?;
    assert_the_same(dialect, script.clone(), script.rechunked(&[1])).await;
    Ok(())
}

/// What comes before it is told, what comes after it is not, and nobody asks again.
pub async fn an_event_that_is_none_of_the_wires_ends_the_answer(dialect: &dyn Dialect) -> Verdict {
    for bad in ["{", "hello", "[1]", "7"] {
        let rest = script(dialect, &[Say::text("b"), Say::Finish(FinishReason::Stop, None)])?;
        let mut script = beginning(dialect, &["a"])?.data_text(bad);
        for step in &rest.steps()[1..] {
            script = script.step(step.clone());
        }
        let stage = playing(dialect, [script]).await;
        let (events, error) = stage.hear().await;
        assert_eq!(events, [ProviderEvent::Text("a".to_owned())], "{bad}");
        assert!(matches!(error, Some(ProviderError::Protocol(_))), "{bad}: {error:?}");
        assert_eq!(stage.asked(), 1, "{bad}");
    }
    Ok(())
}

/// Who does not speak the wire will not speak it a moment later.
pub async fn an_event_that_breaks_the_protocol_first_is_not_asked_for_again(
    dialect: &dyn Dialect,
) -> Verdict {
    let scripts = [UpstreamScript::sse().data_text("hello"), answer(dialect, &["a"])?];
    let stage = playing(dialect, scripts).await;
    let (events, error) = stage.hear().await;
    assert_eq!(events, []);
    assert!(matches!(error, Some(ProviderError::Protocol(_))), "{error:?}");
    assert_eq!(stage.asked(), 1);
    Ok(())
}

/// What never ends is not kept: ten megabytes are in one line, and more follow.
pub async fn a_line_of_ten_megabytes_is_refused(dialect: &dyn Dialect) -> Verdict {
    let line = format!("data: {}", "x".repeat(HUGE));
    assert_too_large(dialect, beginning(dialect, &["a"])?.body(line)).await;
    Ok(())
}

/// Neither is an event that goes on line by line.
pub async fn an_event_of_many_lines_is_refused_when_it_is_too_large(
    dialect: &dyn Dialect,
) -> Verdict {
    let lines = format!("data: {}\n", "x".repeat(1000)).repeat(HUGE / 1000);
    assert_too_large(dialect, beginning(dialect, &["a"])?.body(lines)).await;
    Ok(())
}

/// More than the buffers between two sockets hold, so that it shows who reads all of it.
const HUGE: usize = 32 << 20;

async fn assert_too_large(dialect: &dyn Dialect, script: UpstreamScript) {
    let stage = playing(dialect, [script]).await;
    let (events, error) = stage.hear().await;
    assert_eq!(said(&events), "a");
    assert!(matches!(error, Some(ProviderError::Protocol(_))), "{error:?}");
    let closed = stage.upstream.wait_closed(0, SOON).await.expect("the connection stays open");
    assert_eq!(closed.by, ClosedBy::Client);
    let is_over = stage.upstream.wait_for_answers(1, Duration::ZERO).await;
    assert!(!is_over, "all of it was read");
}
