//! The streams of `/chat/stream`.

use loquat_testkit::{ChatStreamChecker, Violation};
use serde_json::{Value, json};

use super::mutate;

fn lines() -> Vec<Value> {
    vec![
        json!({"content": "Hel", "is_complete": false}),
        json!({"content": "lo\n", "is_complete": false}),
        json!({"content": "", "is_complete": true, "status": "completed", "response_id": "resp_1"}),
    ]
}

fn ndjson(lines: &[Value]) -> String {
    lines.iter().flat_map(|line| [line.to_string(), "\n".to_owned()]).collect()
}

fn sse(lines: &[Value]) -> String {
    let frames = lines.iter().map(|line| format!("data: {line}\n\n"));
    frames.chain(["data: [DONE]\n\n".to_owned()]).collect()
}

fn read(lines: &[Value]) -> [Result<loquat_testkit::ChatStream, Violation>; 2] {
    [
        ChatStreamChecker::ndjson().check(ndjson(lines).as_bytes()),
        ChatStreamChecker::sse().check(sse(lines).as_bytes()),
    ]
}

#[test]
fn right_streams_pass_and_are_summed_up() {
    for read in read(&lines()) {
        let read = read.unwrap();
        assert_eq!((read.text.as_str(), read.status.as_str()), ("Hello\n", "completed"));
        assert_eq!((read.pieces, read.heartbeats), (2, 0));
        assert_eq!(read.last["response_id"], "resp_1");
    }
}

fn assert_any_chunks_do(new: fn() -> ChatStreamChecker, text: &str) {
    let whole = new().check(text.as_bytes()).unwrap();
    for size in [1, 2, 10] {
        let mut checker = new();
        for chunk in text.as_bytes().chunks(size) {
            checker.feed(chunk).unwrap();
        }
        assert!(checker.is_between_frames());
        assert_eq!(checker.finish().unwrap(), whole);
    }
}

#[test]
fn the_sizes_of_the_chunks_do_not_matter() {
    assert_any_chunks_do(ChatStreamChecker::ndjson, &ndjson(&lines()));
    assert_any_chunks_do(ChatStreamChecker::sse, &sse(&lines()));
}

#[test]
fn exactly_the_last_line_is_complete() {
    let right = lines();
    for wrong in [
        right[..2].to_vec(),
        vec![right[0].clone(), right[2].clone(), right[1].clone()],
        [&right[..], &right[2..]].concat(),
        vec![],
    ] {
        for read in read(&wrong) {
            assert!(read.is_err(), "{wrong:?}");
        }
    }
}

#[test]
fn every_field_is_needed() {
    for (what, changed) in mutate::without_a_field(&lines()) {
        for read in read(&changed) {
            assert!(read.is_err() || what == "2 /response_id", "passes without {what}");
        }
    }
}

#[test]
fn wrong_values_are_refused() {
    for (at, key, value) in [
        (0, "content", json!(null)),
        (0, "is_complete", json!("false")),
        (0, "status", json!("completed")),
        (0, "more", json!(1)),
        (2, "is_complete", json!(false)),
        (2, "status", json!("done")),
        (2, "status", json!("in_progress")),
        (2, "status", json!("failed")), // and no error
        (2, "error", json!({"message": "but completed"})),
    ] {
        let mut lines = lines();
        lines[at][key] = value.clone();
        for read in read(&lines) {
            assert!(read.is_err(), "passes {key} = {value} in line {at}");
        }
    }
}

#[test]
fn each_status_can_end_a_stream() {
    for status in ["completed", "incomplete", "cancelled", "failed"] {
        let mut lines = lines();
        lines[2]["status"] = json!(status);
        if status == "failed" {
            lines[2]["error"] = json!({"message": "broke", "code": "provider_error"});
        }
        for read in read(&lines) {
            assert_eq!(read.unwrap().status, status);
        }
    }
}

#[test]
fn lines_end_in_one_line_feed() {
    let right = ndjson(&lines());
    for (what, wrong) in [
        ("CRLF", right.replace('\n', "\r\n")),
        ("no end", right.trim_end().to_owned()),
        ("half a line more", right.clone() + "{"),
        ("an empty line more", right.clone() + "\n"),
        ("a mark of the other format", right.clone() + "[DONE]\n"),
        ("two lines in one", right.replacen("}\n{", "}{", 1)),
        ("a line that is an array", right.replacen('{', "[{", 1).replacen('}', "}]", 1)),
    ] {
        let read = ChatStreamChecker::ndjson().check(wrong.as_bytes());
        assert!(read.is_err(), "passes {what}: {read:?}");
    }
    let invalid = [right.as_bytes(), b"\xff\n"].concat();
    assert!(ChatStreamChecker::ndjson().check(&invalid).is_err());
}

#[test]
fn frames_end_in_the_mark() {
    let right = sse(&lines());
    for (what, wrong) in [
        ("no [DONE]", right.replace("data: [DONE]\n\n", "")),
        ("[DONE] twice", right.clone() + "data: [DONE]\n\n"),
        ("a comment after it", right.clone() + ": beat\n\n"),
        ("an event name", right.replacen("data: ", "event: piece\ndata: ", 1)),
        ("CRLF", right.replace('\n', "\r\n")),
    ] {
        assert!(ChatStreamChecker::sse().check(wrong.as_bytes()).is_err(), "passes {what}");
    }
}

#[test]
fn signs_of_life_are_counted() {
    let text = format!("\n{}", ndjson(&lines()).replacen("}\n{", "}\n\n\n{", 1));
    assert_eq!(ChatStreamChecker::ndjson().check(text.as_bytes()).unwrap().heartbeats, 3);
    let text = format!(": beat\n\n{}", sse(&lines()));
    assert_eq!(ChatStreamChecker::sse().check(text.as_bytes()).unwrap().heartbeats, 1);
}
