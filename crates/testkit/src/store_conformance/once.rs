//! Requests that may come twice and are done once.

use std::time::Duration;

use futures::future::join_all;
use loquat_domain::{Fingerprint, Scope};
use loquat_store::{
    BeginTurn, Earlier, HistoryStart, Made, Once, Place, Reach, StoreError, TurnHome,
};

use super::{
    Store,
    person::{Person, beginning},
    things::{
        asked, conversation, conversation_id, in_progress, message, messages, moment, once, scope,
    },
};

/// How many callers send the same request at once.
const SAME: usize = 20;

/// What a request that had been done before was told.
fn told<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Earlier {
    match result {
        Err(StoreError::Done(earlier)) => earlier,
        other => panic!("not told that it was done before: {other:?}"),
    }
}

/// The first of the parallel requests, after checking that it was the only one.
fn only_one(results: &[Result<(), StoreError>]) -> usize {
    let done = |result: &Result<(), StoreError>| matches!(result, Err(StoreError::Done(_)));
    assert_eq!(results.iter().filter(|result| done(result)).count(), SAME - 1, "{results:?}");
    results.iter().position(Result::is_ok).unwrap()
}

async fn earlier(store: &dyn Store, scope: &Scope, once: &Once) -> Option<Earlier> {
    store.earlier(scope, once).await.unwrap()
}

/// A turn in a new conversation that is listed.
fn new_turn(once: Once) -> BeginTurn {
    let made = conversation(10);
    let response = in_progress(Some(made.id), 10);
    let input = asked(&response, &["a"]);
    let home = TurnHome::New { conversation: made, listed: true };
    BeginTurn { once: Some(once), ..beginning(&response, home, input) }
}

/// A turn that comes again does not begin again, and says which one it was.
pub async fn a_key_begins_a_turn_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let first = new_turn(once("k"));
    let response = first.response.clone();
    let expected =
        Earlier { fingerprint: once("k").fingerprint, made: Made::Response(response.id) };
    assert_eq!(earlier(store, &ada.scope, &once("k")).await, None);
    ada.start(first.clone()).await.unwrap();
    for again in [first, new_turn(once("k"))] {
        assert_eq!(told(ada.start(again).await), expected);
        assert_eq!(earlier(store, &ada.scope, &once("k")).await.as_ref(), Some(&expected));
    }
    ada.try_finish(&response, vec![]).await.unwrap();
    let again = new_turn(once("k"));
    let not_begun = again.response.id;
    assert_eq!(told(ada.start(again).await), expected);
    let read = ada.response(not_begun).await;
    assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
    assert_eq!(ada.list().await, [response.conversation.unwrap()]);
}

/// A conversation that comes again is not made again.
pub async fn a_key_makes_a_conversation_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let made = conversation(0);
    let id = made.id;
    let create =
        |made, texts| store.create_conversation(&ada.scope, made, messages(texts), Some(once("k")));
    create(made.clone(), &["a"]).await.unwrap();
    let expected = Earlier { fingerprint: once("k").fingerprint, made: Made::Conversation(id) };
    for again in [made, conversation(1)] {
        assert_eq!(told(create(again, &["b"]).await), expected);
    }
    assert_eq!(earlier(store, &ada.scope, &once("k")).await, Some(expected));
    assert_eq!(ada.list().await, [id]);
    assert_eq!(ada.texts(id).await, ["a"]);
}

/// Items that come again are not appended again.
pub async fn a_key_appends_items_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let items = messages(&["b", "c"]);
    let ids = items.iter().map(|item| item.id).collect();
    let append = |items| store.append_items(&ada.scope, id, items, moment(4), Some(once("k")));
    append(items.clone()).await.unwrap();
    ada.append(id, messages(&["d"])).await.unwrap();
    let expected = Earlier { fingerprint: once("k").fingerprint, made: Made::Items(id, ids) };
    for again in [items, messages(&["x"])] {
        assert_eq!(told(append(again).await), expected);
    }
    assert_eq!(earlier(store, &ada.scope, &once("k")).await, Some(expected));
    assert_eq!(ada.texts(id).await, ["a", "b", "c", "d"]);
    assert_eq!(ada.see(id).await.updated_at, moment(1));
}

