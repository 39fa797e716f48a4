//! A turn from its start to each of its ends.

use std::time::Duration;

use loquat_chat::{ChatError, Target};
use loquat_domain::{
    EventKind, FailureCode, IncompleteReason, ItemStatus, Metadata, Role, Settings, Status, Usage,
};
use loquat_provider::{FinishReason, ProviderError, ProviderEvent};
use loquat_store::{Reach, StoreError, TurnStore as _};
use loquat_testkit::StoreCall;

use crate::stage::{Stage, anna, end, message, next_text, read, says, texts};

#[tokio::test]
async fn what_was_shown_is_what_is_stored() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    let id = turn.response.id;
    for piece in ["Hel", "lo ", "\u{1F44B}\u{1F3FD}", "\n\ndata: x"] {
        answer.text(piece).await;
    }
    answer.finish(FinishReason::Stop).await;
    let shown: String = read(turn)
        .await
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::Delta { text, .. } => Some(text),
            _ => None,
        })
        .collect();

    let stored = stage.chat.response(&anna(), id).await.unwrap();
    assert_eq!(stored.response.status, Status::Completed);
    assert_eq!(stored.output[0].content.texts().concat(), shown);
}

#[tokio::test]
async fn nothing_of_an_answer_is_readable_before_the_message_is_durable() {
    let stage = Stage::new();
    let mut held = stage.store.hold_next(StoreCall::BeginTurn);
    let starting = tokio::spawn({
        let chat = stage.chat.clone();
        async move { chat.start_turn(&anna(), says(Target::NewConversation, "hi")).await }
    });
    assert!(held.arrived().await);
    let answer = stage.call().await.accept();
    answer.text("Hello").await;
    tokio::task::yield_now().await;
    assert!(!starting.is_finished(), "the turn starts only when its start is stored");
    held.release();
    let mut turn = starting.await.unwrap().unwrap();
    assert_eq!(next_text(&mut turn).await, "Hello");
}

#[tokio::test]
async fn a_start_that_cannot_be_stored_drops_the_call_of_the_model() {
    let stage = Stage::new();
    let unavailable = StoreError::Unavailable("the disk is full".into());
    stage.store.fail_next(StoreCall::BeginTurn, unavailable);
    let scope = anna();
    let request = says(Target::NewConversation, "hi");
    let refused = stage.chat.start_turn(&scope, request).await;
    assert!(matches!(refused, Err(ChatError::Store(StoreError::Unavailable(_)))));
}

#[tokio::test]
async fn the_last_event_is_readable_only_when_the_end_is_durable() {
    let stage = Stage::new();
    let mut held = stage.store.hold_next(StoreCall::FinishTurn);
    let (mut turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    answer.text("Hello").await;
    answer.finish(FinishReason::Stop).await;
    assert!(held.arrived().await);
    let seen = turn.events.next_batch().await;
    assert!(seen.iter().all(|event| !matches!(event.kind, EventKind::Ended(_))));
    let id = turn.response.id;
    assert_eq!(stage.chat.response(&anna(), id).await.unwrap().response.status, Status::InProgress);
    held.release();
    loop {
        let batch = turn.events.next_batch().await;
        if let Some(EventKind::Ended(ended)) = batch.last().map(|event| &event.kind) {
            assert_eq!(ended.response.status, Status::Completed);
            break;
        }
    }
}

#[tokio::test]
async fn each_way_to_finish_has_its_status() {
    let table = [
        (FinishReason::Stop, Status::Completed, ItemStatus::Completed),
        (FinishReason::ToolCalls, Status::Completed, ItemStatus::Completed),
        (
            FinishReason::Length,
            Status::Incomplete(IncompleteReason::MaxOutputTokens),
            ItemStatus::Incomplete,
        ),
        (
            FinishReason::ContentFilter,
            Status::Incomplete(IncompleteReason::ContentFilter),
            ItemStatus::Incomplete,
        ),
    ];
    for (reason, status, item) in table {
        let stage = Stage::new();
        let (turn, answer) = stage.turn(says(Target::Nothing, "hi")).await;
        answer.text("Hello").await;
        answer.finish(reason).await;
        let ended = end(turn).await;
        assert_eq!(ended.response.status, status);
        assert_eq!(ended.output[0].status, item);
    }
}

#[tokio::test]
async fn an_answer_without_a_finish_reason_is_incomplete() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::Nothing, "hi")).await;
    answer.text("Hel").await;
    drop(answer);
    let ended = end(turn).await;
    assert_eq!(ended.response.status, Status::Incomplete(IncompleteReason::UpstreamDisconnected));
    assert_eq!(ended.output[0].content.texts(), ["Hel"]);
}

