//! What is charged, taken, limited and revoked.

use std::time::Duration;

use loquat_domain::{
    Charge, Limit, LimitKey, Meter, Micros, Order, PageLimit, PageRequest, Price, Purpose, RawJson,
    ResponseId, Scope, Timestamp, TokenId, TokenParts, UserId, Whom,
};
use loquat_store::{
    AllowanceKey, AuditEntry, Exchange, Revocation, Revoked, UsageGroups, UsageQuery, Whose,
};
use proptest::{collection::vec, option, prelude::*};
use uuid::Uuid;

use super::calls::{Outcome, Player, person};
use crate::store_conformance::Store;

/// A call before it is known with which ids.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Record { who: u8, spent: Vec<Spent> },
    Exchange { takes: Vec<Take>, holder: u8 },
    SetLimit { who: u8, about: About, most: Option<u8> },
    RemoveLimit { who: u8, about: About },
    Revoke { who: u8, whose: u8, until: u8 },
    Restore { who: u8, whose: u8 },
}

/// A charge: of few responses, so that some come twice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    response: Option<u8>,
    attempt: u8,
    purpose: u8,
    model: u8,
    conversation: Option<u8>,
    day: i8,
    cost: u32,
    estimated: bool,
    /// With an id that its user may have used before at that moment.
    again: bool,
}

/// An exchange, of few counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Take {
    tenant: u8,
    user: bool,
    model: bool,
    streams: bool,
    most: u8,
    returned: i8,
    need: u8,
    more: u8,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    whom: u8,
    model: bool,
    meter: u8,
}

pub(super) fn spent() -> impl Strategy<Value = Spent> {
    let about = (option::weighted(0.7, 0..3_u8), 0..3_u8, 0..3_u8, 0..3_u8, option::of(0..2_u8));
    (about, -2..3_i8, 0..1_000_u32, any::<bool>(), prop::bool::weighted(0.1)).prop_map(
        |((response, attempt, purpose, model, conversation), day, cost, estimated, again)| Spent {
            response,
            attempt,
            purpose,
            model,
            conversation,
            day,
            cost,
            estimated,
            again,
        },
    )
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let take = (0..2_u8, any::<bool>(), any::<bool>(), any::<bool>());
    let take = (take, 0..20_u8, -3..6_i8, 0..5_u8, 0..5_u8).prop_map(
        |((tenant, user, model, streams), most, returned, need, more)| Take {
            tenant,
            user,
            model,
            streams,
            most,
            returned,
            need,
            more,
        },
    );
    let about = || {
        (0..4_u8, any::<bool>(), 0..4_u8).prop_map(|(whom, model, meter)| About {
            whom,
            model,
            meter,
        })
    };
    prop_oneof![
        3 => (0..4_u8, vec(spent(), 0..3)).prop_map(|(who, spent)| Op::Record { who, spent }),
        3 => (vec(take, 0..4), 0..3_u8).prop_map(|(takes, holder)| Op::Exchange { takes, holder }),
        1 => (0..4_u8, about(), option::of(any::<u8>()))
            .prop_map(|(who, about, most)| Op::SetLimit { who, about, most }),
        1 => (0..4_u8, about()).prop_map(|(who, about)| Op::RemoveLimit { who, about }),
        2 => (0..4_u8, 0..4_u8, 0..3_u8)
            .prop_map(|(who, whose, until)| Op::Revoke { who, whose, until }),
        1 => (0..4_u8, 0..4_u8).prop_map(|(who, whose)| Op::Restore { who, whose }),
    ]
}

#[derive(Debug, Clone)]
pub(super) enum Call {
    Record(Scope, Vec<Charge>),
    Exchange(Uuid, Vec<Exchange>),
    SetLimit(Scope, Limit, AuditEntry),
    RemoveLimit(Scope, LimitKey, AuditEntry),
    Revoke(Scope, Revocation, AuditEntry),
    Restore(Scope, Revoked, AuditEntry),
}

