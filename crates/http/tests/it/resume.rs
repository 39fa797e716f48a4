//! A stream that was left is taken up again: what is told later is what was told first, byte for
//! byte.

use actix_web::http::Method;
use loquat_chat::Limits;
use loquat_domain::Usage;
use loquat_provider::{FinishReason, ProviderError, ProviderEvent};
use loquat_testkit::{ResponsesStreamChecker, Script, ScriptedProvider, Step};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::stage::{ANNA, Answer, Opened, Stage, request};

fn said(text: &str) -> Step {
    Step::Event(ProviderEvent::Text(text.to_owned()))
}

fn finished(reason: FinishReason) -> Step {
    Step::Event(ProviderEvent::Finished(reason))
}

/// Answers of every kind, with the status at their end.
fn scripts() -> Vec<(&'static str, Script)> {
    let calls = |index: u32, name: &str| {
        let call_id = format!("c{index}");
        let delta = |delta: &str| {
            let delta = delta.to_owned();
            Step::Event(ProviderEvent::ToolCallArguments { index, delta })
        };
        let name = name.to_owned();
        let started = ProviderEvent::ToolCallStarted { index, call_id, name };
        [Step::Event(started), delta("{\"n\":"), delta("1}")]
    };
    let thought = |text: &str| Step::Event(ProviderEvent::Reasoning(text.to_owned()));
    let refused = |text: &str| Step::Event(ProviderEvent::Refusal(text.to_owned()));
    let usage = Usage { input_tokens: 7, output_tokens: 5, ..Usage::default() };
    let text = [
        said("Once\n\n"),
        said("data: upon\r\n"),
        said("a \u{1f319}."),
        finished(FinishReason::Stop),
        Step::Event(ProviderEvent::Usage(usage)),
    ];
    let thoughts =
        [thought("Hm. "), thought("So."), said("Four"), said("."), finished(FinishReason::Stop)];
    let summary = |part, delta: &str| {
        Step::Event(ProviderEvent::ReasoningSummary { part, delta: delta.to_owned() })
    };
    let sealed_thoughts = [
        summary(0, "First "),
        summary(0, "this."),
        summary(4, "Then that."),
        Step::Event(ProviderEvent::ReasoningSealed("sealed".to_owned())),
        said("Four."),
        finished(FinishReason::Stop),
    ];
    let function_calls =
        calls(0, "f").into_iter().chain(calls(1, "g")).chain([finished(FinishReason::ToolCalls)]);
    let refusal = [refused("I "), refused("will not."), finished(FinishReason::Stop)];
    let cut_by_limit = [said("And so "), said("on"), finished(FinishReason::Length)];
    let cut_off = [said("And so "), said("on")];
    let broken = [thought("Hm."), said("Half of"), Step::Fail(ProviderError::Failed)];
    vec![
        ("completed", Script::new(text)),
        ("completed", Script::new(thoughts)),
        ("completed", Script::new(sealed_thoughts)),
        ("completed", Script::new(function_calls)),
        ("completed", Script::new(refusal)),
        ("completed", Script::new([finished(FinishReason::Stop)])),
        ("incomplete", Script::new(cut_by_limit)),
        ("incomplete", Script::new(cut_off)),
        ("failed", Script::new(broken)),
    ]
}

/// Asks for a stream, as OpenAI's own clients do or as others do.
fn ask(sdk: bool, body: &Value) -> actix_web::test::TestRequest {
    named(sdk, request(Method::POST, ANNA, "/v1/responses").set_json(body))
}

fn follow(sdk: bool, id: &str, query: &str) -> actix_web::test::TestRequest {
    let path = format!("/v1/responses/{id}?stream=true{query}");
    named(sdk, request(Method::GET, ANNA, &path))
}

fn named(sdk: bool, request: actix_web::test::TestRequest) -> actix_web::test::TestRequest {
    if sdk { request.insert_header(("x-stainless-lang", "js")) } else { request }
}

