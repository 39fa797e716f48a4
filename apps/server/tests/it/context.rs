//! What is configured of the context engine, seen in its receipts.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail at the spot")]

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::program::{Home, Request, Server};

fn post(server: &Server, token: &str, line: &str, body: &Value) -> Value {
    let answer = server.answer(&Request::post(line, token, &body.to_string()));
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).expect("JSON")
}

fn receipt(server: &Server, token: &str, body: &Value) -> Value {
    post(server, token, "POST /v1/responses/input_tokens", body)["receipt"].take()
}

#[test]
fn openais_models_are_counted_exactly_and_others_are_estimated() {
    let home = Home::new().with("OPENAI_API_KEY", "none-that-counts");
    let server = home.serve();
    let token = server.token();
    let counter = |model: &str| {
        let body = json!({"model": model, "input": "Hello, Loquat!"});
        receipt(&server, &token, &body)["counter"].take()
    };
    assert_eq!(counter("gpt-5-mini"), json!({"id": "o200k-1", "exact": true, "eighths": 8}));
    assert_eq!(counter("echo"), json!({"id": "estimate-1", "exact": false, "eighths": 8}));
}

#[test]
fn a_model_of_openais_name_elsewhere_is_estimated_unless_the_file_says_otherwise() {
    let model = "provider = \"local\"\ncontext_window = 8192\nmax_output_tokens = 1024\n";
    let home = Home::new().with_file(&format!(
        "[providers.local]\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\n\
         [models.gpt-4o]\n{model}[models.exact]\n{model}tokenizer = \"cl100k\"\n"
    ));
    let server = home.serve();
    let token = server.token();
    let counter = |model: &str| {
        let body = json!({"model": model, "input": "Hello, Loquat!"});
        receipt(&server, &token, &body)["counter"]["id"].take()
    };
    assert_eq!((counter("gpt-4o"), counter("exact")), (json!("estimate-1"), json!("cl100k-1")));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "another process does it, once a second")]
fn what_leaves_the_window_is_summarised_by_the_model_that_is_named_for_it() {
    let home = Home::new()
        .with_file("[context]\nsummariser = \"echo\"\npolicy = { high = 400, low = 200 }\n");
    let server = home.serve();
    let token = server.token();
    let conversation = post(&server, &token, "POST /v1/conversations", &json!({}))["id"].take();
    for day in 0..6 {
        let said = format!("On day {day} it rained. ").repeat(12);
        let body = json!({"input": said, "conversation": conversation});
        post(&server, &token, "POST /v1/responses", &body);
    }
    let begun = Instant::now();
    loop {
        let receipt = receipt(&server, &token, &json!({"conversation": conversation}));
        assert_eq!(receipt["window"]["high"], 400, "{receipt}");
        if receipt["summary"]["sent"] == true {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{receipt}");
        sleep(Duration::from_millis(100));
    }
}
