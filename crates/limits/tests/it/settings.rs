//! Limits that are set while the processes run.

use std::time::Duration;

use loquat_domain::{Limit, Meter, Micros, Whom};

use crate::support::{
    Fault, MODEL, TestStore, configured, is_reached, limit, of_tenant, pass, pass_secs, scope,
    tenant,
};

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_set_holds_within_five_seconds() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::RequestsPerMinute, 1_000));
    limiter.admit(&scope("ada"), MODEL).await.unwrap();
    store.set(limit(Whom::Tenant, Meter::RequestsPerMinute, 1)).await;
    assert!(limiter.admit(&scope("ada"), MODEL).await.is_ok());
    pass(Duration::from_millis(5_001)).await;
    assert!(is_reached(&limiter.admit(&scope("ada"), MODEL).await));
}

#[tokio::test(start_paused = true)]
async fn where_it_is_set_it_holds_at_once() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::RequestsPerMinute, 1_000));
    for _ in 0..50 {
        limiter.admit(&scope("ada"), MODEL).await.unwrap();
    }
    store.set(limit(Whom::Tenant, Meter::RequestsPerMinute, 51)).await;
    limiter.changed(&tenant());
    assert!(limiter.admit(&scope("ada"), MODEL).await.is_ok());
    assert!(is_reached(&limiter.admit(&scope("ada"), MODEL).await));
    store.set(limit(Whom::Tenant, Meter::RequestsPerMinute, 52)).await;
    limiter.changed(&tenant());
    assert!(limiter.admit(&scope("ada"), MODEL).await.is_ok());
    assert!(is_reached(&limiter.admit(&scope("ada"), MODEL).await));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_made_while_the_limits_are_read_is_not_missed() {
    let store = TestStore::at(Duration::from_millis(10));
    let limiter = store.limiter(1, of_tenant(Meter::Streams, 1_000));
    let change = async {
        // It has been read, and is on its way back.
        pass(Duration::from_millis(15)).await;
        store.set(limit(Whom::Tenant, Meter::Streams, 0)).await;
        limiter.changed(&tenant());
    };
    let user = scope("ada");
    let (admitted, ()) = tokio::join!(limiter.admit(&user, MODEL), change);
    assert!(is_reached(&admitted));
}

#[tokio::test(start_paused = true)]
async fn a_limit_can_be_lifted() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::RequestsPerMinute, 0));
    assert!(is_reached(&limiter.admit(&scope("ada"), MODEL).await));
    let lifted = Limit { most: None, ..limit(Whom::Tenant, Meter::RequestsPerMinute, 0) };
    store.set(lifted).await;
    limiter.changed(&tenant());
    let admission = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    assert_eq!(admission.standings(), []);
}

#[tokio::test(start_paused = true)]
async fn what_began_under_an_earlier_limit_does_not_bring_it_back() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 1_000));
    let mut earlier = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    earlier.reserve(100, Micros(0)).await.unwrap();
    store.set(limit(Whom::Tenant, Meter::TokensPerDay, 150)).await;
    limiter.changed(&tenant());
    let mut later = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    assert!(is_reached(&later.reserve(100, Micros(0)).await));
    assert!(is_reached(&earlier.reserve(100, Micros(0)).await));
    assert_eq!(earlier.standings().first().map(|standing| standing.most), Some(150));
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_often_waits_only_for_the_first_reading() {
    let store = TestStore::at(Duration::from_millis(100));
    let limiter = store.limiter(1, configured([]));
    limiter.admit(&scope("ada"), MODEL).await.unwrap();
    let begun_at = tokio::time::Instant::now();
    for _ in 0..300 {
        limiter.admit(&scope("ada"), MODEL).await.unwrap();
        pass(Duration::from_millis(100)).await;
    }
    assert_eq!(begun_at.elapsed(), Duration::from_secs(30));
    assert!((11..=15).contains(&store.readings()), "{}", store.readings());
}

#[tokio::test(start_paused = true)]
async fn limits_that_cannot_be_read_again_hold_for_a_minute() {
    let store = TestStore::new();
    let limiter = store.limiter(1, configured([]));
    limiter.admit(&scope("ada"), MODEL).await.unwrap();
    store.fail(Some(Fault::Lost));
    for _ in 0..59 {
        pass_secs(1).await;
        assert!(limiter.admit(&scope("ada"), MODEL).await.is_ok());
    }
    pass_secs(2).await;
    assert!(limiter.admit(&scope("ada"), MODEL).await.is_err());
    store.fail(None);
    assert!(limiter.admit(&scope("ada"), MODEL).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_page_tells_what_is_left_of_each_limit() {
    let store = TestStore::new();
    let mut of_model = limit(Whom::EachUser, Meter::Streams, 2);
    of_model.key.model = Some("large".to_owned());
    let limits = [limit(Whom::Tenant, Meter::RequestsPerMinute, 10), of_model];
    let one = store.limiter(1, configured(limits.clone()));
    let other = store.limiter(2, configured(limits));
    let _stream = one.admit(&scope("ada"), "large").await.unwrap();
    pass_secs(2).await;
    let remaining = async |model| {
        let standings = other.standings(&scope("ada"), model).await.unwrap();
        standings.iter().map(|standing| standing.remaining).collect::<Vec<_>>()
    };
    assert_eq!(remaining(None).await, [9, 2 - 1]);
    assert_eq!(remaining(Some("large")).await, [9, 1]);
    assert_eq!(remaining(Some("small")).await, [9]);
}
