//! The response object, key by key.

use loquat_domain::Usage;
use loquat_provider::{FinishReason, ProviderEvent};
use loquat_testkit::{Script, ScriptedProvider};
use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn a_response_to_a_bare_question_has_every_key_with_its_default() {
    let stage = Stage::new();
    let body = json!({"input": "Hi", "model": "scripted"});
    let mut answer = stage.posted("/v1/responses", &body).await;
    assert!(answer["id"].take().as_str().unwrap().starts_with("resp_"));
    assert!(answer["output"][0]["id"].take().as_str().unwrap().starts_with("msg_"));
    let expected = json!({
        "id": null,
        "object": "response",
        "created_at": 1_756_684_800,
        "completed_at": 1_756_684_800,
        "status": "completed",
        "background": false,
        "incomplete_details": null,
        "error": null,
        "conversation": null,
        "previous_response_id": null,
        "model": "scripted",
        "instructions": null,
        "output": [{
            "type": "message", "id": null, "status": "completed", "role": "assistant",
            "content": [{
                "type": "output_text", "text": "Once upon.", "annotations": [], "logprobs": [],
            }],
        }],
        "usage": {
            "input_tokens": 0,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 2,
            "estimated": false,
        },
        "max_output_tokens": null,
        "max_tool_calls": null,
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": true,
        "text": {"format": {"type": "text"}},
        "reasoning": {"effort": null, "summary": null},
        "truncation": "auto",
        "temperature": 1.0,
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "top_logprobs": 0,
        "store": true,
        "service_tier": "default",
        "metadata": {},
        "safety_identifier": null,
        "prompt_cache_key": null,
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn a_response_echoes_what_was_asked() {
    let script = |_: &_| {
        let usage = Usage {
            input_tokens: 90,
            cached_tokens: 40,
            cache_write_tokens: 30,
            output_tokens: 9,
            reasoning_tokens: 5,
            estimated: false,
        };
        Script::events([
            ProviderEvent::Reasoning("Hm.".to_owned()),
            ProviderEvent::Text("{}".to_owned()),
            ProviderEvent::Finished(FinishReason::Length),
            ProviderEvent::Usage(usage),
        ])
    };
    let stage = Stage::with_model(ScriptedProvider::answering(script));
    let conversation = stage.posted("/v1/conversations", &json!({})).await;
    let parameters = json!({"type": "object", "properties": {"z": {}, "a": {}}});
    let echoed = json!({
        "model": "scripted", "instructions": "Be brief.", "max_output_tokens": 16,
        "temperature": 0.5, "top_p": 0.25, "presence_penalty": 1.5, "frequency_penalty": -1.5,
        "parallel_tool_calls": false, "truncation": "disabled", "metadata": {"a": "b"},
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_schema", "name": "n", "description": null,
            "schema": {"type": "object"}, "strict": true}},
        "reasoning": {"effort": "low", "summary": null},
    });
    let mut body = echoed.clone();
    body["input"] = json!("Hi");
    body["conversation"] = json!({"id": conversation["id"]});
    body["tools"] = json!([
        {"type": "function", "name": "f", "parameters": parameters},
        {"type": "function", "name": "g", "description": "d", "parameters": null, "strict": false},
    ]);
    let answer = stage.posted("/v1/responses", &body).await;
    for (key, value) in echoed.as_object().unwrap() {
        assert_eq!(&answer[key], value, "{key}");
    }
    assert_eq!(answer["conversation"], json!({"id": conversation["id"]}));
    let tools = json!([
        {"type": "function", "name": "f", "description": null, "parameters": parameters,
            "strict": null},
        {"type": "function", "name": "g", "description": "d", "parameters": null, "strict": false},
    ]);
    assert_eq!(answer["tools"], tools);
    assert_eq!(answer["status"], "incomplete");
    assert_eq!(answer["incomplete_details"], json!({"reason": "max_output_tokens"}));
    let usage = json!({
        "input_tokens": 90,
        "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 30},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 99,
        "estimated": false,
    });
    assert_eq!(answer["usage"], usage);
    assert_eq!(answer["output"][0]["type"], "reasoning");
    assert_eq!(answer["output"][0]["summary"], json!([]));
    let thoughts = json!([{"type": "reasoning_text", "text": "Hm."}]);
    assert_eq!(answer["output"][0]["content"], thoughts);
}
