//! The Responses wire.

mod azure;
mod conformance;
mod conversation;
mod cuts;
mod requests;
mod round_trip;
mod seals;
mod transcripts;

use loquat_provider::ProviderEvent;
use loquat_provider_openai::{OpenAiOptions, OpenAiProvider, WireKind};
use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::{Value, json};

use crate::{hear, options, provider};

/// An upstream that plays the scripts one after the other, and a provider that speaks this wire to it.
async fn playing(
    scripts: impl IntoIterator<Item = UpstreamScript>,
) -> (ScriptedUpstream, OpenAiProvider) {
    let upstream = ScriptedUpstream::queue(scripts).await.expect("a free port");
    let provider = provider(responses(&upstream));
    (upstream, provider)
}

fn responses(upstream: &ScriptedUpstream) -> OpenAiOptions {
    options(upstream).with_wire(WireKind::Responses)
}

/// What the script becomes.
async fn events(script: UpstreamScript) -> Vec<ProviderEvent> {
    let (_upstream, provider) = playing([script]).await;
    let (events, error) = hear(&provider).await;
    assert!(error.is_none(), "{error:?}");
    events
}

/// A script in the words of this wire: the events with their names and numbers, as OpenAI writes them.
fn script(events: impl IntoIterator<Item = Value>) -> UpstreamScript {
    let mut script = UpstreamScript::sse();
    for (number, mut event) in events.into_iter().enumerate() {
        event["sequence_number"] = json!(number);
        let name = event["type"].as_str().expect("a name");
        script = script.body(format!("event: {name}\ndata: {event}\n\n"));
    }
    script
}

/// A response as it is told at its beginning and its end.
fn response(status: &str, output: &[Value], usage: &Value) -> Value {
    json!({
        "id": "resp_68af4030592c81938ec0a5fbab4a3e9f",
        "object": "response",
        "created_at": 1_756_315_696,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": null,
        "instructions": "be brief",
        "max_output_tokens": null,
        "model": "gpt-5-2025-08-07",
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": {"effort": "medium", "summary": "detailed"},
        "store": false,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "metadata": {},
    })
}

fn begun() -> [Value; 2] {
    let begun = response("in_progress", &[], &Value::Null);
    ["response.created", "response.in_progress"]
        .map(|name| json!({"type": name, "response": begun}))
}

fn completed(output: &[Value]) -> Value {
    let usage = json!({
        "input_tokens": 36,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 87,
        "output_tokens_details": {"reasoning_tokens": 64},
        "total_tokens": 123,
    });
    json!({"type": "response.completed", "response": response("completed", output, &usage)})
}

/// One item from its beginning to its end, with `between` what comes in between.
fn item(
    index: usize,
    begun: &Value,
    between: impl IntoIterator<Item = Value>,
    done: &Value,
) -> Vec<Value> {
    let added = json!({"type": "response.output_item.added", "output_index": index, "item": begun});
    let done = json!({"type": "response.output_item.done", "output_index": index, "item": done});
    let mut events = vec![added];
    events.extend(between.into_iter().map(|mut event| {
        event["output_index"] = json!(index);
        event
    }));
    events.push(done);
    events
}

/// An item of thoughts with a summary of one part and a sealed form.
fn thoughts(index: usize, pieces: &[&str], sealed: &str) -> (Vec<Value>, Value) {
    let id = format!("rs_{index}");
    let text = pieces.concat();
    let part = |text: &str| json!({"type": "summary_text", "text": text});
    let begun = json!({"id": id, "type": "reasoning", "summary": [],
        "encrypted_content": format!("early-{sealed}")});
    let done = json!({"id": id, "type": "reasoning", "summary": [part(&text)],
        "encrypted_content": sealed});
    let at = |name: &str, field: &str, value: Value| {
        let name = format!("response.reasoning_summary_{name}");
        json!({"type": name, "item_id": id, "summary_index": 0, field: value})
    };
    let mut between = vec![at("part.added", "part", part(""))];
    between.extend(pieces.iter().map(|piece| at("text.delta", "delta", json!(piece))));
    between.push(at("text.done", "text", json!(text)));
    between.push(at("part.done", "part", part(&text)));
    (item(index, &begun, between, &done), done)
}

/// A message that comes in pieces.
fn message(index: usize, pieces: &[&str]) -> (Vec<Value>, Value) {
    let id = format!("msg_{index}");
    let text = pieces.concat();
    let part = |text: &str| json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text});
    let item_of = |status: &str, content: &[Value]| {
        json!({"id": id, "type": "message", "status": status, "role": "assistant",
            "content": content})
    };
    let at = |name: &str, field: &str, value: Value| {
        let name = format!("response.{name}");
        json!({"type": name, "item_id": id, "content_index": 0, "logprobs": [], field: value})
    };
    let mut between = vec![at("content_part.added", "part", part(""))];
    between.extend(pieces.iter().map(|piece| at("output_text.delta", "delta", json!(piece))));
    between.push(at("output_text.done", "text", json!(text)));
    between.push(at("content_part.done", "part", part(&text)));
    let done = item_of("completed", &[part(&text)]);
    (item(index, &item_of("in_progress", &[]), between, &done), done)
}

/// A call whose arguments come in pieces.
fn call(index: usize, call_id: &str, name: &str, pieces: &[&str]) -> (Vec<Value>, Value) {
    let id = format!("fc_{index}");
    let arguments = pieces.concat();
    let item_of = |status: &str, arguments: &str| {
        json!({"id": id, "type": "function_call", "status": status, "arguments": arguments,
            "call_id": call_id, "name": name})
    };
    let at = |name: &str, field: &str, value: Value| {
        let name = format!("response.function_call_arguments.{name}");
        json!({"type": name, "item_id": id, field: value})
    };
    let mut between: Vec<_> = pieces.iter().map(|it| at("delta", "delta", json!(it))).collect();
    between.push(at("done", "arguments", json!(arguments)));
    let done = item_of("completed", &arguments);
    (item(index, &item_of("in_progress", ""), between, &done), done)
}

/// Thoughts, a message and two calls, each in pieces, with characters of one to four bytes.
fn whole_answer() -> UpstreamScript {
    let parts = [
        thoughts(0, &["**Looking**", " at \u{1F914}"], "gAAAAABor0Aw=="),
        message(1, &["Grüße, ", "\u{1F600}\n\"你好\""]),
        call(2, "call_a", "look", &["{\"at\":", "\"é\"}"]),
        call(3, "call_b", "wait", &["{}"]),
    ];
    let (events, items): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let events = begun().into_iter().chain(events.into_iter().flatten());
    script(events.chain([completed(&items)]))
}

/// A message of these pieces and nothing else.
fn answer(pieces: &[&str]) -> UpstreamScript {
    let (events, item) = message(0, pieces);
    script(begun().into_iter().chain(events).chain([completed(&[item])]))
}
