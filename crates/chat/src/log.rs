//! A live turn's event log: one writer, any number of readers, bounded memory.
//!
//! The log holds only what its slowest reader has not read, and, written out, what the store has
//! not got yet. The writer waits while that is more than the window; readers wait for the writer.
//! Readers visit events in place, so that an event is encoded straight from the log into a socket's
//! buffer.

mod reader;
mod unsaved;

use std::{
    collections::VecDeque,
    mem::size_of,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use loquat_domain::{Event, EventKind, ItemStart};
use loquat_store::CheckpointLog;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

pub(crate) use reader::LogReader;
pub use reader::Read;
use reader::{PARKED, Position};
use unsaved::Unsaved;

/// What becomes of a turn that nobody reads any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is cancelled.
    Cancel,
    /// It goes on.
    GoOn,
}

/// What of a turn is to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Everything, its events included.
    Everything,
    /// Nothing.
    Nothing,
}

/// The log of one turn.
#[derive(Debug)]
pub(crate) struct Log {
    state: Mutex<State>,
    window_bytes: usize,
    unread: Unread,
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
    readers: Vec<Position>,
    next_reader: u64,
    /// `None` when nothing is to be stored.
    unsaved: Option<Unsaved>,
    closed: bool,
}

impl Log {
    pub(crate) fn new(window_bytes: usize, keep: Keep, unread: Unread) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                events: VecDeque::new(),
                first: 0,
                bytes: 0,
                readers: Vec::with_capacity(1),
                next_reader: 0,
                unsaved: (keep == Keep::Everything).then(Unsaved::new),
                closed: false,
            }),
            window_bytes,
            unread,
            room: Notify::new(),
            abandoned: CancellationToken::new(),
        })
    }

    /// A reader of everything that the log still holds and will get.
    pub(crate) fn reader(self: &Arc<Self>) -> LogReader {
        let mut state = self.lock();
        let first = state.first;
        let id = state.add_reader(first);
        drop(state);
        LogReader::new(Arc::clone(self), id)
    }

    /// A reader that has its place and reads nothing yet, because it is still busy with what came
    /// before: see [`LogReader::catch_up`]. `None` once the store has everything, or will not get
    /// anything.
    pub(crate) fn parked_reader(self: &Arc<Self>) -> Option<LogReader> {
        let mut state = self.lock();
        state.unsaved.as_ref()?;
        let id = state.add_reader(PARKED);
        drop(state);
        Some(LogReader::new(Arc::clone(self), id))
    }

    /// Cancelled when nobody reads any more before the log was closed, if that matters.
    pub(crate) fn abandoned(&self) -> &CancellationToken {
        &self.abandoned
    }

    /// Appends an event and returns at once; true when the log holds more than its window now.
    pub(crate) fn push(&self, kind: EventKind) -> bool {
        let mut state = self.lock();
        let sequence = state.end();
        let event = Event { sequence, kind };
        if let Some(unsaved) = &mut state.unsaved {
            unsaved.push(&event.kind);
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
        let nobody_reads = state.readers.is_empty() && !state.closed;
        drop(state);
        expired.into_iter().for_each(Waker::wake);
        if nobody_reads {
            self.abandon();
        }
        Some(look_again)
    }

    /// The last reader has gone.
    fn abandon(&self) {
        match self.unread {
            Unread::Cancel => self.abandoned.cancel(),
            Unread::GoOn => {}
        }
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
        state.unsaved.as_mut()?.due(end, age, bytes)
    }

    /// All that the store is not known to have. Nothing may be pushed afterwards that is to be
    /// stored.
    pub(crate) fn all_unsaved(&self) -> Vec<CheckpointLog> {
        let mut state = self.lock();
        let end = state.end();
        state.unsaved.as_mut().map(|unsaved| unsaved.all(end)).unwrap_or_default()
    }

    /// The store has got the run.
    pub(crate) fn saved(&self) {
        if let Some(unsaved) = &mut self.lock().unsaved {
            unsaved.saved();
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

    /// True once there was an event. The first comes when the turn's beginning is stored.
    pub(crate) fn has_begun(&self) -> bool {
        self.lock().end() > 0
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
    fn add_reader(&mut self, next: u64) -> u64 {
        let id = self.next_reader;
        self.next_reader += 1;
        self.readers.push(Position::new(id, next));
        id
    }

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

#[cfg(test)]
mod tests;
