//! Reads an answer in any of the server's formats, as its bytes come.
//!
//! The events that come by the hundred thousand are looked at as bytes; the few others are parsed.

use serde_json::Value;

use super::{
    options::Format,
    scan::{Arrived, TokenScanner},
};

/// Longest line. The last event of a long answer holds all of its text.
const MAX_LINE_BYTES: usize = 64 * 1024 * 1024;

/// Reads one answer.
pub(super) struct Decoder {
    format: Format,
    /// A line whose end has not come.
    partial: Vec<u8>,
    /// What the `event:` before the next `data:` says.
    event: EventName,
    scanner: TokenScanner,
    tokens: u64,
    next_sequence: u64,
    ending: Ending,
    /// The `[DONE]` that closes a stream of server-sent events has come.
    done: bool,
    fault: Option<String>,
}

/// What kind of event of `/v1/responses` the next `data:` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum EventName {
    /// There was no `event:`.
    #[default]
    Unknown,
    /// A piece of text.
    Delta,
    /// The end of the answer.
    End,
    /// One of the few between, of which only the number is looked at.
    Other,
}

impl EventName {
    fn of(name: &[u8]) -> Self {
        match name.trim_ascii() {
            b"response.output_text.delta" => Self::Delta,
            b"response.completed" | b"response.incomplete" | b"response.failed" => Self::End,
            _ => Self::Other,
        }
    }
}

/// What the answer has said of its end.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    Open,
    Complete,
    Other(String),
}

