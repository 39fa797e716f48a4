//! Bodies of people who mean no good (R24), and text that no store keeps (R25).

use std::time::Duration;

use actix_web::{
    error::PayloadError,
    http::{Method, header},
    test::TestRequest,
    web::Bytes,
};
use serde_json::{Value, json};

use crate::stage::{ANNA, Stage, request};

/// Every path that reads a body.
async fn paths(stage: &Stage) -> Vec<String> {
    let conversation = stage.posted("/v1/conversations", &json!({})).await;
    let path = format!("/v1/conversations/{}", conversation["id"].as_str().unwrap());
    vec![
        "/v1/responses".to_owned(),
        "/v1/chat/completions".to_owned(),
        "/chat/stream".to_owned(),
        "/v1/conversations".to_owned(),
        "/v1/route".to_owned(),
        format!("{path}/items"),
        path,
    ]
}

fn raw(path: &str, body: impl Into<Bytes>) -> TestRequest {
    request(Method::POST, ANNA, path)
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .set_payload(body)
}

#[tokio::test]
async fn a_body_that_is_not_sound_json_is_refused_and_the_server_lives() {
    let stage = Stage::new();
    let deep = format!("{{\"input\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies: [(&[u8], &str); 15] = [
        (b"{", "invalid_json"),
        (b"{}{}", "invalid_json"),
        (b"{\"input\":\"x\"} x", "invalid_json"),
        (b"{'input':'x'}", "invalid_json"),
        (b"{\"input\":\"\xff\xfe\"}", "invalid_json"),
        (b"{\"input\":\"\xc0\xaf\"}", "invalid_json"),
        (b"\xef\xbb\xbf{}", "invalid_json"),
        (b"{\"input\":\"\\ud83d\"}", "invalid_json"),
        (b"{\"input\":1e999}", "invalid_json"),
        (b"{\"input\":\"a\",\"input\":\"b\"}", "invalid_json"),
        (b"{\"x\":{\"a\":1,\"a\":2}}", "invalid_json"),
        (deep.as_bytes(), "invalid_json"),
        (b"[]", "invalid_type"),
        (b"\"text\"", "invalid_type"),
        (b"null", "invalid_type"),
    ];
    for path in paths(&stage).await {
        for (body, code) in bodies {
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            let answer = stage.send(raw(&path, body.to_vec())).await;
            assert_eq!(answer.json()["error"]["code"], code, "{path} {shown}");
            assert_eq!(answer.status, 400, "{path} {shown}");
        }
    }
    assert_eq!(stage.get(ANNA, "/healthz").await.status, 200);
    assert_eq!(stage.model.calls().len(), 0);
}

