//! The stream of `/v1/chat/completions`.

use loquat_testkit::{CompletionsStreamChecker, IncludeUsage, StreamedCall};
use serde_json::{Value, json};

use super::mutate;

fn chunk(choices: &[Value], usage: Option<Value>) -> Value {
    let mut chunk = json!({
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_756_684_800,
        "model": "echo",
        "choices": choices,
    });
    if let Some(usage) = usage {
        chunk["usage"] = usage;
    }
    chunk
}

/// Thoughts, text, a refusal and two calls; with usage when it was asked for.
fn chunks(include_usage: IncludeUsage) -> Vec<Value> {
    let asked = include_usage == IncludeUsage::Yes;
    let delta = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        chunk(&[choice], asked.then_some(Value::Null))
    };
    let call = |call: Value| delta(json!({"tool_calls": [call]}), Value::Null);
    let mut chunks: Vec<Value> = [
        json!({"role": "assistant", "content": ""}),
        json!({"reasoning_content": "hm"}),
        json!({"content": "Hel"}),
        json!({"content": "lo"}),
        json!({"refusal": "but no"}),
    ]
    .map(|it| delta(it, Value::Null))
    .to_vec();
    for at in 0..2 {
        chunks.push(call(json!({"index": at, "id": format!("call_{at}"), "type": "function",
            "function": {"name": "look_up", "arguments": ""}})));
        chunks.push(call(json!({"index": at, "function": {"arguments": "{\"a\""}})));
        chunks.push(call(json!({"index": at, "function": {"arguments": ":1}"}})));
    }
    chunks.push(delta(json!({}), json!("tool_calls")));
    if asked {
        let usage = json!({
            "prompt_tokens": 20,
            "prompt_tokens_details": {"cached_tokens": 5},
            "completion_tokens": 10,
            "completion_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 30,
        });
        chunks.push(chunk(&[], Some(usage)));
    }
    chunks
}

fn stream(chunks: &[Value]) -> String {
    let frames = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
    frames.chain(["data: [DONE]\n\n".to_owned()]).collect()
}

fn refused(stream: &str, include_usage: IncludeUsage) -> bool {
    CompletionsStreamChecker::check(stream.as_bytes(), include_usage).is_err()
}

const BOTH: [IncludeUsage; 2] = [IncludeUsage::Yes, IncludeUsage::No];

#[test]
fn right_streams_pass_and_are_summed_up() {
    for include_usage in BOTH {
        let stream = stream(&chunks(include_usage));
        let read = CompletionsStreamChecker::check(stream.as_bytes(), include_usage).unwrap();
        assert_eq!((read.text.as_str(), read.refusal.as_str()), ("Hello", "but no"));
        assert_eq!((read.id.as_str(), read.reasoning.as_str()), ("chatcmpl-1", "hm"));
        assert_eq!(read.finish_reason.as_deref(), Some("tool_calls"));
        let call = |at: u32| StreamedCall {
            id: format!("call_{at}"),
            name: "look_up".to_owned(),
            arguments: r#"{"a":1}"#.to_owned(),
        };
        assert_eq!(read.tool_calls, [call(0), call(1)]);
        assert_eq!(read.usage.is_some(), include_usage == IncludeUsage::Yes);
        assert_eq!(read.error, None);
    }
}

#[test]
fn the_sizes_of_the_chunks_do_not_matter() {
    let stream = stream(&chunks(IncludeUsage::Yes));
    let whole = CompletionsStreamChecker::check(stream.as_bytes(), IncludeUsage::Yes).unwrap();
    for size in [1, 5, 100] {
        let mut checker = CompletionsStreamChecker::new(IncludeUsage::Yes);
        for chunk in stream.as_bytes().chunks(size) {
            checker.feed(chunk).unwrap();
        }
        assert!(checker.is_between_frames());
        assert_eq!(checker.finish().unwrap(), whole);
    }
}

/// Nothing in a stream would tell that a piece of text is missing: only the steps around the pieces
/// have places that can be checked.
#[test]
fn every_step_has_its_place() {
    for include_usage in BOTH {
        let mut steps = chunks(include_usage);
        steps.drain(6..11);
        steps.drain(1..5);
        assert!(!refused(&stream(&steps), include_usage));
        for (what, changed) in mutate::reordered(&steps) {
            assert!(refused(&stream(&changed), include_usage), "passes {what}");
        }
    }
}

#[test]
fn calls_begin_in_order_and_before_their_pieces() {
    let right = chunks(IncludeUsage::No);
    for (one, other) in [(5, 8), (5, 6), (8, 9)] {
        let mut swapped = right.clone();
        swapped.swap(one, other);
        assert!(refused(&stream(&swapped), IncludeUsage::No), "{one} and {other}");
    }
}

