//! One answer, from the first attempt to its last event, as one state machine.
//!
//! ```text
//! open ──► listening ──► finished ──► draining ──► over
//!   ▲          │
//!   └─ pause ◄─┘   only while nothing has been heard
//! ```
//!
//! No task is spawned: the machine moves only while its reader asks for the next event, and when
//! it is dropped, in whatever state, the connection it holds is closed.

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, Uri};
use loquat_domain::Usage;
use loquat_outbound::{Body, HttpClient};
use loquat_provider::{ProviderError, ProviderEvent, Trail};
use tokio::time::{Instant, Sleep};

use crate::{
    Credentials, Limits, Pause, Refusal, Said, Translator, Wire, refusal::is_no_stream,
    sse::SseReader,
};

/// How long the usage and the end of the stream may take once the model has said why it stopped.
/// The servers that report usage do it in the next packet; the answer is whole without it.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long the end of the body may take after `[DONE]`. As a rule it is in the same packet; who
/// waits for it keeps a connection that would otherwise have to be made anew (1 to 3 round trips).
const DRAIN: Duration = Duration::from_millis(50);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has been heard: another attempt would be possible.
    Waiting,
    /// The answer has begun.
    Listening,
    /// The model has said why it stopped; its usage may still come.
    Finished,
    /// All is said; the body is read to its end so that the connection can be used again.
    Draining,
    /// Nothing more will come.
    Over,
}

/// One call, ready to be sent as often as it takes.
pub(crate) struct Call {
    pub(crate) client: Arc<HttpClient>,
    pub(crate) credentials: Option<Arc<dyn Credentials>>,
    pub(crate) uri: Uri,
    pub(crate) body: Bytes,
}

impl Call {
    /// Sends it and waits for the head of an event stream. Dropping the future closes the
    /// connection.
    async fn send(&self, wire: &impl Wire) -> Result<Response<Body>, Refusal> {
        let mut headers = HeaderMap::new();
        if let Some(credentials) = &self.credentials {
            let (name, value) = credentials.header().await?;
            headers.insert(name, value);
        }
        let response = self.client.post(&self.uri, &headers, self.body.clone()).await?;
        if response.status() == StatusCode::OK && !is_no_stream(response.headers()) {
            Ok(response)
        } else {
            Err(Refusal::read(response, wire).await)
        }
    }
}

/// The machine.
pub(crate) struct Answer<W: Wire> {
    wire: Arc<W>,
    call: Call,
    limits: Limits,
    /// Where is written down what is known to have been used, in case the answer is cut off.
    trail: Trail,
    /// What was written there last.
    written: Option<Usage>,
    phase: Phase,
    /// Further attempts so far.
    tries: u32,
    /// When the first event must have come.
    first_token_by: Instant,
    /// When the present phase must be left; meaningless while listening.
    leave_by: Instant,
    /// Armed for the present deadline or for an earlier one: it is moved when it fires too early,
    /// not with each event.
    timer: Pin<Box<Sleep>>,
    source: Option<Source<W::Translator>>,
    /// What the last frame said and nobody has fetched.
    ready: VecDeque<ProviderEvent>,
}

/// The body that is being read.
struct Source<T> {
    body: Body,
    frames: SseReader,
    translator: T,
}

impl<W: Wire> Answer<W> {
    /// An answer that must begin within the limits, counted from now.
    pub(crate) fn new(wire: Arc<W>, call: Call, limits: Limits, trail: Trail) -> Self {
        let first_token_by = Instant::now() + limits.first_token;
        Self {
            wire,
            call,
            limits,
            trail,
            written: None,
            phase: Phase::Waiting,
            tries: 0,
            first_token_by,
            leave_by: first_token_by,
            timer: Box::pin(tokio::time::sleep_until(first_token_by)),
            source: None,
            ready: VecDeque::new(),
        }
    }

    /// Asks until an attempt is accepted or there is no use in another.
    pub(crate) async fn open(&mut self) -> Result<(), ProviderError> {
        loop {
            match self.attempt().await {
                Ok(response) => {
                    self.source = Some(Source {
                        body: response.into_body(),
                        frames: SseReader::new(W::MAX_EVENT_BYTES),
                        translator: self.wire.translator(),
                    });
                    return Ok(());
                }
                Err(refusal) => self.pause(refusal).await?,
            }
        }
    }

    async fn attempt(&mut self) -> Result<Response<Body>, Refusal> {
        tokio::select! {
            biased;
            sent = self.call.send(&*self.wire) => sent,
            () = &mut self.timer => Err(ProviderError::FirstTokenTimeout.into()),
        }
    }

    /// Waits until there should be another attempt; gives the error back when there should be none
    /// or it would come too late.
    async fn pause(&mut self, refusal: Refusal) -> Result<(), ProviderError> {
        let Refusal { error, pause } = refusal;
        if pause == Pause::Rewritten
            && let Some(body) = self.wire.rewrite(&self.call.body)
        {
            tracing::debug!(%error, "the provider is asked otherwise");
            self.call.body = Bytes::from(body);
            return Ok(());
        }
        let may_retry = error.may_be_retried() && self.tries < self.limits.retries;
        let delay = pause.delay(self.limits.retry_delay, self.tries).filter(|_| may_retry);
        let Some(delay) = delay.filter(|delay| Instant::now() + *delay < self.first_token_by)
        else {
            return Err(error);
        };
        self.tries += 1;
        tracing::debug!(tries = self.tries, ?delay, %error, "the provider is asked again");
        tokio::time::sleep(delay).await;
        Ok(())
    }

