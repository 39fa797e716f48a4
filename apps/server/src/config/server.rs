//! `[server]` and `[log]`: the process, its sockets and what it tells.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::Faults;

/// `[server]`: the process and its sockets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerSection {
    /// IP address and port to listen on; port 0 chooses a free one. Default `127.0.0.1:8080`:
    /// nobody outside this machine is served unless somebody says so.
    #[serde(deserialize_with = "address")]
    pub(crate) listen: SocketAddr,
    /// Directory of the generated secret and the default database, made with mode 0700 when it is
    /// first needed. Default `./loquat-data`: visible, and a copy of it is a backup.
    pub(crate) data_dir: PathBuf,
    /// Threads that speak HTTP. Default: one a core, since they never wait.
    pub(crate) http_workers: usize,
    /// Threads on which turns run. Default: one a core, since they never wait.
    pub(crate) runtime_threads: usize,
    /// Most open connections at a time; further ones wait in the kernel's queue. Default 10,000:
    /// about 100 MiB when all of them are idle.
    pub(crate) max_connections: usize,
    /// How long a stop goes on to answer, refusing new turns, before it begins to end, in
    /// milliseconds. Default 0. Behind a load balancer: as long as that takes to see `/readyz` fail.
    pub(crate) drain_delay_ms: u64,
    /// How long a stop waits for running turns after that, in milliseconds. Default 25,000: Kubernetes kills
    /// after 30 s.
    pub(crate) drain_timeout_ms: u64,
}

impl Default for ServerSection {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data_dir: PathBuf::from("./loquat-data"),
            http_workers: cores,
            runtime_threads: cores,
            max_connections: 10_000,
            drain_delay_ms: 0,
            drain_timeout_ms: 25_000,
        }
    }
}

impl ServerSection {
    pub(super) fn check(&self, faults: &mut Faults) {
        faults.check_range("server.http_workers", self.http_workers, 1..=1_024);
        faults.check_range("server.runtime_threads", self.runtime_threads, 1..=1_024);
        faults.check_range("server.max_connections", self.max_connections, 1..=1_000_000);
        faults.check_range("server.drain_delay_ms", self.drain_delay_ms, 0..=3_600_000);
        faults.check_range("server.drain_timeout_ms", self.drain_timeout_ms, 0..=3_600_000);
        if self.data_dir.as_os_str().is_empty() {
            faults.add("server.data_dir", "must name a directory, such as ./loquat-data");
        }
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(|_| {
        D::Error::custom("must be an IP address and a port, such as 127.0.0.1:8080 or 0.0.0.0:8080")
    })
}

/// `[log]`: what is logged to standard error, one line an event. Never a prompt, an answer, a
/// token or a key, at any level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSection {
    /// Levels by module, in the syntax of tracing's `EnvFilter`, for example
    /// `info,loquat_http=debug`. Other people's crates never say more than `warn`. Default `info`:
    /// one line a request.
    pub(crate) filter: String,
    /// `text` for people or `json` for programs. Default `text`.
    pub(crate) format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::default() }
    }
}

impl LogSection {
    pub(super) fn check(&self, faults: &mut Faults) {
        if tracing_subscriber::EnvFilter::try_new(&self.filter).is_err() {
            faults.add(
                "log.filter",
                "must be levels by module, such as info or warn,loquat_http=debug",
            );
        }
    }
}
