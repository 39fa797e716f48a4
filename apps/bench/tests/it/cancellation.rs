//! Clients that leave: the mock's record must show each, in whatever the answer was doing.

use serde_json::Value;

use crate::playground::{Mock, chat};

/// The one cancellation that the mock has noted.
fn only_cancellation(mock: &Mock) -> Value {
    let record = mock.record_when(|record| record["cancelled"] == 1);
    assert_eq!(record["completed"], 0);
    assert_eq!(record["cancellations"].as_array().unwrap().len(), 1);
    record["cancellations"][0].clone()
}

/// Asks `model`, leaves after `tokens` tokens, and returns what the mock noted.
fn leave_after(model: &str, tokens: usize) -> Value {
    let mock = Mock::start();
    let mut client = mock.connect();
    client.send(&chat(model, true));
    assert_eq!(client.head().0, 200);
    // The chunk that says who speaks.
    assert!(client.event().is_some());
    client.read_tokens(tokens);
    drop(client);
    only_cancellation(&mock)
}

#[test]
fn a_client_that_leaves_before_the_head_is_seen() {
    let mock = Mock::start();
    let mut client = mock.connect();
    client.send(&chat("m;fault=stall@headers", true));
    mock.record_when(|record| record["started"] == 1);
    drop(client);
    let noted = only_cancellation(&mock);
    assert_eq!(noted["phase"], "before_headers");
    assert_eq!(noted["tokens_sent"], 0);
    assert_eq!(noted["tag"], "this is m;fault=stall@headers");
}

#[test]
fn a_client_that_leaves_while_the_head_is_delayed_is_seen() {
    let mock = Mock::start();
    let mut client = mock.connect();
    client.send(&chat("m;headers=1h", true));
    mock.record_when(|record| record["started"] == 1);
    drop(client);
    assert_eq!(only_cancellation(&mock)["phase"], "before_headers");
}

#[test]
fn a_client_that_leaves_before_the_first_token_is_seen() {
    let noted = leave_after("m;ttft=1h", 0);
    assert_eq!(noted["phase"], "before_first_token");
    assert_eq!(noted["tokens_sent"], 0);
}

#[test]
fn a_client_that_leaves_in_a_stall_is_seen() {
    let noted = leave_after("m;tokens=50;fault=stall@3", 3);
    assert_eq!(noted["phase"], "stalled");
    assert_eq!(noted["tokens_sent"], 3);
}

#[test]
fn a_client_that_leaves_between_two_tokens_is_seen() {
    let noted = leave_after("m;tokens=100000;gap=20ms", 3);
    assert_eq!(noted["phase"], "streaming");
    let sent = noted["tokens_sent"].as_u64().unwrap();
    assert!((3..1000).contains(&sent), "{sent} tokens were sent");
}

#[test]
fn a_client_that_leaves_while_the_mock_cannot_write_is_seen() {
    let noted = leave_after("m;tokens=1000000;token-bytes=1000", 1);
    assert_eq!(noted["phase"], "streaming");
    let sent = noted["tokens_sent"].as_u64().unwrap();
    assert!((1..1_000_000).contains(&sent), "{sent} tokens were sent");
}

#[test]
fn a_client_that_leaves_an_answer_in_one_piece_is_seen() {
    let mock = Mock::start();
    let mut client = mock.connect();
    client.send(&chat("m;ttft=1h", false));
    mock.record_when(|record| record["started"] == 1);
    drop(client);
    assert_eq!(only_cancellation(&mock)["phase"], "before_headers");
}

/// Runs clients that leave, and checks that the record has each of them under its own tag.
fn leaving_clients(arguments: &[&str]) -> (Value, Value) {
    let mock = Mock::start();
    let report = mock.load(&[&["--clients", "5"], arguments].concat());
    assert_eq!(report["failed"], 0, "{report}");
    let record = mock.record_when(|record| record["cancelled"] == 5);
    let left = report["left"].as_array().unwrap();
    assert_eq!(left.len(), 5);
    for left in left {
        let mut noted = record["cancellations"].as_array().unwrap().iter();
        let noted = noted.find(|noted| noted["tag"] == left["tag"]).expect("its cancellation");
        assert!(noted["closed_at_micros"].as_u64() >= left["at_micros"].as_u64());
        assert!(noted["tokens_sent"].as_u64() >= left["tokens"].as_u64());
    }
    (report, record)
}

#[test]
fn the_load_generator_leaves_before_the_first_token() {
    let leave = ["--leave-after", "before-first", "--leave-delay", "200ms"];
    let (report, record) = leaving_clients(&[&leave[..], &["--model", "m;ttft=1h"]].concat());
    assert_eq!(report["left"][0]["tokens"], 0);
    assert_eq!(record["cancellations"][0]["phase"], "before_first_token");
}

#[test]
fn the_load_generator_leaves_before_the_head() {
    let leave = ["--leave-after", "before-first", "--leave-delay", "200ms"];
    let (_, record) = leaving_clients(&[&leave[..], &["--model", "m;headers=1h"]].concat());
    assert_eq!(record["cancellations"][0]["phase"], "before_headers");
}

#[test]
fn the_load_generator_leaves_at_the_first_byte() {
    let (report, _) = leaving_clients(&["--leave-after", "first-byte", "--model", "m;ttft=1h"]);
    assert_eq!(report["tokens"], 0);
}

#[test]
fn the_load_generator_leaves_mid_stream() {
    let model = "m;tokens=100000;gap=10ms";
    let (report, record) = leaving_clients(&["--leave-after", "4", "--model", model]);
    assert_eq!(record["cancellations"][0]["phase"], "streaming");
    assert_eq!(report["answers_in_all"], 0);
}

#[test]
fn the_load_generator_leaves_in_a_stall() {
    let leave = ["--leave-after", "4", "--leave-delay", "100ms"];
    let model = "m;tokens=50;fault=stall@4";
    let (report, record) = leaving_clients(&[&leave[..], &["--model", model]].concat());
    assert_eq!(report["left"][0]["tokens"], 4);
    assert_eq!(record["cancellations"][0]["phase"], "stalled");
}

#[test]
fn a_client_that_stops_reading_holds_the_mock_back() {
    let stop = ["--stop-reading-after", "5", "--hold", "300ms"];
    let model = "m;tokens=1000000;token-bytes=1000";
    let (_, record) = leaving_clients(&[&stop[..], &["--model", model]].concat());
    let sent = record["cancellations"][0]["tokens_sent"].as_u64().unwrap();
    // The kernel's buffers of both ends hold some MB, never the gigabyte of the answer.
    assert!(sent < 100_000, "{sent} tokens were sent");
}
