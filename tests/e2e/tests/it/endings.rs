//! Every way in which an answer can end, in every format: exactly one end, its exact name, and the
//! same in the store.

use std::time::Duration;

use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::harness::{Client, Config, Format, FullQueue, Home, SOON, Said, Server};

/// Timers that a test can wait for.
const SHORT_TIMERS: &str = "first_token_timeout_ms = 500\nidle_timeout_ms = 500";

/// Further tries at once.
const QUICK_RETRIES: &str = "retry_delay_ms = 10";

/// The same failure is looked at in every format, oftener than its provider's guard would allow.
const ASKED_HOWEVER_OFTEN_IT_FAILS: &str = "[guards.scripted]\nfailures = 1000";

/// How an answer must end.
struct End {
    status: &'static str,
    /// Reason of an incomplete answer, code of a failed one.
    why: &'static str,
    /// What finish reason a completion has; `None` when it is an error.
    finish_reason: Option<&'static str>,
    /// True when bare text may end as if all had been said.
    text_is_whole: bool,
}

const SAID: &str = "Once upon a time";

fn story() -> UpstreamScript {
    UpstreamScript::sse().role().text("Once upon ").text("a time")
}

/// The provider's connection breaks.
const CUT: End = End {
    status: "incomplete",
    why: "upstream_disconnected",
    finish_reason: None,
    text_is_whole: false,
};

#[tokio::test]
async fn an_answer_that_the_provider_ends_without_a_reason_is_incomplete() {
    ends_everywhere(story().end(), CUT).await;
}

#[tokio::test]
async fn an_answer_that_the_provider_cuts_is_incomplete() {
    ends_everywhere(story().cut_fin(), CUT).await;
}

#[tokio::test]
async fn an_answer_that_the_provider_resets_is_incomplete() {
    ends_everywhere(story().cut_rst(), CUT).await;
}

#[tokio::test]
async fn an_answer_at_its_limit_is_incomplete() {
    let end = End {
        status: "incomplete",
        why: "max_output_tokens",
        finish_reason: Some("length"),
        text_is_whole: true,
    };
    ends_everywhere(story().finish("length").usage(9, 4).done(), end).await;
}

#[tokio::test]
async fn an_answer_that_was_filtered_is_incomplete() {
    let end = End {
        status: "incomplete",
        why: "content_filter",
        finish_reason: Some("content_filter"),
        text_is_whole: false,
    };
    ends_everywhere(story().finish("content_filter").usage(9, 4).done(), end).await;
}

