//! A client that goes away stops the model, whatever the turn is waiting for at that moment. The
//! provider's own record tells when its socket was closed.

use std::time::{Duration, Instant};

use loquat_testkit::{ClosedBy, ScriptedUpstream, UpstreamScript};
use serde_json::{Value, json};

use crate::harness::{
    Client, Config, Exchange, Format, FullQueue, Home, Leave, Request, SOON, Server,
};

/// Within this time after the client has gone, the provider must see that it is not needed.
const NOTICED: Duration = Duration::from_secs(1);

/// A turn of a scripted provider, streaming to a client.
struct Running {
    upstream: ScriptedUpstream,
    _home: Home,
    _server: Server,
    client: Client,
    exchange: Exchange,
}

/// Starts a turn and returns once the provider has its request.
async fn running(script: UpstreamScript, format: Format) -> Running {
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let home = Home::new(Config::scripted(&upstream));
    let server = home.serve().await;
    let client = home.client(&server).await;
    let exchange = client.send(&format.ask("Hi")).await;
    assert!(upstream.wait_for_requests(1, SOON).await, "the provider was never asked");
    Running { upstream, _home: home, _server: server, client, exchange }
}

async fn streaming(script: UpstreamScript) -> Running {
    let mut running = running(script, Format::Responses).await;
    running.exchange.read_head().await;
    running.exchange.read_until("response.in_progress").await;
    running
}

/// Asserts that the provider's connection is closed soon after `left`, by us.
async fn assert_stopped(upstream: &ScriptedUpstream, left: Instant) {
    let closed = upstream.wait_request_closed(0, SOON).await.expect("the provider works on");
    assert_eq!(closed.by, ClosedBy::Client);
    let took = closed.at.saturating_duration_since(left);
    assert!(took <= NOTICED, "the provider worked on for {took:?}");
}

/// The response once it has ended.
async fn ended(client: &Client, id: &str) -> Value {
    let asked = Instant::now();
    loop {
        let response = client.found(&format!("/v1/responses/{id}")).await;
        if response["status"] != "in_progress" {
            return response;
        }
        assert!(asked.elapsed() < SOON, "it never ends: {response}");
    }
}

fn text_of(response: &Value) -> &str {
    response["output"][0]["content"][0]["text"].as_str().unwrap_or_default()
}

/// Leaves a stream at which nothing more happens, and checks that `said` is what is stored.
async fn leaving_stops_the_model(script: UpstreamScript, said: &str, how: Leave) {
    let mut running = streaming(script).await;
    running.exchange.read_until(last_word(said)).await;
    let id = running.exchange.response_id();
    let left = Instant::now();
    let _gone = running.exchange.leave(how).await;
    assert_stopped(&running.upstream, left).await;
    let response = ended(&running.client, &id).await;
    assert_cancelled(&response);
    assert_eq!(text_of(&response), said);
    assert_eq!(response["usage"]["output_tokens"].as_u64().unwrap() > 0, !said.is_empty());
}

fn last_word(said: &str) -> &str {
    said.split(' ').next_back().unwrap()
}

fn assert_cancelled(response: &Value) {
    assert_eq!(response["status"], "cancelled", "{response}");
    assert!(response["usage"]["input_tokens"].as_u64().unwrap() > 0, "{response}");
    assert!(response["completed_at"].is_number(), "{response}");
}

/// One test a way to leave.
macro_rules! by_close_and_by_reset {
    ($($name:ident: $scenario:expr;)+) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn by_close() {
                ($scenario)(Leave::Close).await;
            }

            #[tokio::test]
            async fn by_reset() {
                ($scenario)(Leave::Reset).await;
            }
        }
    )+};
}

by_close_and_by_reset! {
    leaving_while_the_provider_is_being_connected_cancels: while_connecting;
    leaving_before_the_providers_headers_stops_the_model: async |how| {
        leaving_stops_the_model(UpstreamScript::silence(), "", how).await;
    };
    leaving_before_the_first_token_stops_the_model: async |how| {
        leaving_stops_the_model(UpstreamScript::sse().role().stall(), "", how).await;
    };
    leaving_in_a_stall_after_some_tokens_stops_the_model: async |how| {
        let script = UpstreamScript::sse().role().text("one ").text("two ").text("three").stall();
        leaving_stops_the_model(script, "one two three", how).await;
    };
    leaving_between_the_last_token_and_the_finish_stops_the_model: async |how| {
        let script = UpstreamScript::answer(["all ", "said"]);
        let without_its_end = UpstreamScript::new(script.steps()[..4].to_vec()).stall();
        leaving_stops_the_model(without_its_end, "all said", how).await;
    };
    leaving_in_the_middle_of_a_flow_of_tokens_stops_the_model: in_a_flow;
    leaving_before_anything_was_answered_stops_the_model: before_the_stream_opens;
    leaving_while_waiting_for_a_whole_answer_stops_the_model: while_waiting_for_a_whole_answer;
    leaving_a_completion_stops_the_model: async |how| {
        leaving_another_format(Format::Completions, how).await;
    };
    leaving_bare_text_stops_the_model: async |how| {
        leaving_another_format(Format::Text, how).await;
    };
    leaving_lines_of_json_stops_the_model: async |how| {
        leaving_another_format(Format::Lines, how).await;
    };
}

