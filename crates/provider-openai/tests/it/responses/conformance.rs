//! What every provider does, done on this wire.

use loquat_domain::Usage;
use loquat_provider::{ChatProvider, FinishReason};
use loquat_provider_http::Limits;
use loquat_provider_openai::{Auth, OpenAiOptions, WireKind};
use loquat_testkit::provider_conformance::{
    ChatCompletionsPen, Dialect, Endpoint, Json, Pen, Say, UpstreamFault,
};
use serde_json::{Value, json};

use crate::provider;

struct Responses;

impl Dialect for Responses {
    fn provider(&self, endpoint: &Endpoint) -> Box<dyn ChatProvider> {
        let patience = endpoint.patience;
        let limits = Limits::default()
            .with_connect_timeout(patience.connect)
            .with_first_token_timeout(patience.first_token)
            .with_idle_timeout(patience.idle)
            .with_retries(patience.retries)
            .with_retry_delay(patience.retry_delay);
        let options = OpenAiOptions::new(&endpoint.base_url)
            .with_wire(WireKind::Responses)
            .with_auth(Auth::Bearer(endpoint.key.clone().into()))
            .with_limits(limits);
        Box::new(provider(options))
    }

    fn pen(&self) -> Box<dyn Pen> {
        Box::new(ResponsesPen::default())
    }

    fn error_document(&self, fault: UpstreamFault, words: &str) -> Value {
        ChatCompletionsPen::error_document(fault, words)
    }

    fn inexpressible(&self) -> &'static [(&'static str, &'static str)] {
        &[("what_a_cut_answer_has_used_is_not_lost", "usage is told with the last event only")]
    }
}

loquat_testkit::provider_conformance!(Responses);

/// The longest text that is repeated: a server that repeats more would send events that are too large.
const LONGEST_REPEATED: usize = 1 << 20;

/// Writes answers as OpenAI streams them, with everything that the wire says twice.
#[derive(Default)]
struct ResponsesPen {
    sequence: u64,
    index: u32,
    open: Option<Open>,
    /// The items that are whole, as JSON.
    items: Vec<Vec<u8>>,
    out: Vec<u8>,
}

/// The item that is being written.
struct Open {
    kind: Kind,
    /// Its parts, or its arguments: each string as it stands between its quotation marks.
    texts: Vec<Vec<u8>>,
    sealed: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    Refusal,
    Thoughts,
    Summary,
    Call { number: u32, id: &'static str, name: &'static str },
}

impl Pen for ResponsesPen {
    fn write(&mut self, say: &Say) -> Option<Vec<u8>> {
        match say {
            Say::Begin(Some(_)) => return None,
            Say::Begin(None) => {
                for name in ["response.created", "response.in_progress"] {
                    let response = json!({"status": "in_progress", "output": [], "usage": null});
                    self.event(name, &bytes(&json!({"response": response})));
                }
            }
            Say::Nothing => {
                self.event("response.output_text.delta", br#"{"content_index":0,"delta":""}"#);
            }
            Say::Text(text) => self.piece(Kind::Message, 0, text),
            Say::Refusal(text) => self.piece(Kind::Refusal, 0, text),
            Say::Reasoning(text) => self.piece(Kind::Thoughts, 0, text),
            Say::Summary(part, text) => self.piece(Kind::Summary, *part, text),
            Say::Sealed(sealed) => {
                if self.open.is_none() {
                    self.begin(Kind::Thoughts);
                }
                self.open.as_mut().expect("thoughts").sealed = Some(sealed.clone());
                self.close();
            }
            Say::Call { index, id, name } => {
                self.begin(Kind::Call { number: *index, id, name });
            }
            Say::Arguments(number, text) => {
                let open = self.open.as_ref().map(|open| open.kind);
                let Some(kind @ Kind::Call { number: open, .. }) = open else { return None };
                assert_eq!(open, *number, "one call at a time");
                self.piece(kind, 0, text);
            }
            Say::Finish(reason, used) => self.finish(*reason, *used),
            Say::Done => self.out.extend(b"data: [DONE]\n\n"),
            Say::Error(fault) => {
                let error = ChatCompletionsPen::error_document(*fault, "words")["error"].take();
                let response = json!({"status": "failed", "error": error, "usage": null});
                self.event("response.failed", &bytes(&json!({"response": response})));
            }
        }
        Some(std::mem::take(&mut self.out))
    }
}

impl ResponsesPen {
    /// An event whose data is this JSON object, with its name and number.
    fn event(&mut self, name: &str, data: &[u8]) {
        let start = format!(
            "event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":{},",
            self.sequence
        );
        self.sequence += 1;
        self.out.extend(start.into_bytes());
        self.out.extend(&data[1..]);
        self.out.extend(b"\n\n");
    }