#[tokio::test]
async fn a_failure_in_the_middle_keeps_what_came_and_says_so_once() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::Nothing, "hi")).await;
    let id = turn.response.id;
    answer.text("Hel").await;
    answer.break_off(ProviderError::Failed).await;
    let events = read(turn).await;
    let failures = events.iter().filter(|event| matches!(event.kind, EventKind::Failed(_))).count();
    assert_eq!(failures, 1);
    let stored = stage.chat.response(&anna(), id).await.unwrap();
    let Status::Failed(failure) = stored.response.status else { panic!("it failed") };
    assert_eq!(failure.code, FailureCode::ProviderError);
    assert_eq!(stored.output[0].content.texts(), ["Hel"]);
    assert_eq!(stored.output[0].status, ItemStatus::Incomplete);
}

#[tokio::test]
async fn a_refusal_before_the_answer_is_an_error_of_the_request_and_is_stored() {
    let stage = Stage::new();
    let scope = anna();
    let conversation = stage.complete(says(Target::NewConversation, "one"), "1").await;
    let id = conversation.response.conversation.unwrap();
    let (refused, ()) =
        tokio::join!(stage.chat.start_turn(&scope, says(Target::Conversation(id), "two")), async {
            stage.call().await.refuse(ProviderError::RateLimited { retry_after: None });
        },);
    let Err(ChatError::Failed { failure, .. }) = refused else { panic!("it is refused") };
    assert_eq!(failure.code, FailureCode::RateLimitExceeded);
    let again = stage.complete(says(Target::Conversation(id), "three"), "3").await;
    assert_eq!(again.response.status, Status::Completed, "the conversation is free again");
}

#[tokio::test(start_paused = true)]
async fn a_slow_model_does_not_keep_the_caller_from_the_stream() {
    let stage = Stage::new();
    let scope = anna();
    let request = says(Target::Nothing, "hi");
    // Nobody accepts: after the grace the stream opens all the same.
    let turn = stage.chat.start_turn(&scope, request).await.unwrap();
    stage.call().await.refuse(ProviderError::Unavailable(None));
    let ended = end(turn).await;
    assert!(matches!(&ended.response.status, Status::Failed(failure)
        if failure.code == FailureCode::ProviderUnavailable));
}

#[tokio::test]
async fn usage_is_the_providers_where_it_tells_and_an_estimate_where_not() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::Nothing, "hi")).await;
    let told = Usage { input_tokens: 11, output_tokens: 7, ..Usage::default() };
    answer.text("Hello").await;
    answer.say(ProviderEvent::Finished(FinishReason::Stop)).await;
    answer.say(ProviderEvent::Usage(told)).await;
    drop(answer);
    assert_eq!(end(turn).await.response.usage, Some(told));

    let (turn, answer) = stage.turn(says(Target::Nothing, "hi")).await;
    answer.text("Hello").await;
    drop(answer);
    let usage = end(turn).await.response.usage.unwrap();
    assert!(usage.estimated && usage.input_tokens > 0 && usage.output_tokens > 0);
}

#[tokio::test]
async fn an_answer_that_leaves_no_trace_is_not_stored() {
    let stage = Stage::new();
    let first = stage.complete(says(Target::NewConversation, "one"), "1").await;
    let id = first.response.conversation.unwrap();
    let mut request = says(Target::Conversation(id), "secret");
    request.store = false;
    let (turn, answer) = stage.turn(request).await;
    let response = turn.response.id;
    answer.finish(FinishReason::Stop).await;
    assert_eq!(end(turn).await.response.status, Status::Completed);
    assert!(matches!(stage.chat.response(&anna(), response).await, Err(ChatError::NotFound(_))));
    let (turn, answer) = stage.turn(says(Target::Conversation(id), "two")).await;
    answer.finish(FinishReason::Stop).await;
    assert_eq!(end(turn).await.response.status, Status::Completed);
    let start = loquat_store::HistoryStart::Conversation(id);
    let history = stage.store.history(&anna(), start, Reach::tokens(u64::MAX)).await.unwrap();
    let said: Vec<_> = history.items.into_iter().map(|it| it.item.content).collect();
    assert_eq!(texts(&said), ["two", "1", "one"]);
}