/// Of many turns with one key that begin at once, one begins.
pub async fn of_twenty_turns_with_one_key_one_begins(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a"]).await;
    let turns: Vec<_> = (0..SAME)
        .map(|_| {
            let response = in_progress(Some(id), 10);
            let home = TurnHome::Existing { id, place: Place::Leaf(Some(items[0].id)) };
            let input = asked(&response, &["b"]);
            BeginTurn { once: Some(once("k")), ..beginning(&response, home, input) }
        })
        .collect();
    let begun = join_all(turns.iter().map(|turn| ada.start(turn.clone()))).await;
    let begun = turns[only_one(&begun)].response.id;
    for turn in turns {
        assert_eq!(told(ada.start(turn.clone()).await).made, Made::Response(begun));
        assert_eq!(ada.response(turn.response.id).await.is_ok(), turn.response.id == begun);
    }
    assert_eq!(ada.texts(id).await, ["a", "b"]);
}

/// Of many conversations with one key that are made at once, one is made.
pub async fn of_twenty_conversations_with_one_key_one_is_made(store: &dyn Store) {
    let ada = Person::owner(store);
    let conversations: Vec<_> = (0..SAME).map(|_| conversation(0)).collect();
    let create = |made| store.create_conversation(&ada.scope, made, vec![], Some(once("k")));
    let made = join_all(conversations.iter().cloned().map(create)).await;
    assert_eq!(ada.list().await, [conversations[only_one(&made)].id]);
}

/// Of many appends with one key that come at once, one is done.
pub async fn of_twenty_appends_with_one_key_one_is_done(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&[]).await;
    let items: Vec<_> = (0..SAME).map(|n| message(&n.to_string())).collect();
    let append = |item| store.append_items(&ada.scope, id, vec![item], moment(1), Some(once("k")));
    let appended = join_all(items.iter().cloned().map(append)).await;
    assert_eq!(ada.texts(id).await, [only_one(&appended).to_string()]);
}

/// Who asks again while the first turn holds the conversation learns what it is, not that somebody
/// is in the way.
pub async fn a_key_is_known_while_its_turn_holds_the_lock(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a"]).await;
    let append = |key| {
        let items = messages(&["b"]);
        store.append_items(&ada.scope, id, items, moment(1), Some(once(key)))
    };
    append("append").await.unwrap();
    let leaf = ada.active(id).await[1].item.id;
    let response = in_progress(Some(id), 10);
    for place in [Place::Leaf(Some(leaf)), Place::Leaf(Some(items[0].id)), Place::After(None)] {
        let home = TurnHome::Existing { id, place };
        let input = asked(&response, &["c"]);
        let turn = BeginTurn { once: Some(once("turn")), ..beginning(&response, home, input) };
        match ada.start(turn).await {
            Ok(()) => assert_eq!(place, Place::Leaf(Some(leaf))),
            other => assert_eq!(told(other).made, Made::Response(response.id)),
        }
    }
    told(append("append").await);
    let locked = append("other").await;
    assert!(matches!(locked, Err(StoreError::Locked)), "{locked:?}");
}

/// Who asks again after the place is gone learns what was done there.
pub async fn a_key_is_known_after_what_it_made_was_deleted(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&[]).await;
    let items = messages(&["a"]);
    let append = |items| store.append_items(&ada.scope, id, items, moment(1), Some(once("append")));
    append(items.clone()).await.unwrap();
    let response = in_progress(Some(id), 10);
    let turn = || {
        let home = TurnHome::Existing { id, place: Place::After(Some(items[0].id)) };
        let input = asked(&response, &["b"]);
        BeginTurn { once: Some(once("turn")), ..beginning(&response, home, input) }
    };
    ada.start(turn()).await.unwrap();
    ada.delete_response(response.id).await.unwrap();
    assert_eq!(told(ada.start(turn()).await).made, Made::Response(response.id));
    store.delete_conversation(&ada.scope, id).await.unwrap();
    assert_eq!(told(ada.start(turn()).await).made, Made::Response(response.id));
    let made = Made::Items(id, vec![items[0].id]);
    assert_eq!(told(append(items.clone()).await).made, made);
}

