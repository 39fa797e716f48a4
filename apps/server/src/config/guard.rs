//! `[guards.NAME]`: how much a provider is asked at once, and when not at all.

use std::time::Duration;

use loquat_provider_router::GuardOptions;
use serde::{Deserialize, Serialize};

use super::Faults;

/// `[guards.NAME]`: how much the provider of that name is asked at once, and when not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GuardSection {
    /// The most answers of it that are under way at once. Default: any number.
    pub(crate) max_concurrent: Option<usize>,
    /// The most calls that wait for a place. Default 128.
    pub(crate) max_queue: usize,
    /// How long a call waits for a place, in milliseconds. Default 2,000.
    pub(crate) queue_timeout_ms: u64,
    /// After how many failed calls in a row nobody asks it any more. Default 5.
    pub(crate) failures: u32,
    /// For how long it is left alone then, in milliseconds; doubles with each try that fails.
    /// Default 1,000.
    pub(crate) open_ms: u64,
    /// The longest that it is left alone, in milliseconds. Default 60,000.
    pub(crate) open_at_most_ms: u64,
    /// The longest `Retry-After` of its that is kept, in milliseconds. Default 300,000.
    pub(crate) retry_after_at_most_ms: u64,
}

impl Default for GuardSection {
    fn default() -> Self {
        let options = GuardOptions::default();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            max_concurrent: options.max_concurrent,
            max_queue: options.max_queue,
            queue_timeout_ms: millis(options.queue_timeout),
            failures: options.failures,
            open_ms: millis(options.open_for),
            open_at_most_ms: millis(options.open_at_most),
            retry_after_at_most_ms: millis(options.retry_after_at_most),
        }
    }
}

impl GuardSection {
    pub(super) fn check(&self, path: &str, faults: &mut Faults) {
        let at = |key: &str| format!("{path}.{key}");
        if let Some(most) = self.max_concurrent {
            faults.check_range(&at("max_concurrent"), most, 1..=100_000);
        }
        faults.check_range(&at("max_queue"), self.max_queue, 0..=100_000);
        faults.check_range(&at("queue_timeout_ms"), self.queue_timeout_ms, 1..=600_000);
        faults.check_range(&at("failures"), self.failures, 1..=1_000);
        faults.check_range(&at("open_ms"), self.open_ms, 1..=3_600_000);
        faults.check_range(&at("open_at_most_ms"), self.open_at_most_ms, 1..=86_400_000);
        let longest = self.retry_after_at_most_ms;
        faults.check_range(&at("retry_after_at_most_ms"), longest, 0..=86_400_000);
    }

    /// The same for the router.
    pub(crate) fn options(&self) -> GuardOptions {
        GuardOptions {
            max_concurrent: self.max_concurrent,
            max_queue: self.max_queue,
            queue_timeout: Duration::from_millis(self.queue_timeout_ms),
            failures: self.failures,
            open_for: Duration::from_millis(self.open_ms),
            open_at_most: Duration::from_millis(self.open_at_most_ms),
            retry_after_at_most: Duration::from_millis(self.retry_after_at_most_ms),
        }
    }
}
