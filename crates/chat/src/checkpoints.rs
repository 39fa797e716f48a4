//! Signs of life and events of all running turns, written together.

use std::{
    panic::AssertUnwindSafe,
    sync::{PoisonError, Weak, atomic::Ordering},
    time::Duration,
};

use futures::FutureExt as _;
use loquat_store::Checkpoint;
use tokio::time::Instant;

use crate::service::Inner;

/// A turn without new events gives a sign of life this many times within its lease. With the
/// default lease that is each second, within which it hears that somebody elsewhere has stopped it.
const SIGNS_PER_LEASE: u32 = 8;

/// Writes checkpoints until the service is gone.
pub(crate) async fn run(service: Weak<Inner>) {
    loop {
        let Some(inner) = service.upgrade() else { return };
        let interval = inner.limits.checkpoint_interval;
        // A fault in one round must not end the signs of life of all turns.
        let _ = AssertUnwindSafe(write(&inner)).catch_unwind().await;
        wait(&inner, interval).await;
    }
}

/// Waits for the next round, or for a turn that cannot wait for it.
async fn wait(inner: &Inner, interval: Duration) {
    let _ = tokio::time::timeout(interval, inner.save_now.notified()).await;
}

async fn write(inner: &Inner) {
    let limits = &inner.limits;
    let mut batch = Vec::new();
    let mut saved = Vec::new();
    for turn in inner.live.all().into_iter().filter(|turn| turn.trace.is_stored()) {
        // The store does not know it yet and would say that it is gone.
        if !turn.log.has_begun() {
            continue;
        }
        let log = turn.log.unsaved(limits.checkpoint_age, limits.checkpoint_bytes);
        let mut last_sign = turn.last_sign_of_life.lock().unwrap_or_else(PoisonError::into_inner);
        if log.is_none() && last_sign.elapsed() < limits.lease / SIGNS_PER_LEASE {
            continue;
        }
        *last_sign = Instant::now();
        drop(last_sign);
        let checkpoint = Checkpoint {
            scope: turn.scope.clone(),
            response: turn.response,
            at_work: turn.at_work.load(Ordering::Relaxed),
            log,
        };
        if checkpoint.log.is_some() {
            saved.push(turn);
        }
        batch.push(checkpoint);
    }
    if batch.is_empty() {
        return;
    }
    match inner.ports.turns.checkpoint(batch, limits.lease).await {
        Ok(interrupted) => {
            for turn in saved {
                turn.log.saved();
            }
            for turn in interrupted {
                // One that is gone stops too: its end finds nothing to be stored in.
                if let Some(live) = inner.live.get(&turn.scope, turn.response) {
                    live.stop.cancel();
                }
            }
        }
        Err(error) => {
            // What was not saved is still in the logs and is tried again in the next round.
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "checkpoints could not be written");
        }
    }
}

#[cfg(test)]
mod tests;
