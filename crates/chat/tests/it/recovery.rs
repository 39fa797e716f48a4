//! Turns whose process died.

use std::time::Duration;

use loquat_chat::{Limits, Target};
use loquat_domain::{IncompleteReason, ItemStatus, Status};
use loquat_testkit::StoreCall;

use crate::stage::{Stage, anna, next_text, says};

#[tokio::test(start_paused = true)]
async fn a_turn_of_a_dead_process_keeps_what_was_checkpointed_and_frees_its_conversation() {
    // A lease of nothing: to every other process this turn is dead as soon as it has begun.
    let limits = Limits { lease: Duration::ZERO, ..Limits::default() };
    let stage = Stage::with_limits(limits);
    let (mut turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let conversation = turn.response.conversation.unwrap();
    answer.text("Hello, wor").await;
    next_text(&mut turn).await;
    // Longer than it takes until a checkpoint is written.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(
        stage.chat.response(&anna(), turn.response.id).await.unwrap().response.status,
        Status::InProgress,
        "a process does not take its own turns for dead"
    );

    let other = stage.elsewhere();
    tokio::time::sleep(Duration::from_secs(3)).await;

    let stored = other.response(&anna(), turn.response.id).await.unwrap();
    assert_eq!(stored.response.status, Status::Incomplete(IncompleteReason::ServerRestart));
    assert_eq!(stored.output[0].content.texts(), ["Hello, wor"]);
    assert_eq!(stored.output[0].status, ItemStatus::Incomplete);
    assert!(other.append_items(&anna(), conversation, vec![], None).await.is_ok());

    // The process that was taken for dead comes back: what is stored is the truth.
    drop(answer);
    let ended = crate::stage::end_from(turn).await;
    assert_eq!(ended.response.status, Status::Incomplete(IncompleteReason::ServerRestart));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_while_does_not_end_recovery() {
    let stage = Stage::new();
    for _ in 0..3 {
        let away = loquat_store::StoreError::Unavailable("the database restarts".into());
        stage.store.fail_next(StoreCall::StaleTurns, away);
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(stage.chat.ready().await.is_ok());
}
