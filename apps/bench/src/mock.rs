//! A provider that costs little, answers as it is told, and remembers who left.

mod answer;
mod connection;
mod frame;
mod record;
mod request;
mod script;

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinSet,
};

use record::Recorder;
pub(crate) use record::{Cancellation, Record};
use script::Script;

/// Thousands of clients may connect in one moment, and a connection that the queue has no room for
/// waits a second for its second try. The kernel lowers this to its own limit (`somaxconn`).
const BACKLOG: u32 = 4096;

/// Pause after a refused `accept`, which means that the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const HELP: &str = "\
The model's name in a request may change any of the settings for that request, in any order:

  mock;ttft=100ms;gap=20ms;tokens=200;token-bytes=6;fault=cut@50

The part before the first semicolon is free. Settings, each with a flag that sets its default:
  headers=DURATION     wait before the head of the answer
  ttft=DURATION        time from the request to the first token
  gap=DURATION         time from one token to the next; 0s: as fast as the reader reads
  tokens=COUNT         length of the answer
  token-bytes=COUNT    length of each token, its closing space included
  stamp                each token begins with the microseconds since 1970 at which it was sent
  fault=FAULT          status@CODE    answers with that status and an error object
                       stall@headers  says nothing at all
                       stall@N        falls silent after N tokens (0: before the first)
                       cut@N          ends the connection after N tokens, in order (FIN)
                       reset@N        breaks the connection after N tokens (RST)
  retry-after=SECONDS  header of an answer with a fault's status

Durations are written 250us, 20ms, 2s. A token is text that ends in its only space.

  POST /v1/chat/completions   streaming and not, stream_options.include_usage
  GET  /v1/models
  GET  /record                what happened: requests, and who left when, after how many tokens
  POST /record/reset          forgets it";

/// Serves a mock OpenAI-compatible provider on 127.0.0.1.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// Port to listen on; 0 takes a free one. The address is printed on stdout
    #[arg(long, default_value_t = 18090)]
    port: u16,
    #[command(flatten)]
    script: script::Flags,
}

/// What all connections share.
struct Mock {
    defaults: Script,
    recorder: Recorder,
    answers: AtomicU64,
}

impl Mock {
    /// A number that no other answer has.
    fn next_answer(&self) -> u64 {
        self.answers.fetch_add(1, Ordering::Relaxed)
    }
}

/// Serves until the process ends.
///
/// # Errors
///
/// When the port cannot be had.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let listener = listen(options.port)
        .with_context(|| format!("cannot listen on 127.0.0.1:{}", options.port))?;
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "mock provider at http://{}/v1", listener.local_addr()?)?;
        out.flush()?;
    }
    let mock = Mock {
        defaults: Script::from(options.script),
        recorder: Recorder::default(),
        answers: AtomicU64::new(1),
    };
    serve(listener, Arc::new(mock)).await;
    Ok(())
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

async fn serve(listener: TcpListener, mock: Arc<Mock>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection::serve(stream, Arc::clone(&mock)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}
