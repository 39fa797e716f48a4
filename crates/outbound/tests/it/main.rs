//! The client against a real socket.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION};
use loquat_outbound::{BaseUrl, Bounds, FetchError, HttpClient, SendError, secret_header};
use loquat_testkit::{ClosedBy, ScriptedUpstream, UpstreamScript};
use serde_json::json;

/// Longer than anything on loopback takes; a test that waits this long has failed.
const SOON: Duration = Duration::from_secs(5);

const BOUNDS: Bounds = Bounds { max_bytes: 1024, time: SOON };

fn base(upstream: &ScriptedUpstream) -> BaseUrl {
    BaseUrl::new(&upstream.base_url()).unwrap()
}

fn client(upstream: &ScriptedUpstream) -> HttpClient {
    let key = secret_header("Bearer ", &"canary".to_owned().into()).unwrap();
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, key)]);
    HttpClient::new(base(upstream), headers, SOON).unwrap()
}

/// Fetches `/v1/doc` from an upstream that plays the script.
async fn fetched(
    script: UpstreamScript,
    bounds: Bounds,
) -> (ScriptedUpstream, Result<http::Response<Bytes>, FetchError>) {
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let uri = base(&upstream).uri(["doc"], None).unwrap();
    let got = client(&upstream).fetch(&uri, bounds).await;
    (upstream, got)
}

#[tokio::test]
async fn a_document_comes_with_its_status_and_its_headers() {
    for status in [200, 404] {
        let script = UpstreamScript::json(status, &json!({"keys": []})).header("x-a", "b");
        let (upstream, got) = fetched(script, BOUNDS).await;
        let got = got.unwrap();
        assert_eq!(got.status().as_u16(), status);
        assert_eq!(got.headers()["x-a"], "b");
        assert_eq!(got.body(), &Bytes::from_static(br#"{"keys":[]}"#));
        let asked = upstream.requests().remove(0);
        assert_eq!((&*asked.method, &*asked.target), ("GET", "/v1/doc"));
        assert_eq!(asked.header("authorization"), Some("Bearer canary"));
    }
}

#[tokio::test]
async fn a_document_of_exactly_the_size_that_is_allowed_comes_and_no_larger_one() {
    let script = |bytes: usize| UpstreamScript::sse().body("x".repeat(bytes));
    let (_upstream, got) = fetched(script(1024), BOUNDS).await;
    assert_eq!(got.unwrap().body().len(), 1024);
    let (_upstream, got) = fetched(script(1025), BOUNDS).await;
    assert!(matches!(got, Err(FetchError::TooLarge { max_bytes: 1024 })), "{got:?}");
}

#[tokio::test]
async fn a_document_without_an_end_is_not_read_on() {
    let (upstream, got) = fetched(UpstreamScript::sse().body("x".repeat(64 << 20)), BOUNDS).await;
    assert!(matches!(got, Err(FetchError::TooLarge { .. })), "{got:?}");
    assert_eq!(upstream.wait_closed(0, SOON).await.unwrap().by, ClosedBy::Client);
}

#[tokio::test]
async fn a_document_has_its_time_wherever_the_endpoint_stops() {
    let bounds = Bounds { time: Duration::from_millis(60), ..BOUNDS };
    for script in [UpstreamScript::silence(), UpstreamScript::sse().body("x").stall()] {
        let started = Instant::now();
        let (upstream, got) = fetched(script, bounds).await;
        assert!(matches!(got, Err(FetchError::Late)), "{got:?}");
        assert!(started.elapsed() < Duration::from_secs(1));
        assert_eq!(upstream.wait_closed(0, SOON).await.unwrap().by, ClosedBy::Client);
    }
}

#[tokio::test]
async fn a_document_that_breaks_off_is_none() {
    let (_upstream, got) = fetched(UpstreamScript::sse().body("x").cut_fin(), BOUNDS).await;
    assert!(matches!(got, Err(FetchError::Broken(_))), "{got:?}");
}

#[tokio::test]
async fn a_redirect_is_the_answer_and_its_target_sees_nothing() {
    let elsewhere = ScriptedUpstream::always(UpstreamScript::sse()).await.unwrap();
    for status in [301, 302, 303, 307, 308] {
        let script = UpstreamScript::json(status, &json!({}));
        let (_upstream, got) =
            fetched(script.header("location", &elsewhere.base_url()), BOUNDS).await;
        let got = got.unwrap();
        assert_eq!(got.status(), StatusCode::from_u16(status).unwrap());
        assert_eq!(got.headers()[LOCATION], elsewhere.base_url());
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn nothing_is_sent_to_another_host_port_or_scheme() {
    let upstream = ScriptedUpstream::always(UpstreamScript::sse()).await.unwrap();
    let elsewhere = ScriptedUpstream::always(UpstreamScript::sse()).await.unwrap();
    let secure = upstream.base_url().replace("http:", "https:");
    let client = client(&upstream);
    for address in [&*elsewhere.base_url(), &secure, "/v1/x"] {
        let uri = address.parse().unwrap();
        let got = client.post(&uri, &HeaderMap::new(), Bytes::new()).await;
        assert!(matches!(got, Err(SendError::Elsewhere)), "{address}: {got:?}");
    }
    assert_eq!((upstream.connections(), elsewhere.connections()), (0, 0));
}

#[tokio::test]
async fn a_post_has_its_own_headers_and_its_answer_is_read_as_it_comes() {
    let script = UpstreamScript::sse().body("a").stall();
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let uri = base(&upstream).uri(["x"], None).unwrap();
    let more = HeaderMap::from_iter([
        (http::header::AUTHORIZATION, HeaderValue::from_static("Bearer fresh")),
        (http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain")),
    ]);
    let got = client(&upstream).post(&uri, &more, Bytes::from_static(b"hello")).await.unwrap();
    let mut body = got.into_body();
    assert_eq!(body.chunk().await.unwrap().unwrap(), "a");
    let asked = upstream.requests().remove(0);
    assert_eq!((&*asked.method, &*asked.body), ("POST", &b"hello"[..]));
    assert_eq!(asked.header("authorization"), Some("Bearer fresh"));
    assert_eq!(asked.header("content-type"), Some("text/plain"));
    drop(body);
    assert_eq!(upstream.wait_closed(0, SOON).await.unwrap().by, ClosedBy::Client);
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_and_one_that_does_not_answer_are_told_apart() {
    let upstream = ScriptedUpstream::queue([]).await.unwrap();
    let secure = BaseUrl::new(&upstream.base_url().replace("http:", "https:")).unwrap();
    let uri = secure.uri([], None).unwrap();
    // TLS that never answers: the connection is made as far as the kernel is concerned.
    let patient = HttpClient::new(secure, HeaderMap::new(), Duration::from_millis(60)).unwrap();
    let got = patient.get(&uri).await;
    assert!(matches!(got, Err(SendError::ConnectTimeout)), "{got:?}");
    let (plain, uri) = (client(&upstream), base(&upstream).uri([], None).unwrap());
    drop(upstream);
    let got = plain.get(&uri).await;
    assert!(matches!(got, Err(SendError::Unreachable(_))), "{got:?}");
}

#[tokio::test]
async fn neither_address_nor_key_is_in_a_debug_text() {
    let upstream = ScriptedUpstream::queue([]).await.unwrap();
    let text = format!("{:?} {:?}", client(&upstream), base(&upstream));
    assert!(!text.contains("canary") && !text.contains("127.0.0.1"), "{text}");
}
