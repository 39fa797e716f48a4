//! Signs of life, and turns that give none.

use std::{sync::Arc, time::Duration};

use loquat_domain::{
    Event, EventKind, FunctionCall, Item, ItemContent, ItemStart, ItemStatus, Message, Part,
    Reasoning, Response, ResponseId, Role, Status, StreamKind,
};
use loquat_store::{HistoryStart, Place, StoreError, TurnHome};

use super::{
    Store,
    person::{Begun, HOUR, Person},
    things::{
        alive, answered, conversation, end, ended, events, in_progress, item_id, message, messages,
        moment, scope, telling,
    },
};

/// A lease of no duration has run out at once.
const GONE: Duration = Duration::ZERO;

async fn stale(store: &dyn Store) -> Vec<ResponseId> {
    store.stale_turns(100).await.unwrap().iter().map(|turn| turn.response.id).collect()
}

/// A holder that gave no sign of life in time holds nothing any more.
pub async fn a_lease_that_has_run_out_locks_nothing(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    let dead = ada.turn_with_lease(id, "c", GONE).await;
    ada.append(id, messages(&["d"])).await.unwrap();
    ada.delete_item(id, items[0].id).await.unwrap();
    assert_eq!(ada.texts(id).await, ["b", "c", "d"]);
    let place = Place::After(Some(dead.input[0].id));
    let next = ada.try_turn(id, place, &["e"], HOUR).await.unwrap();
    ada.finish(next, "f").await;
    assert_eq!(ada.texts(id).await, ["b", "c", "e", "f"]);
    assert_eq!(stale(store).await, [dead.response.id]);
}

/// Recovery gets the turns whose lease has run out, of every tenant, and no other.
pub async fn stale_turns_are_exactly_those_whose_lease_ran_out(store: &dyn Store) {
    let ada = Person::owner(store);
    let eve = Person { store, scope: scope("umbrella", "eve") };
    let mut expected = Vec::new();
    for person in [&ada, &eve] {
        let (id, _) = person.conversation_of(&["a"]).await;
        let (live, _) = person.conversation_of(&["a"]).await;
        let (done, _) = person.conversation_of(&["a"]).await;
        let (deleted, _) = person.conversation_of(&["a"]).await;
        let dead = person.turn_with_lease(id, "b", GONE).await;
        person.turn(live, "b").await;
        let finished = person.turn_with_lease(done, "b", GONE).await;
        person.finish(finished, "c").await;
        let gone = person.turn_with_lease(deleted, "b", GONE).await;
        person.delete_response(gone.response.id).await.unwrap();
        expected.push((person.scope.clone(), dead.response));
    }
    let response = in_progress(None, 30);
    let home = TurnHome::New { conversation: conversation(30), listed: false };
    ada.begin(&response, home, vec![message("a")], GONE).await.unwrap();
    expected.push((ada.scope.clone(), response));

    let stale = store.stale_turns(100).await.unwrap();
    assert!(stale.iter().all(|turn| turn.events.is_empty()));
    let mut found: Vec<_> = stale.into_iter().map(|turn| (turn.scope, turn.response)).collect();
    found.sort_by_key(|(_, response)| response.id);
    expected.sort_by_key(|(_, response)| response.id);
    assert_eq!(found, expected);
}

/// Recovery gets no more than it asks for, and the longest dead first.
pub async fn stale_turns_come_oldest_first_and_no_more_than_asked_for(store: &dyn Store) {
    let ada = Person::owner(store);
    let mut dead = Vec::new();
    for accepted in 1..=4 {
        let response = in_progress(None, accepted);
        let home = TurnHome::New { conversation: conversation(accepted), listed: false };
        ada.begin(&response, home, vec![message("a")], GONE).await.unwrap();
        dead.push(response.id);
    }
    assert_eq!(stale(store).await, dead);
    let some = store.stale_turns(3).await.unwrap();
    let some: Vec<_> = some.iter().map(|turn| turn.response.id).collect();
    assert_eq!(some, dead[..3]);
    assert_eq!(store.stale_turns(0).await.unwrap(), []);
}

