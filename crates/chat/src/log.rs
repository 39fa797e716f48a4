//! A live turn's event log: one writer, any number of readers, bounded memory.
//!
//! The log holds only what its slowest reader has not read, and, written out, what the store has
//! not got yet. The writer waits while that is more than the window; readers wait for the writer.
//! Readers visit events in place, so that an event is encoded straight from the log into a socket's
//! buffer.

use std::{
    collections::VecDeque,
    mem::size_of,
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use loquat_domain::{Event, EventKind, ItemStart};
use loquat_store::{CheckpointLog, json};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

/// The log of one turn.
#[derive(Debug)]
pub(crate) struct Log {
    state: Mutex<State>,
    window_bytes: usize,
    /// Rung when a reader or the store has made room.
    room: Notify,
    /// Cancelled when the last reader has gone before the end.
    abandoned: CancellationToken,
}

#[derive(Debug)]
struct State {
    /// What some reader still needs, in order.
    events: VecDeque<Event>,
    /// Sequence number of the first of `events`, or of the next event when there is none.
    first: u64,
    /// Cost of `events` in bytes.
    bytes: usize,
    readers: Vec<ReaderState>,
    next_reader: u64,
    /// `None` when nothing is to be stored.
    unsaved: Option<Unsaved>,
    closed: bool,
}

#[derive(Debug)]
struct ReaderState {
    id: u64,
    /// Sequence number of the next event that it will read.
    next: u64,
    /// Since when it has not taken what there was to take.
    stalled_since: Option<Instant>,
    waker: Option<Waker>,
}

/// What the store has not got yet, in the form in which it gets it: many times smaller than the
/// events themselves.
#[derive(Debug)]
struct Unsaved {
    /// Being written, or to be written again: a run stays as it is until the store has it.
    run: Option<CheckpointLog>,
    /// Sequence number of the first event of `next`.
    first: u64,
    /// What comes after `run`.
    next: json::EventEncoder,
    /// Since when `next` is not empty.
    since: Instant,
}

impl Unsaved {
    fn bytes(&self) -> usize {
        self.next.len() + self.run.as_ref().map_or(0, |run| run.events.len())
    }
}

/// What became of an attempt to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// At least one event was visited; there may be more.
    Events,
    /// Nothing will follow: the last event was read, or the reader was ended for being too slow.
    Closed,
}

impl Log {
    pub(crate) fn new(window_bytes: usize, stored: bool) -> Arc<Self> {
        let unsaved = stored.then(|| Unsaved {
            run: None,
            first: 0,
            next: json::EventEncoder::default(),
            since: Instant::now(),
        });
        Arc::new(Self {
            state: Mutex::new(State {
                events: VecDeque::new(),
                first: 0,
                bytes: 0,
                readers: Vec::with_capacity(1),
                next_reader: 0,
                unsaved,
                closed: false,
            }),
            window_bytes,
            room: Notify::new(),
            abandoned: CancellationToken::new(),
        })
    }

    /// A reader of everything that the log still holds and will get.
    pub(crate) fn reader(self: &Arc<Self>) -> EventReader {
        let mut state = self.lock();
        let id = state.next_reader;
        state.next_reader += 1;
        let next = state.first;
        state.readers.push(ReaderState { id, next, stalled_since: None, waker: None });
        drop(state);
        EventReader { log: Arc::clone(self), id }
    }

    /// Cancelled when the last reader has gone before the log was closed.
    pub(crate) fn abandoned(&self) -> &CancellationToken {
        &self.abandoned
    }

    /// Appends an event and returns at once; true when the log holds more than its window now.
    pub(crate) fn push(&self, kind: EventKind) -> bool {
        let mut state = self.lock();
        let sequence = state.end();
        let event = Event { sequence, kind };
        if let Some(unsaved) = &mut state.unsaved {
            if unsaved.next.is_empty() {
                unsaved.since = Instant::now();
            }
            unsaved.next.push(&event.kind);
        }
        state.bytes += cost(&event);
        state.events.push_back(event);
        let mut wakers = state.readers.iter_mut().filter_map(|reader| reader.waker.take());
        // One reader is the rule: no allocation for it.
        let first = wakers.next();
        let others: Vec<Waker> = wakers.collect();
        state.trim();
        let is_full = state.held() > self.window_bytes;
        drop(state);
        first.into_iter().chain(others).for_each(Waker::wake);
        is_full
    }

    /// Waits until the log holds less than its window, ending readers that have not moved for
    /// `slow_reader`.
    pub(crate) async fn wait_for_room(&self, slow_reader: Duration) {
        loop {
            let room = self.room.notified();
            let Some(deadline) = self.hold_up(slow_reader) else { return };
            let _ = tokio::time::timeout_at(deadline, room).await;
        }
    }

