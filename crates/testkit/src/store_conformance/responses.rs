//! Responses, and the chains that they form.

use loquat_domain::{RawJson, Response};
use loquat_store::{BeginTurn, HistoryStart, Reach, StoreError, TurnHome};

use super::{
    Store,
    person::{Done, HOUR, Person},
    things::{conversation, in_progress, message, messages},
};

/// A chain of three answered responses, each of which continues the one before.
async fn chain(ada: &Person<'_>) -> [Done; 3] {
    let first = ada.implicit_turn("a").await;
    let first = ada.finish(first, "b").await;
    let second = ada.continue_response(first.response.id, "c").await;
    let second = ada.finish(second, "d").await;
    let third = ada.continue_response(second.response.id, "e").await;
    let third = ada.finish(third, "f").await;
    [first, second, third]
}

fn start(done: &Done) -> HistoryStart {
    HistoryStart::Response(done.response.id)
}

/// The items of the chain's links can be used again when they are gone.
async fn assert_gone(ada: &Person<'_>, links: &[&Done]) {
    let items = links.iter().flat_map(|link| [&link.input[..], &link.output[..]].concat());
    let unowned = |item| loquat_domain::Item { response: None, ..item };
    ada.create(conversation(50), items.map(unowned).collect()).await.unwrap();
}

/// Each response of a chain is reached with everything before it.
pub async fn a_chain_of_responses_has_one_history(store: &dyn Store) {
    let ada = Person::owner(store);
    let [first, second, third] = chain(&ada).await;
    assert_eq!(ada.told(start(&first)).await, ["a", "b"]);
    assert_eq!(ada.told(start(&second)).await, ["a", "b", "c", "d"]);
    assert_eq!(ada.told(start(&third)).await, ["a", "b", "c", "d", "e", "f"]);
    let stored = ada.response(third.response.id).await.unwrap();
    assert_eq!(stored.response.previous, Some(second.response.id));
    assert_eq!(stored.output, third.output);
}

/// Until its end a response has no output, and is in progress.
pub async fn a_running_response_has_no_output_yet(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let stored = ada.response(begun.response.id).await.unwrap();
    assert_eq!((stored.response, stored.output), (begun.response, vec![]));
}

/// The context engine's report is kept byte for byte.
pub async fn a_receipt_comes_back_byte_for_byte(store: &dyn Store) {
    let ada = Person::owner(store);
    let response = in_progress(None, 10);
    let receipt = RawJson::from_checked("{ \"z\":1.50,\n\"a\" : [1e3, \"\\u00e9é\"] }");
    let turn = BeginTurn {
        response: response.clone(),
        hidden: false,
        home: TurnHome::New { conversation: conversation(10), listed: false },
        input: vec![message("a")],
        receipt: receipt.clone(),
        context: None,
        lease: HOUR,
        once: None,
    };
    store.begin_turn(&ada.scope, turn).await.unwrap();
    assert_eq!(ada.response(response.id).await.unwrap().receipt, receipt);
    ada.try_finish(&response, vec![]).await.unwrap();
    assert_eq!(ada.response(response.id).await.unwrap().receipt, receipt);
}

/// A conversation that people see keeps what was said, whatever becomes of the response.
pub async fn a_deleted_response_leaves_its_items_in_a_listed_conversation(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    let done = ada.finish(begun, "c").await;
    ada.delete_response(done.response.id).await.unwrap();
    assert_eq!(ada.texts(id).await, ["a", "b", "c"]);
    let read = ada.response(done.response.id).await;
    assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
    let read = store.history(&ada.scope, start(&done), Reach::tokens(10)).await;
    assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
    let next = ada.turn(id, "d").await;
    ada.finish(next, "e").await;
    assert_eq!(ada.texts(id).await, ["a", "b", "c", "d", "e"]);
}

