//! How a provider is guarded.

use std::time::Duration;

/// How a provider is guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardOptions {
    /// How many of its answers may be under way at once; `None` for any number. Default `None`.
    pub max_concurrent: Option<usize>,
    /// How many calls may wait for a place at once; 0 for none. Default 128.
    pub max_queue: usize,
    /// How long a call may wait for a place. Default 2 s.
    pub queue_timeout: Duration,
    /// After how many failed calls in a row nobody asks the provider any more; at least 1. Default 5.
    pub failures: u32,
    /// For how long it is left alone after a failure, at first, by those who have somebody else to
    /// ask, and after too many by all. Then one call tries it; each that fails doubles the time.
    /// Default 1 s.
    pub open_for: Duration,
    /// The longest that it is not asked before it is tried again; at once when it refuses our
    /// credentials, because somebody has to mend that. Default 60 s.
    pub open_at_most: Duration,
    /// The longest `Retry-After` that is kept. Default 5 min.
    pub retry_after_at_most: Duration,
}

impl Default for GuardOptions {
    fn default() -> Self {
        Self {
            max_concurrent: None,
            max_queue: 128,
            queue_timeout: Duration::from_secs(2),
            failures: 5,
            open_for: Duration::from_secs(1),
            open_at_most: Duration::from_mins(1),
            retry_after_at_most: Duration::from_mins(5),
        }
    }
}
