//! Signs of life, and turns that give none.

use std::{sync::Arc, time::Duration};

use loquat_domain::{
    CancelReason, CounterId, Event, EventKind, FunctionCall, Item, ItemContent, ItemStart,
    ItemStatus, Message, Part, Reasoning, Response, ResponseId, Role, Status, StreamKind,
};
use loquat_store::{FinishTurn, HistoryStart, Place, StaleTurn, StoreError, TurnHome, json};

use super::{
    Store,
    person::{Begun, HOUR, Person},
    things::{
        alive, answered, conversation, end, ended, events, in_progress, item_id, message, messages,
        moment, run, scope, telling,
    },
};

/// A lease of no duration has run out at once.
const GONE: Duration = Duration::ZERO;

async fn stale(store: &dyn Store) -> Vec<ResponseId> {
    store.stale_turns(100).await.unwrap().iter().map(|turn| turn.response).collect()
}

/// All that a turn has emitted.
async fn emitted(ada: &Person<'_>, begun: &Begun) -> Vec<Event> {
    let log = ada.events(begun, 0, 100).await;
    assert_eq!(log.end, None);
    let mut decoder = json::EventDecoder::new();
    log.runs.iter().flat_map(|run| decoder.push(&run.events).unwrap()).collect()
}

/// The end of a turn by somebody who holds it for dead.
fn end_as_stale(response: Response, output: Vec<Item>) -> FinishTurn {
    FinishTurn { only_if_stale: true, ..end(response, output) }
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
        expected.push(StaleTurn { scope: person.scope.clone(), response: dead.response.id });
    }
    let response = in_progress(None, 30);
    let home = TurnHome::New { conversation: conversation(30), listed: false };
    ada.begin(&response, home, vec![message("a")], GONE).await.unwrap();
    expected.push(StaleTurn { scope: ada.scope.clone(), response: response.id });

    let mut found = store.stale_turns(100).await.unwrap();
    found.sort_by_key(|turn| turn.response);
    expected.sort_by_key(|turn| turn.response);
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
    let some: Vec<_> = some.iter().map(|turn| turn.response).collect();
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
    let (mut batch, mut expected) = (Vec::new(), Vec::new());
    let told = events(3);
    for person in [&ada, &eve] {
        let running = person.implicit_turn("a").await;
        let ended = person.implicit_turn("b").await;
        let deleted = person.implicit_turn("c").await;
        batch.extend([&ended, &deleted].map(|it| telling(&person.scope, it, &events(2))));
        batch.push(telling(&person.scope, &running, &told));
        batch.push(alive(&person.scope, in_progress(None, 1).id));
        person.finish(ended, "answer").await;
        person.delete_response(deleted.response.id).await.unwrap();
        expected.push((person, running));
    }
    store.checkpoint(batch, GONE).await.unwrap();
    store.checkpoint(vec![], GONE).await.unwrap();
    let mut found = stale(store).await;
    found.sort_unstable();
    let mut running: Vec<_> = expected.iter().map(|(_, begun)| begun.response.id).collect();
    running.sort_unstable();
    assert_eq!(found, running);
    for (person, begun) in expected {
        assert_eq!(person.events(&begun, 0, 10).await.runs, [run(&told)]);
    }
}

/// What a dead turn had checkpointed is read whole, whatever kinds of events it was.
pub async fn a_stale_turn_leaves_its_events(store: &dyn Store) {
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
    assert_eq!(stale(store).await.len(), 2);
    assert_eq!(emitted(&ada, &begun).await, told);
    assert_eq!(emitted(&ada, &other).await, of_other);
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
    assert_eq!((&turn.scope, turn.response), (&ada.scope, begun.response.id));
    let response = ended(
        &ada.response(turn.response).await.unwrap().response,
        Status::Cancelled(CancelReason::ByOwner),
    );
    let output = answered(&response, &["piece 0 piece 1 "]);
    store.finish_turn(&turn.scope, end_as_stale(response.clone(), output)).await.unwrap();
    assert_eq!(store.stale_turns(1).await.unwrap(), []);
    assert_eq!(ada.texts(id).await, ["a", "b", "piece 0 piece 1 "]);
    assert_eq!(ada.response(response.id).await.unwrap().response, response);
    let head = ada.history(HistoryStart::Conversation(id)).await.head;
    assert!(!head.running);
    ada.turn(id, "c").await;
    let again = store.finish_turn(&turn.scope, end_as_stale(response, vec![])).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
}

/// Between the look and the end a turn may give a sign of life after all: then it goes on, and ends
/// by itself with all that it has to say.
pub async fn a_turn_that_lives_after_all_is_not_ended_as_stale(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn_with_lease(id, "b", GONE).await;
    let silent = ada.implicit_turn("never was stale").await;
    assert_eq!(stale(store).await, [begun.response.id]);
    let told = events(4);
    let sign = telling(&ada.scope, &begun, &told[..2]);
    assert_eq!(store.checkpoint(vec![sign], HOUR).await.unwrap(), []);

    for begun in [&begun, &silent] {
        let response = ended(&begun.response, Status::Cancelled(CancelReason::ByOwner));
        let output = answered(&response, &["cut off"]);
        let ended = store.finish_turn(&ada.scope, end_as_stale(response, output)).await;
        assert!(matches!(ended, Err(StoreError::Conflict)), "{ended:?}");
        let stored = ada.response(begun.response.id).await.unwrap();
        assert_eq!((&stored.response, stored.output.len()), (&begun.response, 0));
    }
    let appended = ada.append(id, messages(&["x"])).await;
    assert!(matches!(appended, Err(StoreError::Locked)), "{appended:?}");
    let sign = telling(&ada.scope, &begun, &told[2..]);
    assert_eq!(store.checkpoint(vec![sign], HOUR).await.unwrap(), []);
    assert_eq!(emitted(&ada, &begun).await, told);
    ada.finish(begun, "c").await;
    assert_eq!(ada.texts(id).await, ["a", "b", "c"]);
}

/// Whoever runs a turn ends it, whatever has become of its lease.
pub async fn a_turn_ends_itself_after_its_lease(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn_with_lease(id, "b", GONE).await;
    assert_eq!(stale(store).await, [begun.response.id]);
    ada.finish(begun, "c").await;
    assert_eq!(ada.texts(id).await, ["a", "b", "c"]);
    assert_eq!(stale(store).await, []);
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
        counter: CounterId::ESTIMATE,
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
