//! The end: new turns are refused, running ones end, and then nobody is answered any more.

use std::{io, pin::pin, time::Duration};

use actix_web::dev::Server;
use loquat_chat::ChatService;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that follow the first this closely are the same one: GNU `timeout` sends it to a process
/// and to its group, and some supervisors pass on what the terminal has sent already.
const ECHO_OF_THE_FIRST: Duration = Duration::from_millis(100);

/// The signals that ask for the end: SIGTERM and SIGINT, which is Ctrl-C.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on the signals do not end the process by themselves.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one of either.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for one that is not only the echo of the one before.
    async fn another(&mut self) {
        tokio::time::sleep(ECHO_OF_THE_FIRST).await;
        while tokio::time::timeout(Duration::ZERO, self.next()).await.is_ok() {}
        self.next().await;
    }
}

/// How long a stop takes its time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until those who send requests here have seen that they should not.
    pub(super) delay: Duration,
    /// For the running turns, after that.
    pub(super) turns: Duration,
}

/// Serves until a signal comes. From then on `/readyz` and new turns answer 503, while everything
/// else is still answered, for the delay at least; when the running turns have ended then, by
/// themselves or for want of patience, so does the server. A second signal ends it at once: what was not stored is what `kill -9` loses.
pub(super) async fn until_stopped(
    server: Server,
    mut signals: Signals,
    chat: ChatService,
    patience: Patience,
) -> io::Result<()> {
    let handle = server.handle();
    let mut server = pin!(server);
    tokio::select! {
        ended = &mut server => return ended,
        () = signals.next() => {}
    }
    tracing::info!("stopping when the running turns have ended; a second signal stops at once");
    let stopped = async {
        let stop = async {
            chat.refuse_turns();
            tokio::time::sleep(patience.delay).await;
            chat.drain(patience.turns).await;
            handle.stop(true).await;
        };
        tokio::join!(server, stop).0
    };
    tokio::select! {
        ended = stopped => ended,
        () = signals.another() => {
            tracing::warn!("stopped at once");
            // Those who lose their connection now have not left: their turns are not cancelled.
            chat.stop_turns();
            Ok(())
        }
    }
}
