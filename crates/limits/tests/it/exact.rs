//! Limits are exact, however many ask at once.

use std::time::Duration;

use futures::future::join_all;
use loquat_domain::{Meter, Micros, Whom};
use loquat_limits::{Admission, LimitError, Limiter};
use tokio::task::JoinSet;

use crate::support::{
    MODEL, TestStore, configured, is_reached, limit, of_tenant, pass_secs, scope,
};

/// What one request sets aside at the most.
const TOKENS: u64 = 100;
const COST: Micros = Micros(1_000);

/// Admissions of this many users at once, each with what it will use at the most.
async fn reserved(limiter: &Limiter, users: usize) -> Vec<Result<Admission, LimitError>> {
    let one = async |user: usize| {
        let mut admission = limiter.admit(&scope(&format!("user-{user}")), MODEL).await?;
        admission.reserve(TOKENS, COST).await?;
        Ok(admission)
    };
    join_all((0..users).map(one)).await
}

fn admitted(admissions: &[Result<Admission, LimitError>]) -> usize {
    assert!(admissions.iter().all(|admission| admission.is_ok() || is_reached(admission)));
    admissions.iter().flatten().count()
}

#[tokio::test(start_paused = true)]
async fn of_200_requests_at_once_as_many_are_admitted_as_the_limit_says() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::RequestsPerMinute, 120));
    assert_eq!(admitted(&reserved(&limiter, 200).await), 120);
    assert_eq!(store.taken(Meter::RequestsPerMinute).await, 120);
}

#[tokio::test(start_paused = true)]
async fn a_request_counts_whatever_becomes_of_it() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::RequestsPerMinute, 120));
    drop(reserved(&limiter, 120).await);
    pass_secs(3).await;
    assert_eq!(admitted(&reserved(&limiter, 1).await), 0);
    assert_eq!(store.taken(Meter::RequestsPerMinute).await, 120);
}

#[tokio::test(start_paused = true)]
async fn of_200_reservations_at_once_as_many_are_admitted_as_the_limit_says() {
    for meter in [Meter::TokensPerDay, Meter::MicrosPerMonth] {
        let store = TestStore::new();
        let each = if meter == Meter::TokensPerDay { TOKENS } else { COST.0 };
        let limiter = store.limiter(1, of_tenant(meter, each * 77 + each / 2));
        let admissions = reserved(&limiter, 200).await;
        assert_eq!(admitted(&admissions), 77);
        pass_secs(3).await;
        assert_eq!(store.taken(meter).await, 77 * each);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_used_of_a_reservation_is_free_again() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 10 * TOKENS));
    for mut admission in reserved(&limiter, 10).await.into_iter().flatten() {
        admission.settle(TOKENS / 2, Micros(0));
    }
    assert_eq!(admitted(&reserved(&limiter, 10).await), 5);
    pass_secs(3).await;
    assert_eq!(store.taken(Meter::TokensPerDay).await, 5 * TOKENS);
}

#[tokio::test(start_paused = true)]
async fn what_is_used_step_by_step_is_counted_and_the_rest_comes_back() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 1_000));
    let mut admission = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    for (steps, used) in [([30, 50], 80), ([60, 70], 130)] {
        let before = store.taken(Meter::TokensPerDay).await;
        admission.reserve(100, Micros(0)).await.unwrap();
        for step in steps {
            admission.spend(step, Micros(0));
        }
        let mut next = limiter.admit(&scope("ada"), MODEL).await.unwrap();
        std::mem::swap(&mut admission, &mut next);
        drop(next);
        pass_secs(3).await;
        assert_eq!(store.taken(Meter::TokensPerDay).await, before + used);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_for_what_others_have_set_aside_may_come_again_soon() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 10 * TOKENS));
    let mut reserved = reserved(&limiter, 10).await;
    let mut late = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    let mut refused = async || match late.reserve(5 * TOKENS, COST).await {
        Err(LimitError::Reached { retry_after, .. }) => retry_after.unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused().await, Duration::from_secs(1));
    for admission in reserved.iter_mut().take(6).flatten() {
        admission.settle(TOKENS, COST);
    }
    assert!(refused().await > Duration::from_hours(1), "only four will come back");
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_for_requests_that_come_at_once_comes_again_in_the_next_minute() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::RequestsPerMinute, 10));
    let admissions = reserved(&limiter, 11).await;
    let Some(Err(LimitError::Reached { retry_after, standing })) = admissions.last() else {
        panic!("admitted");
    };
    assert_eq!(*retry_after, Some(standing.resets_in), "a request is not given back");
}

