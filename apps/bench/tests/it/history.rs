//! What the load generator stores before it measures, and how its requests continue it.

use serde_json::Value;

use crate::{
    backend::{Backend, Received},
    playground::load,
};

fn run(backend: &Backend, arguments: &[&str]) {
    let all = [&["--expect-tokens=3", "--token=secret", "--model=measured"], arguments].concat();
    let report = load(&backend.address, &all);
    assert_eq!((&report["failed"], &report["wrong"]), (&0.into(), &0.into()), "{report}");
}

fn is_stream(request: &Received) -> bool {
    request.body["stream"] == true
}

fn count(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

#[test]
fn a_fresh_history_is_one_response_that_all_requests_continue() {
    let backend = Backend::start();
    run(&backend, &["--history=20", "--history-model=seed", "--requests=5"]);
    let requests = backend.received("/v1/responses");
    let (stored, measured): (Vec<_>, Vec<_>) =
        requests.iter().partition(|request| !is_stream(request));
    assert_eq!(stored.len(), 1);
    assert_eq!(count(&stored[0].body["input"]), 19, "its answer is the 20th");
    assert_eq!(stored[0].body["model"], "seed");
    assert!(measured.len() >= 5);
    for request in measured {
        assert_eq!(request.body["previous_response_id"], "resp_1");
        assert_eq!(request.body["model"], "measured");
        assert_eq!(request.token.as_deref(), Some("Bearer secret"));
    }
}

#[test]
fn a_long_fresh_history_is_a_chain_of_responses() {
    let backend = Backend::start();
    run(&backend, &["--history=201", "--requests=1"]);
    let requests = backend.received("/v1/responses");
    let stored: Vec<_> = requests.iter().filter(|request| !is_stream(request)).collect();
    let messages: usize = stored.iter().map(|request| count(&request.body["input"]) + 1).sum();
    assert_eq!(messages, 201);
    assert_eq!(stored[1].body["previous_response_id"], "resp_1");
    let measured = requests.iter().find(|request| is_stream(request)).unwrap();
    assert_eq!(measured.body["previous_response_id"], "resp_1_1");
}

#[test]
fn a_conversation_is_filled_by_twenty_items_a_call() {
    let backend = Backend::start();
    run(&backend, &["--history=45", "--history-mode=conversation", "--requests=2"]);
    let calls = backend.received("/v1/conversations/conv_7/items");
    let sizes: Vec<usize> = calls.iter().map(|call| count(&call.body["items"])).collect();
    assert_eq!(sizes, [20, 20, 5]);
    let measured = backend.received("/v1/responses");
    assert!(measured.iter().all(|request| request.body["conversation"] == "conv_7"));
}

#[test]
fn every_client_has_a_history_of_its_own() {
    let backend = Backend::start();
    let mode = "--history-mode=conversation";
    run(&backend, &["--history=2", mode, "--clients=11", "--requests=11"]);
    assert_eq!(backend.received("/v1/conversations").len(), 11);
}

#[test]
fn the_chat_in_bare_text_goes_on_in_the_conversation() {
    let backend = Backend::start();
    let mode = "--history-mode=conversation";
    run(&backend, &["--format=chat-stream-text", "--history=1", mode, "--requests=2"]);
    let measured = backend.received("/chat/stream");
    assert!(measured.len() >= 2);
    assert!(measured.iter().all(|request| request.body["conversation_id"] == "conv_7"));
}
