//! Turns that wait, and turns that should not go on.

use std::time::Duration;

use loquat_domain::{Response, ResponseId, Scope, Status};
use loquat_store::{Checkpoint, Interrupted, Interruption, StoreError, TurnHome};

use super::{
    Store,
    person::{HOUR, Person},
    things::{alive, conversation, events, in_progress, response_id, scope, telling},
};

fn interrupted(scope: &Scope, response: ResponseId, why: Interruption) -> Interrupted {
    Interrupted { scope: scope.clone(), response, why }
}

/// A sign of life, and what it is told.
async fn hear(ada: &Person<'_>, response: ResponseId) -> Vec<Interruption> {
    let told = ada.store.checkpoint(vec![alive(&ada.scope, response)], HOUR).await.unwrap();
    told.into_iter()
        .map(|told| {
            assert_eq!((&told.scope, told.response), (&ada.scope, response));
            told.why
        })
        .collect()
}

/// Whoever runs a turn hears at its next sign of life that it should stop, until it has.
pub async fn a_stop_is_heard_at_the_next_checkpoint(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let [begun, other] = [ada.turn(id, "b").await, ada.implicit_turn("c").await];
    assert_eq!(hear(&ada, begun.response.id).await, []);
    for _ in 0..2 {
        assert!(store.request_stop(&ada.scope, begun.response.id).await.unwrap());
        assert_eq!(hear(&ada, begun.response.id).await, [Interruption::Stopped]);
    }
    assert_eq!(hear(&ada, begun.response.id).await, [Interruption::Stopped]);
    assert_eq!(hear(&ada, other.response.id).await, []);

    // It still runs: what it says is kept, and nobody else comes between.
    let told = telling(&ada.scope, &begun, &events(3));
    store.checkpoint(vec![told], HOUR).await.unwrap();
    assert_eq!(ada.events(&begun, 0, 1).await.runs.len(), 1);
    assert_eq!(ada.response(begun.response.id).await.unwrap().response, begun.response);
    let appended = ada.append(id, vec![]).await;
    assert!(matches!(appended, Err(StoreError::Locked)), "{appended:?}");
    ada.finish(begun, "d").await;
    assert_eq!(ada.texts(id).await, ["a", "b", "d"]);
}

/// A turn that has ended is not stopped, and stays as it was.
pub async fn an_ended_turn_is_not_stopped(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let done = ada.finish(begun, "b").await;
    let before = ada.response(done.response.id).await.unwrap();
    assert!(!store.request_stop(&ada.scope, done.response.id).await.unwrap());
    assert_eq!(ada.response(done.response.id).await.unwrap(), before);
    let unknown = store.request_stop(&ada.scope, response_id()).await;
    assert!(matches!(unknown, Err(StoreError::NotFound)), "{unknown:?}");
}

/// Nobody but its owner stops a turn.
pub async fn a_turn_is_stopped_by_its_owner_only(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    for stranger in Person::strangers(store) {
        let stopped = store.request_stop(&stranger.scope, begun.response.id).await;
        assert!(matches!(stopped, Err(StoreError::NotFound)), "{stopped:?}");
    }
    assert_eq!(hear(&ada, begun.response.id).await, []);
}

/// A turn that was deleted or has ended is gone, and so is one that never was.
pub async fn a_turn_that_is_gone_hears_so(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let ended = ada.implicit_turn("b").await;
    let deleted = ada.implicit_turn("c").await;
    let homeless = ada.turn(id, "d").await;
    let stopped = ada.implicit_turn("e").await;
    for begun in [&ended, &deleted, &homeless] {
        assert_eq!(hear(&ada, begun.response.id).await, []);
    }
    assert!(store.request_stop(&ada.scope, stopped.response.id).await.unwrap());
    ada.finish(ended.clone(), "f").await;
    ada.finish(stopped.clone(), "g").await;
    ada.delete_response(deleted.response.id).await.unwrap();
    store.delete_conversation(&ada.scope, id).await.unwrap();
    let ids = [ended, deleted, homeless, stopped].map(|begun| begun.response.id);
    for gone in ids.into_iter().chain([response_id()]) {
        assert_eq!(hear(&ada, gone).await, [Interruption::Gone]);
    }
}

/// One call serves turns of all people, and says of each what is to be said.
pub async fn one_checkpoint_call_tells_of_many_turns(store: &dyn Store) {
    let ada = Person::owner(store);
    let eve = Person { store, scope: scope("umbrella", "eve") };
    let going_on = ada.implicit_turn("a").await.response.id;
    let stopped = eve.implicit_turn("b").await.response.id;
    let gone = ada.implicit_turn("c").await.response.id;
    assert!(store.request_stop(&eve.scope, stopped).await.unwrap());
    ada.delete_response(gone).await.unwrap();
    let batch = vec![
        alive(&ada.scope, gone),
        alive(&ada.scope, going_on),
        alive(&eve.scope, stopped),
        alive(&eve.scope, going_on),
    ];
    let mut told = store.checkpoint(batch, HOUR).await.unwrap();
    let mut expected = vec![
        interrupted(&ada.scope, gone, Interruption::Gone),
        interrupted(&eve.scope, stopped, Interruption::Stopped),
        interrupted(&eve.scope, going_on, Interruption::Gone),
    ];
    for list in [&mut told, &mut expected] {
        list.sort_by(|one, other| (one.response, &one.scope).cmp(&(other.response, &other.scope)));
    }
    assert_eq!(told, expected);
}

/// A turn in the background waits, is at work from its first checkpoint that says so, and does not
/// wait again.
pub async fn a_queued_turn_is_at_work_once_a_checkpoint_says_so(store: &dyn Store) {
    let ada = Person::owner(store);
    let queued = || Response { background: true, status: Status::Queued, ..in_progress(None, 10) };
    let home = || TurnHome::New { conversation: conversation(10), listed: false };
    let [waiting, stuck] = [queued(), queued()];
    ada.begin(&waiting, home(), vec![], HOUR).await.unwrap();
    ada.begin(&stuck, home(), vec![], Duration::ZERO).await.unwrap();
    let is = async |status: Status| {
        let stored = ada.response(waiting.id).await.unwrap().response;
        assert_eq!(stored, Response { status, ..waiting.clone() });
    };
    is(Status::Queued).await;
    for (at_work, status) in
        [(false, Status::Queued), (true, Status::InProgress), (false, Status::InProgress)]
    {
        let sign = Checkpoint { at_work, ..alive(&ada.scope, waiting.id) };
        assert_eq!(store.checkpoint(vec![sign], HOUR).await.unwrap(), []);
        is(status).await;
    }
    let stale = store.stale_turns(10).await.unwrap();
    assert_eq!(stale.iter().map(|turn| turn.response).collect::<Vec<_>>(), [stuck.id]);

    assert!(store.request_stop(&ada.scope, stuck.id).await.unwrap());
    let sign = Checkpoint { at_work: false, ..alive(&ada.scope, stuck.id) };
    let told = store.checkpoint(vec![sign], HOUR).await.unwrap();
    assert_eq!(told, [interrupted(&ada.scope, stuck.id, Interruption::Stopped)]);
    ada.try_finish(&stuck, vec![]).await.unwrap();
    let sign = alive(&ada.scope, stuck.id);
    store.checkpoint(vec![sign], HOUR).await.unwrap();
    assert_eq!(ada.response(stuck.id).await.unwrap().response.status, Status::Completed);
}
