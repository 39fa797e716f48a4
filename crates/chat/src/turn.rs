//! A turn, from acceptance to terminal status.

mod begin;
mod finish;
mod relay;

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, OnceLock},
};

use futures::FutureExt as _;
use loquat_domain::{EventKind, IncompleteReason, Response, ResponseId, Scope, Status};
use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    ChatError, ChatService, EventReader, Missing, Model, TurnRequest, live::LiveTurn, log::Log,
    service::Inner, transcript::Transcript,
};

/// A turn that was accepted.
///
/// Dropping it before its end cancels it.
#[derive(Debug)]
pub struct Turn {
    /// The response, in progress.
    pub response: Arc<Response>,
    /// False when it leaves no trace.
    pub stored: bool,
    /// What it emits, from the first event on.
    pub events: EventReader,
}

impl ChatService {
    /// Starts a turn and returns once its start is stored and the provider has accepted it, or has
    /// taken longer than the grace for that.
    ///
    /// Dropping the future at any point ends the turn as cancelled, or before anything is stored.
    ///
    /// # Errors
    ///
    /// [`ChatError`]. Unless it is [`ChatError::Failed`] or [`ChatError::Stopped`], nothing was
    /// stored.
    pub async fn start_turn(&self, scope: &Scope, request: TurnRequest) -> Result<Turn, ChatError> {
        let inner = &self.inner;
        inner.accepts_turns()?;
        let model = match &request.model {
            Some(name) => {
                inner.ports.models.get(name).ok_or(ChatError::NotFound(Missing::Model))?
            }
            None => inner.ports.models.default_model(),
        };
        if request.input.is_empty() {
            let message = "a turn needs at least one new item".to_owned();
            return Err(ChatError::Invalid { param: "input", message });
        }
        inner.check_contents(&request.input, "input")?;

        let stored = request.store;
        let log = Log::new(inner.limits.log_window_bytes, stored);
        let events = log.reader();
        let (started, answer) = oneshot::channel();
        let run = Run {
            inner: Arc::clone(inner),
            scope: scope.clone(),
            id: ResponseId::from_uuid(inner.ports.ids.next()),
            model: Arc::clone(model),
            deadline: Instant::now() + inner.limits.turn_timeout,
            log,
            stop: CancellationToken::new(),
        };
        inner.spawn_turn(run.complete(request, Started(Some(started))));
        let response = answer.await.unwrap_or(Err(ChatError::Internal))?;
        Ok(Turn { response, stored, events })
    }
}

/// Tells the caller, once, whether the turn was accepted.
struct Started(Option<oneshot::Sender<Result<Arc<Response>, ChatError>>>);

impl Started {
    fn tell(&mut self, result: Result<Arc<Response>, ChatError>) {
        if let Some(sender) = self.0.take() {
            // A caller that went away is noticed by its reader.
            let _ = sender.send(result);
        }
    }

    fn is_told(&self) -> bool {
        self.0.is_none()
    }
}

/// What a running turn is made of.
struct Run {
    inner: Arc<Inner>,
    scope: Scope,
    id: ResponseId,
    model: Arc<Model>,
    deadline: Instant,
    log: Arc<Log>,
    stop: CancellationToken,
}

impl Run {
    async fn complete(self, request: TurnRequest, started: Started) {
        let live = Arc::new(LiveTurn {
            scope: self.scope.clone(),
            response: self.id,
            stored: request.store,
            conversation: OnceLock::new(),
            log: Arc::clone(&self.log),
            stop: self.stop.clone(),
            ended: CancellationToken::new(),
            last_sign_of_life: Mutex::new(Instant::now()),
        });
        self.inner.live.insert(&live);
        // Whatever panics in it: its readers hear that nothing will follow, and once it gives no
        // more signs of life, recovery ends what it may have stored.
        let _ =
            AssertUnwindSafe(self.begin_and_finish(request, started, &live)).catch_unwind().await;
        self.inner.live.remove(&live);
        self.log.close();
        live.ended.cancel();
    }

    async fn begin_and_finish(&self, request: TurnRequest, mut started: Started, live: &LiveTurn) {
        let store = request.store;
        let begun = tokio::select! {
            // Nobody waits for it any more and nothing is stored yet, or will be by this future.
            biased;
            () = self.log.abandoned().cancelled(), if !store => return,
            begun = self.begin(request, live) => begun,
        };
        let begun = match begun {
            Ok(begun) => begun,
            Err(error) => return started.tell(Err(error)),
        };
        let mut transcript = Transcript::new(self.id);
        let relayed = self.relay(begun.opening, &begun.response, &mut transcript, &mut started);
        let relayed = AssertUnwindSafe(relayed).catch_unwind().await;
        let outcome = relayed.unwrap_or_else(|_panic| relay::Outcome::fault());
        let ended = self.finish(&begun.response, begun.input_tokens, outcome, transcript, store);
        let ended = ended.await;

        self.inner.live.remove(live);
        if !started.is_told() {
            started.tell(match &ended.response.status {
                Status::Failed(failure) => Err(ChatError::Failed(failure.clone())),
                _ => Err(ChatError::Stopped),
            });
        }
        if let Status::Failed(failure) = &ended.response.status {
            self.log.push(EventKind::Failed(failure.clone()));
        }
        self.log.push(EventKind::Ended(Arc::new(ended)));
    }

    /// Completes with the status of a turn that shall end before its answer does.
    async fn stopped(&self) -> Status {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.log.abandoned().cancelled() => {}
            () = self.inner.shutdown.cancelled() => {}
        }
        self.was_stopped().unwrap_or(Status::Cancelled)
    }

    /// The status, if the turn shall end before its answer does.
    fn was_stopped(&self) -> Option<Status> {
        if self.stop.is_cancelled() || self.log.abandoned().is_cancelled() {
            Some(Status::Cancelled)
        } else if self.inner.shutdown.is_cancelled() {
            Some(Status::Incomplete(IncompleteReason::ServerShutdown))
        } else {
            None
        }
    }
}
