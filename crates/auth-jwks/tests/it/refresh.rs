//! When keys are fetched, and what is believed meanwhile. The clock stands still unless a test moves
//! it, so every duration is exact.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::future::join_all;
use loquat_auth::{InvalidReason, TokenVerifier};
use loquat_auth_jwks::{COOL_DOWN, MAX_WAITING, PATIENCE, STALE_AFTER, Unknown};
use loquat_domain::Timestamp;
use loquat_testkit::{IdentityAlgorithm, IdentityServer};
use serde_json::json;
use tokio::time::Instant;

use crate::stage::{
    Answer, Desk, Verdict, believed, keys_of, known_issuer, pass, refused, verdict, verifier,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn a_token_whose_key_is_known_costs_no_fetch() {
    let (server, desk, verifier) = known_issuer().await;
    pass(MINUTE).await;
    for _ in 0..1000 {
        believed(&verifier, &server.token(&json!({})), "one of many").await;
    }
    assert_eq!(desk.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_first_token_with_a_new_key_is_believed_after_one_fetch() {
    let (server, desk, verifier) = known_issuer().await;
    pass(COOL_DOWN).await;
    let old = server.token(&json!({}));
    server.rotate("key-2", IdentityAlgorithm::Es256);
    desk.publish(&server);
    believed(&verifier, &server.token(&json!({})), "new").await;
    believed(&verifier, &old, "old").await;
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn many_tokens_with_a_new_key_cause_one_fetch() {
    let (server, desk, verifier) = known_issuer().await;
    pass(COOL_DOWN).await;
    server.rotate("key-2", IdentityAlgorithm::EdDsa);
    desk.publish(&server);
    let token = server.token(&json!({}));
    let verdicts = join_all((0..MAX_WAITING).map(|_| verdict(&verifier, &token))).await;
    assert!(verdicts.iter().all(|it| matches!(it, Verdict::Believed(_))), "{verdicts:?}");
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_made_up_key_ids_causes_one_fetch_per_cool_down_and_hurts_nobody() {
    let (server, desk, verifier) = known_issuer().await;
    let good = server.token(&json!({}));
    let began = Instant::now();
    // 10,000 in 10 s, and a user among them.
    for round in 0..100 {
        for number in 0..100 {
            let kid = format!("made-up-{round}-{number}");
            let garbage = server.token_with(&json!({ "kid": kid }), &server.claims(&json!({})));
            refused(&verifier, &garbage, InvalidReason::UnknownKey, &kid).await;
        }
        believed(&verifier, &good, "a user").await;
        pass(SECOND / 10).await;
    }
    assert_eq!(desk.asked(), 1, "nothing within the cool-down of the first fetch");
    assert_eq!(began.elapsed(), 10 * SECOND, "nobody waited");
    // And on for two minutes.
    for number in 0..1200 {
        let garbage =
            server.token_with(&json!({ "kid": number.to_string() }), &server.claims(&json!({})));
        verdict(&verifier, &garbage).await;
        believed(&verifier, &good, "a user").await;
        pass(SECOND / 10).await;
    }
    assert!(desk.pauses().iter().all(|it| *it >= 30), "{:?}", desk.pauses());
    assert_eq!(desk.asked(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_limited_also_while_the_key_set_is_empty_or_there_is_none() {
    let answers = [
        Answer::Document(json!({"keys": []})),
        Answer::Fails,
        Answer::Text("<html>"),
        Answer::Text(""),
    ];
    for answer in answers {
        let (server, desk, verifier) = known_issuer().await;
        desk.hand_over(answer.clone());
        let good = server.token(&json!({}));
        for number in 0..1000 {
            let changes = json!({ "kid": number.to_string() });
            verdict(&verifier, &server.token_with(&changes, &server.claims(&json!({})))).await;
            believed(&verifier, &good, "a user").await;
            pass(SECOND / 10).await;
        }
        assert!(desk.pauses().iter().all(|it| *it >= 30), "{answer:?}: {:?}", desk.pauses());
    }
}

#[tokio::test(start_paused = true)]
async fn before_there_were_keys_requests_cause_no_fetch_at_all() {
    let server = IdentityServer::start(IdentityAlgorithm::EdDsa).await.unwrap();
    for answer in [Answer::Document(json!({"keys": []})), Answer::Fails] {
        let desk = Desk::new(answer);
        let verifier = verifier(&server, &desk);
        for _ in 0..1200 {
            let verdict = verdict(&verifier, &server.token(&json!({}))).await;
            assert_eq!(verdict, Verdict::Unavailable(Unknown::NotLoaded));
            pass(SECOND / 10).await;
        }
        // The clock's own tries, which come without anybody too.
        assert_eq!(desk.pauses(), [1, 2, 4, 8, 16, 30, 30]);
        assert!(!verifier.is_ready());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_starts_before_its_issuer_is_ready_soon_after_it() {
    let server = IdentityServer::start(IdentityAlgorithm::EdDsa).await.unwrap();
    let desk = Desk::new(Answer::Fails);
    let verifier = verifier(&server, &desk);
    let token = server.token(&json!({}));
    assert_eq!(verdict(&verifier, &token).await, Verdict::Unavailable(Unknown::NotLoaded));
    assert!(!verifier.is_ready());
    desk.publish(&server);
    pass(SECOND + SECOND / 10).await;
    believed(&verifier, &token, "after a second").await;
    assert!(verifier.is_ready());
    desk.hand_over(Answer::Fails);
    pass(STALE_AFTER).await;
    assert!(verifier.is_ready(), "they were there once");
}

#[tokio::test(start_paused = true)]
async fn the_first_requests_wait_for_the_first_fetch() {
    let server = IdentityServer::start(IdentityAlgorithm::EdDsa).await.unwrap();
    let desk = Desk::new(keys_of(&server));
    let verifier = verifier(&server, &desk);
    believed(&verifier, &server.token(&json!({})), "at once").await;
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_believed_until_the_next_fetch_and_no_longer() {
    let (server, desk, verifier) = known_issuer().await;
    let old = server.token(&json!({}));
    server.rotate("key-2", IdentityAlgorithm::EdDsa);
    server.withdraw("key-1");
    desk.publish(&server);
    pass(4 * MINUTE + 59 * SECOND).await;
    believed(&verifier, &old, "before the next fetch").await;
    pass(2 * SECOND).await;
    refused(&verifier, &old, InvalidReason::UnknownKey, "after it").await;
    believed(&verifier, &server.token(&json!({})), "the new key").await;
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn new_material_under_an_old_id_takes_its_place_at_the_fetch_that_a_doubt_causes() {
    let (server, desk, verifier) = known_issuer().await;
    let old = server.token(&json!({}));
    server.withdraw("key-1");
    server.rotate("key-1", IdentityAlgorithm::EdDsa);
    desk.publish(&server);
    let new = server.token(&json!({}));
    refused(&verifier, &new, InvalidReason::Signature, "within the cool-down").await;
    pass(COOL_DOWN).await;
    // This one asks for the fetch, and does not wait: with a known id garbage is likelier.
    refused(&verifier, &new, InvalidReason::Signature, "the first after it").await;
    pass(SECOND).await;
    believed(&verifier, &new, "a second later").await;
    refused(&verifier, &old, InvalidReason::Signature, "the old material").await;
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_old_id_with_another_algorithm_is_found_like_a_new_one() {
    let (server, desk, verifier) = known_issuer().await;
    pass(COOL_DOWN).await;
    server.withdraw("key-1");
    server.rotate("key-1", IdentityAlgorithm::Es256);
    desk.publish(&server);
    believed(&verifier, &server.token(&json!({})), "ES256").await;
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_are_believed_for_a_day_without_the_issuer() {
    let (server, desk, verifier) = known_issuer().await;
    desk.hand_over(Answer::Fails);
    // The tokens' times are the wall clock's, which does not move here.
    let token = server.token(&json!({}));
    pass(STALE_AFTER.saturating_sub(SECOND)).await;
    believed(&verifier, &token, "within the day").await;
    pass(2 * SECOND).await;
    assert_eq!(verdict(&verifier, &token).await, Verdict::Unavailable(Unknown::Stale));
    desk.publish(&server);
    pass(COOL_DOWN).await;
    believed(&verifier, &token, "when the issuer is back").await;
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_again_as_the_issuer_says_within_bounds() {
    for (max_age, seconds) in [(None, 300), (Some(0), 60), (Some(120), 120), (Some(86_400), 900)] {
        let server = IdentityServer::start(IdentityAlgorithm::EdDsa).await.unwrap();
        let desk = Desk::new(keys_of(&server));
        if let Some(max_age) = max_age {
            desk.says_max_age(max_age);
        }
        let _verifier = verifier(&server, &desk);
        pass(60 * MINUTE).await;
        let pauses = desk.pauses();
        assert!(
            pauses.len() > 2 && pauses.iter().all(|it| *it == seconds),
            "{max_age:?}: {pauses:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalling_issuer_holds_up_nobody_whose_key_is_known_and_others_for_two_seconds() {
    let (server, desk, verifier) = known_issuer().await;
    desk.hand_over(Answer::Stalls);
    pass(COOL_DOWN).await;
    let garbage = server.token_with(&json!({"kid": "made-up"}), &server.claims(&json!({})));
    let began = Instant::now();
    let verdicts = join_all((0..MAX_WAITING + 100).map(|_| verdict(&verifier, &garbage))).await;
    assert!(began.elapsed() >= PATIENCE && began.elapsed() < PATIENCE + SECOND);
    let of = |unknown| verdicts.iter().filter(|it| **it == Verdict::Unavailable(unknown)).count();
    assert_eq!((of(Unknown::Late), of(Unknown::Busy)), (MAX_WAITING, 100));
    let began = Instant::now();
    believed(&verifier, &server.token(&json!({})), "a user").await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_stalls_is_given_up_and_tried_again() {
    let server = IdentityServer::start(IdentityAlgorithm::EdDsa).await.unwrap();
    let desk = Desk::new(Answer::Stalls);
    let verifier = verifier(&server, &desk);
    pass(SECOND).await;
    desk.publish(&server);
    pass(5 * SECOND + SECOND / 2).await;
    believed(&verifier, &server.token(&json!({})), "the second try").await;
    assert_eq!(desk.pauses(), [6]);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_jumps_decides_about_times_in_tokens_and_about_nothing_else() {
    let (server, desk, verifier) = known_issuer().await;
    let wall = Arc::new(AtomicI64::new(0));
    let shift = Arc::clone(&wall);
    let verifier = verifier.with_clock(move || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let seconds = i64::try_from(now).unwrap() + shift.load(Ordering::Relaxed);
        Timestamp::from_micros(seconds * 1_000_000)
    });
    let token = server.token(&json!({}));
    let hour = 3600;
    for (shift, expected) in [
        (0, None),
        (hour, Some(InvalidReason::Expired)),
        (-hour, Some(InvalidReason::IssuedInFuture)),
        (25, None),
        (-25, None),
    ] {
        wall.store(shift, Ordering::Relaxed);
        let row = format!("{shift} s");
        match expected {
            None => drop(believed(&verifier, &token, &row).await),
            Some(reason) => refused(&verifier, &token, reason, &row).await,
        }
    }
    assert_eq!(desk.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_any_more_when_the_verifier_is_gone() {
    let (_server, desk, verifier) = known_issuer().await;
    drop(verifier);
    pass(60 * MINUTE).await;
    assert_eq!(desk.asked(), 1);
}
