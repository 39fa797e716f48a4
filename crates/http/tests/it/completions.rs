//! Chat completions.

use loquat_domain::{ItemContent, Role};
use loquat_provider::{FinishReason, ProviderError, ProviderEvent};
use loquat_testkit::{Script, ScriptedProvider, Step};
use serde_json::{Value, json};

use crate::stage::{ANNA, Stage};

fn ask(content: &str) -> Value {
    json!({"model": "scripted", "messages": [{"role": "user", "content": content}]})
}

#[tokio::test]
async fn a_whole_completion_has_these_keys_and_no_others() {
    let stage = Stage::new();
    let mut answer = stage.posted("/v1/chat/completions", &ask("Hi")).await;
    let id = answer["id"].take();
    assert!(id.as_str().unwrap().starts_with("chatcmpl-"), "{id}");
    let expected = json!({
        "id": null, "object": "chat.completion", "created": 1_756_684_800, "model": "scripted",
        "choices": [{
            "index": 0, "logprobs": null, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Once upon.", "refusal": null},
        }],
        "usage": {
            "prompt_tokens": 0, "completion_tokens": 2, "total_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn nothing_of_a_completion_is_stored() {
    let stage = Stage::new();
    let answer = stage.posted("/v1/chat/completions", &ask("Hi")).await;
    let id = answer["id"].as_str().unwrap().replace("chatcmpl-", "resp_");
    stage.get(ANNA, &format!("/v1/responses/{id}")).await.error(404, "response_not_found");
    assert_eq!(stage.found("/v1/conversations").await["data"], json!([]));
}

#[tokio::test]
async fn messages_reach_the_model_in_place() {
    let stage = Stage::new();
    let body = json!({
        "model": "scripted",
        "messages": [
            {"role": "user", "content": "first"},
            {"role": "system", "content": "between"},
            {"role": "assistant", "content": "said", "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "c", "content": "out"},
        ],
        "stop": "END", "seed": 7, "max_tokens": 5, "reasoning_effort": "minimal",
        "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required",
        "response_format": {"type": "json_object"},
    });
    stage.posted("/v1/chat/completions", &body).await;
    let asked = stage.model.calls().remove(0).request;
    let roles: Vec<_> = asked.input.iter().map(ItemContent::role).collect();
    let expected = [Some(Role::User), Some(Role::System), Some(Role::Assistant), None, None];
    assert_eq!(roles, expected);
    assert_eq!(asked.settings.stop, ["END"]);
    assert_eq!(asked.settings.sampling.seed, Some(7));
    assert_eq!(asked.settings.max_output_tokens, Some(5));
    assert_eq!(asked.settings.text_format, loquat_domain::TextFormat::JsonObject);
    assert_eq!(asked.settings.tool_choice, loquat_domain::ToolChoice::Required);
}

#[tokio::test]
async fn function_calls_thoughts_and_refusals_have_their_places() {
    let script = |_: &_| {
        Script::events([
            ProviderEvent::Reasoning("Hm.".to_owned()),
            ProviderEvent::Refusal("I will not.".to_owned()),
            ProviderEvent::ToolCallStarted {
                index: 0,
                call_id: "c1".to_owned(),
                name: "f".to_owned(),
            },
            ProviderEvent::ToolCallArguments { index: 0, delta: "{\"a\":1}".to_owned() },
            ProviderEvent::Finished(FinishReason::ToolCalls),
        ])
    };
    let stage = Stage::with_model(ScriptedProvider::answering(script));
    let answer = stage.posted("/v1/chat/completions", &ask("Hi")).await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let expected = json!({
        "role": "assistant", "content": null, "refusal": "I will not.", "reasoning_content": "Hm.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
        ],
    });
    assert_eq!(choice["message"], expected);
}

#[tokio::test]
async fn every_end_has_its_reason_or_is_an_error() {
    let said = || Step::Event(ProviderEvent::Text("x".to_owned()));
    let finish = |reason| Step::Event(ProviderEvent::Finished(reason));
    for (end, reason) in
        [(FinishReason::Length, "length"), (FinishReason::ContentFilter, "content_filter")]
    {
        let script = Script::new([said(), finish(end)]);
        let stage = Stage::with_model(ScriptedProvider::queue([script]));
        let answer = stage.posted("/v1/chat/completions", &ask("Hi")).await;
        assert_eq!(answer["choices"][0]["finish_reason"], reason);
    }
    for (script, status, code) in [
        (Script::new([said()]), 502, "upstream_disconnected"),
        (
            Script::new([said(), Step::Fail(ProviderError::IdleTimeout)]),
            504,
            "provider_idle_timeout",
        ),
        (Script::refusal(ProviderError::Rejected { status: 400 }), 400, "provider_rejected"),
    ] {
        let stage = Stage::with_model(ScriptedProvider::queue([script]));
        stage.post(ANNA, "/v1/chat/completions", &ask("Hi")).await.error(status, code);
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_usage_when_that_is_asked_for() {
    let stage = Stage::new();
    let mut body = ask("Hi");
    body["stream"] = json!(true);
    let plain = stage.post(ANNA, "/v1/chat/completions", &body).await.text();
    assert!(plain.ends_with("data: [DONE]\n\n") && !plain.contains("usage"), "{plain}");
    body["stream_options"] = json!({"include_usage": true});
    let counted = stage.post(ANNA, "/v1/chat/completions", &body).await.text();
    assert!(counted.contains("\"completion_tokens\":2"), "{counted}");
}

#[tokio::test]
async fn a_prompt_that_cannot_fit_is_refused_by_the_name_of_its_field() {
    let stage = Stage::new();
    let answer = stage.post(ANNA, "/v1/chat/completions", &ask(&"word ".repeat(20_000))).await;
    assert_eq!(answer.error(400, "context_length_exceeded"), "messages");
}
