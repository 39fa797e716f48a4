//! Fields that a caller may not set, and fields that are let through.

use serde_json::{Value, json};

use crate::stage::{ANNA, Stage, all_powerful};

/// What only the server sets (R05).
const SERVER_OWNED: [&str; 14] = [
    "tenant_id",
    "user_id",
    "id",
    "role",
    "status",
    "created_at",
    "updated_at",
    "usage",
    "seq",
    "object",
    "output",
    "base_url",
    "api_key",
    "headers",
];

/// Everything that makes or changes something, with a body that would succeed.
async fn writes(stage: &Stage) -> Vec<(String, Value)> {
    let conversation = stage.posted("/v1/conversations", &json!({})).await;
    let path = format!("/v1/conversations/{}", conversation["id"].as_str().unwrap());
    vec![
        ("/v1/responses".to_owned(), json!({"input": "Hi", "model": "scripted"})),
        (
            "/v1/chat/completions".to_owned(),
            json!({"messages": [{"role": "user", "content": "Hi"}], "model": "scripted"}),
        ),
        ("/chat/stream".to_owned(), json!({"message": "Hi", "model": "scripted"})),
        ("/v1/conversations".to_owned(), json!({"title": "New"})),
        (format!("{path}/items"), json!({"items": [{"role": "user", "content": "x"}]})),
        (path, json!({"title": "Changed"})),
        ("/v1/route".to_owned(), json!({"input": "Hi"})),
        ("/v1/admin/revocations".to_owned(), json!({"token_id": "t"})),
    ]
}

#[tokio::test]
async fn what_only_the_server_sets_is_refused_and_nothing_happens() {
    let stage = Stage::new();
    let (admin, writes) = (all_powerful(ANNA), writes(&stage).await);
    let before = stage.found("/v1/conversations").await;
    for (path, body) in &writes {
        for field in SERVER_OWNED {
            let mut body = body.clone();
            body[field] = json!("mine");
            let param = stage.post(&admin, path, &body).await.error(400, "unknown_parameter");
            assert_eq!(param, field, "{path}");
        }
    }
    assert_eq!(stage.found("/v1/conversations").await, before);
    assert_eq!(stage.model.calls().len(), 0);
    for (path, body) in &writes {
        assert_eq!(stage.post(&admin, path, body).await.status, 200, "{path} succeeds as it is");
    }
}

#[tokio::test]
async fn what_is_harmless_is_ignored() {
    let stage = Stage::new();
    let harmless = json!({
        "user": "u", "safety_identifier": "s", "prompt_cache_key": "k",
        "prompt_cache_retention": "24h", "service_tier": "flex", "brand_new_field": {"a": [1]},
        "stream_options": {"include_obfuscation": false},
    });
    let responses = json!({
        "input": "Hi", "background": false, "top_logprobs": 0, "max_tool_calls": null,
        "prompt": null, "context_management": [], "include": ["reasoning.encrypted_content"],
        "text": {"verbosity": "medium"}, "reasoning": {"summary": "auto"},
    });
    let completions = json!({
        "messages": [{"role": "user", "content": "Hi"}], "n": 1, "store": true, "logprobs": false,
        "metadata": {"a": "b"}, "modalities": ["text"], "logit_bias": {}, "audio": null,
    });
    for (path, mut body) in [("/v1/responses", responses), ("/v1/chat/completions", completions)] {
        let body_fields = body.as_object_mut().unwrap();
        body_fields.extend(harmless.as_object().unwrap().clone());
        stage.posted(path, &body).await;
    }
}

