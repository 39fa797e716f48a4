//! `[limits]`: what bounds a turn.

use std::time::Duration;

use loquat_chat::Limits;
use serde::{Deserialize, Serialize};

use super::Faults;

/// `[limits]`: what bounds a turn. The defaults and their reasons are those of
/// [`loquat_chat::Limits`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitsSection {
    /// The largest item that a caller may send, in bytes of text.
    pub(crate) max_item_bytes: usize,
    /// The most items that a caller may send with one turn.
    pub(crate) max_turn_items: usize,
    /// The longest answer that is kept, in bytes of text.
    pub(crate) max_answer_bytes: usize,
    /// How far a provider may be ahead of the slowest reader, in bytes of events.
    pub(crate) log_window_bytes: usize,
    /// How long a reader may make no progress before it is ended, in milliseconds.
    pub(crate) slow_reader_ms: u64,
    /// How long a turn may take in all, in milliseconds.
    pub(crate) turn_timeout_ms: u64,
    /// How long a caller waits for the provider to accept before the stream opens anyway, in
    /// milliseconds.
    pub(crate) acceptance_grace_ms: u64,
    /// How often the events of all running turns are written together, in milliseconds.
    pub(crate) checkpoint_interval_ms: u64,
    /// A running turn's events are written at least this often, in milliseconds.
    pub(crate) checkpoint_age_ms: u64,
    /// A running turn's events are written as soon as there are this many bytes of them.
    pub(crate) checkpoint_bytes: usize,
    /// How long a turn counts as alive after its last sign of life, in milliseconds.
    pub(crate) lease_ms: u64,
    /// For how long the events of a turn can be read after its end, in milliseconds.
    pub(crate) event_log_keep_ms: u64,
    /// For how long an idempotency key is remembered, in milliseconds.
    pub(crate) idempotency_keep_ms: u64,
    /// How many turns in the background may be at work at once in this process.
    pub(crate) background_at_work: usize,
    /// How many more may wait for that.
    pub(crate) background_queue: usize,
    /// How often a turn that runs in another process is looked at, in milliseconds.
    pub(crate) follow_interval_ms: u64,
}

impl Default for LimitsSection {
    fn default() -> Self {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let Limits {
            max_item_bytes,
            max_turn_items,
            max_answer_bytes,
            log_window_bytes,
            slow_reader,
            turn_timeout,
            acceptance_grace,
            checkpoint_interval,
            checkpoint_age,
            checkpoint_bytes,
            event_log_keep,
            idempotency_keep,
            background_at_work,
            background_queue,
            follow_interval,
            lease,
            // `[context]` has it.
            summary_tokens: _,
        } = Limits::default();
        Self {
            max_item_bytes,
            max_turn_items,
            max_answer_bytes,
            log_window_bytes,
            slow_reader_ms: millis(slow_reader),
            turn_timeout_ms: millis(turn_timeout),
            acceptance_grace_ms: millis(acceptance_grace),
            checkpoint_interval_ms: millis(checkpoint_interval),
            checkpoint_age_ms: millis(checkpoint_age),
            checkpoint_bytes,
            lease_ms: millis(lease),
            event_log_keep_ms: millis(event_log_keep),
            idempotency_keep_ms: millis(idempotency_keep),
            background_at_work,
            background_queue,
            follow_interval_ms: millis(follow_interval),
        }
    }
}

/// A day: longer than anything that is waited for.
const MAX_MS: u64 = 86_400_000;

/// More than one process can hold.
const MAX_TURNS: usize = 1_000_000;

/// A gibibyte: more than anything that is held in memory.
const MAX_BYTES: usize = 1 << 30;

impl LimitsSection {
    /// The same as values of the service, and the one of `[context]`.
    pub(crate) fn limits(&self, summary_tokens: u32) -> Limits {
        Limits {
            max_item_bytes: self.max_item_bytes,
            max_turn_items: self.max_turn_items,
            max_answer_bytes: self.max_answer_bytes,
            log_window_bytes: self.log_window_bytes,
            slow_reader: Duration::from_millis(self.slow_reader_ms),
            turn_timeout: Duration::from_millis(self.turn_timeout_ms),
            acceptance_grace: Duration::from_millis(self.acceptance_grace_ms),
            checkpoint_interval: Duration::from_millis(self.checkpoint_interval_ms),
            checkpoint_age: Duration::from_millis(self.checkpoint_age_ms),
            checkpoint_bytes: self.checkpoint_bytes,
            event_log_keep: Duration::from_millis(self.event_log_keep_ms),
            idempotency_keep: Duration::from_millis(self.idempotency_keep_ms),
            background_at_work: self.background_at_work,
            background_queue: self.background_queue,
            follow_interval: Duration::from_millis(self.follow_interval_ms),
            lease: Duration::from_millis(self.lease_ms),
            summary_tokens,
        }
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        for (key, value) in [
            ("limits.max_item_bytes", self.max_item_bytes),
            ("limits.max_turn_items", self.max_turn_items),
            ("limits.max_answer_bytes", self.max_answer_bytes),
            ("limits.log_window_bytes", self.log_window_bytes),
            ("limits.checkpoint_bytes", self.checkpoint_bytes),
        ] {
            faults.check_range(key, value, 1..=MAX_BYTES);
        }
        for (key, value) in [
            ("limits.slow_reader_ms", self.slow_reader_ms),
            ("limits.turn_timeout_ms", self.turn_timeout_ms),
            ("limits.acceptance_grace_ms", self.acceptance_grace_ms),
            ("limits.checkpoint_interval_ms", self.checkpoint_interval_ms),
            ("limits.checkpoint_age_ms", self.checkpoint_age_ms),
            ("limits.lease_ms", self.lease_ms),
            ("limits.follow_interval_ms", self.follow_interval_ms),
        ] {
            faults.check_range(key, value, 1..=MAX_MS);
        }
        // Whoever follows a turn in another process must have the time to read its end.
        for (key, value) in [
            ("limits.event_log_keep_ms", self.event_log_keep_ms),
            ("limits.idempotency_keep_ms", self.idempotency_keep_ms),
        ] {
            faults.check_range(key, value, 10_000..=30 * MAX_MS);
        }
        faults.check_range("limits.background_at_work", self.background_at_work, 1..=MAX_TURNS);
        faults.check_range("limits.background_queue", self.background_queue, 0..=MAX_TURNS);
        // A sign of life is given eight times in a lease, in a round that may come an interval late.
        if self.lease_ms < self.checkpoint_interval_ms.saturating_mul(4) {
            faults.add(
                "limits.lease_ms",
                "must be at least four times limits.checkpoint_interval_ms, or living turns count \
                 as dead",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_service() {
        let service = Limits::default();
        assert_eq!(LimitsSection::default().limits(service.summary_tokens), service);
    }
}