/// A key is its owner's, in its tenant, for its route.
pub async fn the_same_key_of_somebody_else_is_another_key(store: &dyn Store) {
    let create = async |scope: &Scope, once: Once| {
        let made = conversation(0);
        let id = made.id;
        store.create_conversation(scope, made, vec![], Some(once.clone())).await.unwrap();
        let earlier = earlier(store, scope, &once).await.unwrap();
        assert_eq!(earlier.made, Made::Conversation(id));
        id
    };
    let ada = Person::owner(store);
    let first = create(&ada.scope, once("k")).await;
    for stranger in Person::strangers(store) {
        assert_eq!(earlier(store, &stranger.scope, &once("k")).await, None);
        create(&stranger.scope, once("k")).await;
    }
    let elsewhere = Once { route: "/other", ..once("k") };
    assert_eq!(earlier(store, &ada.scope, &elsewhere).await, None);
    create(&ada.scope, elsewhere).await;
    assert_eq!(earlier(store, &ada.scope, &once("K")).await, None);
    create(&ada.scope, once("K")).await;
    let kept = earlier(store, &ada.scope, &once("k")).await.unwrap();
    assert_eq!(kept.made, Made::Conversation(first));
}

/// What the first request said is told, so that another one with its key can be refused.
pub async fn a_key_tells_what_its_first_request_said(store: &dyn Store) {
    let ada = Person::owner(store);
    let said = |n: u8| Once { fingerprint: Fingerprint(std::array::from_fn(|_| n)), ..once("k") };
    let create = |once| store.create_conversation(&ada.scope, conversation(0), vec![], Some(once));
    create(said(200)).await.unwrap();
    let earlier = told(create(said(1)).await);
    assert_eq!(earlier.fingerprint, said(200).fingerprint);
    assert_eq!(store.earlier(&ada.scope, &said(1)).await.unwrap(), Some(earlier));
}

/// Nothing is remembered of a request that was not done, and it may come again.
pub async fn a_request_that_fails_uses_no_key(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a"]).await;
    let leaf = Some(items[0].id);
    let turn = |id, place| {
        let response = in_progress(Some(id), 10);
        let input = asked(&response, &["b"]);
        let home = TurnHome::Existing { id, place };
        BeginTurn { once: Some(once("turn")), ..beginning(&response, home, input) }
    };
    let append =
        |id, items| store.append_items(&ada.scope, id, items, moment(1), Some(once("append")));
    let create =
        |made, items| store.create_conversation(&ada.scope, made, items, Some(once("create")));

    let conflict = ada.start(turn(id, Place::Leaf(None))).await;
    assert!(matches!(conflict, Err(StoreError::Conflict)), "{conflict:?}");
    let not_found = ada.start(turn(conversation_id(), Place::Leaf(None))).await;
    assert!(matches!(not_found, Err(StoreError::NotFound)), "{not_found:?}");
    let conflict = append(id, items.clone()).await;
    assert!(matches!(conflict, Err(StoreError::Conflict)), "{conflict:?}");
    let not_found = append(conversation_id(), messages(&["x"])).await;
    assert!(matches!(not_found, Err(StoreError::NotFound)), "{not_found:?}");
    let conflict = create(conversation(0), items).await;
    assert!(matches!(conflict, Err(StoreError::Conflict)), "{conflict:?}");

    let running = ada.turn(id, "c").await;
    let locked = ada.start(turn(id, Place::After(leaf))).await;
    assert!(matches!(locked, Err(StoreError::Locked)), "{locked:?}");
    let locked = append(id, messages(&["x"])).await;
    assert!(matches!(locked, Err(StoreError::Locked)), "{locked:?}");
    for key in ["turn", "append", "create"] {
        assert_eq!(earlier(store, &ada.scope, &once(key)).await, None, "{key}");
    }
    ada.finish(running, "d").await;

    append(id, messages(&["e"])).await.unwrap();
    ada.start(turn(id, Place::After(leaf))).await.unwrap();
    create(conversation(0), vec![]).await.unwrap();
}

