//! What the model gets to see.

use loquat_chat::{ChatError, Missing, Target};
use loquat_context::ContextError;
use loquat_domain::{ConversationId, ResponseId, Status, Truncation};
use loquat_provider::FinishReason;

use crate::stage::{Stage, anna, end, new_id, says, scope, texts};

#[tokio::test]
async fn the_model_really_gets_the_stored_history() {
    let stage = Stage::new();
    let first = stage.complete(says(Target::NewConversation, "one"), "1").await;
    let id = first.response.conversation.unwrap();
    stage.complete(says(Target::Conversation(id), "two"), "2").await;

    let scope = anna();
    let (turn, call) = tokio::join!(
        stage.chat.start_turn(&scope, says(Target::Conversation(id), "three")),
        async {
            let call = stage.call().await;
            let request = call.request.clone();
            call.accept().finish(FinishReason::Stop).await;
            request
        },
    );
    assert_eq!(texts(&call.input), ["one", "1", "two", "2", "three"]);
    assert_eq!(call.model, "played-upstream");
    end(turn.unwrap()).await;
}

#[tokio::test]
async fn a_chain_of_responses_forks_where_a_caller_continues() {
    let stage = Stage::new();
    let first = stage.complete(says(Target::Nothing, "one"), "1").await.response.id;
    let left = stage.complete(says(Target::Response(first), "left"), "L").await.response.id;
    stage.complete(says(Target::Response(first), "right"), "R").await;

    let scope = anna();
    let (turn, input) =
        tokio::join!(stage.chat.start_turn(&scope, says(Target::Response(left), "more")), async {
            let call = stage.call().await;
            let input = call.request.input.clone();
            call.accept().finish(FinishReason::Stop).await;
            input
        },);
    assert_eq!(texts(&input), ["one", "1", "left", "L", "more"]);
    end(turn.unwrap()).await;
}

#[tokio::test]
async fn a_long_history_is_cut_to_the_window_and_the_receipt_says_so() {
    let stage = Stage::new();
    let mut id = None;
    for _ in 0..30 {
        let target = id.map_or(Target::NewConversation, Target::Conversation);
        let ended = stage.complete(says(target, &"long ago ".repeat(60)), "ok").await;
        id = ended.response.conversation;
    }
    let ended = stage.complete(says(Target::Conversation(id.unwrap()), "now"), "ok").await;
    let receipt = stage.chat.response(&anna(), ended.response.id).await.unwrap().receipt;
    let receipt: serde_json::Value = serde_json::from_str(receipt.as_str()).unwrap();
    assert!(receipt["budget"]["used"].as_u64() <= receipt["budget"]["max_input"].as_u64());
    assert_eq!(receipt["whole_history"], false);
    let sections = receipt["sections"].as_array().unwrap();
    let window = sections.iter().find(|section| section["kind"] == "window").unwrap();
    assert!(window["tokens"].as_u64() <= receipt["window"]["high"].as_u64());
    assert!(window["items"].as_u64() < Some(60), "{receipt}");
}

#[tokio::test]
async fn a_history_that_may_not_be_cut_is_refused_when_it_does_not_fit() {
    let stage = Stage::new();
    let mut id = None;
    for _ in 0..30 {
        let target = id.map_or(Target::NewConversation, Target::Conversation);
        let ended = stage.complete(says(target, &"long ago ".repeat(60)), "ok").await;
        id = ended.response.conversation;
    }
    let mut request = says(Target::Conversation(id.unwrap()), "now");
    request.settings.truncation = Truncation::Disabled;
    let refused = stage.chat.start_turn(&anna(), request).await;
    assert!(matches!(refused, Err(ChatError::Context(ContextError::TooLarge { .. }))));
}

#[tokio::test]
async fn a_message_that_cannot_fit_is_refused_and_nothing_is_stored() {
    let stage = Stage::new();
    let first = stage.complete(says(Target::NewConversation, "one"), "1").await;
    let id = first.response.conversation.unwrap();
    let huge = "word ".repeat(20_000);
    let refused = stage.chat.start_turn(&anna(), says(Target::Conversation(id), &huge)).await;
    assert!(matches!(refused, Err(ChatError::Context(ContextError::TooLarge { .. }))));
    let page = loquat_domain::PageRequest {
        after: None,
        order: loquat_domain::Order::Ascending,
        limit: loquat_domain::PageLimit::MAX,
    };
    assert_eq!(stage.chat.items(&anna(), id, page).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn another_scopes_history_is_as_unknown_as_one_that_never_was() {
    let stage = Stage::new();
    let first = stage.complete(says(Target::NewConversation, "one"), "1").await;
    let conversation = first.response.conversation.unwrap();
    let response = first.response.id;
    let unknown_conversation = Target::Conversation(ConversationId::from_uuid(new_id()));
    let unknown_response = Target::Response(ResponseId::from_uuid(new_id()));
    for stranger in [scope("acme", "bob"), scope("other", "anna")] {
        for (target, missing) in [
            (Target::Conversation(conversation), Missing::Conversation),
            (unknown_conversation, Missing::Conversation),
            (Target::Response(response), Missing::PreviousResponse),
            (unknown_response, Missing::PreviousResponse),
        ] {
            let refused = stage.chat.start_turn(&stranger, says(target, "hi")).await;
            let Err(ChatError::NotFound(what)) = refused else { panic!("{target:?} is unknown") };
            assert_eq!(what, missing);
        }
    }
}

#[tokio::test]
async fn a_second_turn_in_a_busy_conversation_is_refused_before_the_model_is_called() {
    let stage = Stage::new();
    let first = stage.complete(says(Target::NewConversation, "one"), "1").await;
    let id = first.response.conversation.unwrap();
    let (turn, answer) = stage.turn(says(Target::Conversation(id), "two")).await;
    let second = stage.chat.start_turn(&anna(), says(Target::Conversation(id), "too")).await;
    assert!(matches!(second, Err(ChatError::Locked)));
    let continued =
        stage.chat.start_turn(&anna(), says(Target::Response(turn.response.id), "too")).await;
    assert!(matches!(continued, Err(ChatError::PreviousRunning)));
    answer.finish(FinishReason::Stop).await;
    assert_eq!(end(turn).await.response.status, Status::Completed);
}
