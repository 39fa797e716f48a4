//! Work that is done again and again while the service lives.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::FutureExt as _;

use crate::service::Inner;

/// Does `work` until the service is gone, with a pause after each round that found less than a whole
/// `batch` to do. A fault in one round ends no other.
pub(crate) async fn run<F: Future<Output = u32>>(
    service: Weak<Inner>,
    pause: Duration,
    batch: u32,
    work: impl Fn(Arc<Inner>) -> F,
) {
    loop {
        let done = {
            let Some(inner) = service.upgrade() else { return };
            AssertUnwindSafe(work(inner)).catch_unwind().await.unwrap_or_default()
        };
        if done < batch {
            tokio::time::sleep(pause).await;
        }
    }
}
