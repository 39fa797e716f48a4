//! What a request costs that is admitted from memory: `cargo run --release -p loquat-limits --example
//! timing`.

#![expect(clippy::print_stdout, reason = "what it measures is what it is for")]

use std::{error::Error, sync::Arc, time::Instant};

use loquat_domain::{Limit, LimitKey, Meter, Micros, Scope, TenantId, UserId, Whom};
use loquat_limits::{ConfiguredLimits, Limiter};
use loquat_testkit::MemoryStore;
use tokio::{runtime::Handle, task::JoinSet};

const TURNS: u32 = 200_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("no limits: {} ns for each request", time(&[], 1).await?);
    let all = [(Whom::Tenant, None), (Whom::EachUser, None)];
    println!("8 limits: {} ns", time(&all, 1).await?);
    let model = || Some("small".to_owned());
    let all = [
        (Whom::Tenant, None),
        (Whom::EachUser, None),
        (Whom::Tenant, model()),
        (Whom::EachUser, model()),
    ];
    println!("16 limits: {} ns", time(&all, 1).await?);
    println!("16 limits, 4 tasks at once: {} ns", time(&all, 4).await?);
    Ok(())
}

/// Nanoseconds for each request from its admission to its settlement.
async fn time(whoms: &[(Whom, Option<String>)], tasks: u32) -> Result<u128, Box<dyn Error>> {
    let limit = |whom: &Whom, model: &Option<String>, meter| {
        let key = LimitKey { whom: whom.clone(), model: model.clone(), meter };
        Limit { key, most: Some(1_000_000_000_000_000) }
    };
    let every_tenant = whoms
        .iter()
        .flat_map(|(whom, model)| Meter::ALL.map(|meter| limit(whom, model, meter)))
        .collect();
    let configured = ConfiguredLimits { every_tenant, ..ConfiguredLimits::default() };
    let store = Arc::new(MemoryStore::default());
    let all = Limiter::new(store, configured, uuid::Uuid::from_u128(1), &Handle::current());
    run(&all, 1).await?;
    let begun_at = Instant::now();
    run(&all, tasks).await?;
    Ok(begun_at.elapsed().as_nanos() / u128::from(TURNS))
}

async fn run(limiter: &Limiter, tasks: u32) -> Result<(), Box<dyn Error>> {
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let limiter = limiter.clone();
        let scope = Scope { tenant: TenantId::new("acme")?, user: UserId::new("ada")? };
        running.spawn(async move {
            for _ in 0..TURNS / tasks {
                let mut admission = limiter.admit(&scope, "small").await?;
                admission.reserve(4_000, Micros(1_000)).await?;
                admission.settle(400, Micros(100));
            }
            Ok::<(), loquat_limits::LimitError>(())
        });
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}
