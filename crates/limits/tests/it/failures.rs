//! A store that fails.

use std::time::Duration;

use loquat_domain::{Meter, Micros};
use loquat_limits::LimitError;
use loquat_store::StoreError;

use crate::support::{Fault, MODEL, TestStore, of_tenant, pass, pass_secs, scope};

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_told_and_everything_goes_on_when_it_is_back() {
    for fault in [Fault::Lost, Fault::Unheard, Fault::Refused] {
        let store = TestStore::new();
        let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 1_000));
        let mut admission = limiter.admit(&scope("ada"), MODEL).await.unwrap();
        store.fail(Some(fault));
        let error = admission.reserve(100, Micros(0)).await.unwrap_err();
        let is_told = match fault {
            Fault::Lost | Fault::Unheard => {
                matches!(error, LimitError::Store(StoreError::Unavailable(_)))
            }
            Fault::Refused => matches!(error, LimitError::Store(StoreError::Internal(_))),
        };
        assert!(is_told, "{fault:?}: {error:?}");
        store.fail(None);
        admission.reserve(100, Micros(0)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_in_advance_is_handed_out_while_the_store_is_away() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::RequestsPerMinute, 1_000_000));
    for _ in 0..200 {
        limiter.admit(&scope("ada"), MODEL).await.unwrap();
    }
    store.fail(Some(Fault::Lost));
    assert!(limiter.admit(&scope("ada"), MODEL).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_was_used_while_the_store_is_away_is_counted_when_it_is_back() {
    for fault in [Fault::Lost, Fault::Refused] {
        let store = TestStore::new();
        let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 1_000));
        let mut admission = limiter.admit(&scope("ada"), MODEL).await.unwrap();
        store.fail(Some(fault));
        admission.settle(70, Micros(0));
        limiter.debit(&scope("bob"), MODEL, 7, Micros(0));
        pass_secs(30).await;
        store.fail(None);
        pass_secs(2).await;
        assert_eq!(store.taken(Meter::TokensPerDay).await, 77, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_loses_no_more_than_what_was_on_its_way_when_it_began() {
    for fault in [Fault::Lost, Fault::Unheard] {
        let store = TestStore::new();
        let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 1_000));
        let mut admissions = Vec::new();
        for _ in 0..10 {
            let mut admission = limiter.admit(&scope("ada"), MODEL).await.unwrap();
            admission.reserve(100, Micros(0)).await.unwrap();
            admissions.push(admission);
        }
        store.fail(Some(fault));
        for mut admission in admissions {
            admission.settle(10, Micros(0));
            pass_secs(2).await;
        }
        store.fail(None);
        pass_secs(3).await;
        let taken = store.taken(Meter::TokensPerDay).await;
        assert!((100..=190).contains(&taken), "{fault:?}: {taken}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_used_is_counted_twice_at_the_most_when_answers_do_not_arrive() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 1_000));
    let admission = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    store.fail(Some(Fault::Unheard));
    limiter.debit(&scope("ada"), MODEL, 7, Micros(0));
    pass_secs(10).await;
    store.fail(None);
    pass_secs(2).await;
    drop(admission);
    assert_eq!(store.taken(Meter::TokensPerDay).await, 14);
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_while_no_answer_arrives_takes_no_more_than_the_first() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 1_000));
    let mut admission = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    store.fail(Some(Fault::Unheard));
    for _ in 0..8 {
        admission.reserve(100, Micros(0)).await.unwrap_err();
    }
    store.fail(None);
    admission.reserve(900, Micros(0)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_used_before_the_limits_are_known_is_counted() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 1_000));
    store.fail(Some(Fault::Lost));
    for _ in 0..5 {
        limiter.debit(&scope("ada"), MODEL, 10, Micros(0));
        pass_secs(1).await;
    }
    store.fail(None);
    pass_secs(3).await;
    assert_eq!(store.taken(Meter::TokensPerDay).await, 50);
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_while_waiting_takes_nothing_along() {
    for waited in 0..40 {
        let store = TestStore::at(Duration::from_millis(5));
        let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 1_000));
        let user = scope("ada");
        let turn = async {
            let mut admission = limiter.admit(&user, MODEL).await.unwrap();
            admission.reserve(600, Micros(0)).await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::time::timeout(Duration::from_millis(waited), turn).await.unwrap_err();
        let mut admission = limiter.admit(&user, MODEL).await.unwrap();
        assert!(admission.reserve(600, Micros(0)).await.is_ok(), "after {waited} ms");
        drop(admission);
        pass(Duration::from_millis(1_300)).await;
        assert_eq!(store.taken(Meter::TokensPerDay).await, 0, "after {waited} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_can_end_while_the_store_is_away() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::Streams, 1_000));
    drop(limiter.admit(&scope("ada"), MODEL).await.unwrap());
    for fault in [Fault::Lost, Fault::Unheard, Fault::Refused] {
        store.fail(Some(fault));
        limiter.close().await;
    }
}
