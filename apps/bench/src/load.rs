//! A load generator: many clients that read, leave or stall, and what they saw.

mod client;
mod connection;
mod decode;
mod meters;
mod options;
mod prepare;
mod report;
mod request;
mod scan;
mod target;
mod watch;

use std::{fs, io::Write as _, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout_at},
};

use meters::{Meters, Until};
pub(crate) use options::Options;
use options::{Behaviour, Plan};
pub(crate) use report::{Left, Report};
use watch::Watch;

pub(crate) use connection::Connection;
pub(crate) use target::Target;

/// Runs the load and reports it.
///
/// # Errors
///
/// When the options contradict each other, the server cannot be reached before the measurement, or
/// a file cannot be read or written. Requests that fail are part of the report.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let json = options.json.clone();
    let plan = Plan::new(options).await?;
    let report = measure(Arc::new(plan)).await?;
    let text = serde_json::to_string_pretty(&report)?;
    let mut out = std::io::stdout().lock();
    match json.as_deref() {
        // A program reads it, so nothing else may be there.
        Some("-") => writeln!(out, "{text}")?,
        Some(path) => {
            fs::write(path, text).with_context(|| format!("cannot write {path}"))?;
            write!(out, "{report}")?;
        }
        None => write!(out, "{report}")?,
    }
    Ok(())
}

async fn measure(plan: Arc<Plan>) -> anyhow::Result<Report> {
    let mut watch = Watch::new(plan.pid)?;
    let requests = prepare::requests(&plan).await.context("the preparation failed")?;
    watch.prepared()?;

    let meters = Arc::new(Meters::new(plan.until));
    let mut clients = JoinSet::new();
    for (index, request) in requests.into_iter().enumerate() {
        let (plan, meters) = (Arc::clone(&plan), Arc::clone(&meters));
        clients.spawn(client::run(plan, meters, index, request));
    }
    match plan.behaviour {
        Behaviour::Read => {
            watch.during(sleep(plan.ramp + plan.warmup)).await?;
            watch.open()?;
            meters.open();
            watch.during(meters.window_ends()).await?;
            meters.close();
            watch.close()?;
        }
        Behaviour::Leave { .. } | Behaviour::Stall { .. } => {
            watch.open()?;
            meters.open();
            watch.during(all_ended(&mut clients, Instant::now() + plan.timeout)).await?;
            meters.close();
            watch.close()?;
        }
    }
    watch.during(all_ended(&mut clients, Instant::now() + plan.drain)).await?;
    let unfinished = clients.len();
    clients.shutdown().await;
    watch.end()?;
    Ok(Report::new(&plan, &meters.take(), &watch, unfinished))
}

/// Waits for the clients, at most until `deadline`.
async fn all_ended(clients: &mut JoinSet<()>, deadline: Instant) {
    while let Ok(Some(_)) = timeout_at(deadline, clients.join_next()).await {}
}

impl Meters {
    /// Returns when enough was measured.
    async fn window_ends(&self) {
        match self.until() {
            Until::Elapsed(duration) => sleep(duration).await,
            Until::Answers(_) => {
                /// How often it is looked whether all answers have come.
                const LOOK: Duration = Duration::from_millis(5);
                while self.wants_more() {
                    sleep(LOOK).await;
                }
            }
        }
    }
}