impl Player {
    /// The call that an operation means now.
    pub(super) fn bill(&mut self, op: &Op) -> Call {
        match *op {
            Op::Record { who, ref spent } => {
                let scope = person(who);
                let charge = |(n, spent): (u128, &Spent)| self.charge(&scope, n, *spent, None);
                let charges = (0..).zip(spent).map(charge).collect();
                Call::Record(scope, charges)
            }
            Op::Exchange { ref takes, holder } => {
                let mut takes: Vec<_> = takes.iter().map(|take| exchange(*take)).collect();
                takes.sort_by(|one, other| one.key.cmp(&other.key));
                takes.dedup_by(|one, other| one.key == other.key);
                Call::Exchange(Uuid::from_u128(holder.into()), takes)
            }
            Op::SetLimit { who, about, most } => {
                let limit = Limit { key: limit_key(about), most: most.map(u64::from) };
                Call::SetLimit(person(who), limit, self.act("limits.set"))
            }
            Op::RemoveLimit { who, about } => {
                Call::RemoveLimit(person(who), limit_key(about), self.act("limits.remove"))
            }
            Op::Revoke { who, whose, until } => {
                let until = match until {
                    0 => None,
                    1 => Some(Timestamp::from_micros(1)),
                    _ => Some(Timestamp::from_micros(i64::MAX)),
                };
                let (revoked_at, revoked_by) = (self.now(), person(who).user);
                let revocation =
                    Revocation { whose: revoked(whose), until, revoked_at, revoked_by };
                Call::Revoke(person(who), revocation, self.act("access.revoke"))
            }
            Op::Restore { who, whose } => {
                Call::Restore(person(who), revoked(whose), self.act("access.restore"))
            }
        }
    }

    /// The n-th charge of this step, for the given response or one that only charges know.
    pub(super) fn charge(
        &self,
        scope: &Scope,
        n: u128,
        spent: Spent,
        response: Option<ResponseId>,
    ) -> Charge {
        let step = u128::try_from(self.step()).unwrap();
        let id = if spent.again { only_id(scope, spent.day) } else { step << 16 | n };
        let some = |n: u8| ResponseId::from_uuid(uuid(5, n.into()));
        Charge {
            id: uuid(6, id),
            at: Timestamp::from_micros(i64::from(spent.day) * 86_400_000_000 - 1),
            purpose: Purpose::ALL[usize::from(spent.purpose)],
            conversation: spent.conversation.and_then(|n| Player::homes().nth(n.into())),
            response: response.or(spent.response.map(some)),
            attempt: spent.attempt.into(),
            model: ["a", "b", "B"][usize::from(spent.model)].to_owned(),
            asked: "auto".to_owned(),
            provider: "north".to_owned(),
            upstream: "a-1".to_owned(),
            tokens: TokenParts { input: spent.cost.into(), output: 7, ..TokenParts::default() },
            price: Price::default(),
            cost: Micros(spent.cost.into()),
            estimated: spent.estimated,
        }
    }

    fn act(&self, what: &str) -> AuditEntry {
        // Their order is not that of their making.
        let n = u128::try_from(self.step()).unwrap() * 7_919 % 1_009 + 1;
        AuditEntry {
            id: uuid(7, n),
            at: self.now(),
            actor: UserId::new("root").unwrap(),
            act: what.to_owned(),
            subject: "somebody".to_owned(),
            details: RawJson::from_checked("{}"),
        }
    }
}

/// A small number that only this user's charges of this day have: an id is of one user and moment.
fn only_id(scope: &Scope, day: i8) -> u128 {
    let user = (0..4).find(|n| person(*n) == *scope).unwrap();
    u128::from(user) << 8 | u128::from(day.to_le_bytes()[0])
}

const fn uuid(kind: u128, n: u128) -> Uuid {
    Uuid::from_u128(kind << 64 | n)
}

