//! Two processes on one store: what one does, the other hears of through the store alone.

use std::time::Duration;

use loquat_chat::{ChatError, Target};
use loquat_domain::{CancelReason, Status};
use loquat_provider::FinishReason;

use crate::stage::{Stage, anna, end, next_text, read, rest, says};

#[tokio::test(start_paused = true)]
async fn a_turn_is_followed_from_another_process() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let followed =
        stage.elsewhere().follow_response(&anna(), turn.response.id, None, None).await.unwrap();
    let speaking = async {
        for piece in ["One", ", two", ", three"] {
            answer.text(piece).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        answer.finish(FinishReason::Stop).await;
    };
    let ((), here, there) = tokio::join!(speaking, read(turn), read(followed));
    assert_eq!(here, there);
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_stopped_from_another_process() {
    let stage = Stage::new();
    let (mut turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    answer.text("One").await;
    next_text(&mut turn).await;
    let stopped = stage.elsewhere().cancel_response(&anna(), turn.response.id).await.unwrap();
    assert_eq!(stopped.response.status, Status::Cancelled(CancelReason::ByOwner));
    assert_eq!(stopped.output[0].content.texts(), ["One"]);
    answer.unheard().await;
    assert_eq!(crate::stage::end_from(turn).await.response, stopped.response);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_deleted_in_another_process_stops_and_leaves_nothing() {
    let stage = Stage::new();
    let (mut turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let id = turn.response.id;
    answer.text("One").await;
    next_text(&mut turn).await;
    stage.elsewhere().delete_response(&anna(), id).await.unwrap();
    answer.unheard().await;
    rest(&mut turn).await;
    let gone = stage.chat.response(&anna(), id).await;
    assert!(matches!(gone, Err(ChatError::NotFound(_))), "{gone:?}");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_that_is_deleted_in_another_process_stops_its_turn() {
    let stage = Stage::new();
    let (mut turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let conversation = turn.response.conversation.unwrap();
    stage.elsewhere().delete_conversation(&anna(), conversation).await.unwrap();
    answer.unheard().await;
    rest(&mut turn).await;
    let gone = stage.chat.response(&anna(), turn.response.id).await;
    assert!(matches!(gone, Err(ChatError::NotFound(_))), "{gone:?}");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_has_one_turn_whichever_processes_are_asked() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let conversation = turn.response.conversation.unwrap();
    let second = says(Target::Conversation(conversation), "me too");
    let refused = stage.elsewhere().start_turn(&anna(), second).await;
    assert!(matches!(refused, Err(ChatError::Locked)), "{refused:?}");
    answer.finish(FinishReason::Stop).await;
    end(turn).await;
}
