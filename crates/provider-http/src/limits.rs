//! When to stop waiting, and when to try again.

use std::time::Duration;

/// The longest time limit; longer ones are taken for it, so that no sum of times overflows.
const LONGEST_LIMIT: Duration = Duration::from_hours(24 * 365);

/// When to stop waiting, and when to try again.
///
/// The defaults are those of OpenAI's own clients where there are any, and otherwise what a person
/// who waits would bear.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub(crate) connect: Duration,
    pub(crate) first_token: Duration,
    pub(crate) idle: Duration,
    pub(crate) retries: u32,
    pub(crate) retry_delay: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_token: Duration::from_mins(1),
            idle: Duration::from_mins(1),
            retries: 2,
            retry_delay: Duration::from_millis(500),
        }
    }
}

impl Limits {
    /// How long a connection may take, TLS included.
    pub const fn connect_timeout(&self) -> Duration {
        self.connect
    }

    /// Sets how long a connection may take, TLS included; 5 s by default.
    #[must_use]
    pub fn with_connect_timeout(mut self, limit: Duration) -> Self {
        self.connect = limit.min(LONGEST_LIMIT);
        self
    }

    /// Sets how long the first piece of the answer may take, counted from the call; 60 s by
    /// default. Connecting, every further try and the pauses between them are within it.
    #[must_use]
    pub fn with_first_token_timeout(mut self, limit: Duration) -> Self {
        self.first_token = limit.min(LONGEST_LIMIT);
        self
    }

    /// Sets how long the endpoint may send nothing at all once the answer has begun; 60 s by
    /// default. Models that think in silence need more.
    #[must_use]
    pub fn with_idle_timeout(mut self, limit: Duration) -> Self {
        self.idle = limit.min(LONGEST_LIMIT);
        self
    }

    /// Sets how often a call is tried again before the first piece of the answer; twice by
    /// default. 0 also gives up when a kept connection turns out to have been closed meanwhile.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the longest pause before the first further try, 500 ms by default; the actual pause is
    /// drawn at random, and the longest doubles with each try.
    #[must_use]
    pub fn with_retry_delay(mut self, longest: Duration) -> Self {
        self.retry_delay = longest.min(LONGEST_LIMIT);
        self
    }
}
