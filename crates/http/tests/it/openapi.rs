//! The document, and what it says of the routes.

use std::path::Path;

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