/// A key whose time is over is forgotten, and serves again.
pub async fn a_key_is_forgotten_after_its_time(store: &dyn Store) {
    let ada = Person::owner(store);
    let brief = Once { keep: Duration::ZERO, ..once("brief") };
    let create = |once| store.create_conversation(&ada.scope, conversation(0), vec![], Some(once));
    create(brief.clone()).await.unwrap();
    create(once("long")).await.unwrap();
    store.forget_expired(100).await.unwrap();
    assert_eq!(earlier(store, &ada.scope, &brief).await, None);
    told(create(once("long")).await);
    assert_eq!(store.forget_expired(100).await.unwrap(), 0);

    create(once("brief")).await.unwrap();
    told(create(once("brief")).await);
    assert_eq!(ada.list().await.len(), 3);
}

/// However short its time, a key is not forgotten before its turn has ended, whether that is hidden,
/// known to its owner, or dead and not yet ended: who asks again meanwhile learns which one it is.
pub async fn a_key_is_kept_until_its_turn_has_ended(store: &dyn Store) {
    let ada = Person::owner(store);
    let brief = |key| Once { keep: Duration::ZERO, ..once(key) };
    let dead = BeginTurn { lease: Duration::ZERO, ..new_turn(brief("dead")) };
    let turns = [
        ("known", new_turn(brief("known"))),
        ("hidden", hidden_turn(Some(brief("hidden")))),
        ("dead", dead),
    ];
    for (key, turn) in &turns {
        ada.start(turn.clone()).await.unwrap();
        let made = Made::Response(turn.response.id);
        for _ in 0..2 {
            assert_eq!(earlier(store, &ada.scope, &once(key)).await.unwrap().made, made, "{key}");
            assert_eq!(told(ada.start(new_turn(brief(key))).await).made, made, "{key}");
            assert_eq!(store.forget_expired(100).await.unwrap(), 0, "{key}");
        }
        assert_eq!(ada.response(turn.response.id).await.unwrap().response, turn.response);
    }
    for (key, turn) in &turns {
        ada.try_finish(&turn.response, vec![message("b")]).await.unwrap();
        assert_eq!(earlier(store, &ada.scope, &once(key)).await, None, "{key}");
    }
    assert_eq!(store.forget_expired(100).await.unwrap(), 3);
    for (key, turn) in &turns {
        assert_eq!(ada.response(turn.response.id).await.is_ok(), !turn.hidden, "{key}");
        ada.start(new_turn(once(key))).await.unwrap();
    }
}

/// A turn that was deleted has ended, also for its key.
pub async fn a_key_whose_time_is_over_goes_with_its_deleted_turn(store: &dyn Store) {
    let ada = Person::owner(store);
    let brief = || Once { keep: Duration::ZERO, ..once("k") };
    let turn = new_turn(brief());
    ada.start(turn.clone()).await.unwrap();
    told(ada.start(new_turn(brief())).await);
    ada.delete_response(turn.response.id).await.unwrap();
    assert_eq!(earlier(store, &ada.scope, &once("k")).await, None);
    ada.start(new_turn(once("k"))).await.unwrap();
    told(ada.start(new_turn(once("k"))).await);
}

/// What its owner knows of stays when the key is forgotten.
pub async fn a_forgotten_key_leaves_what_its_owner_knows(store: &dyn Store) {
    let ada = Person::owner(store);
    let turn = new_turn(Once { keep: Duration::ZERO, ..once("k") });
    let response = turn.response.clone();
    ada.start(turn).await.unwrap();
    ada.try_finish(&response, vec![]).await.unwrap();
    store.forget_expired(100).await.unwrap();
    assert_eq!(earlier(store, &ada.scope, &once("k")).await, None);
    assert_eq!(ada.response(response.id).await.unwrap().response.id, response.id);
    assert_eq!(ada.texts(response.conversation.unwrap()).await, ["a"]);
}

