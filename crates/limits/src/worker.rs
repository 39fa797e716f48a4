//! The one task that speaks with the store.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{self, Instant},
};

use crate::shared::Shared;

/// How often it is looked for what is to be given back, owed or renewed.
const TICK: Duration = Duration::from_millis(200);

/// Runs until it is aborted.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut next_tick = Instant::now();
    let mut closers: Vec<oneshot::Sender<()>> = Vec::new();
    let mut is_failing = false;
    loop {
        closers.extend(shared.closers());
        if !closers.is_empty() || Instant::now() >= next_tick {
            next_tick = Instant::now() + TICK;
            if !shared.tick(!closers.is_empty()) {
                answer(&mut closers);
            }
        }
        if let Some(batch) = shared.batch() {
            let result = shared.exchange(batch).await;
            if let Err(failed) = &result {
                answer(&mut closers);
                let error: &dyn std::error::Error = failed;
                if !is_failing {
                    tracing::warn!(error, "limits cannot be counted in the store");
                }
            }
            is_failing = result.is_err();
        } else {
            tokio::select! {
                () = shared.wake.notified() => {}
                () = time::sleep_until(next_tick) => {}
            }
        }
    }
}

fn answer(closers: &mut Vec<oneshot::Sender<()>>) {
    for closer in closers.drain(..) {
        // Whoever does not wait any longer does not mind.
        _ = closer.send(());
    }
}