/// A deleted turn holds no lock.
pub async fn deleting_a_running_response_frees_its_conversation(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    ada.delete_response(begun.response.id).await.unwrap();
    assert!(!ada.history(HistoryStart::Conversation(id)).await.head.running);
    assert_eq!(ada.texts(id).await, ["a", "b"]);
    ada.append(id, messages(&["c"])).await.unwrap();
    ada.turn(id, "d").await;
}

/// Deleting a response that has ended does not free the turn that runs now.
pub async fn deleting_an_ended_response_keeps_the_lock_of_the_running_one(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    let done = ada.finish(begun, "c").await;
    let running = ada.turn(id, "d").await;
    ada.delete_response(done.response.id).await.unwrap();
    let appended = ada.append(id, messages(&["x"])).await;
    assert!(matches!(appended, Err(StoreError::Locked)), "{appended:?}");
    ada.finish(running, "e").await;
    assert_eq!(ada.texts(id).await, ["a", "b", "c", "d", "e"]);
}

/// What later responses continue stays, also when its own response is gone.
pub async fn a_deleted_response_that_is_continued_leaves_its_items(store: &dyn Store) {
    let ada = Person::owner(store);
    let [first, second, third] = chain(&ada).await;
    ada.delete_response(first.response.id).await.unwrap();
    ada.delete_response(second.response.id).await.unwrap();
    assert_eq!(ada.told(start(&third)).await, ["a", "b", "c", "d", "e", "f"]);
    let fourth = ada.continue_response(third.response.id, "g").await;
    assert_eq!(ada.told(HistoryStart::Response(fourth.response.id)).await.len(), 7);
    let read = ada.response(second.response.id).await;
    assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
}

/// What nothing continues goes with its response.
pub async fn a_deleted_response_that_nothing_continues_takes_its_items_along(store: &dyn Store) {
    let ada = Person::owner(store);
    let [first, second, third] = chain(&ada).await;
    ada.delete_response(third.response.id).await.unwrap();
    assert_eq!(ada.told(start(&second)).await, ["a", "b", "c", "d"]);
    assert_eq!(ada.response(second.response.id).await.unwrap().output, second.output);
    assert_gone(&ada, &[&third]).await;
    ada.delete_response(second.response.id).await.unwrap();
    assert_eq!(ada.told(start(&first)).await, ["a", "b"]);
    assert_gone(&ada, &[&second]).await;
}

/// A running response that is deleted takes its question along.
pub async fn a_deleted_running_response_takes_its_question_along(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    ada.delete_response(begun.response.id).await.unwrap();
    let read = ada.response(begun.response.id).await;
    assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
    let done = Done { response: begun.response, input: begun.input, output: vec![] };
    assert_gone(&ada, &[&done]).await;
}

/// Of two continuations one can go without the other.
pub async fn deleting_one_continuation_leaves_the_other(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let first = ada.finish(begun, "b").await;
    let one = ada.continue_response(first.response.id, "one").await;
    let one = ada.finish(one, "answer one").await;
    let two = ada.continue_response(first.response.id, "two").await;
    let two = ada.finish(two, "answer two").await;
    ada.delete_response(one.response.id).await.unwrap();
    assert_eq!(ada.told(start(&two)).await, ["a", "b", "two", "answer two"]);
    ada.delete_response(first.response.id).await.unwrap();
    assert_eq!(ada.told(start(&two)).await, ["a", "b", "two", "answer two"]);
    assert_gone(&ada, &[&one]).await;
}

/// A response id can be used again once its response is gone.
pub async fn a_deleted_response_is_gone_for_good(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    ada.finish(begun.clone(), "b").await;
    ada.delete_response(begun.response.id).await.unwrap();
    let home = TurnHome::New { conversation: conversation(40), listed: false };
    let again = Response { model: "other".to_owned(), ..begun.response };
    ada.begin(&again, home, vec![message("new")], HOUR).await.unwrap();
    assert_eq!(ada.response(again.id).await.unwrap().response, again);
    assert_eq!(ada.told(HistoryStart::Response(again.id)).await, ["new"]);
}
