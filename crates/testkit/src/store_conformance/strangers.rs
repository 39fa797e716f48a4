//! Nobody sees what is somebody else's.

use loquat_domain::{Metadata, Order, Status, Title};
use loquat_store::{
    Archived, Checkpoint, ConversationPatch, HistoryStart, Interrupted, Interruption, Place, Reach,
    StoreError, TurnHome,
};

use super::{
    Store,
    person::{HOUR, Person, outcome},
    things::{
        alive, answered, conversation, conversation_id, ended, in_progress, item_id, message,
        messages, moment, page, response_id, scope,
    },
};

/// To a stranger a conversation is exactly what an unknown one is, and stays as it was.
pub async fn a_conversation_does_not_exist_for_a_stranger(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["one", "two"]).await;
    let before = ada.see(id).await;
    for stranger in Person::strangers(store) {
        let (store, scope) = (stranger.store, &stranger.scope);
        let mut seen = Vec::new();
        for (id, item) in [(id, items[0].id), (conversation_id(), item_id())] {
            let patch = ConversationPatch { archived: Some(true), ..ConversationPatch::default() };
            let first_page = page(None, Order::Ascending, 10);
            seen.push([
                outcome(&store.conversation(scope, id).await),
                outcome(&store.update_conversation(scope, id, patch, moment(5)).await),
                outcome(&store.items(scope, id, first_page).await),
                outcome(&store.item(scope, id, item).await),
                outcome(&stranger.append(id, vec![message("intruder")]).await),
                outcome(&stranger.delete_item(id, item).await),
                outcome(&store.branches(scope, id, first_page).await),
                outcome(&store.activate_branch(scope, id, item, moment(5)).await),
                outcome(&store.delete_conversation(scope, id).await),
            ]);
        }
        assert_eq!(seen[0], [(); 9].map(|()| outcome::<()>(&Err(StoreError::NotFound))));
        assert_eq!(seen[0], seen[1], "an unknown one looks different");
        assert_eq!(stranger.list().await, []);
    }
    assert_eq!(ada.see(id).await, before);
    assert_eq!(ada.texts(id).await, ["one", "two"]);
    assert_eq!(ada.list().await, [id]);
}

/// To a stranger a turn is exactly what an unknown one is, and stays as it was.
pub async fn a_turn_does_not_exist_for_a_stranger(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["one"]).await;
    let running = ada.turn(id, "two").await.response;
    for stranger in Person::strangers(store) {
        let (store, scope) = (stranger.store, &stranger.scope);
        let mut seen = Vec::new();
        let unknown = in_progress(None, 10);
        for (id, item, response) in
            [(id, items[0].id, &running), (conversation_id(), item_id(), &unknown)]
        {
            let of_conversation = HistoryStart::Conversation(id);
            seen.push([
                outcome(&store.history(scope, of_conversation, Reach::tokens(100)).await),
                outcome(
                    &store
                        .history(scope, HistoryStart::Item(id, Some(item)), Reach::tokens(100))
                        .await,
                ),
                outcome(
                    &store.history(scope, HistoryStart::Item(id, None), Reach::tokens(100)).await,
                ),
                outcome(
                    &store
                        .history(scope, HistoryStart::Response(response.id), Reach::tokens(100))
                        .await,
                ),
                outcome(&stranger.try_turn(id, Place::Leaf(Some(item)), &["x"], HOUR).await),
                outcome(&stranger.try_turn(id, Place::After(Some(item)), &["x"], HOUR).await),
                outcome(&stranger.try_turn(id, Place::After(None), &["x"], HOUR).await),
                outcome(&stranger.try_finish(response, answered(response, &["x"])).await),
                outcome(&stranger.response(response.id).await),
                outcome(&store.events(scope, response.id, 0, 10).await),
                outcome(&store.request_stop(scope, response.id).await),
                outcome(&stranger.delete_response(response.id).await),
            ]);
        }
        assert_eq!(seen[0], [(); 12].map(|()| outcome::<()>(&Err(StoreError::NotFound))));
        assert_eq!(seen[0], seen[1], "an unknown one looks different");
    }
    assert_eq!(ada.texts(id).await, ["one", "two"]);
    assert_eq!(ada.response(running.id).await.unwrap().response, running);
}

/// An implicit conversation is closed to strangers like a listed one.
pub async fn an_implicit_conversation_does_not_exist_for_a_stranger(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("one").await;
    let done = ada.finish(begun, "two").await;
    let start = HistoryStart::Response(done.response.id);
    let head = ada.history(start).await.head;
    for stranger in Person::strangers(store) {
        let home =
            TurnHome::Existing { id: head.conversation, place: Place::After(Some(done.leaf())) };
        let response = in_progress(None, 20);
        let begun = stranger.begin(&response, home, messages(&["x"]), HOUR).await;
        assert!(matches!(begun, Err(StoreError::NotFound)), "{begun:?}");
        let read = store.history(&stranger.scope, start, Reach::tokens(100)).await;
        assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
        let deleted = stranger.delete_response(done.response.id).await;
        assert!(matches!(deleted, Err(StoreError::NotFound)), "{deleted:?}");
    }
    assert_eq!(ada.told(start).await, ["one", "two"]);
}

