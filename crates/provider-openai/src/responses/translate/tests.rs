//! What single events become, beyond what the tests over real sockets show.

use bytes::Bytes;
use loquat_outbound::BaseUrl;
use loquat_testkit::usage_shapes::{check_parts, count_of, is_readable, usage_object};
use proptest::prelude::*;
use serde_json::value::to_raw_value;

use super::*;
use crate::responses::event::read_usage;

fn seal() -> Arc<Seal> {
    Arc::new(Seal::new("openai-responses", &BaseUrl::new("https://example.org/v1").unwrap()))
}

fn translator() -> EventTranslator {
    EventTranslator::new(seal())
}

fn frame(name: &'static str, data: &str) -> Frame {
    Frame { name: Bytes::from_static(name.as_bytes()), data: Bytes::from(data.to_owned()) }
}

/// What the events, whose names are in their data, become.
fn events(events: &[&str]) -> Vec<ProviderEvent> {
    let mut translator = translator();
    let mut out = VecDeque::new();
    for event in events {
        translator.frame(&frame("", event), &mut out).unwrap();
    }
    out.into()
}

fn error(name: &'static str, data: &str) -> ProviderError {
    let mut out = VecDeque::new();
    let said = translator().frame(&frame(name, data), &mut out);
    assert!(out.is_empty(), "{out:?}");
    said.unwrap_err()
}

fn text(text: &str) -> ProviderEvent {
    ProviderEvent::Text(text.to_owned())
}

fn started(index: u32, call_id: &str, name: &str) -> ProviderEvent {
    let (call_id, name) = (call_id.to_owned(), name.to_owned());
    ProviderEvent::ToolCallStarted { index, call_id, name }
}

fn arguments(index: u32, delta: &str) -> ProviderEvent {
    ProviderEvent::ToolCallArguments { index, delta: delta.to_owned() }
}

fn summary(part: u32, delta: &str) -> ProviderEvent {
    ProviderEvent::ReasoningSummary { part, delta: delta.to_owned() }
}

fn sealed(sealed: &str) -> ProviderEvent {
    ProviderEvent::ReasoningSealed(seal().mark(sealed))
}

const STOP: ProviderEvent = ProviderEvent::Finished(FinishReason::Stop);
const COMPLETED: &str = r#"{"type":"response.completed","response":{"status":"completed"}}"#;

