//! The examples do what they say: two turns of one conversation, each answer shown.

use std::process::Stdio;

use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::{Client, Config, Format, Home, Server, built, repository, soon};

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

/// One of the workspace's own example programs, which keeps its data in that folder.
fn program(name: &str, folder: &TempDir) -> Command {
    let mut command = Command::new(built(&format!("examples/{name}")));
    command.env_clear().env("TMPDIR", folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

#[tokio::test]
async fn a_program_without_http_chats_with_a_model_of_its_own() {
    let folder = TempDir::new().unwrap();
    let output = program("own_provider", &folder).output();
    let output = soon("the example ends", output).await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(shown, "You have asked me 1 times.\nYou have asked me 2 times.\n");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "it leaves something behind");
}

#[tokio::test]
async fn an_application_serves_loquat_beside_its_own_routes() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(program("embed", &folder)).await;
    let token = server.line_after_address().await;
    let client = Client::new(server.address, &token);
    let hello = client.get("/hello").await;
    assert_eq!(hello.text(), "Hello from the application around Loquat.\n");
    let said = Format::Lines.read(client.open(&Format::Lines.ask("Are you in there?")).await).await;
    assert_eq!(said.text, "Are you in there?");
    server.terminate().await;
    assert!(server.stopped().await.success());
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "it leaves something behind");
}
