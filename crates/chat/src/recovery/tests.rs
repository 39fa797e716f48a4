use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use loquat_domain::{Event, EventKind, ItemId, ItemStart, RawJson, StreamKind};
use loquat_store::{EventLog, MockTurnStore, StoredResponse, json::encode_events};
use mockall::Sequence;

use super::*;
use crate::test_service::{new_id, nothing_over, response, scope, service_with};

/// What a turn had emitted that died after it had said `text`.
fn said(text: &str) -> Vec<Event> {
    let id = ItemId::from_uuid(new_id());
    let kind = StreamKind::Text;
    let kinds = [
        EventKind::Created,
        EventKind::InProgress,
        EventKind::ItemAdded { output: 0, id, start: ItemStart::Message },
        EventKind::PartAdded { output: 0, id, part: 0, kind },
        EventKind::Delta { output: 0, id, part: 0, kind, text: text.to_owned() },
    ];
    (0..).zip(kinds).map(|(sequence, kind)| Event { sequence, kind }).collect()
}

/// A turn that died after it had emitted these events, as `turns` keeps it: in runs of two.
fn died_after(turns: &mut MockTurnStore, events: &[Event]) -> StaleTurn {
    let response = response();
    let id = response.id;
    let stored = StoredResponse {
        response,
        hidden: false,
        output: vec![],
        receipt: RawJson::from_checked(r#"{"budget":{"used":41}}"#),
        route: None,
    };
    turns.expect_response().withf(move |_, it| *it == id).returning(move |_, _| Ok(stored.clone()));
    let runs: Vec<_> = events
        .chunks(2)
        .map(|run| CheckpointLog {
            first: run[0].sequence,
            last: run[run.len() - 1].sequence,
            events: encode_events(run),
        })
        .collect();
    turns.expect_events().withf(move |_, it, _, _| *it == id).returning(move |_, _, from, most| {
        let runs = runs.iter().filter(|run| run.first >= from).take(most.try_into().unwrap());
        Ok(EventLog { runs: runs.cloned().collect(), end: None })
    });
    StaleTurn { scope: scope(), response: id }
}

#[tokio::test(start_paused = true)]
async fn a_stale_turn_ends_once_with_what_it_had_said() {
    let mut turns = MockTurnStore::new();
    let stale = died_after(&mut turns, &said("Hel"));
    let id = stale.response;
    let mut upkeep = nothing_over();
    upkeep.expect_stale_turns().times(1).return_once(move |_| Ok(vec![stale]));
    upkeep.expect_stale_turns().returning(|_| Ok(Vec::new()));
    turns
        .expect_finish_turn()
        .withf(move |as_whom, end| {
            *as_whom == scope()
                && end.response.id == id
                && end.response.status == Status::Incomplete(IncompleteReason::ServerRestart)
                && end.output.first().is_some_and(|item| item.content.texts() == ["Hel"])
                // Five events were checkpointed; the three that close the item follow them.
                && end.log.iter().map(|run| (run.first, run.last)).eq([(5, 7)])
                && end.last_sequence == 5 + 3
                && end.only_if_stale
        })
        .times(1)
        .returning(|_, _| Ok(()));
    let service = service_with(turns, upkeep);
    tokio::time::sleep(PAUSE * 3).await;
    drop(service);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_died_before_its_first_checkpoint_begins_before_it_ends() {
    let mut turns = MockTurnStore::new();
    let stale = died_after(&mut turns, &[]);
    let mut upkeep = nothing_over();
    upkeep.expect_stale_turns().times(1).return_once(move |_| Ok(vec![stale]));
    upkeep.expect_stale_turns().returning(|_| Ok(Vec::new()));
    turns
        .expect_finish_turn()
        .withf(|_, end| {
            let [run] = &end.log[..] else { return false };
            let events = EventDecoder::new().push(&run.events).unwrap();
            let kinds: Vec<_> = events.into_iter().map(|event| event.kind).collect();
            kinds == [EventKind::Created, EventKind::InProgress]
                && (run.first, run.last, end.last_sequence) == (0, 1, 2)
        })
        .times(1)
        .returning(|_, _| Ok(()));
    let service = service_with(turns, upkeep);
    tokio::time::sleep(PAUSE * 3).await;
    drop(service);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_was_deleted_or_ended_meanwhile_is_passed_over() {
    let mut upkeep = nothing_over();
    let mut turns = MockTurnStore::new();
    let both = vec![died_after(&mut turns, &said("one")), died_after(&mut turns, &said("two"))];
    upkeep.expect_stale_turns().times(1).return_once(move |_| Ok(both));
    upkeep.expect_stale_turns().returning(|_| Ok(Vec::new()));
    let mut order = Sequence::new();
    turns
        .expect_finish_turn()
        .times(1)
        .in_sequence(&mut order)
        .returning(|_, _| Err(StoreError::NotFound));
    turns
        .expect_finish_turn()
        .times(1)
        .in_sequence(&mut order)
        .returning(|_, _| Err(StoreError::Conflict));
    let service = service_with(turns, upkeep);
    tokio::time::sleep(PAUSE * 3).await;
    drop(service);
}

#[tokio::test(start_paused = true)]
async fn recovery_goes_on_after_the_store_was_away_and_ends_with_the_service() {
    let looks = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&looks);
    let mut upkeep = nothing_over();
    upkeep.expect_stale_turns().returning(move |_| {
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            Err(StoreError::Unavailable("the database restarts".into()))
        } else {
            Ok(Vec::new())
        }
    });
    let service = service_with(MockTurnStore::new(), upkeep);
    tokio::time::sleep(PAUSE * 2 + PAUSE / 2).await;
    assert_eq!(looks.load(Ordering::SeqCst), 3);
    drop(service);
    tokio::time::sleep(PAUSE * 5).await;
    assert_eq!(looks.load(Ordering::SeqCst), 3, "nobody looks for a service that is gone");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_cannot_be_read_is_ended_without_holding_up_the_others() {
    let mut turns = MockTurnStore::new();
    let unreadable = StaleTurn { scope: scope(), response: ResponseId::from_uuid(new_id()) };
    let id = unreadable.response;
    turns
        .expect_response()
        .withf(move |_, it| *it == id)
        .returning(|_, _| Err(StoreError::Corrupt { column: "settings" }));
    turns
        .expect_events()
        .withf(move |_, it, _, _| *it == id)
        .returning(|_, _, _, _| Ok(EventLog { runs: vec![], end: None }));
    let stale = vec![unreadable, died_after(&mut turns, &said("fine"))];
    let mut upkeep = nothing_over();
    upkeep.expect_stale_turns().times(1).return_once(move |_| Ok(stale));
    upkeep.expect_stale_turns().returning(|_| Ok(Vec::new()));
    turns.expect_finish_turn().times(2).returning(|_, _| Ok(()));
    let service = service_with(turns, upkeep);
    tokio::time::sleep(PAUSE * 3).await;
    drop(service);
}

#[tokio::test(start_paused = true)]
async fn after_the_store_was_away_living_turns_have_a_leases_time_for_a_sign_of_life() {
    let mut turns = MockTurnStore::new();
    let stale = died_after(&mut turns, &said("one"));
    let mut upkeep = nothing_over();
    let away = || StoreError::Unavailable("the database restarts".into());
    upkeep.expect_stale_turns().times(1).returning(move |_| Err(away()));
    upkeep.expect_stale_turns().returning(move |_| Ok(vec![stale.clone()]));
    let ended = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&ended);
    turns.expect_finish_turn().returning(move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let service = service_with(turns, upkeep);
    tokio::time::sleep(service.inner.limits.lease.saturating_sub(PAUSE)).await;
    assert_eq!(ended.load(Ordering::SeqCst), 0);
    tokio::time::sleep(PAUSE * 3).await;
    assert!(ended.load(Ordering::SeqCst) > 0);
}
