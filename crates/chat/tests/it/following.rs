//! Coming back to a turn: while it runs, after its end, and when its events are forgotten.

use std::time::Duration;

use loquat_chat::{ChatError, Limits, Missing, Target};
use loquat_domain::{Event, EventKind, IncompleteReason, Status};
use loquat_provider::{FinishReason, ProviderEvent};
use loquat_store::StoreError;
use loquat_testkit::StoreCall;

use crate::stage::{Stage, anna, end, next_text, read, rest, says, scope};

fn numbers(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.sequence).collect()
}

#[tokio::test(start_paused = true)]
async fn a_second_reader_gets_all_events_from_the_first_on_while_the_turn_runs() {
    let stage = Stage::new();
    let (mut turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let id = turn.response.id;
    answer.text("One ").await;
    next_text(&mut turn).await;
    // Long enough that the beginning is in the store, and no longer in the log.
    tokio::time::sleep(Duration::from_secs(3)).await;
    answer.text("two ").await;
    next_text(&mut turn).await;

    let second = stage.chat.follow_response(&anna(), id, None, None).await.unwrap();
    assert_eq!(second.response, turn.response);
    answer.text("three.").await;
    answer.finish(FinishReason::Stop).await;
    let (second, first_rest) = tokio::join!(read(second), rest(&mut turn));
    assert!(second.ends_with(&first_rest), "both read the same events");
    assert_eq!(numbers(&second), (0..u64::try_from(second.len()).unwrap()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_has_ended_is_told_with_the_same_events() {
    let stage = Stage::new();
    for finish in [FinishReason::Stop, FinishReason::Length] {
        let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
        let id = turn.response.id;
        answer.say(ProviderEvent::Reasoning("Hm. ".to_owned())).await;
        for piece in ["One", ", ", "two"] {
            answer.text(piece).await;
        }
        answer.finish(finish).await;
        let first = read(turn).await;
        let again = stage.chat.follow_response(&anna(), id, None, None).await.unwrap();
        assert_eq!(read(again).await, first);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_turn_is_told_with_its_failure() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let id = turn.response.id;
    answer.text("One").await;
    answer.break_off(loquat_provider::ProviderError::IdleTimeout).await;
    let first = read(turn).await;
    assert!(first.iter().any(|event| matches!(event.kind, EventKind::Failed(_))));
    let again = stage.chat.follow_response(&anna(), id, None, None).await.unwrap();
    assert_eq!(read(again).await, first);
}

#[tokio::test(start_paused = true)]
async fn the_last_of_several_readers_cancels_the_turn_and_no_earlier_one() {
    let stage = Stage::new();
    let (mut turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let id = turn.response.id;
    answer.text("One").await;
    next_text(&mut turn).await;
    let mut second = stage.chat.follow_response(&anna(), id, None, None).await.unwrap();
    next_text(&mut second).await;
    drop(turn);
    answer.text(" two").await;
    next_text(&mut second).await;
    drop(second);
    answer.unheard().await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_does_not_mind_that_the_store_is_away_for_a_while() {
    let stage = Stage::new();
    let ended = stage.complete(says(Target::NewConversation, "hi"), "hello").await;
    for _ in 0..3 {
        let away = StoreError::Unavailable("the database restarts".into());
        stage.store.fail_next(StoreCall::Events, away);
    }
    let again = stage.chat.follow_response(&anna(), ended.response.id, None, None).await.unwrap();
    assert_eq!(end(again).await, ended);
}

#[tokio::test(start_paused = true)]
async fn when_its_events_are_forgotten_an_answer_is_told_in_whole_texts() {
    let limits = Limits { event_log_keep: Duration::ZERO, ..Limits::default() };
    let stage = Stage::with_limits(limits);
    let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let id = turn.response.id;
    answer.say(ProviderEvent::Reasoning("Hm. ".to_owned())).await;
    answer.text("One").await;
    answer.text(", two").await;
    answer.finish(FinishReason::Stop).await;
    let ended = end(turn).await;

    // A number that it had had in the first telling means nothing in the second.
    let again = stage.chat.follow_response(&anna(), id, Some(7), None).await.unwrap();
    let events = read(again).await;
    let texts: Vec<&str> = events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::Delta { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(texts, ["Hm. ", "One, two"]);
    assert_eq!(events.last().unwrap().kind, EventKind::Ended(ended));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_answer_has_no_more_events() {
    let stage = Stage::new();
    let ended = stage.complete(says(Target::NewConversation, "hi"), "hello").await;
    let id = ended.response.id;
    let mut again = stage.chat.follow_response(&anna(), id, None, None).await.unwrap();
    stage.chat.delete_response(&anna(), id).await.unwrap();
    assert!(rest(&mut again).await.is_empty());
    let gone = stage.chat.follow_response(&anna(), id, None, None).await;
    assert!(matches!(gone, Err(ChatError::NotFound(Missing::Response))), "{gone:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_follows_nothing() {
    let stage = Stage::new();
    let (turn, _answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    for stranger in [scope("acme", "bert"), scope("other", "anna")] {
        let followed = stage.chat.follow_response(&stranger, turn.response.id, None, None).await;
        assert!(matches!(followed, Err(ChatError::NotFound(Missing::Response))), "{followed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_process_dies_ends_for_whoever_follows_it_elsewhere() {
    let limits = Limits { lease: Duration::from_secs(2), ..Limits::default() };
    let stage = Stage::with_limits(limits);
    let (mut turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let id = turn.response.id;
    answer.text("Hel").await;
    next_text(&mut turn).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let follower = stage.elsewhere().follow_response(&anna(), id, None, None).await.unwrap();
    // From now on its process gives no sign of life: each one is lost on the way.
    for _ in 0..1_000 {
        let lost = StoreError::Unavailable("the network is cut".into());
        stage.store.fail_next(StoreCall::Checkpoint, lost);
    }
    let recovering = stage.elsewhere();
    stage.clock.advance(Duration::from_secs(3));
    let ended = end(follower).await;
    assert_eq!(ended.response.status, Status::Incomplete(IncompleteReason::ServerRestart));
    assert_eq!(ended.output[0].content.texts(), ["Hel"]);
    drop(recovering);
}
