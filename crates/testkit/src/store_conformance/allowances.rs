//! What is taken of limited amounts.

use std::time::Duration;

use loquat_domain::{Meter, TenantId, Timestamp, UserId};
use loquat_store::{AllowanceKey, Exchange, Exchanged};
use proptest::{
    collection::vec, prelude::Strategy as _, strategy::ValueTree as _, test_runner::TestRunner,
};
use uuid::Uuid;

use super::{Store, person::HOUR, things::fresh_id};

/// The whole tenant's count of a meter.
fn of(meter: Meter) -> AllowanceKey {
    AllowanceKey { tenant: TenantId::new("acme").unwrap(), user: None, model: None, meter }
}

/// A count that begins anew once a month: hardly ever during a test.
fn monthly() -> AllowanceKey {
    of(Meter::MicrosPerMonth)
}

/// An exchange that asks for nothing and gives nothing back.
const fn look(key: AllowanceKey, most: u64) -> Exchange {
    Exchange { key, most, returned: 0, returned_to: None, need: 0, want: 0 }
}

fn take(key: AllowanceKey, most: u64, need: u64, want: u64) -> Exchange {
    Exchange { need, want, ..look(key, most) }
}

fn give_back(key: AllowanceKey, returned: i64, returned_to: Timestamp) -> Exchange {
    Exchange { returned, returned_to: Some(returned_to), ..look(key, 0) }
}

/// A process that takes from counts.
struct Holder<'a> {
    store: &'a dyn Store,
    id: Uuid,
}

impl<'a> Holder<'a> {
    fn new(store: &'a dyn Store) -> Self {
        Self { store, id: fresh_id() }
    }

    async fn exchange_for(&self, lease: Duration, exchange: Exchange) -> Exchanged {
        let exchanged = self.store.exchange(self.id, lease, vec![exchange]).await.unwrap();
        let [exchanged] = exchanged[..] else { panic!("not one answer: {exchanged:?}") };
        exchanged
    }

    async fn exchange(&self, exchange: Exchange) -> Exchanged {
        self.exchange_for(HOUR, exchange).await
    }

    /// What was granted, and what all have taken then.
    async fn take(&self, key: &AllowanceKey, most: u64, need: u64, want: u64) -> (u64, u64) {
        let Exchanged { granted, taken, .. } =
            self.exchange(take(key.clone(), most, need, want)).await;
        (granted, taken)
    }

    async fn taken(&self, key: &AllowanceKey) -> u64 {
        self.exchange(look(key.clone(), 0)).await.taken
    }
}

/// What is wanted is granted as far as there is enough for what is needed, and nothing otherwise.
pub async fn an_exchange_grants_from_need_to_want_or_nothing(store: &dyn Store) {
    let holder = Holder::new(store);
    for key in [monthly(), of(Meter::Streams)] {
        assert_eq!(holder.take(&key, 10, 1, 4).await, (4, 4));
        assert_eq!(holder.take(&key, 10, 4, 4).await, (4, 8));
        assert_eq!(holder.take(&key, 10, 3, 9).await, (0, 8), "less than is needed");
        assert_eq!(holder.take(&key, 10, 2, 9).await, (2, 10), "less than is wanted");
        assert_eq!(holder.take(&key, 10, 1, 1).await, (0, 10));
        assert_eq!(holder.take(&key, 11, 0, 9).await, (0, 10), "nothing is needed");
    }
}

/// However many processes take and give back at once, no more is taken than the limit says.
pub async fn of_racing_exchanges_no_more_is_granted_than_there_is(store: &dyn Store) {
    let holders = [Holder::new(store), Holder::new(store)];
    for key in [monthly(), of(Meter::Streams)] {
        let takes = (0..40).map(|n| holders[n % 2].take(&key, 25, 1, 1));
        let granted: u64 =
            futures::future::join_all(takes).await.iter().map(|(granted, _)| granted).sum();
        assert_eq!(granted, 25);
        assert_eq!(holders[0].taken(&key).await, 25);
    }
}

