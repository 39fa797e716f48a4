//! Answers that go on whoever waits for them.

use std::time::Duration;

use actix_web::http::Method;
use loquat_chat::Limits;
use loquat_provider::{FinishReason, ProviderError, ProviderEvent};
use loquat_testkit::{
    ResponsesStreamChecker, Script, ScriptedProvider, Step, check_response_object,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::stage::{ANNA, Answer, Opened, Stage, request};

/// One at work, one that waits.
const NARROW: fn() -> Limits =
    || Limits { background_at_work: 1, background_queue: 1, ..Limits::default() };

/// A model that says "Half", and the rest when it may go on.
fn halting(go_on: &CancellationToken) -> ScriptedProvider {
    let go_on = go_on.clone();
    ScriptedProvider::answering(move |_| {
        let said = |text: &str| Step::Event(ProviderEvent::Text(text.to_owned()));
        let finished = Step::Event(ProviderEvent::Finished(FinishReason::Stop));
        Script::new([said("Half "), Step::Until(go_on.clone()), said("and half."), finished])
    })
}

fn body(stream: bool) -> Value {
    json!({"model": "scripted", "input": "x", "background": true, "stream": stream})
}

async fn open(stage: &Stage) -> Opened {
    stage.open(request(Method::POST, ANNA, "/v1/responses").set_json(body(true))).await
}

fn path(response: &Value) -> String {
    format!("/v1/responses/{}", response["id"].as_str().unwrap())
}

/// Waits for the end of an answer.
async fn told(stage: &Stage, path: &str) -> Answer {
    stage.get(ANNA, &format!("{path}?stream=true")).await
}

#[tokio::test]
async fn the_answer_comes_at_once_and_is_asked_for_until_it_has_ended() {
    let go_on = CancellationToken::new();
    let stage = Stage::with_model(halting(&go_on));
    let queued = stage.posted("/v1/responses", &body(false)).await;
    check_response_object(&queued).unwrap();
    assert_eq!(queued["status"], "queued");
    assert_eq!(queued["background"], true);
    assert_eq!(queued["output"], json!([]));
    let path = path(&queued);
    stage.model.wait_for_call(0).await;
    let running = stage.found(&path).await;
    check_response_object(&running).unwrap();
    assert!(running["status"] == "queued" || running["status"] == "in_progress", "{running}");
    go_on.cancel();
    let stream = ResponsesStreamChecker::check(&told(&stage, &path).await.body).unwrap();
    let ended = stage.found(&path).await;
    assert_eq!(ended["status"], "completed");
    assert_eq!(ended["background"], true);
    assert_eq!(ended["output"][0]["content"][0]["text"], "Half and half.");
    assert_eq!(stream.response, ended);
}

#[tokio::test]
async fn a_stream_says_that_the_answer_waits_before_it_begins() {
    let go_on = CancellationToken::new();
    go_on.cancel();
    let stage = Stage::with_model(halting(&go_on));
    let answer = open(&stage).await.whole().await;
    let stream = ResponsesStreamChecker::check(&answer.body).unwrap();
    let begins: Vec<_> = stream.events[..3]
        .iter()
        .map(|event| {
            assert_eq!(event["response"]["background"], true);
            (event["type"].as_str().unwrap(), event["response"]["status"].as_str().unwrap())
        })
        .collect();
    let expected = [
        ("response.created", "queued"),
        ("response.queued", "queued"),
        ("response.in_progress", "in_progress"),
    ];
    assert_eq!(begins, expected);
    assert_eq!(stage.found(&path(&stream.response)).await, stream.response);
}

#[tokio::test]
async fn it_goes_on_when_nobody_reads_it() {
    let go_on = CancellationToken::new();
    let stage = Stage::with_model(halting(&go_on));
    let mut stream = open(&stage).await;
    let id = stream.response().await;
    let had = stream.until("\"delta\":\"Half \"").await;
    drop(stream);
    go_on.cancel();
    let path = format!("/v1/responses/{id}");
    let all = told(&stage, &path).await;
    let stream = ResponsesStreamChecker::check(&all.body).unwrap();
    assert_eq!((stream.text.as_str(), stream.status.as_str()), ("Half and half.", "completed"));
    assert!(all.text().starts_with(&had), "what was had is what was said");
    let last = had.matches("\n\n").count() - 1;
    let rest = stage.get(ANNA, &format!("{path}?stream=true&starting_after={last}")).await;
    assert_eq!(had + &rest.text(), all.text());
}

#[tokio::test]
async fn one_that_fails_is_found_to_have_failed() {
    let refusal = || Script::refusal(ProviderError::RateLimited { retry_after: None });
    let stage = Stage::with_model(ScriptedProvider::queue([refusal(), refusal()]));
    let queued = stage.posted("/v1/responses", &body(false)).await;
    assert_eq!(queued["status"], "queued");
    let stream = told(&stage, &path(&queued)).await;
    assert_eq!(ResponsesStreamChecker::check(&stream.body).unwrap().status, "failed");
    let ended = stage.found(&path(&queued)).await;
    check_response_object(&ended).unwrap();
    assert_eq!(ended["error"]["code"], "rate_limit_exceeded");
    let stream = open(&stage).await.whole().await;
    assert_eq!(ResponsesStreamChecker::check(&stream.body).unwrap().status, "failed");
}

#[tokio::test]
async fn what_is_not_stored_cannot_go_on_in_the_background() {
    let stage = Stage::new();
    let body = json!({"input": "x", "background": true, "store": false});
    let answer = stage.post(ANNA, "/v1/responses", &body).await;
    assert_eq!(answer.error(400, "invalid_value"), "store");
}

#[tokio::test]
async fn one_that_runs_is_stopped_by_whoever_asked_for_it() {
    let stage = Stage::with_model(halting(&CancellationToken::new()));
    let mut stream = open(&stage).await;
    let id = stream.response().await;
    stream.until("\"delta\":\"Half \"").await;
    drop(stream);
    let path = format!("/v1/responses/{id}");
    let stopped = stage.posted(&format!("{path}/cancel"), &json!({})).await;
    assert_eq!(stopped["status"], "cancelled");
    assert_eq!(stopped["output"][0]["content"][0]["text"], "Half ");
    assert_eq!(stage.posted(&format!("{path}/cancel"), &json!({})).await, stopped);
}

#[tokio::test]
async fn one_that_waits_is_stopped_before_it_has_asked_anybody() {
    let go_on = CancellationToken::new();
    let stage = Stage::with_limits(halting(&go_on), NARROW());
    let first = stage.posted("/v1/responses", &body(false)).await;
    stage.model.wait_for_call(0).await;
    let mut second = open(&stage).await;
    let id = second.response().await;
    second.until("event: response.queued\n").await;
    let stopped = stage.posted(&format!("/v1/responses/{id}/cancel"), &json!({})).await;
    check_response_object(&stopped).unwrap();
    assert_eq!(stopped["status"], "cancelled");
    assert_eq!(stopped["output"], json!([]));
    let second = second.whole().await;
    let stream = ResponsesStreamChecker::check(&second.body).unwrap();
    assert_eq!(stream.response, stopped);
    assert_eq!(told(&stage, &format!("/v1/responses/{id}")).await.text(), second.text());
    go_on.cancel();
    let first = told(&stage, &path(&first)).await;
    assert_eq!(ResponsesStreamChecker::check(&first.body).unwrap().status, "completed");
    assert_eq!(stage.model.calls().len(), 1, "the second one has asked nobody");
}

#[tokio::test]
async fn one_that_finds_no_place_is_refused_and_there_are_places_again_later() {
    let go_on = CancellationToken::new();
    let stage = Stage::with_limits(halting(&go_on), NARROW());
    let first = stage.posted("/v1/responses", &body(false)).await;
    let second = stage.posted("/v1/responses", &body(false)).await;
    for stream in [false, true] {
        let refused = stage.post(ANNA, "/v1/responses", &body(stream)).await;
        refused.error(429, "background_queue_full");
        assert_eq!(refused.json()["error"]["type"], "rate_limit_error");
        assert_eq!(refused.header("retry-after"), Some("5"));
    }
    // Only the background is full.
    stage.posted("/v1/responses", &json!({"input": "Hi"})).await;
    go_on.cancel();
    for response in [&first, &second] {
        let stream = told(&stage, &path(response)).await;
        assert_eq!(ResponsesStreamChecker::check(&stream.body).unwrap().status, "completed");
    }
    // A turn gives its place back after its last event.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let answer = stage.post(ANNA, "/v1/responses", &body(false)).await;
        if answer.status == 200 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{}", answer.text());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_conversation_is_locked_while_it_is_answered_in_the_background() {
    let go_on = CancellationToken::new();
    let stage = Stage::with_model(halting(&go_on));
    let conversation = stage.posted("/v1/conversations", &json!({})).await;
    let mut body = body(false);
    body["conversation"] = conversation["id"].clone();
    let queued = stage.posted("/v1/responses", &body).await;
    assert_eq!(queued["conversation"]["id"], conversation["id"]);
    stage.post(ANNA, "/v1/responses", &body).await.error(409, "conversation_locked");
    let next = json!({"input": "x", "previous_response_id": queued["id"]});
    let answer = stage.post(ANNA, "/v1/responses", &next).await;
    answer.error(409, "previous_response_in_progress");
    go_on.cancel();
    told(&stage, &path(&queued)).await;
    let items = format!("/v1/conversations/{}/items", conversation["id"].as_str().unwrap());
    let items = stage.found(&items).await;
    assert_eq!(items["data"][0]["content"][0]["text"], "Half and half.");
    stage.posted("/v1/responses", &next).await;
}
