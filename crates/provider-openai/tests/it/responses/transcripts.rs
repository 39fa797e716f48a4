//! Whole answers, however the network cuts them, and the faults that servers have.

use loquat_domain::Usage;
use loquat_provider::{ChatProvider as _, FinishReason, ProviderError, ProviderEvent};
use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use proptest::prelude::*;
use serde_json::json;

use super::{answer, begun, events, message, playing, responses, script, whole_answer};
use crate::{hear, is_finished, provider, request, said};

fn text(text: &str) -> ProviderEvent {
    ProviderEvent::Text(text.to_owned())
}

/// What [`whole_answer`] becomes, but for the seal, whose mark changes with the port.
fn expected() -> Vec<ProviderEvent> {
    let summary = |delta: &str| ProviderEvent::ReasoningSummary { part: 0, delta: delta.into() };
    let call = |index, call_id: &str, name: &str| ProviderEvent::ToolCallStarted {
        index,
        call_id: call_id.to_owned(),
        name: name.to_owned(),
    };
    let arguments =
        |index, delta: &str| ProviderEvent::ToolCallArguments { index, delta: delta.to_owned() };
    vec![
        summary("**Looking**"),
        summary(" at \u{1F914}"),
        ProviderEvent::ReasoningSealed("gAAAAABor0Aw==".to_owned()),
        text("Grüße, "),
        text("\u{1F600}\n\"你好\""),
        call(0, "call_a", "look"),
        arguments(0, "{\"at\":"),
        arguments(0, "\"é\"}"),
        call(1, "call_b", "wait"),
        arguments(1, "{}"),
        ProviderEvent::Finished(FinishReason::ToolCalls),
        ProviderEvent::Usage(Usage {
            input_tokens: 36,
            cached_tokens: 4,
            output_tokens: 87,
            reasoning_tokens: 64,
            ..Usage::default()
        }),
    ]
}

/// The events with the seals' marks taken off.
fn unmarked(events: Vec<ProviderEvent>) -> Vec<ProviderEvent> {
    let unmark = |event| match event {
        ProviderEvent::ReasoningSealed(sealed) => {
            let (mark, sealed) = sealed.split_once(':').unwrap();
            assert!(mark.starts_with("openai-responses/"), "{mark}");
            ProviderEvent::ReasoningSealed(sealed.to_owned())
        }
        event => event,
    };
    events.into_iter().map(unmark).collect()
}

#[tokio::test]
async fn thoughts_their_seal_text_and_calls_keep_their_order_and_are_told_once() {
    assert_eq!(unmarked(events(whole_answer()).await), expected());
}

#[tokio::test]
async fn the_end_marker_of_the_older_wire_changes_nothing() {
    assert_eq!(unmarked(events(whole_answer().done()).await), expected());
}

#[tokio::test]
async fn every_byte_in_a_packet_of_its_own_gives_the_same_events() {
    assert_eq!(unmarked(events(whole_answer().rechunked(&[1])).await), expected());
}

proptest! {
    // Each case is an answer over a real connection, about 2 ms.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_transcript_cut_anywhere_gives_the_same_events(
        sizes in prop::collection::vec(1_usize..400, 1..20),
        until_close in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let cut = whole_answer().rechunked(&sizes);
            let cut = if until_close { cut.until_close() } else { cut };
            assert_eq!(unmarked(events(cut).await), expected());
        });
    }
}

#[tokio::test]
async fn a_server_that_names_its_events_in_the_data_only_is_understood() {
    let (pieces, _) = message(0, &["a", "b"]);
    let mut script = UpstreamScript::sse();
    for event in pieces {
        script = script.data(&event);
    }
    let end = json!({"type": "response.completed", "response": {"status": "completed"}});
    let stop = ProviderEvent::Finished(FinishReason::Stop);
    assert_eq!(events(script.data(&end)).await, [text("a"), text("b"), stop]);
}

