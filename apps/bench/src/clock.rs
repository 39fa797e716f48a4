//! The clock that the mock and the load generator share, though they are two processes.

use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970.
///
/// The system clock and not a monotonic one: only its value means the same in another process.
/// A step of the clock during a run spoils that run's relay delays, and nothing else.
pub(crate) fn epoch_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
