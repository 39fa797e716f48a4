//! A request that comes twice is done once.

use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::{http::Method, test::TestRequest};
use futures::future::join_all;
use loquat_provider::{FinishReason, ProviderError, ProviderEvent};
use loquat_testkit::{ResponsesStreamChecker, Script, ScriptedProvider, Step};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::stage::{ANNA, Answer, BERT, STRANGER, Stage, request};

fn keyed(token: &str, path: &str, key: &str, body: &Value) -> TestRequest {
    request(Method::POST, token, path).insert_header(("idempotency-key", key)).set_json(body)
}

async fn post(stage: &Stage, path: &str, key: &str, body: &Value) -> Answer {
    stage.send(keyed(ANNA, path, key, body)).await
}

/// Every route that asks a model, whole and as a stream.
fn turns() -> Vec<(&'static str, Value)> {
    let completion = |stream: bool| {
        let messages = json!([{"role": "user", "content": "x"}]);
        json!({"model": "scripted", "messages": messages, "stream": stream})
    };
    let response =
        |stream: bool| json!({"model": "scripted", "input": "x", "stream": stream, "store": true});
    vec![
        ("/v1/responses", response(false)),
        ("/v1/responses", response(true)),
        ("/v1/responses", json!({"model": "scripted", "input": "x", "store": false})),
        ("/v1/chat/completions", completion(false)),
        ("/v1/chat/completions", completion(true)),
        ("/chat/stream", json!({"model": "scripted", "message": "x"})),
    ]
}

/// A model whose every answer waits until it may go on.
fn halting(go_on: &CancellationToken) -> ScriptedProvider {
    let go_on = go_on.clone();
    ScriptedProvider::answering(move |_| {
        let said = |text: &str| Step::Event(ProviderEvent::Text(text.to_owned()));
        let finished = Step::Event(ProviderEvent::Finished(FinishReason::Stop));
        Script::new([said("Once "), Step::Until(go_on.clone()), said("upon."), finished])
    })
}

/// What a client sees, whichever request it was.
fn seen(answer: Answer) -> Answer {
    answer.without_request_id()
}

#[tokio::test]
async fn fifty_requests_at_once_make_one_turn_and_get_one_answer() {
    for (path, body) in turns() {
        let go_on = CancellationToken::new();
        let stage = Stage::with_model(halting(&go_on));
        let refused = AtomicUsize::new(0);
        let requests = (0..50).map(async |_| {
            let answer = post(&stage, path, "k", &body).await;
            if answer.status == 409 && refused.fetch_add(1, Ordering::SeqCst) == 48 {
                go_on.cancel();
            }
            answer
        });
        let answers = join_all(requests).await;
        let (done, others): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        let [first] = done.as_slice() else { panic!("{} answers: {path}", done.len()) };
        let can_be_named = path != "/v1/chat/completions" && body["store"] != false;
        for answer in &others {
            let param = answer.error(409, "idempotency_in_progress");
            assert_eq!(param, "Idempotency-Key");
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert_eq!(answer.header("x-response-id").is_some(), can_be_named, "{path}");
        }
        let first = seen(first.clone());
        for _ in 0..3 {
            assert_eq!(seen(post(&stage, path, "k", &body).await), first, "{path}");
        }
        assert_eq!(stage.model.calls().len(), 1, "{path}");
    }
}

#[tokio::test]
async fn whoever_asks_again_too_early_can_follow_the_first_answer() {
    let go_on = CancellationToken::new();
    let stage = Stage::with_model(halting(&go_on));
    let body = json!({"model": "scripted", "input": "x", "stream": true});
    let mut first = stage.open(keyed(ANNA, "/v1/responses", "k", &body)).await;
    let id = first.response().await;
    let again = post(&stage, "/v1/responses", "k", &body).await;
    again.error(409, "idempotency_in_progress");
    assert_eq!(again.header("x-response-id"), Some(id.as_str()));
    let place = format!("/v1/responses/{id}?stream=true");
    let message = again.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(&format!("GET {place}")), "{message}");
    let mut follower = stage.open(request(Method::GET, ANNA, &place)).await;
    follower.until("Once ").await;
    go_on.cancel();
    let first = first.whole().await;
    assert_eq!(ResponsesStreamChecker::check(&first.body).unwrap().text, "Once upon.");
    assert_eq!(follower.whole().await.text(), first.text());
    assert_eq!(post(&stage, "/v1/responses", "k", &body).await.text(), first.text());
}

