//! Minutes, days and months. The store's clock begins with all of them.

use std::time::Duration;

use loquat_domain::{Meter, Micros};
use loquat_limits::LimitError;

use crate::support::{MODEL, TestStore, is_reached, of_tenant, pass, pass_secs, scope, skip};

#[tokio::test(start_paused = true)]
async fn each_minute_has_its_own_requests() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::RequestsPerMinute, 3));
    for _ in 0..4 {
        for _ in 0..3 {
            limiter.admit(&scope("ada"), MODEL).await.unwrap();
        }
        let Err(LimitError::Reached { retry_after, standing }) =
            limiter.admit(&scope("ada"), MODEL).await
        else {
            panic!("admitted");
        };
        let retry_after = retry_after.unwrap();
        assert!(retry_after <= Duration::from_mins(1) && retry_after == standing.resets_in);
        pass(retry_after).await;
    }
    assert!(store.exchanges() < 30);
}

#[tokio::test(start_paused = true)]
async fn what_was_set_aside_in_a_day_that_is_over_changes_nothing_in_the_present_one() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 1_000));
    let mut less = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    less.reserve(400, Micros(0)).await.unwrap();
    let mut more = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    more.reserve(400, Micros(0)).await.unwrap();
    skip(Duration::from_hours(24)).await;
    let mut today = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    today.reserve(1_000, Micros(0)).await.unwrap();
    less.settle(0, Micros(0));
    more.settle(4_000, Micros(0));
    pass_secs(2).await;
    assert_eq!(store.taken(Meter::TokensPerDay).await, 1_000);
    assert!(is_reached(&today.reserve(1, Micros(0)).await));
    today.settle(0, Micros(0));
    pass_secs(2).await;
    assert_eq!(store.taken(Meter::TokensPerDay).await, 0);
}

#[tokio::test(start_paused = true)]
async fn money_comes_back_with_the_month() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::MicrosPerMonth, 1_000));
    let mut admission = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    admission.reserve(0, Micros(1_000)).await.unwrap();
    admission.settle(0, Micros(1_000));
    let Err(LimitError::Reached { retry_after, .. }) = admission.reserve(0, Micros(1)).await else {
        panic!("admitted");
    };
    let retry_after = retry_after.unwrap();
    assert!(retry_after > Duration::from_hours(29 * 24));
    assert!(retry_after <= Duration::from_hours(30 * 24));
    // What costs nothing is still to be had.
    assert!(admission.reserve(5_000, Micros(0)).await.is_ok());
    skip(retry_after).await;
    assert!(admission.reserve(0, Micros(1_000)).await.is_ok());
}