/// A stranger's sign of life keeps no turn alive: to a stranger, the turn is gone.
pub async fn a_stranger_cannot_checkpoint_a_turn(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&[]).await;
    let response = ada.turn(id, "one").await.response.id;
    for stranger in Person::strangers(store) {
        let sign = alive(&stranger.scope, response);
        let told = store.checkpoint(vec![sign.clone()], std::time::Duration::ZERO).await.unwrap();
        let Checkpoint { scope, response, .. } = sign;
        assert_eq!(told, [Interrupted { scope, response, why: Interruption::Gone }]);
    }
    assert_eq!(store.stale_turns(10).await.unwrap(), []);
}

/// A stranger's entry is no place in one's own list, and looks like an unknown one.
pub async fn a_cursor_of_a_stranger_is_no_cursor(store: &dyn Store) {
    let ada = Person::owner(store);
    let (theirs, their_items) = ada.conversation_of(&["one"]).await;
    for stranger in Person::strangers(store) {
        let (own, _) = stranger.conversation_of(&["mine"]).await;
        for cursor in [theirs, conversation_id()] {
            let request = page(Some(cursor), Order::Ascending, 10);
            let listed = store.conversations(&stranger.scope, Archived::Both, request).await;
            assert!(matches!(listed, Err(StoreError::CursorNotFound)), "{listed:?}");
        }
        for cursor in [their_items[0].id, item_id()] {
            let request = page(Some(cursor), Order::Ascending, 10);
            let listed = store.branches(&stranger.scope, own, request).await;
            assert!(matches!(listed, Err(StoreError::CursorNotFound)), "{listed:?}");
            let listed = store.items(&stranger.scope, own, request).await;
            assert!(matches!(listed, Err(StoreError::CursorNotFound)), "{listed:?}");
        }
    }
}

/// The same ids in two tenants are two different things.
pub async fn two_tenants_may_use_the_same_ids(store: &dyn Store) {
    let ada = Person::owner(store);
    let eve = Person { store, scope: scope("umbrella", "eve") };
    let made = conversation(0);
    let items = messages(&["one", "two"]);
    let response = in_progress(Some(made.id), 10);
    let home = TurnHome::Existing { id: made.id, place: Place::Leaf(Some(items[1].id)) };
    let question = messages(&["three"]);
    for person in [&ada, &eve] {
        person.create(made.clone(), items.clone()).await.unwrap();
        person.begin(&response, home.clone(), question.clone(), HOUR).await.unwrap();
    }

    let output = answered(&response, &["four"]);
    eve.try_finish(&response, output.clone()).await.unwrap();
    let patch = ConversationPatch {
        title: Some(Some(Title::new("Eve's").unwrap())),
        metadata: Some(Metadata::new([("a".to_owned(), "b".to_owned())].into()).unwrap()),
        archived: Some(true),
    };
    eve.store.update_conversation(&eve.scope, made.id, patch, moment(30)).await.unwrap();
    eve.delete_item(made.id, items[0].id).await.unwrap();
    assert_eq!(ada.texts(made.id).await, ["one", "two", "three"]);
    assert_eq!(ada.see(made.id).await.title, None);
    assert_eq!(ada.response(response.id).await.unwrap().response, response);

    eve.store.delete_conversation(&eve.scope, made.id).await.unwrap();
    assert_eq!(ada.list().await, [made.id]);
    ada.try_finish(&response, output).await.unwrap();
    assert_eq!(ada.texts(made.id).await, ["one", "two", "three", "four"]);
    let stored = ada.response(response.id).await.unwrap();
    assert_eq!(stored.response, ended(&response, Status::Completed));
}

/// An item is found through its own conversation only, also by its owner.
pub async fn an_item_belongs_to_one_conversation(store: &dyn Store) {
    let ada = Person::owner(store);
    let (first, items) = ada.conversation_of(&["one", "two"]).await;
    let (second, _) = ada.conversation_of(&["other"]).await;
    let elsewhere = items[1].id;
    let not_found = outcome::<()>(&Err(StoreError::NotFound));
    assert_eq!(outcome(&store.item(&ada.scope, second, elsewhere).await), not_found);
    assert_eq!(outcome(&ada.delete_item(second, elsewhere).await), not_found);
    let begun = ada.try_turn(second, Place::After(Some(elsewhere)), &["x"], HOUR).await;
    assert_eq!(outcome(&begun), not_found);
    assert_eq!(ada.texts(first).await, ["one", "two"]);
    assert_eq!(ada.texts(second).await, ["other"]);
    assert_eq!(outcome(&ada.response(response_id()).await), not_found);
}
