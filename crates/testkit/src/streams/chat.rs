//! The streams of `/chat/stream`.

use serde_json::Value;

use super::{
    Rule, Violation,
    fields::Fields,
    rule,
    sse::{Frame, SseReader},
};

/// What a whole stream of `/chat/stream` said.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatStream {
    /// How the answer ended: `completed`, `incomplete`, `failed` or `cancelled`.
    pub status: String,
    /// All text of the answer.
    pub text: String,
    /// The last line, which says what there is to say about the whole.
    pub last: Value,
    /// How many lines had a piece of the answer.
    pub pieces: usize,
    /// How many empty lines or comments kept the connection alive.
    pub heartbeats: usize,
}

/// Reads a stream of `/chat/stream`, as lines of JSON or as server-sent events: each line has
/// `content` and `is_complete`, exactly the last one is complete, and only that one has `status`.
///
/// After a violation a checker is of no further use.
#[derive(Debug)]
pub struct ChatStreamChecker {
    source: Source,
    text: String,
    last: Option<Value>,
    /// Whether the mark that ends server-sent events has come. Lines of JSON have none.
    done: bool,
    pieces: usize,
    heartbeats: usize,
}

#[derive(Debug)]
enum Source {
    Lines { rest: Vec<u8>, lines: usize },
    Frames(SseReader),
}

impl ChatStreamChecker {
    /// A checker for `application/x-ndjson`.
    pub fn ndjson() -> Self {
        Self::of(Source::Lines { rest: vec![], lines: 0 })
    }

    /// A checker for `text/event-stream`.
    pub fn sse() -> Self {
        Self::of(Source::Frames(SseReader::default()))
    }

    fn of(source: Source) -> Self {
        Self { source, text: String::new(), last: None, done: false, pieces: 0, heartbeats: 0 }
    }

    /// Checks a whole stream.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn check(mut self, bytes: &[u8]) -> Result<ChatStream, Violation> {
        self.feed(bytes)?;
        self.finish()
    }

    /// Takes the next bytes, wherever they begin and end.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        if let Source::Lines { rest, .. } = &mut self.source {
            rest.extend_from_slice(bytes);
        }
        if let Source::Frames(reader) = &mut self.source {
            reader.push(bytes);
        }
        while let Some((at, frame)) = self.source.next() {
            frame.and_then(|frame| self.frame(frame)).map_err(|what| Violation { at, what })?;
        }
        Ok(())
    }

    /// True when everything that came was whole lines or frames.
    pub fn is_between_frames(&self) -> bool {
        match &self.source {
            Source::Lines { rest, .. } => rest.is_empty(),
            Source::Frames(reader) => reader.is_between_frames(),
        }
    }

    /// The stream has ended.
    ///
    /// # Errors
    ///
    /// A [`Violation`] when something is missing or left over.
    pub fn finish(self) -> Result<ChatStream, Violation> {
        let whole = self.is_between_frames();
        let (at, marked) = match self.source {
            Source::Lines { lines, .. } => (lines, true),
            Source::Frames(reader) => (reader.violation("").at, self.done),
        };
        let violation = |what: &str| Violation { at, what: what.to_owned() };
        if !whole {
            return Err(violation("the stream ends inside a line or frame"));
        }
        if !marked {
            return Err(violation("the stream ends before `data: [DONE]`"));
        }
        let Some(last) = self.last else {
            return Err(violation("the stream ends without a line that is complete"));
        };
        let status = last.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Self { text, pieces, heartbeats, .. } = self;
        Ok(ChatStream { status, text, last, pieces, heartbeats })
    }

    fn frame(&mut self, frame: Frame) -> Rule {
        rule(!self.done, || format!("something follows `[DONE]`: {frame:?}"))?;
        match frame {
            Frame::Heartbeat => {
                let ended = self.last.is_some();
                rule(!ended, || "a sign of life follows the end".to_owned())?;
                self.heartbeats += 1;
                Ok(())
            }
            Frame::Event { name: Some(name), .. } => {
                Err(format!("these frames have no `event:` line: {name}"))
            }
            Frame::Event { data, .. } if data == "[DONE]" && self.source.has_end_mark() => {
                rule(self.last.is_some(), || "`[DONE]` comes before the end".to_owned())?;
                self.done = true;
                Ok(())
            }
            Frame::Event { data, .. } => self.line(&data),
        }
    }

    fn line(&mut self, line: &str) -> Rule {
        rule(self.last.is_none(), || format!("something follows the last line: {line}"))?;
        let value: Value = serde_json::from_str(line)
            .map_err(|error| format!("a line is not JSON ({error}): {line}"))?;
        let fields = Fields::of(&value, "the line")?;
        self.text.push_str(fields.string("content")?);
        if !fields.boolean("is_complete")? {
            self.pieces += 1;
            return rule(fields.map.len() == 2, || {
                format!("a piece has `content` and `is_complete` only: {line}")
            });
        }
        let statuses = &["completed", "incomplete", "failed", "cancelled"];
        let status = fields.one_of("status", statuses)?;
        if status == "failed" {
            fields.object("error")?.text("message")?;
        } else {
            rule(!fields.has("error"), || format!("an answer that is {status} has an error"))?;
        }
        self.last = Some(value);
        Ok(())
    }
}

impl Source {
    const fn has_end_mark(&self) -> bool {
        matches!(self, Self::Frames(_))
    }

    /// The next line or frame, with its index.
    fn next(&mut self) -> Option<(usize, Rule<Frame>)> {
        match self {
            Self::Frames(reader) => reader.next(),
            Self::Lines { rest, lines } => {
                let end = rest.iter().position(|byte| *byte == b'\n')?;
                let line: Vec<u8> = rest.drain(..=end).collect();
                *lines += 1;
                Some((*lines - 1, line_frame(line.strip_suffix(b"\n").unwrap_or(&line))))
            }
        }
    }
}

fn line_frame(line: &[u8]) -> Rule<Frame> {
    let text =
        std::str::from_utf8(line).map_err(|error| format!("a line is not UTF-8: {error}"))?;
    rule(!text.contains('\r'), || format!("a line ends in something else than LF: {text:?}"))?;
    if text.is_empty() {
        return Ok(Frame::Heartbeat);
    }
    Ok(Frame::Event { name: None, data: text.to_owned() })
}
