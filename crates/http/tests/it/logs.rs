//! One line a request, and nothing in it that was said.

use std::{
    io,
    sync::{Arc, Mutex},
};

use actix_web::http::Method;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::stage::{ANNA, Stage, all_powerful, named, request};

/// A log that the test reads.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines about requests.
    fn requests(&self) -> Vec<Value> {
        let lines: Vec<Value> =
            self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.into_iter().filter(|line| line["target"] == "loquat_http::request").collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything that this thread logs from now on.
fn capture() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    (log, guard)
}

#[tokio::test]
async fn a_request_is_one_line_with_its_pattern_and_without_its_path() {
    let (log, _guard) = capture();
    let stage = Stage::new();
    let id = "resp_0198c0de00007000800000000000002a";
    let request = request(Method::GET, ANNA, &format!("/v1/responses/{id}?stream=false"))
        .insert_header(("x-request-id", "my-name"));
    stage.send(request).await;
    let lines = log.requests();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let fields = line["fields"].as_object().unwrap();
    assert_eq!(fields["id"], "my-name");
    assert_eq!(fields["method"], "GET");
    assert_eq!(fields["route"], "/v1/responses/{response_id}");
    assert_eq!(fields["status"], 404);
    assert_eq!(fields["complete"], true);
    assert!(fields["duration_ms"].is_u64());
    assert!(!log.text().contains(id), "{}", log.text());
}

#[tokio::test]
async fn a_line_tells_people_apart_and_does_not_name_them() {
    let (log, _guard) = capture();
    let stage = Stage::new();
    for token in [ANNA, ANNA, "acme/bert", "forged"] {
        stage.get(token, "/v1/models").await;
    }
    let lines = log.requests();
    let scopes: Vec<_> = lines.iter().map(|line| &line["fields"]["scope"]).collect();
    assert!(scopes[0].is_string());
    assert_eq!(scopes[0], scopes[1]);
    assert_ne!(scopes[0], scopes[2]);
    assert!(scopes[3].is_null());
    for name in ["acme", "anna", "bert"] {
        assert!(!log.text().contains(name), "{}", log.text());
    }
}

#[tokio::test]
async fn nothing_that_was_said_and_no_token_is_logged() {
    let (log, _guard) = capture();
    let stage = Stage::new();
    let canary = "canary-of-the-prompt";
    let said = json!({
        "input": canary, "instructions": canary, "metadata": {(canary): canary},
        "tools": [{"type": "function", "name": canary, "description": canary}], "stream": true,
    });
    let broken = format!("{{\"input\": \"{canary}\", {canary}");
    stage.post(ANNA, "/v1/responses", &said).await;
    stage.post(ANNA, "/v1/responses", &json!({"input": canary, "temperature": canary})).await;
    stage.post(ANNA, "/v1/responses", &json!({"input": canary, "model": canary})).await;
    stage.post(ANNA, "/chat/stream", &json!({"message": canary})).await;
    stage.post(ANNA, "/chat/stream", &json!({"message": canary, "conversation_id": canary})).await;
    stage.post(ANNA, "/v1/conversations", &json!({"title": canary})).await;
    for key in [canary, "canary of two words"] {
        let keyed = request(Method::POST, ANNA, "/v1/responses").set_json(json!({"input": "x"}));
        stage.send(keyed.insert_header(("idempotency-key", key))).await;
    }
    stage.send(request(Method::POST, ANNA, "/v1/responses").set_payload(broken)).await;
    stage.get(ANNA, &format!("/v1/{canary}?after={canary}")).await;
    stage.get(ANNA, &format!("/{canary}")).await;
    stage.get(ANNA, &format!("/docs/{canary}")).await;
    stage.get(ANNA, &format!("/v1/models/{canary}")).await;
    stage.get("canary-of-the-token", "/v1/models").await;
    let admin = all_powerful(ANNA);
    let limit = json!({"whom": "user", "user": canary, "meter": "streams", "most": 1});
    stage.put(&admin, "/v1/admin/limits", &limit).await.expect(200);
    stage.post(&admin, "/v1/admin/revocations", &json!({"token_id": canary})).await.expect(200);
    stage.get(&named(canary, ANNA), "/v1/models").await.error(401, "invalid_token");
    stage.get(&admin, &format!("/v1/usage?user={canary}&after={canary}")).await;
    stage.delete(&admin, &format!("/v1/admin/revocations?token_id={canary}")).await.expect(200);
    stage.send(request("CANARY-METHOD".parse().unwrap(), ANNA, "/v1/models")).await;
    assert_eq!(log.requests().len(), 20);
    let line = log.text();
    let line = line.lines().find(|line| line.to_lowercase().contains("canary"));
    assert_eq!(line, None);
}