/// Much that is old goes in small steps, and nothing is left in the end.
pub async fn forgetting_goes_in_small_steps(store: &dyn Store) {
    let people = [scope("acme", "ada"), scope("acme", "bob"), scope("umbrella", "ada")];
    for scope in &people {
        for key in ["a", "b", "c", "d"] {
            let brief = Once { keep: Duration::ZERO, ..once(key) };
            store.create_conversation(scope, conversation(0), vec![], Some(brief)).await.unwrap();
        }
    }
    let mut steps = Vec::new();
    loop {
        let forgotten = store.forget_expired(5).await.unwrap();
        assert!(forgotten <= 10, "{forgotten} in one step of 5");
        if forgotten == 0 {
            break;
        }
        steps.push(forgotten);
        assert!(steps.len() <= 12, "{steps:?}");
    }
    assert_eq!(steps.iter().sum::<u32>(), 12, "{steps:?}");
    assert!(steps.len() > 1, "{steps:?}");
}

/// A hidden turn, with an id that only its key leads to.
fn hidden_turn(once: Option<Once>) -> BeginTurn {
    let response = in_progress(None, 10);
    let input = asked(&response, &["a"]);
    let home = TurnHome::New { conversation: conversation(10), listed: false };
    BeginTurn { hidden: true, once, ..beginning(&response, home, input) }
}

/// A hidden response is read by whoever has its id from its key, and found by nobody else.
pub async fn a_hidden_response_is_read_and_not_found(store: &dyn Store) {
    let ada = Person::owner(store);
    let turn = hidden_turn(Some(once("k")));
    let response = turn.response.clone();
    ada.start(turn).await.unwrap();
    for is_running in [true, false] {
        let id = response.id;
        let stored = ada.response(id).await.unwrap();
        assert!(stored.hidden);
        let log = store.events(&ada.scope, id, 0, 10).await.unwrap();
        assert_eq!(log.end.is_none(), is_running);

        let read = store.history(&ada.scope, HistoryStart::Response(id), Reach::tokens(10)).await;
        assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
        let stopped = store.request_stop(&ada.scope, id).await;
        assert!(matches!(stopped, Err(StoreError::NotFound)), "{stopped:?}");
        let deleted = ada.delete_response(id).await;
        assert!(matches!(deleted, Err(StoreError::NotFound)), "{deleted:?}");
        if is_running {
            ada.try_finish(&response, vec![message("b")]).await.unwrap();
        }
    }
    let stored = ada.response(response.id).await.unwrap();
    assert_eq!((stored.output.len(), stored.hidden), (1, true));
    for stranger in Person::strangers(store) {
        let read = stranger.response(response.id).await;
        assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
    }
    let shown = ada.implicit_turn("a").await;
    assert!(!ada.response(shown.response.id).await.unwrap().hidden);
}

/// A hidden turn that dies is ended like any other.
pub async fn a_hidden_turn_that_gives_no_sign_of_life_is_stale(store: &dyn Store) {
    let ada = Person::owner(store);
    let turn = BeginTurn { lease: Duration::ZERO, ..hidden_turn(Some(once("k"))) };
    let (id, response) = (turn.response.id, turn.response.clone());
    ada.start(turn).await.unwrap();
    let stale = store.stale_turns(10).await.unwrap();
    assert_eq!(stale.iter().map(|turn| turn.response).collect::<Vec<_>>(), [id]);
    ada.try_finish(&response, vec![]).await.unwrap();
    assert_eq!(store.stale_turns(10).await.unwrap(), []);
}

/// A hidden response goes when its key is forgotten, with its conversation; another's stays.
pub async fn a_forgotten_key_takes_its_hidden_response_along(store: &dyn Store) {
    let ada = Person::owner(store);
    let brief = |key| Once { keep: Duration::ZERO, ..once(key) };
    let ended = hidden_turn(Some(brief("ended")));
    let kept = hidden_turn(Some(once("kept")));
    for turn in [&ended, &kept] {
        ada.start(turn.clone()).await.unwrap();
    }
    let output = message("b");
    ada.try_finish(&ended.response, vec![output.clone()]).await.unwrap();
    store.forget_expired(100).await.unwrap();
    let read = ada.response(ended.response.id).await;
    assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
    assert_eq!(ada.response(kept.response.id).await.unwrap().response, kept.response);
    // All ids are free again, so nothing is left.
    ada.start(BeginTurn { once: None, ..ended }).await.unwrap();
    ada.create(conversation(0), vec![output]).await.unwrap();
}
