//! What the endpoint's events become, beyond what every provider is tested for.

use loquat_domain::Usage;
use loquat_provider::{ChatRequest, FinishReason, ProviderError, ProviderEvent};
use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::{Value, json};

use crate::{Events as _, Heard, hear, hello, options, provider};

async fn heard(script: UpstreamScript) -> Heard {
    let upstream = ScriptedUpstream::queue([script]).await.unwrap();
    hear(&provider(options(&upstream)), hello()).await
}

async fn events(script: UpstreamScript) -> Vec<ProviderEvent> {
    let (events, error) = heard(script).await;
    assert!(error.is_none(), "{error:?}");
    events
}

fn start(usage: &Value) -> UpstreamScript {
    let message = json!({"type": "message", "role": "assistant", "content": [], "usage": usage});
    UpstreamScript::sse().event(&json!({"type": "message_start", "message": message}))
}

trait Blocks {
    fn block(self, index: u32, block: &Value) -> Self;
    fn delta_of(self, index: u32, delta: &Value) -> Self;
    fn stop(self, index: u32) -> Self;
    fn message_end(self, reason: &str, usage: &Value) -> Self;
}

impl Blocks for UpstreamScript {
    fn block(self, index: u32, block: &Value) -> Self {
        let kind = "content_block_start";
        self.event(&json!({"type": kind, "index": index, "content_block": block}))
    }

    fn delta_of(self, index: u32, delta: &Value) -> Self {
        self.event(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
    }

    fn stop(self, index: u32) -> Self {
        self.event(&json!({"type": "content_block_stop", "index": index}))
    }

    fn message_end(self, reason: &str, usage: &Value) -> Self {
        let delta = json!({"stop_reason": reason, "stop_sequence": null});
        self.event(&json!({"type": "message_delta", "delta": delta, "usage": usage}))
            .event(&json!({"type": "message_stop"}))
    }
}

fn say(text: &str) -> Value {
    json!({"type": "text_delta", "text": text})
}

fn arguments_delta(json: &str) -> Value {
    json!({"type": "input_json_delta", "partial_json": json})
}

fn tool_use(id: &str, input: &Value) -> Value {
    json!({"type": "tool_use", "id": id, "name": "f", "input": input})
}

fn text(text: &str) -> ProviderEvent {
    ProviderEvent::Text(text.to_owned())
}

fn started(index: u32, call_id: &str) -> ProviderEvent {
    let call_id = call_id.to_owned();
    ProviderEvent::ToolCallStarted { index, call_id, name: "f".to_owned() }
}

fn arguments(index: u32, delta: &str) -> ProviderEvent {
    ProviderEvent::ToolCallArguments { index, delta: delta.to_owned() }
}

fn finished(reason: FinishReason) -> ProviderEvent {
    ProviderEvent::Finished(reason)
}

#[tokio::test]
async fn a_whole_answer_is_told_in_its_order() {
    let script = start(&json!({"input_tokens": 3, "output_tokens": 1}))
        .event(&json!({"type": "ping"}))
        .block(0, &json!({"type": "thinking", "thinking": "", "signature": ""}))
        .delta_of(0, &json!({"type": "thinking_delta", "thinking": "hm"}))
        .delta_of(0, &json!({"type": "signature_delta", "signature": "s"}))
        .stop(0)
        .block(1, &json!({"type": "text", "text": ""}))
        .delta_of(1, &say("Let me look."))
        .stop(1)
        .block(2, &tool_use("a", &json!({})))
        .delta_of(2, &arguments_delta(""))
        .delta_of(2, &arguments_delta("{\"x\":"))
        .delta_of(2, &arguments_delta("1}"))
        .stop(2)
        .message_end("tool_use", &json!({"output_tokens": 9}));
    let events = events(script).await;
    let ProviderEvent::ReasoningSealed(sealed) = &events[1] else { panic!("{events:?}") };
    assert!(sealed.starts_with("anthropic/") && sealed.ends_with(":signature:s"), "{sealed}");
    let expected = [
        ProviderEvent::Reasoning("hm".to_owned()),
        ProviderEvent::ReasoningSealed(sealed.clone()),
        text("Let me look."),
        started(0, "a"),
        arguments(0, "{\"x\":"),
        arguments(0, "1}"),
        finished(FinishReason::ToolCalls),
        ProviderEvent::Usage(Usage { input_tokens: 3, output_tokens: 9, ..Usage::default() }),
    ];
    assert_eq!(events, expected);
}

#[tokio::test]
async fn calls_are_told_apart_by_their_blocks_and_have_arguments_even_when_there_are_none() {
    let script = UpstreamScript::sse()
        .block(1, &tool_use("a", &json!({})))
        .block(2, &tool_use("b", &json!({"whole": 1})))
        .block(3, &tool_use("c", &json!({})))
        .delta_of(1, &arguments_delta("{"))
        .delta_of(3, &arguments_delta("[]"))
        .delta_of(1, &arguments_delta("}"))
        .stop(1)
        .stop(2)
        .stop(3)
        .block(4, &tool_use("d", &json!({})))
        .message_end("tool_use", &json!({}));
    let expected = [
        started(0, "a"),
        started(1, "b"),
        started(2, "c"),
        arguments(0, "{"),
        arguments(2, "[]"),
        arguments(0, "}"),
        arguments(1, "{\"whole\":1}"),
        started(3, "d"),
        arguments(3, "{}"),
        finished(FinishReason::ToolCalls),
    ];
    assert_eq!(events(script).await, expected);
}

#[tokio::test]
async fn thoughts_of_which_nothing_is_shown_are_sealed_all_the_same() {
    let script = UpstreamScript::sse()
        .block(0, &json!({"type": "thinking", "thinking": "", "signature": ""}))
        .delta_of(0, &json!({"type": "signature_delta", "signature": "si"}))
        .delta_of(0, &json!({"type": "signature_delta", "signature": "g"}))
        .stop(0)
        .block(1, &json!({"type": "redacted_thinking", "data": "d"}))
        .stop(1)
        .block(2, &json!({"type": "thinking", "thinking": "unsigned"}))
        .stop(2)
        .message_end("end_turn", &json!({}));
    let events = events(script).await;
    let tails: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            ProviderEvent::ReasoningSealed(sealed) => sealed.split_once(':').map(|it| it.1),
            _ => None,
        })
        .collect();
    assert_eq!(tails, ["signature:sig", "redacted:d"]);
    assert_eq!(events[2], ProviderEvent::Reasoning("unsigned".to_owned()));
}