/// In whatever order processes take, give back and owe, the count is what they have together, and
/// nothing is granted beyond the limit.
pub async fn a_count_is_what_all_have_together(store: &dyn Store) {
    let holders = [(); 3].map(|()| Holder::new(store));
    let step = (0..3_usize, 0..6_i64, 0..5_u64, 0..5_u64);
    let steps = vec(step, 150).prop_map(|steps| steps.into_iter().enumerate());
    let steps = steps.new_tree(&mut TestRunner::deterministic()).unwrap().current();
    for key in [monthly(), of(Meter::Streams)] {
        let mut held = [0_i64; 3];
        for (n, (who, returned, need, more)) in steps.clone() {
            // Now and then something is owed.
            let returned = if n % 10 == 9 { -1 } else { returned.min(held[who]) };
            let exchange = Exchange { returned, ..take(key.clone(), 20, need, need + more) };
            let Exchanged { granted, taken, .. } = holders[who].exchange(exchange).await;
            held[who] += i64::try_from(granted).unwrap() - returned;
            let all: i64 = held.iter().sum();
            assert_eq!(i64::try_from(taken).unwrap(), all, "step {n}: {held:?}");
            assert!(granted == 0 || all <= 20, "step {n}: {held:?}");
            assert!(granted == 0 || (need..=need + more).contains(&granted), "step {n}: {granted}");
        }
    }
}

/// What was not needed is there for everybody again.
pub async fn what_is_given_back_is_free_again(store: &dyn Store) {
    let [one, other] = [Holder::new(store), Holder::new(store)];
    for key in [monthly(), of(Meter::Streams)] {
        let Exchanged { period, .. } = one.exchange(take(key.clone(), 10, 1, 10)).await;
        assert_eq!(other.take(&key, 10, 1, 10).await, (0, 10));
        assert_eq!(one.exchange(give_back(key.clone(), 4, period)).await.taken, 6);
        assert_eq!(other.take(&key, 10, 1, 10).await, (4, 10));
        // In one step with taking: what is given back can be had again.
        let both = Exchange { need: 5, want: 5, most: 10, ..give_back(key.clone(), 6, period) };
        assert_eq!(one.exchange(both).await.granted, 5);
        // Nobody can give back more than there is.
        assert_eq!(other.exchange(give_back(key.clone(), 4, period)).await.taken, 5);
        assert_eq!(one.exchange(give_back(key.clone(), i64::MAX, period)).await.taken, 0);
        assert_eq!(one.take(&key, 10, 10, 10).await, (10, 10));
    }
}

/// What was taken in another period is not given back to this one, nor owed to it.
pub async fn what_belongs_to_another_period_is_forgotten(store: &dyn Store) {
    let holder = Holder::new(store);
    for meter in [Meter::MicrosPerMonth, Meter::TokensPerDay] {
        // Should a day end right here, all is done once more in the next.
        loop {
            let key = AllowanceKey { model: Some(fresh_id().to_string()), ..of(meter) };
            let Exchanged { period, .. } = holder.exchange(take(key.clone(), 10, 10, 10)).await;
            let before = Timestamp::from_micros(period.as_micros() - 1);
            let before = meter.period(before).start;
            let back = holder.exchange(give_back(key.clone(), 4, before)).await;
            let owed = holder.exchange(give_back(key.clone(), -4, before)).await;
            let present = holder.exchange(give_back(key.clone(), 4, period)).await;
            if present.period == period {
                assert_eq!([back, owed, present].map(|it| it.taken), [10, 10, 6]);
                break;
            }
        }
    }
}

/// What was used beyond what was taken counts, whatever the limit is, and has to be there before
/// anything is granted again.
pub async fn what_is_owed_is_added_whatever_the_limit_is(store: &dyn Store) {
    let holder = Holder::new(store);
    for key in [monthly(), of(Meter::Streams)] {
        let Exchanged { period, .. } = holder.exchange(take(key.clone(), 10, 8, 8)).await;
        let owed = Exchange { most: 10, need: 1, want: 1, ..give_back(key.clone(), -5, period) };
        let Exchanged { granted, taken, .. } = holder.exchange(owed).await;
        assert_eq!((granted, taken), (0, 13));
        assert_eq!(holder.take(&key, 13, 1, 1).await, (0, 13));
        assert_eq!(holder.take(&key, 14, 1, 9).await, (1, 14));
        // Who does not know the period means this one.
        let unknown = Exchange { returned: -1, ..look(key.clone(), 0) };
        assert_eq!(holder.exchange(unknown).await.taken, 15);
    }
}

