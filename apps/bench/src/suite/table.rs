//! The figures of all runs, as a table and as JSON.

use std::{fmt, fs};

use serde::Serialize;

use super::{
    Outcome, Scenario,
    scenarios::{Bound, Check},
};
use crate::stats::median;

/// All figures, and where they were taken.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    machine: String,
    rows: Vec<Measured>,
    /// All that was seen, run by run.
    runs: Vec<Run>,
    failures: Vec<Failure>,
}

/// One figure of one scenario over all runs.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    scenario: &'static str,
    figure: &'static str,
    unit: &'static str,
    must: Bound,
    aim: Bound,
    median: Option<f64>,
    values: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Run {
    scenario: &'static str,
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
struct Failure {
    scenario: &'static str,
    error: String,
}

impl Results {
    /// No figures yet.
    pub(super) fn new(scenarios: &[&Scenario]) -> Self {
        let rows = scenarios.iter().flat_map(|scenario| {
            scenario.checks.iter().map(|check| Measured::new(scenario.name, check))
        });
        Self { machine: machine(), rows: rows.collect(), runs: Vec::new(), failures: Vec::new() }
    }

    /// Adds the figures of one run.
    pub(super) fn add(&mut self, scenario: &Scenario, outcome: &Outcome) {
        for check in scenario.checks {
            let row = self
                .rows
                .iter_mut()
                .find(|row| row.scenario == scenario.name && row.figure == check.name);
            if let (Some(row), Some(value)) = (row, (check.measure)(outcome)) {
                row.values.push(value);
                row.median = median(&row.values);
            }
        }
        self.runs.push(Run { scenario: scenario.name, outcome: outcome.clone() });
    }

    /// A run that could not be measured.
    pub(super) fn failed(&mut self, scenario: &Scenario, error: String) {
        self.failures.push(Failure { scenario: scenario.name, error });
    }
}

impl Measured {
    fn new(scenario: &'static str, check: &Check) -> Self {
        let &Check { name: figure, unit, must, aim, .. } = check;
        Self { scenario, figure, unit, must, aim, median: None, values: Vec::new() }
    }

    /// How the median stands to what is wanted.
    fn verdict(&self) -> &'static str {
        match self.median {
            None => "not measured",
            Some(median) if self.aim.holds(median) => "aim",
            Some(median) if self.must.holds(median) => "must",
            Some(_) => "MISSED",
        }
    }
}

impl Bound {
    /// Whether a figure is as wanted.
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "<= {bound}"),
            Self::AtLeast(bound) => write!(f, ">= {bound}"),
        }
    }
}

impl Serialize for Bound {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.machine)?;
        writeln!(f, "| scenario | figure | must | aim | measured: median (min-max) | reached |")?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        let mut last = "";
        for row in &self.rows {
            let scenario = if row.scenario == last { "" } else { row.scenario };
            last = row.scenario;
            let unit = if row.unit.is_empty() { String::new() } else { format!(" {}", row.unit) };
            writeln!(
                f,
                "| {scenario} | {} | {}{unit} | {}{unit} | {}{unit} | {} |",
                row.figure,
                row.must,
                row.aim,
                spread(row),
                row.verdict(),
            )?;
        }
        for failure in &self.failures {
            writeln!(f, "\n{} could not be measured: {}", failure.scenario, failure.error)?;
        }
        for run in &self.runs {
            for step in &run.outcome.steps {
                for fault in &step.report.faults {
                    writeln!(f, "\n{}, {}: {fault}", run.scenario, step.name)?;
                }
            }
        }
        Ok(())
    }
}

fn spread(row: &Measured) -> String {
    let Some(median) = row.median else { return "-".into() };
    let least = row.values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = row.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{} ({}-{})", figures(median), figures(least), figures(most))
}

/// A number with as many digits as are worth reading.
fn figures(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// The processor, the kernel and how busy the machine was at the start, as far as the system tells:
/// on a machine that does other work, latencies mean little and CPU times most.
fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = cpus.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let (count, name) = models.fold((0, ""), |(count, _), (_, name)| (count + 1, name));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!("{count} x {name}, Linux {}, load average before {load}", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: Check = Check {
        name: "speed",
        unit: "ms",
        must: Bound::AtMost(2.0),
        aim: Bound::AtMost(1.0),
        measure: |outcome| outcome.first()?.report.answers_per_second,
    };

    fn row(values: &[f64]) -> Measured {
        let mut row = Measured::new("scenario", &CHECK);
        row.values = values.to_vec();
        row.median = median(values);
        row
    }

    #[test]
    fn the_median_is_held_against_what_is_wanted() {
        assert_eq!(row(&[]).verdict(), "not measured");
        assert_eq!(row(&[0.5, 9.0, 1.0]).verdict(), "aim");
        assert_eq!(row(&[2.0]).verdict(), "must");
        assert_eq!(row(&[2.1]).verdict(), "MISSED");
    }

    #[test]
    fn the_spread_shows_the_median_and_both_ends() {
        assert_eq!(spread(&row(&[3.0, 1.25, 70_123.4])), "3 (1.25-70123)");
        assert_eq!(spread(&row(&[])), "-");
    }
}
