//! The mock's memory of what happened, which a test or the load generator asks for.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::clock::epoch_micros;

/// How many cancellations are kept one by one. The oldest go first; the counters stay right.
const KEPT_CANCELLATIONS: usize = 10_000;

/// What happened since the start or the last reset. This is the body of `GET /record`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Requests to `/v1/chat/completions` that could be read.
    pub(crate) started: u64,
    /// Answers that were written to their end.
    pub(crate) completed: u64,
    /// Requests whose client closed the socket before the end.
    pub(crate) cancelled: u64,
    /// Requests that ended with the fault they asked for.
    pub(crate) faulted: u64,
    /// Tokens of the requests that have ended, however they did.
    pub(crate) tokens_sent: u64,
    /// Messages of the shortest prompt and of the longest.
    pub(crate) fewest_messages: Option<usize>,
    pub(crate) most_messages: Option<usize>,
    pub(crate) cancellations: VecDeque<Cancellation>,
}

/// A client that left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cancellation {
    /// The beginning of the last message's text.
    pub(crate) tag: String,
    /// What the answer was doing.
    pub(crate) phase: Phase,
    /// Tokens that were handed to the kernel.
    pub(crate) tokens_sent: u64,
    /// When the close was seen, in microseconds since 1970.
    pub(crate) closed_at_micros: u64,
}

/// What an answer was doing when its client left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Nothing was sent yet, not even the head.
    BeforeHeaders,
    /// The head was sent, and no token.
    BeforeFirstToken,
    /// Tokens were being sent.
    Streaming,
    /// A fault made it fall silent after some tokens.
    Stalled,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Completed,
    Faulted,
    Cancelled(Phase),
}

/// Writes the record.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<State>);

#[derive(Default)]
struct State {
    /// Counts the resets.
    generation: u64,
    record: Record,
}

/// Names the record to which a request belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    generation: u64,
}

impl Recorder {
    /// A request has come, with a prompt of so many messages.
    pub(crate) fn started(&self, messages: usize) -> Ticket {
        let mut state = self.state();
        let record = &mut state.record;
        record.started += 1;
        record.fewest_messages =
            Some(record.fewest_messages.map_or(messages, |fewest| fewest.min(messages)));
        record.most_messages =
            Some(record.most_messages.map_or(messages, |most| most.max(messages)));
        Ticket { generation: state.generation }
    }

    /// A request has ended. Counts for nothing when the record was reset meanwhile.
    pub(crate) fn ended(&self, ticket: Ticket, tag: &str, tokens_sent: u64, ending: Ending) {
        let mut state = self.state();
        if state.generation != ticket.generation {
            return;
        }
        let record = &mut state.record;
        record.tokens_sent += tokens_sent;
        match ending {
            Ending::Completed => record.completed += 1,
            Ending::Faulted => record.faulted += 1,
            Ending::Cancelled(phase) => {
                record.cancelled += 1;
                if record.cancellations.len() == KEPT_CANCELLATIONS {
                    record.cancellations.pop_front();
                }
                record.cancellations.push_back(Cancellation {
                    tag: tag.to_owned(),
                    phase,
                    tokens_sent,
                    closed_at_micros: epoch_micros(),
                });
            }
        }
    }

    /// What happened so far.
    pub(crate) fn record(&self) -> Record {
        self.state().record.clone()
    }

    /// Forgets it. Requests that are open now will not be counted when they end.
    pub(crate) fn reset(&self) {
        let mut state = self.state();
        state.generation += 1;
        state.record = Record::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Counters cannot be left half-written, so a panic elsewhere spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_from_before_a_reset_is_not_counted_after_it() {
        let recorder = Recorder::default();
        let early = recorder.started(1);
        recorder.reset();
        let late = recorder.started(21);
        recorder.ended(early, "early", 5, Ending::Cancelled(Phase::Streaming));
        recorder.ended(late, "late", 7, Ending::Completed);
        let record = recorder.record();
        assert_eq!((record.started, record.completed, record.cancelled), (1, 1, 0));
        assert_eq!((record.tokens_sent, record.fewest_messages), (7, Some(21)));
    }

    #[test]
    fn the_record_stays_bounded_and_its_counter_right() {
        let recorder = Recorder::default();
        for number in 0..=KEPT_CANCELLATIONS {
            let ticket = recorder.started(1);
            let phase = Ending::Cancelled(Phase::BeforeHeaders);
            recorder.ended(ticket, &number.to_string(), 0, phase);
        }
        let record = recorder.record();
        assert_eq!(record.cancelled, 10_001);
        assert_eq!(record.cancellations.len(), KEPT_CANCELLATIONS);
        assert_eq!(record.cancellations.front().map(|gone| gone.tag.as_str()), Some("1"));
    }
}