    /// The next event; `None` after the last. After an error there is nothing more.
    pub(crate) async fn next(&mut self) -> Option<Result<ProviderEvent, ProviderError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.phase == Phase::Over {
                return None;
            }
            if let Err(error) = self.step().await
                && let Err(error) = self.recover(error).await
            {
                self.close();
                return Some(Err(error));
            }
        }
    }

    /// Moves on by one frame or one read.
    async fn step(&mut self) -> Result<(), ProviderError> {
        let Some(source) = &mut self.source else {
            self.phase = Phase::Over;
            return Ok(());
        };
        if self.phase == Phase::Draining {
            return self.drain().await;
        }
        let frame = source.frames.next();
        match frame.map_err(|_| ProviderError::Protocol("an event that is too large"))? {
            Some(frame) => {
                let said = source.translator.frame(&frame, &mut self.ready);
                self.write_usage_down();
                self.heard(said?);
            }
            None => match self.read().await? {
                Some(chunk) => self.push(chunk),
                None => self.ended()?,
            },
        }
        Ok(())
    }

    fn push(&mut self, chunk: Bytes) {
        if self.phase == Phase::Waiting {
            self.trail.hear();
        }
        if let Some(source) = &mut self.source {
            source.frames.push(chunk);
        }
    }

    fn heard(&mut self, said: Said) {
        let Some(source) = &mut self.source else { return };
        if said == Said::All {
            if source.translator.is_finished() {
                self.ready.extend(source.translator.usage().map(ProviderEvent::Usage));
            }
            self.enter(Phase::Draining, DRAIN);
        } else if source.translator.is_finished() {
            if self.phase != Phase::Finished {
                self.enter(Phase::Finished, LAST_WORDS.min(self.limits.idle));
            }
        } else if self.phase == Phase::Waiting && !self.ready.is_empty() {
            self.phase = Phase::Listening;
            // There will be no further attempt, and the history in it is most of a stream's memory.
            self.call.body = Bytes::new();
        }
    }

    fn enter(&mut self, phase: Phase, limit: Duration) {
        self.phase = phase;
        self.leave_by = Instant::now() + limit;
    }

    /// The body is at its end although nobody said that all is said.
    fn ended(&mut self) -> Result<(), ProviderError> {
        if self.phase == Phase::Waiting {
            return Err(ProviderError::Disconnected(None));
        }
        self.close();
        Ok(())
    }

    /// Lets go of the connection. Usage that came for a whole answer is still told, unless it has
    /// been: while the body is drained.
    fn close(&mut self) {
        let is_told = self.phase == Phase::Draining;
        self.phase = Phase::Over;
        if let Some(source) = self.source.take()
            && source.translator.is_finished()
            && !is_told
        {
            self.ready.extend(source.translator.usage().map(ProviderEvent::Usage));
        }
    }

    /// An answer that is cut off, or dropped, has cost what the endpoint said until then.
    fn write_usage_down(&mut self) {
        let usage = self.source.as_ref().and_then(|source| source.translator.usage());
        if let Some(usage) = usage.filter(|_| usage != self.written) {
            self.trail.used(usage);
            self.written = Some(usage);
        }
    }

    /// An error before the first event is a reason to try again; one after the model has said why
    /// it stopped takes nothing away.
    async fn recover(&mut self, error: ProviderError) -> Result<(), ProviderError> {
        match self.phase {
            Phase::Waiting => {
                self.ready.clear();
                let source = self.source.take();
                let pause = source.map_or(Pause::Backoff, |source| source.translator.pause());
                self.pause(Refusal { error, pause }).await?;
                self.open().await
            }
            Phase::Listening => {
                self.ready.clear();
                Err(error)
            }
            Phase::Finished | Phase::Draining | Phase::Over => {
                self.close();
                Ok(())
            }
        }
    }

    /// Reads to the end of the body and no longer than [`DRAIN`].
    async fn drain(&mut self) -> Result<(), ProviderError> {
        if self.read().await?.is_none() {
            self.close();
        }
        Ok(())
    }

    /// The body's next chunk; `None` at its end.
    async fn read(&mut self) -> Result<Option<Bytes>, ProviderError> {
        // A body that always has something ready must not keep others from their turn.
        tokio::task::consume_budget().await;
        let now = Instant::now();
        // Counted from here and not from the last chunk: the time that our reader took is its own.
        let deadline =
            if self.phase == Phase::Listening { now + self.limits.idle } else { self.leave_by };
        // Checked here because a body that always has something ready never lets the timer speak.
        if deadline <= now {
            return Err(self.late());
        }
        if deadline < self.timer.deadline() {
            self.timer.as_mut().reset(deadline);
        }
        let Some(source) = &mut self.source else { return Ok(None) };
        loop {
            tokio::select! {
                biased;
                chunk = source.body.chunk() => {
                    return chunk.map_err(|error| ProviderError::Disconnected(Some(error.into())));
                }
                () = &mut self.timer => {
                    if deadline <= Instant::now() {
                        return Err(self.late());
                    }
                    self.timer.as_mut().reset(deadline);
                }
            }
        }
    }

    fn late(&self) -> ProviderError {
        match self.phase {
            Phase::Waiting => ProviderError::FirstTokenTimeout,
            _ => ProviderError::IdleTimeout,
        }
    }
}
