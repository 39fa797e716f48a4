//! What single chunks become, beyond what the tests over real sockets show.

use bytes::Bytes;
use loquat_testkit::usage_shapes::{check_parts, count_of, is_readable, usage_object};
use proptest::prelude::*;
use serde_json::value::to_raw_value;

use super::*;
use crate::chunk::read_usage;

fn events(chunks: &[&str]) -> Vec<ProviderEvent> {
    let mut translator = ChunkTranslator::default();
    let mut out = VecDeque::new();
    for chunk in chunks {
        translator.frame(&frame("", chunk), &mut out).unwrap();
    }
    out.into()
}

fn frame(name: &'static str, data: &str) -> Frame {
    Frame { name: Bytes::from_static(name.as_bytes()), data: Bytes::from(data.to_owned()) }
}

fn error(name: &'static str, data: &str) -> ProviderError {
    let mut out = VecDeque::new();
    let said = ChunkTranslator::default().frame(&frame(name, data), &mut out);
    assert!(out.is_empty(), "{out:?}");
    said.unwrap_err()
}

fn delta(delta: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#)
}

fn finish(reason: &str) -> String {
    format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}"#)
}

fn text(text: &str) -> ProviderEvent {
    ProviderEvent::Text(text.to_owned())
}

fn reasoning(text: &str) -> ProviderEvent {
    ProviderEvent::Reasoning(text.to_owned())
}

fn started(index: u32, call_id: &str, name: &str) -> ProviderEvent {
    let (call_id, name) = (call_id.to_owned(), name.to_owned());
    ProviderEvent::ToolCallStarted { index, call_id, name }
}

fn arguments(index: u32, delta: &str) -> ProviderEvent {
    ProviderEvent::ToolCallArguments { index, delta: delta.to_owned() }
}

#[test]
fn chunks_without_content_are_no_events() {
    let chunks = [
        "{}",
        r#"{"choices":null,"usage":null,"error":null}"#,
        r#"{"choices":[]}"#,
        r#"{"choices":[{}]}"#,
        r#"{"choices":[{"index":0,"delta":null}]}"#,
        r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":""}]}"#,
        r#"{"choices":[{"delta":{"content":null,"tool_calls":null,"reasoning":null}}]}"#,
        r#"{"id":1,"whatever":{"deep":["\ud83d"]},"choices":[{"delta":{"audio":{"x":1}}}]}"#,
        "",
    ];
    assert_eq!(events(&chunks), []);
}

#[test]
fn only_the_choice_with_index_0_counts() {
    let chunk = r#"{"choices":[{"index":1,"delta":{"content":"no"}},{"delta":{"content":"yes"}},
        {"index":0,"delta":{"content":"no"}}]}"#;
    assert_eq!(events(&[chunk]), [text("yes")]);
}

