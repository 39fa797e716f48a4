//! What this wire's chunks become, beyond what every provider is tested for.

use loquat_domain::Usage;
use loquat_provider::{FinishReason, ProviderEvent};
use loquat_testkit::UpstreamScript;
use serde_json::json;

use crate::{hear, playing};

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
