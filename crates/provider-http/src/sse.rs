//! Reads server-sent events as the WHATWG's HTML standard, §9.2.6, has them, within bounds.
//!
//! Lines end with LF, CR or CRLF; a byte order mark may come first; a line that begins with a
//! colon is a comment; a field's value may follow its colon with or without one space; data lines
//! of one event are joined with LF; an event without its blank line at the end of the stream does
//! not count. Nothing is decoded here: the reader works on bytes, so a character that is split
//! over two reads is never seen in halves.

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::{memchr, memchr2};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The value of its `event` field; empty when it has none.
    pub name: Bytes,
    /// Its data.
    pub data: Bytes,
}

/// The event is larger than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Turns chunks of bytes, however they are cut, into events.
///
/// Each byte is looked at once and, while an event lies within one chunk, copied never: its data
/// is a slice of the chunk.
#[derive(Debug)]
pub(crate) struct SseReader {
    /// The largest event that is read, in bytes.
    max_event_bytes: usize,
    /// What has not been looked at.
    chunk: Bytes,
    /// The beginning of a line whose end has not come.
    partial: BytesMut,
    /// The last line ended with CR, so an LF right now belongs to it.
    after_cr: bool,
    /// The first line, which a byte order mark may precede, has been read.
    past_first_line: bool,
    name: Bytes,
    data: Option<Bytes>,
    /// All data lines so far, once there is more than one.
    joined: BytesMut,
}

impl SseReader {
    /// A reader of events of at most so many bytes: a sender that never ends its line cannot take
    /// more memory than this.
    pub(crate) fn new(max_event_bytes: usize) -> Self {
        Self {
            max_event_bytes,
            chunk: Bytes::new(),
            partial: BytesMut::new(),
            after_cr: false,
            past_first_line: false,
            name: Bytes::new(),
            data: None,
            joined: BytesMut::new(),
        }
    }

    /// Hands over the next chunk. The one before must have been read to its end.
    pub(crate) fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "the chunk before has not been read to its end");
        self.chunk = chunk;
    }

    /// The next whole event; `None` when another chunk is needed.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, TooLarge> {
        while let Some(line) = self.line()? {
            if line.is_empty() {
                if let Some(frame) = self.dispatch() {
                    return Ok(Some(frame));
                }
            } else {
                self.field(line);
            }
        }
        Ok(None)
    }

    /// The next whole line without its end.
    fn line(&mut self) -> Result<Option<Bytes>, TooLarge> {
        if self.after_cr
            && let Some(first) = self.chunk.first()
        {
            if *first == b'\n' {
                self.chunk.advance(1);
            }
            self.after_cr = false;
        }
        let end = memchr2(b'\r', b'\n', &self.chunk);
        let held = self.name.len() + self.data.as_ref().map_or(self.joined.len(), Bytes::len);
        if held + self.partial.len() + end.unwrap_or(self.chunk.len()) > self.max_event_bytes {
            return Err(TooLarge);
        }
        let Some(end) = end else {
            self.partial.extend_from_slice(&self.chunk);
            self.chunk = Bytes::new();
            return Ok(None);
        };
        let mut line = self.chunk.split_to(end);
        self.after_cr = self.chunk.get_u8() == b'\r';
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(&line);
            line = self.partial.split().freeze();
        }
        if !self.past_first_line {
            self.past_first_line = true;
            if line.starts_with(BYTE_ORDER_MARK) {
                line.advance(BYTE_ORDER_MARK.len());
            }
        }
        Ok(Some(line))
    }

    fn field(&mut self, mut line: Bytes) {
        let value = match memchr(b':', &line) {
            None => Bytes::new(),
            Some(colon) => {
                let mut value = line.split_off(colon);
                value.advance(if value.starts_with(b": ") { 2 } else { 1 });
                value
            }
        };
        match &*line {
            b"data" => self.data(value),
            b"event" => self.name = value,
            // Comments (an empty field name), `id`, `retry` and whatever else may come.
            _ => {}
        }
    }

    fn data(&mut self, line: Bytes) {
        if let Some(first) = self.data.take() {
            self.joined.extend_from_slice(&first);
        } else if self.joined.is_empty() {
            self.data = Some(line);
            return;
        }
        self.joined.extend_from_slice(b"\n");
        self.joined.extend_from_slice(&line);
    }

    /// A blank line ends the event; one without data is none.
    fn dispatch(&mut self) -> Option<Frame> {
        let name = std::mem::take(&mut self.name);
        let data = match self.data.take() {
            Some(data) => data,
            None if self.joined.is_empty() => return None,
            None => self.joined.split().freeze(),
        };
        Some(Frame { name, data })
    }
}

#[cfg(test)]
mod tests;
