//! Distributions in fixed memory, and the few numbers that are reported of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets per doubling, as a power of two: 128, so a percentile is off by less than 0.4 %.
const PRECISION_BITS: u32 = 7;
const PER_DOUBLING: u64 = 1 << PRECISION_BITS;

/// How often which duration was seen.
///
/// Memory is bounded by the largest value, not by how many there were: 58 KB at the most.
#[derive(Debug, Default, Clone)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Histogram {
    /// Adds one duration.
    pub(crate) fn record(&mut self, value: Duration) {
        self.record_times(value, 1);
    }

    /// Adds the same duration `times` times.
    pub(crate) fn record_times(&mut self, value: Duration, times: u64) {
        if times == 0 {
            return;
        }
        let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
        let index = bucket_of(nanos);
        if self.buckets.len() <= index {
            self.buckets.resize(index + 1, 0);
        }
        if let Some(bucket) = self.buckets.get_mut(index) {
            *bucket += times;
        }
        self.count += times;
        self.max = self.max.max(nanos);
    }

    /// The smallest value that `per_mille` thousandths of the values do not exceed, in nanoseconds.
    fn quantile(&self, per_mille: u64) -> u64 {
        let rank = (self.count * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (index, times) in self.buckets.iter().enumerate() {
            seen += times;
            if seen >= rank {
                return middle_of(index).min(self.max);
            }
        }
        self.max
    }

    /// What is reported; `None` when nothing was recorded.
    pub(crate) fn summary(&self) -> Option<Summary> {
        (self.count > 0).then(|| Summary {
            count: self.count,
            p50_ms: millis(self.quantile(500)),
            p90_ms: millis(self.quantile(900)),
            p95_ms: millis(self.quantile(950)),
            p99_ms: millis(self.quantile(990)),
            max_ms: millis(self.max),
        })
    }
}

/// Values below 128 have a bucket each; above, each doubling has 128.
fn bucket_of(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(PRECISION_BITS + 1);
    let index = u64::from(shift) * PER_DOUBLING + (value >> shift);
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// The middle of a bucket, as the value that stands for all in it.
fn middle_of(index: usize) -> u64 {
    let index = u64::try_from(index).unwrap_or(u64::MAX);
    let shift = (index / PER_DOUBLING).saturating_sub(1);
    let low = (index - shift * PER_DOUBLING) << shift;
    low + ((1 << shift) >> 1)
}

fn millis(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64() * 1e3
}

/// A distribution in a few numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// How many values there were.
    pub(crate) count: u64,
    pub(crate) p50_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
}

/// A count as a number to divide.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "the counts of a run stay far below 2^53, where a float stops being exact"
)]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// `part / whole`, or nothing when there is no whole.
pub(crate) fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// The median of a few runs; of an even number the mean of the middle two.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, expected: f64) -> bool {
        (value - expected).abs() <= expected * 0.004
    }

    #[test]
    fn percentiles_of_a_known_row_are_right() {
        let mut histogram = Histogram::default();
        for value in 1..=1000 {
            histogram.record(Duration::from_micros(value));
        }
        let summary = histogram.summary().unwrap();
        assert_eq!(summary.count, 1000);
        assert!(close(summary.p50_ms, 0.5), "{summary:?}");
        assert!(close(summary.p90_ms, 0.9), "{summary:?}");
        assert!(close(summary.p95_ms, 0.95), "{summary:?}");
        assert!(close(summary.p99_ms, 0.99), "{summary:?}");
        assert!((summary.max_ms - 1.0).abs() < 1e-9, "{summary:?}");
    }

    #[test]
    fn one_value_is_every_percentile() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_millis(7));
        let summary = histogram.summary().unwrap();
        assert!(close(summary.p50_ms, 7.0) && close(summary.p99_ms, 7.0), "{summary:?}");
    }

    #[test]
    fn a_value_recorded_many_times_weighs_as_much() {
        let mut histogram = Histogram::default();
        histogram.record_times(Duration::ZERO, 98);
        histogram.record_times(Duration::from_secs(1), 2);
        histogram.record_times(Duration::from_secs(9), 0);
        let summary = histogram.summary().unwrap();
        assert!(summary.p90_ms.abs() < 1e-9, "{summary:?}");
        assert!(close(summary.p99_ms, 1000.0), "{summary:?}");
        assert!(close(summary.max_ms, 1000.0), "{summary:?}");
    }

    #[test]
    fn nothing_recorded_is_nothing_reported() {
        assert_eq!(Histogram::default().summary(), None);
    }

    #[test]
    fn buckets_rise_without_a_hole_and_hold_their_middle() {
        let mut last = 0;
        for value in 0..100_000_u64 {
            let index = bucket_of(value);
            assert!(index == last || index == last + 1, "{value} jumps from {last} to {index}");
            assert_eq!(bucket_of(middle_of(index)), index);
            last = index;
        }
        assert_eq!(bucket_of(middle_of(bucket_of(u64::MAX))), bucket_of(u64::MAX));
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
