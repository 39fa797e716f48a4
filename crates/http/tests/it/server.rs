//! The API on a real socket, with the settings that it requires.

use std::time::Duration;

use actix_web::{App, HttpServer, dev::ServerHandle};
use loquat_http::SocketOptions;
use loquat_provider::{ProviderError, ProviderEvent};
use loquat_testkit::{Script, ScriptedProvider, Step};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::stage::{ANNA, Stage};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Serves a stage; the address and what stops it.
fn serve(stage: &Stage) -> (std::net::SocketAddr, ServerHandle) {
    let socket =
        loquat_http::listen("127.0.0.1:0".parse().unwrap(), &SocketOptions::default()).unwrap();
    let address = socket.local_addr().unwrap();
    let http = stage.state.clone();
    let app = move || App::new().configure(loquat_http::configure(http.clone()));
    let server = loquat_http::require(HttpServer::new(app)).workers(1).disable_signals();
    let server = server.listen(socket).unwrap().run();
    let handle = server.handle();
    drop(tokio::task::spawn_local(server));
    (address, handle)
}

/// Sends bytes and returns all that comes back before the connection ends, however it ends.
async fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // Who refuses a request may close before all of it is sent.
    let _ = socket.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let read = socket.read_to_end(&mut answer);
    let _ = tokio::time::timeout(PATIENCE, read).await.expect("the connection ends in time");
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ANNA}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_client_that_goes_away_is_noticed_while_the_model_is_silent() {
    for stream in [true, false] {
        let script = |_: &_| Script::new([Step::Accept, Step::StallForever]);
        let stage = Stage::with_model(ScriptedProvider::answering(script));
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let (address, server) = serve(&stage);
                let body = json!({"model": "scripted", "input": "Hi", "stream": stream});
                let mut socket = TcpStream::connect(address).await.unwrap();
                let request = post("/v1/responses", &body.to_string());
                socket.write_all(request.as_bytes()).await.unwrap();
                let call = stage.model.wait_for_call(0).await;
                drop(socket);
                let end = tokio::time::timeout(PATIENCE, call.wait_until_dropped()).await;
                assert!(!end.expect("the model's work is stopped").complete);
                server.stop(false).await;
            })
            .await;
    }
}

#[tokio::test]
async fn bare_text_that_breaks_off_at_once_still_shows_what_was_said() {
    let script = |_: &_| {
        let said = ProviderEvent::Text("Once upon".to_owned());
        Script::new([Step::Accept, Step::Event(said), Step::Fail(ProviderError::Failed)])
    };
    let stage = Stage::with_model(ScriptedProvider::answering(script));
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let (address, server) = serve(&stage);
            let body = json!({"model": "scripted", "message": "Hi"});
            let answer = exchange(address, &post("/chat/stream", &body.to_string())).await;
            assert!(answer.contains("Once upon"), "{answer:?}");
            assert!(!answer.ends_with("0\r\n\r\n"), "it looks whole: {answer:?}");
            server.stop(false).await;
        })
        .await;
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_the_server_lives() {
    let stage = Stage::new();
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let (address, server) = serve(&stage);
            for request in [
                "\r\n\r\nnonsense\r\n\r\n".to_owned(),
                "GET /healthz HTTP/9.9\r\n\r\n".to_owned(),
                format!("GET /healthz HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "x".repeat(200_000)),
                post("/v1/responses", "{}").replace(
                    "Connection: close",
                    "Transfer-Encoding: chunked\r\nConnection: close",
                ),
                post("/v1/responses", "{}").replace("Content-Length: 2", "Content-Length: -2"),
            ] {
                let answer = exchange(address, &request).await;
                let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
                assert!(refused, "{answer}");
            }
            let alive =
                exchange(address, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            assert!(alive.await.starts_with("HTTP/1.1 200 OK\r\n"));
            server.stop(false).await;
        })
        .await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_answered_and_the_connection_closed() {
    let stage = Stage::new();
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let (address, server) = serve(&stage);
            let request = format!(
                "POST /v1/responses HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ANNA}\r\n\
                 Content-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{{"
            );
            let answer = exchange(address, &request).await;
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
            assert!(answer.contains("\"body_too_large\""), "{answer}");
            server.stop(false).await;
        })
        .await;
}

#[tokio::test]
async fn an_address_that_is_in_use_is_said_to_be() {
    let first = loquat_http::listen("127.0.0.1:0".parse().unwrap(), &SocketOptions::default());
    let address = first.as_ref().unwrap().local_addr().unwrap();
    let second = loquat_http::listen(address, &SocketOptions::default());
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}
