//! A scripted provider does what its script says, and tells what was done with it.

#![expect(clippy::expect_used, reason = "helpers of tests panic where a test would")]

use std::time::Duration;

use futures::StreamExt as _;
use loquat_domain::{ItemContent, Message, Role, Settings};
use loquat_provider::{
    AnswerStream, ChatProvider, ChatRequest, FinishReason, ProviderError, ProviderEvent,
};
use loquat_testkit::{Script, ScriptedProvider, Step};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

fn ask(text: &str) -> ChatRequest {
    let input = vec![ItemContent::Message(Message::text(Role::User, text))];
    ChatRequest::new("scripted", Settings::default(), input)
}

fn text(piece: &str) -> ProviderEvent {
    ProviderEvent::Text(piece.to_owned())
}

async fn next(stream: &mut AnswerStream) -> ProviderEvent {
    stream.next().await.expect("the answer goes on").expect("the answer has not failed")
}

#[tokio::test]
async fn an_answer_comes_piece_by_piece_and_ends_with_its_usage() {
    let provider = ScriptedProvider::queue([Script::answer(["Hel", "lo"])]);
    let events: Vec<_> =
        provider.start(ask("hi")).await.unwrap().map(Result::unwrap).collect().await;
    assert_eq!(events[..2], [text("Hel"), text("lo")]);
    assert_eq!(events[2], ProviderEvent::Finished(FinishReason::Stop));
    assert!(matches!(&events[3], ProviderEvent::Usage(usage) if usage.output_tokens == 2));
    let call = &provider.calls()[0];
    assert_eq!(call.request, ask("hi"));
    let end = call.end().unwrap();
    assert_eq!((end.events, end.complete), (4, true));
}

#[tokio::test]
async fn each_call_follows_its_own_script() {
    let scripts = [Script::refusal(ProviderError::ConnectTimeout), Script::answer(["two"])];
    let provider = ScriptedProvider::queue(scripts);
    let refused = provider.start(ask("one")).await.err().unwrap();
    assert!(matches!(refused, ProviderError::ConnectTimeout));
    let mut stream = provider.start(ask("two")).await.unwrap();
    assert_eq!(next(&mut stream).await, text("two"));
    let asked: Vec<_> = provider.calls().into_iter().map(|call| call.request).collect();
    assert_eq!(asked, [ask("one"), ask("two")]);
}

#[tokio::test]
async fn a_script_can_depend_on_the_request() {
    let provider = ScriptedProvider::answering(|request| {
        let ItemContent::Message(message) = &request.input[0] else { panic!("not a message") };
        Script::events([text(&format!("{:?}", message.role))])
    });
    let mut stream = provider.start(ask("hi")).await.unwrap();
    assert_eq!(next(&mut stream).await, text("User"));
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_failure_in_the_answer_is_its_last_step() {
    let script = Script::events([text("a")]).then(Step::Fail(ProviderError::IdleTimeout));
    let script = script.then(Step::Event(text("never")));
    let provider = ScriptedProvider::queue([script]);
    let mut stream = provider.start(ask("hi")).await.unwrap();
    assert_eq!(next(&mut stream).await, text("a"));
    assert!(matches!(stream.next().await, Some(Err(ProviderError::IdleTimeout))));
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stalled_stream_tells_when_it_is_dropped() {
    let script = Script::events([text("a")]).then(Step::StallForever);
    let provider = ScriptedProvider::queue([script]);
    let mut stream = provider.start(ask("hi")).await.unwrap();
    assert_eq!(next(&mut stream).await, text("a"));
    let second = tokio::time::timeout(Duration::from_secs(5), stream.next()).await;
    assert!(second.is_err(), "{second:?}");

    let call = provider.wait_for_call(0).await;
    assert_eq!(call.end(), None);
    let before = Instant::now();
    let (end, ()) = futures::join!(call.wait_until_dropped(), async { drop(stream) });
    assert_eq!((end.at, end.events, end.complete), (before, 1, false));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_not_accepted_tells_when_it_is_dropped() {
    let script = Script::new([Step::StallForever, Step::Accept, Step::Event(text("never"))]);
    let provider = ScriptedProvider::queue([script]);
    let started = tokio::time::timeout(Duration::from_secs(1), provider.start(ask("hi"))).await;
    assert!(started.is_err());
    let end = provider.wait_for_call(0).await.wait_until_dropped().await;
    assert_eq!((end.events, end.complete), (0, false));
}

#[tokio::test(start_paused = true)]
async fn delays_take_their_time_before_and_after_acceptance() {
    let wait = || Step::Delay(Duration::from_secs(2));
    let script = Script::new([wait(), Step::Accept, wait(), Step::Event(text("a"))]);
    let provider = ScriptedProvider::queue([script]);
    let began = Instant::now();
    let mut stream = provider.start(ask("hi")).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    next(&mut stream).await;
    assert_eq!(began.elapsed(), Duration::from_secs(4));
}

#[tokio::test]
async fn a_step_can_wait_for_the_test() {
    let go = CancellationToken::new();
    let script = Script::new([Step::Until(go.clone()), Step::Event(text("a"))]);
    let provider = ScriptedProvider::queue([script]);
    let mut stream = provider.start(ask("hi")).await.unwrap();
    assert!(futures::poll!(stream.next()).is_pending());
    go.cancel();
    assert_eq!(next(&mut stream).await, text("a"));
}

#[tokio::test]
async fn a_call_can_be_waited_for() {
    let provider = ScriptedProvider::queue([Script::answer(["a"])]);
    let (call, stream) = futures::join!(provider.wait_for_call(0), provider.start(ask("hi")));
    assert_eq!(call.request, ask("hi"));
    drop(stream);
    assert!(!call.wait_until_dropped().await.complete);
}

#[tokio::test]
#[should_panic(expected = "no script for call 2")]
async fn a_call_without_a_script_is_a_fault_of_the_test() {
    let provider = ScriptedProvider::queue([Script::answer(["a"])]);
    for _ in 0..2 {
        drop(provider.start(ask("hi")).await);
    }
}

#[tokio::test]
#[should_panic(expected = "the model caught fire")]
async fn a_provider_can_panic() {
    let provider = ScriptedProvider::queue([Script::new([Step::Panic("the model caught fire")])]);
    let mut stream = provider.start(ask("hi")).await.unwrap();
    stream.next().await;
}