#[tokio::test]
async fn a_panic_of_a_provider_fails_its_turn_and_no_other() {
    struct Panics;
    #[async_trait::async_trait]
    impl loquat_provider::ChatProvider for Panics {
        async fn start(
            &self,
            _request: loquat_provider::ChatRequest,
        ) -> Result<loquat_provider::AnswerStream, ProviderError> {
            use futures::StreamExt as _;
            let pieces = futures::stream::iter(0..2).map(|piece| {
                assert!(piece == 0, "a provider that is broken");
                Ok(ProviderEvent::Text("Hel".to_owned()))
            });
            Ok(pieces.boxed())
        }
    }
    let stage = Stage::new();
    let model = loquat_chat::Model {
        provider: std::sync::Arc::new(Panics),
        ..stage.chat.models().default_model().as_ref().clone()
    };
    let models = loquat_chat::ModelCatalog::new(vec![model], "played").unwrap();
    let runtime = tokio::runtime::Handle::current();
    let ports = loquat_chat::Ports::on(&stage.store, models, &runtime);
    let broken = loquat_chat::ChatService::new(ports, loquat_chat::Limits::default(), runtime);
    let turn = broken.start_turn(&anna(), says(Target::Nothing, "hi")).await.unwrap();
    let ended = end(turn).await;
    assert!(matches!(&ended.response.status, Status::Failed(failure)
        if failure.code == FailureCode::ServerError));
    assert_eq!(ended.output[0].content.texts(), ["Hel"], "what came is kept");
    assert_eq!(stage.complete(says(Target::Nothing, "hi"), "1").await.output.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_end_is_stored_as_soon_as_the_store_is_back() {
    let stage = Stage::new();
    for _ in 0..3 {
        let restarting = StoreError::Unavailable("the database restarts".into());
        stage.store.fail_next(StoreCall::FinishTurn, restarting);
    }
    let ended = stage.complete(says(Target::Nothing, "hi"), "Hello").await;
    assert_eq!(ended.response.status, Status::Completed);
    let stored = stage.chat.response(&anna(), ended.response.id).await.unwrap();
    assert_eq!(stored.response.status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_stored_is_never_called_completed() {
    let stage = Stage::new();
    for _ in 0..8 {
        let gone = StoreError::Unavailable("the disk is full".into());
        stage.store.fail_next(StoreCall::FinishTurn, gone);
    }
    let ended = stage.complete(says(Target::Nothing, "hi"), "Hello").await;
    assert!(matches!(&ended.response.status, Status::Failed(failure)
        if failure.code == FailureCode::Storage));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_takes_too_long_fails() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::Nothing, "hi")).await;
    answer.text("Hel").await;
    tokio::time::advance(Duration::from_secs(601)).await;
    let ended = end(turn).await;
    assert!(matches!(&ended.response.status, Status::Failed(failure)
        if failure.code == FailureCode::TurnTimeout));
}

#[tokio::test]
async fn a_turn_needs_new_items_that_can_be_kept() {
    let stage = Stage::new();
    let mut nothing = says(Target::Nothing, "");
    nothing.input.clear();
    let refused = stage.chat.start_turn(&anna(), nothing).await;
    assert!(matches!(refused, Err(ChatError::Invalid { param: "input", .. })));

    let nul = stage.chat.start_turn(&anna(), says(Target::Nothing, "a\0b")).await;
    assert!(matches!(nul, Err(ChatError::InvalidText { param: "input" })));

    let huge = "x".repeat(256 * 1024 + 1);
    let huge = stage.chat.start_turn(&anna(), says(Target::Nothing, &huge)).await;
    assert!(matches!(huge, Err(ChatError::Invalid { param: "input", .. })));
}

#[tokio::test]
async fn settings_and_metadata_are_kept_with_the_response() {
    let stage = Stage::new();
    let mut request = says(Target::Nothing, "hi");
    request.settings = Settings {
        instructions: Some("be brief".to_owned()),
        max_output_tokens: Some(64),
        ..Settings::default()
    };
    request.metadata =
        Metadata::new([("a".to_owned(), "b".to_owned())].into_iter().collect()).unwrap();
    request.input.insert(0, message(Role::Developer, "note"));
    let ended = stage.complete(request.clone(), "ok").await;
    let stored = stage.chat.response(&anna(), ended.response.id).await.unwrap().response;
    assert_eq!(stored.settings, request.settings);
    assert_eq!(stored.metadata, request.metadata);
}
