use std::hash::RandomState;

use loquat_domain::{LimitKey, TenantId, Whom};

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
