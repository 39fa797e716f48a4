//! The page and the document, from the outside.

use actix_web::test::TestRequest;

use crate::stage::Stage;

#[tokio::test]
async fn the_document_is_served_as_it_is_kept() {
    let stage = Stage::new();
    let answer = stage.send(TestRequest::with_uri("/openapi.json")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.text(), loquat_http::openapi_json());
}

#[tokio::test]
async fn the_page_and_all_that_it_loads_come_from_here() {
    let stage = Stage::new();
    let moved = stage.send(TestRequest::with_uri("/docs")).await;
    assert_eq!((moved.status, moved.header("location")), (308, Some("docs/")));
    let page = stage.send(TestRequest::with_uri("/docs/")).await;
    assert_eq!(page.header("content-type"), Some("text/html"));
    let html = page.text();
    assert!(!html.contains("//"), "the page names another server: {html}");
    let mut loaded = 0;
    for attribute in ["src=\"", "href=\""] {
        for file in html.split(attribute).skip(1) {
            let file = file.split('"').next().unwrap().trim_start_matches("./");
            let answer = stage.send(TestRequest::with_uri(&format!("/docs/{file}"))).await;
            assert_eq!(answer.status, 200, "{file}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{file}");
            let policy = answer.header("content-security-policy").expect(file);
            assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
            loaded += 1;
        }
    }
    assert!(loaded >= 6, "the page loads {loaded} files: {html}");
    let script = stage.send(TestRequest::with_uri("/docs/swagger-initializer.js")).await;
    assert!(script.text().contains("../openapi.json"), "{}", script.text());
    assert!(script.text().contains("\"validatorUrl\": \"none\""), "{}", script.text());
}

#[tokio::test]
async fn nothing_outside_the_page_is_served_as_if_it_were_part_of_it() {
    let stage = Stage::new();
    for path in ["/docs/../Cargo.toml", "/docs/..%2f..%2fCargo.toml", "/docs//etc/passwd"] {
        stage.send(TestRequest::with_uri(path)).await.error(404, "route_not_found");
    }
}
