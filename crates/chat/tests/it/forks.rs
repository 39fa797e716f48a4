//! Branches of long conversations, each of which has a window of its own; and what the window learns.

use loquat_chat::{ChatError, ContextWish, Target, TurnRequest};
use loquat_context::PolicyParts;
use loquat_domain::ResponseId;
use loquat_provider::{FinishReason, ProviderError};

use crate::stage::{Stage, anna, end, says, texts};

/// A window of 300 tokens, which some five turns fill.
fn in_little(target: Target, text: &str) -> TurnRequest {
    let policy = PolicyParts { high: Some(300), recall: Some(0), ..PolicyParts::default() };
    let policy = Some(policy.policy().unwrap());
    TurnRequest { context: ContextWish { policy, pins: Vec::new() }, ..says(target, text) }
}

/// What the model is told.
async fn told(stage: &Stage, request: TurnRequest) -> Vec<String> {
    let scope = anna();
    let (turn, input) = tokio::join!(stage.chat.start_turn(&scope, request), async {
        let call = stage.call().await;
        let input = call.request.input.clone();
        call.accept().finish(FinishReason::Stop).await;
        input
    });
    end(turn.unwrap()).await;
    texts(&input)
}

fn long(number: usize) -> String {
    format!("number {number} {}", "and so on ".repeat(12))
}

/// A chain of so many responses.
async fn chain(stage: &Stage, turns: usize, first: Target) -> Vec<ResponseId> {
    let mut ids = Vec::new();
    let mut target = first;
    for number in 0..turns {
        let ended = stage.complete(in_little(target, &long(number)), "yes").await;
        target = match ended.response.conversation {
            Some(id) => Target::Conversation(id),
            None => Target::Response(ended.response.id),
        };
        ids.push(ended.response.id);
    }
    ids
}

#[tokio::test]
async fn a_chain_that_forks_before_its_window_goes_on_from_where_it_forks() {
    let stage = Stage::new();
    let ids = chain(&stage, 14, Target::Nothing).await;
    let fork = told(&stage, in_little(Target::Response(ids[3]), "and then?")).await;
    let expected = [&long(2), "yes", &long(3), "yes", "and then?"];
    assert!(fork.ends_with(&expected.map(str::to_owned)), "{fork:?}");
    // The chain itself has lost nothing by that.
    let end = told(&stage, in_little(Target::Response(ids[13]), "and then?")).await;
    let expected = [&long(13), "yes", "and then?"];
    assert!(end.ends_with(&expected.map(str::to_owned)), "{end:?}");
}

#[tokio::test]
async fn a_fork_that_grows_beyond_the_window_of_the_first_branch_keeps_its_own() {
    let stage = Stage::new();
    let ids = chain(&stage, 14, Target::Nothing).await;
    let mut target = Target::Response(ids[1]);
    for number in 100..120 {
        let ended = stage.complete(in_little(target, &long(number)), "yes").await;
        target = Target::Response(ended.response.id);
    }
    let fork = told(&stage, in_little(target, "and then?")).await;
    let expected = [&long(118), "yes", &long(119), "yes", "and then?"];
    assert!(fork.ends_with(&expected.map(str::to_owned)), "{fork:?}");
    assert!(fork.len() < 14, "{fork:?}");
}

#[tokio::test]
async fn what_is_said_again_after_an_old_message_has_what_came_before_it() {
    let stage = Stage::new();
    let ids = chain(&stage, 14, Target::NewConversation).await;
    let scope = anna();
    let fourth = stage.chat.response(&scope, ids[3]).await.unwrap();
    let (id, last) = (fourth.response.conversation.unwrap(), fourth.output[0].id);
    let again = told(&stage, in_little(Target::After(id, Some(last)), "and then?")).await;
    let expected = [&long(2), "yes", &long(3), "yes", "and then?"];
    assert!(again.ends_with(&expected.map(str::to_owned)), "{again:?}");
    let next = told(&stage, in_little(Target::Conversation(id), "and now?")).await;
    assert!(next.iter().any(|text| text == "and then?"), "{next:?}");
    assert!(next.contains(&long(3)), "{next:?}");
}

#[tokio::test]
async fn a_prompt_that_the_provider_found_too_long_is_shorter_the_next_time() {
    let stage = Stage::new();
    let ids = chain(&stage, 14, Target::NewConversation).await;
    let scope = anna();
    let id = stage.chat.response(&scope, ids[0]).await.unwrap().response.conversation.unwrap();
    let (refused, ()) = tokio::join!(
        stage.chat.start_turn(&scope, in_little(Target::Conversation(id), "too long?")),
        async { stage.call().await.refuse(ProviderError::ContextLengthExceeded) },
    );
    assert!(matches!(refused, Err(ChatError::Failed { .. })), "{refused:?}");
    let next = stage.complete(in_little(Target::Conversation(id), "and now?"), "yes").await;
    let stored = stage.chat.response(&scope, next.response.id).await.unwrap();
    let receipt: serde_json::Value = serde_json::from_str(stored.receipt.as_str()).unwrap();
    assert_eq!(receipt["counter"]["eighths"], 10);
    assert_eq!(receipt["window"]["high"], 240, "300 of the provider's tokens");
}
