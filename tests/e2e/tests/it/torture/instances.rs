//! Two servers that know each other only by their database.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use loquat_testkit::{ClosedBy, Gate, ResponsesStreamChecker, ScriptedUpstream, UpstreamScript};
use serde_json::json;
use tokio::task::JoinSet;

use super::thread::{code, frames, text_of};
use crate::harness::{Client, Config, Exchange, Format, Home, Request, SOON, Server, Store, soon};

/// What is said at one server is heard at the other within about a second: that long it may take
/// until it is stored, and the other one looks for it four times a second.
const HEARD: Duration = Duration::from_secs(3);

/// After its process has died, a turn is ended by the other one within this time.
const RECOVERED: Duration = Duration::from_secs(10);

struct Two {
    upstream: ScriptedUpstream,
    gate: Gate,
    home: Home,
    left: Server,
    _right: Server,
    at_left: Client,
    at_right: Client,
}

/// The provider says a word whenever the gate opens, for as long as it does.
async fn two() -> Two {
    let gate = Gate::default();
    let say = |script: UpstreamScript, number| script.wait(&gate).text(&format!("word{number} "));
    let script = (0..60).fold(UpstreamScript::sse().role(), say);
    let script = script.wait(&gate).finish("stop").usage(10, 60).done();
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let home = Home::on(Store::Postgres, Config::scripted(&upstream)).await;
    let (left, right) = (home.serve().await, home.serve().await);
    let (at_left, at_right) = (home.client(&left).await, home.client(&right).await);
    Two { upstream, gate, home, left, _right: right, at_left, at_right }
}

impl Two {
    /// A turn that has said its first word at the first server.
    async fn begun(&self) -> (Exchange, String, String) {
        let conversation = self.at_left.conversation().await;
        let request = Format::Responses.ask_in("Tell me.", &json!(conversation));
        let mut exchange = self.at_left.open(&request).await;
        self.gate.open();
        exchange.read_until("word0 ").await;
        let id = exchange.response_id();
        (exchange, id, conversation)
    }

    async fn assert_provider_was_left(&self) {
        let closed = self.upstream.wait_request_closed(0, SOON).await;
        assert_eq!(closed.expect("the provider works on").by, ClosedBy::Client);
    }
}

#[tokio::test]
async fn a_turn_at_one_server_is_followed_at_the_other_byte_for_byte_while_it_runs() {
    let two = two().await;
    let (mut first, id, _) = two.begun().await;
    let follow = Request::new("GET", format!("/v1/responses/{id}?stream=true"));
    let mut second = two.at_right.open(&follow).await;
    for number in 1..60 {
        two.gate.open();
        first.read_until(&format!("word{number} ")).await;
        if number % 20 == 0 {
            let said = Instant::now();
            second.read_until(&format!("word{number} ")).await;
            assert!(said.elapsed() < HEARD, "heard after {:?}", said.elapsed());
        }
    }
    let mut third =
        two.at_right.open(&Request::new("GET", format!("{}&starting_after=9", follow.path))).await;
    two.gate.open();
    for exchange in [&mut first, &mut second, &mut third] {
        assert!(exchange.read_to_end().await);
    }
    ResponsesStreamChecker::check(first.bytes()).unwrap();
    assert_eq!(second.text(), first.text());
    let rest: Vec<_> = frames(first.bytes()).skip(10).flatten().copied().collect();
    assert_eq!(third.bytes(), rest);
}

#[tokio::test]
async fn a_turn_at_one_server_locks_its_conversation_at_the_other_and_is_stopped_from_there() {
    let two = two().await;
    let (first, id, conversation) = two.begun().await;
    let more = Format::Responses.ask_in("And?", &json!(conversation));
    let refused = two.at_right.whole(&more).await;
    assert_eq!((refused.status, code(&refused).as_str()), (409, "conversation_locked"));
    assert!(two.at_right.open(&more).await.header("retry-after").is_some());

    let stopped = two.at_right.posted(&format!("/v1/responses/{id}/cancel"), json!({})).await;
    assert_eq!(stopped["status"], "cancelled");
    assert_eq!(text_of(&stopped), "word0 ");
    let said = Format::Responses.read(first).await;
    assert_eq!(said.last, stopped, "told at one and at the other");
    two.assert_provider_was_left().await;
    two.gate.open();
    let mut next = two.at_right.open(&more).await;
    assert_eq!(next.status(), 200, "the conversation is free");
    next.read_until("word0 ").await;
}

#[tokio::test]
async fn a_turn_that_is_deleted_at_the_other_server_stops_and_stays_away() {
    let two = two().await;
    let (mut first, id, conversation) = two.begun().await;
    let path = format!("/v1/conversations/{conversation}");
    let deleted = two.at_right.whole(&Request::new("DELETE", path.as_str())).await;
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    two.assert_provider_was_left().await;
    first.read_to_end().await;
    for client in [&two.at_left, &two.at_right] {
        for path in [&path, &format!("{path}/items"), &format!("/v1/responses/{id}")] {
            assert_eq!(client.get(path).await.status, 404, "{path}");
        }
    }
}