#[test]
fn every_field_is_needed() {
    for include_usage in BOTH {
        for (what, changed) in mutate::without_a_field(&chunks(include_usage)) {
            assert!(refused(&stream(&changed), include_usage), "passes without {what}");
        }
    }
}

#[test]
fn what_one_side_asked_for_is_what_it_gets() {
    assert!(refused(&stream(&chunks(IncludeUsage::Yes)), IncludeUsage::No));
    assert!(refused(&stream(&chunks(IncludeUsage::No)), IncludeUsage::Yes));
}

#[test]
fn wrong_values_are_refused() {
    for (pointer, value) in [
        ("/0/object", json!("chat.completion")),
        ("/3/id", json!("chatcmpl-2")),
        ("/3/created", json!(1)),
        ("/3/model", json!("other")),
        ("/3/choices/0/index", json!(1)),
        ("/3/choices/0/delta/content", json!("")),
        ("/3/choices/0/delta", json!({"content": "a", "refusal": "b"})),
        ("/3/choices/0/delta", json!({"contents": "a"})),
        ("/3/choices/0/delta", json!({})),
        ("/3/choices/0/finish_reason", json!("stop")),
        ("/0/choices/0/delta/content", json!("Hi")),
        ("/0/choices/0/delta/role", json!("user")),
        ("/5/choices/0/delta/tool_calls/0/index", json!(1)),
        ("/5/choices/0/delta/tool_calls/0/id", json!("")),
        ("/6/choices/0/delta/tool_calls/0/id", json!("call_0")),
        ("/6/choices/0/delta/tool_calls/0/function/name", json!("look_up")),
        ("/6/choices/0/delta/tool_calls/0/function/arguments", json!("")),
        ("/11/choices/0/finish_reason", json!("done")),
        ("/11/choices/0/delta", json!({"content": "more"})),
        ("/12/usage/total_tokens", json!(31)),
        ("/12/usage/prompt_tokens_details/cached_tokens", json!(21)),
        ("/12/usage", json!(null)),
    ] {
        let mut chunks = json!(chunks(IncludeUsage::Yes));
        let (object, key) = pointer.rsplit_once('/').unwrap();
        chunks.pointer_mut(object).unwrap()[key] = value.clone();
        let stream = stream(chunks.as_array().unwrap());
        assert!(refused(&stream, IncludeUsage::Yes), "passes {pointer} = {value}");
    }
}

#[test]
fn a_model_that_waits_for_tools_has_asked_for_some() {
    let mut chunks = chunks(IncludeUsage::No);
    chunks.drain(5..11);
    assert!(refused(&stream(&chunks), IncludeUsage::No));
    chunks[5]["choices"][0]["finish_reason"] = json!("stop");
    assert!(!refused(&stream(&chunks), IncludeUsage::No));
}

#[test]
fn an_answer_that_breaks_off_ends_with_an_error_object() {
    let error = json!({"error": {"message": "broke", "type": "model_error", "param": null,
        "code": "provider_error"}});
    for include_usage in BOTH {
        let mut chunks = chunks(include_usage);
        chunks.truncate(4);
        assert!(refused(&stream(&chunks), include_usage), "neither a reason nor an error");
        chunks.push(error.clone());
        let bytes = stream(&chunks);
        let read = CompletionsStreamChecker::check(bytes.as_bytes(), include_usage).unwrap();
        assert_eq!((read.error.as_ref(), read.finish_reason), (error.get("error"), None));
        for (what, changed) in mutate::without_a_field(&chunks[4..]) {
            let stream = stream(&[&chunks[..4], &changed].concat());
            assert!(refused(&stream, include_usage), "passes without {what}");
        }
        chunks.push(chunks[3].clone());
        assert!(refused(&stream(&chunks), include_usage), "passes more after the error");
    }
}

#[test]
fn the_frames_are_those_that_every_parser_reads() {
    let right = stream(&chunks(IncludeUsage::No));
    for (what, wrong) in [
        ("CRLF", right.replace('\n', "\r\n")),
        ("no [DONE]", right.replace("data: [DONE]\n\n", "")),
        ("[DONE] twice", right.clone() + "data: [DONE]\n\n"),
        ("data after [DONE]", right.clone() + "data: {}\n\n"),
        ("an event name", right.replacen("data: ", "event: chunk\ndata: ", 1)),
        ("half a frame", right.clone() + "data"),
        ("[DONE] alone", "data: [DONE]\n\n".to_owned()),
        ("nothing", String::new()),
    ] {
        assert!(refused(&wrong, IncludeUsage::No), "passes {what}");
    }
    assert!(!refused(&right.replacen("\n\n", "\n\n: beat\n\n", 2), IncludeUsage::No));
}
