//! Time and ids are ports too, so that a test decides both.

use std::time::{SystemTime, UNIX_EPOCH};

use loquat_domain::Timestamp;
use uuid::Uuid;

/// Tells what time it is. For records only: durations and deadlines use the runtime's own clock.
pub trait Clock: Send + Sync + 'static {
    /// Now, UTC.
    fn now(&self) -> Timestamp;
}

/// Makes ids that nobody else makes.
pub trait IdSource: Send + Sync + 'static {
    /// A new UUIDv7, greater than every earlier one of this source.
    fn next(&self) -> Uuid;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
}

/// Ids from the machine's clock and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "this is the port that everybody else uses")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}
