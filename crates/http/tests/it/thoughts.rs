//! Thoughts of which a provider tells a summary, or nothing that anybody can read.

use loquat_domain::{ItemContent, Reasoning};
use loquat_provider::{FinishReason, ProviderEvent};
use loquat_testkit::{ResponsesStreamChecker, Script, ScriptedProvider};
use serde_json::{Value, json};

use crate::stage::{ANNA, Stage};

/// A stage whose model thinks in two parts, seals that, and answers.
fn stage() -> Stage {
    let piece =
        |part, delta: &str| ProviderEvent::ReasoningSummary { part, delta: delta.to_owned() };
    Stage::with_model(ScriptedProvider::answering(move |_| {
        Script::events([
            piece(0, "First "),
            piece(0, "this."),
            piece(1, "Then that."),
            ProviderEvent::ReasoningSealed("sealed-thoughts".to_owned()),
            ProviderEvent::Text("Four.".to_owned()),
            ProviderEvent::Finished(FinishReason::Stop),
        ])
    }))
}

fn summary() -> Value {
    json!([
        {"type": "summary_text", "text": "First this."},
        {"type": "summary_text", "text": "Then that."},
    ])
}

#[tokio::test]
async fn a_summary_is_told_part_by_part_before_the_answer() {
    let stage = stage();
    let body = json!({"model": "scripted", "input": "2+2?", "stream": true});
    let answer = stage.post(ANNA, "/v1/responses", &body).await;
    let stream = ResponsesStreamChecker::check(&answer.body).unwrap();
    assert_eq!((stream.text.as_str(), stream.status.as_str()), ("Four.", "completed"));
    let told = |event: &Value| {
        let kind = event["type"].as_str().unwrap().to_owned();
        (kind, event["summary_index"].as_u64())
    };
    let told: Vec<_> = stream.events.iter().map(told).collect();
    let told: Vec<_> = told.iter().map(|(kind, at)| (kind.as_str(), *at)).collect();
    let expected = [
        ("response.output_item.added", None),
        ("response.reasoning_summary_part.added", Some(0)),
        ("response.reasoning_summary_text.delta", Some(0)),
        ("response.reasoning_summary_text.delta", Some(0)),
        ("response.reasoning_summary_text.done", Some(0)),
        ("response.reasoning_summary_part.done", Some(0)),
        ("response.reasoning_summary_part.added", Some(1)),
        ("response.reasoning_summary_text.delta", Some(1)),
        ("response.reasoning_summary_text.done", Some(1)),
        ("response.reasoning_summary_part.done", Some(1)),
        ("response.output_item.done", None),
    ];
    assert_eq!(told[2..13], expected);
    let item = &stream.events[12]["item"];
    assert_eq!(item["summary"], summary());
    assert_eq!(item["encrypted_content"], "sealed-thoughts");
    assert_eq!(&stream.response["output"][0], item);
}

#[tokio::test]
async fn thoughts_that_are_sent_back_reach_the_model_as_they_were_sealed() {
    let stage = stage();
    let first = stage.posted("/v1/responses", &json!({"model": "scripted", "input": "2+2?"})).await;
    let thoughts = &first["output"][0];
    assert_eq!(thoughts["type"], "reasoning");
    assert_eq!(thoughts["summary"], summary());
    let mut input = vec![json!({"role": "user", "content": "2+2?"})];
    input.extend(first["output"].as_array().unwrap().clone());
    input.push(json!({"role": "user", "content": "And 3+3?"}));
    let body = json!({
        "model": "scripted", "input": input, "store": false,
        "include": ["reasoning.encrypted_content"],
    });
    stage.posted("/v1/responses", &body).await;
    let asked = stage.model.calls().pop().unwrap().request;
    let thought = asked.input.iter().find_map(|item| match item {
        ItemContent::Reasoning(reasoning) => Some(reasoning.clone()),
        _ => None,
    });
    let expected = Reasoning {
        text: String::new(),
        summary: vec!["First this.".to_owned(), "Then that.".to_owned()],
        encrypted: Some("sealed-thoughts".to_owned()),
    };
    assert_eq!(thought, Some(expected));
}

#[tokio::test]
async fn chat_completions_show_a_summary_as_thoughts() {
    let stage = stage();
    let mut body = json!({"model": "scripted", "messages": [{"role": "user", "content": "2+2?"}]});
    let whole = stage.posted("/v1/chat/completions", &body).await;
    let message = &whole["choices"][0]["message"];
    assert_eq!(message["reasoning_content"], "First this.Then that.");
    assert_eq!(message["content"], "Four.");
    assert!(!whole.to_string().contains("sealed"), "{whole}");
    body["stream"] = json!(true);
    let chunks = stage.post(ANNA, "/v1/chat/completions", &body).await;
    let thoughts: String = chunks
        .frames()
        .iter()
        .filter_map(|frame| serde_json::from_str::<Value>(frame.strip_prefix("data: ")?).ok())
        .filter_map(|chunk| {
            let thought = chunk["choices"][0]["delta"]["reasoning_content"].as_str()?;
            Some(thought.to_owned())
        })
        .collect();
    assert_eq!(thoughts, "First this.Then that.");
    let bare =
        stage.post(ANNA, "/chat/stream", &json!({"model": "scripted", "message": "x"})).await;
    assert_eq!(bare.text(), "Four.");
}
