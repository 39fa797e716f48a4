//! The bytes of a streamed answer, prepared so that one more token costs a copy and a few digits.

use serde_json::json;

use super::request::ChatRequest;

/// Digits of a timestamp in microseconds since 1970: 16 until the year 2286.
const STAMP_DIGITS: usize = 16;

/// Most digits of the number of a token that has no timestamp.
const NUMBER_DIGITS: usize = 10;

/// The frames of one answer, each an event in an HTTP chunk of its own, as real providers send them.
pub(crate) struct Frames {
    id: String,
    model: String,
    created: u64,
    usage: bool,
    token: Template,
}

/// A frame with a hole for the token's text.
struct Template {
    bytes: Vec<u8>,
    text_at: usize,
    text_bytes: usize,
}

impl Frames {
    /// `created` is in seconds since 1970; every token's text has `text_bytes` bytes.
    pub(crate) fn new(number: u64, request: &ChatRequest, created: u64, text_bytes: usize) -> Self {
        let mut frames = Self {
            id: format!("chatcmpl-{number}"),
            model: request.model.clone(),
            created,
            usage: request.include_usage,
            token: Template { bytes: Vec::new(), text_at: 0, text_bytes },
        };
        frames.token = frames.template(text_bytes);
        frames
    }

    /// Written by hand, so that the text stands where it is looked for.
    fn template(&self, text_bytes: usize) -> Template {
        let usage = if self.usage { r#","usage":null"# } else { "" };
        let before = format!(
            r#"data: {{"id":"{}","object":"chat.completion.chunk","created":{},"model":{},"choices":[{{"index":0,"delta":{{"content":""#,
            self.id,
            self.created,
            serde_json::Value::from(self.model.as_str()),
        );
        let after = format!(r#""}},"logprobs":null,"finish_reason":null}}]{usage}}}"#);
        let length = before.len() + text_bytes + after.len() + "\n\n".len();
        let mut bytes = format!("{length:x}\r\n{before}").into_bytes();
        let text_at = bytes.len();
        bytes.resize(text_at + text_bytes, b'x');
        bytes.extend_from_slice(after.as_bytes());
        bytes.extend_from_slice(b"\n\n\r\n");
        Template { bytes, text_at, text_bytes }
    }

    /// Length of every token's frame.
    pub(crate) fn token_frame_bytes(&self) -> usize {
        self.token.bytes.len()
    }

    /// The head of the answer and the chunk that says who speaks.
    pub(crate) fn opening(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n\
              transfer-encoding: chunked\r\n\r\n",
        );
        self.choice(&json!({"role": "assistant", "content": ""}), None, out);
    }

    /// One token.
    pub(crate) fn token(&self, label: Label, out: &mut Vec<u8>) {
        let start = out.len() + self.token.text_at;
        out.extend_from_slice(&self.token.bytes);
        if let Some(text) = out.get_mut(start..start + self.token.text_bytes) {
            label.write(text);
        }
    }

    /// The finish reason, the usage when it was asked for, and the end of the stream.
    pub(crate) fn closing(&self, prompt_tokens: usize, tokens: u32, out: &mut Vec<u8>) {
        self.choice(&json!({}), Some("stop"), out);
        if self.usage {
            let usage = usage(prompt_tokens, tokens);
            self.chunk(&json!([]), Some(&usage), out);
        }
        framed(b"data: [DONE]\n\n", out);
        out.extend_from_slice(b"0\r\n\r\n");
    }

    fn choice(&self, delta: &serde_json::Value, finish: Option<&str>, out: &mut Vec<u8>) {
        let choices = json!([
            {"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}
        ]);
        self.chunk(&choices, self.usage.then_some(&serde_json::Value::Null), out);
    }

    fn chunk(
        &self,
        choices: &serde_json::Value,
        usage: Option<&serde_json::Value>,
        out: &mut Vec<u8>,
    ) {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        });
        if let (Some(usage), Some(fields)) = (usage, chunk.as_object_mut()) {
            fields.insert("usage".into(), usage.clone());
        }
        framed(format!("data: {chunk}\n\n").as_bytes(), out);
    }

