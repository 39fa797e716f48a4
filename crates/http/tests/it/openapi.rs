//! The document, and what it says of the routes.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Value, json};

/// The kept document is the generated one. `UPDATE_OPENAPI=1` writes it anew.
#[test]
#[expect(clippy::disallowed_methods, reason = "how a person asks for the file to be written")]
fn the_kept_document_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let generated = loquat_http::openapi_json();
    if std::env::var("UPDATE_OPENAPI").is_ok_and(|it| it == "1") {
        std::fs::write(&path, &generated).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == generated,
        "docs/openapi.json is not what the code says; \
         UPDATE_OPENAPI=1 cargo test -p loquat-http openapi writes it anew"
    );
}

/// Every operation of the document, with its path.
fn operations() -> Vec<(String, Value)> {
    let document: Value = serde_json::from_str(&loquat_http::openapi_json()).unwrap();
    let paths = document["paths"].as_object().unwrap().clone();
    let each = paths.into_iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().clone();
        methods.into_iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    each.collect()
}

#[test]
fn the_document_is_of_version_3_1_and_names_the_one_way_to_say_who_one_is() {
    let document: Value = serde_json::from_str(&loquat_http::openapi_json()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(schemes.keys().collect::<Vec<_>>(), ["bearer"]);
    assert_eq!(schemes["bearer"]["scheme"], "bearer");
    assert_eq!(document["security"], json!([{"bearer": []}]));
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let operations = operations();
    let names: BTreeSet<_> =
        operations.iter().map(|(_, it)| it["operationId"].as_str().unwrap()).collect();
    assert_eq!(names.len(), operations.len());
}

#[test]
fn every_error_has_the_form_of_errors() {
    let form = json!({"$ref": "#/components/schemas/ErrorResponse"});
    for (operation, description) in operations() {
        let needs_token = description["security"].is_null();
        let answers = description["responses"].as_object().unwrap();
        assert_eq!(answers.contains_key("401"), needs_token, "{operation}");
        for (_, answer) in answers.iter().filter(|(status, _)| status.as_str() >= "400") {
            assert_eq!(answer["content"]["application/json"]["schema"], form, "{operation}");
        }
    }
}

#[test]
fn the_smallest_thing_that_works_is_described_in_all_its_formats() {
    let operations = operations();
    let (_, chat) = operations.iter().find(|(it, _)| it == "post /chat/stream").unwrap();
    let formats = chat["responses"]["200"]["content"].as_object().unwrap();
    let formats: BTreeSet<_> = formats.keys().map(String::as_str).collect();
    assert_eq!(formats, ["application/x-ndjson", "text/event-stream", "text/plain"].into());
}