impl Decoder {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            partial: Vec::new(),
            event: EventName::Unknown,
            scanner: TokenScanner::default(),
            tokens: 0,
            next_sequence: 0,
            ending: Ending::Open,
            done: false,
            fault: None,
        }
    }

    /// Tokens that have come so far.
    pub(super) fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Takes the body's next bytes and adds what they hold to `arrived`.
    pub(super) fn feed(&mut self, data: &[u8], arrived: &mut Arrived) {
        let before = arrived.tokens;
        if self.format == Format::ChatStreamText {
            arrived.events += 1;
            self.scanner.feed(data, arrived);
        } else {
            self.lines(data, arrived);
        }
        self.tokens += arrived.tokens - before;
    }

    fn lines(&mut self, data: &[u8], arrived: &mut Arrived) {
        for line in data.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\n") else {
                self.keep(line);
                return;
            };
            if self.partial.is_empty() {
                self.line(line, arrived);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole, arrived);
                whole.clear();
                self.partial = whole;
            }
        }
    }

    fn keep(&mut self, line: &[u8]) {
        if self.partial.len() + line.len() > MAX_LINE_BYTES {
            self.broken("a line does not end");
        } else {
            self.partial.extend_from_slice(line);
        }
    }

    fn line(&mut self, line: &[u8], arrived: &mut Arrived) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.format == Format::ChatStreamNdjson {
            if !line.is_empty() {
                arrived.events += 1;
                self.chat(line, arrived);
            }
            return;
        }
        if let Some(payload) = line.strip_prefix(b"data:") {
            self.data(payload.strip_prefix(b" ").unwrap_or(payload), arrived);
        } else if let Some(name) = line.strip_prefix(b"event:") {
            self.event = EventName::of(name);
        }
    }

    fn data(&mut self, payload: &[u8], arrived: &mut Arrived) {
        if self.done {
            self.broken("something came after [DONE]");
        } else if payload == b"[DONE]" {
            self.done = true;
        } else {
            arrived.events += 1;
            match self.format {
                Format::Responses => self.response(payload, arrived),
                Format::Completions => self.completion(payload, arrived),
                _ => self.chat(payload, arrived),
            }
        }
    }

    /// An event of `/v1/responses`.
    fn response(&mut self, payload: &[u8], arrived: &mut Arrived) {
        match number_after(payload, b"\"sequence_number\":") {
            Some(number) if number == self.next_sequence => self.next_sequence += 1,
            Some(number) => {
                self.broken(&format!("event {number} came instead of {}", self.next_sequence));
            }
            None => self.broken("an event has no sequence number"),
        }
        match std::mem::take(&mut self.event) {
            EventName::Delta => match text_after(payload, b"\"delta\":\"") {
                Some(text) => self.scanner.feed(text, arrived),
                None => self.broken("a piece of text has no text"),
            },
            EventName::End => self.response_end(payload),
            EventName::Other => {}
            EventName::Unknown => self.broken("an event has no name"),
        }
    }

    fn response_end(&mut self, payload: &[u8]) {
        let Some(event) = self.json(payload) else { return };
        let name = event.get("type").and_then(Value::as_str).unwrap_or_default();
        let status = event.pointer("/response/status").and_then(Value::as_str).unwrap_or_default();
        if name == "response.completed" && status == "completed" {
            self.end(Ending::Complete);
        } else {
            let reason = event.pointer("/response/incomplete_details/reason");
            let error = event.pointer("/response/error/message");
            let why = reason.or(error).and_then(Value::as_str).unwrap_or_default();
            self.end(Ending::Other(format!("{name} {status} {why}")));
        }
    }

    /// A chunk of `/v1/chat/completions`.
    fn completion(&mut self, payload: &[u8], arrived: &mut Arrived) {
        if let Some(text) = text_after(payload, b"\"delta\":{\"content\":\"") {
            self.scanner.feed(text, arrived);
            return;
        }
        let Some(chunk) = self.json(payload) else { return };
        if let Some(message) = chunk.pointer("/error/message").and_then(Value::as_str) {
            self.end(Ending::Other(format!("error: {message}")));
        }
        let choice = chunk.pointer("/choices/0");
        let text = choice.and_then(|choice| choice.pointer("/delta/content")?.as_str());
        self.scanner.feed(text.unwrap_or_default().as_bytes(), arrived);
        match choice.and_then(|choice| choice.get("finish_reason")?.as_str()) {
            Some("stop") => self.end(Ending::Complete),
            Some(other) => self.end(Ending::Other(format!("finish_reason {other}"))),
            None => {}
        }
    }

    /// A line of `/chat/stream`.
    fn chat(&mut self, payload: &[u8], arrived: &mut Arrived) {
        if payload.ends_with(b"\"is_complete\":false}")
            && let Some(text) = text_after(payload, b"{\"content\":\"")
        {
            self.scanner.feed(text, arrived);
            return;
        }
        let Some(line) = self.json(payload) else { return };
        let text = line.get("content").and_then(Value::as_str).unwrap_or_default();
        self.scanner.feed(text.as_bytes(), arrived);
        if line.get("is_complete").and_then(Value::as_bool) == Some(true) {
            match line.get("status").and_then(Value::as_str) {
                Some("completed") | None => self.end(Ending::Complete),
                Some(status) => self.end(Ending::Other(format!("status {status}"))),
            }
        }
    }

    fn json(&mut self, payload: &[u8]) -> Option<Value> {
        let parsed = serde_json::from_slice(payload).ok();
        if parsed.is_none() {
            self.broken("an event is not JSON");
        }
        parsed
    }

    fn end(&mut self, ending: Ending) {
        if self.ending == Ending::Open {
            self.ending = ending;
        } else {
            self.broken("the answer ended twice");
        }
    }

    /// Keeps the first thing that was wrong.
    fn broken(&mut self, fault: &str) {
        self.fault.get_or_insert_with(|| fault.to_owned());
    }

    /// Whether the answer, which has ended, was right.
    ///
    /// # Errors
    ///
    /// What was wrong with it.
    pub(super) fn verdict(self, expected_tokens: Option<u64>) -> Result<(), String> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        match (self.format, self.ending) {
            // Bare text says nothing of its end: an answer that fails is cut.
            (Format::ChatStreamText, _) | (_, Ending::Complete) => {}
            (_, Ending::Open) => return Err("the answer does not say how it ended".into()),
            (_, Ending::Other(how)) => return Err(format!("the answer ended with {how}")),
        }
        let closes = !matches!(self.format, Format::ChatStreamText | Format::ChatStreamNdjson);
        if closes && !self.done {
            return Err("the stream ended without [DONE]".into());
        }
        match expected_tokens {
            Some(expected) if expected != self.tokens => {
                Err(format!("{} tokens came instead of {expected}", self.tokens))
            }
            _ => Ok(()),
        }
    }
}

/// Where `needle` begins.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// The text of a JSON string whose key and first quote are `key`, escapes and all.
fn text_after<'a>(payload: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let start = find(payload, key)? + key.len();
    let text = payload.get(start..)?;
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let quote = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        quote
    })?;
    text.get(..end)
}

