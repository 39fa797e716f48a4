//! Starting: with nothing configured, again, and asked for a token.

use serde_json::json;
use tokio::process::Command;

use crate::harness::{Client, Config, Home, soon};

/// The command that a newcomer is told to paste, from what the server printed.
fn curl_line(output: &str) -> String {
    let (_, after) = output.split_once("curl ").expect("a line to paste");
    let mut lines = Vec::new();
    for line in after.lines() {
        lines.push(line.trim_end_matches('\\'));
        if !line.ends_with('\\') {
            break;
        }
    }
    format!("curl {}", lines.concat())
}

fn token(curl_line: &str) -> String {
    let (_, after) = curl_line.split_once("Bearer ").expect("a token");
    after.chars().take_while(|c| c.is_ascii_graphic() && !['"', '\''].contains(c)).collect()
}

#[tokio::test]
async fn what_it_prints_lets_a_newcomer_chat() {
    let home = Home::new(Config::none());
    let server = home.serve().await;
    let line = curl_line(&server.output());
    let mut shell = Command::new("sh");
    let answer = soon("curl answers", shell.args(["-c", &line]).output()).await.unwrap();
    assert!(answer.status.success(), "{line}: {}", String::from_utf8_lossy(&answer.stderr));
    let shown = String::from_utf8(answer.stdout).unwrap();
    assert!(!shown.trim().is_empty(), "{line}");
    assert!(line.contains(shown.trim()), "the echo says what it was told: {shown:?} {line}");
    assert!(server.output().contains("/docs"), "{}", server.output());
}

#[tokio::test]
async fn the_second_start_has_the_same_data_and_believes_the_same_token() {
    let home = Home::new(Config::none());
    let server = home.serve().await;
    let token = token(&curl_line(&server.output()));
    let client = Client::new(server.address, &token);
    let conversation = client.conversation().await;
    let body = json!({"message": "Keep this.", "conversation_id": conversation});
    assert_eq!(client.post("/chat/stream", body).await.text(), "Keep this.");
    server.kill().await;

    let server = home.serve().await;
    let client = Client::new(server.address, &token);
    let kept = |role: &str| (role.to_owned(), "Keep this.".to_owned());
    assert_eq!(client.items(&conversation).await, [kept("user"), kept("assistant")]);
}

#[tokio::test]
async fn a_minted_token_is_believed() {
    let home = Home::new(Config::none());
    let server = home.serve().await;
    let client = home.client(&server).await;
    assert_eq!(client.get("/v1/models").await.status, 200);
    let stranger = Client::new(server.address, "not-a-token");
    assert_eq!(stranger.get("/v1/models").await.status, 401);
}
