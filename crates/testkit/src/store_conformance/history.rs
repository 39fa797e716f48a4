//! What a turn reads of a branch.

use loquat_domain::Item;
use loquat_store::{Head, HistoryStart, Place, Reach, StoreError};

use super::{
    Store,
    person::{HOUR, Person},
    things::{conversation, conversation_id, message, response_id, text},
};

/// Reads until the counts add up to the budget, newest first, and no item further.
pub async fn a_history_stops_at_the_token_budget(store: &dyn Store) {
    let ada = Person::owner(store);
    let made = conversation(0);
    let sized = |(text, tokens)| Item { tokens, ..message(text) };
    let items = [("a", 7), ("b", 0), ("c", 20), ("d", 1), ("e", 0), ("f", 10)].map(sized);
    ada.create(made.clone(), items.to_vec()).await.unwrap();
    let begun = ada.try_turn(made.id, Place::Leaf(Some(items[5].id)), &[], HOUR).await.unwrap();
    for (budget, expected, whole) in [
        (0, "f", false),
        (1, "f", false),
        (10, "f", false),
        (11, "fed", false),
        (12, "fedc", false),
        (31, "fedc", false),
        (32, "fedcba", true),
        (38, "fedcba", true),
        (39, "fedcba", true),
        (u64::MAX, "fedcba", true),
    ] {
        for start in
            [HistoryStart::Conversation(made.id), HistoryStart::Response(begun.response.id)]
        {
            let history = store.history(&ada.scope, start, Reach::tokens(budget)).await.unwrap();
            let read: String = history.items.iter().map(|stored| text(&stored.item)).collect();
            assert_eq!((read.as_str(), history.reached_root), (expected, whole), "{budget}");
        }
    }
}

/// The items of a history are whole, and in their places.
pub async fn a_history_shows_items_as_they_are_stored(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a", "b"]).await;
    let begun = ada.turn(id, "c").await;
    ada.finish(begun, "d").await;
    let mut active = ada.active(id).await;
    active.reverse();
    assert_eq!(ada.history(HistoryStart::Conversation(id)).await.items, active);
}

/// The sum of the largest counts does not overflow.
pub async fn a_history_adds_up_the_largest_counts(store: &dyn Store) {
    let ada = Person::owner(store);
    let made = conversation(0);
    let huge = |text: &&str| Item { tokens: u32::MAX, ..message(text) };
    ada.create(made.clone(), ["a", "b", "c"].iter().map(huge).collect()).await.unwrap();
    let start = HistoryStart::Conversation(made.id);
    let two = 2 * u64::from(u32::MAX);
    for (budget, expected) in [(two, 2), (two + 1, 3)] {
        let history = store.history(&ada.scope, start, Reach::tokens(budget)).await.unwrap();
        assert_eq!(history.items.len(), expected);
    }
    assert_eq!(ada.history(start).await.items[0].item.tokens, u32::MAX);
}

/// A conversation without items has a history without items.
pub async fn an_empty_conversation_has_an_empty_history(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&[]).await;
    let history =
        store.history(&ada.scope, HistoryStart::Conversation(id), Reach::tokens(0)).await.unwrap();
    assert_eq!((history.items, history.reached_root), (vec![], true));
    let (listed, leaf, running, active) = (true, None, false, true);
    let head = Head { conversation: id, listed, leaf, running, active };
    assert_eq!(history.head, head);
}

/// Of a long conversation only what fits the budget is read, and the whole can be.
pub async fn a_history_of_a_long_conversation_reads_only_what_fits(store: &dyn Store) {
    let ada = Person::owner(store);
    let texts: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (id, _) = ada.conversation_of(&texts).await;
    let start = HistoryStart::Conversation(id);
    for (budget, expected) in [(45, 5), (1_000, 100), (4_990, 499), (4_991, 500)] {
        let history = store.history(&ada.scope, start, Reach::tokens(budget)).await.unwrap();
        let read: Vec<&str> = history.items.iter().map(|stored| text(&stored.item)).collect();
        let newest: Vec<&str> = texts.iter().rev().take(expected).copied().collect();
        assert_eq!(read, newest, "budget {budget}");
        assert_eq!(history.reached_root, expected == 500, "budget {budget}");
    }
}

/// A history that starts at a response knows nothing of what came after it.
pub async fn a_history_ends_at_the_response_that_it_starts_from(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let first = ada.turn(id, "b").await;
    let first = ada.finish(first, "c").await;
    let second = ada.turn(id, "d").await;
    let second = ada.finish(second, "e").await;
    ada.append(id, vec![message("f")]).await.unwrap();
    let [first, second] = [first, second].map(|done| HistoryStart::Response(done.response.id));
    assert_eq!(ada.told(first).await, ["a", "b", "c"]);
    assert_eq!(ada.told(second).await, ["a", "b", "c", "d", "e"]);
    let whole = ada.told(HistoryStart::Conversation(id)).await;
    assert_eq!(whole, ["a", "b", "c", "d", "e", "f"]);
}

/// The head names the place, and says while the answer is still to come.
pub async fn a_head_says_where_it_is_and_whether_a_turn_runs(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a"]).await;
    let of_conversation = HistoryStart::Conversation(id);
    let (listed, leaf, running, active) = (true, Some(items[0].id), false, true);
    let head = Head { conversation: id, listed, leaf, running, active };
    assert_eq!(ada.history(of_conversation).await.head, head);

    let begun = ada.turn(id, "b").await;
    let of_response = HistoryStart::Response(begun.response.id);
    let head = Head { leaf: Some(begun.input[0].id), running: true, ..head };
    assert_eq!(ada.history(of_conversation).await.head, head);
    assert_eq!(ada.history(of_response).await.head, head);

    let done = ada.finish(begun, "c").await;
    let head = Head { leaf: Some(done.output[0].id), running: false, ..head };
    assert_eq!(ada.history(of_conversation).await.head, head);
    assert_eq!(ada.history(of_response).await.head, head);

    let begun = ada.implicit_turn("a").await;
    let head = ada.history(HistoryStart::Response(begun.response.id)).await.head;
    assert_eq!((head.leaf, head.listed, head.running), (Some(begun.input[0].id), false, true));
    ada.finish(begun.clone(), "b").await;
    assert!(!ada.history(HistoryStart::Response(begun.response.id)).await.head.running);
}

/// There is no history of what is not there.
pub async fn an_unknown_start_has_no_history(store: &dyn Store) {
    let ada = Person::owner(store);
    for start in
        [HistoryStart::Conversation(conversation_id()), HistoryStart::Response(response_id())]
    {
        let read = store.history(&ada.scope, start, Reach::tokens(10)).await;
        assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
    }
}