#[tokio::test]
async fn every_reason_to_stop_arrives() {
    for (wire, reason) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("pause_turn", FinishReason::Length),
        ("refusal", FinishReason::ContentFilter),
        ("something_new", FinishReason::Stop),
    ] {
        let script = UpstreamScript::sse().delta_of(0, &say("a")).message_end(wire, &Value::Null);
        assert_eq!(events(script).await, [text("a"), finished(reason)], "{wire}");
    }
}

#[tokio::test]
async fn the_prompt_s_total_includes_what_was_cached() {
    let script = start(&json!({
        "input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100,
        "output_tokens": 1, "service_tier": "standard",
    }))
    .delta_of(0, &say("a"))
    .event(&json!({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 4}}))
    .message_end(
        "end_turn",
        &json!({
            "input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100,
            "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 5},
        }),
    );
    let expected = Usage {
        input_tokens: 123,
        cached_tokens: 100,
        cache_write_tokens: 20,
        output_tokens: 9,
        reasoning_tokens: 5,
        estimated: false,
    };
    assert_eq!(events(script).await.last(), Some(&ProviderEvent::Usage(expected)));
}

#[tokio::test]
async fn usage_that_nobody_can_read_does_not_harm_the_answer() {
    for usage in [json!("much"), json!([1]), json!({"input_tokens": "many"})] {
        let script = start(&usage).delta_of(0, &say("a")).message_end("end_turn", &usage);
        assert_eq!(events(script).await, [text("a"), finished(FinishReason::Stop)]);
    }
}

