//! Reading what a turn emits, wherever it runs or ran.
//!
//! A turn of this process is read from its log. Any other, and one that is read from the start when
//! its log has let go of that, is read from the store: what was checkpointed, then what is
//! checkpointed meanwhile, or the live log where this process has it, then the end.

mod retold;

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use loquat_domain::{Ended, Event, EventKind, ResponseId, Scope, TokenId};
use loquat_store::{
    CheckpointLog, EventLog, LogEnd, StoreError, StoredResponse, TurnStore, json::EventDecoder,
};
use tokio::time::Instant;

use crate::{
    access::Reader,
    ending::ending,
    log::{LogReader, Read},
    service::Inner,
};

/// The most runs that are read at once: a run has 2 KiB of events where they come slowly, and not
/// much more than half of a log's window where they come fast. They are decoded one at a time.
const RUNS: u32 = 8;

/// For how long a store that cannot be reached is asked again: the time that a database takes to
/// restart, twice.
const PATIENCE: Duration = Duration::from_secs(20);

/// A reader of a turn's events, with a position of its own.
///
/// Dropping the last reader of a turn before its end cancels the turn, unless it runs in the
/// background, has a key or runs in another process.
#[derive(Debug)]
pub struct EventReader(Source);

#[derive(Debug)]
enum Source {
    Live(LogReader),
    Stored(StoredReader),
}

impl EventReader {
    pub(crate) fn live(reader: LogReader) -> Self {
        Self(Source::Live(reader))
    }

    fn stored(follower: Follower, reader: Arc<Reader>) -> Self {
        Self(Source::Stored(StoredReader {
            ready: VecDeque::new(),
            reading: Some(follower.next_batch().boxed()),
            revoked: reader.revoked.clone().cancelled_owned().boxed(),
            _reader: reader,
        }))
    }

    /// Visits the events that have not been read yet, in order, until `visit` breaks or there are
    /// none left; the event at which it breaks counts as read.
    ///
    /// Ready with [`Read::Events`] when at least one was visited; else the task is woken when there
    /// are more. `visit` may run under a lock: it must not block.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        visit: &mut dyn FnMut(&Event) -> ControlFlow<()>,
    ) -> Poll<Read> {
        match &mut self.0 {
            Source::Live(reader) => reader.poll_read(cx, visit),
            Source::Stored(reader) => reader.poll_read(cx, visit),
        }
    }

    /// Waits for events and returns them; empty when nothing will follow.
    pub async fn next_batch(&mut self) -> Vec<Event> {
        let mut batch = Vec::new();
        std::future::poll_fn(|cx| {
            self.poll_read(cx, &mut |event| {
                batch.push(event.clone());
                ControlFlow::Continue(())
            })
        })
        .await;
        batch
    }
}

/// What was read from the store and not visited yet.
struct StoredReader {
    ready: VecDeque<Event>,
    /// `None` when nothing will follow.
    reading: Option<BoxFuture<'static, (Vec<Event>, Follower)>>,
    /// Completes when whoever reads may do so no longer.
    revoked: BoxFuture<'static, ()>,
    _reader: Arc<Reader>,
}

impl std::fmt::Debug for StoredReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredReader").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

impl StoredReader {
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        visit: &mut dyn FnMut(&Event) -> ControlFlow<()>,
    ) -> Poll<Read> {
        if self.reading.is_some() && self.revoked.poll_unpin(cx).is_ready() {
            self.ready.clear();
            self.reading = None;
        }
        while self.ready.is_empty() {
            let Some(reading) = &mut self.reading else { return Poll::Ready(Read::Closed) };
            let (batch, follower) = std::task::ready!(reading.poll_unpin(cx));
            self.reading = (!batch.is_empty()).then(|| follower.next_batch().boxed());
            self.ready.extend(batch);
        }
        while let Some(event) = self.ready.pop_front() {
            if visit(&event).is_break() {
                break;
            }
        }
        Poll::Ready(Read::Events)
    }
}

/// Reads a turn's events from the first on.
struct Follower {
    turns: Arc<dyn TurnStore>,
    scope: Scope,
    id: ResponseId,
    /// Pause between two looks at a turn that runs elsewhere.
    pause: Duration,
    /// A place at the live log, where this process has it.
    parked: Option<LogReader>,
    /// Read, and not decoded yet.
    runs: VecDeque<CheckpointLog>,
    decoder: EventDecoder,
    /// Sequence number of the next event.
    next: u64,
    /// Number of the last event that its reader has had before.
    after: Option<u64>,
    source: From,
}

