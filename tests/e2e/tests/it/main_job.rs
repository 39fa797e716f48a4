//! The main job: a message in, the answer out as it is produced, and a conversation that goes on.

use loquat_testkit::{Gate, ScriptedUpstream, UpstreamScript};
use serde_json::{Value, json};

use crate::harness::{Client, Config, Format, Home, Request, SOON, Server};

/// What the provider says, and what must be shown before it says the next.
const PIECES: [&str; 4] = ["Alpha ", "beta ", "gamma ", "delta"];

struct Started {
    upstream: ScriptedUpstream,
    _home: Home,
    _server: Server,
    client: Client,
}

async fn started(upstream: ScriptedUpstream) -> Started {
    let home = Home::new(Config::scripted(&upstream));
    let server = home.serve().await;
    let client = home.client(&server).await;
    Started { upstream, _home: home, _server: server, client }
}

async fn answering<const N: usize>(answers: [&str; N]) -> Started {
    let scripts = answers.map(|answer| UpstreamScript::answer([answer]));
    started(ScriptedUpstream::queue(scripts).await.unwrap()).await
}

/// The provider says a piece only after the client has read the one before. A server, an encoder or
/// a socket that holds anything back would wait for ever.
async fn each_piece_is_shown_before_the_next_is_said(format: Format) {
    let gate = Gate::default();
    let mut script = UpstreamScript::sse().role();
    for piece in PIECES {
        script = script.wait(&gate).text(piece);
    }
    let script = script.wait(&gate).finish("stop").usage(10, 4).done();
    let started = started(ScriptedUpstream::always(script).await.unwrap()).await;
    let mut exchange = started.client.send(&format.ask("Hi")).await;
    assert!(started.upstream.wait_for_requests(1, SOON).await, "the provider was never asked");
    gate.open();
    exchange.read_head().await;
    assert_eq!(exchange.status(), 200);
    assert_eq!(exchange.header("cache-control"), Some("no-cache"));
    assert_eq!(exchange.header("x-accel-buffering"), Some("no"));
    assert_eq!(exchange.header("content-encoding"), None);
    for piece in PIECES {
        // A piece's word is in no other piece, and no format breaks it up.
        exchange.read_until(piece.trim_end()).await;
        gate.open();
    }
    assert_eq!(format.read(exchange).await.text, PIECES.concat());
}

#[tokio::test]
async fn text_is_shown_piece_by_piece() {
    each_piece_is_shown_before_the_next_is_said(Format::Text).await;
}

#[tokio::test]
async fn lines_of_json_are_shown_piece_by_piece() {
    each_piece_is_shown_before_the_next_is_said(Format::Lines).await;
}

#[tokio::test]
async fn server_sent_events_are_shown_piece_by_piece() {
    each_piece_is_shown_before_the_next_is_said(Format::ChatEvents).await;
}

#[tokio::test]
async fn response_events_are_shown_piece_by_piece() {
    each_piece_is_shown_before_the_next_is_said(Format::Responses).await;
}

#[tokio::test]
async fn completion_chunks_are_shown_piece_by_piece() {
    each_piece_is_shown_before_the_next_is_said(Format::Completions).await;
}

/// Role and text of each message that the provider was sent with a request.
fn sent(upstream: &ScriptedUpstream, request: usize) -> Vec<(String, String)> {
    let body = upstream.requests()[request].json();
    let messages = body["messages"].as_array().unwrap().iter();
    let text = |message: &Value| match &message["content"] {
        Value::String(text) => text.clone(),
        parts => parts[0]["text"].as_str().unwrap().to_owned(),
    };
    messages.map(|message| (message["role"].as_str().unwrap().to_owned(), text(message))).collect()
}

fn said(messages: &[(&str, &str)]) -> Vec<(String, String)> {
    messages.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).collect()
}

#[tokio::test]
async fn a_chat_goes_on_and_the_model_gets_its_stored_history() {
    let started = answering(["Hello Ada.", "Ada."]).await;
    let mut first = started.client.open(&Format::Text.ask("I am Ada.")).await;
    assert!(first.read_to_end().await);
    let conversation = first.header("x-conversation-id").expect("the header that names it");
    let body = json!({"message": "Who am I?", "conversation_id": conversation});
    let second = started.client.post("/chat/stream", body).await;
    assert_eq!(second.text(), "Ada.");
    let history = [("user", "I am Ada."), ("assistant", "Hello Ada."), ("user", "Who am I?")];
    assert_eq!(sent(&started.upstream, 1), said(&history));
    let items = started.client.items(conversation).await;
    assert_eq!(items, said(&[&history[..], &[("assistant", "Ada.")]].concat()));
}