/// The number behind `key`.
fn number_after(payload: &[u8], key: &[u8]) -> Option<u64> {
    let start = find(payload, key)? + key.len();
    let digits = payload.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit());
    let mut number = None;
    for digit in digits {
        number = Some(number.unwrap_or(0_u64).checked_mul(10)? + u64::from(digit - b'0'));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSES: &str = "event: response.created\n\
        data: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"status\":\"in_progress\"}}\n\n\
        : heartbeat\n\n\
        event: response.output_text.delta\n\
        data: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"item_id\":\"m\",\"delta\":\"1790000000123456 \",\"logprobs\":[]}\n\n\
        event: response.output_text.delta\n\
        data: {\"type\":\"response.output_text.delta\",\"sequence_number\":2,\"item_id\":\"m\",\"delta\":\"a\\\"b \",\"logprobs\":[]}\n\n\
        event: response.completed\n\
        data: {\"type\":\"response.completed\",\"sequence_number\":3,\"response\":{\"status\":\"completed\"}}\n\n\
        data: [DONE]\n\n";

    const COMPLETIONS: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n\
        data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"00000 \"},\"finish_reason\":null}]}\n\n\
        data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
        data: {\"choices\":[],\"usage\":{\"total_tokens\":2}}\n\n\
        data: [DONE]\n\n";

    const NDJSON: &str = "{\"content\":\"00000 \",\"is_complete\":false}\n\n\
        {\"content\":\"00001 \",\"is_complete\":false}\n\
        {\"content\":\"\",\"is_complete\":true,\"status\":\"completed\",\"response_id\":\"resp_1\"}\n";

    /// Feeds `text` in parts of `size` bytes.
    fn read(format: Format, text: &str, size: usize) -> (Decoder, Arrived) {
        let (mut decoder, mut arrived) = (Decoder::new(format), Arrived::default());
        for part in text.as_bytes().chunks(size) {
            decoder.feed(part, &mut arrived);
        }
        (decoder, arrived)
    }

    #[test]
    fn the_events_of_a_response_are_read_in_parts_of_any_size() {
        for size in 1..RESPONSES.len() {
            let (decoder, arrived) = read(Format::Responses, RESPONSES, size);
            assert_eq!((arrived.tokens, arrived.events), (2, 4), "parts of {size}");
            assert_eq!(arrived.stamps, [1_790_000_000_123_456], "parts of {size}");
            assert_eq!(decoder.verdict(Some(2)), Ok(()), "parts of {size}");
        }
    }

    #[test]
    fn the_chunks_of_a_completion_are_read_in_parts_of_any_size() {
        for size in 1..COMPLETIONS.len() {
            let (decoder, arrived) = read(Format::Completions, COMPLETIONS, size);
            assert_eq!((arrived.tokens, arrived.events), (1, 4), "parts of {size}");
            assert_eq!(decoder.verdict(Some(1)), Ok(()), "parts of {size}");
        }
    }

    #[test]
    fn the_lines_of_a_chat_are_read_in_parts_of_any_size() {
        for size in 1..NDJSON.len() {
            let (decoder, arrived) = read(Format::ChatStreamNdjson, NDJSON, size);
            assert_eq!((arrived.tokens, arrived.events), (2, 3), "parts of {size}");
            assert_eq!(decoder.verdict(Some(2)), Ok(()), "parts of {size}");
        }
    }

    #[test]
    fn the_lines_of_a_chat_are_read_as_events() {
        let mut text = String::new();
        for line in NDJSON.lines().filter(|line| !line.is_empty()) {
            text.extend(["data: ", line, "\n\n"]);
        }
        let (decoder, _) = read(Format::ChatStreamSse, &text, 7);
        assert_eq!(decoder.verdict(Some(2)), Err("the stream ended without [DONE]".to_owned()));
        text.push_str("data: [DONE]\n\n");
        assert_eq!(read(Format::ChatStreamSse, &text, 7).0.verdict(Some(2)), Ok(()));
    }

    #[test]
    fn bare_text_is_counted_by_its_tokens() {
        let (decoder, arrived) = read(Format::ChatStreamText, "00000 00001 ", 5);
        assert_eq!(arrived.tokens, 2);
        assert_eq!(decoder.verdict(Some(2)), Ok(()));
    }

    #[test]
    fn an_event_that_is_lost_makes_the_answer_wrong() {
        let lost = RESPONSES.replace("\"sequence_number\":2", "\"sequence_number\":3");
        let fault = read(Format::Responses, &lost, 1000).0.verdict(Some(2));
        assert_eq!(fault, Err("event 3 came instead of 2".to_owned()));
    }

    #[test]
    fn a_token_that_is_lost_makes_the_answer_wrong() {
        let fault = read(Format::Completions, COMPLETIONS, 1000).0.verdict(Some(2));
        assert_eq!(fault, Err("1 tokens came instead of 2".to_owned()));
    }

    #[test]
    fn an_answer_that_did_not_complete_is_wrong() {
        let failed = RESPONSES.replace("completed", "failed");
        assert!(read(Format::Responses, &failed, 1000).0.verdict(None).is_err());
        let long = COMPLETIONS.replace("stop", "length");
        assert!(read(Format::Completions, &long, 1000).0.verdict(None).is_err());
        let stopped = NDJSON.replace("completed", "cancelled");
        assert!(read(Format::ChatStreamNdjson, &stopped, 1000).0.verdict(None).is_err());
        let (whole, _) = RESPONSES.split_once("event: response.completed").unwrap();
        assert!(read(Format::Responses, whole, 1000).0.verdict(None).is_err());
    }
}
