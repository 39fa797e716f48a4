//! As much of HTTP/1.1 as the mock and the load generator need, and no more: what they spend, the
//! server under test cannot have.

mod body;
mod head;

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

pub(crate) use body::{Body, Piece};
pub(crate) use head::Head;

/// The other side does not speak HTTP/1.1 as we know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not HTTP/1.1: {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

/// How much is read at once: a no-delay stream fills it, and 2,000 connections of it are 32 MB.
const READ_BYTES: usize = 16 * 1024;

/// Bytes that were read and not yet understood.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    /// What was read and not consumed.
    pub(crate) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Forgets the first `count` unread bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.bytes.len());
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Reads once and returns how many bytes came; 0 is the end. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// What the socket says.
    pub(crate) async fn fill<R: AsyncRead + Unpin>(&mut self, reader: &mut R) -> io::Result<usize> {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.reserve(READ_BYTES);
        reader.read_buf(&mut self.bytes).await
    }
}