/// The provider's address takes no connection: its queue of those that wait is full.
async fn while_connecting(how: Leave) {
    let full = FullQueue::new();
    let home = Home::new(Config::scripted_at(&full.base_url()));
    let server = home.serve().await;
    let client = home.client(&server).await;
    let mut exchange = client.open(&Format::Responses.ask("Hi")).await;
    exchange.read_until("response.in_progress").await;
    let id = exchange.response_id();
    let left = Instant::now();
    let _gone = exchange.leave(how).await;
    let response = ended(&client, &id).await;
    assert!(left.elapsed() <= NOTICED, "it took {:?}", left.elapsed());
    assert_cancelled(&response);
}

async fn in_a_flow(how: Leave) {
    let words: Vec<String> = (0..2_000).map(|number| format!("word{number} ")).collect();
    let mut script = UpstreamScript::sse().role();
    for word in &words {
        script = script.text(word).delay(Duration::from_millis(5));
    }
    let mut running = streaming(script.finish("stop").done()).await;
    running.exchange.read_until("word20 ").await;
    let id = running.exchange.response_id();
    let left = Instant::now();
    let _gone = running.exchange.leave(how).await;
    assert_stopped(&running.upstream, left).await;
    let response = ended(&running.client, &id).await;
    assert_cancelled(&response);
    let stored = text_of(&response);
    assert!(words.concat().starts_with(stored), "{stored:?}");
    assert!(stored.contains("word20 "), "shown and not stored: {stored:?}");
    assert!(response["usage"]["output_tokens"].as_u64().unwrap() > 0, "{response}");
}

/// The client has not even got the head of its answer.
async fn before_the_stream_opens(how: Leave) {
    let upstream =
        ScriptedUpstream::queue([UpstreamScript::silence(), UpstreamScript::answer(["second"])]);
    let upstream = upstream.await.unwrap();
    let home = Home::new(Config::scripted(&upstream));
    let server = home.serve().await;
    let client = home.client(&server).await;
    let conversation = client.conversation().await;
    let request = Format::Responses.ask_in("first", &json!(conversation));
    let exchange = client.send(&request).await;
    assert!(upstream.wait_for_requests(1, SOON).await, "the provider was never asked");
    let left = Instant::now();
    let _gone = exchange.leave(how).await;
    assert_stopped(&upstream, left).await;

    let next = json!({"input": "again", "conversation": conversation});
    let answer = unlocked(&client, &next).await;
    assert_eq!(answer["status"], "completed");
    let items = client.items(&conversation).await;
    let items: Vec<_> = items.iter().map(|(role, text)| (role.as_str(), text.as_str())).collect();
    assert_eq!(items, [("user", "first"), ("user", "again"), ("assistant", "second")]);
}

/// Posts a turn as soon as the conversation is free.
async fn unlocked(client: &Client, body: &Value) -> Value {
    let asked = Instant::now();
    loop {
        let answer = client.post("/v1/responses", body.clone()).await;
        if answer.status != 409 {
            assert_eq!(answer.status, 200, "{}", answer.text());
            return answer.json();
        }
        assert!(asked.elapsed() < SOON, "the conversation stays locked");
    }
}

async fn while_waiting_for_a_whole_answer(how: Leave) {
    let upstream = ScriptedUpstream::queue([
        UpstreamScript::sse().role().text("half of").stall(),
        UpstreamScript::answer(["whole"]),
    ]);
    let upstream = upstream.await.unwrap();
    let home = Home::new(Config::scripted(&upstream));
    let server = home.serve().await;
    let client = home.client(&server).await;
    let conversation = client.conversation().await;
    let body = json!({"input": "first", "conversation": conversation});
    let exchange = client.send(&Request::post("/v1/responses", body)).await;
    assert!(upstream.wait_for_requests(1, SOON).await, "the provider was never asked");
    let left = Instant::now();
    let _gone = exchange.leave(how).await;
    assert_stopped(&upstream, left).await;
    unlocked(&client, &json!({"input": "again", "conversation": conversation})).await;
}

async fn leaving_another_format(format: Format, how: Leave) {
    let script = UpstreamScript::sse().role().text("one ").text("two").stall();
    let mut running = running(script, format).await;
    running.exchange.read_head().await;
    running.exchange.read_until("two").await;
    let left = Instant::now();
    let _gone = running.exchange.leave(how).await;
    assert_stopped(&running.upstream, left).await;
}
