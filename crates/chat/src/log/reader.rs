//! A position in a turn's log.

use std::{
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use loquat_domain::Event;
use loquat_store::CheckpointLog;
use tokio::time::Instant;

use super::Log;

/// Where a reader stands that needs nothing of the log yet.
pub(super) const PARKED: u64 = u64::MAX;

/// Where a reader stands.
#[derive(Debug)]
pub(super) struct Position {
    pub(super) id: u64,
    /// Sequence number of the next event that it will read.
    pub(super) next: u64,
    /// Since when it has not taken what there was to take.
    pub(super) stalled_since: Option<Instant>,
    pub(super) waker: Option<Waker>,
}

impl Position {
    pub(super) fn new(id: u64, next: u64) -> Self {
        Self { id, next, stalled_since: None, waker: None }
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

/// A reader of a live turn's log. Dropping the last one of a turn before its end cancels the turn,
/// unless it is one that goes on.
#[derive(Debug)]
pub(crate) struct LogReader {
    log: Arc<Log>,
    id: u64,
}

impl LogReader {
    pub(super) fn new(log: Arc<Log>, id: u64) -> Self {
        Self { log, id }
    }

    /// See [`EventReader::poll_read`](crate::EventReader::poll_read). `visit` runs under the log's
    /// lock.
    pub(crate) fn poll_read(
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

    /// Lets a parked reader read what comes from now on, if nothing lies between that and `next`, the
    /// first event that it has not had. Returns what the store may lack of what came before.
    pub(crate) fn catch_up(&mut self, next: u64) -> Option<Vec<CheckpointLog>> {
        let mut guard = self.log.lock();
        let state = &mut *guard;
        let end = state.end();
        let before = state.unsaved.as_ref()?.copy(end);
        if before.first().map_or(end, |run| run.first) > next {
            return None;
        }
        let position = state.readers.iter_mut().find(|reader| reader.id == self.id)?;
        position.next = end;
        Some(before)
    }

    /// Waits for events and returns them; empty when nothing will follow.
    pub(crate) async fn next_batch(&mut self) -> Vec<Event> {
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

impl Drop for LogReader {
    fn drop(&mut self) {
        let mut state = self.log.lock();
        state.readers.retain(|reader| reader.id != self.id);
        state.trim();
        let is_last = state.readers.is_empty() && !state.closed;
        drop(state);
        self.log.room.notify_waiters();
        if is_last {
            self.log.abandon();
        }
    }
}
