//! A turn, from acceptance to terminal status.

mod begin;
mod finish;
mod relay;

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
};

use futures::FutureExt as _;
use loquat_domain::{
    CancelReason, EventKind, IncompleteReason, Response, ResponseId, Scope, Status,
};
use loquat_limits::Standing;
use loquat_provider::Trail;
use loquat_store::{Earlier, Once, StoreError};
use tokio::sync::{OwnedSemaphorePermit, SemaphorePermit, oneshot};

use crate::{
    ChatError, ChatService, EventReader, Model, TurnRequest,
    ending::ending,
    live::{LiveTurn, NewLiveTurn, Trace},
    log::{Keep, Log, Unread},
    service::Inner,
    transcript::Transcript,
};

/// A turn that was accepted.
///
/// Dropping it before its end cancels it, unless it runs in the background, has a key or runs in
/// another process.
#[derive(Debug)]
pub struct Turn {
    /// The response as it is at its first event: queued or in progress.
    pub response: Arc<Response>,
    /// False when its id will be unknown.
    pub stored: bool,
    /// What it emits, from the first event on.
    pub events: EventReader,
    /// How much is left of the limits that hold for it; empty where none do, and for one that was
    /// begun before.
    pub standings: Vec<Standing>,
}

impl ChatService {
    /// Starts a turn and returns once its start is stored and the provider has accepted it, or has
    /// taken longer than the grace for that; a turn in the background, once its start is stored.
    /// A request that comes again is not done again: the turn that it began is told from its start.
    ///
    /// Dropping the future at any point ends the turn as cancelled, or before anything is stored,
    /// unless it is one in the background or one that has a key.
    ///
    /// # Errors
    ///
    /// [`ChatError`]. Unless it is [`ChatError::Failed`], [`ChatError::Stopped`] or
    /// [`ChatError::AccessRevoked`], nothing was stored.
    pub async fn start_turn(&self, scope: &Scope, request: TurnRequest) -> Result<Turn, ChatError> {
        let inner = &self.inner;
        let Some(key) = request.once.clone() else { return self.begin_turn(scope, request).await };
        let (once, token) = (inner.once(key), request.token.clone());
        // Seen before the provider is called in vain, and before what the first request has changed
        // can be in the way; the commit sees it again.
        let earlier = match self.earlier(scope, &once).await? {
            Some(earlier) => earlier,
            None => match self.begin_turn(scope, request).await {
                Err(ChatError::Store(StoreError::Done(earlier))) => earlier,
                // It was begun, by this request: how it came out is the answer to it.
                begun @ (Ok(_)
                | Err(
                    ChatError::Failed { .. } | ChatError::Stopped | ChatError::AccessRevoked,
                )) => {
                    return begun;
                }
                // In the way may be the same request, which came between the two looks.
                Err(error) => self.earlier(scope, &once).await?.ok_or(error)?,
            },
        };
        inner.told_again(scope, token.as_ref(), earlier, once.fingerprint).await
    }

    async fn earlier(&self, scope: &Scope, once: &Once) -> Result<Option<Earlier>, ChatError> {
        self.inner.ports.turns.earlier(scope, once).await.map_err(ChatError::Store)
    }

    async fn begin_turn(&self, scope: &Scope, request: TurnRequest) -> Result<Turn, ChatError> {
        let inner = &self.inner;
        inner.accepts_turns()?;
        let model = inner.model(scope, request.model.as_deref())?;
        inner.check_turn(&request)?;

        let trace = match (request.store, &request.once) {
            (true, _) => Trace::Response,
            (false, Some(_)) => Trace::Hidden,
            (false, None) => Trace::None,
        };
        let place = if request.background { Some(inner.place_in_background()?) } else { None };
        let keep = if trace.is_stored() { Keep::Everything } else { Keep::Nothing };
        // Who gives a key means to come back for what it names.
        let goes_on = request.background || request.once.is_some();
        let unread = if goes_on { Unread::GoOn } else { Unread::Cancel };
        let log = Log::new(inner.limits.log_window_bytes, keep, unread);
        let events = EventReader::live(log.reader());
        let (started, answer) = oneshot::channel();
        let begin = NewLiveTurn {
            scope: scope.clone(),
            token: request.token.clone(),
            response: ResponseId::from_uuid(inner.ports.ids.next()),
            trace,
            at_work: !request.background,
        };
        let live = Arc::new(LiveTurn::new(begin, log));
        let run = Run {
            inner: Arc::clone(inner),
            model,
            live: Arc::clone(&live),
            trail: Trail::default(),
            _place: place,
        };
        inner.spawn_turn(run.complete(request, Started(Some(started))));
        let response = answer.await.unwrap_or(Err(ChatError::Internal))?;
        let standings = live.standings.get().cloned().unwrap_or_default();
        Ok(Turn { response, stored: trace == Trace::Response, events, standings })
    }
}

