//! The program, its clients and what they wait for.

mod binary;
mod body;
mod client;
mod data;
mod format;
mod full_queue;
mod server;

use std::{future::Future, time::Duration};

pub(crate) use binary::{built, repository};
pub(crate) use client::{Answer, Client, Exchange, Leave, Request};
pub(crate) use data::{Data, Store, on_both_stores};
pub(crate) use format::{Format, Said};
pub(crate) use full_queue::FullQueue;
pub(crate) use server::{Config, Home, PROVIDER_KEY, Server};

/// For what happens at once on a machine that does nothing else. This one may be busy.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Waits for what must come soon.
pub(crate) async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(SOON, wait).await;
    waited.unwrap_or_else(|_| panic!("waited {SOON:?} in vain: {what}"))
}
