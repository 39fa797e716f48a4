//! One conversation: how it is made, changed and kept apart.

use loquat_domain::{Conversation, Metadata, Order, Title};
use loquat_store::{Archived, ConversationPatch, HistoryStart, Place, Reach, StoreError, TurnHome};

use super::{
    Store,
    person::{HOUR, Person, outcome},
    things::{answered, asked, conversation, in_progress, message, messages, moment, page, scope},
};

fn titled(name: &str) -> Title {
    Title::new(name).unwrap()
}

fn pairs(pairs: &[(&str, &str)]) -> Metadata {
    let owned = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Metadata::new(owned.collect()).unwrap()
}

/// What is made is what is there.
pub async fn a_conversation_comes_back_as_it_was_made(store: &dyn Store) {
    let ada = Person::owner(store);
    let made = Conversation {
        title: Some(titled("Plans")),
        metadata: pairs(&[("b", "2"), ("a", "1")]),
        archived: true,
        updated_at: moment(3),
        ..conversation(1)
    };
    let items = messages(&["one", "two", "three"]);
    ada.create(made.clone(), items.clone()).await.unwrap();
    assert_eq!(ada.see(made.id).await, made);
    let active = ada.active(made.id).await;
    assert_eq!(active.iter().map(|stored| stored.item.clone()).collect::<Vec<_>>(), items);
    for stored in active {
        assert_eq!(store.item(&ada.scope, made.id, stored.item.id).await.unwrap(), stored);
    }
}

/// A patch changes the fields that it names, and no other.
pub async fn an_update_changes_only_what_it_names(store: &dyn Store) {
    let ada = Person::owner(store);
    let mut expected = Conversation {
        title: Some(titled("Plans")),
        metadata: pairs(&[("a", "1"), ("b", "2")]),
        ..conversation(1)
    };
    let id = expected.id;
    ada.create(expected.clone(), vec![]).await.unwrap();
    let untouched = conversation(2);
    ada.create(untouched.clone(), vec![]).await.unwrap();
    let none = ConversationPatch::default();

    let patch = ConversationPatch { archived: Some(true), ..none.clone() };
    let seen = store.update_conversation(&ada.scope, id, patch, moment(5)).await.unwrap();
    (expected.archived, expected.updated_at) = (true, moment(5));
    assert_eq!(seen, expected);

    let patch = ConversationPatch { title: Some(Some(titled("Better plans"))), ..none.clone() };
    let seen = store.update_conversation(&ada.scope, id, patch, moment(6)).await.unwrap();
    (expected.title, expected.updated_at) = (Some(titled("Better plans")), moment(6));
    assert_eq!(seen, expected);

    let patch = ConversationPatch { metadata: Some(pairs(&[("c", "3")])), ..none.clone() };
    let seen = store.update_conversation(&ada.scope, id, patch, moment(7)).await.unwrap();
    (expected.metadata, expected.updated_at) = (pairs(&[("c", "3")]), moment(7));
    assert_eq!(seen, expected);

    let patch = ConversationPatch {
        title: Some(None),
        metadata: Some(Metadata::default()),
        archived: Some(false),
    };
    let seen = store.update_conversation(&ada.scope, id, patch, moment(8)).await.unwrap();
    expected = Conversation {
        title: None,
        metadata: Metadata::default(),
        archived: false,
        updated_at: moment(8),
        ..expected
    };
    assert_eq!(seen, expected);
    assert_eq!(ada.see(id).await, expected);
    assert_eq!(ada.see(untouched.id).await, untouched);
}

/// People's methods do not know implicit conversations.
pub async fn an_implicit_conversation_does_not_exist_for_people(store: &dyn Store) {
    let ada = Person::owner(store);
    let hidden = conversation(0);
    let response = in_progress(None, 10);
    let home = TurnHome::New { conversation: hidden.clone(), listed: false };
    let question = asked(&response, &["one"]);
    ada.begin(&response, home, question.clone(), HOUR).await.unwrap();

    let (id, item, scope) = (hidden.id, question[0].id, &ada.scope);
    let patch = ConversationPatch::default();
    let seen = [
        outcome(&store.conversation(scope, id).await),
        outcome(&store.update_conversation(scope, id, patch, moment(5)).await),
        outcome(&store.items(scope, id, page(None, Order::Ascending, 10)).await),
        outcome(&store.item(scope, id, item).await),
        outcome(&ada.append(id, vec![message("x")]).await),
        outcome(&ada.delete_item(id, item).await),
        outcome(&store.delete_conversation(scope, id).await),
        outcome(&store.history(scope, HistoryStart::Conversation(id), Reach::tokens(10)).await),
    ];
    assert_eq!(seen, [(); 8].map(|()| outcome::<()>(&Err(StoreError::NotFound))));
    assert_eq!(ada.list().await, []);
    let request = page(Some(id), Order::Ascending, 10);
    let listed = store.conversations(scope, Archived::Both, request).await;
    assert!(matches!(listed, Err(StoreError::CursorNotFound)), "{listed:?}");
    assert_eq!(ada.told(HistoryStart::Response(response.id)).await, ["one"]);
}