impl Inner {
    /// Reads the events of a turn after that number, or from the first on, wherever it runs or ran,
    /// for as long as the access of whoever reads, with this token, is not revoked.
    pub(crate) fn follow(
        &self,
        scope: &Scope,
        token: Option<&TokenId>,
        id: ResponseId,
        after: Option<u64>,
    ) -> EventReader {
        let follower = Follower {
            turns: Arc::clone(&self.ports.turns),
            scope: scope.clone(),
            id,
            pause: self.limits.follow_interval,
            parked: self.live.named(scope, id).and_then(|turn| turn.log.parked_reader()),
            runs: VecDeque::new(),
            decoder: EventDecoder::new(),
            next: 0,
            after,
            source: From::Store,
        };
        EventReader::stored(follower, self.access.reader(scope, token))
    }
}

/// Where the next events are.
enum From {
    Store,
    Log(LogReader),
    Nowhere,
}

/// Nothing more can be read: the response was deleted, or the store fails.
struct CutOff;

impl Follower {
    /// The next events; none when nothing will follow.
    async fn next_batch(mut self) -> (Vec<Event>, Self) {
        let batch = self.read().await.unwrap_or_else(|CutOff| Vec::new());
        (batch, self)
    }

    async fn read(&mut self) -> Result<Vec<Event>, CutOff> {
        loop {
            let events = if let Some(run) = self.runs.pop_front() {
                self.decode(&run)?
            } else {
                match &mut self.source {
                    From::Nowhere => return Ok(Vec::new()),
                    From::Store => self.read_store().await?,
                    From::Log(reader) => {
                        let batch = reader.next_batch().await;
                        if batch.is_empty() {
                            return Ok(batch);
                        }
                        batch
                    }
                }
            };
            let unread = self.unread(events);
            if !unread.is_empty() {
                return Ok(unread);
            }
        }
    }

    /// The end is always unread: a reader must hear of it.
    fn unread(&self, events: Vec<Event>) -> Vec<Event> {
        let Some(last) = self.after else { return events };
        let is_unread =
            |event: &Event| event.sequence > last || matches!(event.kind, EventKind::Ended(_));
        events.into_iter().filter(is_unread).collect()
    }

    /// Fetches what the store has of the next events, or finds out where else they are.
    async fn read_store(&mut self) -> Result<Vec<Event>, CutOff> {
        let log = self.patiently(Self::log).await?;
        self.runs.extend(log.runs);
        if !self.runs.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(end) = log.end {
            self.source = From::Nowhere;
            return self.end(end).await;
        }
        if let Some(mut reader) = self.parked.take() {
            if let Some(before) = reader.catch_up(self.next) {
                self.runs.extend(before);
                self.source = From::Log(reader);
                return Ok(Vec::new());
            }
            self.parked = Some(reader);
        }
        tokio::time::sleep(self.pause).await;
        Ok(Vec::new())
    }

    fn log(&self) -> BoxFuture<'_, Result<EventLog, StoreError>> {
        self.turns.events(&self.scope, self.id, self.next, RUNS)
    }

    fn response(&self) -> BoxFuture<'_, Result<StoredResponse, StoreError>> {
        self.turns.response(&self.scope, self.id)
    }

    /// The events of a run, unless they were read already.
    fn decode(&mut self, run: &CheckpointLog) -> Result<Vec<Event>, CutOff> {
        if run.first != self.next {
            return Ok(Vec::new());
        }
        let events = self.decoder.push(&run.events).map_err(|error| self.cut(&error))?;
        self.next = run.last + 1;
        Ok(events)
    }

    /// What follows the last event of the log.
    async fn end(&mut self, end: LogEnd) -> Result<Vec<Event>, CutOff> {
        let stored = self.patiently(Self::response).await?;
        if !end.kept && self.next == 0 {
            // Its numbers are not those that its reader knows.
            self.after = None;
            return Ok(retold::events(stored));
        }
        let output = stored.output.into_iter().map(Arc::new).collect();
        let ended = Arc::new(Ended { response: stored.response, output });
        let numbered = (self.next..).zip(ending(ended));
        let events: Vec<_> = numbered.map(|(sequence, kind)| Event { sequence, kind }).collect();
        if events.last().map(|event| event.sequence) == Some(end.last_sequence) {
            return Ok(events);
        }
        // The middle of it was forgotten while it was read.
        tracing::warn!(response = %self.id, "a log ended before its last event");
        Err(CutOff)
    }

    /// Asks the store, and asks again while it cannot be reached.
    async fn patiently<T>(
        &self,
        ask: impl Fn(&Self) -> BoxFuture<'_, Result<T, StoreError>>,
    ) -> Result<T, CutOff> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match ask(self).await {
                Ok(answer) => return Ok(answer),
                Err(StoreError::Unavailable(_)) if Instant::now() < deadline => {
                    tokio::time::sleep(self.pause).await;
                }
                Err(error) => return Err(self.cut(&error)),
            }
        }
    }

    fn cut(&self, error: &StoreError) -> CutOff {
        if !matches!(error, StoreError::NotFound) {
            let error: &dyn std::error::Error = error;
            tracing::error!(error, response = %self.id, "a log cannot be read");
        }
        CutOff
    }
}
