//! What the store is not known to have yet.

use std::{collections::VecDeque, time::Duration};

use loquat_domain::EventKind;
use loquat_store::{CheckpointLog, json::EventEncoder};
use tokio::time::Instant;

/// What the store is not known to have yet, in the form in which it gets it: many times smaller
/// than the events themselves.
///
/// A run that was handed out once stays as it is until the store has it: its beginning and its end
/// never change.
#[derive(Debug)]
pub(super) struct Unsaved {
    /// Being written, or to be written again, oldest first.
    runs: VecDeque<CheckpointLog>,
    /// Sequence number of the first event of `next`.
    first: u64,
    /// What comes after `runs`.
    next: EventEncoder,
    /// Since when `next` is not empty.
    since: Instant,
}

impl Unsaved {
    pub(super) fn new() -> Self {
        Self {
            runs: VecDeque::new(),
            first: 0,
            next: EventEncoder::default(),
            since: Instant::now(),
        }
    }

    pub(super) fn push(&mut self, kind: &EventKind) {
        if self.next.is_empty() {
            self.since = Instant::now();
        }
        self.next.push(kind);
    }

    pub(super) fn bytes(&self) -> usize {
        self.next.len() + self.runs.iter().map(|run| run.events.len()).sum::<usize>()
    }

    /// The oldest run, if there are `bytes` of events, or some of them are `age` old. `end` is the
    /// sequence number of the next event.
    pub(super) fn due(&mut self, end: u64, age: Duration, bytes: usize) -> Option<CheckpointLog> {
        let is_due = self.next.len() >= bytes || self.since.elapsed() >= age;
        if self.runs.is_empty() && is_due {
            self.seal(end);
        }
        self.runs.front().cloned()
    }

    /// The store has the oldest run.
    pub(super) fn saved(&mut self) {
        self.runs.pop_front();
    }

    /// All that there is.
    pub(super) fn all(&mut self, end: u64) -> Vec<CheckpointLog> {
        self.seal(end);
        self.runs.iter().cloned().collect()
    }

    /// All that there is, as it would be written now.
    pub(super) fn copy(&self, end: u64) -> Vec<CheckpointLog> {
        let next = (!self.next.is_empty()).then(|| CheckpointLog {
            first: self.first,
            last: end.saturating_sub(1),
            events: self.next.clone().finish(),
        });
        self.runs.iter().cloned().chain(next).collect()
    }

    fn seal(&mut self, end: u64) {
        if self.next.is_empty() {
            return;
        }
        let events = std::mem::take(&mut self.next).finish();
        let last = end.saturating_sub(1);
        self.runs.push_back(CheckpointLog { first: self.first, last, events });
        self.first = end;
    }
}
