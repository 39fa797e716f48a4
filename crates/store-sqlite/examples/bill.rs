//! What the bill costs: an end of a turn with a charge, exchanges, and usage of many charges. Prints
//! a table for `docs/performance.md`. The file is made in the directory of the first argument, which
//! should be on a real disk; else in the working directory.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use loquat_domain::{
    Charge, Meter, Micros, PageLimit, Price, Purpose, Scope, TenantId, Timestamp, TokenParts,
    UserId,
};
use loquat_store::{AllowanceKey, Exchange, Ledger, LimitStore, UsageGroups, UsageQuery, Whose};
use loquat_store_sqlite::{SqliteOptions, SqliteStore};
use loquat_testkit::FakeIds;
use tokio::task::JoinSet;
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;

/// Charges of a month that a report reads, and how many a write brings.
const CHARGES: u64 = 1_000_000;
const TOGETHER: u64 = 10_000;

/// Of whom there are so many: one in a hundred charges is one user's.
const USERS: u64 = 100;

const BEGAN: Timestamp = Timestamp::from_micros(1_761_955_200_000_000);
const MONTH: Duration = Duration::from_hours(30 * 24);

/// Between two charges: they fill the month.
const BETWEEN_MILLIS: u64 = 30 * 86_400_000 / CHARGES;

fn scope(user: u64) -> Result<Scope, Failure> {
    Ok(Scope { tenant: TenantId::new("acme")?, user: UserId::new(&format!("user-{user}"))? })
}

fn charge(ids: &FakeIds, n: u64) -> Charge {
    Charge {
        id: ids.next_id(),
        at: BEGAN.plus(Duration::from_millis(BETWEEN_MILLIS * n)),
        purpose: Purpose::Answer,
        conversation: None,
        response: Some(loquat_domain::ResponseId::from_uuid(ids.next_id())),
        attempt: 0,
        model: format!("model-{}", n % 5),
        asked: "auto".to_owned(),
        provider: "north".to_owned(),
        upstream: "model-2026-01-01".to_owned(),
        tokens: TokenParts { input: n % 9_000, output: n % 700, ..TokenParts::default() },
        price: Price { input: Micros(250_000), output: Micros(2_000_000), ..Price::default() },
        cost: Micros(n % 4_000),
        estimated: false,
    }
}

/// Fills the book, user after user in turn.
async fn fill(store: &SqliteStore, ids: &FakeIds) -> Result<(), Failure> {
    for first in (0..CHARGES).step_by(usize::try_from(TOGETHER)?) {
        for user in 0..USERS {
            let own = (first..first + TOGETHER).filter(|n| n % USERS == user);
            store.record(&scope(user)?, own.map(|n| charge(ids, n)).collect()).await?;
        }
    }
    Ok(())
}

async fn report(
    store: &SqliteStore,
    whose: Whose,
    groups: UsageGroups,
) -> Result<Duration, Failure> {
    let (from, until) = (BEGAN, BEGAN.plus(MONTH));
    let query = UsageQuery { whose, from, until, groups, after: None, limit: PageLimit::MAX };
    let began = Instant::now();
    store.usage(&scope(7)?, query).await?;
    Ok(began.elapsed())
}

/// How long one exchange of `counts` counts takes, of many in a row, by so many processes at once.
async fn exchanges(
    store: &Arc<SqliteStore>,
    counts: usize,
    at_once: u32,
) -> Result<Duration, Failure> {
    const ROUNDS: u32 = 200;
    let tenant = TenantId::new("acme")?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for holder in 0..at_once {
        let (store, tenant) = (Arc::clone(store), tenant.clone());
        tasks.spawn(async move {
            let batch = (0..counts).map(|n| {
                let model = Some(format!("model-{n}"));
                let key = AllowanceKey {
                    tenant: tenant.clone(),
                    user: None,
                    model,
                    meter: Meter::TokensPerDay,
                };
                let (most, need, want) = (u64::MAX, 1, 100);
                Exchange { key, most, returned: 0, returned_to: None, need, want }
            });
            let batch: Vec<_> = batch.collect();
            for _ in 0..ROUNDS {
                let holder = Uuid::from_u128(holder.into());
                store.exchange(holder, Duration::from_secs(15), batch.clone()).await?;
            }
            Ok::<_, loquat_store::StoreError>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(began.elapsed() / ROUNDS / at_once)
}

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
#[tokio::main]
async fn main() -> Result<(), Failure> {
    let parent = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let directory = tempfile::tempdir_in(parent)?;
    let store = SqliteStore::open(&SqliteOptions::new(directory.path().join("bill.db")))?;
    let (store, ids) = (Arc::new(store), FakeIds::new());
    println!("| SQLite | takes |\n|---|---|");
    for (counts, at_once) in [(1, 1), (20, 1), (20, 8), (1, 64)] {
        let took = exchanges(&store, counts, at_once).await?;
        println!("| an exchange of {counts} counts, {at_once} at once | {took:.1?} |");
    }
    let began = Instant::now();
    fill(&store, &ids).await?;
    let each = began.elapsed() / u32::try_from(CHARGES)?;
    println!("| a charge, of {CHARGES}, 100 a write | {each:.1?} |");
    let by_day = UsageGroups { day: true, ..UsageGroups::default() };
    let by_model = UsageGroups { model: true, ..by_day };
    let all = UsageGroups { user: true, ..by_model };
    for (name, groups) in
        [("one sum", UsageGroups::default()), ("by day", by_day), ("by day, model and user", all)]
    {
        let took = report(&store, Whose::Tenant, groups).await?;
        println!("| usage of a tenant's month, {CHARGES} charges, {name} | {took:.1?} |");
    }
    let took = report(&store, Whose::Own, by_model).await?;
    println!(
        "| usage of a user's month, {} charges, by day and model | {took:.1?} |",
        CHARGES / USERS
    );
    Ok(())
}
