//! What a turn has emitted, as others read it.

use std::time::Duration;

use loquat_domain::{Event, Item, Status};
use loquat_store::{
    Checkpoint, CheckpointLog, EventLog, FinishTurn, LogEnd, StoreError, TurnHome, json,
};

use super::{
    Store,
    person::{Begun, HOUR, Person},
    things::{alive, answered, conversation, end, ended, events, response_id, run, telling},
};

/// Runs of these sizes, from the first event on.
fn runs(told: &[Event], sizes: &[usize]) -> Vec<CheckpointLog> {
    let mut rest = told;
    let next = |size: &usize| {
        let (now, later) = rest.split_at(*size);
        rest = later;
        run(now)
    };
    sizes.iter().map(next).collect()
}

/// Checkpoints one run after another.
async fn tell(ada: &Person<'_>, begun: &Begun, runs: &[CheckpointLog]) {
    for run in runs {
        let sign = alive(&ada.scope, begun.response.id);
        let sign = Checkpoint { log: Some(run.clone()), ..sign };
        ada.store.checkpoint(vec![sign], HOUR).await.unwrap();
    }
}

/// Ends a turn whose last event has the number 20.
async fn finish(
    ada: &Person<'_>,
    begun: &Begun,
    log: Vec<CheckpointLog>,
    keep_log: Duration,
) -> Vec<Item> {
    let response = ended(&begun.response, Status::Completed);
    let output = answered(&response, &["said"]);
    let end = FinishTurn { last_sequence: 20, log, keep_log, ..end(response, output.clone()) };
    ada.store.finish_turn(&ada.scope, end).await.unwrap();
    output
}

/// The end of such a turn.
const fn over(kept: bool) -> LogEnd {
    LogEnd { last_sequence: 20, kept }
}

/// While a turn runs, its events are read from the start or from where a reader has got to, no more
/// of them than asked for, and later ones when they come.
pub async fn the_events_of_a_running_turn_are_read_run_by_run(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&[]).await;
    let [begun, other] = [ada.turn(id, "a").await, ada.implicit_turn("b").await];
    let none = EventLog { runs: vec![], end: None };
    assert_eq!(ada.events(&begun, 0, 10).await, none);

    let all = events(20);
    let told = runs(&all, &[1, 4, 2, 3]);
    tell(&ada, &begun, &told[..3]).await;
    tell(&ada, &other, &runs(&events(3), &[3])).await;
    for (from, skip) in [(0, 0), (1, 1), (5, 2), (7, 3)] {
        for most in 0..5 {
            let read = ada.events(&begun, from, most).await;
            let most = usize::try_from(most).unwrap();
            let expected: Vec<_> = told[..3].iter().skip(skip).take(most).cloned().collect();
            assert_eq!(read, EventLog { runs: expected, end: None }, "{most} from {from}");
        }
    }
    tell(&ada, &begun, &told[3..]).await;
    assert_eq!(ada.events(&begun, 7, 10).await.runs, told[3..]);
    let whole = ada.events(&begun, 0, 4).await.runs;
    let mut decoder = json::EventDecoder::new();
    let read = |run: &CheckpointLog| decoder.push(&run.events).unwrap();
    assert_eq!(whole.iter().flat_map(read).collect::<Vec<_>>(), all[..10]);
}

/// No run begins in the middle of another, or after the last.
pub async fn no_events_are_read_where_no_run_begins(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    tell(&ada, &begun, &runs(&events(9), &[3, 3])).await;
    for from in [1, 2, 4, 6, 7, u64::MAX] {
        assert_eq!(ada.events(&begun, from, 10).await.runs, [], "from {from}");
    }
}

/// A reader meets no gap: what comes after one is read when the gap has been filled.
pub async fn events_are_read_up_to_the_first_gap(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let told = runs(&events(9), &[3, 3, 3]);
    tell(&ada, &begun, &told[2..]).await;
    assert_eq!(ada.events(&begun, 0, 10).await.runs, []);
    tell(&ada, &begun, &told[..1]).await;
    assert_eq!(ada.events(&begun, 0, 10).await.runs, told[..1]);
    tell(&ada, &begun, &told[1..2]).await;
    assert_eq!(ada.events(&begun, 0, 10).await.runs, told);
    assert_eq!(ada.events(&begun, 3, 1).await.runs, told[1..2]);
}

/// A run that comes again is there once; the longer one counts, whenever it came.
pub async fn a_run_that_comes_again_is_read_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let all = events(9);
    for (from, to) in [(0, 3), (0, 3), (3, 5), (3, 8), (3, 5), (0, 3), (8, 9)] {
        let sign = telling(&ada.scope, &begun, &all[from..to]);
        store.checkpoint(vec![sign], HOUR).await.unwrap();
    }
    assert_eq!(ada.events(&begun, 0, 10).await.runs, runs(&all, &[3, 5, 1]));
}