#[tokio::test]
async fn what_a_cut_answer_is_known_to_have_used_is_on_its_trail() {
    let script =
        start(&json!({"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 1}))
            .delta_of(0, &say("a"))
            .cut_fin();
    let upstream = ScriptedUpstream::queue([script]).await.unwrap();
    let request: ChatRequest = hello();
    let trail = request.trail.clone();
    let (_, error) = hear(&provider(options(&upstream)), request).await;
    assert!(matches!(error, Some(ProviderError::Disconnected(_))), "{error:?}");
    let used = Usage { input_tokens: 7, cached_tokens: 4, output_tokens: 1, ..Usage::default() };
    assert_eq!(trail.usage(), Some(used));
}

#[tokio::test]
async fn an_event_without_a_type_is_known_by_its_name() {
    let script = UpstreamScript::sse()
        .body("event: content_block_delta\ndata: {\"index\":0,\"delta\":{\"text\":\"a\"}}\n\n")
        .body("event: message_delta\ndata: {\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n")
        .body("event: message_stop\ndata: {}\n\n");
    assert_eq!(events(script).await, [text("a"), finished(FinishReason::Stop)]);
}

#[tokio::test]
async fn blocks_and_pieces_that_we_never_asked_for_are_passed_over() {
    let script = UpstreamScript::sse()
        .block(0, &json!({"type": "server_tool_use", "id": "s", "name": "web_search"}))
        .delta_of(0, &arguments_delta("{}"))
        .stop(0)
        .block(1, &json!({"type": "web_search_tool_result", "content": [{"x": 1}]}))
        .stop(1)
        .delta_of(2, &json!({"type": "citations_delta", "citation": {"x": 1}}))
        .event(&json!({"type": "something_new", "delta": {"text": "no"}}))
        .delta_of(2, &say("a"))
        .message_end("end_turn", &json!({}));
    assert_eq!(events(script).await, [text("a"), finished(FinishReason::Stop)]);
}

#[tokio::test]
async fn a_call_without_a_name_breaks_the_protocol() {
    let script = UpstreamScript::sse().block(0, &json!({"type": "tool_use", "id": "a"}));
    let (_, error) = heard(script).await;
    assert!(matches!(error, Some(ProviderError::Protocol(_))), "{error:?}");
}

#[tokio::test]
async fn a_signature_without_an_end_is_refused() {
    let mut script = UpstreamScript::sse().block(0, &json!({"type": "thinking"}));
    let piece = json!({"type": "signature_delta", "signature": "s".repeat(600_000)});
    for _ in 0..2 {
        script = script.delta_of(0, &piece);
    }
    let (_, error) = heard(script.message_end("end_turn", &json!({}))).await;
    assert!(matches!(error, Some(ProviderError::Protocol(_))), "{error:?}");
}

#[tokio::test]
async fn the_endpoint_s_errors_have_their_meanings() {
    let body = |kind: &str, message: &str| json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "r"});
    let error = async |status: u16, kind: &str, message: &str| {
        let script = UpstreamScript::json(status, &body(kind, message));
        heard(script.header("retry-after", "3600")).await.1
    };
    let too_long = error(400, "invalid_request_error", "prompt is too long: 9 tokens > 8").await;
    assert!(matches!(too_long, Some(ProviderError::ContextLengthExceeded)), "{too_long:?}");
    let text = "input length and `max_tokens` exceed context limit: 9 + 1 > 8";
    let too_long = error(400, "invalid_request_error", text).await;
    assert!(matches!(too_long, Some(ProviderError::ContextLengthExceeded)), "{too_long:?}");
    let refused = error(413, "request_too_large", "Request exceeds the maximum size").await;
    assert!(matches!(refused, Some(ProviderError::Rejected { status: 413 })), "{refused:?}");
    let overloaded = error(529, "overloaded_error", "Overloaded").await;
    assert!(matches!(overloaded, Some(ProviderError::Unavailable(_))), "{overloaded:?}");
    let unpaid = error(400, "invalid_request_error", "Your credit balance is too low").await;
    assert!(matches!(unpaid, Some(ProviderError::AccountEmpty)), "{unpaid:?}");
    let unpaid = error(402, "billing_error", "x").await;
    assert!(matches!(unpaid, Some(ProviderError::AccountEmpty)), "{unpaid:?}");
}

#[tokio::test]
async fn an_overload_before_the_first_piece_is_tried_again_and_later_ends_the_answer() {
    let overloaded = json!({"type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let before = start(&json!({})).event(&overloaded);
    let whole = UpstreamScript::sse().delta_of(0, &say("a")).message_end("end_turn", &json!({}));
    let after = UpstreamScript::sse().delta_of(0, &say("a")).event(&overloaded);
    let upstream = ScriptedUpstream::queue([before, whole, after]).await.unwrap();
    let provider = provider(options(&upstream));
    let (events, error) = hear(&provider, hello()).await;
    assert!(error.is_none() && events.len() == 2, "{events:?} {error:?}");
    let (events, error) = hear(&provider, hello()).await;
    assert_eq!(events, [text("a")]);
    assert!(matches!(error, Some(ProviderError::Unavailable(_))), "{error:?}");
    assert_eq!(upstream.requests().len(), 3);
}
