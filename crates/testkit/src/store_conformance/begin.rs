//! The start of a turn.

use loquat_domain::Order;
use loquat_store::{HistoryStart, Place, StoreError, StoredResponse, TurnHome};

use super::{
    Store,
    person::{HOUR, Person},
    things::{asked, conversation, in_progress, item_id, moment, page, receipt},
};

/// The first turn of a listed conversation makes it.
pub async fn a_turn_begins_a_new_listed_conversation(store: &dyn Store) {
    let ada = Person::owner(store);
    let made = conversation(10);
    let response = in_progress(Some(made.id), 10);
    let input = asked(&response, &["a", "b"]);
    let home = TurnHome::New { conversation: made.clone(), listed: true };
    ada.begin(&response, home, input.clone(), HOUR).await.unwrap();
    assert_eq!(ada.list().await, [made.id]);
    assert_eq!(ada.see(made.id).await, made);
    let active = ada.active(made.id).await;
    assert_eq!(active.into_iter().map(|stored| stored.item).collect::<Vec<_>>(), input);
    let stored =
        StoredResponse { response, hidden: false, output: vec![], receipt: receipt(), route: None };
    assert_eq!(ada.response(stored.response.id).await.unwrap(), stored);
    let second = ada.try_turn(made.id, Place::Leaf(Some(input[1].id)), &["c"], HOUR).await;
    assert!(matches!(second, Err(StoreError::Locked)), "{second:?}");
}

/// A turn without a conversation of its own is reached through its response.
pub async fn a_turn_begins_a_new_implicit_conversation(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let stored = ada.response(begun.response.id).await.unwrap();
    assert_eq!(stored.response, begun.response);
    assert_eq!(ada.told(HistoryStart::Response(begun.response.id)).await, ["a"]);
    assert_eq!(ada.list().await, []);
}

/// A turn at the end of the active branch extends it, and is a change of the conversation.
pub async fn a_turn_extends_the_active_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    let place = Place::Leaf(Some(items[1].id));
    let begun = ada.try_turn(id, place, &["c", "d"], HOUR).await.unwrap();
    assert_eq!(ada.texts(id).await, ["a", "b", "c", "d"]);
    assert_eq!(ada.see(id).await.updated_at, begun.response.created_at);
    assert_eq!(ada.active(id).await[3].item, begun.input[1]);

    let (empty, _) = ada.conversation_of(&[]).await;
    ada.try_turn(empty, Place::Leaf(None), &["a"], HOUR).await.unwrap();
    assert_eq!(ada.texts(empty).await, ["a"]);
}

/// A turn after an earlier item makes a new active branch; the old one stays readable.
pub async fn a_turn_after_an_earlier_item_makes_a_new_active_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    let old = ada.turn(id, "c").await;
    let old = ada.finish(old, "d").await;
    let old_branch = ada.active(id).await;

    let place = Place::After(Some(items[1].id));
    let new = ada.try_turn(id, place, &["new c"], HOUR).await.unwrap();
    assert_eq!(ada.texts(id).await, ["a", "b", "new c"]);
    let new = ada.finish(new, "new d").await;
    assert_eq!(ada.texts(id).await, ["a", "b", "new c", "new d"]);
    let active = ada.active(id).await;
    assert!(active.is_sorted_by(|earlier, later| earlier.position < later.position));
    assert_eq!(active[..2], old_branch[..2]);

    for stored in old_branch {
        assert_eq!(store.item(&ada.scope, id, stored.item.id).await.unwrap(), stored);
    }
    let old = HistoryStart::Response(old.response.id);
    assert_eq!(ada.told(old).await, ["a", "b", "c", "d"]);
    let new = HistoryStart::Response(new.response.id);
    assert_eq!(ada.told(new).await, ["a", "b", "new c", "new d"]);
    let newest = page(None, Order::Descending, 1);
    let newest = store.items(&ada.scope, id, newest).await.unwrap().entries;
    assert_eq!(newest[0], active[3]);
}

/// A turn after nothing starts from a new root.
pub async fn a_turn_after_nothing_starts_a_new_root(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    let begun = ada.try_turn(id, Place::After(None), &["new a"], HOUR).await.unwrap();
    ada.finish(begun, "new b").await;
    assert_eq!(ada.texts(id).await, ["new a", "new b"]);
    assert_eq!(ada.told(HistoryStart::Conversation(id)).await, ["new a", "new b"]);
    store.item(&ada.scope, id, items[0].id).await.unwrap();
}

