//! The stream of `/v1/responses`.

use loquat_testkit::{ResponsesStreamChecker, check_response_object};
use serde_json::{Value, json};

use super::mutate;

/// A response object in a status, with this output.
fn response(status: &str, output: &[Value]) -> Value {
    let ended = !matches!(status, "queued" | "in_progress");
    let usage = json!({
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 6},
        "output_tokens": 10,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 30,
    });
    let error = json!({"code": "provider_error", "message": "the provider reported an error"});
    json!({
        "id": "resp_1",
        "object": "response",
        "created_at": 1_756_684_800,
        "completed_at": ended.then_some(1_756_684_801),
        "status": status,
        "incomplete_details": (status == "incomplete").then(|| json!({"reason": "content_filter"})),
        "error": (status == "failed").then_some(error),
        "model": "echo",
        "output": output,
        "usage": ended.then_some(usage),
        "previous_response_id": null,
        "instructions": "be short",
        "max_output_tokens": 100,
        "max_tool_calls": null,
        "safety_identifier": null,
        "prompt_cache_key": null,
        "reasoning": {"effort": "low", "summary": null},
        "tools": [{
            "type": "function",
            "name": "look_up",
            "description": null,
            "parameters": {"type": "object"},
            "strict": null,
        }],
        "tool_choice": "auto",
        "truncation": "disabled",
        "parallel_tool_calls": true,
        "text": {"format": {"type": "text"}},
        "store": true,
        "background": false,
        "temperature": 1.0,
        "top_p": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "top_logprobs": 0,
        "service_tier": "default",
        "metadata": {"a": "b"},
    })
}

fn lifecycle(kind: &str, status: &str, output: &[Value]) -> Value {
    json!({"type": kind, "response": response(status, output)})
}

fn begin() -> Vec<Value> {
    vec![
        lifecycle("response.created", "in_progress", &[]),
        lifecycle("response.in_progress", "in_progress", &[]),
    ]
}

fn item_added(at: usize, item: &Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": at, "item": item})
}

fn item_done(at: usize, item: &Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": at, "item": item})
}

/// The events of one part that comes in these pieces: its begin, its deltas and its two ends.
fn part(at: (usize, usize), id: &str, names: [&str; 3], pieces: &[&str]) -> Vec<Value> {
    let [events, kind, key] = names;
    let whole = pieces.concat();
    let event = |kind: &str| json!({"type": kind, "item_id": id, "output_index": at.0, "content_index": at.1});
    let with = |mut value: Value, key: &str, field: Value| {
        value[key] = field;
        value
    };
    let logprobs = |value| match kind {
        "output_text" => with(value, "logprobs", json!([])),
        _ => value,
    };
    let annotations = |value| match kind {
        "output_text" => with(value, "annotations", json!([])),
        _ => value,
    };
    let holding = |text: &str| annotations(json!({"type": kind, key: text}));
    let added = with(event("response.content_part.added"), "part", holding(""));
    let deltas = pieces
        .iter()
        .map(|piece| logprobs(with(event(&format!("{events}.delta")), "delta", json!(piece))));
    let done = logprobs(with(event(&format!("{events}.done")), key, json!(whole)));
    let part_done = with(event("response.content_part.done"), "part", holding(&whole));
    std::iter::once(added).chain(deltas).chain([done, part_done]).collect()
}

const TEXT: [&str; 3] = ["response.output_text", "output_text", "text"];
const REFUSAL: [&str; 3] = ["response.refusal", "refusal", "refusal"];
const REASONING: [&str; 3] = ["response.reasoning", "reasoning_text", "text"];

