//! What is reported, as JSON and as a table.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{meters::Tally, options::Plan, watch::Watch};
use crate::stats::{Summary, float, ratio};

/// What a load showed. Rates, latencies and CPU are of the measured time; memory and faults are of
/// all of the load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) clients: u32,
    pub(crate) history: usize,
    pub(crate) seconds: f64,
    pub(crate) answers: u64,
    pub(crate) tokens: u64,
    pub(crate) events: u64,
    pub(crate) answers_per_second: Option<f64>,
    pub(crate) tokens_per_second: Option<f64>,
    pub(crate) events_per_second: Option<f64>,
    /// From the request to the first text of its answer.
    pub(crate) ttft: Option<Summary>,
    /// From a token's timestamp to when it was read.
    pub(crate) relay_delay: Option<Summary>,
    /// From one token to the next; none between tokens of the same read.
    pub(crate) gap: Option<Summary>,
    /// From the last token to the end of the answer.
    pub(crate) tail: Option<Summary>,
    /// From the request to the end of its answer.
    pub(crate) whole: Option<Summary>,
    /// Answers that ended, measured or not.
    pub(crate) answers_in_all: u64,
    /// Requests that were refused, broken, or not ended in time.
    pub(crate) failed: u64,
    /// Answers that ended with the wrong status, or with tokens or events lost.
    pub(crate) wrong: u64,
    /// The first few faults in words.
    pub(crate) faults: Vec<String>,
    /// Cores that the load generator itself used: near 1.0, it is what was measured.
    pub(crate) own_cores: Option<f64>,
    pub(crate) server: Option<ServerUse>,
    /// Clients that left or stopped reading, each with the text of its message.
    pub(crate) left: Vec<Left>,
}

/// What the server's process used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ServerUse {
    pub(crate) cpu_seconds: f64,
    pub(crate) cores: Option<f64>,
    pub(crate) cpu_ms_per_answer: Option<f64>,
    pub(crate) cpu_us_per_token: Option<f64>,
    pub(crate) cpu_us_per_event: Option<f64>,
    /// Before anything was sent to it.
    pub(crate) rss_start_bytes: u64,
    /// After the histories were stored.
    pub(crate) rss_prepared_bytes: u64,
    pub(crate) rss_peak_bytes: u64,
    /// After the last client had gone.
    pub(crate) rss_end_bytes: u64,
    /// From the stored histories to the peak, by the number of clients: what storing them leaves
    /// behind is the database's page cache, which does not grow with the streams.
    pub(crate) rss_kib_per_stream: f64,
}

/// A client that left or stopped reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    /// The text of its message.
    pub(crate) tag: String,
    /// When it closed its connection, in microseconds since 1970.
    pub(crate) at_micros: u64,
    /// Tokens that it had read.
    pub(crate) tokens: u64,
}

impl Report {
    /// `unfinished` clients had to be stopped.
    pub(super) fn new(plan: &Plan, tally: &Tally, watch: &Watch, unfinished: usize) -> Self {
        let seconds = watch.measured().as_secs_f64();
        let mut faults = tally.faults.clone();
        if unfinished > 0 {
            faults.push(format!("{unfinished} answers had not ended when the load was over"));
        }
        Self {
            clients: plan.clients,
            history: plan.history,
            seconds,
            answers: tally.answers,
            tokens: tally.tokens,
            events: tally.events,
            answers_per_second: ratio(float(tally.answers), seconds),
            tokens_per_second: ratio(float(tally.tokens), seconds),
            events_per_second: ratio(float(tally.events), seconds),
            ttft: tally.ttft.summary(),
            relay_delay: tally.relay_delay.summary(),
            gap: tally.gap.summary(),
            tail: tally.tail.summary(),
            whole: tally.whole.summary(),
            answers_in_all: tally.answers_in_all,
            failed: tally.failed + u64::try_from(unfinished).unwrap_or(u64::MAX),
            wrong: tally.wrong,
            faults,
            own_cores: ratio(watch.own_cpu().as_secs_f64(), seconds),
            server: watch.has_server().then(|| ServerUse::new(plan, tally, watch)),
            left: tally.left.clone(),
        }
    }
}