/// A sign of life lets a turn live on for a lease from now, also when it comes late; one of no
/// duration ends it.
pub async fn a_checkpoint_renews_the_lease(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn_with_lease(id, "b", GONE).await;
    let sign = || vec![alive(&ada.scope, begun.response.id)];
    assert_eq!(stale(store).await, [begun.response.id]);
    store.checkpoint(sign(), HOUR).await.unwrap();
    assert_eq!(stale(store).await, []);
    let appended = ada.append(id, messages(&["x"])).await;
    assert!(matches!(appended, Err(StoreError::Locked)), "{appended:?}");
    store.checkpoint(sign(), GONE).await.unwrap();
    assert_eq!(stale(store).await, [begun.response.id]);
    ada.append(id, messages(&["c"])).await.unwrap();
}

/// One call serves turns of many tenants; those that are gone do not stop it.
pub async fn one_checkpoint_call_serves_many_turns(store: &dyn Store) {
    let ada = Person::owner(store);
    let eve = Person { store, scope: scope("umbrella", "eve") };
    let mut batch = Vec::new();
    for person in [&ada, &eve] {
        let running = person.implicit_turn("a").await;
        let ended = person.implicit_turn("b").await;
        let deleted = person.implicit_turn("c").await;
        batch.extend([&ended, &deleted].map(|it| telling(&person.scope, it, &events(2))));
        batch.push(telling(&person.scope, &running, &events(3)));
        batch.push(alive(&person.scope, in_progress(None, 1).id));
        person.finish(ended, "answer").await;
        person.delete_response(deleted.response.id).await.unwrap();
    }
    store.checkpoint(batch, GONE).await.unwrap();
    store.checkpoint(vec![], GONE).await.unwrap();
    let stale = store.stale_turns(100).await.unwrap();
    let scopes: Vec<_> = stale.iter().map(|turn| turn.scope.clone()).collect();
    assert!(scopes.contains(&ada.scope) && scopes.contains(&eve.scope) && scopes.len() == 2);
    assert!(stale.iter().all(|turn| turn.events.len() == 3));
}

/// What a dead turn had checkpointed comes back whole, whatever kinds of events it was.
pub async fn a_stale_turn_brings_its_events(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    let other = ada.implicit_turn("c").await;
    let told = every_kind_of_event(&begun.response);
    let of_other = events(4);
    for (from, to) in [(0, 1), (1, 5), (5, told.len())] {
        let sign = telling(&ada.scope, &begun, &told[from..to]);
        store.checkpoint(vec![sign], HOUR).await.unwrap();
    }
    let batch = vec![telling(&ada.scope, &other, &of_other), alive(&ada.scope, begun.response.id)];
    store.checkpoint(batch, GONE).await.unwrap();
    let stale = store.stale_turns(10).await.unwrap();
    let of = |begun: &Begun| {
        stale.iter().find(|turn| turn.response.id == begun.response.id).unwrap().events.clone()
    };
    assert_eq!(of(&begun), told);
    assert_eq!(of(&other), of_other);
}

/// A run of events that comes again, because the answer to the first call was lost, counts once,
/// also when it has grown meanwhile.
pub async fn a_checkpoint_that_comes_again_counts_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let told = events(9);
    for (from, to) in [(0, 3), (0, 3), (3, 5), (3, 7), (0, 3), (7, 9)] {
        let sign = telling(&ada.scope, &begun, &told[from..to]);
        store.checkpoint(vec![sign], GONE).await.unwrap();
    }
    assert_eq!(store.stale_turns(1).await.unwrap()[0].events, told);
}

/// What comes after a gap is not part of what was told.
pub async fn the_events_of_a_stale_turn_end_at_the_first_gap(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let headless = ada.implicit_turn("b").await;
    let told = events(9);
    let batch = vec![
        telling(&ada.scope, &begun, &told[0..3]),
        telling(&ada.scope, &begun, &told[4..6]),
        telling(&ada.scope, &headless, &told[1..3]),
    ];
    store.checkpoint(batch, GONE).await.unwrap();
    let stale = store.stale_turns(10).await.unwrap();
    assert_eq!(stale.len(), 2);
    for turn in stale {
        let expected = if turn.response.id == begun.response.id { &told[0..3] } else { &[] };
        assert_eq!(turn.events, expected);
    }
}

/// An ended turn shows no life, whatever comes late.
pub async fn a_checkpoint_after_the_end_changes_nothing(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    let done = ada.finish(begun.clone(), "c").await;
    let before = ada.response(done.response.id).await.unwrap();
    for lease in [HOUR, GONE] {
        let sign = telling(&ada.scope, &begun, &events(2));
        store.checkpoint(vec![sign], lease).await.unwrap();
        assert_eq!(stale(store).await, []);
        assert_eq!(ada.response(done.response.id).await.unwrap(), before);
        ada.append(id, messages(&["d"])).await.unwrap();
    }
}

