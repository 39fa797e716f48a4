//! Models that stand for one.

use super::*;
use std::collections::BTreeMap;

fn shared(replicas: &[(&str, u32)]) -> RoutedModel {
    let targets =
        replicas.iter().map(|(name, weight)| (Arc::new(model(name, &willing())), *weight));
    ruled(vec![Replicas::weighted(targets.collect())], Vec::new())
}

fn first(model: &RoutedModel, request: &ChatRequest) -> String {
    model.choose(request).unwrap().models[0].clone()
}

#[test]
fn conversations_are_shared_by_weight() {
    let shared = shared(&[("eu", 2), ("us", 1), ("asia", 1)]);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for number in 0..10_000 {
        *counts.entry(first(&shared, &of(number, "hello"))).or_default() += 1;
    }
    assert!((4_800..5_200).contains(&counts["eu"]), "{counts:?}");
    assert!((2_300..2_700).contains(&counts["us"]), "{counts:?}");
    assert!((2_300..2_700).contains(&counts["asia"]), "{counts:?}");
}

#[test]
fn a_conversation_has_the_same_replica_in_every_process_and_in_any_order_of_configuration() {
    let (one, other) = (shared(&[("eu", 2), ("us", 1)]), shared(&[("us", 1), ("eu", 2)]));
    for number in 0..1_000 {
        let request = of(number, "hello");
        assert_eq!(first(&one, &request), first(&other, &request));
        assert_eq!(first(&one, &request), first(&one, &request));
    }
}

#[test]
fn when_a_replica_goes_only_its_own_conversations_move() {
    let (all, fewer) = (shared(&[("a", 1), ("b", 1), ("c", 1)]), shared(&[("a", 1), ("b", 1)]));
    for number in 0..1_000 {
        let request = of(number, "hello");
        let before = first(&all, &request);
        assert!(before == "c" || before == first(&fewer, &request));
    }
}

#[tokio::test(start_paused = true)]
async fn requests_of_no_conversation_are_spread_too() {
    let shared = shared(&[("eu", 1), ("us", 1)]);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..400 {
        let request = request("hello");
        answer(&shared, request.clone()).await.1.unwrap();
        *counts.entry(told(&request)[0].0.clone()).or_default() += 1;
    }
    assert!(counts["eu"] > 150 && counts["us"] > 150, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn when_its_replica_fails_a_conversation_is_answered_by_another() {
    let replicas =
        vec![(Arc::new(model("dead", &dead())), 1), (Arc::new(model("well", &willing())), 1)];
    let shared = ruled(vec![Replicas::weighted(replicas)], Vec::new());
    for number in 0..50 {
        assert_eq!(answer(&shared, of(number, "hello")).await.0, "hello");
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_without_weight_is_asked_only_when_no_other_answers() {
    let spare = willing();
    let replicas =
        vec![(Arc::new(model("spare", &spare)), 0), (Arc::new(model("dead", &dead())), 1)];
    let shared = ruled(vec![Replicas::weighted(replicas)], Vec::new());
    let request = of(1, "hello");
    assert_eq!(answer(&shared, request.clone()).await.0, "hello");
    assert_eq!(told(&request)[0].0, "dead");
}
