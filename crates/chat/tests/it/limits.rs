//! What bounds a turn.

use loquat_chat::{Limits, Target};
use loquat_domain::{CancelReason, IncompleteReason, Status};
use loquat_provider::ProviderEvent;

use crate::stage::{Stage, anna, end, says};

#[tokio::test(start_paused = true)]
async fn a_model_waits_for_a_reader_that_does_not_read_and_the_turn_ends_in_time() {
    let stage = Stage::new();
    let (mut turn, answer) = stage.turn(says(Target::Nothing, "hi")).await;
    let piece = "x".repeat(1024);
    let mut taken = 0;
    // The channel of the played model holds 64 pieces; the log's window holds 64 more.
    while answer_takes(&answer, &piece).await {
        taken += 1;
        assert!(taken < 200, "the model is never made to wait");
    }
    assert!(taken >= 64);
    assert!(turn.events.next_batch().await.is_empty(), "the reader was ended, not told the end");
    let stored = stage.chat.cancel_response(&anna(), turn.response.id).await.unwrap();
    assert_eq!(stored.response.status, Status::Cancelled(CancelReason::ByOwner));
}

/// False once nobody listens any more.
async fn answer_takes(answer: &crate::stage::Answer, piece: &str) -> bool {
    tokio::select! {
        biased;
        () = answer.unheard() => false,
        () = answer.say(ProviderEvent::Text(piece.to_owned())) => true,
    }
}

#[tokio::test]
async fn a_turn_whose_reader_does_not_read_can_be_stopped_at_once() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::Nothing, "hi")).await;
    // More than the log's window, so that the turn waits for its reader.
    for _ in 0..100 {
        answer.text(&"x".repeat(1024)).await;
    }
    let stopped = stage.chat.cancel_response(&anna(), turn.response.id).await.unwrap();
    assert_eq!(stopped.response.status, Status::Cancelled(CancelReason::ByOwner));
    answer.unheard().await;
}

#[tokio::test]
async fn an_answer_longer_than_the_limit_ends_as_incomplete_and_frees_the_model() {
    let limits = Limits { max_answer_bytes: 1024, ..Limits::default() };
    let stage = Stage::with_limits(limits);
    let (turn, answer) = stage.turn(says(Target::Nothing, "hi")).await;
    answer.text(&"x".repeat(1025)).await;
    answer.unheard().await;
    let ended = end(turn).await;
    assert_eq!(ended.response.status, Status::Incomplete(IncompleteReason::MaxOutputTokens));
}

#[tokio::test]
async fn an_answer_of_endless_empty_calls_ends_too() {
    let limits = Limits { max_answer_bytes: 10_000, ..Limits::default() };
    let stage = Stage::with_limits(limits);
    let (turn, answer) = stage.turn(says(Target::Nothing, "hi")).await;
    for index in 0..20 {
        let (call_id, name) = (format!("call_{index}"), "f".to_owned());
        answer.say(ProviderEvent::ToolCallStarted { index, call_id, name }).await;
    }
    answer.unheard().await;
    let ended = end(turn).await;
    assert_eq!(ended.response.status, Status::Incomplete(IncompleteReason::MaxOutputTokens));
}
