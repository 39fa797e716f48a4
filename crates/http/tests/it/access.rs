//! Access that is revoked: for those who lost it, and for what they had begun.

use actix_web::http::Method;
use loquat_provider::ProviderEvent;
use loquat_store::StoreError;
use loquat_testkit::{ResponsesStreamChecker, Script, ScriptedProvider, Step, StoreCall};
use serde_json::{Value, json};

use crate::stage::{ANNA, BERT, FORGED, STRANGER, Stage, all_powerful, named, request};

async fn revoke(stage: &Stage, body: &Value) -> Value {
    stage.post(&all_powerful(ANNA), "/v1/admin/revocations", body).await.expect(200)
}

#[tokio::test]
async fn whoever_lost_access_is_told_what_a_forged_token_is_told() {
    let stage = Stage::new();
    let forged = stage.get(FORGED, "/v1/models").await.without_request_id();
    forged.error(401, "invalid_token");
    stage.get(BERT, "/v1/models").await.expect(200);
    revoke(&stage, &json!({"user": "bert"})).await;
    for (method, path) in [
        (Method::GET, "/v1/models"),
        (Method::POST, "/v1/responses"),
        (Method::POST, "/chat/stream"),
        (Method::GET, "/v1/unheard-of"),
    ] {
        let body = json!({"input": "Hi", "message": "Hi"});
        let answer = stage.send(request(method, BERT, path).set_json(&body)).await;
        assert_eq!(answer.without_request_id(), forged, "{path}");
    }
    let anew = stage.get(&named("another-token", BERT), "/v1/models").await;
    assert_eq!(anew.without_request_id(), forged, "a new token is of no use");
    stage.get(ANNA, "/v1/models").await.expect(200);
    stage.get("other/bert", "/v1/models").await.expect(200);

    let path = "/v1/admin/revocations?user=bert";
    stage.delete(&all_powerful(ANNA), path).await.expect(200);
    stage.get(BERT, "/v1/models").await.expect(200);
}

#[tokio::test]
async fn a_token_that_is_called_back_leaves_the_others_of_its_user() {
    let stage = Stage::new();
    let (lost, kept) = (named("lost", BERT), named("kept", BERT));
    revoke(&stage, &json!({"token_id": "lost"})).await;
    stage.get(&lost, "/v1/models").await.error(401, "invalid_token");
    stage.get(&kept, "/v1/models").await.expect(200);
    stage.get(BERT, "/v1/models").await.expect(200);
    stage.get(&named("lost", STRANGER), "/v1/models").await.expect(200);
}

/// A stage whose model says half of something and then nothing more.
fn stalling() -> Stage {
    Stage::with_model(ScriptedProvider::answering(|_| {
        let half = ProviderEvent::Text("Half of".to_owned());
        Script::new([Step::Event(half), Step::StallForever])
    }))
}

#[tokio::test]
async fn what_was_begun_ends_and_says_why() {
    let stage = stalling();
    let token = named("bert-7", BERT);
    let body = json!({"input": "Hi", "model": "scripted", "stream": true});
    let mut theirs =
        stage.open(request(Method::POST, &token, "/v1/responses").set_json(&body)).await;
    let mut other = stage.open(request(Method::POST, ANNA, "/v1/responses").set_json(&body)).await;
    theirs.until("Half of").await;
    other.until("Half of").await;
    revoke(&stage, &json!({"token_id": "bert-7"})).await;
    let answer = theirs.whole().await;
    let stream = ResponsesStreamChecker::check(&answer.body).unwrap();
    assert_eq!((stream.text.as_str(), stream.status.as_str()), ("Half of", "cancelled"));
    assert_eq!(stream.response["incomplete_details"], json!({"reason": "access_revoked"}));
    // Whoever has the same user's other token finds what came.
    let path = format!("/v1/responses/{}", stream.response_id);
    let found = stage.get(BERT, &path).await.expect(200);
    assert_eq!(found["status"], "cancelled");
    assert_eq!(found["incomplete_details"], json!({"reason": "access_revoked"}));
    drop(other);
}

#[tokio::test]
async fn every_format_has_a_word_for_it() {
    let (stage, token) = (stalling(), named("bert-7", BERT));
    let message = json!([{"role": "user", "content": "Hi"}]);
    for (accept, path, body, told) in [
        (
            "*/*",
            "/v1/chat/completions",
            json!({"messages": message, "stream": true}),
            "invalid_token",
        ),
        ("application/x-ndjson", "/chat/stream", json!({"message": "Hi"}), "\"access_revoked\""),
    ] {
        let mut body = body;
        body["model"] = json!("scripted");
        let asked = request(Method::POST, &token, path).insert_header(("accept", accept));
        let mut theirs = stage.open(asked.set_json(&body)).await;
        theirs.until("Half of").await;
        revoke(&stage, &json!({"token_id": "bert-7"})).await;
        let text = theirs.whole().await.text();
        assert!(text.contains(told), "{path}: {text}");
        let path = "/v1/admin/revocations?token_id=bert-7";
        stage.delete(&all_powerful(ANNA), path).await.expect(200);
    }
}

#[tokio::test]
async fn who_waits_for_a_whole_answer_is_told_too() {
    let stage = stalling();
    let message = json!([{"role": "user", "content": "Hi"}]);
    let body = json!({"model": "scripted", "messages": message});
    let forged = stage.get(FORGED, "/v1/models").await.without_request_id();
    let waiting = stage.post(BERT, "/v1/chat/completions", &body);
    let revoked = async {
        stage.model.wait_for_call(0).await;
        revoke(&stage, &json!({"user": "bert"})).await;
    };
    let (answer, ()) = tokio::join!(waiting, revoked);
    assert_eq!(answer.without_request_id(), forged);
}

/// A process that has just begun believes nobody before it has seen the list.
#[tokio::test(start_paused = true)]
async fn who_lost_access_is_not_let_in_by_a_store_that_cannot_say_so() {
    let stage = Stage::new();
    for _ in 0..10 {
        let away = StoreError::Unavailable("canary".into());
        stage.store.fail_next(StoreCall::RevocationList, away);
    }
    let answer = stage.get(ANNA, "/v1/models").await;
    answer.error(503, "authentication_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
    stage.get(ANNA, "/v1/models").await.expect(200);
}
