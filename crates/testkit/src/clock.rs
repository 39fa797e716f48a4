//! Time that only the test moves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use loquat_chat::Clock;
use loquat_domain::Timestamp;

/// A clock that stands still until the test moves it.
///
/// Clones show the same time, so a test keeps one and hands the other to what it tests. It does
/// not touch the runtime's timers: those are paused and advanced with `tokio::time`.
#[derive(Debug, Clone)]
pub struct FakeClock {
    micros: Arc<AtomicI64>,
}

impl FakeClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self { micros: Arc::new(AtomicI64::new(now.as_micros())) }
    }

    /// The time that it shows.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }

    /// Moves it forward.
    pub fn advance(&self, duration: Duration) {
        self.set(self.now().plus(duration));
    }

    /// Sets it, also backwards: wall clocks do that.
    pub fn set(&self, now: Timestamp) {
        self.micros.store(now.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}

impl Default for FakeClock {
    /// Shows 1 September 2025, 00:00:00 UTC: any moment would do, but it must not be the epoch,
    /// where a forgotten time looks right.
    fn default() -> Self {
        Self::at(Timestamp::from_micros(1_756_684_800_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_show_the_same_time() {
        let clock = FakeClock::default();
        let other = clock.clone();
        let before = clock.now();
        other.advance(Duration::from_micros(3));
        assert_eq!(clock.now().as_micros() - before.as_micros(), 3);
    }
}
