//! The examples do what they say: two turns of one conversation, each answer shown.

use std::process::Stdio;

use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use tokio::process::Command;

use crate::harness::{Config, Home, repository, soon};

const CHAT: &str = "\
> My name is Ada.
Nice to meet you, Ada!
> What is my name?
It is Ada.
";

async fn chats(program: &str, example: &str) {
    let upstream = ScriptedUpstream::queue([
        UpstreamScript::answer(["Nice to ", "meet you, ", "Ada!"]),
        UpstreamScript::answer(["It is ", "Ada."]),
    ]);
    let upstream = upstream.await.unwrap();
    let home = Home::new(Config::scripted(&upstream));
    let server = home.serve().await;
    let output = Command::new(program)
        .arg(repository().join("examples").join(example))
        .env("LOQUAT_URL", server.url())
        .env("LOQUAT_TOKEN", home.token("acme", "ada").await)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = soon("the example ends", output).await.unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        CHAT,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success());
    let history = upstream.requests()[1].json();
    assert_eq!(history["messages"].as_array().unwrap().len(), 3, "{history}");
}

#[tokio::test]
async fn the_chat_with_curl() {
    chats("sh", "chat.sh").await;
}

#[tokio::test]
async fn the_chat_with_python() {
    let python = repository().join("tests/sdk/python/.venv/bin/python");
    assert!(python.exists(), "{} is not there; `scripts/test` installs it", python.display());
    chats(python.to_str().unwrap(), "chat.py").await;
}

#[tokio::test]
async fn the_chat_with_node() {
    chats("node", "chat.mjs").await;
}