/// An id is taken in the whole tenant; a refused creation leaves nothing.
pub async fn creating_with_a_taken_id_is_a_conflict_and_leaves_nothing(store: &dyn Store) {
    let ada = Person::owner(store);
    let bob = Person { store, scope: scope("acme", "bob") };
    let (taken, items) = ada.conversation_of(&["one"]).await;
    let implicit = conversation(0);
    let response = in_progress(None, 10);
    let home = TurnHome::New { conversation: implicit.clone(), listed: false };
    ada.begin(&response, home, asked(&response, &["two"]), HOUR).await.unwrap();

    for person in [&ada, &bob] {
        for id in [taken, implicit.id] {
            let fresh = message("three");
            let again = Conversation { id, ..conversation(7) };
            let made = person.create(again, vec![fresh.clone()]).await;
            assert!(matches!(made, Err(StoreError::Conflict)), "{made:?}");
            assert_item_is_free(person, fresh).await;
        }
        let fresh = message("four");
        let twin = message("five");
        for items in [vec![fresh.clone(), items[0].clone()], vec![fresh, twin.clone(), twin]] {
            let other = conversation(7);
            let made = person.create(other.clone(), items.clone()).await;
            assert!(matches!(made, Err(StoreError::Conflict)), "{made:?}");
            let seen = store.conversation(&person.scope, other.id).await;
            assert!(matches!(seen, Err(StoreError::NotFound)), "{seen:?}");
            assert_item_is_free(person, items[0].clone()).await;
        }
    }
    assert_eq!(ada.texts(taken).await, ["one"]);
    assert_eq!(ada.see(taken).await.created_at, moment(0));
}

/// An id that a refused call has used is free: it can be used, and afterwards is given back.
async fn assert_item_is_free(person: &Person<'_>, item: loquat_domain::Item) {
    let probe = conversation(0);
    person.create(probe.clone(), vec![item]).await.unwrap();
    person.store.delete_conversation(&person.scope, probe.id).await.unwrap();
}

/// Items with a taken id are not appended, and neither are those beside them.
pub async fn appending_a_taken_id_is_a_conflict_and_appends_nothing(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["one"]).await;
    let (_, elsewhere) = ada.conversation_of(&["other"]).await;
    let twin = message("twin");
    for taken in [items[0].clone(), elsewhere[0].clone(), twin.clone()] {
        let appended = ada.append(id, vec![message("new"), twin.clone(), taken]).await;
        assert!(matches!(appended, Err(StoreError::Conflict)), "{appended:?}");
    }
    assert_eq!(ada.texts(id).await, ["one"]);
    assert_eq!(ada.see(id).await.updated_at, moment(0));
    ada.append(id, vec![twin]).await.unwrap();
    assert_eq!(ada.texts(id).await, ["one", "twin"]);
}

/// A turn with a taken id does not begin, and leaves nothing.
pub async fn a_turn_with_a_taken_id_is_a_conflict_and_leaves_nothing(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["one"]).await;
    let earlier = ada.turn(id, "two").await;
    let earlier = ada.finish(earlier, "three").await;
    let place = Place::Leaf(Some(earlier.leaf()));
    let here = TurnHome::Existing { id, place };
    let hidden = TurnHome::New { conversation: conversation(20), listed: false };
    let taken_conversation =
        TurnHome::New { conversation: Conversation { id, ..conversation(20) }, listed: true };

    let fresh = in_progress(Some(id), 20);
    let repeated = earlier.response.clone();
    let new = message("new");
    for (response, home, input) in [
        (&fresh, &here, vec![new.clone(), items[0].clone()]),
        (&fresh, &here, vec![new.clone(), new.clone()]),
        (&fresh, &hidden, vec![new.clone(), items[0].clone()]),
        (&fresh, &taken_conversation, vec![new.clone()]),
        (&repeated, &here, vec![new.clone()]),
        (&repeated, &hidden, vec![new.clone()]),
    ] {
        let begun = ada.begin(response, home.clone(), input, HOUR).await;
        assert!(matches!(begun, Err(StoreError::Conflict)), "{begun:?}");
    }
    assert_eq!(ada.texts(id).await, ["one", "two", "three"]);
    let kept = ada.response(repeated.id).await.unwrap();
    assert_eq!((kept.response.created_at, kept.output), (repeated.created_at, earlier.output));
    // Nothing is locked, and every id but the taken ones is free.
    ada.begin(&fresh, hidden, vec![new], HOUR).await.unwrap();
    ada.append(id, messages(&["four"])).await.unwrap();
}

/// A turn whose output has a taken id has not ended.
pub async fn an_output_with_a_taken_id_is_a_conflict_and_the_turn_goes_on(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["one"]).await;
    let begun = ada.turn(id, "two").await;
    let output = answered(&begun.response, &["three"]);
    let with_taken = vec![output[0].clone(), items[0].clone()];
    let finished = ada.try_finish(&begun.response, with_taken).await;
    assert!(matches!(finished, Err(StoreError::Conflict)), "{finished:?}");
    assert_eq!(ada.texts(id).await, ["one", "two"]);
    assert_eq!(ada.response(begun.response.id).await.unwrap().response, begun.response);
    ada.try_finish(&begun.response, output).await.unwrap();
    assert_eq!(ada.texts(id).await, ["one", "two", "three"]);
}
