//! The official OpenAI SDKs as clients of the real binary: a test a scenario file of `tests/sdk`.

use std::{path::PathBuf, process::Stdio};

use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::json;
use tokio::process::Command;

use crate::harness::{Config, Home, repository};

/// Runs a scenario against a server of its own, and returns what it printed.
async fn run(mut scenario: Command) -> String {
    let upstream = ScriptedUpstream::choosing(|request| match request.model().as_str() {
        "limited" => UpstreamScript::error(429, "rate_limit_exceeded", "slow down"),
        _ => UpstreamScript::sse()
            .role()
            .text("Half of ")
            .data(&json!({"error": {"message": "it broke", "type": "server_error"}})),
    });
    let upstream = upstream.await.unwrap();
    let config = Config::none()
        .provider("busy", &format!("base_url = \"{}\"", upstream.base_url()))
        .model("limited", "busy")
        .provider("breaking", &format!("base_url = \"{}\"", upstream.base_url()))
        .model("broken", "breaking")
        .table("[providers.slow]\nkind = \"echo\"\ninter_token_delay_ms = 50")
        .model("slow", "slow");
    let home = Home::new(config);
    let server = home.serve().await;
    let output = scenario
        .env("LOQUAT_URL", server.url())
        .env("LOQUAT_TOKEN", home.token("acme", "ada").await)
        .env("LOQUAT_STRANGER_TOKEN", home.token("globex", "eve").await)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = output.await.unwrap_or_else(|error| {
        panic!("{error}: the SDKs are not there; `scripts/test` installs them")
    });
    let printed = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    let printed = printed.concat();
    assert!(output.status.success(), "{printed}\n{}", server.output());
    printed
}

fn sdk(path: &str) -> PathBuf {
    let path = repository().join("tests/sdk").join(path);
    assert!(path.exists(), "{} is not there; `scripts/test` installs it", path.display());
    path
}

async fn python(scenario: &str) {
    let mut command = Command::new(sdk("python/.venv/bin/python"));
    command.current_dir(sdk("python")).args(["-B", "-m", "unittest", "-v", scenario]);
    let printed = run(command).await;
    assert!(printed.contains(" ... ok"), "no test ran: {printed}");
    assert!(!printed.contains("skipped"), "{printed}");
}

async fn node(scenario: &str) {
    sdk("node/node_modules/openai");
    let mut command = Command::new("node");
    command.current_dir(sdk("node")).args(["--test", "--test-reporter=tap", scenario]);
    let printed = run(command).await;
    assert!(!printed.contains("# pass 0\n"), "no test ran: {printed}");
    assert!(printed.contains("# skipped 0\n"), "{printed}");
}

#[tokio::test]
async fn python_responses() {
    python("test_responses").await;
}

#[tokio::test]
async fn python_conversations() {
    python("test_conversations").await;
}

#[tokio::test]
async fn python_chat_completions() {
    python("test_chat_completions").await;
}

#[tokio::test]
async fn python_models() {
    python("test_models").await;
}

#[tokio::test]
async fn python_errors() {
    python("test_errors").await;
}

#[tokio::test]
async fn node_responses() {
    node("responses.test.mjs").await;
}

#[tokio::test]
async fn node_conversations() {
    node("conversations.test.mjs").await;
}

#[tokio::test]
async fn node_chat_completions() {
    node("chat_completions.test.mjs").await;
}

#[tokio::test]
async fn node_models() {
    node("models.test.mjs").await;
}

#[tokio::test]
async fn node_errors() {
    node("errors.test.mjs").await;
}
