//! How often the store is met.

use std::time::Duration;

use futures::future::join_all;
use loquat_domain::Scope;
use loquat_domain::{Meter, Micros, TenantId, UserId, Whom};
use tokio::time::Instant;

use crate::support::{
    MODEL, TestStore, configured, is_reached, limit, of_tenant, pass, pass_secs, scope,
};

#[tokio::test(start_paused = true)]
async fn far_from_the_limits_hardly_any_request_meets_the_store() {
    let store = TestStore::new();
    let limits = [
        limit(Whom::Tenant, Meter::RequestsPerMinute, 1_000_000),
        limit(Whom::EachUser, Meter::RequestsPerMinute, 1_000_000),
        limit(Whom::Tenant, Meter::Streams, 100_000),
        limit(Whom::EachUser, Meter::TokensPerDay, 1_000_000_000),
        limit(Whom::Tenant, Meter::MicrosPerMonth, 1_000_000_000),
    ];
    let limiter = store.limiter(1, configured(limits));
    let turn = async || {
        let mut admission = limiter.admit(&scope("ada"), MODEL).await.unwrap();
        admission.reserve(4_000, Micros(1_000)).await.unwrap();
        pass(Duration::from_millis(50)).await;
        admission.settle(400, Micros(100));
    };
    for _ in 0..500 {
        join_all((0..10).map(|_| turn())).await;
    }
    let calls = store.exchanges() + store.readings();
    assert!(calls < 500, "5,000 requests took {calls} calls");
}

#[tokio::test(start_paused = true)]
async fn a_flood_at_its_limit_meets_the_store_four_times_a_second() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 1_000));
    let mut admission = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    admission.reserve(1_000, Micros(0)).await.unwrap();
    assert!(is_reached(&admission.reserve(1, Micros(0)).await));
    let calls = store.exchanges();
    for _ in 0..5_000 {
        let mut refused = limiter.admit(&scope("ada"), MODEL).await.unwrap();
        assert!(is_reached(&refused.reserve(1, Micros(0)).await));
        pass(Duration::from_millis(2)).await;
    }
    let calls = store.exchanges() - calls;
    assert!(calls <= 44, "a flood of ten seconds took {calls} calls");
}

#[tokio::test(start_paused = true)]
async fn a_flood_at_its_limit_makes_no_other_tenant_wait() {
    let store = TestStore::at(Duration::from_millis(5));
    let limiter =
        store.limiter(1, configured([limit(Whom::Tenant, Meter::RequestsPerMinute, 100)]));
    let user = scope("ada");
    let flood = async {
        for _ in 0..100 {
            join_all((0..50).map(|_| limiter.admit(&user, MODEL))).await;
            pass(Duration::from_millis(1)).await;
        }
    };
    let other =
        Scope { tenant: TenantId::new("globex").unwrap(), user: UserId::new("bob").unwrap() };
    let calm = async {
        limiter.admit(&other, MODEL).await.unwrap();
        let mut longest = Duration::ZERO;
        for _ in 0..90 {
            let asked_at = Instant::now();
            limiter.admit(&other, MODEL).await.unwrap();
            longest = longest.max(asked_at.elapsed());
            pass(Duration::from_millis(10)).await;
        }
        longest
    };
    let ((), longest) = tokio::join!(flood, calm);
    // One exchange that is on its way and the next one, of ten milliseconds each.
    assert!(longest <= Duration::from_millis(22), "waited for {longest:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_used_is_given_back_within_a_second_or_so() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::RequestsPerMinute, 1_000_000));
    for _ in 0..500 {
        limiter.admit(&scope("ada"), MODEL).await.unwrap();
        pass(Duration::from_millis(4)).await;
    }
    assert!(store.taken(Meter::RequestsPerMinute).await > 500);
    pass(Duration::from_millis(1_300)).await;
    assert_eq!(store.taken(Meter::RequestsPerMinute).await, 500);
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_in_advance_is_a_small_part_of_what_is_left() {
    let store = TestStore::new();
    let one = store.limiter(1, of_tenant(Meter::RequestsPerMinute, 1_000));
    let other = store.limiter(2, of_tenant(Meter::RequestsPerMinute, 1_000));
    for used in 1..=400 {
        one.admit(&scope("ada"), MODEL).await.unwrap();
        let taken = store.taken(Meter::RequestsPerMinute).await;
        assert!(taken - used <= (1_000 - used) / 16 + 1, "{taken} taken, {used} used");
    }
    let admitted = async |most: u64| {
        let mut admitted = 0;
        while admitted < most && other.admit(&scope("bob"), MODEL).await.is_ok() {
            admitted += 1;
        }
        admitted
    };
    let at_once = admitted(600).await;
    assert!(at_once >= 600 - 600 / 16, "{at_once}");
    pass_secs(2).await;
    assert_eq!(at_once + admitted(600).await, 600);
}

#[tokio::test(start_paused = true)]
async fn somebody_idle_costs_the_store_nothing() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::RequestsPerMinute, 1_000));
    limiter.admit(&scope("ada"), MODEL).await.unwrap();
    pass_secs(2).await;
    let calls = store.exchanges() + store.readings();
    pass_secs(600).await;
    assert_eq!(store.exchanges() + store.readings(), calls);
}
