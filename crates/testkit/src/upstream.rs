//! A provider that says exactly what a test tells it to, byte for byte, over a real socket.

mod connection;
mod record;
mod script;
mod transcript;

use std::{
    collections::VecDeque,
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

pub use record::{ClosedBy, UpstreamClosed, UpstreamRequest};
pub use script::{Framing, Gate, UpstreamScript, UpstreamStep};

use record::Record;

type Choice = dyn Fn(&UpstreamRequest) -> UpstreamScript + Send + Sync;

/// Which script a request is answered with.
enum Plan {
    Queue(Mutex<VecDeque<UpstreamScript>>),
    Choice(Box<Choice>),
}

impl Plan {
    fn script(&self, request: &UpstreamRequest) -> UpstreamScript {
        if request.method == "GET" && request.path().ends_with("/models") {
            return UpstreamScript::models(&["scripted"]);
        }
        match self {
            Self::Choice(choose) => choose(request),
            Self::Queue(queue) => {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                next.unwrap_or_else(|| {
                    let error = json!({"error": {"message": "the test has no script left"}});
                    UpstreamScript::json(500, &error)
                })
            }
        }
    }
}

/// An HTTP/1.1 server on loopback that plays scripts and writes down what its clients do.
///
/// It records every request and, for every connection, the moment at which the client closed it,
/// also while the script stalls: that is how a test knows that a provider's work was cancelled.
/// `GET …/models` is always answered with one model, `scripted`. Dropping it closes everything.
pub struct ScriptedUpstream {
    address: SocketAddr,
    plan: Arc<Plan>,
    record: Record,
    _server: JoinSet<()>,
}

impl ScriptedUpstream {
    /// Plays the scripts one after the other, a request each; after the last, status 500.
    ///
    /// # Errors
    ///
    /// When no loopback port can be had.
    pub async fn queue(scripts: impl IntoIterator<Item = UpstreamScript>) -> io::Result<Self> {
        Self::start(Plan::Queue(Mutex::new(scripts.into_iter().collect()))).await
    }

    /// Plays the same script for every request.
    ///
    /// # Errors
    ///
    /// When no loopback port can be had.
    pub async fn always(script: UpstreamScript) -> io::Result<Self> {
        Self::choosing(move |_| script.clone()).await
    }

    /// Lets `choose` name the script for each request, for example by the model that is asked for.
    ///
    /// # Errors
    ///
    /// When no loopback port can be had.
    pub async fn choosing(
        choose: impl Fn(&UpstreamRequest) -> UpstreamScript + Send + Sync + 'static,
    ) -> io::Result<Self> {
        Self::start(Plan::Choice(Box::new(choose))).await
    }

    async fn start(plan: Plan) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (plan, record) = (Arc::new(plan), Record::default());
        let mut server = JoinSet::new();
        server.spawn(accept(listener, Arc::clone(&plan), record.clone()));
        Ok(Self { address, plan, record, _server: server })
    }

    /// Adds a script to the queue; does nothing when the scripts are chosen.
    pub fn push(&self, script: UpstreamScript) {
        if let Plan::Queue(queue) = &*self.plan {
            queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(script);
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL to configure: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Every request so far, in the order in which they were read.
    pub fn requests(&self) -> Vec<UpstreamRequest> {
        self.record.read(|log| log.requests.clone())
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.record.read(|log| log.connections.len())
    }

    /// Waits until `count` requests have been read; false when that takes longer than `within`.
    pub async fn wait_for_requests(&self, count: usize, within: Duration) -> bool {
        self.record.wait(within, |log| (log.requests.len() >= count).then_some(())).await.is_some()
    }

    /// Waits until `count` connections were accepted; false when that takes longer than `within`.
    pub async fn wait_for_connections(&self, count: usize, within: Duration) -> bool {
        let enough = |log: &record::Log| (log.connections.len() >= count).then_some(());
        self.record.wait(within, enough).await.is_some()
    }

    /// Waits until `count` scripts were played to their end; false when that takes longer than
    /// `within`. A script whose client does not read waits in its next write.
    pub async fn wait_for_answers(&self, count: usize, within: Duration) -> bool {
        self.record.wait(within, |log| (log.answers >= count).then_some(())).await.is_some()
    }

    /// Waits until the connection with this number, counted from 0, is closed by either side;
    /// `None` when that takes longer than `within`.
    pub async fn wait_closed(&self, connection: usize, within: Duration) -> Option<UpstreamClosed> {
        self.record.wait(within, |log| log.connections.get(connection).copied().flatten()).await
    }

    /// Waits until the connection on which the request with this number came, both counted from 0,
    /// is closed; `None` when that takes longer than `within`.
    pub async fn wait_request_closed(
        &self,
        request: usize,
        within: Duration,
    ) -> Option<UpstreamClosed> {
        let closed = |log: &record::Log| {
            let connection = log.requests.get(request)?.connection;
            log.connections.get(connection).copied().flatten()
        };
        self.record.wait(within, closed).await
    }
}

impl fmt::Debug for ScriptedUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedUpstream").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Owns the connections' tasks, so that all of them end with the server.
async fn accept(listener: TcpListener, plan: Arc<Plan>, record: Record) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let number = record.connected();
        connections.spawn(connection::serve(socket, number, Arc::clone(&plan), record.clone()));
        while connections.try_join_next().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    const SOON: Duration = Duration::from_secs(5);
    const REQUEST: &[u8] = b"POST /v1/x HTTP/1.1\r\nContent-Length: 13\r\n\r\n{\"model\":\"m\"}";

    async fn ask(upstream: &ScriptedUpstream) -> TcpStream {
        let mut client = TcpStream::connect(upstream.address()).await.unwrap();
        client.write_all(REQUEST).await.unwrap();
        client
    }

    #[tokio::test]
    async fn a_client_that_leaves_is_noticed_while_the_script_stalls() {
        let upstream = ScriptedUpstream::always(UpstreamScript::silence()).await.unwrap();
        let client = ask(&upstream).await;
        assert!(upstream.wait_for_requests(1, SOON).await);
        assert_eq!(upstream.requests()[0].model(), "m");
        assert!(upstream.wait_closed(0, Duration::ZERO).await.is_none());
        drop(client);
        assert_eq!(upstream.wait_closed(0, SOON).await.unwrap().by, ClosedBy::Client);
    }

    #[tokio::test]
    async fn a_script_goes_on_when_its_gate_opens() {
        let gate = Gate::default();
        let script = UpstreamScript::sse().body("before").wait(&gate).body("after").cut_fin();
        let upstream = ScriptedUpstream::always(script).await.unwrap();
        let mut client = ask(&upstream).await;
        let mut answer = Vec::new();
        while !answer.windows(6).any(|window| window == b"before") {
            assert!(client.read_buf(&mut answer).await.unwrap() > 0);
        }
        gate.open();
        client.read_to_end(&mut answer).await.unwrap();
        assert!(answer.windows(5).any(|window| window == b"after"));
    }

    #[tokio::test]
    async fn scripts_follow_one_another_on_a_connection_that_is_kept_alive() {
        let scripts = [204, 205].map(|status| UpstreamScript::json(status, &json!(status)));
        let upstream = ScriptedUpstream::queue(scripts).await.unwrap();
        let mut client = ask(&upstream).await;
        for status in ["204", "205"] {
            let mut answer = vec![0; 128];
            let mut length = 0;
            while !answer[..length].ends_with(status.as_bytes()) {
                let count = client.read(&mut answer[length..]).await.unwrap();
                assert!(count > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
                length += count;
            }
            client.write_all(REQUEST).await.unwrap();
        }
        assert!(upstream.wait_for_requests(3, SOON).await);
        assert_eq!(upstream.connections(), 1);
    }

    #[tokio::test]
    async fn a_cut_is_told_apart_from_a_reset() {
        let scripts = [UpstreamScript::sse().cut_fin(), UpstreamScript::sse().cut_rst()];
        let upstream = ScriptedUpstream::queue(scripts).await.unwrap();
        let mut answer = Vec::new();
        assert!(ask(&upstream).await.read_to_end(&mut answer).await.is_ok());
        assert!(ask(&upstream).await.read_to_end(&mut answer).await.is_err());
        assert_eq!(upstream.wait_closed(1, SOON).await.unwrap().by, ClosedBy::Script);
    }
}
