//! Edits and regenerations: branches of one conversation.

use loquat_chat::{ChatError, Missing, Target};
use loquat_domain::{Branch, ConversationId, ItemId, Order, PageLimit, PageRequest};
use loquat_provider::FinishReason;

use crate::stage::{Stage, anna, end, message, says, texts};

fn page<Id>(order: Order) -> PageRequest<Id> {
    PageRequest { after: None, order, limit: PageLimit::MAX }
}

async fn shown(stage: &Stage, id: ConversationId) -> (Vec<ItemId>, Vec<String>) {
    let items = stage.chat.items(&anna(), id, page(Order::Ascending)).await.unwrap().entries;
    let contents: Vec<_> = items.iter().map(|it| it.item.content.clone()).collect();
    (items.iter().map(|it| it.item.id).collect(), texts(&contents))
}

async fn branches(stage: &Stage, id: ConversationId) -> Vec<Branch> {
    stage.chat.branches(&anna(), id, page(Order::Ascending)).await.unwrap().entries
}

/// A conversation of two turns.
async fn two_turns(stage: &Stage) -> ConversationId {
    let first = stage.complete(says(Target::NewConversation, "q1"), "a1").await;
    let id = first.response.conversation.unwrap();
    stage.complete(says(Target::Conversation(id), "q2"), "a2").await;
    id
}

#[tokio::test]
async fn an_edit_begins_a_branch_and_overwrites_nothing() {
    let stage = Stage::new();
    let id = two_turns(&stage).await;
    let (before, _) = shown(&stage, id).await;
    let (turn, answer) = stage.turn(says(Target::After(id, Some(before[1])), "q2, better")).await;
    answer.text("a2, better").await;
    answer.finish(FinishReason::Stop).await;
    end(turn).await;

    assert_eq!(shown(&stage, id).await.1, ["q1", "a1", "q2, better", "a2, better"]);
    let all = branches(&stage, id).await;
    assert_eq!(all.iter().map(|it| it.size).collect::<Vec<_>>(), [4, 4]);
    let old = all.iter().find(|it| !it.active).unwrap();
    assert_eq!(old.leaf, before[3]);

    let active = stage.chat.activate_branch(&anna(), id, old.leaf).await.unwrap();
    assert!(active.active);
    assert_eq!(
        shown(&stage, id).await,
        (before, ["q1", "a1", "q2", "a2"].map(String::from).into())
    );
}

#[tokio::test]
async fn the_model_is_told_the_branch_that_the_turn_continues() {
    let stage = Stage::new();
    let id = two_turns(&stage).await;
    let (items, _) = shown(&stage, id).await;
    for (after, told) in [
        (Some(items[1]), vec!["q1", "a1", "again"]),
        (Some(items[3]), vec!["q1", "a1", "q2", "a2", "again"]),
        (None, vec!["again"]),
    ] {
        let request = says(Target::After(id, after), "again");
        let scope = anna();
        let (turn, answer) = tokio::join!(stage.chat.start_turn(&scope, request), async {
            let call = stage.call().await;
            assert_eq!(texts(&call.request.input), told);
            call.accept()
        });
        answer.finish(FinishReason::Stop).await;
        end(turn.unwrap()).await;
    }
}

#[tokio::test]
async fn an_earlier_answer_of_a_conversation_is_continued_as_a_branch_of_it() {
    let stage = Stage::new();
    let first = stage.complete(says(Target::NewConversation, "q1"), "a1").await;
    let id = first.response.conversation.unwrap();
    stage.complete(says(Target::Conversation(id), "q2"), "a2").await;
    let again = stage.complete(says(Target::Response(first.response.id), "q3"), "a3").await;
    assert_eq!(again.response.conversation, Some(id));
    assert_eq!(shown(&stage, id).await.1, ["q1", "a1", "q3", "a3"]);
    assert_eq!(branches(&stage, id).await.len(), 2);
}

#[tokio::test]
async fn no_branch_is_begun_or_shown_while_a_turn_runs() {
    let stage = Stage::new();
    let id = two_turns(&stage).await;
    let (items, _) = shown(&stage, id).await;
    let fork = says(Target::After(id, Some(items[1])), "fork");
    let ended = stage.complete(fork.clone(), "forked").await;
    let (turn, answer) = stage.turn(says(Target::Conversation(id), "long")).await;
    let forked = stage.chat.start_turn(&anna(), fork).await;
    assert!(matches!(forked, Err(ChatError::Locked)), "{forked:?}");
    let switched = stage.chat.activate_branch(&anna(), id, items[3]).await;
    assert!(matches!(switched, Err(ChatError::Locked)), "{switched:?}");
    answer.finish(FinishReason::Stop).await;
    end(turn).await;
    drop(ended);
}

#[tokio::test]
async fn what_no_item_or_branch_is_is_not_found() {
    let stage = Stage::new();
    let id = two_turns(&stage).await;
    let other = two_turns(&stage).await;
    let (items, _) = shown(&stage, id).await;
    let (others, _) = shown(&stage, other).await;
    let foreign =
        stage.chat.start_turn(&anna(), says(Target::After(id, Some(others[1])), "x")).await;
    assert!(matches!(foreign, Err(ChatError::NotFound(Missing::Item))), "{foreign:?}");
    for leaf in [items[1], others[3]] {
        let none = stage.chat.activate_branch(&anna(), id, leaf).await;
        assert!(matches!(none, Err(ChatError::NotFound(Missing::Branch))), "{none:?}");
    }
    assert!(
        stage
            .chat
            .append_items(&anna(), id, vec![message(loquat_domain::Role::User, "n")], None)
            .await
            .is_ok()
    );
}