/// After its end a turn can be read as before, with the rest that its end brought.
pub async fn events_are_read_after_the_end(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&[]).await;
    let begun = ada.turn(id, "a").await;
    let told = runs(&events(20), &[1, 4, 2, 3]);
    tell(&ada, &begun, &told[..2]).await;
    finish(&ada, &begun, told[2..].to_vec(), HOUR).await;
    let read = ada.events(&begun, 0, 10).await;
    assert_eq!(read, EventLog { runs: told.clone(), end: Some(over(true)) });
    let read = ada.events(&begun, 5, 1).await;
    assert_eq!(read, EventLog { runs: told[2..3].to_vec(), end: Some(over(true)) });
    let read = ada.events(&begun, 10, 1).await;
    assert_eq!(read, EventLog { runs: vec![], end: Some(over(true)) });

    let quick = ada.implicit_turn("b").await;
    finish(&ada, &quick, told.clone(), HOUR).await;
    assert_eq!(ada.events(&quick, 0, 10).await, EventLog { runs: told, end: Some(over(true)) });
    let silent = ada.implicit_turn("c").await;
    finish(&ada, &silent, vec![], HOUR).await;
    assert_eq!(ada.events(&silent, 0, 10).await, EventLog { runs: vec![], end: Some(over(true)) });
}

/// An end may bring runs again whose checkpoint was never answered.
pub async fn an_end_may_bring_a_run_that_a_checkpoint_has_kept(store: &dyn Store) {
    let ada = Person::owner(store);
    let begun = ada.implicit_turn("a").await;
    let all = events(9);
    tell(&ada, &begun, &runs(&all, &[3, 2])).await;
    let rest = vec![run(&all[3..5]), run(&all[5..9])];
    finish(&ada, &begun, rest, HOUR).await;
    assert_eq!(ada.events(&begun, 0, 10).await.runs, runs(&all, &[3, 2, 4]));

    let begun = ada.implicit_turn("b").await;
    tell(&ada, &begun, &runs(&all, &[3, 2])).await;
    finish(&ada, &begun, vec![run(&all[3..9])], HOUR).await;
    assert_eq!(ada.events(&begun, 0, 10).await.runs, runs(&all, &[3, 6]));
}

/// Events that are not to be kept are gone at the end, also those that the end brings.
pub async fn events_that_are_not_kept_end_with_their_turn(store: &dyn Store) {
    let ada = Person::owner(store);
    let told = runs(&events(9), &[3, 6]);
    let begun = ada.implicit_turn("a").await;
    tell(&ada, &begun, &told[..1]).await;
    let output = finish(&ada, &begun, told[1..].to_vec(), Duration::ZERO).await;
    let silent = ada.implicit_turn("b").await;
    finish(&ada, &silent, vec![], Duration::ZERO).await;
    for begun in [&begun, &silent] {
        let read = ada.events(begun, 0, 10).await;
        assert_eq!(read, EventLog { runs: vec![], end: Some(over(false)) });
    }
    assert_eq!(ada.response(begun.response.id).await.unwrap().output, output);
}

/// What is to be kept is not forgotten with what is not.
pub async fn events_within_their_time_are_not_forgotten(store: &dyn Store) {
    let ada = Person::owner(store);
    let told = runs(&events(9), &[3, 6]);
    let [kept, dropped, running] =
        [ada.implicit_turn("a").await, ada.implicit_turn("b").await, ada.implicit_turn("c").await];
    finish(&ada, &kept, told.clone(), HOUR).await;
    finish(&ada, &dropped, told.clone(), Duration::ZERO).await;
    tell(&ada, &running, &told).await;
    while store.forget_expired(1).await.unwrap() > 0 {}
    assert_eq!(
        ada.events(&kept, 0, 10).await,
        EventLog { runs: told.clone(), end: Some(over(true)) }
    );
    assert_eq!(
        ada.events(&dropped, 0, 10).await,
        EventLog { runs: vec![], end: Some(over(false)) }
    );
    assert_eq!(ada.events(&running, 0, 10).await, EventLog { runs: told, end: None });
}

/// What comes late, from somebody who does not know that the turn has ended, adds nothing.
pub async fn a_late_checkpoint_adds_no_events(store: &dyn Store) {
    let ada = Person::owner(store);
    let told = runs(&events(9), &[3, 6]);
    for keep in [HOUR, Duration::ZERO] {
        let begun = ada.implicit_turn("a").await;
        tell(&ada, &begun, &told[..1]).await;
        finish(&ada, &begun, vec![], keep).await;
        let before = ada.events(&begun, 0, 10).await;
        tell(&ada, &begun, &told).await;
        assert_eq!(ada.events(&begun, 0, 10).await, before);
    }
}

/// There are no events of what is not there.
pub async fn a_response_that_is_gone_has_no_events(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&[]).await;
    let [alone, inside] = [ada.implicit_turn("a").await, ada.turn(id, "b").await];
    for begun in [&alone, &inside] {
        finish(&ada, begun, runs(&events(3), &[3]), HOUR).await;
    }
    ada.delete_response(alone.response.id).await.unwrap();
    store.delete_conversation(&ada.scope, id).await.unwrap();
    for gone in [alone.response.id, inside.response.id, response_id()] {
        let read = store.events(&ada.scope, gone, 0, 10).await;
        assert!(matches!(read, Err(StoreError::NotFound)), "{read:?}");
    }
    // Another turn under the same id tells nothing of the one before.
    let home = TurnHome::New { conversation: conversation(20), listed: false };
    ada.begin(&alone.response, home, vec![], HOUR).await.unwrap();
    assert_eq!(ada.events(&alone, 0, 10).await, EventLog { runs: vec![], end: None });
}
