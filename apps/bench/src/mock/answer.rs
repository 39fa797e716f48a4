//! One streamed answer, played by its script.

use std::{io, pin::Pin, time::Duration};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    time::{Instant, Sleep, sleep_until},
};

use super::{
    frame::{Frames, Label},
    record::Phase,
    script::{Fault, Script},
};
use crate::clock::epoch_micros;

/// With no gap between tokens, so many bytes are written at once: few system calls, and the most
/// that is held in memory for a reader that does not read.
const BATCH_BYTES: usize = 16 * 1024;

/// How a played answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Played {
    /// Written to its end; the connection can be used again.
    Whole,
    /// Ended by its script in the middle; the connection is to be closed.
    Cut,
    /// Ended by its script in the middle; the connection is to be broken.
    Reset,
}

/// An answer and how far it is. What was sent stays known when playing is stopped by dropping it.
pub(crate) struct Answer {
    script: Script,
    frames: Frames,
    prompt_tokens: usize,
    begun: Instant,
    timer: Pin<Box<Sleep>>,
    /// Frames that are made and not yet written.
    out: Vec<u8>,
    written: usize,
    /// Bytes of `out` that come before its first token.
    before_tokens: usize,
    /// Tokens that were written in full with earlier buffers.
    tokens_flushed: u64,
    /// Tokens in `out`.
    tokens_queued: u64,
    head_sent: bool,
    stalled: bool,
}

impl Answer {
    pub(crate) fn new(script: Script, frames: Frames, prompt_tokens: usize) -> Self {
        let begun = Instant::now();
        Self {
            script,
            frames,
            prompt_tokens,
            begun,
            timer: Box::pin(sleep_until(begun)),
            out: Vec::new(),
            written: 0,
            before_tokens: 0,
            tokens_flushed: 0,
            tokens_queued: 0,
            head_sent: false,
            stalled: false,
        }
    }

    /// Writes the answer at its script's pace, waiting for the reader where it must.
    ///
    /// # Errors
    ///
    /// What the socket says; the reader is gone then.
    pub(crate) async fn play<W>(&mut self, writer: &mut W) -> io::Result<Played>
    where
        W: AsyncWrite + Unpin,
    {
        if self.script.fault == Some(Fault::StallAtHeaders) {
            std::future::pending::<()>().await;
        }
        self.wait_until(self.script.headers).await;
        self.frames.opening(&mut self.out);
        self.before_tokens = self.out.len();
        for number in 0..=self.script.tokens {
            match self.script.fault {
                Some(Fault::Stall(after)) if after == number => self.stall(writer).await?,
                Some(Fault::Cut(after)) if after == number => {
                    self.flush(writer).await?;
                    return Ok(Played::Cut);
                }
                Some(Fault::Reset(after)) if after == number => {
                    self.flush(writer).await?;
                    return Ok(Played::Reset);
                }
                _ => {}
            }
            if number < self.script.tokens {
                self.token(number, writer).await?;
            }
        }
        self.frames.closing(self.prompt_tokens, self.script.tokens, &mut self.out);
        self.flush(writer).await?;
        Ok(Played::Whole)
    }

    /// Sends one token when it is due; with no gap it may stay in the buffer for a while.
    async fn token<W: AsyncWrite + Unpin>(&mut self, number: u32, w: &mut W) -> io::Result<()> {
        let paced = !self.script.gap.is_zero();
        if paced || number == 0 {
            // Counted from the start, so that a late token does not make the next one late.
            let due = self.script.ttft + self.script.gap.saturating_mul(number);
            if self.begun.elapsed() < due {
                self.flush(w).await?;
                self.wait_until(due).await;
            }
        }
        let label =
            if self.script.stamp { Label::Stamp(epoch_micros()) } else { Label::Number(number) };
        self.frames.token(label, &mut self.out);
        self.tokens_queued += 1;
        if paced || self.out.len() >= BATCH_BYTES {
            self.flush(w).await?;
        }
        Ok(())
    }

    async fn stall<W: AsyncWrite + Unpin>(&mut self, writer: &mut W) -> io::Result<()> {
        self.flush(writer).await?;
        self.stalled = true;
        std::future::pending().await
    }

    /// Waits until so long after the beginning. The timer is one and the same for all tokens.
    async fn wait_until(&mut self, since_begun: Duration) {
        let due = self.begun + since_begun;
        if due > Instant::now() {
            self.timer.as_mut().reset(due);
            self.timer.as_mut().await;
        }
    }

    async fn flush<W: AsyncWrite + Unpin>(&mut self, writer: &mut W) -> io::Result<()> {
        while let Some(rest @ [_, ..]) = self.out.get(self.written..) {
            let count = writer.write(rest).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.written += count;
            self.head_sent = true;
        }
        self.tokens_flushed += self.tokens_queued;
        self.tokens_queued = 0;
        self.before_tokens = 0;
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Tokens that were handed to the kernel in full.
    pub(crate) fn tokens_sent(&self) -> u64 {
        let bytes = self.written.saturating_sub(self.before_tokens);
        let tokens = u64::try_from(bytes / self.frames.token_frame_bytes()).unwrap_or(u64::MAX);
        self.tokens_flushed + tokens.min(self.tokens_queued)
    }

    /// What it is doing now.
    pub(crate) fn phase(&self) -> Phase {
        match (self.head_sent, self.tokens_sent()) {
            (false, _) => Phase::BeforeHeaders,
            (true, 0) => Phase::BeforeFirstToken,
            (true, _) if self.stalled => Phase::Stalled,
            (true, _) => Phase::Streaming,
        }
    }
}