/// Recovery ends a dead turn with what was told, and the conversation goes on.
pub async fn a_stale_turn_can_be_ended(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    let sign = telling(&ada.scope, &begun, &events(2));
    store.checkpoint(vec![sign], GONE).await.unwrap();

    let turn = store.stale_turns(1).await.unwrap().remove(0);
    assert_eq!((&turn.scope, &turn.response), (&ada.scope, &begun.response));
    let response = ended(&turn.response, Status::Cancelled);
    let output = answered(&response, &["piece 0 piece 1 "]);
    store.finish_turn(&turn.scope, end(response.clone(), output)).await.unwrap();
    assert_eq!(store.stale_turns(1).await.unwrap(), []);
    assert_eq!(ada.texts(id).await, ["a", "b", "piece 0 piece 1 "]);
    assert_eq!(ada.response(response.id).await.unwrap().response, response);
    let head = ada.history(HistoryStart::Conversation(id)).await.head;
    assert!(!head.running);
    ada.turn(id, "c").await;
}

/// A turn that tells everything there is to tell before its end.
fn every_kind_of_event(response: &Response) -> Vec<Event> {
    let [thoughts, said, call] = [item_id(), item_id(), item_id()];
    let item = |id, content| Item {
        id,
        response: Some(response.id),
        content,
        status: ItemStatus::Incomplete,
        tokens: 3,
        created_at: moment(11),
    };
    let thought = Reasoning { text: "hm\u{2028}".to_owned(), ..Reasoning::default() };
    let thought = Arc::new(item(thoughts, ItemContent::Reasoning(thought)));
    let parts = vec![Part::Text("yes".to_owned()), Part::Refusal("no".to_owned())];
    let message = Message { role: Role::Assistant, parts, phase: None };
    let message = Arc::new(item(said, ItemContent::Message(message)));
    let called = FunctionCall {
        call_id: "call_1".to_owned(),
        name: "look_up".to_owned(),
        arguments: r#"{"a": 1"#.to_owned(),
    };
    let start =
        ItemStart::FunctionCall { call_id: called.call_id.clone(), name: called.name.clone() };
    let called_item = Arc::new(item(call, ItemContent::FunctionCall(called.clone())));
    let mut kinds = vec![EventKind::Created, EventKind::Queued, EventKind::InProgress];
    let added = |output, id, start| EventKind::ItemAdded { output, id, start };
    kinds.push(added(0, thoughts, ItemStart::Reasoning));
    kinds.extend(whole_part(0, thoughts, 0, StreamKind::Reasoning, "hm\u{2028}"));
    kinds.push(EventKind::ItemDone { output: 0, item: thought });
    kinds.push(added(1, said, ItemStart::Message));
    kinds.extend(whole_part(1, said, 0, StreamKind::Text, "yes"));
    kinds.extend(whole_part(1, said, 1, StreamKind::Refusal, "no"));
    kinds.push(EventKind::ItemDone { output: 1, item: message });
    kinds.push(added(2, call, start));
    kinds.push(EventKind::Delta {
        output: 2,
        id: call,
        part: 0,
        kind: StreamKind::Arguments,
        text: called.arguments.clone(),
    });
    kinds.push(EventKind::TextDone {
        output: 2,
        id: call,
        part: 0,
        kind: StreamKind::Arguments,
        text: called.arguments.into(),
        name: called.name.into(),
    });
    kinds.push(EventKind::ItemDone { output: 2, item: called_item });
    (0..).zip(kinds).map(|(sequence, kind)| Event { sequence, kind }).collect()
}

/// All events of one part that came in one piece.
fn whole_part(
    output: u32,
    id: loquat_domain::ItemId,
    part: u32,
    kind: StreamKind,
    text: &str,
) -> [EventKind; 4] {
    let (whole, name): (Arc<str>, Arc<str>) = (text.into(), "".into());
    [
        EventKind::PartAdded { output, id, part, kind },
        EventKind::Delta { output, id, part, kind, text: text.to_owned() },
        EventKind::TextDone { output, id, part, kind, text: whole.clone(), name },
        EventKind::PartDone { output, id, part, kind, text: whole },
    ]
}
