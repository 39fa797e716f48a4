use std::{ops::ControlFlow, sync::Arc, time::Duration};

use futures::FutureExt as _;
use loquat_domain::{ItemId, StreamKind};
use uuid::Uuid;

use super::*;

const SLOW: Duration = Duration::from_secs(30);

fn delta(text: &str) -> EventKind {
    EventKind::Delta {
        output: 0,
        id: ItemId::from_uuid(Uuid::nil()),
        part: 0,
        kind: StreamKind::Text,
        text: text.to_owned(),
    }
}

/// A log whose window holds a kibibyte.
fn log(keep: Keep) -> Arc<Log> {
    Log::new(1024, keep, Unread::Cancel)
}

fn fill(log: &Log) {
    while !log.push(delta("0123456789")) {}
}

fn sequences(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.sequence).collect()
}

#[tokio::test]
async fn every_reader_gets_every_event_in_order() {
    let log = log(Keep::Nothing);
    let mut early = log.reader();
    let mut late = log.reader();
    log.push(delta("a"));
    assert_eq!(sequences(&early.next_batch().await), [0]);
    log.push(delta("b"));
    log.push(delta("c"));
    assert_eq!(sequences(&early.next_batch().await), [1, 2]);
    assert_eq!(sequences(&late.next_batch().await), [0, 1, 2]);
}

#[tokio::test]
async fn a_waiting_reader_is_woken_by_an_event_and_by_the_end() {
    let log = log(Keep::Nothing);
    let mut reader = log.reader();
    let waiting = tokio::task::LocalSet::new();
    waiting
        .run_until(async {
            let read = tokio::task::spawn_local(async move {
                let first = reader.next_batch().await;
                (first, reader.next_batch().await)
            });
            tokio::task::yield_now().await;
            log.push(delta("a"));
            tokio::task::yield_now().await;
            log.close();
            let (first, last) = read.await.unwrap();
            assert_eq!(sequences(&first), [0]);
            assert!(last.is_empty());
        })
        .await;
}

#[tokio::test]
async fn what_everybody_has_read_is_let_go() {
    let log = log(Keep::Nothing);
    let mut reader = log.reader();
    fill(&log);
    reader.next_batch().await;
    assert_eq!(log.lock().bytes, 0);
    assert!(log.lock().events.is_empty());
}

#[tokio::test]
async fn what_the_store_has_not_got_is_kept_until_it_has() {
    let log = log(Keep::Everything);
    let mut reader = log.reader();
    log.push(EventKind::Created);
    log.push(delta("a"));
    reader.next_batch().await;
    let run = log.unsaved(Duration::ZERO, usize::MAX).expect("two events are unsaved");
    assert_eq!((run.first, run.last), (0, 1));
    log.push(delta("b"));
    assert_eq!(log.unsaved(Duration::ZERO, usize::MAX), Some(run), "the same run again");
    log.saved();
    let run = log.unsaved(Duration::ZERO, usize::MAX).expect("one event is unsaved");
    assert_eq!((run.first, run.last), (2, 2));
    log.saved();
    assert_eq!(log.unsaved(Duration::ZERO, usize::MAX), None);
}

#[tokio::test]
async fn a_writer_that_is_ahead_of_the_store_waits_for_it_and_ends_no_reader() {
    let log = log(Keep::Everything);
    let mut reader = log.reader();
    for _ in 0..100 {
        log.push(delta("0123456789"));
        reader.next_batch().await;
    }
    assert!(log.wants_saving());
    assert!(log.wait_for_room(SLOW).now_or_never().is_none());
    assert!(!log.abandoned().is_cancelled());
    log.unsaved(Duration::ZERO, 0).expect("there is something to save");
    log.saved();
    assert!(log.wait_for_room(SLOW).now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn young_and_small_is_not_saved_yet() {
    let log = log(Keep::Everything);
    log.push(delta("a"));
    let age = Duration::from_secs(1);
    assert!(log.unsaved(age, 100_000).is_none());
    tokio::time::advance(age).await;
    assert!(log.unsaved(age, 100_000).is_some());
    assert!(log.unsaved(Duration::MAX, 1).is_some());
}

#[tokio::test(start_paused = true)]
async fn the_writer_waits_for_the_slowest_reader() {
    let log = log(Keep::Nothing);
    let mut quick = log.reader();
    let mut slow = log.reader();
    fill(&log);
    quick.next_batch().await;
    assert!(log.wait_for_room(SLOW).now_or_never().is_none());
    slow.next_batch().await;
    assert!(log.wait_for_room(SLOW).now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_reader_without_progress_is_ended_and_the_others_go_on() {
    let log = log(Keep::Nothing);
    let mut quick = log.reader();
    let mut stuck = log.reader();
    fill(&log);
    quick.next_batch().await;
    let started = Instant::now();
    log.wait_for_room(SLOW).await;
    assert_eq!(started.elapsed(), SLOW);
    assert!(stuck.next_batch().await.is_empty(), "the stuck reader gets nothing more");
    assert!(!log.abandoned().is_cancelled());
    log.push(delta("more"));
    assert_eq!(quick.next_batch().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_reader_that_is_ended_abandons_the_turn() {
    let log = log(Keep::Nothing);
    let _stuck = log.reader();
    fill(&log);
    log.wait_for_room(SLOW).await;
    assert!(log.abandoned().is_cancelled());
}

#[tokio::test]
async fn only_the_last_reader_that_leaves_abandons_the_turn() {
    let log = log(Keep::Nothing);
    let first = log.reader();
    let second = log.reader();
    drop(first);
    assert!(!log.abandoned().is_cancelled());
    drop(second);
    assert!(log.abandoned().is_cancelled());
}

#[tokio::test]
async fn leaving_after_the_end_abandons_nothing() {
    let log = log(Keep::Nothing);
    let reader = log.reader();
    log.close();
    drop(reader);
    assert!(!log.abandoned().is_cancelled());
}

#[tokio::test]
async fn a_visitor_that_breaks_reads_the_rest_later() {
    let log = log(Keep::Nothing);
    let mut reader = log.reader();
    for text in ["a", "b", "c"] {
        log.push(delta(text));
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        std::future::poll_fn(|cx| {
            reader.poll_read(cx, &mut |event| {
                seen.push(event.sequence);
                ControlFlow::Break(())
            })
        })
        .await;
    }
    assert_eq!(seen, [0, 1, 2]);
}