/// With the lease that nobody has changed.
#[tokio::test]
async fn a_turn_of_a_server_that_was_killed_is_ended_by_the_other_within_ten_seconds() {
    let two = two().await;
    let (first, id, conversation) = two.begun().await;
    let follow = Request::new("GET", format!("/v1/responses/{id}?stream=true"));
    let mut second = two.at_right.open(&follow).await;
    second.read_until("word0 ").await;
    let killed = Instant::now();
    two.left.kill().await;
    drop(first);
    let said = Format::Responses.read(second).await;
    assert!(killed.elapsed() <= RECOVERED, "it took {:?}", killed.elapsed());
    assert_eq!((said.status.as_str(), said.text.as_str()), ("incomplete", "word0 "));
    assert_eq!(said.why.as_deref(), Some("server_restart"));
    let more = Format::Responses.ask_in("Are you there?", &json!(conversation));
    two.gate.open();
    let mut next = two.at_right.open(&more).await;
    assert_eq!(next.status(), 200, "the conversation is free");
    next.read_until("word0 ").await;
}

/// A machine that swaps, or a laptop that was closed: the process comes back and does not know that
/// it was taken for dead.
#[tokio::test]
async fn a_server_that_was_frozen_does_not_overwrite_how_the_other_ended_its_turn() {
    let two = two().await;
    let (first, id, conversation) = two.begun().await;
    let follow = Request::new("GET", format!("/v1/responses/{id}?stream=true"));
    let mut second = two.at_right.open(&follow).await;
    second.read_until("word0 ").await;
    two.left.signal("STOP").await;
    let said = Format::Responses.read(second).await;
    assert_eq!(said.why.as_deref(), Some("server_restart"));
    two.left.signal("CONT").await;
    two.gate.open();
    two.assert_provider_was_left().await;
    // It tells its own client what is stored, and not what it would have stored.
    let told = first.answer().await;
    assert!(told.text().contains("\"reason\":\"server_restart\""), "{}", told.text());
    let stored = two.at_right.found(&format!("/v1/responses/{id}")).await;
    assert_eq!(stored, said.last);
    for client in [&two.at_left, &two.at_right] {
        let items = client.items(&conversation).await;
        assert_eq!(items[1..], [("assistant".to_owned(), said.text.clone())]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_requests_with_one_key_at_two_servers_one_is_carried_out() {
    let two = two().await;
    let mut asking = JoinSet::new();
    for number in 0..50 {
        let client = if number % 2 == 0 { &two.at_left } else { &two.at_right }.clone();
        asking.spawn(async move {
            let request = Format::Responses.ask("Only once.").once("only-once");
            client.open(&request).await
        });
    }
    let mut answered = Vec::new();
    for exchange in asking.join_all().await {
        match exchange.status() {
            200 => answered.push(exchange),
            409 => assert!(exchange.header("retry-after").is_some()),
            status => panic!("{status}"),
        }
    }
    assert_eq!(answered.len(), 1, "so many were carried out");
    let path = format!("/v1/responses/{}/cancel", {
        let exchange = &mut answered[0];
        exchange.read_until("response.in_progress").await;
        exchange.response_id()
    });
    two.at_right.posted(&path, json!({})).await;
    let rows = two.home.data().rows().await;
    let kept = rows.iter().filter(|row| row.table == "items" && row.text.contains("Only once."));
    assert_eq!(kept.count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_messages_that_race_at_two_servers_exactly_one_is_answered() {
    const PAIRS: usize = 50;
    // Each message has a gate of its own: the provider may have been asked for the one that loses,
    // too.
    let messages: Vec<_> =
        (0..PAIRS).map(|pair| ["left", "right"].map(|place| format!("{place} {pair}"))).collect();
    let gates: HashMap<String, Gate> =
        messages.iter().flatten().map(|message| (message.clone(), Gate::default())).collect();
    let known = gates.clone();
    let upstream = ScriptedUpstream::choosing(move |request| {
        let body = request.json();
        let last = &body["messages"].as_array().unwrap().last().unwrap()["content"];
        let gate = &known[last.as_str().unwrap()];
        UpstreamScript::sse().role().text("Yes.").wait(gate).finish("stop").usage(10, 1).done()
    });
    let upstream = upstream.await.unwrap();
    let home = Home::on(Store::Postgres, Config::scripted(&upstream)).await;
    let (left, right) = (home.serve().await, home.serve().await);
    let (at_left, at_right) = (home.client(&left).await, home.client(&right).await);
    let conversation = at_left.conversation().await;
    let mut told = Vec::new();
    for pair in &messages {
        let asked = pair.each_ref().map(|it| Format::Responses.ask_in(it, &json!(conversation)));
        let (one, other) = soon("both are decided", async {
            tokio::join!(at_left.open(&asked[0]), at_right.open(&asked[1]))
        })
        .await;
        let statuses = (one.status(), other.status());
        let (won, lost, message) = match statuses {
            (200, 409) => (one, other, &pair[0]),
            (409, 200) => (other, one, &pair[1]),
            _ => panic!("{pair:?}: {statuses:?}"),
        };
        assert!(lost.header("retry-after").is_some());
        gates[message].open();
        assert_eq!(Format::Responses.read(won).await.status, "completed");
        told.extend([
            ("user".to_owned(), message.clone()),
            ("assistant".to_owned(), "Yes.".to_owned()),
        ]);
    }
    let path = format!("/v1/conversations/{conversation}/items?order=asc&limit=100");
    for client in [&at_left, &at_right] {
        let items = client.found(&path).await;
        assert_eq!(items["has_more"], false);
        assert_eq!(client.items(&conversation).await, told);
    }
}