/// A limit that was lowered below what is taken takes nothing away, and grants nothing.
pub async fn a_limit_below_what_is_taken_grants_nothing(store: &dyn Store) {
    let holder = Holder::new(store);
    for key in [monthly(), of(Meter::Streams)] {
        assert_eq!(holder.take(&key, 10, 9, 9).await, (9, 9));
        assert_eq!(holder.take(&key, 5, 1, 1).await, (0, 9));
        assert_eq!(holder.take(&key, 0, 1, 1).await, (0, 9));
        assert_eq!(holder.take(&key, 10, 1, 1).await, (1, 10));
    }
}

/// What a process held that is gone is free again: no stream stays taken for ever.
pub async fn streams_of_a_holder_that_is_gone_are_free_again(store: &dyn Store) {
    let [gone, alive, other] = [(); 3].map(|()| Holder::new(store));
    let key = of(Meter::Streams);
    assert_eq!(alive.take(&key, 10, 3, 3).await, (3, 3));
    let taken = gone.exchange_for(Duration::ZERO, take(key.clone(), 10, 7, 7)).await;
    assert_eq!((taken.granted, taken.taken), (7, 10));
    assert_eq!(other.take(&key, 10, 7, 9).await, (7, 10));
    // It has nothing to give back any more.
    let late = gone.exchange(give_back(key.clone(), 7, taken.period)).await;
    assert_eq!(late.taken, 10);
    // Other meters count what was used, whoever is alive.
    let key = monthly();
    let used = gone.exchange_for(Duration::ZERO, take(key.clone(), 10, 7, 7)).await;
    assert_eq!(used.granted, 7);
    assert_eq!(other.take(&key, 10, 1, 9).await, (3, 10));
}

/// Who goes on exchanging keeps what it holds, with whatever lease it had before.
pub async fn a_holder_keeps_its_streams_while_it_exchanges(store: &dyn Store) {
    let [one, other] = [Holder::new(store), Holder::new(store)];
    let key = of(Meter::Streams);
    assert_eq!(one.take(&key, 10, 6, 6).await, (6, 6));
    for _ in 0..3 {
        assert_eq!(one.exchange(look(key.clone(), 10)).await.taken, 6);
        assert_eq!(other.take(&key, 10, 5, 5).await, (0, 6));
    }
    // The last exchange says how long.
    assert_eq!(one.exchange_for(Duration::ZERO, look(key.clone(), 10)).await.taken, 6);
    assert_eq!(other.take(&key, 10, 10, 10).await, (10, 10));
}

/// A user, a model, a meter and a tenant have each a count of their own.
pub async fn counts_are_apart(store: &dyn Store) {
    let holder = Holder::new(store);
    let [ada, bob] = ["ada", "bob"].map(|name| Some(UserId::new(name).unwrap()));
    let [large, small] = ["large", "small"].map(|name| Some(name.to_owned()));
    for meter in [Meter::MicrosPerMonth, Meter::Streams] {
        let all = of(meter);
        let umbrella = TenantId::new("umbrella").unwrap();
        let keys = [
            all.clone(),
            AllowanceKey { user: ada.clone(), ..all.clone() },
            AllowanceKey { user: bob.clone(), ..all.clone() },
            AllowanceKey { model: large.clone(), ..all.clone() },
            AllowanceKey { model: small.clone(), ..all.clone() },
            AllowanceKey { user: ada.clone(), model: large.clone(), ..all.clone() },
            AllowanceKey { user: bob.clone(), model: large.clone(), ..all.clone() },
            AllowanceKey { tenant: umbrella, user: ada.clone(), ..all },
        ];
        for (taken, key) in (1..).zip(&keys) {
            assert_eq!(holder.take(key, 10, taken, taken).await, (taken, taken), "{key:?}");
        }
        for (taken, key) in (1..).zip(&keys) {
            assert_eq!(holder.taken(key).await, taken, "{key:?}");
        }
    }
}

