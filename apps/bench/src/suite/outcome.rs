//! What one run of a scenario showed, and the figures that are read off it.

use serde::Serialize;

use crate::{
    load::{Left, Report},
    mock::{Cancellation, Record},
    stats::{Summary, float},
};

/// What one run of a scenario showed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Outcome {
    pub(super) steps: Vec<StepOutcome>,
}

/// What one load showed, and what the mock saw of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct StepOutcome {
    pub(super) name: String,
    pub(super) report: Report,
    /// What another tenant saw at the same time.
    pub(super) neighbour: Option<Report>,
    pub(super) record: Record,
}

impl Outcome {
    /// The load of that name.
    pub(super) fn step(&self, name: &str) -> Option<&StepOutcome> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The scenario's first load.
    pub(super) fn first(&self) -> Option<&StepOutcome> {
        self.steps.first()
    }

    /// Requests that failed and answers that were wrong, in all loads but those of a neighbour.
    pub(super) fn faults(&self) -> f64 {
        let faults = self.steps.iter().map(|step| step.report.failed + step.report.wrong);
        float(faults.sum())
    }
}

impl StepOutcome {
    /// Median time to the first text, in milliseconds.
    pub(super) fn ttft_p50_ms(&self) -> Option<f64> {
        self.report.ttft.map(|Summary { p50_ms, .. }| p50_ms)
    }

    /// How many of the clients that left had their request closed at the model's side.
    pub(super) fn freed(&self) -> f64 {
        float(u64::try_from(self.departures().count()).unwrap_or(u64::MAX))
    }

    /// The longest time from a client's leaving to the close of its request, in milliseconds.
    pub(super) fn slowest_freed_ms(&self) -> Option<f64> {
        let micros = self.departures().map(|(left, cancellation)| {
            cancellation.closed_at_micros.saturating_sub(left.at_micros)
        });
        micros.max().map(|micros| float(micros) / 1e3)
    }

    /// The most tokens that the model sent beyond what its client had read.
    pub(super) fn most_tokens_over(&self) -> Option<f64> {
        let over = self
            .departures()
            .map(|(left, cancellation)| cancellation.tokens_sent.saturating_sub(left.tokens));
        over.max().map(float)
    }

    /// Each client that left, with the mock's note of the close of its request.
    fn departures(&self) -> impl Iterator<Item = (&Left, &Cancellation)> {
        self.report.left.iter().filter_map(|left| {
            let mut cancellations = self.record.cancellations.iter();
            Some((left, cancellations.find(|gone| gone.tag == left.tag)?))
        })
    }
}