/// An item of the given kind, begun or whole.
fn item(event: &str, index: u32, item: &str) -> String {
    format!(r#"{{"type":"response.output_item.{event}","output_index":{index},"item":{item}}}"#)
}

#[test]
fn events_that_say_nothing_are_passed_over() {
    let quiet = [
        r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","output":[]}}"#,
        r#"{"type":"response.in_progress","response":{"status":"in_progress"}}"#,
        r#"{"type":"response.output_item.added","item":{"type":"message","content":[]}}"#,
        r#"{"type":"response.output_item.added","item":{"type":"web_search_call","name":7}}"#,
        r#"{"type":"response.output_item.added"}"#,
        r#"{"type":"response.output_item.done","item":{"type":"image","content":"x"}}"#,
        r#"{"type":"response.output_item.done","item":{}}"#,
        r#"{"type":"response.content_part.added","part":{"type":"output_text","text":""}}"#,
        r#"{"type":"response.output_text.delta","delta":""}"#,
        r#"{"type":"response.output_text.delta","delta":null}"#,
        r#"{"type":"response.output_text.delta"}"#,
        r#"{"type":"response.output_text.annotation.added","annotation":{"x":["\ud83d"]}}"#,
        r#"{"type":"response.mcp_call_arguments.delta","delta":{"x":1}}"#,
        r#"{"type":"vendor:thing","delta":["x"]}"#,
        "",
    ];
    assert_eq!(events(&quiet), []);
}

#[test]
fn the_name_may_be_in_the_frame_or_in_the_data() {
    let mut out = VecDeque::new();
    let mut translator = translator();
    for (name, data) in [
        ("response.output_text.delta", r#"{"delta":"a"}"#),
        ("message", r#"{"type":"response.output_text.delta","delta":"b"}"#),
        ("", r#"{"type":"response.output_text.delta","delta":"c"}"#),
        ("ping", "not even JSON"),
    ] {
        translator.frame(&frame(name, data), &mut out).unwrap();
    }
    assert_eq!(Vec::from(out), [text("a"), text("b"), text("c")]);
}

#[test]
fn thoughts_come_under_either_name() {
    let thoughts = [
        r#"{"type":"response.reasoning_text.delta","delta":"a"}"#,
        r#"{"type":"response.reasoning.delta","delta":"b"}"#,
        r#"{"type":"response.reasoning_text.done","text":"ab"}"#,
    ];
    let expected = ["a", "b"].map(|text| ProviderEvent::Reasoning(text.to_owned()));
    assert_eq!(events(&thoughts), expected);
}

#[test]
fn a_text_that_came_in_pieces_is_not_told_again_by_what_repeats_it() {
    let message = r#"{"type":"message","content":[{"type":"output_text","text":"ab"}]}"#;
    let completed = format!(
        r#"{{"type":"response.completed","response":{{"status":"completed","output":[{message}]}}}}"#
    );
    let told = events(&[
        r#"{"type":"response.output_text.delta","output_index":0,"delta":"a"}"#,
        r#"{"type":"response.output_text.delta","output_index":0,"delta":"b"}"#,
        r#"{"type":"response.output_text.done","output_index":0,"text":"ab"}"#,
        &item("done", 7, message),
        &completed,
    ]);
    assert_eq!(told, [text("a"), text("b"), STOP]);
}

#[test]
fn a_text_without_pieces_is_told_once_by_whatever_has_it_first() {
    let message = r#"{"type":"message","content":[{"type":"output_text","text":"ab"},
        {"type":"refusal","refusal":"no"}]}"#;
    let part = r#"{"type":"response.output_text.done","text":"ab"}"#;
    let refusal = r#"{"type":"response.refusal.done","refusal":"no"}"#;
    let item = item("done", 0, message);
    let completed =
        format!(r#"{{"type":"response.completed","response":{{"output":[{message}]}}}}"#);
    let expected = [text("ab"), ProviderEvent::Refusal("no".to_owned()), STOP];
    assert_eq!(events(&[part, refusal, &item, &completed]), expected);
    assert_eq!(events(&[&item, &completed]), expected);
    assert_eq!(events(&[&completed]), expected);
}

#[test]
fn several_texts_of_a_server_without_pieces_are_all_told() {
    let done = |text: &str| format!(r#"{{"type":"response.output_text.done","text":"{text}"}}"#);
    assert_eq!(events(&[&done("a"), &done("b"), COMPLETED]), [text("a"), text("b"), STOP]);
}

#[test]
fn parallel_calls_are_told_apart_by_the_numbers_of_their_items() {
    let call = |id: &str| format!(r#"{{"type":"function_call","call_id":"{id}","name":"f"}}"#);
    let delta = |index: u32, delta: &str| {
        format!(
            r#"{{"type":"response.function_call_arguments.delta","output_index":{index},"delta":"{delta}"}}"#
        )
    };
    let told = events(&[
        &item("added", 1, &call("a")),
        &item("added", 4, &call("b")),
        &delta(1, "1"),
        &delta(4, "2"),
        &delta(1, "3"),
        COMPLETED,
    ]);
    let expected = [
        started(0, "a", "f"),
        started(1, "b", "f"),
        arguments(0, "1"),
        arguments(1, "2"),
        arguments(0, "3"),
        ProviderEvent::Finished(FinishReason::ToolCalls),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_call_that_comes_whole_is_begun_and_told_once() {
    let whole = r#"{"type":"function_call","call_id":"a","name":"f","arguments":"{\"x\":1}"}"#;
    let expected = [started(0, "a", "f"), arguments(0, r#"{"x":1}"#)];
    let done = item("done", 0, whole);
    let added = item("added", 0, whole);
    assert_eq!(events(&[&done]), expected);
    assert_eq!(events(&[&added, &done]), expected);
    let part = r#"{"type":"response.function_call_arguments.done","output_index":0,
        "arguments":"{\"x\":1}","name":"f"}"#;
    assert_eq!(events(&[&added, part, &done]), expected);
    assert_eq!(events(&[part, &done]), expected);
    let unnumbered = format!(r#"{{"type":"response.output_item.done","item":{whole}}}"#);
    assert_eq!(events(&[&unnumbered, &unnumbered])[..1], expected[..1]);
}

#[test]
fn a_call_is_the_same_although_its_id_or_its_number_changes() {
    let call = |id: &str| format!(r#"{{"type":"function_call","call_id":"{id}","name":"f"}}"#);
    for again in [item("done", 0, &call("b")), item("done", 3, &call("a"))] {
        assert_eq!(events(&[&item("added", 0, &call("a")), &again]), [started(0, "a", "f")]);
    }
}

#[test]
fn a_call_without_an_id_is_given_one() {
    let call = r#"{"type":"function_call","name":"f","arguments":"1"}"#;
    let events = events(&[&item("done", 0, call)]);
    let ProviderEvent::ToolCallStarted { call_id, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(call_id.len(), "call_".len() + 16);
    assert_eq!(events[1], arguments(0, "1"));
}

#[test]
fn calls_without_a_name_and_arguments_of_no_call_break_the_protocol() {
    let nameless = item("done", 0, r#"{"type":"function_call","call_id":"a"}"#);
    let orphaned = r#"{"type":"response.function_call_arguments.delta","delta":"{"}"#;
    for bad in [&*nameless, orphaned] {
        assert!(matches!(error("", bad), ProviderError::Protocol(_)), "{bad}");
    }
}

#[test]
fn parts_of_summaries_keep_apart_also_over_two_items() {
    let delta = |item: u32, part: u32, delta: &str| {
        format!(
            r#"{{"type":"response.reasoning_summary_text.delta","output_index":{item},
                "summary_index":{part},"delta":"{delta}"}}"#
        )
    };
    let told = events(&[
        &delta(0, 0, "a"),
        &delta(0, 0, "b"),
        &delta(0, 1, "c"),
        &delta(1, 0, "d"),
        &delta(1, 1, "e"),
    ]);
    let expected =
        [summary(0, "a"), summary(0, "b"), summary(1, "c"), summary(2, "d"), summary(3, "e")];
    assert_eq!(told, expected);
}

#[test]
fn sealed_thoughts_end_theirs_and_carry_the_endpoint_s_mark() {
    let thoughts = r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],
        "encrypted_content":"gAAA"}"#;
    // OpenAI sends a first form with the beginning of the item; the last one counts.
    let begun = thoughts.replace("gAAA", "gBBB");
    let told = events(&[&item("added", 0, &begun), &item("done", 0, thoughts), COMPLETED]);
    assert_eq!(told, [summary(0, "hm"), sealed("gAAA"), STOP]);
    let bare = r#"{"type":"reasoning","summary":[],"encrypted_content":"gAAA"}"#;
    assert_eq!(events(&[&item("done", 0, bare)]), [sealed("gAAA")]);
    let open = r#"{"type":"reasoning","summary":[],"content":null,"encrypted_content":null}"#;
    assert_eq!(events(&[&item("done", 0, open)]), []);
}

#[test]
fn each_item_has_a_seal_of_its_own() {
    let thoughts = |sealed: &str| {
        format!(r#"{{"type":"reasoning","summary":[],"encrypted_content":"{sealed}"}}"#)
    };
    let told = events(&[&item("done", 0, &thoughts("a")), &item("done", 1, &thoughts("b"))]);
    assert_eq!(told, [sealed("a"), sealed("b")]);
}

#[test]
fn an_answer_ends_for_the_reason_that_is_given() {
    let end = |details: &str| {
        format!(r#"{{"type":"response.incomplete","response":{{"incomplete_details":{details}}}}}"#)
    };
    let finished = ProviderEvent::Finished;
    for (details, reason) in [
        (r#"{"reason":"max_output_tokens"}"#, vec![finished(FinishReason::Length)]),
        (r#"{"reason":"content_filter"}"#, vec![finished(FinishReason::ContentFilter)]),
        (r#"{"reason":"of its own"}"#, vec![]),
        (r#"{"reason":null}"#, vec![]),
        ("null", vec![]),
    ] {
        assert_eq!(events(&[&end(details)]), reason, "{details}");
    }
}

#[test]
fn the_last_event_is_the_last_whatever_follows() {
    let mut translator = translator();
    let said = translator.frame(&frame("", COMPLETED), &mut VecDeque::new()).unwrap();
    assert_eq!((said, translator.is_finished()), (Said::All, true));
    let mut translator = super::tests::translator();
    let said = translator.frame(&frame("", "[DONE]"), &mut VecDeque::new()).unwrap();
    assert_eq!((said, translator.is_finished()), (Said::All, false));
}

#[test]
fn usage_is_read_with_its_details_also_of_an_answer_that_failed() {
    let usage = r#"{"input_tokens":9,"input_tokens_details":{"cached_tokens":3,
        "cache_write_tokens":2},"output_tokens":7,"output_tokens_details":
        {"reasoning_tokens":5},"total_tokens":16}"#;
    let whole = Usage {
        input_tokens: 9,
        cached_tokens: 3,
        cache_write_tokens: 2,
        output_tokens: 7,
        reasoning_tokens: 5,
        estimated: false,
    };
    let few = Usage { input_tokens: 1, ..Usage::default() };
    for (json, expected) in [
        (usage, Some(whole)),
        (r#"{"input_tokens":1}"#, Some(few)),
        (r#"{"input_tokens":1,"input_tokens_details":null}"#, Some(few)),
        ("null", None),
        ("{}", None),
        (r#"{"input_tokens":-1}"#, None),
        (r#""many""#, None),
    ] {
        for kind in ["completed", "incomplete", "failed"] {
            let mut translator = translator();
            let event = format!(r#"{{"type":"response.{kind}","response":{{"usage":{json}}}}}"#);
            let failed = translator.frame(&frame("", &event), &mut VecDeque::new()).is_err();
            assert_eq!((translator.usage(), failed), (expected, kind == "failed"), "{event}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_said_of_usage_each_token_is_counted_once(
        said in usage_object(
            &["input_tokens", "output_tokens"],
            &[
                ("input_tokens_details", &["cached_tokens", "cache_write_tokens"]),
                ("output_tokens_details", &["reasoning_tokens"]),
            ],
        ),
    ) {
        let usage = read_usage(&to_raw_value(&said).unwrap());
        let is_there = ["input_tokens", "output_tokens"].iter().any(|total| said[total].is_u64());
        prop_assert_eq!(usage.is_some(), is_there && is_readable(&said));
        if let Some(usage) = usage {
            prop_assert_eq!(usage.input_tokens, count_of(&said, "input_tokens"));
            prop_assert_eq!(usage.output_tokens, count_of(&said, "output_tokens"));
            check_parts(usage);
        }
    }
}

#[test]
fn an_error_is_found_wherever_servers_put_it() {
    for (name, data) in [
        ("error", r#"{"type":"error","code":"rate_limit_exceeded","message":"x","param":null}"#),
        ("", r#"{"type":"error","error":{"type":"rate_limit_error","code":null}}"#),
        ("", r#"{"error":{"code":"rate_limit_exceeded"}}"#),
        ("", r#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded"}}}"#),
        ("", r#"{"type":"response.failed","error":{"code":"rate_limit_exceeded"}}"#),
    ] {
        let error = error(name, data);
        assert!(matches!(error, ProviderError::RateLimited { .. }), "{data}: {error:?}");
    }
    let too_long = r#"{"type":"response.failed","response":{"error":
        {"code":"context_length_exceeded","message":"x"}}}"#;
    assert!(matches!(error("", too_long), ProviderError::ContextLengthExceeded));
    for failed in [
        r#"{"type":"response.failed","response":{"error":{"code":"server_error"}}}"#,
        r#"{"type":"response.failed","response":{"error":null}}"#,
        r#"{"type":"response.failed"}"#,
        r#"{"type":"error"}"#,
    ] {
        assert!(matches!(error("", failed), ProviderError::Failed), "{failed}");
    }
}

#[test]
fn what_is_none_of_the_wire_s_events_breaks_the_protocol() {
    for (name, data) in [
        ("", "{"),
        ("", "hello"),
        ("", "{}"),
        ("", "[1]"),
        ("", r#"{"type":7}"#),
        ("response.output_text.delta", r#"["a"]"#),
        ("response.output_text.delta", r#"{"delta":7}"#),
        ("response.output_text.delta", r#"{"delta":"a","output_index":-1}"#),
        ("response.output_item.done", r#"{"item":"message"}"#),
        ("response.output_item.done", r#"{"item":{"type":"message","content":"a"}}"#),
        ("response.completed", r#"{"response":{"output":[7]}}"#),
        ("response.completed", "[]"),
    ] {
        let error = error(name, data);
        assert!(matches!(error, ProviderError::Protocol(_)), "{data}: {error:?}");
    }
}

#[test]
fn a_character_split_over_two_pieces_is_put_together() {
    let told = events(&[
        r#"{"type":"response.output_text.delta","delta":"a\ud83d"}"#,
        r#"{"type":"response.output_text.delta","delta":"\ude00b"}"#,
        r#"{"type":"response.output_text.delta","delta":"\ud83d"}"#,
        COMPLETED,
    ]);
    assert_eq!(told, [text("a"), text("\u{1F600}b"), text("\u{FFFD}"), STOP]);
}

/// Any JSON, with the wire's own words where they can do harm.
fn hostile() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let word = prop::sample::select(vec![
        "message",
        "function_call",
        "reasoning",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.reasoning_summary_text.delta",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "error",
        "max_output_tokens",
        "\u{1F600}",
        "",
    ]);
    let key = prop::sample::select(vec![
        "type",
        "response",
        "item",
        "output",
        "output_index",
        "summary_index",
        "delta",
        "text",
        "arguments",
        "name",
        "call_id",
        "content",
        "summary",
        "encrypted_content",
        "incomplete_details",
        "reason",
        "usage",
        "error",
    ]);
    let leaf = prop_oneof![
        3 => word.prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (0_u32..3).prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            3 => prop::collection::vec((key.clone(), inner.clone()), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
            1 => prop::collection::vec(inner, 0..3).prop_map(Value::from),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_sent_no_event_is_empty_and_nothing_panics(
        frames in prop::collection::vec(hostile(), 0..12),
    ) {
        let mut translator = translator();
        let mut out = VecDeque::new();
        for data in frames {
            let said = translator.frame(&frame("", &data.to_string()), &mut out);
            if !matches!(said, Ok(Said::More)) {
                break;
            }
        }
        let finished = out.iter().filter(|it| matches!(it, ProviderEvent::Finished(_))).count();
        prop_assert_eq!(finished, usize::from(translator.is_finished()));
        for event in out {
            let text = match event {
                ProviderEvent::Text(text)
                | ProviderEvent::Refusal(text)
                | ProviderEvent::Reasoning(text)
                | ProviderEvent::ReasoningSummary { delta: text, .. }
                | ProviderEvent::ReasoningSealed(text)
                | ProviderEvent::ToolCallStarted { name: text, .. }
                | ProviderEvent::ToolCallArguments { delta: text, .. } => text,
                ProviderEvent::Finished(_) => continue,
                ProviderEvent::Usage(_) => panic!("usage is asked for"),
            };
            prop_assert!(!text.is_empty());
        }
    }
}
