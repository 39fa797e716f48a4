//! The Chat Completions wire's words for what scenarios say.

use loquat_domain::Usage;
use loquat_provider::FinishReason;
use serde_json::{Value, json};

use super::{Json, Pen, Say, UpstreamFault};

/// Writes answers as OpenAI streams them.
#[derive(Debug, Default)]
pub struct ChatCompletionsPen;

impl Pen for ChatCompletionsPen {
    fn write(&mut self, say: &Say) -> Option<Vec<u8>> {
        let delta = |field: &str, text: &Json| {
            text.within(&format!(r#"{{"choices":[{{"index":0,"delta":{{"{field}":$}}}}]}}"#))
        };
        let data = match say {
            Say::Begin(used) => {
                let delta = json!({"role": "assistant", "content": ""});
                let choice = json!({"index": 0, "delta": delta, "finish_reason": null});
                let usage = used.map_or(Value::Null, usage);
                bytes(&json!({"id": "c", "choices": [choice], "usage": usage}))
            }
            Say::Nothing => delta("content", &Json::string("")),
            Say::Text(text) => delta("content", text),
            Say::Refusal(text) => delta("refusal", text),
            Say::Reasoning(text) => delta("reasoning_content", text),
            Say::Summary(..) | Say::Sealed(_) => return None,
            Say::Call { index, id, name } => {
                let function = json!({"name": name, "arguments": ""});
                let call = json!({"index": index, "id": id, "function": function});
                bytes(&json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}))
            }
            Say::Arguments(index, text) => text.within(&format!(
                r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":{index},"function":{{"arguments":$}}}}]}}}}]}}"#
            )),
            Say::Finish(reason, used) => {
                let reason = finish_reason(*reason);
                let choice = json!({"index": 0, "delta": {}, "finish_reason": reason});
                let finish = event(&bytes(&json!({"choices": [choice]})));
                let used = used.map(|used| {
                    event(&bytes(&json!({"choices": [], "usage": usage(used)})))
                });
                return Some([finish, used.unwrap_or_default()].concat());
            }
            Say::Done => b"[DONE]".to_vec(),
            Say::Error(fault) => bytes(&Self::error_document(*fault, "words")),
        };
        Some(event(&data))
    }
}

impl ChatCompletionsPen {
    /// The error object, beside a status or in the middle of an answer.
    pub fn error_document(fault: UpstreamFault, words: &str) -> Value {
        let code = match fault {
            UpstreamFault::SlowDown => "rate_limit_exceeded",
            UpstreamFault::TooLong => "context_length_exceeded",
            UpstreamFault::Other => "some_code",
        };
        json!({"error": {"message": words, "type": "error", "param": null, "code": code}})
    }
}

fn bytes(json: &Value) -> Vec<u8> {
    json.to_string().into_bytes()
}

fn event(data: &[u8]) -> Vec<u8> {
    [b"data: ", data, b"\n\n"].concat()
}

fn finish_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::Length => "length",
        FinishReason::ContentFilter => "content_filter",
    }
}

fn usage(used: Usage) -> Value {
    let prompt =
        json!({"cached_tokens": used.cached_tokens, "cache_write_tokens": used.cache_write_tokens});
    json!({
        "prompt_tokens": used.input_tokens,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.total_tokens(),
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
    })
}