#[tokio::test]
async fn an_empty_body_is_refused_where_one_is_needed() {
    let stage = Stage::new();
    for path in paths(&stage).await.iter().filter(|path| *path != "/v1/conversations") {
        stage.send(raw(path, "")).await.error(400, "invalid_json");
        let bare = request(Method::POST, ANNA, path);
        stage.send(bare).await.error(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_refused() {
    let stage = Stage::new();
    for path in paths(&stage).await {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "x"] {
            let request = request(Method::POST, ANNA, &path)
                .insert_header((header::CONTENT_TYPE, kind))
                .set_payload("{}");
            stage.send(request).await.error(415, "unsupported_media_type");
        }
        let undeclared = request(Method::POST, ANNA, &path).set_payload("{}");
        stage.send(undeclared).await.error(415, "unsupported_media_type");
        let packed = raw(&path, "{}").insert_header((header::CONTENT_ENCODING, "gzip"));
        stage.send(packed).await.error(415, "unsupported_media_type");
    }
    let said = request(Method::POST, ANNA, "/v1/conversations")
        .insert_header((header::CONTENT_TYPE, "Application/JSON; charset=utf-8"))
        .set_payload("{}");
    stage.send(said).await.expect(200);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_it_says_so_or_not() {
    let stage = Stage::new();
    let large = format!("{{\"input\":\"{}\"}}", "x".repeat(1024 * 1024));
    for path in paths(&stage).await {
        stage.send(raw(&path, large.clone())).await.error(413, "body_too_large");
        let announced = raw(&path, "{}").insert_header((header::CONTENT_LENGTH, "1048577"));
        stage.send(announced).await.error(413, "body_too_large");
        let absurd = raw(&path, "{}").insert_header((header::CONTENT_LENGTH, "9".repeat(30)));
        stage.send(absurd).await.error(413, "body_too_large");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up_after_ten_seconds() {
    let stage = Stage::new();
    let started = tokio::time::Instant::now();
    let first = futures::stream::iter([Ok::<_, PayloadError>(Bytes::from_static(b"{\"inp"))]);
    let stalled = futures::StreamExt::chain(first, futures::stream::pending());
    let request = request(Method::POST, ANNA, "/v1/responses")
        .insert_header((header::CONTENT_TYPE, "application/json"));
    let answer = stage.send_streaming(request, stalled).await;
    answer.error(408, "request_timeout");
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(started.elapsed().as_secs(), Duration::from_secs(10).as_secs());
}

#[tokio::test]
async fn nul_is_refused_in_every_text() {
    let stage = Stage::new();
    let conversation = stage.posted("/v1/conversations", &json!({})).await;
    let conversation = format!("/v1/conversations/{}", conversation["id"].as_str().unwrap());
    let items = format!("{conversation}/items");
    let tool =
        |name: &str, about: &str| json!([{"type": "function", "name": name, "description": about}]);
    let said = |text: &str| json!([{"role": "user", "content": text}]);
    for (path, body, param) in [
        ("/v1/responses", json!({"input": "a\0b"}), "input"),
        ("/v1/responses", json!({"input": said("\0")}), "input"),
        ("/v1/responses", json!({"input": "x", "instructions": "\0"}), "instructions"),
        ("/v1/responses", json!({"input": "x", "metadata": {"k": "\0"}}), "metadata"),
        ("/v1/responses", json!({"input": "x", "metadata": {"\0": "v"}}), "metadata"),
        ("/v1/responses", json!({"input": "x", "tools": tool("a\0", "")}), "tools"),
        ("/v1/responses", json!({"input": "x", "tools": tool("a", "\0")}), "tools"),
        ("/v1/responses", json!({"input": "x", "model": "a\0"}), "model"),
        ("/v1/chat/completions", json!({"messages": said("\0")}), "messages"),
        ("/v1/chat/completions", json!({"messages": said("x"), "stop": "\0"}), "stop"),
        ("/chat/stream", json!({"message": "\0"}), "message"),
        ("/v1/conversations", json!({"title": "\0"}), "title"),
        (items.as_str(), json!({"items": said("\0")}), "items"),
        (conversation.as_str(), json!({"title": "\0"}), "title"),
    ] {
        let named = stage.post(ANNA, path, &body).await.error(400, "invalid_text");
        assert_eq!(named, param, "{path} {body}");
    }
    assert_eq!(stage.model.calls().len(), 0);
}

#[tokio::test]
async fn any_other_text_comes_back_as_it_was() {
    let stage = Stage::new();
    let text = "\u{1}\u{7f}\r\n\u{2028}\u{fffe}\u{202e}e\u{301}\u{1F469}\u{200D}\u{1F680}\u{10FFFF}\\u0000";
    let answer = stage.posted("/v1/responses", &json!({"input": text})).await;
    assert_eq!(answer["output"][0]["content"][0]["text"], text);
    let found = stage.found(&format!("/v1/responses/{}", answer["id"].as_str().unwrap())).await;
    assert_eq!(found, answer);
    let new = json!({"items": [{"role": "user", "content": text}], "title": "\u{202e}x"});
    let conversation = stage.posted("/v1/conversations", &new).await;
    let id = conversation["id"].as_str().unwrap();
    let items = stage.found(&format!("/v1/conversations/{id}/items")).await;
    assert_eq!(items["data"][0]["content"][0]["text"], text);
}

#[tokio::test]
async fn an_error_repeats_nothing_of_what_was_sent() {
    let stage = Stage::new();
    let secret = "my-very-secret-words";
    for body in [
        json!({"input": 7, "model": secret, "temperature": secret}),
        json!({"input": [secret]}),
        json!({"input": [{"role": secret, "content": "x"}]}),
        json!({"input": {"a": secret}}),
        json!({"input": "x", "conversation": secret}),
        json!({"input": "x", "previous_response_id": secret}),
        json!({"input": "x", "model": secret}),
        json!({"input": [{"type": secret}]}),
        json!({"input": "x", "truncation": secret}),
    ] {
        let answer = stage.post(ANNA, "/v1/responses", &body).await;
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text());
        assert!(!answer.text().contains(secret), "{body}: {}", answer.text());
    }
    let broken = format!("{{\"input\": \"{secret}\", {secret}");
    let answer = stage.send(raw("/v1/responses", broken)).await;
    assert!(!answer.text().contains(secret), "{}", answer.text());
}

#[tokio::test]
async fn a_wrong_type_is_named_with_its_place() {
    let stage = Stage::new();
    for (body, param) in [
        (json!({"input": 7}), "input"),
        (json!({"input": "x", "temperature": "hot"}), "temperature"),
        (json!({"input": "x", "stream": "yes"}), "stream"),
        (json!({"input": "x", "metadata": {"k": 1}}), "metadata.k"),
        (json!({"input": "x", "metadata": []}), "metadata"),
        (json!({"input": [1]}), "input[0]"),
        (
            json!({"input": [{"role": "user", "content": [{"type": 1}]}]}),
            "input[0].content[0].type",
        ),
    ] {
        let answer = stage.post(ANNA, "/v1/responses", &body).await;
        assert_eq!(answer.error(400, "invalid_type"), param, "{body}");
    }
}

/// Payloads of people who look for a door: each is a value like any other (R16).
#[tokio::test]
async fn a_payload_in_a_text_is_text() {
    let stage = Stage::new();
    for payload in [
        "'; DROP TABLE items; --",
        "{{7*7}}",
        "${jndi:ldap://127.0.0.1/a}",
        "<script>alert(1)</script>",
        "%s%s%n",
        "\r\nX-Injected: 1",
        "data: [DONE]\n\nevent: error",
    ] {
        let mut pairs = serde_json::Map::new();
        pairs.insert("k".to_owned(), Value::from(payload));
        let body = json!({"input": payload, "metadata": pairs, "instructions": payload});
        let answer = stage.posted("/v1/responses", &body).await;
        assert_eq!(answer["metadata"]["k"], payload);
        assert_eq!(answer["instructions"], payload);
        assert_eq!(answer["output"][0]["content"][0]["text"], payload);
        let body = json!({"input": payload, "model": payload});
        stage.post(ANNA, "/v1/responses", &body).await.error(404, "model_not_found");
    }
}