#[tokio::test]
async fn one_in_the_background_is_begun_once_whatever_becomes_of_it() {
    let body = json!({"model": "scripted", "input": "x", "background": true});
    let refusal = || Script::refusal(ProviderError::Unavailable(None));
    for script in [Script::answer(["Once."]), refusal()] {
        let stage = Stage::with_model(ScriptedProvider::queue([script]));
        let first = post(&stage, "/v1/responses", "k", &body).await;
        let queued = first.expect(200);
        assert_eq!(queued["status"], "queued");
        let path = format!("/v1/responses/{}", queued["id"].as_str().unwrap());
        stage.get(ANNA, &format!("{path}?stream=true")).await;
        let again = post(&stage, "/v1/responses", "k", &body).await;
        assert_eq!(seen(again), seen(first));
        assert_eq!(stage.model.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_key_that_was_used_for_something_else_is_refused() {
    let stage = Stage::new();
    let conversation = stage.posted("/v1/conversations", &json!({})).await;
    let items = format!("/v1/conversations/{}/items", conversation["id"].as_str().unwrap());
    let other = stage.posted("/v1/conversations", &json!({})).await;
    let other_items = format!("/v1/conversations/{}/items", other["id"].as_str().unwrap());
    let message = |text: &str| json!({"items": [{"role": "user", "content": text}]});
    for (path, first, second) in [
        ("/v1/responses", json!({"input": "x"}), json!({"input": "y"})),
        ("/v1/responses", json!({"input": "x"}), json!({"input": "x", "stream": true})),
        ("/chat/stream", json!({"message": "x"}), json!({"message": "y"})),
        ("/v1/conversations", json!({"title": "x"}), json!({"title": "y"})),
        (items.as_str(), message("x"), message("y")),
    ] {
        let key = format!("{first}{second}");
        assert_eq!(post(&stage, path, &key, &first).await.status, 200, "{path}");
        let answer = post(&stage, path, &key, &second).await;
        assert_eq!(answer.error(422, "idempotency_key_reused"), "Idempotency-Key", "{path}");
    }
    // The conversation is part of what was asked.
    assert_eq!(post(&stage, &items, "c", &message("z")).await.status, 200);
    post(&stage, &other_items, "c", &message("z")).await.error(422, "idempotency_key_reused");
}

#[tokio::test]
async fn a_key_is_its_owners_and_its_routes_alone() {
    let stage = Stage::new();
    let body = json!({"input": "Anna's secret"});
    let anna = post(&stage, "/v1/responses", "k", &body).await.expect(200);
    for token in [BERT, STRANGER] {
        for input in ["Anna's secret", "something else"] {
            let body = json!({"input": input});
            let key = if input == "Anna's secret" { "k" } else { "l" };
            let own = stage.send(keyed(token, "/v1/responses", key, &body)).await.expect(200);
            assert_ne!(own["id"], anna["id"]);
            let again = stage.send(keyed(token, "/v1/responses", key, &body)).await.expect(200);
            assert_eq!(again, own);
        }
        let other = stage.send(keyed(token, "/v1/responses", "m", &json!({"input": "x"}))).await;
        other.expect(200);
    }
    let elsewhere = post(&stage, "/chat/stream", "k", &json!({"message": "x"})).await;
    assert_eq!(elsewhere.status, 200, "{}", elsewhere.text());
    post(&stage, "/v1/conversations", "k", &json!({})).await.expect(200);
    assert_eq!(post(&stage, "/v1/responses", "k", &body).await.expect(200), anna);
}

#[tokio::test]
async fn a_request_that_was_refused_has_not_used_its_key() {
    let stage = Stage::new();
    let long = "word ".repeat(20_000);
    for wrong in [
        json!({"input": "x", "temperature": 9}),
        json!({"input": 7}),
        json!({}),
        json!({"input": "x", "model": "no-such-model"}),
        json!({"input": "x", "previous_response_id": "resp_0198c0de00007000800000000000002a"}),
        json!({"input": "x", "conversation": "conv_0198c0de00007000800000000000002a"}),
        json!({"input": long}),
        json!({"input": "\u{0}"}),
        json!({"input": "x", "background": true, "store": false}),
    ] {
        let answer = post(&stage, "/v1/responses", "k", &wrong).await;
        assert!(matches!(answer.status, 400 | 404), "{}", answer.text());
    }
    let right = json!({"input": "x"});
    let first = post(&stage, "/v1/responses", "k", &right).await.expect(200);
    assert_eq!(post(&stage, "/v1/responses", "k", &right).await.expect(200), first);
}

#[tokio::test]
async fn a_turn_that_failed_is_not_tried_again() {
    for stream in [false, true] {
        let refusal = Script::refusal(ProviderError::RateLimited { retry_after: None });
        let stage = Stage::with_model(ScriptedProvider::queue([refusal]));
        let body = json!({"model": "scripted", "input": "x", "stream": stream});
        let first = post(&stage, "/v1/responses", "k", &body).await;
        first.error(429, "rate_limit_exceeded");
        let again = post(&stage, "/v1/responses", "k", &body).await;
        assert_eq!(seen(again), seen(first));

        let said = Step::Event(ProviderEvent::Text("Half of".to_owned()));
        let breaks = Script::new([said, Step::Fail(ProviderError::Failed)]);
        let stage = Stage::with_model(ScriptedProvider::queue([breaks]));
        let first = post(&stage, "/v1/responses", "k", &body).await;
        let again = post(&stage, "/v1/responses", "k", &body).await;
        assert_eq!(seen(again), seen(first));
    }
}

/// Who gives a key means to come back.
#[tokio::test]
async fn a_turn_whose_client_went_away_goes_on_and_is_told_whole() {
    for background in [false, true] {
        let go_on = CancellationToken::new();
        let stage = Stage::with_model(halting(&go_on));
        let body = json!({
            "model": "scripted", "input": "x", "stream": true, "background": background,
        });
        let mut first = stage.open(keyed(ANNA, "/v1/responses", "k", &body)).await;
        let id = first.response().await;
        let had = first.until("\"delta\":\"Once \"").await;
        drop(first);
        go_on.cancel();
        // Tells the turn to its end.
        stage.get(ANNA, &format!("/v1/responses/{id}?stream=true")).await;
        let again = post(&stage, "/v1/responses", "k", &body).await;
        let stream = ResponsesStreamChecker::check(&again.body).unwrap();
        assert_eq!((stream.status.as_str(), stream.text.as_str()), ("completed", "Once upon."));
        assert!(again.text().starts_with(&had), "what was had is what is told");
        assert_eq!(stage.model.calls().len(), 1);
    }
}

#[tokio::test]
async fn one_format_is_asked_for_after_another() {
    let stage = Stage::new();
    let body = json!({"message": "One two"});
    let text = post(&stage, "/chat/stream", "k", &body).await;
    let lines =
        keyed(ANNA, "/chat/stream", "k", &body).insert_header(("accept", "application/x-ndjson"));
    let lines = stage.send(lines).await;
    for header in ["x-response-id", "x-conversation-id"] {
        assert_eq!(lines.header(header), text.header(header), "{header}");
    }
    assert!(lines.text().contains("\"content\":\"One \""), "{}", lines.text());
}

#[tokio::test]
async fn a_conversation_is_made_once() {
    let stage = Stage::new();
    let body = json!({"title": "Trip", "items": [{"role": "user", "content": "x"}]});
    let requests = (0..20).map(|_| post(&stage, "/v1/conversations", "k", &body));
    let made = join_all(requests).await;
    let first = made[0].expect(200);
    assert!(made.iter().all(|answer| answer.expect(200) == first));
    // The body may be left out.
    let nothing =
        || request(Method::POST, ANNA, "/v1/conversations").insert_header(("idempotency-key", "n"));
    let empty = stage.send(nothing()).await.expect(200);
    assert_eq!(stage.send(nothing()).await.expect(200), empty);
    let list = stage.found("/v1/conversations").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    let path = format!("/v1/conversations/{}", first["id"].as_str().unwrap());
    stage.delete(ANNA, &path).await.expect(200);
    let gone = post(&stage, "/v1/conversations", "k", &body).await;
    gone.error(404, "conversation_not_found");
}

#[tokio::test]
async fn items_are_added_once() {
    let stage = Stage::new();
    let conversation = stage.posted("/v1/conversations", &json!({})).await;
    let path = format!("/v1/conversations/{}/items", conversation["id"].as_str().unwrap());
    let body = json!({"items": [
        {"role": "user", "content": "x"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    ]});
    let requests = (0..20).map(|_| post(&stage, &path, "k", &body));
    let made = join_all(requests).await;
    let first = made[0].expect(200);
    assert!(made.iter().all(|answer| answer.expect(200) == first));
    assert_eq!(stage.found(&format!("{path}?order=asc")).await["data"], first["data"]);
}

#[tokio::test]
async fn what_a_completion_left_for_its_key_is_nobodys_to_find() {
    let stage = Stage::new();
    let body = json!({"messages": [{"role": "user", "content": "x"}]});
    let answer = post(&stage, "/v1/chat/completions", "k", &body).await.expect(200);
    let id = answer["id"].as_str().unwrap().replace("chatcmpl-", "resp_");
    for query in ["", "?stream=true"] {
        let found = stage.get(ANNA, &format!("/v1/responses/{id}{query}")).await;
        found.error(404, "response_not_found");
    }
    stage.delete(ANNA, &format!("/v1/responses/{id}")).await.error(404, "response_not_found");
    let cancel = format!("/v1/responses/{id}/cancel");
    stage.post(ANNA, &cancel, &json!({})).await.error(404, "response_not_found");
    let body_of_response = json!({"input": "x", "previous_response_id": id});
    let next = stage.post(ANNA, "/v1/responses", &body_of_response).await;
    next.error(404, "previous_response_not_found");
    assert_eq!(stage.found("/v1/conversations?archived=all").await["data"], json!([]));
    assert_eq!(post(&stage, "/v1/chat/completions", "k", &body).await.expect(200), answer);
}

#[tokio::test]
async fn what_is_no_key_is_refused_where_a_key_counts_and_nowhere_else() {
    let stage = Stage::new();
    let conversation = stage.posted("/v1/conversations", &json!({})).await;
    let conversation = format!("/v1/conversations/{}", conversation["id"].as_str().unwrap());
    let item = json!({"items": [{"role": "user", "content": "x"}]});
    let items = format!("{conversation}/items");
    let long = "k".repeat(256);
    let mut creations = turns();
    creations.extend([("/v1/conversations", json!({})), (items.as_str(), item)]);
    let wrong = ["", " ", "two words", long.as_str(), "caf\u{e9}"];
    for (path, body) in &creations {
        for key in wrong {
            let answer = post(&stage, path, key, body).await;
            let param = answer.error(400, "invalid_idempotency_key");
            assert_eq!(param, "Idempotency-Key", "{path}");
        }
        let twice = keyed(ANNA, path, "k", body).append_header(("idempotency-key", "k"));
        stage.send(twice).await.error(400, "invalid_idempotency_key");
    }
    assert_eq!(stage.model.calls().len(), 0);
    let answer = stage.posted("/v1/responses", &json!({"input": "x"})).await;
    let cancel = format!("/v1/responses/{}/cancel", answer["id"].as_str().unwrap());
    let title = json!({"title": "x"});
    for (path, body) in [(&cancel, json!({})), (&conversation, title)] {
        post(&stage, path, "two words", &body).await.expect(200);
        post(&stage, path, "k", &body).await.expect(200);
    }
}

#[tokio::test]
async fn without_a_key_every_request_is_another() {
    let stage = Stage::new();
    let body = json!({"model": "scripted", "input": "x"});
    let first = stage.posted("/v1/responses", &body).await;
    assert_ne!(stage.posted("/v1/responses", &body).await["id"], first["id"]);
    assert_eq!(stage.model.calls().len(), 2);
}