/// Thoughts, a message of two parts and a call.
fn completed() -> Vec<Value> {
    let thoughts = |status, content: Value| {
        json!({"id": "rs_1", "type": "reasoning", "status": status, "summary": [],
            "content": content})
    };
    let said = |status, content: Value| {
        json!({"id": "msg_1", "type": "message", "status": status, "role": "assistant",
            "content": content})
    };
    let call = |status, arguments: &str| {
        json!({"id": "fc_1", "type": "function_call", "status": status, "call_id": "call_1",
            "name": "look_up", "arguments": arguments})
    };
    let arguments = |kind: &str, key: &str, text: &str| {
        json!({"type": format!("response.function_call_arguments.{kind}"), "item_id": "fc_1",
            "output_index": 2, key: text})
    };
    let output = [
        thoughts("completed", json!([{"type": "reasoning_text", "text": "hm, well"}])),
        said(
            "completed",
            json!([
                {"type": "output_text", "text": "Hello, world", "annotations": []},
                {"type": "refusal", "refusal": "but no"},
            ]),
        ),
        call("completed", r#"{"a":1}"#),
    ];
    let mut events = begin();
    events.push(item_added(0, &thoughts("in_progress", json!([]))));
    events.extend(part((0, 0), "rs_1", REASONING, &["hm", ", well"]));
    events.push(item_done(0, &output[0]));
    events.push(item_added(1, &said("in_progress", json!([]))));
    events.extend(part((1, 0), "msg_1", TEXT, &["Hel", "lo, ", "world"]));
    events.extend(part((1, 1), "msg_1", REFUSAL, &["but ", "no"]));
    events.push(item_done(1, &output[1]));
    events.push(item_added(2, &call("in_progress", "")));
    events.push(arguments("delta", "delta", r#"{"a""#));
    events.push(arguments("delta", "delta", ":1}"));
    let mut done = arguments("done", "arguments", r#"{"a":1}"#);
    done["name"] = json!("look_up");
    events.push(done);
    events.push(item_done(2, &output[2]));
    events.push(lifecycle("response.completed", "completed", &output));
    events
}

/// A message that is cut off, and how the response ends then.
fn cut_off(end: &str, status: &str) -> Vec<Value> {
    let said = |status, content: Value| {
        json!({"id": "msg_1", "type": "message", "status": status, "role": "assistant",
            "content": content})
    };
    let content = json!([{"type": "output_text", "text": "Hello", "annotations": []}]);
    let output = [said("incomplete", content)];
    let mut events = begin();
    events.push(item_added(0, &said("in_progress", json!([]))));
    events.extend(part((0, 0), "msg_1", TEXT, &["Hel", "lo"]));
    events.push(item_done(0, &output[0]));
    if status == "failed" {
        let message = "the provider reported an error";
        events.push(json!({
            "type": "error",
            "code": "provider_error",
            "message": message,
            "param": null,
            "error": {"type": "model_error", "code": "provider_error", "message": message,
                "param": null},
        }));
    }
    events.push(lifecycle(end, status, &output));
    events
}

fn transcripts() -> [(&'static str, Vec<Value>); 4] {
    [
        ("completed", completed()),
        ("incomplete", cut_off("response.incomplete", "incomplete")),
        ("cancelled", cut_off("response.incomplete", "cancelled")),
        ("failed", cut_off("response.failed", "failed")),
    ]
}

fn frame(event: &Value) -> String {
    format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())
}

/// The bytes of a stream whose events have the numbers that they already have.
fn numbered(events: &[Value]) -> String {
    events.iter().map(frame).chain(["data: [DONE]\n\n".to_owned()]).collect()
}

/// Numbers the events from 0.
fn with_numbers(mut events: Vec<Value>) -> Vec<Value> {
    for (at, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(at);
    }
    events
}

fn stream(events: Vec<Value>) -> String {
    numbered(&with_numbers(events))
}

fn refused(stream: &str) -> bool {
    ResponsesStreamChecker::check(stream.as_bytes()).is_err()
}

#[test]
fn right_streams_pass_and_are_summed_up() {
    for (status, events) in transcripts() {
        let count = events.len();
        let read = ResponsesStreamChecker::check(stream(events).as_bytes()).unwrap();
        assert_eq!(read.status, status);
        assert_eq!(read.response_id, "resp_1");
        assert_eq!(read.events.len(), count);
        let expected = if status == "completed" { "Hello, world" } else { "Hello" };
        assert_eq!(read.text, expected);
        assert_eq!(read.response["status"], status);
        check_response_object(&read.response).unwrap();
    }
}

#[test]
fn the_sizes_of_the_chunks_do_not_matter() {
    let stream = stream(completed());
    let whole = ResponsesStreamChecker::check(stream.as_bytes()).unwrap();
    for size in [1, 2, 3, 7, 64, 1000] {
        let mut checker = ResponsesStreamChecker::new();
        for chunk in stream.as_bytes().chunks(size) {
            checker.feed(chunk).unwrap();
        }
        assert!(checker.is_between_frames());
        assert_eq!(checker.finish().unwrap(), whole, "chunks of {size}");
    }
}

#[test]
fn every_event_has_its_place() {
    for (status, events) in transcripts() {
        for (what, changed) in mutate::reordered(&events) {
            assert!(refused(&stream(changed)), "{status} passes {what}");
        }
        for (what, changed) in mutate::reordered(&with_numbers(events)) {
            assert!(refused(&numbered(&changed)), "{status} passes {what}, numbers as they were");
        }
    }
}

#[test]
fn every_field_is_needed() {
    for (status, events) in transcripts() {
        for (what, changed) in mutate::without_a_field(&with_numbers(events)) {
            if what.ends_with("/type") && changed.iter().any(|event| event.get("type").is_none()) {
                continue; // Such an event cannot be framed.
            }
            // Thoughts that are not shown have no content.
            let optional = (status, what.as_str()) == ("completed", "2 /item/content");
            let refused = refused(&numbered(&changed));
            assert_ne!(refused, optional, "{status} without {what}");
        }
    }
}

#[test]
fn every_value_is_checked() {
    // What only the server can know: when it ended, what the provider counted or said, why.
    let free = [
        "/response/completed_at",
        "/cached_tokens",
        "/cache_write_tokens",
        "/reasoning_tokens",
        "/incomplete_details/reason",
        "/error/type",
        "/logprobs",
    ];
    for (status, events) in transcripts() {
        for (what, changed) in mutate::with_another_value(&with_numbers(events)) {
            let passes = !refused(&numbered(&changed));
            let may = free.iter().any(|free| what.ends_with(free));
            assert!(!passes || may, "{status} passes with another {what}");
        }
    }
}

#[test]
fn integers_are_integers_and_numbers_are_not_null() {
    for (key, value) in [
        ("created_at", json!(1_756_684_800.0)),
        ("temperature", json!(null)),
        ("service_tier", json!(null)),
        ("top_logprobs", json!(0.0)),
        ("object", json!("realtime.response")),
        ("status", json!("done")),
    ] {
        let mut object = response("completed", &[]);
        object[key] = value;
        assert!(check_response_object(&object).is_err(), "{key}");
    }
}

#[test]
fn a_status_says_which_other_fields_are_there() {
    for (status, key, value) in [
        ("completed", "completed_at", json!(null)),
        ("completed", "error", json!({"code": "a", "message": "b"})),
        ("completed", "incomplete_details", json!({"reason": "a"})),
        ("in_progress", "completed_at", json!(1)),
        ("incomplete", "incomplete_details", json!(null)),
        ("failed", "error", json!(null)),
    ] {
        let mut object = response(status, &[]);
        check_response_object(&object).unwrap();
        object[key] = value;
        assert!(check_response_object(&object).is_err(), "{status} with another {key}");
    }
}

#[test]
fn the_frames_are_those_that_every_parser_reads() {
    let right = stream(completed());
    assert!(!refused(&right));
    for (what, wrong) in [
        ("CRLF", right.replace('\n', "\r\n")),
        ("one CR", right.replacen("\n\n", "\r\n\n", 1)),
        ("no [DONE]", right.replace("data: [DONE]\n\n", "")),
        ("[DONE] twice", right.clone() + "data: [DONE]\n\n"),
        ("an event after [DONE]", right.clone() + &frame(&with_numbers(completed())[0])),
        ("a comment after [DONE]", right.clone() + ": beat\n\n"),
        ("[DONE] with a name", right.replace("data: [DONE]", "event: done\ndata: [DONE]")),
        ("half a frame at the end", right.clone() + "event: "),
        ("the last blank line missing", right.trim_end_matches('\n').to_owned() + "\n"),
        ("another name", right.replacen("event: response.created", "event: response.made", 1)),
        ("no name", right.replacen("event: response.created\n", "", 1)),
        ("an id", right.replacen("event: response.created", "id: 0\nevent: response.created", 1)),
        ("two data lines", right.replacen("\n\n", "\ndata: {}\n\n", 1)),
        ("no space", right.replacen("data: ", "data:", 1)),
        ("not JSON", right.replacen("data: {", "data: {{", 1)),
        ("nothing", String::new()),
        ("[DONE] alone", "data: [DONE]\n\n".to_owned()),
    ] {
        assert!(refused(&wrong), "passes {what}");
    }
}

#[test]
fn comments_keep_alive_and_are_counted() {
    let events = with_numbers(completed());
    let beat = ": keep-alive\n\n".to_owned();
    let frames = events.iter().flat_map(|event| [frame(event), beat.clone()]);
    let stream: String = frames.chain(["data: [DONE]\n\n".to_owned()]).collect();
    let read = ResponsesStreamChecker::check(stream.as_bytes()).unwrap();
    assert_eq!(read.heartbeats, events.len());
    assert_eq!(read.text, "Hello, world");
}

#[test]
fn a_background_response_may_queue_first() {
    let mut events = completed();
    events[0] = lifecycle("response.created", "queued", &[]);
    events.insert(1, lifecycle("response.queued", "queued", &[]));
    assert!(!refused(&stream(events.clone())));
    events.swap(1, 2);
    assert!(refused(&stream(events)));
}

#[test]
fn a_response_may_end_while_it_waits_but_not_be_completed() {
    let queued = |end: Vec<Value>| {
        let created = lifecycle("response.created", "queued", &[]);
        let waits = lifecycle("response.queued", "queued", &[]);
        stream([vec![created, waits], end].concat())
    };
    for status in ["cancelled", "incomplete"] {
        assert!(!refused(&queued(vec![lifecycle("response.incomplete", status, &[])])), "{status}");
    }
    let mut failed = cut_off("response.failed", "failed");
    let error = failed.remove(failed.len() - 2);
    let failed = lifecycle("response.failed", "failed", &[]);
    assert!(!refused(&queued(vec![error, failed.clone()])));
    assert!(refused(&queued(vec![failed])), "without an error event");
    assert!(refused(&queued(vec![lifecycle("response.completed", "completed", &[])])));
}

#[test]
fn there_is_one_end() {
    for (status, events) in transcripts() {
        let end = events.last().unwrap().clone();
        for extra in [end, lifecycle("response.completed", "completed", &[]), events[1].clone()] {
            let mut events = events.clone();
            events.push(extra);
            assert!(refused(&stream(events)), "{status}");
        }
    }
}

#[test]
fn a_failure_is_told_before_it_ends_the_stream() {
    let mut events = cut_off("response.failed", "failed");
    let error = events.remove(events.len() - 2);
    assert!(refused(&stream(events.clone())), "without an error event");
    let at = events.len() - 2;
    events.insert(at, error.clone());
    assert!(refused(&stream(events)), "an error event before the item is done");
    let mut events = cut_off("response.incomplete", "incomplete");
    events.insert(events.len() - 1, error);
    assert!(refused(&stream(events)), "an error event before another end");
}

#[test]
fn the_end_is_the_one_that_the_status_says() {
    for (end, status) in [
        ("response.completed", "incomplete"),
        ("response.completed", "cancelled"),
        ("response.completed", "completed"), // its item is incomplete
        ("response.incomplete", "completed"),
        ("response.incomplete", "failed"),
        ("response.failed", "cancelled"),
        ("response.cancelled", "cancelled"),
        ("response.incomplete", "in_progress"),
    ] {
        assert!(refused(&stream(cut_off(end, status))), "{end} with {status}");
    }
}

#[test]
fn nothing_follows_an_incomplete_item() {
    let mut events = cut_off("response.incomplete", "incomplete");
    let mut second = events[2..events.len() - 1].to_vec();
    for event in &mut second {
        let text = event.to_string().replace("msg_1", "msg_2");
        *event = serde_json::from_str(&text).unwrap();
        event["output_index"] = json!(1);
    }
    let end = events.len() - 1;
    let both =
        [events[end]["response"]["output"][0].clone(), second.last().unwrap()["item"].clone()];
    events[end] = lifecycle("response.incomplete", "incomplete", &both);
    events.splice(end..end, second);
    assert!(refused(&stream(events)));
}

#[test]
fn reasoning_has_one_name_in_a_stream() {
    let openai = stream(completed()).replace("response.reasoning.d", "response.reasoning_text.d");
    assert!(!refused(&openai));
    let mixed = openai.replace("response.reasoning_text.done", "response.reasoning.done");
    assert!(refused(&mixed));
}

#[test]
fn unknown_events_and_items_are_refused() {
    let mut events = completed();
    events.insert(2, json!({"type": "loquat:receipt"}));
    assert!(refused(&stream(events)));
    let stream = stream(completed());
    assert!(refused(&stream.replace(r#""type":"reasoning""#, r#""type":"loquat:thoughts""#)));
    assert!(refused(&stream.replace("msg_1", "item_1")));
    assert!(refused(&stream.replace("resp_1", "1")));
}

#[test]
fn a_violation_says_where_and_what() {
    let mut events = completed();
    events[11]["delta"] = json!("");
    let violation = ResponsesStreamChecker::check(stream(events).as_bytes()).unwrap_err();
    assert_eq!(violation.at, 11);
    let text = violation.to_string();
    assert!(text.contains("frame 11") && text.contains('`'), "{text}");
}

#[test]
fn annotations_add_up_like_text() {
    let note = json!({"type": "url_citation", "url": "https://example.org"});
    let mut events = cut_off("response.incomplete", "incomplete");
    events.insert(
        6,
        json!({
            "type": "response.output_text.annotation.added", "item_id": "msg_1", "output_index": 0,
            "content_index": 0, "annotation_index": 0, "annotation": note,
        }),
    );
    assert!(refused(&stream(events.clone())), "the part does not have it");
    for pointer in [
        "/8/part/annotations",
        "/9/item/content/0/annotations",
        "/10/response/output/0/content/0/annotations",
    ] {
        let mut all = json!(events);
        *all.pointer_mut(pointer).unwrap() = json!([note]);
        events = all.as_array().unwrap().clone();
    }
    assert!(!refused(&stream(events.clone())));
    events[6]["annotation_index"] = json!(1);
    assert!(refused(&stream(events)));
}

#[test]
fn summaries_of_thoughts_come_like_parts() {
    let item = |status, summary: Value| json!({"id": "rs_1", "type": "reasoning", "status": status, "summary": summary});
    let event = |kind: &str, key: &str, value: Value| {
        json!({"type": format!("response.reasoning_summary_{kind}"), "item_id": "rs_1",
            "output_index": 0, "summary_index": 0, key: value})
    };
    let part = |text: &str| json!({"type": "summary_text", "text": text});
    let whole = item("completed", json!([part("in short")]));
    let mut events = begin();
    events.push(item_added(0, &item("in_progress", json!([]))));
    events.push(event("part.added", "part", part("")));
    events.push(event("text.delta", "delta", json!("in ")));
    events.push(event("text.delta", "delta", json!("short")));
    events.push(event("text.done", "text", json!("in short")));
    events.push(event("part.done", "part", part("in short")));
    events.push(item_done(0, &whole));
    events.push(lifecycle("response.completed", "completed", &[whole]));
    assert!(!refused(&stream(events.clone())));
    for (what, changed) in mutate::reordered(&events) {
        assert!(refused(&stream(changed)), "passes {what}");
    }
    for (what, changed) in mutate::without_a_field(&with_numbers(events)) {
        if !what.ends_with("/type") {
            assert!(refused(&numbered(&changed)), "passes without {what}");
        }
    }
}
