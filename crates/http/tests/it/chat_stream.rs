//! The smallest thing that works.

use actix_web::http::{Method, header};
use serde_json::{Value, json};

use crate::stage::{ANNA, Answer, Stage, request};

async fn say(stage: &Stage, body: &Value, accept: &str) -> Answer {
    let request = request(Method::POST, ANNA, "/chat/stream")
        .insert_header((header::ACCEPT, accept))
        .set_json(body);
    stage.send(request).await
}

#[tokio::test]
async fn a_message_is_answered_in_text_and_begins_a_conversation() {
    let stage = Stage::new();
    let first = say(&stage, &json!({"message": "Good morning"}), "*/*").await;
    assert_eq!((first.status, first.text().as_str()), (200, "Good morning"));
    assert_eq!(first.header("content-type"), Some("text/plain; charset=utf-8"));
    let conversation = first.header("x-conversation-id").expect("it names the conversation");
    let response = first.header("x-response-id").expect("it names the answer");
    stage.found(&format!("/v1/responses/{response}")).await;

    let body = json!({"message": "Go on", "conversation_id": conversation});
    let second = say(&stage, &body, "text/plain").await;
    assert_eq!(second.header("x-conversation-id"), Some(conversation));
    let items = stage.found(&format!("/v1/conversations/{conversation}/items?order=asc")).await;
    let texts: Vec<_> =
        items["data"].as_array().unwrap().iter().map(|it| &it["content"][0]["text"]).collect();
    assert_eq!(texts, ["Good morning", "Good morning", "Go on", "Go on"]);
    assert_eq!(stage.found("/v1/conversations").await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn lines_and_events_say_how_the_answer_ended() {
    let stage = Stage::new();
    let body = json!({"message": "One two", "model": "echo"});
    let lines = say(&stage, &body, "application/x-ndjson").await;
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let parsed: Vec<Value> =
        lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed[0], json!({"content": "One ", "is_complete": false}));
    let last = parsed.last().unwrap();
    assert_eq!(last["is_complete"], true);
    assert_eq!(last["status"], "completed");
    assert_eq!(last["conversation_id"].as_str(), lines.header("x-conversation-id"));
    assert_eq!(last["response_id"].as_str(), lines.header("x-response-id"));

    let events = say(&stage, &body, "text/event-stream").await;
    assert_eq!(events.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert!(events.text().starts_with("data: {\"content\":\"One \""), "{}", events.text());
    assert!(events.text().ends_with("data: [DONE]\n\n"), "{}", events.text());
}

#[tokio::test]
async fn a_format_that_is_not_offered_is_refused_before_anything_is_stored() {
    let stage = Stage::new();
    let answer = say(&stage, &json!({"message": "x"}), "application/json").await;
    answer.error(406, "not_acceptable");
    assert_eq!(stage.found("/v1/conversations").await["data"], json!([]));
}

#[tokio::test]
async fn a_model_that_is_not_there_is_named() {
    let stage = Stage::new();
    let answer = say(&stage, &json!({"message": "x", "model": "unheard-of"}), "*/*").await;
    assert_eq!(answer.error(404, "model_not_found"), "model");
}