#[tokio::test]
async fn what_would_change_the_answer_and_cannot_be_honoured_is_refused() {
    let stage = Stage::new();
    let file = json!([{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]);
    let audio = json!([{"role": "user", "content": [{"type": "input_audio"}]}]);
    for (path, field, value, param) in [
        ("/v1/responses", "top_logprobs", json!(3), "top_logprobs"),
        ("/v1/responses", "max_tool_calls", json!(2), "max_tool_calls"),
        ("/v1/responses", "prompt", json!({"id": "p"}), "prompt"),
        ("/v1/responses", "context_management", json!([{}]), "context_management"),
        ("/v1/responses", "tools", json!([{"type": "web_search"}]), "tools[0].type"),
        ("/v1/responses", "tool_choice", json!({"type": "allowed_tools"}), "tool_choice.type"),
        ("/v1/responses", "text", json!({"verbosity": "low"}), "text.verbosity"),
        ("/v1/responses", "text", json!({"format": {"type": "grammar"}}), "text.format.type"),
        ("/v1/responses", "include", json!(["message.output_text.logprobs"]), "include"),
        ("/v1/responses", "input", file, "input[0].content[0].type"),
        ("/v1/responses", "input", json!([{"type": "item_reference"}]), "input[0].type"),
        ("/v1/chat/completions", "n", json!(2), "n"),
        ("/v1/chat/completions", "logprobs", json!(true), "logprobs"),
        ("/v1/chat/completions", "top_logprobs", json!(1), "top_logprobs"),
        ("/v1/chat/completions", "modalities", json!(["text", "audio"]), "modalities"),
        ("/v1/chat/completions", "prediction", json!({}), "prediction"),
        ("/v1/chat/completions", "web_search_options", json!({}), "web_search_options"),
        ("/v1/chat/completions", "logit_bias", json!({"50256": -100}), "logit_bias"),
        ("/v1/chat/completions", "messages", audio, "messages[0].content[0].type"),
    ] {
        let mut body = match path {
            "/v1/responses" => json!({"input": "Hi"}),
            _ => json!({"messages": [{"role": "user", "content": "Hi"}]}),
        };
        body[field] = value;
        let named = stage.post(ANNA, path, &body).await.error(400, "unsupported_parameter");
        assert_eq!(named, param, "{body}");
    }
}

#[tokio::test]
async fn a_field_that_no_strict_body_has_is_named() {
    let stage = Stage::new();
    let answer = stage.post(ANNA, "/chat/stream", &json!({"message": "x", "colour": 1})).await;
    assert_eq!(answer.error(400, "unknown_parameter"), "colour");
    let body = json!({"input": "x", "conversation": {"id": "conv_1", "before": null}});
    let answer = stage.post(ANNA, "/v1/responses", &body).await;
    assert_eq!(answer.error(400, "unknown_parameter"), "conversation.before");
}

#[tokio::test]
async fn a_value_out_of_range_is_named() {
    let stage = Stage::new();
    let long = "x".repeat(65);
    let pairs: serde_json::Map<_, _> =
        (0..17).map(|number| (number.to_string(), json!("v"))).collect();
    for (path, field, value, param) in [
        ("/v1/responses", "temperature", json!(2.1), "temperature"),
        ("/v1/responses", "temperature", json!(-0.1), "temperature"),
        ("/v1/responses", "top_p", json!(1.5), "top_p"),
        ("/v1/responses", "presence_penalty", json!(-2.5), "presence_penalty"),
        ("/v1/responses", "frequency_penalty", json!(2.5), "frequency_penalty"),
        ("/v1/responses", "max_output_tokens", json!(15), "max_output_tokens"),
        ("/v1/responses", "max_output_tokens", json!(-1), "max_output_tokens"),
        ("/v1/responses", "metadata", json!(pairs), "metadata"),
        ("/v1/responses", "metadata", json!({(long.clone()): "v"}), "metadata"),
        ("/v1/responses", "metadata", json!({"k": "v".repeat(513)}), "metadata"),
        ("/v1/responses", "include", json!(["everything"]), "include"),
        ("/v1/responses", "truncation", json!("maybe"), "truncation"),
        ("/v1/responses", "reasoning", json!({"effort": "huge"}), "reasoning.effort"),
        ("/v1/responses", "tool_choice", json!("perhaps"), "tool_choice"),
        (
            "/v1/responses",
            "tool_choice",
            json!({"type": "function", "name": "missing"}),
            "tool_choice",
        ),
        ("/v1/responses", "tools", json!([{"type": "function", "name": long}]), "tools[0].name"),
        (
            "/v1/responses",
            "tools",
            json!([{"type": "function", "name": "f", "parameters": 3}]),
            "tools[0].parameters",
        ),
        (
            "/v1/responses",
            "text",
            json!({"format": {"type": "json_schema", "name": "", "schema": {}}}),
            "text.format.name",
        ),
        ("/v1/responses", "input", json!("x".repeat(256 * 1024 + 1)), "input"),
        ("/v1/chat/completions", "max_tokens", json!(0), "max_tokens"),
        ("/v1/chat/completions", "max_completion_tokens", json!(0), "max_completion_tokens"),
        ("/v1/chat/completions", "stop", json!(["a", "b", "c", "d", "e"]), "stop"),
        ("/v1/chat/completions", "stop", json!([""]), "stop"),
        ("/v1/chat/completions", "messages", json!([]), "messages"),
        (
            "/v1/chat/completions",
            "messages",
            json!([{"role": "user", "content": "x".repeat(256 * 1024 + 1)}]),
            "messages",
        ),
        ("/chat/stream", "message", json!(""), "message"),
        ("/chat/stream", "message", json!("x".repeat(256 * 1024 + 1)), "message"),
        ("/v1/conversations", "title", json!(""), "title"),
        ("/v1/conversations", "title", json!("x".repeat(257)), "title"),
    ] {
        let mut body = match path {
            "/v1/responses" => json!({"input": "Hi"}),
            "/v1/chat/completions" => json!({"messages": [{"role": "user", "content": "Hi"}]}),
            _ => json!({}),
        };
        body[field] = value;
        let named = stage.post(ANNA, path, &body).await.error(400, "invalid_value");
        assert_eq!(named, param, "{path} {field}");
    }
    assert_eq!(stage.found("/v1/conversations").await["data"], json!([]), "nothing was stored");
}

#[tokio::test]
async fn a_field_that_must_be_there_is_named() {
    let stage = Stage::new();
    for (path, body, param) in [
        ("/v1/responses", json!({}), "input"),
        ("/v1/responses", json!({"input": null}), "input"),
        ("/v1/responses", json!({"input": [{"content": "x"}]}), "input[0].role"),
        ("/v1/responses", json!({"input": "x", "tools": [{"type": "function"}]}), "tools[0].name"),
        ("/v1/responses", json!({"input": "x", "tools": [{"name": "f"}]}), "tools[0].type"),
        ("/v1/chat/completions", json!({}), "messages"),
        ("/v1/chat/completions", json!({"messages": [{"content": "x"}]}), "messages[0].role"),
        ("/chat/stream", json!({}), "message"),
    ] {
        let answer = stage.post(ANNA, path, &body).await;
        assert_eq!(answer.error(400, "missing_required_parameter"), param, "{path} {body}");
    }
}

#[tokio::test]
async fn two_ways_to_go_on_exclude_each_other() {
    let stage = Stage::new();
    let body = json!({"input": "x", "conversation": "conv_1", "previous_response_id": "resp_1"});
    let answer = stage.post(ANNA, "/v1/responses", &body).await;
    assert_eq!(answer.error(400, "invalid_value"), "previous_response_id");
}
