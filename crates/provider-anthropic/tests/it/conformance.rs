//! What every provider does, done by this one.

use loquat_domain::Usage;
use loquat_provider::{ChatProvider, FinishReason};
use loquat_provider_anthropic::{AnthropicOptions, AnthropicProvider, Auth};
use loquat_provider_http::Limits;
use loquat_testkit::provider_conformance::{Dialect, Endpoint, Json, Pen, Say, UpstreamFault};
use serde_json::{Value, json};

struct Messages;

impl Dialect for Messages {
    fn provider(&self, endpoint: &Endpoint) -> Box<dyn ChatProvider> {
        let patience = endpoint.patience;
        let limits = Limits::default()
            .with_connect_timeout(patience.connect)
            .with_first_token_timeout(patience.first_token)
            .with_idle_timeout(patience.idle)
            .with_retries(patience.retries)
            .with_retry_delay(patience.retry_delay);
        let options = AnthropicOptions::new(&endpoint.base_url)
            .with_auth(Auth::ApiKey(endpoint.key.clone().into()))
            .with_limits(limits);
        Box::new(AnthropicProvider::new(options).expect("valid options"))
    }

    fn pen(&self) -> Box<dyn Pen> {
        Box::new(MessagesPen::default())
    }

    fn error_document(&self, fault: UpstreamFault, words: &str) -> Value {
        error_document(fault, words)
    }

    fn inexpressible(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "a_summary_of_thoughts_comes_in_parts",
                "what is shown of thoughts is their text, whether it is a summary or not",
            ),
            (
                "a_refusal_is_told_apart_from_an_answer",
                "a refusal is a reason to stop, not a text of its own",
            ),
        ]
    }
}

/// Writes answers as Anthropic streams them: in blocks that begin and end.
#[derive(Default)]
struct MessagesPen {
    /// The number of the next block.
    next: u32,
    open: Option<Block>,
    /// The blocks of the calls, by the calls' numbers.
    calls: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Text,
    Thinking,
    Call,
}

impl MessagesPen {
    /// What ends the open block.
    fn close(&mut self) -> Vec<u8> {
        match self.open.take() {
            None => Vec::new(),
            Some(_) => event(&json!({"type": "content_block_stop", "index": self.next - 1})),
        }
    }

    fn begin(&mut self, block: Block, content: &Value) -> Vec<u8> {
        let mut bytes = self.close();
        let kind = "content_block_start";
        bytes.extend(event(&json!({"type": kind, "index": self.next, "content_block": content})));
        self.open = Some(block);
        self.next += 1;
        bytes
    }

    /// A piece of the open block, or of one that begins with it.
    fn piece(&mut self, block: Block, content: &Value, field: &str, text: &Json) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.open != Some(block) {
            bytes = self.begin(block, content);
        }
        bytes.extend(delta(self.next - 1, field, text));
        bytes
    }
}

impl Pen for MessagesPen {
    fn write(&mut self, say: &Say) -> Option<Vec<u8>> {
        let text = json!({"type": "text", "text": ""});
        let thinking = json!({"type": "thinking", "thinking": "", "signature": ""});
        Some(match say {
            Say::Begin(used) => {
                let mut message = json!({"type": "message", "role": "assistant"});
                if let Some(used) = used {
                    message["usage"] = usage(*used);
                }
                let ping = event(&json!({"type": "ping"}));
                [event(&json!({"type": "message_start", "message": message})), ping].concat()
            }
            Say::Nothing => self.piece(Block::Text, &text, "text", &Json::string("")),
            Say::Text(piece) => self.piece(Block::Text, &text, "text", piece),
            Say::Reasoning(piece) => self.piece(Block::Thinking, &thinking, "thinking", piece),
            Say::Sealed(sealed) => {
                let sealed = Json::string(sealed);
                let mut bytes = self.piece(Block::Thinking, &thinking, "signature", &sealed);
                bytes.extend(self.close());
                bytes
            }
            Say::Refusal(_) | Say::Summary(..) => return None,
            Say::Call { id, name, .. } => {
                self.calls.push(self.next);
                let call = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                self.begin(Block::Call, &call)
            }
            Say::Arguments(call, piece) => {
                let block = self.calls[usize::try_from(*call).unwrap()];
                delta(block, "partial_json", piece)
            }
            Say::Finish(reason, used) => {
                let mut bytes = self.close();
                let delta = json!({"stop_reason": stop_reason(*reason), "stop_sequence": null});
                let mut message = json!({"type": "message_delta", "delta": delta});
                if let Some(used) = used {
                    message["usage"] = usage(*used);
                }
                bytes.extend(event(&message));
                bytes
            }
            Say::Done => event(&json!({"type": "message_stop"})),
            Say::Error(fault) => event(&error_document(*fault, "words")),
        })
    }
}

fn named(name: &str, data: &[u8]) -> Vec<u8> {
    [b"event: ", name.as_bytes(), b"\ndata: ", data, b"\n\n"].concat()
}

fn event(event: &Value) -> Vec<u8> {
    named(event["type"].as_str().unwrap(), event.to_string().as_bytes())
}

fn delta(block: u32, field: &str, text: &Json) -> Vec<u8> {
    let kind = if field == "partial_json" { "input_json" } else { field };
    let json = format!(
        r#"{{"type":"content_block_delta","index":{block},"delta":{{"type":"{kind}_delta","{field}":$}}}}"#
    );
    named("content_block_delta", &text.within(&json))
}

fn stop_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "end_turn",
        FinishReason::ToolCalls => "tool_use",
        FinishReason::Length => "max_tokens",
        FinishReason::ContentFilter => "refusal",
    }
}

fn usage(used: Usage) -> Value {
    json!({
        "input_tokens": used.input_tokens - used.cached_tokens - used.cache_write_tokens,
        "cache_read_input_tokens": used.cached_tokens,
        "cache_creation_input_tokens": used.cache_write_tokens,
        "output_tokens": used.output_tokens,
        "output_tokens_details": {"thinking_tokens": used.reasoning_tokens},
    })
}

fn error_document(fault: UpstreamFault, words: &str) -> Value {
    let (kind, message) = match fault {
        UpstreamFault::SlowDown => ("rate_limit_error", words.to_owned()),
        UpstreamFault::TooLong => {
            ("invalid_request_error", format!("prompt is too long: 9 tokens > 8 maximum. {words}"))
        }
        UpstreamFault::Other => ("api_error", words.to_owned()),
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})
}

loquat_testkit::provider_conformance!(Messages);
