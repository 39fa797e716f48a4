//! Paths, methods and models.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::stage::{ANNA, Stage, request};

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
