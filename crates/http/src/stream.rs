//! A turn as an HTTP body: a reader of its events, an encoder and a heartbeat.
//!
//! Dropping the body drops the reader; when it was the last one the turn is cancelled. Nothing
//! else lives here: a turn outlives whatever becomes of its body.

use std::{
    ops::ControlFlow,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use bytes::Bytes;
use futures::Stream;
use loquat_chat::{EventReader, Read, Turn};
use loquat_domain::{Ended, EventKind};
use tokio::time::{Instant, Sleep};

use crate::encode::{
    ChatEncoder, ChatFormat, CompletionsEncoder, Encode, ReasoningEvents, ResponsesEncoder, Step,
};

/// How long a stream may be silent. Proxies commonly close a silent connection after 30 or 60 s.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The most that is encoded for one write, in bytes: half of actix's write buffer.
const WRITE_BYTES: usize = 16 * 1024;

/// How long the last words before a cut have to be sent: actix drops what it has not written yet
/// when a body fails. Longer than the round trips that a reader who keeps up needs for them.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Room for the frame of one token in any format, in bytes.
const FRAME_BYTES: usize = 256;

/// Streams a turn as `/v1/responses` does, for a client that has had the events up to `had`.
pub(crate) fn responses(turn: Turn, reasoning: ReasoningEvents, had: Option<u64>) -> HttpResponse {
    let encoder = ResponsesEncoder::new(turn.response, turn.stored, reasoning).after(had);
    stream("text/event-stream; charset=utf-8", Body::new(turn.events, encoder))
}

/// Streams a turn as `/v1/chat/completions` does.
pub(crate) fn completions(turn: Turn, include_usage: bool) -> HttpResponse {
    let encoder = CompletionsEncoder::new(turn.response, include_usage);
    stream("text/event-stream; charset=utf-8", Body::new(turn.events, encoder))
}

/// Streams a turn as `/chat/stream` does.
pub(crate) fn chat(turn: Turn, format: ChatFormat) -> HttpResponse {
    let content_type = match format {
        ChatFormat::Text => "text/plain; charset=utf-8",
        ChatFormat::Ndjson => "application/x-ndjson",
        ChatFormat::Sse => "text/event-stream; charset=utf-8",
    };
    let encoder = ChatEncoder::new(turn.response, format);
    stream(content_type, Body::new(turn.events, encoder))
}

/// Waits for a turn's end. `None` when the turn broke off without one, which only a fault of ours
/// can do.
pub(crate) async fn wait(mut turn: Turn) -> Option<Arc<Ended>> {
    let mut ended = None;
    while ended.is_none() {
        let read = std::future::poll_fn(|cx| {
            turn.events.poll_read(cx, &mut |event| {
                if let EventKind::Ended(end) = &event.kind {
                    ended = Some(Arc::clone(end));
                }
                ControlFlow::Continue(())
            })
        });
        if read.await == Read::Closed {
            break;
        }
    }
    ended
}

fn stream<E: Encode>(content_type: &'static str, body: Body<E>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, content_type))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body)
}

struct Body<E> {
    events: EventReader,
    encoder: E,
    last_write: Instant,
    heartbeat: Pin<Box<Sleep>>,
    next: Step,
}

/// The connection is cut: the client must not take what it has for the whole answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer ended before it was whole")]
struct CutOff;

impl<E: Encode> Body<E> {
    fn new(events: EventReader, encoder: E) -> Self {
        Self {
            events,
            encoder,
            last_write: Instant::now(),
            heartbeat: Box::pin(tokio::time::sleep(HEARTBEAT)),
            next: Step::More,
        }
    }

    /// Encodes what there is, up to one write; pending when there is nothing.
    fn poll_frames(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<u8>, CutOff>> {
        let mut out = Vec::with_capacity(FRAME_BYTES);
        while out.is_empty() && self.next == Step::More {
            let Self { events, encoder, next, .. } = self;
            let read = events.poll_read(cx, &mut |event| {
                *next = encoder.encode(event, &mut out);
                if *next == Step::More && out.len() < WRITE_BYTES {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Read::Events) if self.next == Step::Cut => {
                    self.heartbeat.as_mut().reset(Instant::now() + LAST_WORDS);
                }
                Poll::Ready(Read::Events) => {}
                Poll::Ready(Read::Closed) => {
                    self.next = Step::Last;
                    return Poll::Ready(Err(CutOff));
                }
            }
        }
        Poll::Ready(Ok(out))
    }

    /// Ready when the stream has been silent for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.heartbeat.as_mut().poll(cx).is_ready() {
            let due = self.last_write + HEARTBEAT;
            if due <= Instant::now() {
                self.last_write = Instant::now();
                self.heartbeat.as_mut().reset(self.last_write + HEARTBEAT);
                return Poll::Ready(());
            }
            // Something was written meanwhile: the timer is moved only now, not at each write.
            self.heartbeat.as_mut().reset(due);
        }
        Poll::Pending
    }
}

impl<E: Encode> Stream for Body<E> {
    type Item = Result<Bytes, CutOff>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match this.next {
                Step::More => {}
                Step::Last => return Poll::Ready(None),
                Step::Cut => {
                    ready!(this.heartbeat.as_mut().poll(cx));
                    this.next = Step::Last;
                    return Poll::Ready(Some(Err(CutOff)));
                }
            }
            match this.poll_frames(cx) {
                // The last event has no frame in this format.
                Poll::Ready(Ok(frames)) if frames.is_empty() => {}
                Poll::Ready(Ok(frames)) => {
                    this.last_write = Instant::now();
                    return Poll::Ready(Some(Ok(frames.into())));
                }
                Poll::Ready(Err(cut)) => return Poll::Ready(Some(Err(cut))),
                Poll::Pending => {
                    let Some(beat) = this.encoder.heartbeat() else { return Poll::Pending };
                    return this.poll_silence(cx).map(|()| Some(Ok(Bytes::from_static(beat))));
                }
            }
        }
    }
}
