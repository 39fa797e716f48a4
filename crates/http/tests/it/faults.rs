//! What goes wrong below, and what is said of it.

use loquat_store::StoreError;
use loquat_testkit::{Script, ScriptedProvider, Step, StoreCall};
use serde_json::json;

use crate::stage::{ANNA, Stage};

fn unreachable() -> StoreError {
    StoreError::Unavailable("canary of the driver".into())
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_said_to_be_away_for_a_moment() {
    let stage = Stage::new();
    stage.store.fail_next(StoreCall::Conversations, unreachable());
    let answer = stage.get(ANNA, "/v1/conversations").await;
    answer.error(503, "store_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(!answer.text().contains("canary"));
    stage.get(ANNA, "/v1/conversations").await.expect(200);
}

#[tokio::test]
async fn a_turn_whose_start_cannot_be_stored_says_nothing_of_its_answer() {
    let stage = Stage::new();
    stage.store.fail_next(StoreCall::BeginTurn, unreachable());
    let body = json!({"input": "Hi", "stream": true});
    stage.post(ANNA, "/v1/responses", &body).await.error(503, "store_unavailable");
}

#[tokio::test]
async fn a_store_that_fails_is_a_fault_of_the_server_without_details() {
    let stage = Stage::new();
    let faults = [
        StoreError::Internal("canary of the driver".into()),
        StoreError::Corrupt { column: "canary" },
    ];
    for fault in faults {
        stage.store.fail_next(StoreCall::Conversations, fault);
        let answer = stage.get(ANNA, "/v1/conversations").await;
        answer.error(500, "server_error");
        assert!(!answer.text().contains("canary"));
    }
}

#[tokio::test]
async fn a_provider_that_panics_is_a_fault_of_the_server_and_the_next_request_goes_well() {
    let scripts = [
        Script::new([Step::Panic("canary of the panic"), Step::Accept]),
        Script::answer(["Fine."]),
    ];
    let stage = Stage::with_model(ScriptedProvider::queue(scripts));
    let body = json!({"model": "scripted", "input": "x"});
    let answer = stage.post(ANNA, "/v1/responses", &body).await;
    answer.error(500, "server_error");
    assert!(!answer.text().contains("canary"));
    let answer = stage.posted("/v1/responses", &body).await;
    assert_eq!(answer["output"][0]["content"][0]["text"], "Fine.");
}

#[tokio::test]
async fn a_panic_in_the_edge_itself_is_an_error_of_the_same_form() {
    let stage = Stage::with_verifier(|_| panic!("canary of the panic"));
    let answer = stage.get(ANNA, "/v1/models").await;
    answer.error(500, "server_error");
    assert!(answer.header("x-request-id").is_some());
    assert!(!answer.text().contains("canary"));
    assert_eq!(stage.get(ANNA, "/healthz").await.status, 200);
}

#[tokio::test]
async fn tokens_that_cannot_be_checked_are_not_called_wrong() {
    let stage = Stage::with_verifier(|_| {
        Err(loquat_auth::AuthError::Unavailable("canary of the key server".into()))
    });
    let answer = stage.get(ANNA, "/v1/models").await;
    answer.error(503, "authentication_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn readiness_follows_the_store_and_the_end_of_the_server() {
    let stage = Stage::new();
    assert_eq!(stage.get(ANNA, "/readyz").await.status, 200);
    stage.store.fail_next(StoreCall::Ping, unreachable());
    stage.get(ANNA, "/readyz").await.error(503, "store_unavailable");
    assert_eq!(stage.get(ANNA, "/readyz").await.status, 200);
    stage.chat.drain(std::time::Duration::ZERO).await;
    let answer = stage.get(ANNA, "/readyz").await;
    answer.error(503, "server_shutting_down");
    assert_eq!(answer.header("retry-after"), Some("2"));
    let answer = stage.post(ANNA, "/v1/responses", &json!({"input": "x"})).await;
    answer.error(503, "server_shutting_down");
    assert_eq!(stage.get(ANNA, "/healthz").await.status, 200);
}
