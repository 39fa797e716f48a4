//! What the clients saw, gathered in one place and only while it is measured.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{report::Left, scan::Arrived};
use crate::stats::Histogram;

/// How many different faults are kept in words. The counters hold them all.
const KEPT_FAULTS: usize = 5;

/// When enough was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    Elapsed(Duration),
    Answers(u64),
}

/// Gathers what all clients see.
pub(super) struct Meters {
    until: Until,
    state: Mutex<State>,
}

struct State {
    window: Window,
    tally: Tally,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    NotYet,
    Open,
    Closed,
}

/// What was seen. Rates and distributions are of the time in which it was measured; faults are of
/// all of the load.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) answers: u64,
    pub(super) tokens: u64,
    pub(super) events: u64,
    pub(super) ttft: Histogram,
    pub(super) relay_delay: Histogram,
    pub(super) gap: Histogram,
    pub(super) tail: Histogram,
    pub(super) whole: Histogram,
    pub(super) answers_in_all: u64,
    pub(super) failed: u64,
    pub(super) wrong: u64,
    pub(super) faults: Vec<String>,
    pub(super) left: Vec<Left>,
}

/// The moments of one answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    asked: Instant,
    last_token: Option<Instant>,
    has_text: bool,
}

impl Moments {
    /// The request is sent now.
    pub(super) fn now() -> Self {
        Self { asked: Instant::now(), last_token: None, has_text: false }
    }

    /// When the request was sent.
    pub(super) fn asked_at(&self) -> Instant {
        self.asked
    }
}

impl Meters {
    pub(super) fn new(until: Until) -> Self {
        let state = State { window: Window::NotYet, tally: Tally::default() };
        Self { until, state: Mutex::new(state) }
    }

    pub(super) fn until(&self) -> Until {
        self.until
    }

    /// Measures from now on.
    pub(super) fn open(&self) {
        self.state().window = Window::Open;
    }

    /// Measures no longer, and wants no more requests.
    pub(super) fn close(&self) {
        self.state().window = Window::Closed;
    }

    /// Whether another request is wanted.
    pub(super) fn wants_more(&self) -> bool {
        let state = self.state();
        match (state.window, self.until) {
            (Window::NotYet, _) | (Window::Open, Until::Elapsed(_)) => true,
            // Failures count too: a server that refuses all of them must not be asked for ever.
            (Window::Open, Until::Answers(answers)) => {
                state.tally.answers + state.tally.failed < answers
            }
            (Window::Closed, _) => false,
        }
    }

    /// A read brought something of an answer.
    pub(super) fn arrived(&self, moments: &mut Moments, arrived: &Arrived, epoch_micros: u64) {
        let now = Instant::now();
        let mut state = self.state();
        let measured = state.window == Window::Open;
        let tally = &mut state.tally;
        if arrived.text && !moments.has_text {
            moments.has_text = true;
            if measured {
                tally.ttft.record(now - moments.asked);
            }
        }
        if measured {
            tally.events += arrived.events;
            tally.tokens += arrived.tokens;
            for sent in &arrived.stamps {
                tally.relay_delay.record(Duration::from_micros(epoch_micros.saturating_sub(*sent)));
            }
        }
        if arrived.tokens > 0 {
            let before = moments.last_token.replace(now);
            if measured {
                // Tokens of the same read have no time between them.
                tally.gap.record_times(Duration::ZERO, arrived.tokens - 1);
                if let Some(before) = before {
                    tally.gap.record(now - before);
                }
            }
        }
    }

    /// An answer was read to its end.
    pub(super) fn ended(&self, moments: &Moments, verdict: Result<(), String>) {
        let now = Instant::now();
        let mut state = self.state();
        let measured = state.window == Window::Open;
        let tally = &mut state.tally;
        tally.answers_in_all += 1;
        if measured {
            tally.answers += 1;
            tally.whole.record(now - moments.asked);
            if let Some(last) = moments.last_token {
                tally.tail.record(now - last);
            }
        }
        if let Err(fault) = verdict {
            tally.wrong += 1;
            tally.keep(fault);
        }
    }

    /// A request was refused, or its answer did not come to its end.
    pub(super) fn failed(&self, error: String) {
        let mut state = self.state();
        state.tally.failed += 1;
        state.tally.keep(error);
    }

    /// A client left, or stopped reading.
    pub(super) fn left(&self, left: Left) {
        self.state().tally.left.push(left);
    }

    /// All that was seen.
    pub(super) fn take(&self) -> Tally {
        std::mem::take(&mut self.state().tally)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Counters cannot be left half-written, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn keep(&mut self, fault: String) {
        if self.faults.len() < KEPT_FAULTS && !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(tokens: u64) -> Arrived {
        Arrived { tokens, events: tokens, text: true, stamps: vec![1_000; 2] }
    }

    #[test]
    fn what_comes_before_or_after_the_measurement_does_not_count() {
        let meters = Meters::new(Until::Elapsed(Duration::from_secs(1)));
        let mut moments = Moments::now();
        meters.arrived(&mut moments, &arrived(2), 3_000);
        meters.open();
        meters.arrived(&mut moments, &arrived(3), 3_000);
        meters.close();
        meters.arrived(&mut moments, &arrived(4), 3_000);
        meters.ended(&moments, Err("short".into()));
        let tally = meters.take();
        assert_eq!((tally.tokens, tally.events, tally.answers), (3, 3, 0));
        assert_eq!((tally.answers_in_all, tally.wrong), (1, 1), "faults count always");
        assert!(tally.ttft.summary().is_none(), "the first token came too early");
        let delay = tally.relay_delay.summary().unwrap();
        assert_eq!(delay.count, 2);
        assert!((delay.max_ms - 2.0).abs() < 1e-9);
        assert_eq!(tally.gap.summary().unwrap().count, 3);
    }

    #[test]
    fn enough_answers_are_enough_and_failures_count_too() {
        let meters = Meters::new(Until::Answers(2));
        meters.open();
        meters.ended(&Moments::now(), Ok(()));
        assert!(meters.wants_more());
        meters.failed("refused".into());
        assert!(!meters.wants_more());
    }
}
