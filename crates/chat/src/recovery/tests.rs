use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use loquat_domain::{Event, EventKind, ItemId, ItemStart, StreamKind};
use loquat_store::{MockTurnStore, json::EventDecoder};
use mockall::Sequence;

use super::*;
use crate::test_service::{new_id, nothing_over, response, scope, service_with};

/// A turn that died after it had said `text`.
fn died_after(text: &str) -> StaleTurn {
    let id = ItemId::from_uuid(new_id());
    let kind = StreamKind::Text;
    let kinds = [
        EventKind::Created,
        EventKind::InProgress,
        EventKind::ItemAdded { output: 0, id, start: ItemStart::Message },
        EventKind::PartAdded { output: 0, id, part: 0, kind },
        EventKind::Delta { output: 0, id, part: 0, kind, text: text.to_owned() },
    ];
    let events = (0..).zip(kinds).map(|(sequence, kind)| Event { sequence, kind }).collect();
    StaleTurn { scope: scope(), response: response(), events }
}

#[tokio::test(start_paused = true)]
async fn a_stale_turn_ends_once_with_what_it_had_said() {
    let stale = died_after("Hel");
    let id = stale.response.id;
    let mut upkeep = nothing_over();
    upkeep.expect_stale_turns().times(1).return_once(move |_| Ok(vec![stale]));
    upkeep.expect_stale_turns().returning(|_| Ok(Vec::new()));
    let mut turns = MockTurnStore::new();
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
        })
        .times(1)
        .returning(|_, _| Ok(()));
    let service = service_with(turns, upkeep);
    tokio::time::sleep(PAUSE * 3).await;
    drop(service);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_died_before_its_first_checkpoint_begins_before_it_ends() {
    let stale = StaleTurn { scope: scope(), response: response(), events: Vec::new() };
    let mut upkeep = nothing_over();
    upkeep.expect_stale_turns().times(1).return_once(move |_| Ok(vec![stale]));
    upkeep.expect_stale_turns().returning(|_| Ok(Vec::new()));
    let mut turns = MockTurnStore::new();
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
    let both = vec![died_after("one"), died_after("two")];
    upkeep.expect_stale_turns().times(1).return_once(move |_| Ok(both));
    upkeep.expect_stale_turns().returning(|_| Ok(Vec::new()));
    let mut turns = MockTurnStore::new();
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
