//! Requests that come again.

use std::time::Duration;

use futures::future::join_all;
use loquat_chat::{ChatError, Limits, Missing, NewConversation, OnceKey, Target, TurnRequest};
use loquat_domain::{Fingerprint, IdempotencyKey, Role, Status};
use loquat_provider::FinishReason;

use crate::stage::{Stage, anna, end, message, read, says, scope};

fn once(key: &str, asked: u8) -> OnceKey {
    OnceKey {
        route: "test",
        key: IdempotencyKey::new(key).unwrap(),
        fingerprint: Fingerprint([asked; 32]),
    }
}

fn asks_once(key: &str) -> TurnRequest {
    TurnRequest { once: Some(once(key, 1)), ..says(Target::NewConversation, "hi") }
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_asked_for_again_is_told_again() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(asks_once("k")).await;
    answer.text("hello").await;
    answer.finish(FinishReason::Stop).await;
    let response = turn.response.clone();
    let first = read(turn).await;
    let again = stage.chat.start_turn(&anna(), asks_once("k")).await.unwrap();
    assert_eq!(again.response, response);
    assert_eq!(read(again).await, first);
}

#[tokio::test(start_paused = true)]
async fn of_fifty_at_once_one_calls_the_model_and_the_others_hear_which() {
    let stage = Stage::new();
    let scope = anna();
    let all = join_all((0..50).map(|_| stage.chat.start_turn(&scope, asks_once("k"))));
    let (begun, answer) = tokio::join!(all, async { stage.call().await.accept() });
    let mut turns = Vec::new();
    let mut told = Vec::new();
    for result in begun {
        match result {
            Ok(turn) => turns.push(turn),
            Err(ChatError::BeingAnswered(id)) => told.push(id),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(turns.len(), 1);
    let turn = turns.pop().unwrap();
    assert!(told.iter().all(|id| *id == Some(turn.response.id)));
    answer.finish(FinishReason::Stop).await;
    read(turn).await;
}

#[tokio::test(start_paused = true)]
async fn the_conversation_that_the_first_one_locks_does_not_hide_it_from_the_second() {
    let stage = Stage::new();
    let conversation = stage.chat.create_conversation(&anna(), NewConversation::default()).await;
    let target = Target::Conversation(conversation.unwrap().id);
    let request = TurnRequest { once: Some(once("k", 1)), ..says(target, "hi") };
    let (turn, _answer) = stage.turn(request.clone()).await;
    let again = stage.chat.start_turn(&anna(), request).await;
    match again {
        Err(ChatError::BeingAnswered(id)) => assert_eq!(id, Some(turn.response.id)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_with_a_key_goes_on_when_its_caller_has_gone() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(asks_once("k")).await;
    drop(turn);
    answer.text("hello").await;
    answer.finish(FinishReason::Stop).await;
    let ended = loop {
        match stage.chat.start_turn(&anna(), asks_once("k")).await {
            Ok(again) => break end(again).await,
            Err(ChatError::BeingAnswered(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    };
    assert_eq!(ended.response.status, Status::Completed);
    assert_eq!(ended.output[0].content.texts(), ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_with_a_key_that_is_stopped_before_its_answer_begins_says_so() {
    let stage = Stage::new();
    let asked = tokio::spawn({
        let chat = stage.chat.clone();
        async move { chat.start_turn(&anna(), asks_once("k")).await }
    });
    let call = stage.call().await;
    stage.chat.drain(std::time::Duration::ZERO).await;
    let stopped = asked.await.unwrap();
    assert!(matches!(stopped, Err(ChatError::Stopped)), "{stopped:?}");
    call.dropped().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_serves_one_request() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(asks_once("k")).await;
    answer.finish(FinishReason::Stop).await;
    read(turn).await;
    let other = TurnRequest { once: Some(once("k", 2)), ..says(Target::NewConversation, "ho") };
    let refused = stage.chat.start_turn(&anna(), other).await;
    assert!(matches!(refused, Err(ChatError::KeyReused)), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_leaves_its_key_free() {
    let stage = Stage::new();
    let nothing = TurnRequest { input: Vec::new(), ..asks_once("k") };
    assert!(matches!(
        stage.chat.start_turn(&anna(), nothing).await,
        Err(ChatError::Invalid { param: "input", .. })
    ));
    let (turn, answer) = stage.turn(asks_once("k")).await;
    answer.finish(FinishReason::Stop).await;
    read(turn).await;
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_leaves_no_trace_is_told_again_and_cannot_be_named() {
    let stage = Stage::new();
    let request = TurnRequest { store: false, ..asks_once("k") };
    let (turn, answer) = stage.turn(request.clone()).await;
    assert!(!turn.stored);
    let being = stage.chat.start_turn(&anna(), request.clone()).await;
    assert!(matches!(being, Err(ChatError::BeingAnswered(None))), "{being:?}");
    answer.text("hello").await;
    answer.finish(FinishReason::Stop).await;
    let id = turn.response.id;
    let first = read(turn).await;
    let again = stage.chat.start_turn(&anna(), request.clone()).await.unwrap();
    assert!(!again.stored);
    assert_eq!(read(again).await, first);

    let chat = &stage.chat;
    let missing = |error| matches!(error, Some(ChatError::NotFound(Missing::Response)));
    assert!(missing(chat.response(&anna(), id).await.err()));
    assert!(missing(chat.follow_response(&anna(), id, None, None).await.err()));
    assert!(missing(chat.cancel_response(&anna(), id).await.err()));
    assert!(missing(chat.delete_response(&anna(), id).await.err()));
    let continued = chat.start_turn(&anna(), says(Target::Response(id), "and?")).await;
    assert!(matches!(continued, Err(ChatError::NotFound(Missing::PreviousResponse))));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_forgotten_after_its_time() {
    let limits = Limits { idempotency_keep: Duration::from_mins(1), ..Limits::default() };
    let stage = Stage::with_limits(limits);
    for _ in 0..2 {
        let (turn, answer) = stage.turn(asks_once("k")).await;
        answer.finish(FinishReason::Stop).await;
        read(turn).await;
        stage.clock.advance(Duration::from_secs(61));
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
}

#[tokio::test]
async fn a_conversation_and_its_items_are_made_once() {
    let stage = Stage::new();
    let new = NewConversation { once: Some(once("c", 1)), ..NewConversation::default() };
    let made = stage.chat.create_conversation(&anna(), new.clone()).await.unwrap();
    assert_eq!(stage.chat.create_conversation(&anna(), new.clone()).await.unwrap(), made);
    let other = scope("acme", "bert");
    assert_ne!(stage.chat.create_conversation(&other, new).await.unwrap().id, made.id);

    let note = || vec![message(Role::User, "a note")];
    let anna = anna();
    let append = || stage.chat.append_items(&anna, made.id, note(), Some(once("i", 1)));
    let items = append().await.unwrap();
    assert_eq!(append().await.unwrap(), items);
}