/// Checks that an answer is told again after every one of its events, as it was told first.
async fn is_told_again(stage: &Stage, sdk: bool, first: &Answer) {
    let stream = ResponsesStreamChecker::check(&first.body).unwrap();
    let id = stream.response_id;
    let again = stage.send(follow(sdk, &id, "")).await;
    assert_eq!(again.text(), first.text());
    for header in ["content-type", "cache-control", "x-accel-buffering", "x-content-type-options"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    let frames = first.frames();
    assert_eq!(frames.len(), stream.events.len() + 1, "one frame an event, and the end");
    for had in 0..frames.len() + 2 {
        let query = format!("&starting_after={had}&include_obfuscation=false");
        let rest = stage.send(follow(sdk, &id, &query)).await;
        // Whoever has had more than there is has not heard of the end.
        let left = frames.get(had + 1..).filter(|left| !left.is_empty());
        let left = left.unwrap_or(&frames[frames.len() - 2..]);
        assert_eq!(rest.text(), left.concat(), "after {had}");
    }
}

#[tokio::test]
async fn every_answer_is_told_again_after_each_of_its_events() {
    for sdk in [false, true] {
        for background in [false, true] {
            for (status, script) in scripts() {
                let stage = Stage::with_model(ScriptedProvider::queue([script]));
                let body = json!({
                    "model": "scripted", "input": "x", "stream": true, "background": background,
                    "instructions": "Be brief.", "metadata": {"a": "b"},
                });
                let first = stage.send(ask(sdk, &body)).await;
                let stream = ResponsesStreamChecker::check(&first.body).unwrap();
                assert_eq!(stream.status, status);
                is_told_again(&stage, sdk, &first).await;
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_was_stopped_is_told_again() {
    for background in [false, true] {
        let script = Script::new([said("And so "), said("on"), Step::StallForever]);
        let stage = Stage::with_model(ScriptedProvider::queue([script]));
        let body = json!({
            "model": "scripted", "input": "x", "stream": true, "background": background,
        });
        let mut running = stage.open(ask(false, &body)).await;
        let id = running.response().await;
        running.until("\"delta\":\"on\"").await;
        stage.posted(&format!("/v1/responses/{id}/cancel"), &json!({})).await;
        let first = running.whole().await;
        assert_eq!(ResponsesStreamChecker::check(&first.body).unwrap().status, "cancelled");
        is_told_again(&stage, false, &first).await;
    }
}

#[tokio::test]
async fn an_answer_that_was_not_streamed_can_be_followed() {
    let stage = Stage::new();
    let whole = stage.posted("/v1/responses", &json!({"input": "One two"})).await;
    let first = stage.send(follow(false, whole["id"].as_str().unwrap(), "")).await;
    assert_eq!(ResponsesStreamChecker::check(&first.body).unwrap().response, whole);
    is_told_again(&stage, false, &first).await;
}

#[tokio::test]
async fn an_answer_of_the_smallest_route_can_be_followed() {
    let stage = Stage::new();
    let said = stage.post(ANNA, "/chat/stream", &json!({"message": "One two"})).await;
    let first = stage.send(follow(false, said.header("x-response-id").unwrap(), "")).await;
    let stream = ResponsesStreamChecker::check(&first.body).unwrap();
    assert_eq!(stream.text, said.text());
    let conversation = stream.response["conversation"]["id"].as_str();
    assert_eq!(conversation, said.header("x-conversation-id"));
    is_told_again(&stage, false, &first).await;
}

/// A turn that stops at two places until the test lets it go on.
struct Halting {
    stage: Stage,
    first: CancellationToken,
    second: CancellationToken,
}

impl Halting {
    fn new() -> Self {
        let (first, second) = (CancellationToken::new(), CancellationToken::new());
        let script = Script::new([
            said("One "),
            Step::Until(first.clone()),
            said("two "),
            Step::Until(second.clone()),
            said("three"),
            finished(FinishReason::Stop),
        ]);
        let stage = Stage::with_model(ScriptedProvider::queue([script]));
        Self { stage, first, second }
    }

    async fn start(&self) -> (String, Opened) {
        let body = json!({"model": "scripted", "input": "x", "stream": true});
        let mut running = self.stage.open(ask(false, &body)).await;
        let id = running.response().await;
        running.until("One ").await;
        (id, running)
    }
}

#[tokio::test]
async fn a_running_answer_is_followed_from_anywhere_while_it_goes_on() {
    let turn = Halting::new();
    let stage = &turn.stage;
    let (id, mut running) = turn.start().await;
    let mut all = stage.open(follow(false, &id, "")).await;
    all.until("One ").await;
    let early = stage.open(follow(false, &id, "&starting_after=1")).await;
    turn.first.cancel();
    running.until("two ").await;
    let mut late = stage.open(follow(false, &id, "&starting_after=4")).await;
    late.until("two ").await;
    let beyond = stage.open(follow(false, &id, "&starting_after=7")).await;
    let far_beyond = stage.open(follow(false, &id, "&starting_after=1000")).await;
    turn.second.cancel();

    let first = running.whole().await;
    let stream = ResponsesStreamChecker::check(&first.body).unwrap();
    assert_eq!((stream.text.as_str(), stream.status.as_str()), ("One two three", "completed"));
    let frames = first.frames();
    assert_eq!(all.whole().await.frames(), frames);
    for (opened, had) in [(early, 1), (late, 4), (beyond, 7)] {
        assert_eq!(opened.whole().await.frames(), frames[had + 1..], "after {had}");
    }
    // Who has had more than there is has not heard of the end.
    let end = &frames[frames.len() - 2..];
    assert_eq!(far_beyond.whole().await.frames(), end);
    is_told_again(stage, false, &first).await;
}

#[tokio::test]
async fn an_answer_goes_on_as_long_as_somebody_follows_it() {
    let turn = Halting::new();
    let (id, running) = turn.start().await;
    let mut follower = turn.stage.open(follow(false, &id, "&starting_after=2")).await;
    follower.until("One ").await;
    drop(running);
    turn.first.cancel();
    follower.until("two ").await;
    turn.second.cancel();
    let rest = follower.whole().await;
    assert!(rest.text().contains("event: response.completed\n"), "{}", rest.text());
}

#[tokio::test]
async fn an_answer_is_stopped_when_the_last_who_followed_it_has_gone() {
    let turn = Halting::new();
    let (id, running) = turn.start().await;
    let mut follower = turn.stage.open(follow(false, &id, "")).await;
    follower.until("One ").await;
    drop(running);
    drop(follower);
    let call = turn.stage.model.wait_for_call(0).await;
    assert!(!call.wait_until_dropped().await.complete);
    // Stopping what is being stopped waits for its end, and changes nothing.
    let path = format!("/v1/responses/{id}");
    let ended = turn.stage.posted(&format!("{path}/cancel"), &json!({})).await;
    assert_eq!(ended["status"], "cancelled");
    assert_eq!(ended["output"][0]["content"][0]["text"], "One ");
    let told = turn.stage.send(follow(false, &id, "")).await;
    assert_eq!(ResponsesStreamChecker::check(&told.body).unwrap().response, ended);
}

/// The numbers of an answer that is told anew are not those of the first stream: a client that has
/// had some of that begins again, at number 0.
#[tokio::test]
async fn an_answer_whose_events_are_no_longer_kept_is_told_anew_and_whole() {
    let limits = Limits { event_log_keep: std::time::Duration::ZERO, ..Limits::default() };
    for (status, script) in scripts() {
        let stage = Stage::with_limits(ScriptedProvider::queue([script]), limits);
        let body = json!({"model": "scripted", "input": "x", "stream": true});
        let first = stage.send(ask(false, &body)).await;
        let first = ResponsesStreamChecker::check(&first.body).unwrap();
        assert_eq!(first.status, status);
        let anew = stage.send(follow(false, &first.response_id, "")).await;
        let told = ResponsesStreamChecker::check(&anew.body).unwrap();
        assert_eq!((&told.response, &told.text), (&first.response, &first.text));
        for had in ["0", "3", "1000"] {
            let query = format!("&starting_after={had}");
            let rest = stage.send(follow(false, &first.response_id, &query)).await;
            assert_eq!(rest.text(), anew.text(), "after {had}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_not_stored_cannot_be_followed() {
    let stage = Stage::new();
    let answer = stage.posted("/v1/responses", &json!({"input": "Hi", "store": false})).await;
    let answer = stage.send(follow(false, answer["id"].as_str().unwrap(), "")).await;
    answer.error(404, "response_not_found");
}

#[tokio::test]
async fn a_deleted_answer_cannot_be_followed_and_whoever_follows_it_is_cut_off() {
    let turn = Halting::new();
    let (id, running) = turn.start().await;
    let mut follower = turn.stage.open(follow(false, &id, "")).await;
    follower.until("One ").await;
    turn.stage.delete(ANNA, &format!("/v1/responses/{id}")).await.expect(200);
    turn.stage.send(follow(false, &id, "")).await.error(404, "response_not_found");
    for stream in [running, follower] {
        let answer = stream.whole().await;
        assert!(answer.broken || ResponsesStreamChecker::check(&answer.body).is_ok());
        assert!(!answer.text().contains("response.completed"), "{}", answer.text());
    }
}

#[tokio::test]
async fn what_is_asked_for_must_be_a_place_in_a_stream() {
    let stage = Stage::new();
    let answer = stage.posted("/v1/responses", &json!({"input": "Hi"})).await;
    let path = format!("/v1/responses/{}", answer["id"].as_str().unwrap());
    for query in [
        "starting_after=1",
        "stream=false&starting_after=1",
        "stream=true&starting_after=-1",
        "stream=true&starting_after=x",
        "stream=true&starting_after=",
    ] {
        let refused = stage.get(ANNA, &format!("{path}?{query}")).await;
        assert_eq!(refused.error(400, "invalid_value"), "starting_after", "{query}");
    }
    let refused = stage.get(ANNA, &format!("{path}?stream=maybe")).await;
    assert_eq!(refused.error(400, "invalid_value"), "stream");
    for query in ["stream=false&include[]=x", "include_obfuscation=true", ""] {
        assert_eq!(stage.found(&format!("{path}?{query}")).await, answer, "{query}");
    }
}
