//! What a model sees of a history: how much a caller wishes, what the receipt says of it, and what a
//! request would cost.

use std::collections::BTreeSet;

use loquat_testkit::{Script, ScriptedProvider, Step};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::stage::{ANNA, BERT, Stage};

/// Some three hundred tokens.
fn long(word: &str) -> String {
    format!("{word} ").repeat(200)
}

/// A new conversation of Anna's that has these messages of hers, each answered by `echo`.
async fn conversation(stage: &Stage, messages: &[&str]) -> String {
    let id = stage.posted("/v1/conversations", &json!({})).await["id"].take();
    for message in messages {
        stage.posted("/v1/responses", &json!({"input": message, "conversation": id})).await;
    }
    id.as_str().unwrap().to_owned()
}

async fn receipt(stage: &Stage, response: &Value) -> Value {
    let id = response["id"].as_str().unwrap();
    let mut body = stage.found(&format!("/v1/responses/{id}/context")).await;
    assert_eq!((&body["object"], &body["response_id"]), (&json!("response.context"), &json!(id)));
    body["receipt"].take()
}

/// What the model was told by the last call, each item's texts together.
fn told(stage: &Stage) -> Vec<String> {
    let calls = stage.model.calls();
    let input = &calls.last().expect("a call").request.input;
    input.iter().map(|content| content.texts().concat()).collect()
}

/// Checks that an object has exactly the keys that the description gives it, and so on inwards.
fn is_described(document: &Value, schema: &Value, value: &Value, seen: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        seen.insert(name.to_owned());
        return is_described(document, &document["components"]["schemas"][name], value, seen);
    }
    if let Some(either) = schema["oneOf"].as_array() {
        if !value.is_null() {
            let other = either.iter().find(|it| it["type"] != "null").unwrap();
            is_described(document, other, value, seen);
        }
    } else if let Some(properties) = schema["properties"].as_object() {
        let keys = |it: &Value| it.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(value), keys(&schema["properties"]), "{value}");
        let required = schema["required"].as_array().unwrap().len();
        assert_eq!(required, properties.len(), "every key is always there: {schema}");
        for (key, schema) in properties {
            is_described(document, schema, &value[key], seen);
        }
    } else if let Some(entries) = value.as_array() {
        assert_eq!(schema["type"], "array", "{schema}");
        for entry in entries {
            is_described(document, &schema["items"], entry, seen);
        }
    } else {
        let kind = match value {
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            _ => "null",
        };
        let fits = schema["type"] == kind
            || schema["type"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)));
        assert!(fits, "{value} is no {schema}");
    }
}

#[tokio::test]
async fn a_receipt_has_the_form_that_is_described() {
    let document: Value = serde_json::from_str(&loquat_http::openapi_json()).unwrap();
    let schema = json!({"$ref": "#/components/schemas/Receipt"});
    let stage = Stage::new();
    let id = conversation(&stage, &[&long("one"), &long("two"), "three"]).await;
    let mut seen = BTreeSet::new();
    for context in [json!({}), json!({"policy": {"high": 400}}), json!({"policy": {"last": 1}})] {
        let body = json!({"input": "x", "conversation": id, "context": context});
        let response = stage.posted("/v1/responses", &body).await;
        is_described(&document, &schema, &receipt(&stage, &response).await, &mut seen);
    }
    assert!(seen.contains("ReceiptEvicted"), "{seen:?}");
}

#[tokio::test]
async fn the_model_sees_as_many_messages_as_are_asked_for() {
    let stage = Stage::new();
    let id = conversation(&stage, &["one", "two", "three"]).await;
    let body = json!({
        "model": "scripted", "input": "four", "conversation": id,
        "context": {"policy": {"last": 2}},
    });
    let response = stage.posted("/v1/responses", &body).await;
    assert_eq!(told(&stage), ["three", "three", "four"]);
    let receipt = receipt(&stage, &response).await;
    assert_eq!(receipt["whole_history"], false);
    assert_eq!(receipt["window"]["evicted"]["items"], 4);
}

