use std::sync::{Arc, Mutex};

use loquat_domain::{EventKind, ResponseId};
use loquat_store::{Interrupted, Interruption, MockTurnStore, StoreError};

use super::*;
use crate::{
    ChatService,
    live::{LiveTurn, NewLiveTurn, Trace},
    log::{Keep, Log, Unread},
    test_service::{new_id, scope, service},
};

type Batches = Arc<Mutex<Vec<Vec<Checkpoint>>>>;

/// A store that keeps the batches that it is given, and fails the first of them if asked to.
fn recording(fails_first: bool) -> (MockTurnStore, Batches) {
    let batches = Batches::default();
    let seen = Arc::clone(&batches);
    let mut turns = MockTurnStore::new();
    turns.expect_checkpoint().returning(move |batch, _| {
        let mut seen = seen.lock().unwrap();
        seen.push(batch);
        if fails_first && seen.len() == 1 {
            Err(StoreError::Unavailable("the database restarts".into()))
        } else {
            Ok(Vec::new())
        }
    });
    (turns, batches)
}

fn live_turn(service: &ChatService, trace: Trace) -> Arc<LiveTurn> {
    let keep = if trace.is_stored() { Keep::Everything } else { Keep::Nothing };
    let begin = NewLiveTurn {
        scope: scope(),
        token: None,
        response: ResponseId::from_uuid(new_id()),
        trace,
        at_work: true,
    };
    let turn = Arc::new(LiveTurn::new(begin, Log::new(64 * 1024, keep, Unread::Cancel)));
    service.inner.live.insert(&turn);
    turn
}

#[tokio::test(start_paused = true)]
async fn the_new_events_of_all_turns_are_written_together() {
    let (turns, batches) = recording(false);
    let service = service(turns);
    for _ in 0..3 {
        live_turn(&service, Trace::Response).log.push(EventKind::Created);
    }
    tokio::time::sleep(Duration::from_secs(1) + Duration::from_millis(300)).await;
    let batches = batches.lock().unwrap();
    assert_eq!(batches.len(), 1, "one step for all of them");
    assert_eq!(batches[0].len(), 3);
    assert!(batches[0].iter().all(|it| it.log.as_ref().is_some_and(|log| log.last == 0)));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_shorter_than_the_interval_writes_none() {
    let (turns, batches) = recording(false);
    let service = service(turns);
    let turn = live_turn(&service, Trace::Response);
    turn.log.push(EventKind::Created);
    tokio::time::sleep(Duration::from_millis(700)).await;
    service.inner.live.remove(&turn);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(batches.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_written_is_written_in_the_next_round() {
    let (turns, batches) = recording(true);
    let service = service(turns);
    live_turn(&service, Trace::Response).log.push(EventKind::Created);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let batches = batches.lock().unwrap();
    assert_eq!(batches.len(), 2);
    assert_eq!(batches[0][0].log, batches[1][0].log);
}

#[tokio::test(start_paused = true)]
async fn a_silent_turn_gives_signs_of_life_within_its_lease() {
    let (turns, batches) = recording(false);
    let service = service(turns);
    let turn = live_turn(&service, Trace::Response);
    turn.log.push(EventKind::Created);
    turn.log.stop_saving();
    let lease = service.inner.limits.lease;
    tokio::time::sleep(lease).await;
    let signs = batches.lock().unwrap().len();
    assert!((7..=8).contains(&signs), "{signs} signs within a lease");
    assert!(batches.lock().unwrap().iter().flatten().all(|it| it.log.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_leaves_no_trace_leaves_none_here() {
    let (turns, batches) = recording(false);
    let service = service(turns);
    live_turn(&service, Trace::None).log.push(EventKind::Created);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(batches.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_beginning_takes_its_time_is_not_taken_for_gone() {
    let (turns, batches) = recording(false);
    let service = service(turns);
    live_turn(&service, Trace::Response);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(batches.lock().unwrap().is_empty(), "the store is asked for what it does not know");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_was_stopped_or_deleted_elsewhere_hears_of_it_within_two_seconds() {
    for why in [Interruption::Stopped, Interruption::Gone] {
        let mut turns = MockTurnStore::new();
        turns.expect_checkpoint().returning(move |batch, _| {
            let interrupted =
                |it: Checkpoint| Interrupted { scope: it.scope, response: it.response, why };
            Ok(batch.into_iter().map(interrupted).collect())
        });
        let service = service(turns);
        let turn = live_turn(&service, Trace::Response);
        turn.log.push(EventKind::Created);
        let heard = tokio::time::timeout(Duration::from_secs(2), turn.stop.cancelled()).await;
        assert!(heard.is_ok(), "{why:?}");
    }
}