    fn piece(&mut self, kind: Kind, part: u32, text: &Json) {
        if self.open.as_ref().is_none_or(|open| open.kind != kind) {
            self.begin(kind);
        }
        let open = self.open.as_mut().expect("an item");
        let part = usize::try_from(part).expect("a small number");
        open.texts.resize(open.texts.len().max(part + 1), Vec::new());
        let inside = &text.bytes()[1..text.bytes().len() - 1];
        if open.texts[part].len() + inside.len() <= LONGEST_REPEATED {
            open.texts[part].extend(inside);
        }
        let data = text.within(&format!(r#"{{{},"delta":$}}"#, self.place(part)));
        self.event(&format!("{}.delta", kind.events()), &data);
    }

    fn place(&self, part: usize) -> String {
        let index = self.index;
        format!(r#""output_index":{index},"content_index":{part},"summary_index":{part}"#)
    }

    fn begin(&mut self, kind: Kind) {
        self.close();
        let open = Open { kind, texts: Vec::new(), sealed: None };
        let item = open.item();
        self.open = Some(open);
        self.item_event("added", &item);
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        for (part, text) in open.texts.iter().enumerate() {
            let place = self.place(part);
            let field = open.kind.whole();
            let data = [format!(r#"{{{place},"{field}":""#).as_bytes(), text, b"\"}"].concat();
            self.event(&format!("{}.done", open.kind.events()), &data);
        }
        let item = open.item();
        self.item_event("done", &item);
        self.items.push(item);
        self.index += 1;
    }

    fn item_event(&mut self, event: &str, item: &[u8]) {
        let start = format!(r#"{{"output_index":{},"item":"#, self.index);
        let data = [start.as_bytes(), item, b"}"].concat();
        self.event(&format!("response.output_item.{event}"), &data);
    }

    fn finish(&mut self, reason: FinishReason, used: Option<Usage>) {
        self.close();
        let (status, reason) = match reason {
            FinishReason::Stop | FinishReason::ToolCalls => ("completed", None),
            FinishReason::Length => ("incomplete", Some("max_output_tokens")),
            FinishReason::ContentFilter => ("incomplete", Some("content_filter")),
        };
        let rest = json!({
            "status": status,
            "incomplete_details": reason.map(|reason| json!({"reason": reason})),
            "usage": used.map(usage),
        });
        let output = self.items.join(&b","[..]);
        let rest = &bytes(&rest)[1..];
        let data = [br#"{"response":{"output":["#, &*output, b"],", rest, b"}"].concat();
        self.event(&format!("response.{status}"), &data);
    }
}

impl Kind {
    /// The beginning of its events' names.
    fn events(self) -> &'static str {
        match self {
            Self::Message => "response.output_text",
            Self::Refusal => "response.refusal",
            Self::Thoughts => "response.reasoning_text",
            Self::Summary => "response.reasoning_summary_text",
            Self::Call { .. } => "response.function_call_arguments",
        }
    }

    /// The field of the whole text.
    fn whole(self) -> &'static str {
        match self {
            Self::Message | Self::Thoughts | Self::Summary => "text",
            Self::Refusal => "refusal",
            Self::Call { .. } => "arguments",
        }
    }
}

impl Open {
    /// The item as it is so far, as JSON.
    fn item(&self) -> Vec<u8> {
        let parts = |kind: &str, field: &str| {
            let part = |text: &Vec<u8>| {
                let start = format!(r#"{{"type":"{kind}","annotations":[],"{field}":""#);
                [start.as_bytes(), text, b"\"}"].concat()
            };
            let parts: Vec<_> = self.texts.iter().map(part).collect();
            [b"[", &*parts.join(&b","[..]), b"]"].concat()
        };
        let said = |kind: &str, field: &str| {
            [br#"{"type":"message","role":"assistant","content":"#, &*parts(kind, field), b"}"]
                .concat()
        };
        let sealed = bytes(&json!(self.sealed));
        let thought = |field: &str, parts: &[u8]| {
            let start = format!(r#"{{"type":"reasoning","{field}":"#);
            [start.as_bytes(), parts, br#","encrypted_content":"#, &sealed, b"}"].concat()
        };
        match self.kind {
            Kind::Message => said("output_text", "text"),
            Kind::Refusal => said("refusal", "refusal"),
            Kind::Thoughts => thought("content", &parts("reasoning_text", "text")),
            Kind::Summary => thought("summary", &parts("summary_text", "text")),
            Kind::Call { id, name, .. } => {
                let start = format!(
                    r#"{{"type":"function_call","call_id":"{id}","name":"{name}","arguments":""#
                );
                [start.as_bytes(), &self.texts.concat(), b"\"}"].concat()
            }
        }
    }
}

fn bytes(json: &Value) -> Vec<u8> {
    json.to_string().into_bytes()
}

fn usage(used: Usage) -> Value {
    json!({
        "input_tokens": used.input_tokens,
        "input_tokens_details":
            {"cached_tokens": used.cached_tokens, "cache_write_tokens": used.cache_write_tokens},
        "output_tokens": used.output_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": used.total_tokens(),
    })
}
