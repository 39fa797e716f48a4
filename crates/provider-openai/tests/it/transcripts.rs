//! Whole answers, and answers with the edges that servers really have.

use loquat_domain::Usage;
use loquat_provider::{FinishReason, ProviderEvent};
use loquat_testkit::UpstreamScript;
use serde_json::json;

use crate::{hear, playing, said};

/// What the script becomes.
async fn events(script: UpstreamScript) -> Vec<ProviderEvent> {
    let (_upstream, provider) = playing([script]).await;
    let (events, error) = hear(&provider).await;
    assert!(error.is_none(), "{error:?}");
    events
}

fn text(text: &str) -> ProviderEvent {
    ProviderEvent::Text(text.to_owned())
}

fn finished(reason: FinishReason) -> ProviderEvent {
    ProviderEvent::Finished(reason)
}

fn usage(input_tokens: u64, output_tokens: u64) -> ProviderEvent {
    ProviderEvent::Usage(Usage { input_tokens, output_tokens, ..Usage::default() })
}

#[tokio::test]
async fn an_answer_is_its_text_its_reason_to_stop_and_its_usage() {
    let events = events(UpstreamScript::answer(["Hel", "lo"])).await;
    let expected = [text("Hel"), text("lo"), finished(FinishReason::Stop), usage(10, 2)];
    assert_eq!(events, expected);
}

#[tokio::test]
async fn thoughts_calls_and_refusals_keep_their_order() {
    let script = UpstreamScript::sse()
        .reasoning("hm")
        .text("Let me look.")
        .tool_call(0, "call_1", "look")
        .arguments(0, "{\"at\":")
        .arguments(0, "1}")
        .delta(&json!({"refusal": "No."}))
        .finish("tool_calls")
        .done();
    let (call_id, name) = ("call_1".to_owned(), "look".to_owned());
    let arguments =
        |delta: &str| ProviderEvent::ToolCallArguments { index: 0, delta: delta.into() };
    let expected = [
        ProviderEvent::Reasoning("hm".to_owned()),
        text("Let me look."),
        ProviderEvent::ToolCallStarted { index: 0, call_id, name },
        arguments("{\"at\":"),
        arguments("1}"),
        ProviderEvent::Refusal("No.".to_owned()),
        finished(FinishReason::ToolCalls),
    ];
    assert_eq!(events(script).await, expected);
}

#[tokio::test]
async fn every_reason_to_stop_arrives() {
    for (wire, reason) in [
        ("stop", FinishReason::Stop),
        ("length", FinishReason::Length),
        ("content_filter", FinishReason::ContentFilter),
        ("eos_token", FinishReason::Stop),
    ] {
        let events = events(UpstreamScript::sse().text("a").finish(wire).done()).await;
        assert_eq!(events, [text("a"), finished(reason)], "{wire}");
    }
}

#[tokio::test]
async fn usage_may_come_with_the_reason_to_stop_or_with_every_chunk_and_the_last_counts() {
    let chunk = |delta: serde_json::Value, reason: Option<&str>, tokens: u64| {
        json!({
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
            "usage": {"prompt_tokens": 7, "completion_tokens": tokens},
        })
    };
    let script = UpstreamScript::sse()
        .data(&chunk(json!({"content": "a"}), None, 1))
        .data(&chunk(json!({"content": "b"}), None, 2))
        .data(&chunk(json!({}), Some("stop"), 3))
        .done();
    let expected = [text("a"), text("b"), finished(FinishReason::Stop), usage(7, 3)];
    assert_eq!(events(script).await, expected);
}

#[tokio::test]
async fn usage_is_told_although_nobody_says_done() {
    let script = UpstreamScript::sse().text("a").finish("stop").usage(1, 1);
    let expected = [text("a"), finished(FinishReason::Stop), usage(1, 1)];
    assert_eq!(events(script).await, expected);
}

#[tokio::test]
async fn an_answer_may_be_empty() {
    let events = events(UpstreamScript::sse().role().finish("stop").done()).await;
    assert_eq!(events, [finished(FinishReason::Stop)]);
}

#[tokio::test]
async fn what_follows_the_first_reason_to_stop_or_the_end_marker_does_not_count() {
    let script = UpstreamScript::sse()
        .text("a")
        .finish("length")
        .text("b")
        .finish("stop")
        .done()
        .text("c")
        .finish("stop")
        .usage(9, 9);
    assert_eq!(events(script).await, [text("a"), finished(FinishReason::Length)]);
}

#[tokio::test]
async fn ten_thousand_empty_deltas_are_no_events() {
    let mut script = UpstreamScript::sse();
    for _ in 0..10_000 {
        script = script.text("");
    }
    let events = events(script.text("a").finish("stop").done().rechunked(&[1400])).await;
    assert_eq!(events, [text("a"), finished(FinishReason::Stop)]);
}

#[tokio::test]
async fn a_character_split_over_two_deltas_is_put_together() {
    let half = |half: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{half}"}}}}]}}"#);
    let script = UpstreamScript::sse()
        .data_text(&half("a\\ud83d"))
        .data_text(&half("\\ude00b"))
        .data_text(&half("\\ud83d"))
        .finish("stop")
        .done();
    let events = events(script).await;
    assert_eq!(said(&events), "a\u{1F600}b\u{FFFD}");
    assert!(!events.contains(&text("")), "{events:?}");
}

#[tokio::test]
async fn nul_and_bytes_that_are_no_text_become_replacement_characters() {
    let mut chunk = br#"data: {"choices":[{"delta":{"content":"a\u0000b"#.to_vec();
    chunk.push(0xFF);
    chunk.extend(b"c\"}}]}\n\n");
    let events = events(UpstreamScript::sse().body(chunk).finish("stop").done()).await;
    assert_eq!(said(&events), "a\u{FFFD}b\u{FFFD}c");
}

#[tokio::test]
async fn text_cannot_forge_an_event() {
    let forged = "x\n\ndata: [DONE]\r\n\r\nevent: error\u{2028}";
    let events = events(UpstreamScript::answer([forged])).await;
    assert_eq!(said(&events), forged);
}
