//! The mock's answers.

use serde_json::Value;

use crate::playground::{Mock, chat};

#[test]
fn a_stream_has_the_chunks_of_the_wire_in_their_order() {
    let mock = Mock::start();
    let mut client = mock.connect();
    let body = r#"{"model":"m;tokens=2","stream":true,"stream_options":{"include_usage":true},
                   "messages":[{"role":"user","content":"hi"}]}"#;
    // In chunks of its own, as some clients send their bodies.
    let (front, back) = body.split_at(31);
    client.send(&format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: m\r\ntransfer-encoding: chunked\r\n\r\n\
         {:x}\r\n{front}\r\n{:x}\r\n{back}\r\n0\r\n\r\n",
        front.len(),
        back.len(),
    ));
    let (status, head) = client.head();
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/event-stream\n"), "{head}");
    let events: Vec<String> = std::iter::from_fn(|| client.event()).collect();
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    let chunks: Vec<Value> = chunks.iter().map(|it| serde_json::from_str(it).unwrap()).collect();
    let deltas: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    assert_eq!(deltas[0]["role"], "assistant");
    assert_eq!(deltas[1]["content"], "00000 ");
    assert_eq!(deltas[2]["content"], "00001 ");
    assert_eq!(chunks[3]["choices"][0]["finish_reason"], "stop");
    assert_eq!(chunks[4]["choices"], Value::Array(Vec::new()));
    assert_eq!(chunks[4]["usage"]["completion_tokens"], 2);
    assert_eq!(chunks.len(), 5);
    for chunk in &chunks {
        assert_eq!(chunk["id"], chunks[0]["id"]);
        assert_eq!(chunk["model"], "m;tokens=2");
        assert_eq!(chunk["object"], "chat.completion.chunk");
    }
    assert!(chunks[..4].iter().all(|chunk| chunk["usage"].is_null()));
}

#[test]
fn requests_that_are_sent_ahead_are_answered_in_their_order() {
    let mock = Mock::start();
    let mut client = mock.connect();
    let requests = [chat("first;tokens=3", true), chat("second;tokens=1", false)].concat();
    client.send(&requests);
    assert_eq!(client.head().0, 200);
    let events: Vec<String> = std::iter::from_fn(|| client.event()).collect();
    assert_eq!(events.len(), 6, "{events:?}");
    let second = client.answer();
    assert_eq!(second.json()["model"], "second;tokens=1");
    assert_eq!(second.json()["choices"][0]["message"]["content"], "00000 ");
    let record = mock.record_when(|record| record["completed"] == 2);
    assert_eq!((&record["started"], &record["tokens_sent"]), (&2.into(), &4.into()));
}

#[test]
fn a_status_is_answered_with_an_error_object_and_when_to_come_again() {
    let mock = Mock::start();
    let mut client = mock.connect();
    client.send(&chat("m;fault=status@429;retry-after=7", true));
    let answer = client.answer();
    assert_eq!(answer.status, 429);
    assert!(answer.head.contains("retry-after: 7\n"), "{}", answer.head);
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    client.send(&chat("m;tokens=1", false));
    assert_eq!(client.answer().status, 200, "the connection lives on");
    assert_eq!(mock.record()["faulted"], 1);
}

#[test]
fn a_cut_comes_after_the_tokens_it_names_and_in_order() {
    let mock = Mock::start();
    let mut client = mock.connect();
    client.send(&chat("m;tokens=9;fault=cut@4", true));
    client.read_tokens(4);
    assert_eq!(client.event(), None);
    assert_eq!(client.line(), None, "no end of the chunks, only of the connection");
    let record = mock.record_when(|record| record["faulted"] == 1);
    assert_eq!(record["tokens_sent"], 4);
}

#[test]
fn a_reset_breaks_the_connection() {
    let mock = Mock::start();
    let mut client = mock.connect();
    client.send(&chat("m;tokens=9;fault=reset@0", true));
    let error = client.rest().expect_err("no orderly end");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_model_that_cannot_be_meant_is_refused() {
    let mock = Mock::start();
    let mut client = mock.connect();
    client.send(&chat("m;tokens=lots", true));
    let answer = client.answer();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["message"], "`lots` is not a count");
    assert_eq!(mock.record()["started"], 0);
}

#[test]
fn the_models_are_listed_and_other_pages_are_not_there() {
    let mock = Mock::start();
    let mut client = mock.connect();
    client.send("GET /v1/models?limit=1 HTTP/1.1\r\nhost: mock\r\n\r\n");
    assert_eq!(client.answer().json()["data"][0]["object"], "model");
    client.send("GET /v2 HTTP/1.1\r\nhost: mock\r\n\r\n");
    assert_eq!(client.answer().status, 404);
}

#[test]
fn a_reset_record_is_empty() {
    let mock = Mock::start();
    let mut client = mock.connect();
    client.send(&chat("m", false));
    client.answer();
    assert_eq!(mock.record()["started"], 1);
    client.send("POST /record/reset HTTP/1.1\r\nhost: mock\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(client.answer().status, 200);
    assert_eq!(mock.record()["started"], 0);
}
