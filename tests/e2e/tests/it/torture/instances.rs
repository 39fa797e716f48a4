//! Two servers that know each other only by their database.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use loquat_testkit::{ClosedBy, Gate, ResponsesStreamChecker, ScriptedUpstream, UpstreamScript};
use serde_json::json;

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
    _home: Home,
    here: Server,
    _there: Server,
    at_here: Client,
    at_there: Client,
}

/// The provider says a word whenever the gate opens, for as long as it does.
async fn two() -> Two {
    let gate = Gate::default();
    let say = |script: UpstreamScript, number| script.wait(&gate).text(&format!("word{number} "));
    let script = (0..60).fold(UpstreamScript::sse().role(), say);
    let script = script.wait(&gate).finish("stop").usage(10, 60).done();
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let home = Home::on(Store::Postgres, Config::scripted(&upstream)).await;
    let (here, there) = (home.serve().await, home.serve().await);
    let (at_here, at_there) = (home.client(&here).await, home.client(&there).await);
    Two { upstream, gate, _home: home, here, _there: there, at_here, at_there }
}

impl Two {
    /// A turn that has said its first word at the first server.
    async fn begun(&self) -> (Exchange, String, String) {
        let conversation = self.at_here.conversation().await;
        let request = Format::Responses.ask_in("Tell me.", &json!(conversation));
        let mut exchange = self.at_here.open(&request).await;
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
    let mut second = two.at_there.open(&follow).await;
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
        two.at_there.open(&Request::new("GET", format!("{}&starting_after=9", follow.path))).await;
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
    let refused = two.at_there.whole(&more).await;
    assert_eq!((refused.status, code(&refused).as_str()), (409, "conversation_locked"));
    assert!(two.at_there.open(&more).await.header("retry-after").is_some());

    let stopped = two.at_there.posted(&format!("/v1/responses/{id}/cancel"), json!({})).await;
    assert_eq!(stopped["status"], "cancelled");
    assert_eq!(text_of(&stopped), "word0 ");
    let said = Format::Responses.read(first).await;
    assert_eq!(said.last, stopped, "told at one and at the other");
    two.assert_provider_was_left().await;
    two.gate.open();
    let mut next = two.at_there.open(&more).await;
    assert_eq!(next.status(), 200, "the conversation is free");
    next.read_until("word0 ").await;
}

#[tokio::test]
async fn a_turn_that_is_deleted_at_the_other_server_stops_and_stays_away() {
    let two = two().await;
    let (mut first, id, conversation) = two.begun().await;
    let path = format!("/v1/conversations/{conversation}");
    let deleted = two.at_there.whole(&Request::new("DELETE", path.as_str())).await;
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    two.assert_provider_was_left().await;
    first.read_to_end().await;
    for client in [&two.at_here, &two.at_there] {
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
    let mut second = two.at_there.open(&follow).await;
    second.read_until("word0 ").await;
    let killed = Instant::now();
    two.here.kill().await;
    drop(first);
    let said = Format::Responses.read(second).await;
    assert!(killed.elapsed() <= RECOVERED, "it took {:?}", killed.elapsed());
    assert_eq!((said.status.as_str(), said.text.as_str()), ("incomplete", "word0 "));
    assert_eq!(said.why.as_deref(), Some("server_restart"));
    let more = Format::Responses.ask_in("Are you there?", &json!(conversation));
    two.gate.open();
    let mut next = two.at_there.open(&more).await;
    assert_eq!(next.status(), 200, "the conversation is free");
    next.read_until("word0 ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_messages_that_race_at_two_servers_exactly_one_is_answered() {
    const PAIRS: usize = 50;
    // Each message has a gate of its own: the provider may have been asked for the one that loses,
    // too.
    let messages: Vec<_> =
        (0..PAIRS).map(|pair| ["here", "there"].map(|place| format!("{place} {pair}"))).collect();
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
    let (here, there) = (home.serve().await, home.serve().await);
    let (at_here, at_there) = (home.client(&here).await, home.client(&there).await);
    let conversation = at_here.conversation().await;
    let mut told = Vec::new();
    for pair in &messages {
        let asked = pair.each_ref().map(|it| Format::Responses.ask_in(it, &json!(conversation)));
        let (one, other) = soon("both are decided", async {
            tokio::join!(at_here.open(&asked[0]), at_there.open(&asked[1]))
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
    for client in [&at_here, &at_there] {
        let items = client.found(&path).await;
        assert_eq!(items["has_more"], false);
        assert_eq!(client.items(&conversation).await, told);
    }
}
