use std::hash::RandomState;

use loquat_domain::{LimitKey, TenantId, Whom};

use super::*;

const MINUTE: i64 = 60_000_000;

fn account(now: Instant, most: u64) -> Account {
    let meter = Meter::RequestsPerMinute;
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
    let Some(Outcome::Taken(taken)) = served.into_iter().map(|served| served.outcome).next() else {
        panic!("refused");
    };
    account.settle(now, taken, 4);
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