#[tokio::test]
async fn an_error_in_the_middle_of_an_answer_fails_it() {
    let end =
        End { status: "failed", why: "provider_error", finish_reason: None, text_is_whole: false };
    let error = json!({"error": {"message": "boom", "type": "server_error", "code": null}});
    ends_everywhere(story().data(&error).cut_fin(), end).await;
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_for_too_long_fails() {
    let end = End {
        status: "failed",
        why: "provider_idle_timeout",
        finish_reason: None,
        text_is_whole: false,
    };
    ends_everywhere_with(story().stall(), SHORT_TIMERS, end).await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_in_all_fails() {
    let word = UpstreamScript::sse().text("again ").delay(Duration::from_millis(20));
    let words = word.steps()[1..].iter().cloned().cycle().take(10_000);
    let script = UpstreamScript::new(story().steps().iter().cloned().chain(words));
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let limit = Config::scripted(&upstream).table("[limits]\nturn_timeout_ms = 500");
    let home = Home::new(limit);
    let server = home.serve().await;
    let client = home.client(&server).await;
    let said = said(&client, Format::Responses).await;
    assert_eq!((said.status.as_str(), said.why.as_deref()), ("failed", Some("turn_timeout")));
    assert!(said.text.starts_with(SAID), "{}", said.text);
    assert!(upstream.wait_request_closed(0, SOON).await.is_some(), "the provider works on");
}

#[tokio::test]
async fn an_answer_that_is_no_protocol_fails() {
    let end = End {
        status: "failed",
        why: "provider_protocol",
        finish_reason: None,
        text_is_whole: false,
    };
    ends_everywhere(story().data_text("{not json").cut_fin(), end).await;
}

#[tokio::test]
async fn a_tool_call_completes_the_answer() {
    let script = UpstreamScript::sse().role().tool_call(0, "call_1", "weather");
    let script = script.arguments(0, "{\"city\":").arguments(0, "\"Oslo\"}");
    let script = script.finish("tool_calls").usage(9, 4).done();
    let (_upstream, _home, _server, client) = serving(script, "").await;
    let said = said(&client, Format::Responses).await;
    assert_eq!(said.status, "completed");
    let response = &said.last;
    let call = &response["output"][0];
    assert_eq!(call["type"], "function_call");
    assert_eq!(call["call_id"], "call_1");
    assert_eq!(call["name"], "weather");
    assert_eq!(call["arguments"], "{\"city\":\"Oslo\"}");
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let body = json!({"model": "scripted", "messages": messages});
    let completion = client.posted("/v1/chat/completions", body).await;
    assert_eq!(completion["choices"][0]["finish_reason"], "tool_calls");
    let function = &completion["choices"][0]["message"]["tool_calls"][0]["function"];
    assert_eq!(function["arguments"], "{\"city\":\"Oslo\"}");
}

async fn serving(
    script: UpstreamScript,
    settings: &str,
) -> (ScriptedUpstream, Home, Server, Client) {
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let base_url = format!("base_url = \"{}\"", upstream.base_url());
    let config = Config::none()
        .setting("default_model = \"scripted\"")
        .provider("scripted", &format!("{base_url}\n{settings}"))
        .table(ASKED_HOWEVER_OFTEN_IT_FAILS)
        .model("scripted", "scripted");
    let home = Home::new(config);
    let server = home.serve().await;
    let client = home.client(&server).await;
    (upstream, home, server, client)
}

async fn said(client: &Client, format: Format) -> Said {
    format.read(client.open(&format.ask("Hi")).await).await
}

async fn ends_everywhere(script: UpstreamScript, end: End) {
    ends_everywhere_with(script, "", end).await;
}

async fn ends_everywhere_with(script: UpstreamScript, settings: &str, end: End) {
    let (_upstream, _home, _server, client) = serving(script, settings).await;
    for format in [Format::Responses, Format::Lines, Format::ChatEvents] {
        let said = said(&client, format).await;
        assert_eq!(said.text, SAID, "{format:?}");
        assert_eq!(said.status, end.status, "{format:?}");
        assert_eq!(said.why.as_deref(), Some(end.why), "{format:?}");
        let id = said.last["id"].as_str().or(said.last["response_id"].as_str()).unwrap();
        let stored = client.found(&format!("/v1/responses/{id}")).await;
        assert_end(&stored, &end);
        if format == Format::Responses {
            assert_eq!(stored, said.last, "shown and stored differ");
        }
    }
    a_whole_response_ends(&client, &end).await;
    text_ends(&client, &end).await;
    let said = said(&client, Format::Completions).await;
    assert_eq!(said.text, SAID);
    assert_eq!(said.status, end.finish_reason.unwrap_or_default());
    assert_eq!(said.why.as_deref(), end.finish_reason.is_none().then_some(end.why));
}

fn assert_end(response: &Value, end: &End) {
    assert_eq!(response["status"], end.status, "{response}");
    let why = match end.status {
        "failed" => &response["error"]["code"],
        _ => &response["incomplete_details"]["reason"],
    };
    assert_eq!(why, end.why, "{response}");
    let item = &response["output"][0];
    assert_eq!(item["content"][0]["text"], SAID);
    assert_eq!(item["status"], "incomplete");
    assert!(response["usage"]["output_tokens"].as_u64().unwrap() > 0, "{response}");
}

async fn a_whole_response_ends(client: &Client, end: &End) {
    let answer = client.post("/v1/responses", json!({"input": "Hi"})).await;
    if end.status == "failed" {
        assert!(answer.status >= 500, "{}: {}", answer.status, answer.text());
        assert_eq!(answer.json()["error"]["code"], end.why);
    } else {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_end(&answer.json(), end);
    }
}

async fn text_ends(client: &Client, end: &End) {
    let mut exchange = client.open(&Format::Text.ask("Hi")).await;
    let is_whole = exchange.read_to_end().await;
    assert_eq!(exchange.text(), SAID);
    assert_eq!(is_whole, end.text_is_whole, "a client must see whether the text is whole");
}

/// What a provider does instead of answering, and what the caller is told.
async fn refused(script: UpstreamScript, status: u16, code: &str) -> usize {
    let (upstream, _home, _server, client) = serving(script, QUICK_RETRIES).await;
    let body = json!({"input": "Hi", "stream": true});
    let answer = client.post("/v1/responses", body).await;
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.json()["error"]["code"], code, "{}", answer.text());
    upstream.requests().len()
}

#[tokio::test]
async fn a_provider_that_is_out_of_order_is_asked_again_and_then_reported() {
    let script = UpstreamScript::error(500, "server_error", "boom");
    assert_eq!(refused(script, 502, "provider_unavailable").await, 3);
}

#[tokio::test]
async fn a_provider_that_asks_to_slow_down_is_reported_as_such() {
    let script = UpstreamScript::error(429, "rate_limit_exceeded", "slow down");
    assert_eq!(refused(script, 429, "rate_limit_exceeded").await, 3);
}

#[tokio::test]
async fn a_provider_that_refuses_the_key_is_asked_once() {
    let script = UpstreamScript::error(401, "invalid_api_key", "no");
    assert_eq!(refused(script, 502, "provider_authentication").await, 1);
}

#[tokio::test]
async fn a_provider_that_refuses_the_request_is_asked_once() {
    let script = UpstreamScript::error(400, "invalid_request_error", "no");
    assert_eq!(refused(script, 400, "provider_rejected").await, 1);
}

#[tokio::test]
async fn a_provider_that_recovers_is_not_reported_at_all() {
    let upstream = ScriptedUpstream::queue([
        UpstreamScript::error(503, "overloaded", "busy"),
        UpstreamScript::answer(["At last."]),
    ]);
    let upstream = upstream.await.unwrap();
    let home = Home::new(Config::scripted(&upstream));
    let server = home.serve().await;
    let client = home.client(&server).await;
    let response = client.posted("/v1/responses", json!({"input": "Hi"})).await;
    assert_eq!(response["output"][0]["content"][0]["text"], "At last.");
}

#[tokio::test]
async fn a_provider_that_takes_no_connection_in_time_is_reported() {
    let full = FullQueue::new();
    let timer = "connect_timeout_ms = 200\nretries = 0";
    let config = Config::none()
        .setting("default_model = \"scripted\"")
        .provider("scripted", &format!("base_url = \"{}\"\n{timer}", full.base_url()))
        .model("scripted", "scripted");
    let home = Home::new(config);
    let server = home.serve().await;
    let client = home.client(&server).await;
    let answer = client.whole(&Format::Responses.ask("Hi")).await;
    assert_eq!(answer.status, 504, "{}", answer.text());
    assert_eq!(answer.json()["error"]["code"], "provider_connect_timeout");
}

#[tokio::test]
async fn a_provider_that_nobody_runs_is_reported() {
    // Held, so that nobody else gets the port, and not listened at.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any_port: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any_port.into()).unwrap();
    let nobody = socket.local_addr().unwrap().as_socket().unwrap();
    let home = Home::new(Config::scripted_at(&format!("http://{nobody}/v1")));
    let server = home.serve().await;
    let client = home.client(&server).await;
    let answer = client.whole(&Format::Responses.ask("Hi")).await;
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert_eq!(answer.json()["error"]["code"], "provider_unavailable");
}

#[tokio::test]
async fn a_provider_that_says_nothing_in_time_is_reported() {
    let script = UpstreamScript::sse().role().stall();
    let (_upstream, _home, _server, client) = serving(script, SHORT_TIMERS).await;
    let said = said(&client, Format::Responses).await;
    assert_eq!((said.status.as_str(), said.text.as_str()), ("failed", ""));
    assert_eq!(said.why.as_deref(), Some("provider_first_token_timeout"));
}
