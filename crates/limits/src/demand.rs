//! How much has been asked for lately.

use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(1);

/// What was taken in the last second, about: that of the second before weighs as much as there is of
/// it in the last.
#[derive(Debug)]
pub(crate) struct Demand {
    since: Instant,
    current: u64,
    previous: u64,
}

impl Demand {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, current: 0, previous: 0 }
    }

    pub(crate) fn add(&mut self, now: Instant, amount: u64) {
        self.turn(now);
        self.current = self.current.saturating_add(amount);
    }

    pub(crate) fn of_last_second(&mut self, now: Instant) -> u64 {
        self.turn(now);
        let left = WINDOW.saturating_sub(now.saturating_duration_since(self.since));
        let weighed = u128::from(self.previous) * left.as_micros() / WINDOW.as_micros();
        self.current.saturating_add(u64::try_from(weighed).unwrap_or(u64::MAX))
    }

    fn turn(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed >= WINDOW * 2 {
            *self = Self::new(now);
        } else if elapsed >= WINDOW {
            self.previous = std::mem::take(&mut self.current);
            self.since += WINDOW;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_forgotten_within_two_seconds() {
        let start = Instant::now();
        let mut demand = Demand::new(start);
        demand.add(start, 100);
        let mut after = |millis| demand.of_last_second(start + Duration::from_millis(millis));
        assert_eq!([after(0), after(900), after(1_500), after(2_000)], [100, 100, 50, 0]);
    }
}