impl Inner {
    fn check_turn(&self, request: &TurnRequest) -> Result<(), ChatError> {
        if request.input.is_empty() {
            let message = "a turn needs at least one new item".to_owned();
            return Err(ChatError::Invalid { param: "input", message });
        }
        if request.background && !request.store {
            let message = "an answer in the background must be stored to be found again";
            return Err(ChatError::Invalid { param: "store", message: message.to_owned() });
        }
        self.check_contents(&request.input, "input")
    }

    fn place_in_background(&self) -> Result<OwnedSemaphorePermit, ChatError> {
        Arc::clone(&self.background).try_acquire_owned().map_err(|_| ChatError::QueueFull)
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
    model: Arc<Model>,
    /// The turn as the rest of the process sees it.
    live: Arc<LiveTurn>,
    /// Whom it has asked.
    trail: Trail,
    /// Held by a turn in the background until its end.
    _place: Option<OwnedSemaphorePermit>,
}

impl Run {
    async fn complete(self, request: TurnRequest, started: Started) {
        self.inner.live.insert(&self.live);
        // Whatever panics in it: its readers hear that nothing will follow, and once it gives no
        // more signs of life, recovery ends what it may have stored.
        let _ = AssertUnwindSafe(self.begin_and_finish(request, started)).catch_unwind().await;
        self.inner.live.remove(&self.live);
        self.live.log.close();
        self.live.ended.cancel();
    }

    async fn begin_and_finish(&self, request: TurnRequest, mut started: Started) {
        let begun = tokio::select! {
            // Nobody waits for it any more and nothing is stored yet, or will be by this future.
            biased;
            () = self.live.log.abandoned().cancelled(), if !self.live.trace.is_stored() => {
                return self.inner.charge_unstored(&self.account(), &self.trail, None);
            }
            begun = self.begin(request) => begun,
        };
        let (mut begun, opening) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                self.inner.charge_unstored(&self.account(), &self.trail, None);
                return started.tell(Err(error));
            }
        };
        let mut transcript = Transcript::new(self.live.response);
        self.live.log.push(EventKind::Created);
        let relayed = async {
            let _at_work = match self.turn_of_its_own(&begun.response, &mut started).await {
                Ok(at_work) => at_work,
                Err(outcome) => return outcome,
            };
            self.live.log.push(EventKind::InProgress);
            self.relay(opening, &begun.response, &mut transcript, &mut started).await
        };
        let relayed = AssertUnwindSafe(relayed).catch_unwind().await;
        let outcome = relayed.unwrap_or_else(|_panic| relay::Outcome::fault());
        let retry_after = outcome.retry_after;
        let ended = self.finish(&mut begun, outcome, transcript).await;
        if !started.is_told() {
            started.tell(match &ended.response.status {
                Status::Failed(failure) => {
                    Err(ChatError::Failed { failure: failure.clone(), retry_after })
                }
                Status::Cancelled(CancelReason::AccessRevoked) => Err(ChatError::AccessRevoked),
                _ => Err(ChatError::Stopped),
            });
        }
        for kind in ending(Arc::new(ended)) {
            self.live.log.push(kind);
        }
    }

    /// Lets a turn in the background wait until fewer of them are at work. Its caller does not.
    async fn turn_of_its_own(
        &self,
        response: &Arc<Response>,
        started: &mut Started,
    ) -> Result<Option<SemaphorePermit<'_>>, relay::Outcome> {
        if !response.background {
            return Ok(None);
        }
        self.live.log.push(EventKind::Queued);
        started.tell(Ok(Arc::clone(response)));
        let at_work = tokio::select! {
            biased;
            status = self.stopped() => return Err(relay::Outcome::of(status)),
            at_work = self.inner.at_work.acquire() => at_work,
        };
        self.live.at_work.store(true, Ordering::Relaxed);
        // Only a closed semaphore gives none, and nobody closes this one.
        Ok(at_work.ok())
    }

    /// Completes with the status of a turn that shall end before its answer does.
    async fn stopped(&self) -> Status {
        tokio::select! {
            () = self.live.stop.cancelled() => {}
            () = self.live.log.abandoned().cancelled() => {}
            () = self.inner.shutdown.cancelled() => {}
        }
        self.was_stopped().unwrap_or(Status::Cancelled(CancelReason::ByOwner))
    }

    /// The status, if the turn shall end before its answer does.
    fn was_stopped(&self) -> Option<Status> {
        if let Some(reason) = self.live.stopped_by() {
            Some(Status::Cancelled(reason))
        } else if self.inner.shutdown.is_cancelled() {
            // Its readers may be gone because the server is going.
            Some(Status::Incomplete(IncompleteReason::ServerShutdown))
        } else if self.live.log.abandoned().is_cancelled() {
            Some(Status::Cancelled(CancelReason::ByOwner))
        } else {
            None
        }
    }
}