#[test]
fn thoughts_come_under_either_name_and_once() {
    let chunks = [
        delta(r#"{"reasoning_content":"a"}"#),
        delta(r#"{"reasoning":"b"}"#),
        delta(r#"{"reasoning_content":"c","reasoning":"c"}"#),
        delta(r#"{"reasoning_content":"","reasoning":"d"}"#),
    ];
    let expected = ["a", "b", "c", "d"].map(reasoning);
    assert_eq!(events(&chunks.each_ref().map(String::as_str)), expected);
}

#[test]
fn content_may_be_a_list_of_parts() {
    let chunk = delta(
        r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},
            {"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"new","x":1}]}"#,
    );
    assert_eq!(events(&[&chunk]), [reasoning("hm"), text("ab")]);
}

#[test]
fn parallel_calls_are_told_apart_by_their_index() {
    let chunks = [
        delta(r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}"#),
        delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#),
        delta(r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"["}}]}"#),
        delta(r#"{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"]"}}]}"#),
        finish("tool_calls"),
    ];
    let expected = [
        started(0, "a", "f"),
        arguments(0, "{}"),
        started(1, "b", "g"),
        arguments(1, "["),
        arguments(1, "]"),
        ProviderEvent::Finished(FinishReason::ToolCalls),
    ];
    assert_eq!(events(&chunks.each_ref().map(String::as_str)), expected);
}

#[test]
fn whole_calls_without_an_index_or_with_the_same_one_are_told_apart_by_their_id() {
    for index in ["", r#""index":0,"#] {
        let call = |id: &str| {
            format!(r#"{{{index}"id":"{id}","function":{{"name":"f","arguments":"{id}"}}}}"#)
        };
        let chunk = delta(&format!(r#"{{"tool_calls":[{},{}]}}"#, call("x"), call("y")));
        let expected =
            [started(0, "x", "f"), arguments(0, "x"), started(1, "y", "f"), arguments(1, "y")];
        assert_eq!(events(&[&chunk]), expected, "{index}");
    }
}

#[test]
fn a_call_without_an_id_is_given_one() {
    let chunk = delta(r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"1"}}]}"#);
    let events = events(&[&chunk, &chunk.replace("\"name\":\"f\",", "")]);
    let ProviderEvent::ToolCallStarted { call_id, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(call_id.len(), "call_".len() + 16);
    assert_eq!(events[1..], [arguments(0, "1"), arguments(0, "1")]);
}

#[test]
fn an_id_that_comes_before_the_name_belongs_to_the_call() {
    let chunks = [
        delta(r#"{"tool_calls":[{"index":0,"id":"a"}]}"#),
        delta(r#"{"tool_calls":[{"index":0,"function":{"name":"f"}}]}"#),
    ];
    assert_eq!(events(&chunks.each_ref().map(String::as_str)), [started(0, "a", "f")]);
}

#[test]
fn arguments_of_nothing_break_the_protocol() {
    let chunk = delta(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}"#);
    assert!(matches!(error("", &chunk), ProviderError::Protocol(_)));
}

#[test]
fn calls_end_with_a_wish_for_their_outputs_whatever_the_server_calls_it() {
    let call = delta(r#"{"tool_calls":[{"id":"a","function":{"name":"f"}}]}"#);
    for reason in ["stop", "tool_calls", "function_call"] {
        let events = events(&[&call, &finish(reason)]);
        assert_eq!(events[1], ProviderEvent::Finished(FinishReason::ToolCalls), "{reason}");
    }
    let expected = ProviderEvent::Finished(FinishReason::Length);
    assert_eq!(events(&[&call, &finish("length")])[1], expected);
}

#[test]
fn nothing_counts_after_the_first_reason_to_stop() {
    let events = events(&[
        &delta(r#"{"content":"a"}"#),
        &finish("length"),
        &delta(r#"{"content":"b"}"#),
        &finish("stop"),
    ]);
    assert_eq!(events, [text("a"), ProviderEvent::Finished(FinishReason::Length)]);
}

#[test]
fn text_in_the_chunk_that_finishes_comes_first() {
    let chunk = r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#;
    assert_eq!(events(&[chunk]), [text("a"), ProviderEvent::Finished(FinishReason::Stop)]);
}

#[test]
fn a_half_character_does_not_reach_over_into_another_text() {
    let chunks = [
        delta(r#"{"reasoning_content":"\ud83d"}"#),
        delta(r#"{"content":"\ude00"}"#),
        delta(r#"{"content":"\ud83d"}"#),
        finish("stop"),
    ];
    let expected = [
        reasoning("\u{FFFD}"),
        text("\u{FFFD}"),
        text("\u{FFFD}"),
        ProviderEvent::Finished(FinishReason::Stop),
    ];
    assert_eq!(events(&chunks.each_ref().map(String::as_str)), expected);
}

#[test]
fn every_known_usage_form_is_read_and_an_unreadable_one_is_none() {
    let usage = |json: &str| {
        let mut translator = ChunkTranslator::default();
        let chunk = format!(r#"{{"choices":[],"usage":{json}}}"#);
        translator.frame(&frame("", &chunk), &mut VecDeque::new()).unwrap();
        translator.usage()
    };
    let full = r#"{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,
        "prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},
        "completion_tokens_details":{"reasoning_tokens":2}}"#;
    let expected = Usage {
        input_tokens: 9,
        cached_tokens: 4,
        output_tokens: 5,
        reasoning_tokens: 2,
        ..Usage::default()
    };
    assert_eq!(usage(full), Some(expected));
    let deepseek = r#"{"prompt_tokens":9,"completion_tokens":5,"prompt_cache_hit_tokens":4,
        "prompt_tokens_details":null}"#;
    let expected = Usage { reasoning_tokens: 0, ..expected };
    assert_eq!(usage(deepseek), Some(expected));
    for unreadable in ["{}", r#"{"prompt_tokens":"many"}"#, "[]", "7", "null"] {
        assert_eq!(usage(unreadable), None, "{unreadable}");
    }
}

proptest! {
    #[test]
    fn whatever_is_said_of_usage_each_token_is_counted_once(
        said in usage_object(
            &["prompt_tokens", "completion_tokens", "prompt_cache_hit_tokens"],
            &[
                ("prompt_tokens_details", &["cached_tokens", "cache_write_tokens"]),
                ("completion_tokens_details", &["reasoning_tokens"]),
            ],
        ),
    ) {
        let usage = read_usage(&to_raw_value(&said).unwrap());
        let is_there = ["prompt_tokens", "completion_tokens"].iter().any(|total| said[total].is_u64());
        prop_assert_eq!(usage.is_some(), is_there && is_readable(&said));
        if let Some(usage) = usage {
            prop_assert_eq!(usage.input_tokens, count_of(&said, "prompt_tokens"));
            prop_assert_eq!(usage.output_tokens, count_of(&said, "completion_tokens"));
            check_parts(usage);
        }
    }
}

#[test]
fn an_error_is_recognised_in_every_form() {
    for (name, data) in [
        ("", r#"{"error":{"message":"x","type":"server_error"}}"#),
        ("", r#"{"error":"x"}"#),
        ("", r#"{"object":"error","message":"x","code":500}"#),
        ("error", r#"{"message":"x"}"#),
        ("error", "x"),
        ("", r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#),
    ] {
        assert!(matches!(error(name, data), ProviderError::Failed), "{name} {data}");
    }
}

#[test]
fn what_is_no_chunk_breaks_the_protocol() {
    for data in ["{", "hello", "[]", r#"{"choices":7}"#, r#"{"choices":[{"delta":7}]}"#, "[DONE"] {
        assert!(matches!(error("", data), ProviderError::Protocol(_)), "{data}");
    }
}

#[test]
fn events_with_names_of_their_own_are_passed_over() {
    let mut out = VecDeque::new();
    let mut translator = ChunkTranslator::default();
    for name in ["ping", "done", "x"] {
        let said = translator.frame(&frame(name, "2026-01-01"), &mut out).unwrap();
        assert_eq!(said, Said::More);
    }
    let said = translator.frame(&frame("message", &delta(r#"{"content":"a"}"#)), &mut out);
    assert_eq!((said.unwrap(), out.len()), (Said::More, 1));
}
