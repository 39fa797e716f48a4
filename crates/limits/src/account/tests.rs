use std::hash::RandomState;

use loquat_domain::{LimitKey, TenantId, Whom};
use loquat_store::StoreError;

use crate::error::Unavailable;

use super::*;

const MINUTE: i64 = 60_000_000;

fn account(now: Instant, most: u64) -> Account {
    account_of(Meter::RequestsPerMinute, now, most)
}

fn account_of(meter: Meter, now: Instant, most: u64) -> Account {
    let tenant = TenantId::new("acme").unwrap();
    let key = AllowanceKey { tenant, user: None, model: None, meter };
    let limit = LimitKey { whom: Whom::Tenant, model: None, meter };
    let key = Key::new(&RandomState::new(), key);
    Account::new(&Count { key, limit, most, as_of: now }, now)
}

/// An answer of the store half a minute before the period ends.
fn said(period: i64, granted: u64, taken: u64) -> Exchanged {
    Exchanged {
        granted,
        taken,
        period: Timestamp::from_micros(period),
        now: Timestamp::from_micros(period + MINUTE / 2),
        ends: Timestamp::from_micros(period + MINUTE),
    }
}

fn waits(account: &mut Account, now: Instant, amount: u64) -> oneshot::Receiver<Answer> {
    let (answer, answered) = oneshot::channel();
    account.wait(now, amount, answer);
    answered
}

#[test]
fn what_is_on_its_way_back_is_not_refused() {
    let now = Instant::now();
    let mut account = account(now, 10);
    let _answered = waits(&mut account, now, 10);
    let (_, sent) = account.exchange(now, false).unwrap();
    let served = account.exchanged(now, now, sent, said(0, 10, 10));
    let Some(Outcome::Taken(mut taken)) = served.into_iter().map(|served| served.outcome).next()
    else {
        panic!("refused");
    };
    account.spend(now, &mut taken, 4);
    account.give_back(now, taken);
    let (exchange, _sent) = account.exchange(now, false).unwrap();
    assert_eq!(exchange.returned, 6);
    assert_eq!(account.verdict(now, 6), Verdict::Ask);
    assert!(matches!(account.verdict(now, 7), Verdict::Reached(_)));
}

#[test]
fn nobody_is_served_before_those_who_wait() {
    let now = Instant::now();
    let mut account = account(now, 20);
    let _first = waits(&mut account, now, 8);
    let (exchange, sent) = account.exchange(now, false).unwrap();
    assert_eq!((exchange.need, exchange.want), (8, 8));
    let _second = waits(&mut account, now, 4);
    let _third = waits(&mut account, now, 1);
    let served = account.exchanged(now, now, sent, said(0, 9, 9));
    // The second can still be told something else by the store, and the third waits behind it.
    assert_eq!(served.len(), 1);
    assert_eq!(account.balance, 1);
    assert_eq!(account.verdict(now, 1), Verdict::Ask);
}

#[test]
fn what_is_left_of_a_period_is_not_used_in_the_next() {
    let start = Instant::now();
    let mut account = account(start, 10);
    let _answered = waits(&mut account, start, 1);
    let (_, sent) = account.exchange(start, false).unwrap();
    account.exchanged(start, start, sent, said(0, 5, 5));
    let before = start + Duration::from_micros(29_999_999);
    assert_eq!(account.verdict(before, 4), Verdict::Fits);
    assert_eq!(account.verdict(start + Duration::from_secs(30), 4), Verdict::Ask);
}

#[test]
fn a_period_that_the_store_has_ended_is_over_here_too() {
    let now = Instant::now();
    let mut account = account(now, 10);
    let _answered = waits(&mut account, now, 1);
    let (_, sent) = account.exchange(now, false).unwrap();
    account.exchanged(now, now, sent, said(0, 5, 5));
    let _answered = waits(&mut account, now, 6);
    let (_, sent) = account.exchange(now, false).unwrap();
    account.exchanged(now, now, sent, said(MINUTE, 6, 6));
    assert_eq!(account.balance, 0);
    assert_eq!(account.level(now).remaining, 4);
}

#[test]
fn what_is_used_as_a_period_ends_is_counted_in_the_next() {
    let start = Instant::now();
    let mut account = account(start, 10);
    let _answered = waits(&mut account, start, 1);
    let (_, sent) = account.exchange(start, false).unwrap();
    account.exchanged(start, start, sent, said(0, 5, 5));
    let _answered = waits(&mut account, start, 6);
    let (_, sent) = account.exchange(start, false).unwrap();
    // Half a minute later it is the next minute; the answer is still of the one before.
    let next = start + Duration::from_secs(31);
    account.debit(next, 3);
    account.exchanged(next, start, sent, said(0, 6, 6));
    let (exchange, _) = account.exchange(next, false).unwrap();
    assert_eq!((exchange.returned, exchange.returned_to), (-3, None));
    assert_eq!(account.balance, 0, "what the minute before had is over");
}