#[tokio::test(start_paused = true)]
async fn what_is_used_beyond_a_reservation_is_counted_all_the_same() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, 10 * TOKENS));
    for mut admission in reserved(&limiter, 1).await.into_iter().flatten() {
        admission.settle(20 * TOKENS, Micros(0));
        assert_eq!(admission.standings().first().map(|standing| standing.remaining), Some(0));
    }
    pass_secs(1).await;
    assert_eq!(store.taken(Meter::TokensPerDay).await, 20 * TOKENS);
    limiter.debit(&scope("ada"), MODEL, TOKENS, Micros(7));
    pass_secs(1).await;
    assert_eq!(store.taken(Meter::TokensPerDay).await, 21 * TOKENS);
    assert_eq!(admitted(&reserved(&limiter, 1).await), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_two_instances_200_requests_at_once_never_use_more_than_the_limits() {
    let store = TestStore::new();
    let limits = || {
        configured([
            limit(Whom::Tenant, Meter::TokensPerDay, 50 * TOKENS + 1),
            limit(Whom::Tenant, Meter::MicrosPerMonth, 60 * COST.0),
        ])
    };
    let instances = [store.limiter(1, limits()), store.limiter(2, limits())];
    let mut turns = JoinSet::new();
    for turn in 0..200_u64 {
        let limiter = instances[usize::from(turn % 2 == 0)].clone();
        turns.spawn(async move {
            let mut used = (0, 0);
            let Ok(mut admission) = limiter.admit(&scope("ada"), MODEL).await else { return used };
            if admission.reserve(TOKENS, COST).await.is_ok() {
                used = (TOKENS - turn % 7, COST.0 - turn % 11);
                tokio::task::yield_now().await;
                admission.settle(used.0, Micros(used.1));
            }
            used
        });
    }
    let used = turns.join_all().await;
    let tokens: u64 = used.iter().map(|used| used.0).sum();
    let micros: u64 = used.iter().map(|used| used.1).sum();
    assert!(tokens <= 50 * TOKENS + 1, "{tokens} tokens were used");
    assert!(micros <= 60 * COST.0, "{micros} micro-units were used");
    assert!(tokens > 40 * TOKENS, "only {tokens} tokens were used");
    for limiter in &instances {
        limiter.close().await;
    }
    assert_eq!(store.taken(Meter::TokensPerDay).await, tokens);
    assert_eq!(store.taken(Meter::MicrosPerMonth).await, micros);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_needs_more_than_the_limit_is_refused_though_nothing_is_used() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::TokensPerDay, TOKENS - 1));
    let Some(Err(LimitError::Reached { standing, retry_after })) =
        reserved(&limiter, 1).await.into_iter().next()
    else {
        panic!("admitted");
    };
    assert_eq!((standing.most, standing.remaining), (TOKENS - 1, TOKENS - 1));
    assert_eq!((standing.key.meter, standing.key.whom), (Meter::TokensPerDay, Whom::Tenant));
    assert_eq!(retry_after, None, "it will never fit");
    let mut admission = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    assert!(admission.reserve(TOKENS - 1, COST).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_one_count_refuses_is_not_taken_from_another() {
    let store = TestStore::new();
    let limits = [
        limit(Whom::Tenant, Meter::RequestsPerMinute, 100),
        limit(Whom::EachUser, Meter::RequestsPerMinute, 1),
    ];
    let limiter = store.limiter(1, configured(limits));
    let user = scope("ada");
    let admissions = join_all((0..50).map(|_| limiter.admit(&user, MODEL))).await;
    assert_eq!(admissions.iter().flatten().count(), 1);
    pass_secs(3).await;
    assert_eq!(store.taken(Meter::RequestsPerMinute).await, 1);
}

#[tokio::test(start_paused = true)]
async fn of_several_limits_that_are_reached_the_one_that_lasts_longest_is_told() {
    let store = TestStore::new();
    let limits = [
        limit(Whom::Tenant, Meter::Streams, 1),
        limit(Whom::Tenant, Meter::RequestsPerMinute, 1),
        limit(Whom::EachUser, Meter::Streams, 1),
    ];
    let limiter = store.limiter(1, configured(limits));
    let _stream = limiter.admit(&scope("ada"), MODEL).await.unwrap();
    let Err(LimitError::Reached { standing, retry_after }) =
        limiter.admit(&scope("ada"), MODEL).await
    else {
        panic!("admitted");
    };
    assert_eq!(standing.key.meter, Meter::RequestsPerMinute);
    assert!(retry_after >= Some(Duration::from_secs(59)));
}
