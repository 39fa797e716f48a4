//! The server's process, and our own, watched while the load runs.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use crate::proc::Process;

/// How often resident memory is looked at: reading it costs some 50 µs.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// What the processes used.
#[derive(Debug)]
pub(super) struct Watch {
    server: Option<Process>,
    own: Process,
    pub(super) start_bytes: u64,
    pub(super) prepared_bytes: u64,
    pub(super) peak_bytes: u64,
    pub(super) end_bytes: u64,
    opened: Option<Sample>,
    closed: Option<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    server: Duration,
    own: Duration,
}

impl Watch {
    /// Watches the process of that id, if any, and our own.
    ///
    /// # Errors
    ///
    /// When there is no such process; so in every method here.
    pub(super) fn new(pid: Option<u32>) -> anyhow::Result<Self> {
        let mut watch = Self {
            server: pid.map(Process::new),
            own: Process::own(),
            start_bytes: 0,
            prepared_bytes: 0,
            peak_bytes: 0,
            end_bytes: 0,
            opened: None,
            closed: None,
        };
        watch.start_bytes = watch.resident()?;
        Ok(watch)
    }

    /// True when a server's process is watched.
    pub(super) fn has_server(&self) -> bool {
        self.server.is_some()
    }

    /// The histories are stored.
    pub(super) fn prepared(&mut self) -> anyhow::Result<()> {
        self.prepared_bytes = self.resident()?;
        Ok(())
    }

    /// The measurement begins.
    pub(super) fn open(&mut self) -> anyhow::Result<()> {
        self.opened = Some(self.sample()?);
        Ok(())
    }

    /// The measurement is over.
    pub(super) fn close(&mut self) -> anyhow::Result<()> {
        self.closed = Some(self.sample()?);
        Ok(())
    }

    /// All clients have gone.
    pub(super) fn end(&mut self) -> anyhow::Result<()> {
        self.end_bytes = self.resident()?;
        Ok(())
    }

    /// Follows the memory while something goes on.
    pub(super) async fn during(&mut self, what: impl Future<Output = ()>) -> anyhow::Result<()> {
        let mut ticks = tokio::time::interval(SAMPLE_EVERY);
        let mut what = std::pin::pin!(what);
        loop {
            self.peak_bytes = self.peak_bytes.max(self.resident()?);
            tokio::select! {
                () = &mut what => return Ok(()),
                _ = ticks.tick() => {}
            }
        }
    }

    /// How long was measured.
    pub(super) fn measured(&self) -> Duration {
        self.between(|sample| sample.at).map_or(Duration::ZERO, |(from, to)| to - from)
    }

    /// Processor time that the server used meanwhile.
    pub(super) fn server_cpu(&self) -> Duration {
        self.between(|sample| sample.server)
            .map_or(Duration::ZERO, |(from, to)| to.saturating_sub(from))
    }

    /// Processor time that we used meanwhile.
    pub(super) fn own_cpu(&self) -> Duration {
        self.between(|sample| sample.own)
            .map_or(Duration::ZERO, |(from, to)| to.saturating_sub(from))
    }

    fn between<T>(&self, of: impl Fn(&Sample) -> T) -> Option<(T, T)> {
        Some((of(self.opened.as_ref()?), of(self.closed.as_ref()?)))
    }

    fn resident(&self) -> anyhow::Result<u64> {
        self.server.as_ref().map_or(Ok(0), Process::resident_bytes)
    }

    fn sample(&self) -> anyhow::Result<Sample> {
        let server = self.server.as_ref().map_or(Ok(Duration::ZERO), Process::cpu)?;
        Ok(Sample { at: Instant::now(), server, own: self.own.cpu()? })
    }
}
