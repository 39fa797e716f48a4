//! The forms in which an answer streams.

use loquat_testkit::{
    ChatStreamChecker, CompletionsStreamChecker, IncludeUsage, ResponsesStreamChecker,
};
use serde_json::{Value, json};

use super::{Exchange, Request};

/// One form of a streamed answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `/chat/stream`, nothing but text.
    Text,
    /// `/chat/stream`, lines of JSON.
    Lines,
    /// `/chat/stream`, server-sent events.
    ChatEvents,
    /// `/v1/responses`
    Responses,
    /// `/v1/chat/completions`
    Completions,
}

/// What a whole stream said.
#[derive(Debug)]
pub(crate) struct Said {
    /// All text of the answer.
    pub(crate) text: String,
    /// How it ended, in the format's own words: status or finish reason; empty for bare text and
    /// for a completion that broke off.
    pub(crate) status: String,
    /// What was cut off or broken, if anything was: reason or code.
    pub(crate) why: Option<String>,
    /// The last thing that has fields: a line, a response, an error.
    pub(crate) last: Value,
}

impl Format {
    /// Asks for an answer to this message.
    pub(crate) fn ask(self, message: &str) -> Request {
        self.ask_in(message, &Value::Null)
    }

    /// Asks in a conversation, of which completions know nothing.
    pub(crate) fn ask_in(self, message: &str, conversation: &Value) -> Request {
        let (path, accept) = match self {
            Self::Text => ("/chat/stream", "text/plain"),
            Self::Lines => ("/chat/stream", "application/x-ndjson"),
            Self::ChatEvents => ("/chat/stream", "text/event-stream"),
            Self::Responses => ("/v1/responses", "text/event-stream"),
            Self::Completions => ("/v1/chat/completions", "text/event-stream"),
        };
        let mut body = match self {
            Self::Text | Self::Lines | Self::ChatEvents => json!({"message": message}),
            Self::Responses => json!({"input": message, "stream": true}),
            Self::Completions => json!({
                "model": "scripted",
                "messages": [{"role": "user", "content": message}],
                "stream": true,
                "stream_options": {"include_usage": true},
            }),
        };
        match self {
            Self::Text | Self::Lines | Self::ChatEvents if conversation.is_string() => {
                body["conversation_id"] = conversation.clone();
            }
            Self::Responses if conversation.is_string() => {
                body["conversation"] = conversation.clone();
            }
            _ => {}
        }
        Request::post(path, body).accepting(accept)
    }

    /// Reads a stream to its end and checks every rule of its format, and that no frame was spread
    /// over two writes, which one widespread client does not understand.
    pub(crate) async fn read(self, mut exchange: Exchange) -> Said {
        let whole = exchange.read_to_end().await;
        assert!(whole, "the body was cut off: {}", exchange.text());
        match self {
            Self::Text => {
                Said { text: exchange.text(), status: String::new(), why: None, last: Value::Null }
            }
            Self::Lines => chat(ChatStreamChecker::ndjson(), &exchange),
            Self::ChatEvents => chat(ChatStreamChecker::sse(), &exchange),
            Self::Responses => responses(&exchange),
            Self::Completions => completions(&exchange),
        }
    }
}

fn chat(mut checker: ChatStreamChecker, exchange: &Exchange) -> Said {
    for chunk in exchange.chunks() {
        checker.feed(chunk).unwrap();
        assert!(checker.is_between_frames(), "a frame in two writes: {}", exchange.text());
    }
    let stream = checker.finish().unwrap_or_else(|rule| panic!("{rule}: {}", exchange.text()));
    let why = first_text([&stream.last["incomplete_reason"], &stream.last["error"]["code"]]);
    Said { text: stream.text, status: stream.status, why, last: stream.last }
}

fn responses(exchange: &Exchange) -> Said {
    let mut checker = ResponsesStreamChecker::new();
    for chunk in exchange.chunks() {
        checker.feed(chunk).unwrap();
        assert!(checker.is_between_frames(), "a frame in two writes: {}", exchange.text());
    }
    let stream = checker.finish().unwrap_or_else(|rule| panic!("{rule}: {}", exchange.text()));
    let response = &stream.response;
    let why = first_text([&response["incomplete_details"]["reason"], &response["error"]["code"]]);
    Said { text: stream.text, status: stream.status, why, last: stream.response }
}

fn completions(exchange: &Exchange) -> Said {
    let mut checker = CompletionsStreamChecker::new(IncludeUsage::Yes);
    for chunk in exchange.chunks() {
        checker.feed(chunk).unwrap();
        assert!(checker.is_between_frames(), "a frame in two writes: {}", exchange.text());
    }
    let stream = checker.finish().unwrap_or_else(|rule| panic!("{rule}: {}", exchange.text()));
    let error = stream.error.unwrap_or_default();
    Said {
        text: stream.text,
        status: stream.finish_reason.unwrap_or_default(),
        why: error["code"].as_str().map(str::to_owned),
        last: error,
    }
}

fn first_text(values: [&Value; 2]) -> Option<String> {
    values.into_iter().find_map(|value| value.as_str().map(str::to_owned))
}
