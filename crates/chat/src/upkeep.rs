//! What is to be kept for a time only is forgotten when that is over.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use crate::{periodic, service::Inner};

/// Pause between two looks for what is over: short against the times for which things are kept.
const PAUSE: Duration = Duration::from_secs(10);

/// What is forgotten in one step of the store, so that no step holds up the turns.
const BATCH: u32 = 200;

/// Forgets until the service is gone.
pub(crate) async fn run(service: Weak<Inner>) {
    periodic::run(service, PAUSE, BATCH, forget).await;
}

async fn forget(inner: Arc<Inner>) -> u32 {
    inner.ports.upkeep.forget_expired(BATCH).await.unwrap_or_else(|error| {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "what is over could not be forgotten");
        0
    })
}