    /// `None` when there is room; else the time at which to look again.
    fn hold_up(&self, slow_reader: Duration) -> Option<Instant> {
        let mut state = self.lock();
        if state.held() <= self.window_bytes {
            return None;
        }
        let now = Instant::now();
        let (held_from, behind) = (state.first, state.events.len());
        let mut look_again = now + slow_reader;
        let mut expired = Vec::new();
        state.readers.retain_mut(|reader| {
            // Where the readers have read all, it is the store that holds the writer up.
            if behind == 0 || reader.next > held_from {
                return true;
            }
            let since = *reader.stalled_since.get_or_insert(now);
            look_again = look_again.min(since + slow_reader);
            let keep = since + slow_reader > now;
            if !keep {
                expired.extend(reader.waker.take());
            }
            keep
        });
        state.trim();
        let abandoned = state.readers.is_empty() && !state.closed;
        drop(state);
        expired.into_iter().for_each(Waker::wake);
        if abandoned {
            self.abandoned.cancel();
        }
        Some(look_again)
    }

    /// True when half of the window is held because the store has not got it yet.
    pub(crate) fn wants_saving(&self) -> bool {
        let state = self.lock();
        state.unsaved.as_ref().is_some_and(|it| it.bytes() > self.window_bytes / 2)
    }

    /// What the store has not got yet, if there are `bytes` of it or some of it is `age` old. The
    /// same run again, until it is [`saved`](Self::saved).
    pub(crate) fn unsaved(&self, age: Duration, bytes: usize) -> Option<CheckpointLog> {
        let mut state = self.lock();
        let end = state.end();
        let unsaved = state.unsaved.as_mut()?;
        if unsaved.run.is_none() {
            let is_due = unsaved.next.len() >= bytes || unsaved.since.elapsed() >= age;
            if unsaved.next.is_empty() || !is_due {
                return None;
            }
            let events = std::mem::take(&mut unsaved.next).finish();
            unsaved.run = Some(CheckpointLog { first: unsaved.first, last: end - 1, events });
            unsaved.first = end;
        }
        unsaved.run.clone()
    }

    /// The store has got the run.
    pub(crate) fn saved(&self) {
        if let Some(unsaved) = &mut self.lock().unsaved {
            unsaved.run = None;
        }
        self.room.notify_waiters();
    }

    /// Nothing more will be checkpointed: the turn's end is stored, or will not be.
    pub(crate) fn stop_saving(&self) {
        self.lock().unsaved = None;
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let wakers: Vec<Waker> =
            state.readers.iter_mut().filter_map(|reader| reader.waker.take()).collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Sequence number of the last event.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.lock().end().saturating_sub(1)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements, so a panic elsewhere spoils nothing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Sequence number of the next event.
    fn end(&self) -> u64 {
        self.first + u64::try_from(self.events.len()).unwrap_or(u64::MAX)
    }

    /// What is held, in bytes.
    fn held(&self) -> usize {
        self.bytes + self.unsaved.as_ref().map_or(0, Unsaved::bytes)
    }

    /// Lets go of what no reader needs any more.
    fn trim(&mut self) {
        let needed = self.readers.iter().map(|reader| reader.next).min().unwrap_or(u64::MAX);
        while self.first < needed {
            let Some(event) = self.events.pop_front() else { return };
            self.bytes = self.bytes.saturating_sub(cost(&event));
            self.first += 1;
        }
    }
}

/// What an event costs in memory, in bytes.
fn cost(event: &Event) -> usize {
    let text = match &event.kind {
        EventKind::Delta { text, .. } => text.len(),
        // The two share one text with the item.
        EventKind::TextDone { text, .. } => text.len(),
        EventKind::ItemAdded { start: ItemStart::FunctionCall { call_id, name }, .. } => {
            call_id.len() + name.len()
        }
        _ => 0,
    };
    size_of::<Event>() + text
}

/// A reader of a turn's events, with a position of its own.
///
/// Dropping the last reader of a turn before its end cancels the turn.
#[derive(Debug)]
pub struct EventReader {
    log: Arc<Log>,
    id: u64,
}

impl EventReader {
    /// Visits the events that have not been read yet, in order, until `visit` breaks or there are
    /// none left; the event at which it breaks counts as read.
    ///
    /// Ready with [`Read::Events`] when at least one was visited; else the task is woken when there
    /// are more. `visit` runs under the log's lock: it must not block.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        visit: &mut dyn FnMut(&Event) -> ControlFlow<()>,
    ) -> Poll<Read> {
        let mut guard = self.log.lock();
        let state = &mut *guard;
        let Some(reader) = state.readers.iter_mut().find(|reader| reader.id == self.id) else {
            return Poll::Ready(Read::Closed);
        };
        let skip = usize::try_from(reader.next - state.first).unwrap_or(usize::MAX);
        let before = reader.next;
        for event in state.events.iter().skip(skip) {
            reader.next += 1;
            if visit(event).is_break() {
                break;
            }
        }
        if reader.next > before {
            reader.stalled_since = None;
            let was_full = state.held() > self.log.window_bytes;
            state.trim();
            drop(guard);
            if was_full {
                self.log.room.notify_waiters();
            }
            return Poll::Ready(Read::Events);
        }
        if state.closed {
            return Poll::Ready(Read::Closed);
        }
        reader.waker = Some(cx.waker().clone());
        Poll::Pending
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

impl Drop for EventReader {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        state.readers.retain(|reader| reader.id != self.id);
        state.trim();
        let abandoned = state.readers.is_empty() && !state.closed;
        drop(state);
        self.log.room.notify_waiters();
        if abandoned {
            self.log.abandoned.cancel();
        }
    }
}

#[cfg(test)]
mod tests;
