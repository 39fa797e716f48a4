//! Server-sent events, as strictly as the least forgiving parser reads them.

use super::{Rule, Violation, rule};

/// What stands between two blank lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Only comments: keeps a connection alive and says nothing.
    Heartbeat,
    /// One event.
    Event {
        /// What the `event:` line says, when there is one.
        name: Option<String>,
        /// What the `data:` line says.
        data: String,
    },
}

/// Cuts bytes into frames, wherever the chunks end.
#[derive(Debug, Default)]
pub(super) struct SseReader {
    bytes: Vec<u8>,
    /// Up to here `bytes` has been taken.
    taken: usize,
    /// From here on it has not been searched for the end of a frame.
    searched: usize,
    frames: usize,
}

impl SseReader {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame, with its index.
    pub(super) fn next(&mut self) -> Option<(usize, Rule<Frame>)> {
        let rest = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(end) = rest.windows(2).position(|pair| pair == b"\n\n") else {
            // The last byte may be the first half of a frame's end.
            self.searched = self.taken.max(self.bytes.len().saturating_sub(1));
            return None;
        };
        let end = self.searched + end;
        let frame = frame(self.bytes.get(self.taken..end).unwrap_or_default());
        self.taken = end + 2;
        self.searched = self.taken;
        self.frames += 1;
        Some((self.frames - 1, frame))
    }

    /// True when everything that came was whole frames.
    pub(super) fn is_between_frames(&self) -> bool {
        self.taken == self.bytes.len()
    }

    /// A violation that concerns the stream as a whole.
    pub(super) fn violation(&self, what: impl Into<String>) -> Violation {
        Violation { at: self.frames, what: what.into() }
    }

    /// The stream has ended: nothing may be left over.
    pub(super) fn finish(&self) -> Result<(), Violation> {
        if self.is_between_frames() {
            return Ok(());
        }
        let rest = String::from_utf8_lossy(self.bytes.get(self.taken..).unwrap_or_default());
        Err(self.violation(format!("the stream ends inside a frame: {rest:?}")))
    }
}

fn frame(bytes: &[u8]) -> Rule<Frame> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| format!("a frame is not UTF-8: {error}"))?;
    rule(!text.contains('\r'), || format!("a line ends in something else than LF: {text:?}"))?;
    if text.lines().all(|line| line.starts_with(':')) && !text.is_empty() {
        return Ok(Frame::Heartbeat);
    }
    let mut lines = text.split('\n').peekable();
    let name = lines.peek().and_then(|line| line.strip_prefix("event: ")).map(str::to_owned);
    if name.is_some() {
        lines.next();
    }
    let data = lines.next().and_then(|line| line.strip_prefix("data: "));
    match (data, lines.next()) {
        (Some(data), None) => Ok(Frame::Event { name, data: data.to_owned() }),
        _ => {
            Err(format!("a frame is not one `event:` line at most and one `data:` line: {text:?}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(chunks: &[&str]) -> Vec<Rule<Frame>> {
        let mut reader = SseReader::default();
        let mut frames = Vec::new();
        for chunk in chunks {
            reader.push(chunk.as_bytes());
            while let Some((_, frame)) = reader.next() {
                frames.push(frame);
            }
        }
        reader.finish().unwrap();
        frames
    }

    #[test]
    fn frames_are_the_same_wherever_the_chunks_end() {
        let text = "event: a\ndata: {\"ü\": 1}\n\n: beat\n\ndata: [DONE]\n\n";
        let whole = frames(&[text]);
        assert_eq!(whole.len(), 3);
        assert_eq!(whole[1], Ok(Frame::Heartbeat));
        let mut reader = SseReader::default();
        let mut by_byte = Vec::new();
        for byte in text.bytes() {
            reader.push(&[byte]);
            while let Some((_, frame)) = reader.next() {
                by_byte.push(frame);
            }
        }
        assert_eq!(by_byte, whole);
    }

    #[test]
    fn what_some_parsers_stumble_over_is_refused() {
        for text in [
            "event: a\r\ndata: b\r\n\n",
            "data: a\ndata: b\n\n",
            "id: 1\ndata: a\n\n",
            "data: a\nretry: 1\n\n",
            "data:a\n\n",
            "event: a\n\n",
            "data: a\nevent: a\n\n",
            ": beat\ndata: a\n\n",
            "\ndata: a\n\n",
            "\n\n",
            "\u{feff}data: a\n\n",
        ] {
            assert!(frames(&[text])[0].is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_frame_without_its_end_is_found() {
        for text in ["data: a\n", "data: a", "\n"] {
            let mut reader = SseReader::default();
            reader.push(text.as_bytes());
            assert!(reader.next().is_none() && reader.finish().is_err(), "{text:?}");
        }
    }
}
