//! Streams at once.

use std::time::Duration;

use futures::future::join_all;
use loquat_domain::{Meter, Micros};
use loquat_limits::{Admission, LimitError, Limiter};

use crate::support::{Fault, MODEL, TestStore, is_reached, of_tenant, pass, pass_secs, scope};

async fn begun(limiter: &Limiter, streams: usize) -> Vec<Admission> {
    let user = scope("ada");
    let all = join_all((0..streams).map(|_| limiter.admit(&user, MODEL))).await;
    assert!(all.iter().all(|admission| admission.is_ok() || is_reached(admission)));
    all.into_iter().flatten().collect()
}

#[tokio::test(start_paused = true)]
async fn of_200_at_once_as_many_are_admitted_as_the_limit_says_and_each_that_ends_makes_room() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::Streams, 30));
    let mut streams = begun(&limiter, 200).await;
    assert_eq!(streams.len(), 30);
    streams.truncate(18);
    assert_eq!(begun(&limiter, 200).await.len(), 12);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_makes_room_on_another_instance() {
    let store = TestStore::new();
    let one = store.limiter(1, of_tenant(Meter::Streams, 30));
    let other = store.limiter(2, of_tenant(Meter::Streams, 30));
    let streams = begun(&one, 30).await;
    assert_eq!(begun(&other, 1).await.len(), 0);
    drop(streams);
    pass_secs(2).await;
    assert_eq!(begun(&other, 200).await.len(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_refused_stream_may_come_again_after_a_second() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::Streams, 1));
    let _stream = begun(&limiter, 1).await;
    let Err(LimitError::Reached { retry_after, standing }) =
        limiter.admit(&scope("ada"), MODEL).await
    else {
        panic!("admitted");
    };
    assert_eq!((retry_after.unwrap().as_secs(), standing.remaining, standing.most), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_counted_as_long_as_it_runs() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::Streams, 30));
    let streams = begun(&limiter, 3).await;
    for _ in 0..700 {
        pass(Duration::from_millis(50)).await;
        assert_eq!(store.taken(Meter::Streams).await, 3);
    }
    drop(streams);
    pass_secs(2).await;
    assert_eq!(store.taken(Meter::Streams).await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_streams_of_a_process_that_is_gone_are_free_after_its_lease() {
    let store = TestStore::new();
    let gone = store.limiter(1, of_tenant(Meter::Streams, 30));
    let streams = begun(&gone, 30).await;
    drop(gone);
    // With it ends its worker, before it has told anybody.
    drop(streams);
    let other = store.limiter(2, of_tenant(Meter::Streams, 30));
    pass_secs(16).await;
    assert_eq!(begun(&other, 200).await.len(), 30);
}

#[tokio::test(start_paused = true)]
async fn streams_that_outlive_their_lease_are_counted_anew_before_others_are_admitted() {
    for fault in [Fault::Lost, Fault::Refused] {
        let store = TestStore::new();
        let limiter = store.limiter(1, of_tenant(Meter::Streams, 30));
        let mut streams = begun(&limiter, 20).await;
        store.fail(Some(fault));
        pass_secs(20).await;
        let refused = limiter.admit(&scope("ada"), MODEL).await;
        assert!(matches!(refused, Err(LimitError::Store(_))), "{fault:?}");
        streams.truncate(15);
        store.fail(None);
        assert_eq!(begun(&limiter, 200).await.len(), 15);
        pass_secs(2).await;
        assert_eq!(store.taken(Meter::Streams).await, 15);
    }
}

#[tokio::test(start_paused = true)]
async fn streams_that_have_no_room_any_more_are_counted_all_the_same() {
    let store = TestStore::new();
    let one = store.limiter(1, of_tenant(Meter::Streams, 30));
    let other = store.limiter(2, of_tenant(Meter::Streams, 30));
    let streams = begun(&one, 20).await;
    store.fail(Some(Fault::Lost));
    pass_secs(16).await;
    store.fail(None);
    let others = begun(&other, 200).await;
    pass_secs(2).await;
    assert_eq!(store.taken(Meter::Streams).await, 20 + u64::try_from(others.len()).unwrap());
    assert!(others.len() >= 10);
    assert_eq!(begun(&one, 1).await.len(), 0);
    drop((streams, others));
    pass_secs(2).await;
    assert_eq!(store.taken(Meter::Streams).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_counts_once_though_nobody_knows_whether_the_store_has_heard_of_it() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::Streams, 30));
    let kept = begun(&limiter, 5).await;
    for _ in 0..5 {
        store.fail(Some(Fault::Unheard));
        drop(limiter.admit(&scope("ada"), MODEL).await);
        pass_secs(1).await;
        store.fail(None);
        drop(begun(&limiter, 1).await);
        pass_secs(1).await;
    }
    pass_secs(2).await;
    assert_eq!(store.taken(Meter::Streams).await, 5);
    drop(kept);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_in_use_is_given_back_when_the_process_ends() {
    let store = TestStore::new();
    let limiter = store.limiter(1, of_tenant(Meter::Streams, 30_000));
    drop(begun(&limiter, 200).await);
    let stream = begun(&limiter, 1).await;
    limiter.close().await;
    assert_eq!(store.taken(Meter::Streams).await, 1);
    for mut admission in stream {
        admission.settle(1, Micros(1));
    }
    limiter.close().await;
    assert_eq!(store.taken(Meter::Streams).await, 0);
}