#[tokio::test]
async fn a_chain_of_responses_gives_the_model_all_that_came_before() {
    let started = answering(["One.", "Two.", "Three."]).await;
    let client = &started.client;
    let first = client.posted("/v1/responses", json!({"input": "1?"})).await;
    let second =
        json!({"input": "2?", "previous_response_id": first["id"], "instructions": "Be brief."});
    let second = client.posted("/v1/responses", second).await;
    let third = json!({"input": "3?", "previous_response_id": second["id"]});
    client.posted("/v1/responses", third).await;
    let chain = [("user", "1?"), ("assistant", "One."), ("user", "2?"), ("assistant", "Two.")];
    // Instructions hold for their own answer only.
    assert_eq!(sent(&started.upstream, 2), said(&[&chain[..], &[("user", "3?")]].concat()));
    assert_eq!(sent(&started.upstream, 1)[0], ("system".to_owned(), "Be brief.".to_owned()));
}

#[tokio::test]
async fn two_answers_may_continue_the_same_response() {
    let started = answering(["Root.", "Left.", "Right."]).await;
    let client = &started.client;
    let root = client.posted("/v1/responses", json!({"input": "root?"})).await;
    for input in ["left?", "right?"] {
        let next = json!({"input": input, "previous_response_id": root["id"]});
        client.posted("/v1/responses", next).await;
    }
    let branch = [("user", "root?"), ("assistant", "Root."), ("user", "right?")];
    assert_eq!(sent(&started.upstream, 2), said(&branch));
}

#[tokio::test]
async fn the_users_message_is_stored_before_the_answer_begins_to_show() {
    let script = UpstreamScript::sse().role().text("Well").stall();
    let started = started(ScriptedUpstream::always(script).await.unwrap()).await;
    let client = &started.client;
    let conversation = client.conversation().await;
    let body = json!({"message": "Remember this.", "conversation_id": conversation});
    let mut exchange = client.open(&Request::post("/chat/stream", body)).await;
    exchange.read_until("W").await;
    let items = client.items(&conversation).await;
    assert_eq!(items[0], ("user".to_owned(), "Remember this.".to_owned()));
}

#[tokio::test]
async fn a_completed_answer_is_stored_by_the_time_its_end_is_shown() {
    let started = answering(["Done and dusted."]).await;
    let exchange = started.client.open(&Format::Responses.ask("Hi")).await;
    let response = Format::Responses.read(exchange).await.last;
    let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());
    assert_eq!(started.client.found(&path).await, response);
}

#[tokio::test]
async fn an_answer_that_is_not_to_be_stored_leaves_no_trace() {
    let started = answering(["Hush."]).await;
    let client = &started.client;
    let response = client.posted("/v1/responses", json!({"input": "Hi", "store": false})).await;
    assert_eq!(response["output"][0]["content"][0]["text"], "Hush.");
    let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());
    assert_eq!(client.get(&path).await.status, 404);
    let next = json!({"input": "More", "previous_response_id": response["id"]});
    assert_eq!(client.post("/v1/responses", next).await.status, 404);
}

#[tokio::test]
async fn what_a_caller_asks_for_reaches_the_provider() {
    let started = answering(["Yes."]).await;
    let body = json!({
        "input": "Hi",
        "instructions": "Be brief.",
        "max_output_tokens": 64,
        "temperature": 0.25,
        "top_p": 0.5,
        "tools": [{
            "type": "function",
            "name": "weather",
            "description": "Tells the weather.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        }],
    });
    started.client.posted("/v1/responses", body).await;
    let asked = started.upstream.requests()[0].json();
    assert_eq!(asked["model"], "scripted");
    assert_eq!(asked["stream"], true);
    assert_eq!(asked["temperature"], 0.25);
    assert_eq!(asked["top_p"], 0.5);
    assert_eq!(asked["tools"][0]["function"]["name"], "weather");
    assert_eq!(asked["tools"][0]["function"]["parameters"]["properties"]["city"]["type"], "string");
    let limit = asked.get("max_completion_tokens").or_else(|| asked.get("max_tokens"));
    assert_eq!(limit, Some(&json!(64)));
}