/// A turn at the end of an old branch makes that branch the active one again.
pub async fn an_old_branch_can_be_taken_up_again(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c"]).await;
    let fork = Place::After(Some(items[0].id));
    let other = ada.try_turn(id, fork, &["new b"], HOUR).await.unwrap();
    let other = ada.finish(other, "new c").await;
    let old_end = Place::After(Some(items[2].id));
    let back = ada.try_turn(id, old_end, &["d"], HOUR).await.unwrap();
    ada.finish(back, "e").await;
    assert_eq!(ada.texts(id).await, ["a", "b", "c", "d", "e"]);
    let other = HistoryStart::Response(other.response.id);
    assert_eq!(ada.told(other).await, ["a", "new b", "new c"]);
}

/// A turn without input answers the place where it stands, and moves the active branch there.
pub async fn a_turn_without_input_answers_its_place(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["question", "answer"]).await;
    let place = Place::After(Some(items[0].id));
    let begun = ada.try_turn(id, place, &[], HOUR).await.unwrap();
    assert_eq!(ada.texts(id).await, ["question"]);
    let done = ada.finish(begun, "other answer").await;
    assert_eq!(ada.texts(id).await, ["question", "other answer"]);
    let start = HistoryStart::Response(done.response.id);
    assert_eq!(ada.told(start).await, ["question", "other answer"]);
}

/// A listed conversation has one turn at a time, wherever the second would go.
pub async fn a_second_turn_in_a_listed_conversation_is_locked_out(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    let before = ada.see(id).await;
    for place in
        [Place::Leaf(Some(begun.input[0].id)), Place::After(Some(items[0].id)), Place::After(None)]
    {
        let second = ada.try_turn(id, place, &["x"], HOUR).await;
        assert!(matches!(second, Err(StoreError::Locked)), "{second:?}");
    }
    assert_eq!(ada.texts(id).await, ["a", "b"]);
    assert_eq!(ada.see(id).await, before);
    let (other, _) = ada.conversation_of(&[]).await;
    ada.turn(other, "free").await;
    ada.finish(begun, "c").await;
    ada.turn(id, "d").await;
}

/// Who means to answer an end that is no longer the end must read again.
pub async fn a_turn_at_an_end_that_has_moved_is_a_conflict(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    let (_, elsewhere) = ada.conversation_of(&["other"]).await;
    for leaf in [None, Some(items[0].id), Some(elsewhere[0].id), Some(item_id())] {
        let begun = ada.try_turn(id, Place::Leaf(leaf), &["x"], HOUR).await;
        assert!(matches!(begun, Err(StoreError::Conflict)), "{leaf:?}: {begun:?}");
    }
    assert_eq!(ada.texts(id).await, ["a", "b"]);
    assert_eq!(ada.see(id).await.updated_at, moment(0));
    ada.try_turn(id, Place::Leaf(Some(items[1].id)), &["c"], HOUR).await.unwrap();
}

/// A turn after an item that is not there does not begin.
pub async fn a_turn_after_an_item_that_is_gone_is_not_found(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    ada.delete_item(id, items[0].id).await.unwrap();
    for gone in [items[0].id, item_id()] {
        let begun = ada.try_turn(id, Place::After(Some(gone)), &["x"], HOUR).await;
        assert!(matches!(begun, Err(StoreError::NotFound)), "{begun:?}");
    }
    assert_eq!(ada.texts(id).await, ["b"]);
    ada.turn(id, "c").await;
}

/// Of two turns that begin at once in a listed conversation one begins, and the other leaves
/// nothing.
pub async fn of_two_racing_turns_in_a_listed_conversation_one_begins(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a"]).await;
    let place = Place::Leaf(Some(items[0].id));
    let (one, two) = futures::join!(
        ada.try_turn(id, place, &["one"], HOUR),
        ada.try_turn(id, place, &["two"], HOUR)
    );
    let (winner, lost) = match (one, two) {
        (Ok(winner), Err(lost)) | (Err(lost), Ok(winner)) => (winner, lost),
        neither_or_both => panic!("{neither_or_both:?}"),
    };
    assert!(matches!(lost, StoreError::Locked | StoreError::Conflict), "{lost:?}");
    let active = ada.active(id).await;
    assert_eq!((active.len(), &active[1].item), (2, &winner.input[0]));
}

/// Parallel continuations of one response are allowed where nobody looks at an active branch.
pub async fn two_continuations_of_one_implicit_response_both_succeed(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let first = ada.finish(begun, "b").await.response.id;
    let (one, two) =
        futures::join!(ada.continue_response(first, "one"), ada.continue_response(first, "two"));
    ada.finish(two.clone(), "answer two").await;
    ada.finish(one.clone(), "answer one").await;
    let one = ada.told(HistoryStart::Response(one.response.id)).await;
    assert_eq!(one, ["a", "b", "one", "answer one"]);
    let two = ada.told(HistoryStart::Response(two.response.id)).await;
    assert_eq!(two, ["a", "b", "two", "answer two"]);
}
