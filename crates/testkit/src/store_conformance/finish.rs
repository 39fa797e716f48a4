//! The end of a turn.

use std::time::Duration;

use loquat_domain::{
    CancelReason, Failure, FailureCode, IncompleteReason, Item, ItemStatus, Response, Status,
    Timestamp, Usage,
};
use loquat_store::{HistoryStart, Place, StoreError, StoredResponse};

use super::{
    Store,
    person::{HOUR, Person},
    things::{answered, end, ended, messages, receipt},
};

/// The output follows the input, in order, and the conversation is free again.
pub async fn an_end_stores_the_output_and_frees_the_conversation(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    let mut output = answered(&begun.response, &["c", "d", "e"]);
    output[2].status = ItemStatus::Incomplete;
    let response = ended(&begun.response, Status::Completed);
    store.finish_turn(&ada.scope, end(response.clone(), output.clone())).await.unwrap();

    let stored = ada.response(response.id).await.unwrap();
    let expected = StoredResponse {
        response,
        hidden: false,
        output: output.clone(),
        receipt: receipt(),
        route: None,
    };
    assert_eq!(stored, expected);
    assert_eq!(ada.texts(id).await, ["a", "b", "c", "d", "e"]);
    let active: Vec<Item> = ada.active(id).await.into_iter().map(|it| it.item).collect();
    assert_eq!(active[2..], output);
    assert_eq!(Some(ada.see(id).await.updated_at), expected.response.completed_at);
    assert_eq!(store.stale_turns(10).await.unwrap(), []);
    ada.turn(id, "f").await;
}

/// A turn may end without having said anything.
pub async fn an_end_without_output_is_an_end(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    ada.try_finish(&begun.response, vec![]).await.unwrap();
    assert_eq!(ada.texts(id).await, ["a", "b"]);
    assert_eq!(ada.told(HistoryStart::Response(begun.response.id)).await, ["a", "b"]);
    ada.turn(id, "c").await;
}

/// However a turn ended, that is what is kept.
pub async fn every_terminal_status_comes_back_as_it_was_stored(store: &dyn Store) {
    let ada = Person::owner(store);
    let failed = |code| Status::Failed(Failure { code, message: format!("because of {code}") });
    let statuses = [Status::Completed]
        .into_iter()
        .chain(CancelReason::ALL.map(Status::Cancelled))
        .chain(IncompleteReason::ALL.map(Status::Incomplete))
        .chain(FailureCode::ALL.map(failed));
    let usage = Usage {
        input_tokens: 1,
        cached_tokens: 2,
        cache_write_tokens: 3,
        output_tokens: u64::from(u32::MAX) + 4,
        reasoning_tokens: 5,
        estimated: true,
    };
    let (id, _) = ada.conversation_of(&["a"]).await;
    for status in statuses {
        for (usage, completed_at) in
            [(Some(usage), Some(Timestamp::from_micros(1_760_000_000_123_457))), (None, None)]
        {
            let begun = ada.turn(id, "b").await;
            let over = Response { status: status.clone(), usage, completed_at, ..begun.response };
            store.finish_turn(&ada.scope, end(over.clone(), vec![])).await.unwrap();
            assert_eq!(ada.response(over.id).await.unwrap().response, over);
        }
    }
}

/// Usage that the provider counted is not said to be estimated.
pub async fn counted_usage_stays_counted(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let done = ada.finish(begun, "b").await;
    let usage = ada.response(done.response.id).await.unwrap().response.usage.unwrap();
    assert_eq!(usage, Usage { input_tokens: 20, output_tokens: 10, ..Usage::default() });
}

/// The first end counts.
pub async fn a_turn_ends_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    let done = ada.finish(begun, "c").await;
    let before = ada.response(done.response.id).await.unwrap();
    let response = ended(&done.response, Status::Cancelled(CancelReason::ByOwner));
    let output = answered(&response, &["x"]);
    let again = store.finish_turn(&ada.scope, end(response, output)).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    assert_eq!(ada.response(done.response.id).await.unwrap(), before);
    assert_eq!(ada.texts(id).await, ["a", "b", "c"]);
}

/// Of two ends at once one counts.
pub async fn of_two_racing_ends_one_counts(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    let (one, two) = futures::join!(
        ada.try_finish(&begun.response, answered(&begun.response, &["c"])),
        ada.try_finish(&begun.response, answered(&begun.response, &["c"]))
    );
    let lost = match (one, two) {
        (Ok(()), Err(lost)) | (Err(lost), Ok(())) => lost,
        neither_or_both => panic!("{neither_or_both:?}"),
    };
    assert!(matches!(lost, StoreError::Conflict), "{lost:?}");
    assert_eq!(ada.texts(id).await, ["a", "b", "c"]);
}

/// The answer of a turn that was thought dead is kept, but changes neither the branch that people
/// look at nor the lock of the turn that came after.
pub async fn a_late_end_keeps_the_active_branch_and_the_lock(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let late = ada.turn_with_lease(id, "b", Duration::ZERO).await;
    let next = ada.turn(id, "c").await;
    let late = ada.finish(late, "late answer").await;

    assert_eq!(ada.texts(id).await, ["a", "b", "c"]);
    let kept = store.item(&ada.scope, id, late.output[0].id).await.unwrap();
    assert_eq!(kept.item, late.output[0]);
    let told = ada.told(HistoryStart::Response(late.response.id)).await;
    assert_eq!(told, ["a", "b", "late answer"]);
    let third = ada.try_turn(id, Place::Leaf(Some(next.input[0].id)), &["x"], HOUR).await;
    assert!(matches!(third, Err(StoreError::Locked)), "{third:?}");

    ada.finish(next, "d").await;
    assert_eq!(ada.texts(id).await, ["a", "b", "c", "d"]);
    ada.append(id, messages(&["e"])).await.unwrap();
}
