//! Deletion wins.

use std::time::Duration;

use loquat_domain::{Conversation, Item, Response, Status};
use loquat_store::{HistoryStart, Place, Reach, StoreError, TurnHome};

use super::{
    Store,
    person::{HOUR, Person, outcome},
    things::{alive, answered, conversation, in_progress, messages},
};

/// Everything below a deleted conversation is gone: nothing can be read, and every id is free.
pub async fn deleting_a_conversation_deletes_everything_below_it(store: &dyn Store) {
    let ada = Person::owner(store);
    let (kept, _) = ada.conversation_of(&["other"]).await;
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    let first = ada.turn(id, "c").await;
    let first = ada.finish(first, "d").await;
    let place = Place::After(Some(items[0].id));
    let second = ada.try_turn(id, place, &["e"], HOUR).await.unwrap();
    store.delete_conversation(&ada.scope, id).await.unwrap();

    let not_found = outcome::<()>(&Err(StoreError::NotFound));
    assert_eq!(outcome(&store.conversation(&ada.scope, id).await), not_found);
    assert_eq!(outcome(&store.item(&ada.scope, id, items[0].id).await), not_found);
    assert_eq!(outcome(&store.delete_conversation(&ada.scope, id).await), not_found);
    for response in [&first.response, &second.response] {
        assert_eq!(outcome(&ada.response(response.id).await), not_found);
        let start = HistoryStart::Response(response.id);
        assert_eq!(outcome(&store.history(&ada.scope, start, Reach::tokens(10)).await), not_found);
    }
    assert_eq!(ada.list().await, [kept]);
    assert_eq!(ada.texts(kept).await, ["other"]);

    // Rows that were left behind would be in the way of the same ids.
    let again = Conversation { id, ..conversation(0) };
    let every_item = [items, first.input, first.output, second.input].concat();
    ada.create(again, unowned(every_item)).await.unwrap();
    assert_eq!(ada.texts(id).await, ["a", "b", "c", "d", "e"]);
    for response in [&first.response, &second.response] {
        let response = Response { status: Status::InProgress, ..response.clone() };
        let home = TurnHome::New { conversation: conversation(30), listed: false };
        ada.begin(&response, home, vec![], HOUR).await.unwrap();
    }
}

/// A turn whose conversation was deleted brings nothing back.
pub async fn a_running_turn_does_not_bring_its_conversation_back(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    store.delete_conversation(&ada.scope, id).await.unwrap();

    let sign = alive(&ada.scope, begun.response.id);
    store.checkpoint(vec![sign], Duration::ZERO).await.unwrap();
    let output = answered(&begun.response, &["c"]);
    let finished = ada.try_finish(&begun.response, output.clone()).await;
    assert!(matches!(finished, Err(StoreError::NotFound)), "{finished:?}");

    assert_eq!(store.stale_turns(10).await.unwrap(), []);
    let response = ada.response(begun.response.id).await;
    assert!(matches!(response, Err(StoreError::NotFound)), "{response:?}");
    let seen = store.conversation(&ada.scope, id).await;
    assert!(matches!(seen, Err(StoreError::NotFound)), "{seen:?}");
    let every_item = [items, begun.input, output].concat();
    ada.create(conversation(0), unowned(every_item)).await.unwrap();
}

/// The same items as if no response had had to do with them.
fn unowned(items: Vec<Item>) -> Vec<Item> {
    items.into_iter().map(|item| Item { response: None, ..item }).collect()
}

/// A turn whose response was deleted brings nothing back.
pub async fn a_deleted_turn_cannot_end(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    ada.delete_response(begun.response.id).await.unwrap();

    let sign = alive(&ada.scope, begun.response.id);
    store.checkpoint(vec![sign], HOUR).await.unwrap();
    let finished = ada.try_finish(&begun.response, answered(&begun.response, &["c"])).await;
    assert!(matches!(finished, Err(StoreError::NotFound)), "{finished:?}");
    assert_eq!(ada.texts(id).await, ["a", "b"]);
    ada.append(id, messages(&["d"])).await.unwrap();
}

/// Deleting twice is not the same as deleting once.
pub async fn a_response_is_deleted_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let done = ada.finish(begun, "b").await;
    ada.delete_response(done.response.id).await.unwrap();
    for deleted in [
        ada.delete_response(done.response.id).await,
        ada.delete_response(in_progress(None, 0).id).await,
    ] {
        assert!(matches!(deleted, Err(StoreError::NotFound)), "{deleted:?}");
    }
}