/// A batch is answered in its order, whatever order a store works in, whoever's counts they are.
pub async fn a_batch_is_answered_in_its_order(store: &dyn Store) {
    let holder = Holder::new(store);
    let tenants = ["umbrella", "acme", "zeta", "acme", "umbrella", "beta"];
    let models = ["b", "z", "a", "c", "a", "q"];
    let batch = tenants.iter().zip(models).zip(1..).map(|((tenant, model), amount)| {
        let tenant = TenantId::new(tenant).unwrap();
        let model = Some(model.to_owned());
        take(AllowanceKey { tenant, model, ..monthly() }, 100, amount, amount)
    });
    let batch: Vec<_> = batch.collect();
    for times in 1..3 {
        let exchanged = store.exchange(holder.id, HOUR, batch.clone()).await.unwrap();
        let came: Vec<_> = exchanged.iter().map(|it| (it.granted, it.taken)).collect();
        assert_eq!(came, [1, 2, 3, 4, 5, 6].map(|amount| (amount, amount * times)));
    }
    assert_eq!(store.exchange(holder.id, HOUR, vec![]).await.unwrap(), []);
}

/// An exchange tells what time it is, when the period began, and when the next begins.
pub async fn an_exchange_tells_its_period(store: &dyn Store) {
    let holder = Holder::new(store);
    for meter in Meter::ALL {
        let first = holder.exchange(take(of(meter), 10, 1, 1)).await;
        let second = holder.exchange(look(of(meter), 10)).await;
        assert!(first.now <= second.now, "time goes back");
        for Exchanged { period, now, ends, .. } in [first, second] {
            assert_eq!(period..ends, meter.period(now), "{meter:?}");
            // A forgotten time looks right at the epoch.
            assert!(now > Timestamp::from_micros(1_700_000_000_000_000), "{now:?}");
        }
    }
}

/// Limits and amounts that no column holds are as good as the greatest that one does.
pub async fn the_largest_amounts_are_counted(store: &dyn Store) {
    let holder = Holder::new(store);
    let most = Exchange::MOST;
    for key in [monthly(), of(Meter::Streams)] {
        assert_eq!(holder.take(&key, u64::MAX, 1, 5).await, (5, 5));
        assert_eq!(holder.take(&key, u64::MAX, 1, u64::MAX).await, (most - 5, most));
        assert_eq!(holder.take(&key, u64::MAX, 1, u64::MAX).await, (0, most));
        let owed = Exchange { returned: i64::MIN, ..look(key.clone(), 0) };
        assert_eq!(holder.exchange(owed).await.taken, most);
        let back = Exchange { returned: i64::MAX, ..look(key.clone(), 0) };
        assert_eq!(holder.exchange(back).await.taken, 0);
    }
}

/// What counts is not forgotten, and what nobody holds any more is, a little at a time.
pub async fn only_counts_that_are_over_are_forgotten(store: &dyn Store) {
    let [gone, alive] = [Holder::new(store), Holder::new(store)];
    let streams = of(Meter::Streams);
    assert_eq!(alive.take(&streams, 100, 3, 3).await, (3, 3));
    assert_eq!(alive.take(&monthly(), 100, 4, 4).await, (4, 4));
    for n in 0..5 {
        let model = Some(format!("m{n}"));
        let key = AllowanceKey { model, ..of(Meter::Streams) };
        gone.exchange_for(Duration::ZERO, take(key, 10, 1, 1)).await;
    }
    let mut forgotten = 0;
    for _ in 0..20 {
        let some = store.forget_expired(2).await.unwrap();
        assert!(some <= 2, "more than was asked for: {some}");
        forgotten += some;
    }
    assert_eq!(forgotten, 5);
    assert_eq!(alive.taken(&streams).await, 3);
    assert_eq!(alive.taken(&monthly()).await, 4);
}
