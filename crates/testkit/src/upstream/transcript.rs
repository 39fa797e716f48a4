//! Scripts in the words of the Chat Completions wire.

use serde_json::{Value, json};

use super::UpstreamScript;

impl UpstreamScript {
    /// A whole answer as OpenAI streams it: role, the pieces of text, `stop`, usage, `[DONE]`.
    /// Usage is 10 tokens of prompt and a token a piece.
    pub fn answer<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Self {
        let mut script = Self::sse().role();
        let mut count = 0;
        for piece in pieces {
            script = script.text(piece);
            count += 1;
        }
        script.finish("stop").usage(10, count).done()
    }

    /// The list of models.
    pub fn models(ids: &[&str]) -> Self {
        let data: Vec<Value> = ids
            .iter()
            .map(|id| json!({"id": id, "object": "model", "created": 0, "owned_by": "scripted"}))
            .collect();
        Self::json(200, &json!({"object": "list", "data": data}))
    }

    /// The error object of OpenAI's wire.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let error = json!({"message": message, "type": "error", "param": null, "code": code});
        Self::json(status, &json!({"error": error}))
    }

    /// The first delta: only a role.
    #[must_use]
    pub fn role(self) -> Self {
        self.delta(&json!({"role": "assistant", "content": ""}))
    }

    /// A piece of text.
    #[must_use]
    pub fn text(self, piece: &str) -> Self {
        self.delta(&json!({"content": piece}))
    }

    /// A piece of the model's thoughts.
    #[must_use]
    pub fn reasoning(self, piece: &str) -> Self {
        self.delta(&json!({"reasoning_content": piece}))
    }

    /// The first piece of a call: its id and the function's name.
    #[must_use]
    pub fn tool_call(self, index: u32, id: &str, name: &str) -> Self {
        let function = json!({"name": name, "arguments": ""});
        let call = json!({"index": index, "id": id, "type": "function", "function": function});
        self.delta(&json!({"tool_calls": [call]}))
    }

    /// A piece of a call's arguments.
    #[must_use]
    pub fn arguments(self, index: u32, piece: &str) -> Self {
        let call = json!({"index": index, "function": {"arguments": piece}});
        self.delta(&json!({"tool_calls": [call]}))
    }

    /// Any delta.
    #[must_use]
    pub fn delta(self, delta: &Value) -> Self {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": null});
        self.data(&chunk(&json!([choice]), &Value::Null))
    }

    /// The end of the answer, with its reason.
    #[must_use]
    pub fn finish(self, reason: &str) -> Self {
        let choice = json!({"index": 0, "delta": {}, "finish_reason": reason});
        self.data(&chunk(&json!([choice]), &Value::Null))
    }

    /// The usage chunk.
    #[must_use]
    pub fn usage(self, prompt: u64, completion: u64) -> Self {
        let usage = json!({
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        });
        self.data(&chunk(&json!([]), &usage))
    }

    /// The marker after which nothing comes.
    #[must_use]
    pub fn done(self) -> Self {
        self.data_text("[DONE]")
    }
}

fn chunk(choices: &Value, usage: &Value) -> Value {
    json!({
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 1_756_684_800,
        "model": "scripted",
        "choices": choices,
        "usage": usage,
    })
}
