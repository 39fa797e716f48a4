//! Callers that go away, and turns that are stopped.

use std::time::Duration;

use loquat_chat::{ChatError, Target};
use loquat_domain::{CancelReason, IncompleteReason, ItemStatus, Response, ResponseId, Status};
use loquat_testkit::StoreCall;

use crate::stage::{Stage, anna, end, next_text, says, scope};

/// What is stored of a response once it has ended.
async fn stored_end(stage: &Stage, id: ResponseId) -> Response {
    loop {
        let stored = stage.chat.response(&anna(), id).await.unwrap().response;
        if stored.status.is_terminal() {
            return stored;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn leaving_in_the_middle_frees_the_model_and_keeps_what_came() {
    let stage = Stage::new();
    let (mut turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let id = turn.response.id;
    answer.text("Hel").await;
    next_text(&mut turn).await;
    drop(turn);
    answer.unheard().await;
    let stored = stored_end(&stage, id).await;
    assert_eq!(stored.status, Status::Cancelled(CancelReason::ByOwner));
    assert!(stored.usage.is_some_and(|usage| usage.estimated && usage.output_tokens > 0));
    let output = stage.chat.response(&anna(), id).await.unwrap().output;
    assert_eq!(output[0].content.texts(), ["Hel"]);
    assert_eq!(output[0].status, ItemStatus::Incomplete);
}

#[tokio::test]
async fn leaving_before_the_first_piece_frees_the_model() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let id = turn.response.id;
    drop(turn);
    answer.unheard().await;
    assert_eq!(stored_end(&stage, id).await.status, Status::Cancelled(CancelReason::ByOwner));
}

#[tokio::test]
async fn leaving_before_the_model_accepts_drops_its_call() {
    let stage = Stage::new();
    let starting = tokio::spawn({
        let chat = stage.chat.clone();
        async move { chat.start_turn(&anna(), says(Target::NewConversation, "hi")).await }
    });
    let call = stage.call().await;
    starting.abort();
    call.dropped().await;
}

#[tokio::test]
async fn leaving_while_the_start_is_stored_loses_nothing_and_ends_as_cancelled() {
    let stage = Stage::new();
    let first = stage.complete(says(Target::NewConversation, "one"), "1").await;
    let id = first.response.conversation.unwrap();
    let mut held = stage.store.hold_next(StoreCall::BeginTurn);
    let starting = tokio::spawn({
        let chat = stage.chat.clone();
        async move { chat.start_turn(&anna(), says(Target::Conversation(id), "two")).await }
    });
    assert!(held.arrived().await);
    starting.abort();
    held.release();
    stage.call().await.dropped().await;
    // The conversation is free again once the cancelled turn is stored.
    loop {
        match stage.chat.append_items(&anna(), id, vec![], None).await {
            Ok(_) => break,
            Err(ChatError::Locked) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_turn_is_stopped_by_its_owner_from_anywhere_and_by_nobody_else() {
    let stage = Stage::new();
    let (mut turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let id = turn.response.id;
    answer.text("Hel").await;
    next_text(&mut turn).await;
    for stranger in [scope("acme", "bob"), scope("other", "anna")] {
        let refused = stage.chat.cancel_response(&stranger, id).await;
        assert!(matches!(refused, Err(ChatError::NotFound(_))));
    }
    answer.text("lo").await;
    assert_eq!(next_text(&mut turn).await, "lo", "a stranger's attempt changes nothing");

    let stopped = stage.chat.cancel_response(&anna(), id).await.unwrap();
    assert_eq!(stopped.response.status, Status::Cancelled(CancelReason::ByOwner));
    assert_eq!(stopped.output[0].content.texts(), ["Hello"]);
    answer.unheard().await;
    let again = stage.chat.cancel_response(&anna(), id).await.unwrap();
    assert_eq!(
        again.response.status,
        Status::Cancelled(CancelReason::ByOwner),
        "stopping twice is no mistake"
    );
}

#[tokio::test]
async fn stopping_a_turn_that_has_ended_changes_nothing() {
    let stage = Stage::new();
    let ended = stage.complete(says(Target::Nothing, "hi"), "Hello").await;
    let again = stage.chat.cancel_response(&anna(), ended.response.id).await.unwrap();
    assert_eq!(again.response.status, Status::Completed);
}

#[tokio::test]
async fn deletion_wins_over_a_running_turn() {
    let stage = Stage::new();
    let first = stage.complete(says(Target::NewConversation, "one"), "1").await;
    let id = first.response.conversation.unwrap();
    let (turn, answer) = stage.turn(says(Target::Conversation(id), "two")).await;
    answer.text("Hel").await;
    let response = turn.response.id;
    stage.chat.delete_conversation(&anna(), id).await.unwrap();
    answer.unheard().await;
    assert_eq!(end(turn).await.response.status, Status::Cancelled(CancelReason::ByOwner));
    assert!(stage.chat.response(&anna(), response).await.is_err(), "nothing comes back");
    assert!(stage.chat.conversation(&anna(), id).await.is_err());
}

#[tokio::test]
async fn deleting_a_running_response_stops_it() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::Nothing, "hi")).await;
    stage.chat.delete_response(&anna(), turn.response.id).await.unwrap();
    answer.unheard().await;
    assert_eq!(end(turn).await.response.status, Status::Cancelled(CancelReason::ByOwner));
}

#[tokio::test(start_paused = true)]
async fn draining_refuses_new_turns_and_ends_the_old_ones_in_time() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    answer.text("Hel").await;
    let mut unstored = says(Target::Nothing, "hi");
    unstored.store = false;
    let (trace_free, _answer) = stage.turn(unstored).await;
    let chat = stage.chat.clone();
    let draining = tokio::spawn(async move { chat.drain(Duration::from_secs(25)).await });
    tokio::task::yield_now().await;
    let refused = stage.chat.start_turn(&anna(), says(Target::Nothing, "hi")).await;
    assert!(matches!(refused, Err(ChatError::ShuttingDown)));
    assert!(matches!(stage.chat.ready().await, Err(ChatError::ShuttingDown)));
    let ended = end(turn).await;
    assert_eq!(ended.response.status, Status::Incomplete(IncompleteReason::ServerShutdown));
    assert_eq!(ended.output[0].content.texts(), ["Hel"]);
    end(trace_free).await;
    draining.await.unwrap();
}