#[tokio::test]
async fn a_pinned_message_is_seen_however_long_ago_it_was_said() {
    let stage = Stage::new();
    let id = conversation(&stage, &["Call me Countess.", &long("two"), &long("three")]).await;
    let items = stage.found(&format!("/v1/conversations/{id}/items?order=asc")).await;
    let pin = &items["data"][0]["id"];
    let ask = |pins: Value| {
        json!({
            "model": "scripted", "input": "four", "conversation": id,
            "context": {"policy": {"last": 1}, "pins": pins},
        })
    };
    stage.posted("/v1/responses", &ask(json!([]))).await;
    assert!(!told(&stage).contains(&"Call me Countess.".to_owned()));
    let response = stage.posted("/v1/responses", &ask(json!([pin]))).await;
    assert_eq!(told(&stage)[0], "Call me Countess.");
    assert_eq!(receipt(&stage, &response).await["pinned"], json!([pin]));
}

#[tokio::test]
async fn what_is_not_there_cannot_be_pinned() {
    let stage = Stage::new();
    let own = conversation(&stage, &["one"]).await;
    let other = conversation(&stage, &["two"]).await;
    let items = stage.found(&format!("/v1/conversations/{other}/items")).await;
    let foreign = items["data"][0]["id"].as_str().unwrap();
    let nobodys = format!("msg_{}", "0".repeat(32));
    for pin in [foreign, &nobodys, "x"] {
        let mut body = json!({"input": "x", "conversation": own, "context": {"pins": [pin]}});
        stage.post(ANNA, "/v1/responses", &body).await.error(404, "item_not_found");
        body["conversation"].take();
        stage.post(ANNA, "/v1/responses", &body).await.error(404, "item_not_found");
    }
}

#[tokio::test]
async fn a_call_of_a_function_cannot_be_pinned_alone() {
    let stage = Stage::new();
    let id = conversation(&stage, &["one"]).await;
    let path = format!("/v1/conversations/{id}/items");
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let output = json!({"type": "function_call_output", "call_id": "c", "output": "o"});
    let items = stage.posted(&path, &json!({"items": [call, output]})).await;
    let body = json!({
        "input": "x", "conversation": id, "context": {"pins": [items["data"][0]["id"]]},
    });
    let answer = stage.post(ANNA, "/v1/responses", &body).await;
    assert_eq!(answer.error(400, "invalid_value"), "context.pins");
}

#[tokio::test]
async fn what_is_wrong_with_a_wish_is_named() {
    let stage = Stage::new();
    for (context, code, param) in [
        (json!({"policy": "frugal"}), "invalid_value", "context.policy"),
        (json!({"policy": 7}), "invalid_type", "context.policy"),
        (json!({"policy": {"high": 10, "low": 11}}), "invalid_value", "context.policy.low"),
        (json!({"policy": {"last": 0}}), "invalid_value", "context.policy.last"),
        (json!({"policy": {"last": 1, "recall": 9}}), "invalid_value", "context.policy.recall"),
        (json!({"policy": {"high": -1}}), "invalid_value", "context.policy.high"),
        (json!({"policy": {"high": "9"}}), "invalid_type", "context.policy.high"),
        (json!({"policy": {"hgih": 9}}), "unknown_parameter", "context.policy.hgih"),
        (json!({"pins": vec!["x"; 17]}), "invalid_value", "context.pins"),
        (json!({"pins": "msg_1"}), "invalid_type", "context.pins"),
        (json!({"window": 9}), "unknown_parameter", "context.window"),
    ] {
        let body = json!({"input": "x", "context": context});
        for path in ["/v1/responses", "/v1/responses/input_tokens"] {
            let named = stage.post(ANNA, path, &body).await.error(400, code);
            assert_eq!(named, param, "{path} {context}");
        }
    }
    assert_eq!(stage.found("/v1/conversations").await["data"], json!([]));
}

