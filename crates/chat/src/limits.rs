//! The numbers that bound a turn.

use std::time::Duration;

/// What bounds a turn: sizes in bytes, durations. The defaults are right for a chat with people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest item that a caller may send, in bytes of text.
    pub max_item_bytes: usize,
    /// The most items that a caller may send with one turn.
    pub max_turn_items: usize,
    /// The longest answer that is kept, in bytes of text; a longer one ends as incomplete.
    ///
    /// The text of a running answer is held in memory until its end, so this is the larger part of
    /// what a stream can take. Models of 2026 write at most 128,000 tokens, about half a mebibyte.
    pub max_answer_bytes: usize,
    /// How far the provider may be ahead of the slowest reader, in bytes of events.
    pub log_window_bytes: usize,
    /// How long a reader may make no progress before it is ended.
    pub slow_reader: Duration,
    /// How long a turn may take in all.
    pub turn_timeout: Duration,
    /// How long a caller waits for the provider to accept or refuse, before the stream opens
    /// anyway. Within it, a refusal is an error of the request; after it, of the stream.
    pub acceptance_grace: Duration,
    /// How often the events of all running turns are written to the store together.
    pub checkpoint_interval: Duration,
    /// A running turn's events are written at least this often.
    pub checkpoint_age: Duration,
    /// A running turn's events are written as soon as there are this many bytes of them.
    pub checkpoint_bytes: usize,
    /// For how long the events of a turn can be read after its end; afterwards an answer is told
    /// again from its items, in whole texts.
    pub event_log_keep: Duration,
    /// For how long an idempotency key is remembered.
    pub idempotency_keep: Duration,
    /// How many turns in the background may be at work at once in this process.
    pub background_at_work: usize,
    /// How many more may wait for that; further ones are refused.
    pub background_queue: usize,
    /// How often a turn that runs in another process is looked at by whoever follows it or waits
    /// for its end.
    pub follow_interval: Duration,
    /// The most tokens of a summary of what has left a conversation's window.
    pub summary_tokens: u32,
    /// For how long a turn counts as alive after its last sign of life. A dead process's turns are
    /// ended, and their conversations free, within ten seconds.
    pub lease: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_item_bytes: 256 * 1024,
            max_turn_items: 1_000,
            max_answer_bytes: 2 * 1024 * 1024,
            log_window_bytes: 64 * 1024,
            slow_reader: Duration::from_secs(30),
            turn_timeout: Duration::from_mins(10),
            acceptance_grace: Duration::from_secs(2),
            checkpoint_interval: Duration::from_millis(250),
            checkpoint_age: Duration::from_secs(1),
            checkpoint_bytes: 2 * 1024,
            event_log_keep: Duration::from_hours(1),
            // Stripe's figure, which the field has taken over.
            idempotency_keep: Duration::from_hours(24),
            background_at_work: 64,
            // A waiting turn holds its prompt in memory.
            background_queue: 256,
            follow_interval: Duration::from_millis(250),
            // With the words around it, what the policies have room for.
            summary_tokens: 448,
            lease: Duration::from_secs(8),
        }
    }
}
