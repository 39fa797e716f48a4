//! What the clients of a scripted upstream did.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

/// One request as it was read from the socket.
#[derive(Debug, Clone)]
pub struct UpstreamRequest {
    /// The number of the connection on which it came, counted from 0.
    pub connection: usize,
    /// The method.
    pub method: String,
    /// Path and query as they stood in the request line.
    pub target: String,
    /// Names in lower case, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// When its last byte was read.
    pub received_at: Instant,
}

impl UpstreamRequest {
    /// The first header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The model that the body names; empty when it names none.
    pub fn model(&self) -> String {
        let body = self.json();
        body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedBy {
    /// The client sent FIN or RST.
    Client,
    /// The script cut it.
    Script,
}

/// The end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamClosed {
    /// When it was seen.
    pub at: Instant,
    /// Who did it.
    pub by: ClosedBy,
}

/// Everything that happened so far.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) requests: Vec<UpstreamRequest>,
    /// One entry a connection; `None` while it is open.
    pub(super) connections: Vec<Option<UpstreamClosed>>,
    /// How many scripts were played to their end.
    pub(super) answers: usize,
}

/// The log, and a bell that rings whenever it grows.
#[derive(Debug, Clone)]
pub(super) struct Record(Arc<watch::Sender<Log>>);

impl Default for Record {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Log::default())))
    }
}

impl Record {
    /// Notes a new connection and tells its number.
    pub(super) fn connected(&self) -> usize {
        let mut number = 0;
        self.0.send_modify(|log| {
            number = log.connections.len();
            log.connections.push(None);
        });
        number
    }

    pub(super) fn requested(&self, request: UpstreamRequest) {
        self.0.send_modify(|log| log.requests.push(request));
    }

    pub(super) fn answered(&self) {
        self.0.send_modify(|log| log.answers += 1);
    }

    pub(super) fn closed(&self, connection: usize, by: ClosedBy) {
        let at = Instant::now();
        self.0.send_modify(|log| {
            if let Some(entry) = log.connections.get_mut(connection) {
                *entry = Some(UpstreamClosed { at, by });
            }
        });
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.0.borrow())
    }

    /// Waits until `look` finds what it looks for, at most for `within`.
    pub(super) async fn wait<T>(
        &self,
        within: Duration,
        look: impl Fn(&Log) -> Option<T>,
    ) -> Option<T> {
        let mut changes = self.0.subscribe();
        let found = async {
            let log = changes.wait_for(|log| look(log).is_some()).await.ok()?;
            look(&log)
        };
        tokio::time::timeout(within, found).await.ok().flatten()
    }
}