    /// The whole answer as one object, for a request that did not ask for a stream.
    pub(crate) fn whole(&self, prompt_tokens: usize, labels: &[Label]) -> String {
        let mut text = vec![b'x'; labels.len() * self.token.text_bytes];
        for (token, label) in text.chunks_exact_mut(self.token.text_bytes).zip(labels) {
            label.write(token);
        }
        let tokens = u32::try_from(labels.len()).unwrap_or(u32::MAX);
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [{
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": String::from_utf8_lossy(&text),
                    "refusal": null,
                },
                "logprobs": null,
                "finish_reason": "stop",
            }],
            "usage": usage(prompt_tokens, tokens),
        })
        .to_string()
    }
}

fn usage(prompt_tokens: usize, completion_tokens: u32) -> serde_json::Value {
    json!({
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens.saturating_add(completion_tokens.try_into().unwrap_or(0)),
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

/// An HTTP chunk.
fn framed(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// What a token's text begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Label {
    /// Microseconds since 1970.
    Stamp(u64),
    /// The token's number in its answer.
    Number(u32),
}

impl Label {
    /// Fills `text`: the label's digits, `x` up to the length, and one space at the end.
    fn write(self, text: &mut [u8]) {
        let Some((space, text)) = text.split_last_mut() else { return };
        *space = b' ';
        let (mut value, digits) = match self {
            Self::Stamp(micros) => (micros, STAMP_DIGITS),
            Self::Number(number) => (number.into(), NUMBER_DIGITS.min(text.len())),
        };
        for digit in text.iter_mut().take(digits).rev() {
            *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
            value /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(include_usage: bool, text_bytes: usize) -> Frames {
        let request = ChatRequest {
            model: "mock;note=\"quoted\"".into(),
            stream: true,
            include_usage,
            messages: 1,
            last_text: String::new(),
        };
        Frames::new(7, &request, 1_800_000_000, text_bytes)
    }

    /// The JSON in an HTTP chunk that holds one event.
    fn chunk(bytes: &[u8]) -> serde_json::Value {
        let text = std::str::from_utf8(bytes).unwrap();
        let (size, rest) = text.split_once("\r\n").unwrap();
        let event = rest.strip_suffix("\r\n").unwrap();
        assert_eq!(usize::from_str_radix(size, 16).unwrap(), event.len());
        let data = event.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
        serde_json::from_str(data).unwrap()
    }

    #[test]
    fn a_token_is_one_chunk_with_one_event() {
        let mut out = Vec::new();
        let frames = frames(false, 6);
        frames.token(Label::Number(42), &mut out);
        assert_eq!(out.len(), frames.token_frame_bytes());
        let chunk = chunk(&out);
        assert_eq!(chunk["choices"][0]["delta"]["content"], "00042 ");
        assert_eq!(chunk["model"], "mock;note=\"quoted\"");
        assert_eq!(chunk["choices"][0]["finish_reason"], serde_json::Value::Null);
        assert!(chunk.get("usage").is_none());
    }

    #[test]
    fn a_stamped_token_begins_with_its_time_and_ends_in_its_only_space() {
        let mut out = Vec::new();
        frames(true, 20).token(Label::Stamp(1_790_000_000_123_456), &mut out);
        let chunk = chunk(&out);
        assert_eq!(chunk["choices"][0]["delta"]["content"], "1790000000123456xxx ");
        assert!(chunk.get("usage").is_some_and(serde_json::Value::is_null));
    }

    #[test]
    fn a_token_of_one_byte_is_a_space() {
        let mut out = Vec::new();
        frames(false, 1).token(Label::Number(3), &mut out);
        assert_eq!(chunk(&out)["choices"][0]["delta"]["content"], " ");
    }

    #[test]
    fn the_whole_answer_holds_the_same_tokens() {
        let whole = frames(false, 3).whole(11, &[Label::Number(0), Label::Number(1)]);
        let whole: serde_json::Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(whole["choices"][0]["message"]["content"], "00 01 ");
        assert_eq!(whole["usage"]["total_tokens"], 13);
    }
}
