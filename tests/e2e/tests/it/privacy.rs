//! Nothing secret and nothing private reaches a log, whatever goes wrong and however much is
//! logged.

use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::json;

use crate::harness::{Client, Config, Home, Leave, PROVIDER_KEY, Request};

const PROMPT: &str = "canary-of-the-prompt-f1Xk";
const ANSWER: &str = "canary-of-the-answer-Zq8w";
const INSTRUCTIONS: &str = "canary-of-the-instructions-Lm3p";
const UPSTREAM_ERROR: &str = "canary-of-the-provider-Tt5u";

#[tokio::test]
async fn no_log_holds_a_prompt_an_answer_a_token_or_a_key() {
    let said = || UpstreamScript::sse().role().text(ANSWER);
    let error = json!({"error": {"message": UPSTREAM_ERROR}});
    let upstream = ScriptedUpstream::queue([
        said().finish("stop").done(),
        said().cut_rst(),
        said().data(&error),
        said().data_text(UPSTREAM_ERROR),
        UpstreamScript::error(400, "bad", UPSTREAM_ERROR),
        said().stall(),
        UpstreamScript::error(401, "bad", UPSTREAM_ERROR),
    ]);
    let upstream = upstream.await.unwrap();
    let home = Home::new(Config::scripted(&upstream).logging("trace"));
    let server = home.serve().await;
    let token = home.token("acme", "ada").await;
    let client = Client::new(server.address, &token);

    let body = json!({"input": PROMPT, "instructions": INSTRUCTIONS, "stream": true});
    let request = Request::post("/v1/responses", body);
    for _ in 0..5 {
        client.whole(&request).await;
    }
    let mut leaving = client.open(&request).await;
    leaving.read_until(ANSWER).await;
    leaving.leave(Leave::Reset).await;
    client.whole(&request).await;
    client.post("/v1/responses", json!({"input": PROMPT, "temperature": PROMPT})).await;
    client.post("/v1/responses", json!({"input": format!("{PROMPT}\0")})).await;
    client.get(&format!("/v1/responses/{PROMPT}?access_token={token}")).await;
    let wrong = format!("{token}x");
    assert_eq!(Client::new(server.address, &wrong).get("/v1/models").await.status, 401);

    let output = server.kill().await;
    assert!(output.contains("/v1/responses"), "it logs nothing: {output}");
    let signature = token.rsplit('.').next().unwrap();
    for canary in [PROMPT, ANSWER, INSTRUCTIONS, UPSTREAM_ERROR, PROVIDER_KEY, signature] {
        let line = output.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "the log holds {canary}");
    }
}
