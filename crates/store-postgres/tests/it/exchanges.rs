//! Many who take from the same counts, of several processes.

use std::{num::NonZeroUsize, pin::pin, time::Duration};

use futures::future::{Either, join_all, select};
use loquat_domain::{Meter, Timestamp};
use loquat_store::{AllowanceKey, Exchange, Exchanged, LimitStore as _, Upkeep as _};
use loquat_testkit::TestDatabase;
use uuid::Uuid;

use crate::{
    database::{client, database, options},
    notebook::{HOUR, Notebook, take},
};

/// Two processes with a store each.
async fn two() -> ([Notebook; 2], TestDatabase) {
    let database = database().await;
    let options = options(&database.app_url());
    let notebooks = [Notebook::connect(&options).await, Notebook::connect(&options).await];
    (notebooks, database)
}

const HOLDERS: [Uuid; 2] = [Uuid::from_u128(1), Uuid::from_u128(2)];

async fn exchange(notebook: &Notebook, holder: Uuid, exchange: Exchange) -> Exchanged {
    notebook.store.exchange(holder, HOUR, vec![exchange]).await.unwrap()[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_at_once_take_no_more_than_there_is() {
    let (notebooks, _database) = two().await;
    // Neither of which begins anew during the test.
    for meter in [Meter::MicrosPerMonth, Meter::Streams] {
        let most = 500;
        let takes = (0..200).map(|n| {
            let (notebook, holder) = (&notebooks[n % 2], HOLDERS[n % 2]);
            let want = 1 + u64::try_from(n).unwrap() % 7;
            let all = Exchange { want, ..take(notebook.count(meter), most, 1) };
            exchange(notebook, holder, all)
        });
        let granted: u64 = join_all(takes).await.iter().map(|exchanged| exchanged.granted).sum();
        assert_eq!(granted, most, "{meter:?}");
        // What is given back at once by all can be had by somebody else, and no more.
        let backs = (0..50).map(|n| {
            let key = notebooks[0].count(meter);
            let back = Exchange { returned: 3, need: 1, want: 2, ..take(key, most, 0) };
            exchange(&notebooks[n % 2], HOLDERS[n % 2], back)
        });
        let again: u64 = join_all(backs).await.iter().map(|exchanged| exchanged.granted).sum();
        let left = exchange(&notebooks[0], HOLDERS[0], take(notebooks[0].count(meter), most, 0));
        assert_eq!(left.await.taken, most - 150 + again, "{meter:?}");
    }
}

/// So many counts of several tenants.
fn counts(notebook: &Notebook, count: usize) -> Vec<AllowanceKey> {
    let keys = (0..count).map(|n| {
        let model = Some(format!("model{}", n % 5));
        let meter = Meter::ALL[n % 4];
        AllowanceKey { model, ..notebook.of(&format!("tenant{}", n / 20), "ada").count(meter) }
    });
    keys.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_in_any_order_do_not_stand_in_each_others_way() {
    let (notebooks, _database) = two().await;
    let keys = counts(&notebooks[0], 100);
    let batches = (0..40).map(|n| {
        // Each begins elsewhere, and every other one goes the other way.
        let mut batch: Vec<Exchange> =
            keys.iter().map(|key| take(key.clone(), u64::MAX, 1)).collect();
        batch.rotate_left(n * 7 % keys.len());
        if n % 2 == 0 {
            batch.reverse();
        }
        notebooks[n % 2].store.exchange(HOLDERS[n % 2], HOUR, batch)
    });
    for done in join_all(batches).await {
        assert_eq!(done.unwrap().iter().map(|exchanged| exchanged.granted).sum::<u64>(), 100);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_busy_count_keeps_nobody_else_from_theirs() {
    let database = database().await;
    let options = options(&database.app_url()).with_pool_size(NonZeroUsize::new(2).unwrap());
    let [one, other] = [Notebook::connect(&options).await, Notebook::connect(&options).await];
    let key = one.count(Meter::Streams);
    exchange(&one, HOLDERS[0], take(key.clone(), 10, 1)).await;
    let admin = client(&database.admin_url()).await;
    admin.batch_execute("BEGIN; SELECT FROM loquat.allowances FOR UPDATE").await.unwrap();
    let mut busy = pin!(exchange(&one, HOLDERS[0], take(key, 10, 1)));
    let free = pin!(async {
        for _ in 0..20 {
            let umbrella = other.of("umbrella", "eve").count(Meter::Streams);
            assert_eq!(exchange(&other, HOLDERS[1], take(umbrella, 99, 1)).await.granted, 1);
            // The process that waits has but one of its connections in it.
            one.store.ping().await.unwrap();
        }
    });
    match select(&mut busy, free).await {
        Either::Right(((), _)) => {}
        Either::Left((done, _)) => panic!("it did not wait: {done:?}"),
    }
    admin.batch_execute("COMMIT").await.unwrap();
    assert_eq!(busy.await.taken, 2);
}

#[tokio::test]
async fn a_count_begins_anew_with_its_period() {
    let (notebook, database) = Notebook::open().await;
    let admin = client(&database.admin_url()).await;
    for (meter, period) in [
        (Meter::RequestsPerMinute, 60_000_000_i64),
        (Meter::TokensPerDay, 86_400_000_000),
        (Meter::MicrosPerMonth, 86_400_000_000),
    ] {
        let key = notebook.count(meter);
        let before = exchange(&notebook, HOLDERS[0], take(key.clone(), 10, 10)).await;
        // As if it had been then.
        let earlier = format!(
            "UPDATE loquat.allowances SET period = period - {period} WHERE meter = '{}'",
            meter.as_str()
        );
        assert_eq!(admin.execute(&earlier, &[]).await.unwrap(), 1);
        let back = Timestamp::from_micros(before.period.as_micros() - period);
        let back = Exchange { returned: 10, returned_to: Some(back), ..take(key, 10, 4) };
        let now = exchange(&notebook, HOLDERS[0], back).await;
        assert_eq!((now.granted, now.taken), (4, 4), "{meter:?}");
    }
}

#[tokio::test]
async fn the_databases_periods_are_those_of_everybody() {
    let database = database().await;
    let admin = client(&database.admin_url()).await;
    let read = "SELECT period, ends FROM loquat.period_v1($1, $2)";
    let read = admin.prepare(read).await.unwrap();
    // 40 years in steps that meet every time of day, and the ends of months to the microsecond.
    let steps = (0..4_000).map(|n| 1_700_000_000_000_000 + n * 319_000_000_001);
    let ends = (0..480).scan(Timestamp::from_micros(1_700_000_000_000_000), |at, _| {
        *at = Meter::MicrosPerMonth.period(*at).end;
        Some(at.as_micros())
    });
    for micros in steps.chain(ends.flat_map(|end| [end - 1, end])) {
        for meter in Meter::ALL {
            let expected = meter.period(Timestamp::from_micros(micros));
            let row = admin.query_one(&read, &[&meter.as_str(), &micros]).await.unwrap();
            let period = Timestamp::from_micros(row.get(0))..Timestamp::from_micros(row.get(1));
            assert_eq!(period, expected, "{meter:?} at {micros}");
        }
    }
}

#[tokio::test]
async fn only_exchanges_do_not_wait_for_the_disk() {
    let (notebook, database) = Notebook::open().await;
    let app = client(&database.app_url()).await;
    let commit =
        async || -> String { app.query_one("SHOW synchronous_commit", &[]).await.unwrap().get(0) };
    app.batch_execute("BEGIN").await.unwrap();
    let look = "SELECT * FROM loquat.exchange_v1(gen_random_uuid(), 0, ARRAY['acme'], ARRAY[''],
        ARRAY[''], ARRAY['streams'], ARRAY[1::bigint], ARRAY[0::bigint], ARRAY[NULL::bigint],
        ARRAY[1::bigint], ARRAY[1::bigint])";
    assert_eq!(app.query(look, &[]).await.unwrap().len(), 1);
    assert_eq!(commit().await, "off");
    app.batch_execute("COMMIT").await.unwrap();
    // The session's next transaction is an ordinary one.
    assert_eq!(commit().await, "on");
    notebook.store.ping().await.unwrap();
}

#[tokio::test]
async fn a_count_that_is_over_is_forgotten_unless_somebody_is_at_it() {
    let (notebook, database) = Notebook::open().await;
    let admin = client(&database.admin_url()).await;
    for meter in Meter::ALL {
        exchange(&notebook, HOLDERS[0], take(notebook.count(meter), 10, 1)).await;
    }
    assert_eq!(notebook.store.forget_expired(9).await.unwrap(), 0);
    // As if that were long ago.
    admin.batch_execute("UPDATE loquat.allowances SET until = 7").await.unwrap();
    admin
        .batch_execute("BEGIN; SELECT FROM loquat.allowances WHERE meter = 'streams' FOR UPDATE")
        .await
        .unwrap();
    assert_eq!(notebook.store.forget_expired(9).await.unwrap(), 3);
    admin.batch_execute("COMMIT").await.unwrap();
    // Who has come back meanwhile has made it last.
    let back = notebook.store.exchange(
        HOLDERS[0],
        Duration::ZERO,
        vec![take(notebook.count(Meter::TokensPerDay), 10, 1)],
    );
    assert_eq!(back.await.unwrap()[0].taken, 1);
    assert_eq!(notebook.store.forget_expired(9).await.unwrap(), 1);
    let left: i64 =
        admin.query_one("SELECT count(*) FROM loquat.allowances", &[]).await.unwrap().get(0);
    assert_eq!(left, 1);
}
