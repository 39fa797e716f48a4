//! Paths, methods and models.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::stage::{ANNA, STRANGER, Stage, all_powerful, request};

#[tokio::test]
async fn every_method_that_the_document_does_not_have_is_refused_by_name() {
    let stage = Stage::new();
    let document: Value = serde_json::from_str(&loquat_http::openapi_json()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let operations = operations.as_object().unwrap();
        let path = path.replace(['{', '}'], "");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"]
        {
            if operations.contains_key(&method.to_lowercase()) {
                continue;
            }
            let answer = stage.send(request(method.parse().unwrap(), ANNA, &path)).await;
            answer.error(405, "method_not_allowed");
            let mut allowed: Vec<_> =
                answer.header("allow").unwrap().split(", ").map(str::to_lowercase).collect();
            allowed.sort();
            let mut known: Vec<_> = operations.keys().cloned().collect();
            known.sort();
            assert_eq!(allowed, known, "{path}");
        }
    }
}

#[tokio::test]
async fn a_path_that_is_not_there_is_refused_in_the_same_form() {
    let stage = Stage::new();
    for path in ["/", "/v2/responses", "/v1x", "/chat", "/chat/stream/", "/%00", "/docs/nothing.js"]
    {
        stage.get(ANNA, path).await.error(404, "route_not_found");
    }
    for path in ["/v1", "/v1/", "/v1/unheard", "/v1/responses/", "/v1/models/", "/v1//models"] {
        stage.get(ANNA, path).await.error(404, "route_not_found");
        stage.get("nobody", path).await.error(401, "invalid_token");
    }
}

#[tokio::test]
async fn the_models_are_listed_and_found_by_name() {
    let stage = Stage::new();
    let list = stage.found("/v1/models").await;
    let echo = json!({
        "id": "echo", "object": "model", "created": 1_700_000_000, "owned_by": "test",
    });
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"].as_array().unwrap().len(), 3);
    assert_eq!(list["data"][0], echo);
    assert_eq!(stage.found("/v1/models/echo").await, echo);
    assert_eq!(stage.found("/v1/models/with/slash").await["id"], "with/slash");
    assert_eq!(stage.found("/v1/models/with%2Fslash").await["id"], "with/slash");
    for path in ["/v1/models/nothing", "/v1/models/%FF", "/v1/models/%00"] {
        assert_eq!(stage.get(ANNA, path).await.error(404, "model_not_found"), "model");
    }
}

#[tokio::test]
async fn a_request_is_named_in_its_answer() {
    let stage = Stage::new();
    let first = stage.get(ANNA, "/v1/models").await;
    let second = stage.get(ANNA, "/v1/models").await;
    let id = first.header("x-request-id").expect("it is named");
    assert_eq!(id.len(), 32);
    assert_ne!(second.header("x-request-id"), Some(id));
    for (given, kept) in [
        ("my-request_1.2", true),
        ("", false),
        ("two words", false),
        (&"x".repeat(65), false),
        ("a\u{e4}", false),
    ] {
        for path in ["/v1/models", "/healthz", "/nowhere"] {
            let request =
                request(Method::GET, ANNA, path).insert_header(("x-request-id", given.as_bytes()));
            let answer = stage.send(request).await;
            assert_eq!(answer.header("x-request-id") == Some(given), kept, "{given:?} {path}");
        }
    }
}

/// A model that is for other tenants is one that there is not, wherever it is named.
#[tokio::test]
async fn a_model_of_other_tenants_is_none() {
    let stage = Stage::new();
    let list = stage.get(STRANGER, "/v1/models").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 4);
    stage.get(STRANGER, "/v1/models/for-others").await.expect(200);
    let foreign = stage.get(ANNA, "/v1/models/for-others").await;
    let unknown = stage.get(ANNA, "/v1/models/nothing").await;
    assert_eq!(foreign.without_request_id(), unknown.without_request_id());
    let admin = all_powerful(ANNA);
    for (method, path, body) in [
        (Method::POST, "/v1/responses", json!({"input": "Hi"})),
        (Method::POST, "/v1/responses/input_tokens", json!({"input": "Hi"})),
        (Method::POST, "/v1/responses/compact", json!({"input": "Hi"})),
        (Method::POST, "/v1/route", json!({"input": "Hi"})),
        (
            Method::POST,
            "/v1/chat/completions",
            json!({"messages": [{"role": "user", "content": "Hi"}]}),
        ),
        (Method::POST, "/chat/stream", json!({"message": "Hi"})),
        (Method::PUT, "/v1/admin/limits", json!({"whom": "tenant", "meter": "streams", "most": 1})),
    ] {
        let named = async |model: &str| {
            let mut body = body.clone();
            body["model"] = json!(model);
            let answer = stage.send(request(method.clone(), &admin, path).set_json(&body)).await;
            assert_eq!(answer.error(404, "model_not_found"), "model", "{path}");
            answer.without_request_id()
        };
        assert_eq!(named("for-others").await, named("nothing").await, "{path}");
    }
    assert_eq!(stage.get(ANNA, "/v1/limits?model=for-others").await.status, 404);
}

#[tokio::test]
async fn a_dry_run_says_which_model_would_be_asked_and_why_and_does_nothing() {
    let stage = Stage::new();
    let body = json!({"input": "Hi", "model": "for-others", "stream": true, "background": true});
    let mut chosen = stage.post(STRANGER, "/v1/route", &body).await.expect(200);
    assert!(chosen["input_tokens"].take().as_u64().unwrap() > 0);
    let expected = json!({
        "object": "route", "model": "for-others", "input_tokens": null,
        "choice": {
            "models": ["away", "echo"], "rule": "short", "complexity": 7, "why": ["it is short"],
        },
    });
    assert_eq!(chosen, expected);
    assert_eq!(stage.get(STRANGER, "/v1/usage").await.expect(200)["data"], json!([]));
    let plain = stage.posted("/v1/route", &json!({"input": "Hi"})).await;
    assert_eq!(plain["choice"]["models"], json!(["echo"]));
    assert_eq!(plain["choice"]["rule"], Value::Null);
    let answer = stage.post(ANNA, "/v1/route", &json!({"model": "echo"})).await;
    assert_eq!(answer.error(400, "missing_required_parameter"), "input");
}

#[tokio::test]
async fn the_receipt_says_which_models_were_chosen_and_asked() {
    let stage = Stage::new();
    let routed = async |token: &str, model: &str| {
        let body = json!({"input": "Hi", "model": model});
        let answer = stage.post(token, "/v1/responses", &body).await.expect(200);
        let path = format!("/v1/responses/{}/context", answer["id"].as_str().unwrap());
        stage.get(token, &path).await.expect(200)["routing"].take()
    };
    let expected = json!({
        "v": 1,
        "choice": {
            "models": ["away", "echo"], "rule": "short", "complexity": 7, "why": ["it is short"],
        },
        "attempts": [
            {
                "model": "away", "provider": "test", "upstream": "away", "outcome": "not_made",
                "code": "circuit_open",
            },
            {
                "model": "echo", "provider": "test", "upstream": "echo", "outcome": "answered",
                "code": null,
            },
        ],
    });
    assert_eq!(routed(STRANGER, "for-others").await, expected);
    assert_eq!(routed(ANNA, "echo").await, Value::Null);
}
