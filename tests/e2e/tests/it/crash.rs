//! `kill -9` in the middle of an answer: what was promised is there after the restart.

use std::time::{Duration, Instant};

use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::{Value, json};

use crate::harness::{Client, Config, Exchange, Format, Home};

/// What is shown is stored within this time, give or take one round of writing.
const CHECKPOINT: Duration = Duration::from_millis(1_250);

/// For how long a dead process counts as alive.
const LEASE: &str = "[limits]\nlease_ms = 2_000";

/// What a dead process left undone is ended within ten seconds after its lease.
const RECOVERED: Duration = Duration::from_secs(12);

fn words() -> Vec<String> {
    (0..5_000).map(|number| format!("word{number} ")).collect()
}

/// An answer that goes on for longer than the test.
fn endless() -> UpstreamScript {
    let script = UpstreamScript::sse().role();
    words().iter().fold(script, |script, word| script.text(word).delay(Duration::from_millis(10)))
}

fn deltas(exchange: &Exchange) -> String {
    let body = exchange.text();
    let deltas = body.split("\"delta\":\"").skip(1);
    deltas.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn a_killed_server_keeps_what_it_showed_and_goes_on() {
    let upstream = ScriptedUpstream::queue([endless(), UpstreamScript::answer(["Still here."])]);
    let upstream = upstream.await.unwrap();
    let home = Home::new(Config::scripted(&upstream).table(LEASE));
    let server = home.serve().await;
    let client = home.client(&server).await;
    let conversation = client.conversation().await;
    let request = Format::Responses.ask_in("Tell me all.", &json!(conversation));
    let mut exchange = client.open(&request).await;

    exchange.read_until("word20 ").await;
    let shown_early = deltas(&exchange);
    let shown_at = Instant::now();
    while shown_at.elapsed() < CHECKPOINT {
        exchange.read_until(&format!("word{} ", deltas(&exchange).split(' ').count())).await;
    }
    let id = exchange.response_id();
    server.kill().await;

    let server = home.serve().await;
    let client = home.client(&server).await;
    let response = recovered(&client, &id).await;
    assert_eq!(response["status"], "incomplete");
    assert_eq!(response["incomplete_details"]["reason"], "server_restart");
    let stored = response["output"][0]["content"][0]["text"].as_str().unwrap();
    assert!(words().concat().starts_with(stored), "no prefix of what was said: {stored:?}");
    assert!(stored.starts_with(&shown_early), "shown and lost: {shown_early:?} {stored:?}");

    let next = json!({"input": "Are you there?", "conversation": conversation});
    client.posted("/v1/responses", next).await;
    let items = client.items(&conversation).await;
    let expected = [
        ("user", "Tell me all."),
        ("assistant", stored),
        ("user", "Are you there?"),
        ("assistant", "Still here."),
    ];
    let items: Vec<_> = items.iter().map(|(role, text)| (role.as_str(), text.as_str())).collect();
    assert_eq!(items, expected);
}

/// The response once a restarted server has brought it to its end.
async fn recovered(client: &Client, id: &str) -> Value {
    let restarted = Instant::now();
    loop {
        let response = client.found(&format!("/v1/responses/{id}")).await;
        if response["status"] != "in_progress" {
            return response;
        }
        assert!(restarted.elapsed() < RECOVERED, "nobody ends it: {response}");
    }
}

#[tokio::test]
async fn many_kills_at_any_moment_lose_no_message_that_was_answered() {
    let upstream = ScriptedUpstream::always(endless()).await.unwrap();
    let home = Home::new(Config::scripted(&upstream));
    let mut answered = Vec::new();
    for round in 0..8 {
        let server = home.serve().await;
        let client = home.client(&server).await;
        let conversation = client.conversation().await;
        let message = format!("message of round {round}");
        let request = Format::Text.ask_in(&message, &json!(conversation));
        let mut exchange = client.open(&request).await;
        exchange.read_until(&format!("word{round} ")).await;
        server.kill().await;
        answered.push((conversation, message));
    }
    let server = home.serve().await;
    let client = home.client(&server).await;
    for (conversation, message) in answered {
        let items = client.items(&conversation).await;
        assert_eq!(items[0], ("user".to_owned(), message));
    }
}

#[tokio::test]
async fn a_stopped_server_ends_its_answers_in_order() {
    let upstream = ScriptedUpstream::always(endless()).await.unwrap();
    let home = Home::new(Config::scripted(&upstream).table("[server]\ndrain_timeout_ms = 200"));
    let server = home.serve().await;
    let client = home.client(&server).await;
    let mut exchange = client.open(&Format::Responses.ask("Go on")).await;
    exchange.read_until("word5 ").await;
    server.terminate().await;
    let said = Format::Responses.read(exchange).await;
    assert_eq!(said.status, "incomplete");
    assert_eq!(said.why.as_deref(), Some("server_shutdown"));
    assert!(server.stopped().await.success());
}
