//! Turns that go on whoever reads them.

use std::time::Duration;

use loquat_chat::{ChatError, Limits, Target, TurnRequest};
use loquat_domain::{CancelReason, EventKind, IncompleteReason, ResponseId, Status};
use loquat_provider::FinishReason;
use loquat_store::StoredResponse;

use crate::stage::{Stage, anna, read, says};

fn in_background(text: &str) -> TurnRequest {
    TurnRequest { background: true, ..says(Target::NewConversation, text) }
}

/// At most one at work and one waiting.
fn narrow() -> Limits {
    Limits { background_at_work: 1, background_queue: 1, ..Limits::default() }
}

async fn status(stage: &Stage, id: ResponseId) -> StoredResponse {
    stage.chat.response(&anna(), id).await.unwrap()
}

async fn ended(stage: &Stage, id: ResponseId) -> StoredResponse {
    loop {
        let stored = status(stage, id).await;
        if stored.response.status.is_terminal() {
            return stored;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_queued_at_once_and_goes_on_without_a_reader() {
    let stage = Stage::new();
    let turn = stage.chat.start_turn(&anna(), in_background("hi")).await.unwrap();
    let id = turn.response.id;
    assert_eq!(turn.response.status, Status::Queued);
    assert!(turn.response.background);
    drop(turn);
    let answer = stage.call().await.accept();
    answer.text("hello").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(status(&stage, id).await.response.status, Status::InProgress);
    answer.finish(FinishReason::Stop).await;
    let stored = ended(&stage, id).await;
    assert_eq!(stored.response.status, Status::Completed);
    assert_eq!(stored.output[0].content.texts(), ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn its_events_say_that_it_was_queued() {
    let stage = Stage::new();
    let turn = stage.chat.start_turn(&anna(), in_background("hi")).await.unwrap();
    let id = turn.response.id;
    stage.call().await.accept().finish(FinishReason::Stop).await;
    let events = read(turn).await;
    let begins = [EventKind::Created, EventKind::Queued, EventKind::InProgress];
    assert!(events.iter().map(|event| &event.kind).zip(&begins).all(|(one, other)| one == other));
    let again = stage.chat.follow_response(&anna(), id, None, None).await.unwrap();
    assert_eq!(read(again).await, events);
}

#[tokio::test(start_paused = true)]
async fn only_so_many_are_at_work_and_only_so_many_wait() {
    let stage = Stage::with_limits(narrow());
    let first = stage.chat.start_turn(&anna(), in_background("one")).await.unwrap();
    let second = stage.chat.start_turn(&anna(), in_background("two")).await.unwrap();
    let refused = stage.chat.start_turn(&anna(), in_background("three")).await;
    assert!(matches!(refused, Err(ChatError::QueueFull)), "{refused:?}");

    let answer = stage.call().await.accept();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(status(&stage, first.response.id).await.response.status, Status::InProgress);
    assert_eq!(status(&stage, second.response.id).await.response.status, Status::Queued);
    answer.finish(FinishReason::Stop).await;
    read(first).await;

    stage.call().await.accept().finish(FinishReason::Stop).await;
    assert_eq!(ended(&stage, second.response.id).await.response.status, Status::Completed);
    assert!(stage.chat.start_turn(&anna(), in_background("three")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_can_be_stopped_and_calls_no_model() {
    let stage = Stage::with_limits(narrow());
    let first = stage.chat.start_turn(&anna(), in_background("one")).await.unwrap();
    let answer = stage.call().await.accept();
    let second = stage.chat.start_turn(&anna(), in_background("two")).await.unwrap();
    let stopped = stage.chat.cancel_response(&anna(), second.response.id).await.unwrap();
    assert_eq!(stopped.response.status, Status::Cancelled(CancelReason::ByOwner));
    let third = stage.chat.start_turn(&anna(), in_background("three")).await.unwrap();
    answer.finish(FinishReason::Stop).await;
    read(first).await;
    let call = stage.call().await;
    assert_eq!(crate::stage::texts(&call.request.input), ["three"]);
    call.accept().finish(FinishReason::Stop).await;
    read(third).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_the_server_ends_those_that_wait_too() {
    let stage = Stage::with_limits(narrow());
    let first = stage.chat.start_turn(&anna(), in_background("one")).await.unwrap();
    let _answer = stage.call().await.accept();
    let second = stage.chat.start_turn(&anna(), in_background("two")).await.unwrap();
    stage.chat.drain(Duration::from_secs(1)).await;
    for id in [first.response.id, second.response.id] {
        assert_eq!(
            status(&stage, id).await.response.status,
            Status::Incomplete(IncompleteReason::ServerShutdown)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn it_must_be_stored() {
    let stage = Stage::new();
    let request = TurnRequest { store: false, ..in_background("hi") };
    let refused = stage.chat.start_turn(&anna(), request).await;
    assert!(matches!(refused, Err(ChatError::Invalid { param: "store", .. })), "{refused:?}");
}
