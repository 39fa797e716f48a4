//! Expiry, not-before, issue and lifetime against a clock that the test holds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use loquat_auth::{Algorithm, InvalidReason, JwtVerifier};
use serde_json::{Value, json};

use crate::forge::{
    NOW, at, believed, good_claims, hs256_verifier, key, rules, verdict, with_claims,
};

/// The default leeway and the default maximum lifetime, in seconds.
const LEEWAY: i64 = 30;
const DAY: i64 = 24 * 60 * 60;

const HOUR: i64 = 60 * 60;

#[tokio::test]
async fn times_are_checked_to_the_second_with_the_leeway() {
    use InvalidReason::{Expired, IssuedInFuture, LivesTooLong, NotYetValid};
    let table = [
        (json!({"exp": NOW + 1}), Ok(())),
        (json!({"exp": NOW}), Ok(())),
        (json!({"exp": NOW - LEEWAY + 1}), Ok(())),
        (json!({"exp": NOW - LEEWAY}), Err(Expired)),
        (json!({"exp": NOW - HOUR}), Err(Expired)),
        (json!({"exp": 0}), Err(Expired)),
        (json!({"exp": -1}), Err(InvalidReason::Claim("expiry"))),
        (json!({"exp": -1e300}), Err(InvalidReason::Claim("expiry"))),
        (json!({"exp": 1e300}), Err(InvalidReason::Claim("expiry"))),
        (json!({"exp": 1_756_684_800.5}), Ok(())),
        (json!({"nbf": NOW}), Ok(())),
        (json!({"nbf": 0}), Ok(())),
        (json!({"nbf": NOW + LEEWAY}), Ok(())),
        (json!({"nbf": NOW + LEEWAY + 1}), Err(NotYetValid)),
        (json!({"nbf": NOW + HOUR}), Err(NotYetValid)),
        (json!({"nbf": 1e18}), Err(NotYetValid)),
        (json!({"iat": NOW + LEEWAY}), Ok(())),
        (json!({"iat": NOW + LEEWAY + 1}), Err(IssuedInFuture)),
        (json!({"iat": NOW + DAY}), Err(IssuedInFuture)),
        (json!({"exp": NOW + DAY + LEEWAY}), Ok(())),
        (json!({"exp": NOW + DAY + LEEWAY + 1}), Err(LivesTooLong)),
        (json!({"exp": 253_402_300_799_i64}), Err(LivesTooLong)),
        (json!({"exp": 1e18}), Err(LivesTooLong)),
        (json!({"exp": u64::MAX}), Err(InvalidReason::Claim("expiry"))),
        (json!({"iat": NOW - HOUR, "exp": NOW - HOUR + DAY}), Ok(())),
        (json!({"iat": NOW - HOUR, "exp": NOW - HOUR + DAY + 1}), Err(LivesTooLong)),
        (json!({"iat": 0, "exp": NOW + 1}), Err(LivesTooLong)),
    ];
    for (times, expected) in table {
        let verdict = verdict(&hs256_verifier(), &with_times(&times)).await;
        assert_eq!(verdict.map(drop), expected, "{times}");
    }
}

#[tokio::test]
async fn leeway_and_maximum_lifetime_are_configurable() {
    let rules = rules().with_leeway(Duration::ZERO);
    let rules = rules.with_max_lifetime(Duration::from_mins(1)).unwrap();
    let verifier = JwtVerifier::new([key(Algorithm::Hs256)], rules).unwrap();
    let verifier = verifier.with_clock(|| at(NOW));
    let table = [
        (json!({"exp": NOW + 60}), Ok(())),
        (json!({"exp": NOW + 61}), Err(InvalidReason::LivesTooLong)),
        (json!({"exp": NOW}), Err(InvalidReason::Expired)),
        (json!({"exp": NOW + 1, "nbf": NOW + 1}), Err(InvalidReason::NotYetValid)),
        (json!({"exp": NOW + 1, "iat": NOW + 1}), Err(InvalidReason::IssuedInFuture)),
    ];
    for (times, expected) in table {
        let verdict = verdict(&verifier, &with_times(&times)).await;
        assert_eq!(verdict.map(drop), expected, "{times}");
    }
}

#[tokio::test]
async fn each_decision_reads_the_clock_anew() {
    let clock = Arc::new(AtomicI64::new(NOW));
    let shown = Arc::clone(&clock);
    let verifier = JwtVerifier::new([key(Algorithm::Hs256)], rules()).unwrap();
    let verifier = verifier.with_clock(move || at(shown.load(Ordering::SeqCst)));
    let token = with_times(&json!({"iat": NOW, "exp": NOW + 600}));
    let table = [
        (0, Ok(())),
        (HOUR, Err(InvalidReason::Expired)),
        (0, Ok(())),
        (-HOUR, Err(InvalidReason::IssuedInFuture)),
        (-LEEWAY, Ok(())),
        (600 + LEEWAY, Err(InvalidReason::Expired)),
        (600 + LEEWAY - 1, Ok(())),
    ];
    for (step, expected) in table {
        clock.store(NOW + step, Ordering::SeqCst);
        let verdict = verdict(&verifier, &token).await;
        assert_eq!(verdict.map(drop), expected, "clock at {step} s");
    }
}

#[tokio::test]
async fn the_machines_clock_is_read_unless_told_otherwise() {
    let verifier = JwtVerifier::new([key(Algorithm::Hs256)], rules()).unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let token = with_times(&json!({"iat": now, "exp": now + 3600}));
    believed(&verifier, &token, "an hour to go").await;
    let over = with_times(&json!({"exp": now - 3600}));
    assert_eq!(verdict(&verifier, &over).await.map(drop), Err(InvalidReason::Expired));
}

/// A token with these times in the place of its own.
fn with_times(times: &Value) -> String {
    let mut claims = good_claims();
    claims.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
    with_claims(&claims)
}