fn exchange(take: Take) -> Exchange {
    let Scope { tenant, user } = person(take.tenant * 2);
    let model = take.model.then(|| "a".to_owned());
    let meter = if take.streams { Meter::Streams } else { Meter::MicrosPerMonth };
    let need = take.need.into();
    Exchange {
        key: AllowanceKey { tenant, user: take.user.then_some(user), model, meter },
        most: take.most.into(),
        returned: take.returned.into(),
        returned_to: None,
        need,
        want: need + u64::from(take.more),
    }
}

fn limit_key(about: About) -> LimitKey {
    let whom = match about.whom {
        0 => Whom::Tenant,
        1 => Whom::EachUser,
        n => Whom::User(person(n).user),
    };
    let model = about.model.then(|| "a".to_owned());
    LimitKey { whom, model, meter: Meter::ALL[usize::from(about.meter)] }
}

fn revoked(n: u8) -> Revoked {
    match n {
        0 => Revoked::Tenant,
        1 => Revoked::Token(TokenId::new("t-1").unwrap()),
        n => Revoked::User(person(n).user),
    }
}

pub(super) async fn make(store: &dyn Store, call: Call) -> Outcome {
    match call {
        Call::Record(scope, charges) => store.record(&scope, charges).await.into(),
        Call::Exchange(holder, batch) => {
            // What time it is differs by the clock.
            let exchanged = store.exchange(holder, Duration::from_hours(1), batch).await;
            let amounts = exchanged.map(|exchanged| {
                exchanged.into_iter().map(|it| (it.granted, it.taken)).collect::<Vec<_>>()
            });
            amounts.into()
        }
        Call::SetLimit(scope, limit, act) => store.set_limit(&scope, limit, act).await.into(),
        Call::RemoveLimit(scope, key, act) => store.remove_limit(&scope, key, act).await.into(),
        Call::Revoke(scope, revocation, act) => store.revoke(&scope, revocation, act).await.into(),
        Call::Restore(scope, whose, act) => store.restore(&scope, whose, act).await.into(),
    }
}

/// What people see of all this.
pub(super) async fn read(store: &dyn Store, lines: &mut Vec<String>) {
    for scope in Player::people() {
        for whose in [Whose::Own, Whose::Tenant] {
            for bits in [0_u8, 1, 6, 15] {
                let groups = UsageGroups {
                    day: bits & 1 > 0,
                    model: bits & 2 > 0,
                    user: bits & 4 > 0,
                    conversation: bits & 8 > 0,
                };
                usage(store, &scope, (whose.clone(), groups), lines).await;
            }
        }
        let page = PageRequest { after: None, order: Order::Descending, limit: PageLimit::MAX };
        lines.push(format!("limits: {:?}", store.limits(&scope).await));
        lines.push(format!("revocations: {:?}", store.revocations(&scope).await));
        lines.push(format!("audit: {:?}", store.audit(&scope, page).await));
    }
    // Versions differ by how often they have changed.
    let list = store.revocation_list(None).await;
    let list = list.map(|list| {
        list.map(|mut list| {
            list.revoked.sort();
            list.revoked
        })
    });
    lines.push(format!("revoked: {list:?}"));
}

async fn usage(
    store: &dyn Store,
    scope: &Scope,
    (whose, groups): (Whose, UsageGroups),
    lines: &mut Vec<String>,
) {
    let (from, until) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    let limit = PageLimit::new(9).unwrap();
    let mut query = UsageQuery { whose, from, until, groups, after: None, limit };
    // More pages than any row of calls makes: a store that is wrong may have no last one.
    for _ in 0..64 {
        let page = store.usage(scope, query.clone()).await;
        lines.push(format!("usage: {page:?}"));
        match page {
            Ok(page) if page.has_more => {
                query.after = page.entries.last().map(|row| row.key.clone());
            }
            _ => return,
        }
    }
}