impl ServerUse {
    fn new(plan: &Plan, tally: &Tally, watch: &Watch) -> Self {
        let cpu = watch.server_cpu().as_secs_f64();
        let grown = float(watch.peak_bytes.saturating_sub(watch.prepared_bytes));
        Self {
            cpu_seconds: cpu,
            cores: ratio(cpu, watch.measured().as_secs_f64()),
            cpu_ms_per_answer: ratio(cpu * 1e3, float(tally.answers)),
            cpu_us_per_token: ratio(cpu * 1e6, float(tally.tokens)),
            cpu_us_per_event: ratio(cpu * 1e6, float(tally.events)),
            rss_start_bytes: watch.start_bytes,
            rss_prepared_bytes: watch.prepared_bytes,
            rss_peak_bytes: watch.peak_bytes,
            rss_end_bytes: watch.end_bytes,
            rss_kib_per_stream: grown / 1024.0 / f64::from(plan.clients),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |rate: Option<f64>| rate.map_or("-".into(), |rate| format!("{rate:.1}"));
        writeln!(f, "clients {:>6}   history {}", self.clients, self.history)?;
        writeln!(f, "measured {:>8.2} s", self.seconds)?;
        writeln!(f, "answers {:>9}   {:>10}/s", self.answers, rate(self.answers_per_second))?;
        writeln!(f, "tokens {:>10}   {:>10}/s", self.tokens, rate(self.tokens_per_second))?;
        writeln!(f, "events {:>10}   {:>10}/s", self.events, rate(self.events_per_second))?;
        writeln!(f, "failed {:>10}   wrong {}", self.failed, self.wrong)?;
        for fault in &self.faults {
            writeln!(f, "  {fault}")?;
        }
        write!(f, "\n{:<16}{:>10}{:>10}{:>10}", "ms", "p50", "p90", "p95")?;
        writeln!(f, "{:>10}{:>10}", "p99", "max")?;
        for (name, summary) in [
            ("first token", self.ttft),
            ("relay delay", self.relay_delay),
            ("token to token", self.gap),
            ("last token->end", self.tail),
            ("whole answer", self.whole),
        ] {
            let Some(Summary { p50_ms, p90_ms, p95_ms, p99_ms, max_ms, .. }) = summary else {
                continue;
            };
            write!(f, "{name:<16}{p50_ms:>10.3}{p90_ms:>10.3}{p95_ms:>10.3}")?;
            writeln!(f, "{p99_ms:>10.3}{max_ms:>10.3}")?;
        }
        writeln!(f, "\nload generator {:>6} cores", rate(self.own_cores))?;
        if let Some(server) = &self.server {
            server.fmt(f)?;
        }
        if !self.left.is_empty() {
            writeln!(f, "left {:>6} clients", self.left.len())?;
        }
        Ok(())
    }
}

impl fmt::Display for ServerUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.3}"));
        let mib = |bytes: u64| float(bytes) / f64::from(1024 * 1024);
        writeln!(
            f,
            "server CPU {:.2} s, {} cores: {} ms an answer, {} us a token, {} us an event",
            self.cpu_seconds,
            number(self.cores),
            number(self.cpu_ms_per_answer),
            number(self.cpu_us_per_token),
            number(self.cpu_us_per_event),
        )?;
        writeln!(
            f,
            "server memory MiB: start {:.1}, prepared {:.1}, peak {:.1}, end {:.1}; \
             {:.1} KiB a stream",
            mib(self.rss_start_bytes),
            mib(self.rss_prepared_bytes),
            mib(self.rss_peak_bytes),
            mib(self.rss_end_bytes),
            self.rss_kib_per_stream,
        )
    }
}