#[tokio::test]
async fn bytes_that_are_no_text_become_replacement_characters_wherever_they_are_repeated() {
    let mut script = UpstreamScript::sse();
    for event in [
        &br#"{"type":"response.output_text.delta","delta":"a\u0000bXc"}"#[..],
        br#"{"type":"response.output_item.done","item":{"type":"message","content":[{"text":"X"}]}}"#,
        br#"{"type":"response.completed","response":{"output":[{"type":"message","x":"X"}]}}"#,
    ] {
        let bad = event.iter().map(|byte| if *byte == b'X' { 0xFF } else { *byte });
        script = script.body([b"data: ", &*bad.collect::<Vec<u8>>(), b"\n\n"].concat());
    }
    let stop = ProviderEvent::Finished(FinishReason::Stop);
    assert_eq!(events(script).await, [text("a\u{FFFD}b\u{FFFD}c"), stop]);
}

#[tokio::test]
async fn text_cannot_forge_an_event() {
    let forged = "x\n\nevent: error\ndata: [DONE]\r\n\r\n{\"type\":\"response.failed\"}\u{2028}";
    assert_eq!(said(&events(answer(&[forged])).await), forged);
}

#[tokio::test]
async fn a_failure_in_the_middle_is_told_by_its_kind_and_nothing_is_asked_again() {
    let failure = |code: &str| {
        json!({"type": "response.failed", "response": {"status": "failed",
            "error": {"code": code, "message": "You said: hello"}}})
    };
    let failed = async |code: &str| {
        let (pieces, _) = message(0, &["a"]);
        let broken = begun().into_iter().chain(pieces).chain([failure(code)]);
        let (upstream, provider) = playing([script(broken), answer(&["no"])]).await;
        let (events, error) = hear(&provider).await;
        assert_eq!(said(&events), "a");
        assert!(!is_finished(&events));
        assert_eq!(upstream.requests().len(), 1);
        let error = error.unwrap();
        assert!(!format!("{error} {error:?}").contains("hello"));
        error
    };
    assert!(matches!(failed("server_error").await, ProviderError::Failed));
    assert!(matches!(failed("rate_limit_exceeded").await, ProviderError::RateLimited { .. }));
    let too_long = failed("context_length_exceeded").await;
    assert!(matches!(too_long, ProviderError::ContextLengthExceeded));
}

#[tokio::test]
async fn a_failure_that_passes_before_the_first_piece_is_asked_for_again() {
    let busy = json!({"type": "response.failed",
        "response": {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}});
    let busy = script(begun().into_iter().chain([busy]));
    let (upstream, provider) = playing([busy, answer(&["fine"])]).await;
    let (events, error) = hear(&provider).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!((said(&events), upstream.requests().len()), ("fine".to_owned(), 2));
}

#[tokio::test]
async fn what_a_failed_answer_used_is_on_the_trail() {
    let failure = json!({"type": "response.failed", "response": {
        "error": {"code": "server_error"}, "usage": {"input_tokens": 5, "output_tokens": 2}}});
    let (pieces, _) = message(0, &["a"]);
    let upstream = ScriptedUpstream::always(script(pieces.into_iter().chain([failure]))).await;
    let upstream = upstream.unwrap();
    let request = request();
    let trail = request.trail.clone();
    let answer = provider(responses(&upstream)).start(request).await.unwrap();
    let (_, error) = crate::listen(answer).await;
    assert!(error.is_some());
    let used = Usage { input_tokens: 5, output_tokens: 2, ..Usage::default() };
    assert_eq!(trail.usage(), Some(used));
}

#[tokio::test]
async fn refusals_of_the_request_mean_what_they_mean_on_the_other_wire() {
    for (status, code) in [(401, "invalid_api_key"), (400, "bad"), (429, "insufficient_quota")] {
        let script = UpstreamScript::error(status, code, "words that nobody forwards");
        let (upstream, provider) = playing([script]).await;
        let (_, error) = hear(&provider).await;
        let is_right = match status {
            401 => matches!(error, Some(ProviderError::Authentication)),
            400 => matches!(error, Some(ProviderError::Rejected { status: 400 })),
            _ => matches!(error, Some(ProviderError::AccountEmpty)),
        };
        assert!(is_right, "{status}: {error:?}");
        assert_eq!(upstream.requests().len(), 1, "{status}");
    }
    let long = "Your input exceeds the context window of this model. Please adjust your input";
    let (_upstream, provider) = playing([UpstreamScript::error(400, "", long)]).await;
    let (_, error) = hear(&provider).await;
    assert!(matches!(error, Some(ProviderError::ContextLengthExceeded)), "{error:?}");
}