#[test]
fn streams_are_counted_anew_when_their_lease_may_have_been_over_as_the_store_was_reached() {
    let start = Instant::now();
    let mut account = account_of(Meter::Streams, start, 10);
    let answered = waits(&mut account, start, 1);
    let (_, sent) = account.exchange(start, false).unwrap();
    let served = account.exchanged(start, start, sent, said(0, 1, 1));
    assert_eq!((served.len(), account.out), (1, 1));
    drop(answered);

    let renews_at = start + RENEW_AFTER;
    let (exchange, sent) = account.exchange(renews_at, false).unwrap();
    assert_eq!(exchange.returned, 0);
    let _waiting = waits(&mut account, renews_at, 1);
    let late = start + LEASE;
    assert!(account.exchanged(late, renews_at, sent, said(0, 0, 0)).is_empty());
    let (exchange, _) = account.exchange(late, false).unwrap();
    assert_eq!(exchange.returned, i64::MAX, "whatever the store has of ours");
    assert_eq!((exchange.need, exchange.want), (1, 2), "the one that runs, and the one that waits");
}

#[test]
fn whoever_only_looks_is_told_nothing_of_a_period_that_is_over() {
    let start = Instant::now();
    let mut account = account(start, 10);
    let _looking = waits(&mut account, start, 0);
    let (_, sent) = account.exchange(start, false).unwrap();
    let next = start + Duration::from_secs(31);
    assert!(account.exchanged(next, start, sent, said(0, 0, 4)).is_empty());
    let (_, sent) = account.exchange(next, false).unwrap();
    assert_eq!(account.exchanged(next, next, sent, said(MINUTE, 0, 1)).len(), 1);
    assert_eq!(account.level(next).remaining, 9);
}

#[test]
fn a_store_that_is_not_there_is_given_nothing_back_though_it_says_now_and_then_that_it_failed() {
    let now = Instant::now();
    let mut account = account(now, 10);
    let answered = waits(&mut account, now, 10);
    let (_, sent) = account.exchange(now, false).unwrap();
    let served = account.exchanged(now, now, sent, said(0, 10, 10));
    assert_eq!(served.len(), 1);
    drop(answered);

    account.balance = 6;
    let (_, sent) = account.exchange(now, true).unwrap();
    account.failed(sent, &Failed::new(Unavailable::Silent.into()));
    account.balance = 4;
    let (exchange, sent) = account.exchange(now, true).unwrap();
    assert_eq!(exchange.returned, 0);
    account.failed(sent, &Failed::new(StoreError::Internal("refused".into())));
    let (exchange, sent) = account.exchange(now, true).unwrap();
    assert_eq!(exchange.returned, 0, "it is still not known whether it is there");
    account.exchanged(now, now, sent, said(0, 0, 10));
    let (exchange, _) = account.exchange(now, true).unwrap();
    assert_eq!(exchange.returned, 4);
}

/// Takes 4 of 10 that nobody else uses.
fn takes_four(account: &mut Account, now: Instant) -> Taken {
    let _answered = waits(account, now, 4);
    let (_, sent) = account.exchange(now, false).unwrap();
    let served = account.exchanged(now, now, sent, said(0, 4, 4));
    match served.into_iter().next() {
        Some(Served { outcome: Outcome::Taken(taken), .. }) => taken,
        _ => panic!("refused"),
    }
}

/// When to come again for an amount.
fn retry_after(account: &mut Account, now: Instant, amount: u64) -> Option<Duration> {
    match account.verdict(now, amount) {
        Verdict::Reached(refusal) => refusal.retry_after,
        verdict => panic!("{verdict:?}"),
    }
}

#[test]
fn what_has_come_back_does_not_come_back_again() {
    let now = Instant::now();
    let mut account = account_of(Meter::TokensPerDay, now, 10);
    let taken = takes_four(&mut account, now);
    assert_eq!(retry_after(&mut account, now, 8), Some(RETRY_SOON));
    account.give_back(now, taken);
    let (_, sent) = account.exchange(now, true).unwrap();
    account.exchanged(now, now, sent, said(0, 0, 9));
    assert_eq!(retry_after(&mut account, now, 2), Some(Duration::from_secs(30)));
}

#[test]
fn what_is_out_of_a_period_that_is_over_does_not_come_back() {
    let start = Instant::now();
    let mut account = account_of(Meter::TokensPerDay, start, 10);
    let _taken = takes_four(&mut account, start);
    let next = start + Duration::from_secs(31);
    let _looking = waits(&mut account, next, 0);
    let (_, sent) = account.exchange(next, false).unwrap();
    account.exchanged(next, next, sent, said(MINUTE, 0, 9));
    assert_eq!(retry_after(&mut account, next, 2), Some(Duration::from_secs(30)));
}

#[test]
fn what_a_limit_that_became_less_recalls_is_given_back_once_the_store_is_there() {
    let now = Instant::now();
    let mut account = account_of(Meter::TokensPerDay, now, 10);
    let taken = takes_four(&mut account, now);
    let _looking = waits(&mut account, now, 0);
    let (_, sent) = account.exchange(now, false).unwrap();
    account.failed(sent, &Failed::new(Unavailable::Silent.into()));
    account.give_back(now, taken);
    let key = Arc::clone(&account.key);
    let limit = LimitKey { whom: Whom::Tenant, model: None, meter: Meter::TokensPerDay };
    account.go_by(&Count { key, limit, most: 5, as_of: now + BELIEVED });

    let _waiting = waits(&mut account, now, 2);
    let (exchange, sent) = account.exchange(now, false).unwrap();
    assert_eq!(exchange.returned, 0);
    assert!(account.exchanged(now, now, sent, said(0, 0, 4)).is_empty());
    let (exchange, _) = account.exchange(now, false).unwrap();
    assert_eq!((exchange.returned, exchange.need), (4, 2));
}