#[tokio::test]
async fn a_history_that_may_not_be_cut_is_refused_when_it_does_not_fit() {
    let stage = Stage::new();
    let messages: Vec<String> = (0..8).map(|_| long("again")).collect();
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let id = conversation(&stage, &messages).await;
    let ask =
        |truncation: &str| json!({"input": "x", "conversation": id, "truncation": truncation});
    for path in ["/v1/responses", "/v1/responses/input_tokens"] {
        let refused = stage.post(ANNA, path, &ask("disabled")).await;
        assert_eq!(refused.error(400, "context_length_exceeded"), "input");
        stage.posted(path, &ask("auto")).await;
    }
}

#[tokio::test]
async fn what_a_request_would_cost_is_what_it_costs_and_asking_changes_nothing() {
    let stage = Stage::new();
    let id = conversation(&stage, &["one", &long("two")]).await;
    let items = format!("/v1/conversations/{id}/items");
    let before = stage.found(&items).await;
    let tool = json!({"type": "function", "name": "look", "parameters": {"type": "object"}});
    let body = json!({
        "model": "scripted", "input": "three", "conversation": id, "instructions": "Be brief.",
        "tools": [tool], "context": {"policy": "economy"},
    });
    let told = stage.posted("/v1/responses/input_tokens", &body).await;
    assert_eq!(told["object"], "response.input_tokens");
    assert_eq!(told["input_tokens"], told["receipt"]["budget"]["used"]);
    assert_eq!(stage.model.calls().len(), 0, "no model is asked");
    assert_eq!(stage.found(&items).await, before, "nothing is stored");
    let response = stage.posted("/v1/responses", &body).await;
    assert_eq!(receipt(&stage, &response).await, told["receipt"]);
}

#[tokio::test]
async fn what_a_history_costs_can_be_asked_without_a_new_item() {
    let stage = Stage::new();
    let id = conversation(&stage, &["one"]).await;
    let told = stage.posted("/v1/responses/input_tokens", &json!({"conversation": id})).await;
    assert_eq!(told["receipt"]["whole_history"], true);
    let nothing = stage.posted("/v1/responses/input_tokens", &json!({})).await;
    assert_eq!(nothing["input_tokens"], 0);
}

#[tokio::test]
async fn what_a_request_would_cost_can_be_asked_while_a_turn_runs() {
    let goes_on = CancellationToken::new();
    let waits = goes_on.clone();
    let slow = ScriptedProvider::answering(move |_| {
        Script::new([Step::Until(waits.clone())]).then(Step::StallForever)
    });
    let stage = Stage::with_model(slow);
    let id = conversation(&stage, &["one"]).await;
    let running =
        json!({"model": "scripted", "input": "two", "conversation": id, "background": true});
    stage.posted("/v1/responses", &running).await;
    let ask = json!({"input": "three", "conversation": id});
    stage.post(ANNA, "/v1/responses", &ask).await.error(409, "conversation_locked");
    stage.posted("/v1/responses/input_tokens", &ask).await;
    goes_on.cancel();
}

#[tokio::test]
async fn asking_for_the_cost_follows_the_rules_of_asking() {
    let stage = Stage::new();
    let path = "/v1/responses/input_tokens";
    let answer = stage.post(ANNA, path, &json!({"input": "x", "usage": {}})).await;
    assert_eq!(answer.error(400, "unknown_parameter"), "usage");
    let answer = stage.post(ANNA, path, &json!({"input": "x", "prompt": {"id": "p"}})).await;
    assert_eq!(answer.error(400, "unsupported_parameter"), "prompt");
    let answer = stage.post(ANNA, path, &json!({"input": "x", "temperature": 3})).await;
    assert_eq!(answer.error(400, "invalid_value"), "temperature");
    let answer = stage.post(ANNA, path, &json!({"input": "x", "model": "gpt-9"})).await;
    assert_eq!(answer.error(404, "model_not_found"), "model");
}

#[tokio::test]
async fn the_receipt_of_an_answer_that_was_not_stored_is_nowhere() {
    let stage = Stage::new();
    let response = stage.posted("/v1/responses", &json!({"input": "x", "store": false})).await;
    let path = format!("/v1/responses/{}/context", response["id"].as_str().unwrap());
    for token in [ANNA, BERT] {
        stage.get(token, &path).await.error(404, "response_not_found");
    }
}
