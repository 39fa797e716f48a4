//! Revoked access.

use std::time::Duration;

use loquat_chat::{ChatError, Target};
use loquat_domain::{
    CancelReason, Event, EventKind, Order, PageLimit, PageRequest, Status, TokenId, UserId,
};
use loquat_store::Revoked;

use crate::stage::{Stage, anna, end, rest, says, scope};

fn user(name: &str) -> Revoked {
    Revoked::User(UserId::new(name).unwrap())
}

#[tokio::test]
async fn a_running_answer_of_a_revoked_user_ends_and_keeps_what_came() {
    let stage = Stage::new();
    let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    answer.text("Hello").await;
    stage.chat.revoke(&scope("acme", "admin"), user("anna"), None).await.unwrap();
    answer.unheard().await;
    let ended = end(turn).await;
    assert_eq!(ended.response.status, Status::Cancelled(CancelReason::AccessRevoked));
    assert_eq!(ended.output[0].content.texts(), ["Hello"]);
    let stored = stage.chat.response(&anna(), ended.response.id).await.unwrap();
    assert_eq!(stored.response.status, Status::Cancelled(CancelReason::AccessRevoked));
}

#[tokio::test]
async fn a_revocation_reaches_the_turns_of_another_process_within_seconds() {
    let stage = Stage::new();
    let elsewhere = stage.elsewhere();
    let (turn, answer) = stage.turn(says(Target::NewConversation, "hi")).await;
    elsewhere.revoke(&scope("acme", "admin"), Revoked::Tenant, None).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), async {
        answer.unheard().await;
        end(turn).await
    });
    let ended = ended.await.expect("within five seconds");
    assert_eq!(ended.response.status, Status::Cancelled(CancelReason::AccessRevoked));
}

#[tokio::test]
async fn a_revoked_token_ends_what_was_begun_with_it_and_nothing_else() {
    let stage = Stage::new();
    let token = |name: &str| Some(TokenId::new(name).unwrap());
    let mut stolen = says(Target::NewConversation, "hi");
    stolen.token = token("stolen");
    let mut own = says(Target::NewConversation, "hi");
    own.token = token("own");
    let (stolen, stolen_answer) = stage.turn(stolen).await;
    let (own, own_answer) = stage.turn(own).await;
    let whose = Revoked::Token(TokenId::new("stolen").unwrap());
    stage.chat.revoke(&scope("acme", "admin"), whose, None).await.unwrap();
    stolen_answer.unheard().await;
    let revoked = end(stolen).await.response.status.clone();
    assert_eq!(revoked, Status::Cancelled(CancelReason::AccessRevoked));
    own_answer.finish(loquat_provider::FinishReason::Stop).await;
    assert_eq!(end(own).await.response.status, Status::Completed);
}

#[tokio::test]
async fn a_revoked_token_reads_nothing_more_of_what_another_has_begun() {
    let stage = Stage::new();
    let token = |name: &str| TokenId::new(name).unwrap();
    let mut begun = says(Target::NewConversation, "hi");
    begun.token = Some(token("own"));
    let (turn, answer) = stage.turn(begun).await;
    let elsewhere = stage.elsewhere();
    for (reader, chat) in [("stolen", &stage.chat), ("stolen-too", &elsewhere)] {
        let reader = token(reader);
        let followed = chat.follow_response(&anna(), turn.response.id, None, Some(&reader)).await;
        let mut followed = followed.unwrap();
        let admin = scope("acme", "admin");
        chat.revoke(&admin, Revoked::Token(reader), None).await.unwrap();
        let read = tokio::time::timeout(Duration::from_secs(5), rest(&mut followed)).await;
        let ended = |event: &Event| matches!(event.kind, EventKind::Ended(_));
        assert!(!read.expect("nothing follows").iter().any(ended), "the answer goes on");
    }
    answer.finish(loquat_provider::FinishReason::Stop).await;
    assert_eq!(end(turn).await.response.status, Status::Completed);
}

#[tokio::test]
async fn access_is_refused_while_it_is_revoked_and_to_nobody_else() {
    let stage = Stage::new();
    let admin = scope("acme", "admin");
    stage.chat.check_access(&anna(), None).await.unwrap();
    stage.chat.revoke(&admin, user("anna"), None).await.unwrap();
    let refused = stage.chat.check_access(&anna(), None).await;
    assert!(matches!(refused, Err(ChatError::AccessRevoked)), "{refused:?}");
    for other in [scope("acme", "ben"), scope("other", "anna")] {
        stage.chat.check_access(&other, None).await.unwrap();
    }
    stage.chat.restore(&admin, user("anna")).await.unwrap();
    stage.chat.check_access(&anna(), None).await.unwrap();
    let again = stage.chat.restore(&admin, user("anna")).await;
    assert!(matches!(again, Err(ChatError::NotFound(_))), "{again:?}");
}

#[tokio::test]
async fn what_administrators_do_is_in_the_log_of_their_tenant() {
    let stage = Stage::new();
    let admin = scope("acme", "admin");
    stage.chat.revoke(&admin, user("anna"), None).await.unwrap();
    stage.chat.restore(&admin, user("anna")).await.unwrap();
    let page = || PageRequest { after: None, order: Order::Ascending, limit: PageLimit::MAX };
    let log = stage.chat.audit(&admin, page()).await.unwrap().entries;
    let told: Vec<_> =
        log.iter().map(|entry| (entry.act.as_str(), entry.subject.as_str())).collect();
    assert_eq!(told, [("access.revoke", "user anna"), ("access.restore", "user anna")]);
    assert!(log.iter().all(|entry| entry.actor == admin.user));
    let other = stage.chat.audit(&scope("other", "admin"), page()).await.unwrap();
    assert_eq!(other.entries, []);
}
