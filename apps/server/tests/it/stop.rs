//! The end: new turns are refused, running ones end, and the exit code says that all is well.

use std::io::{Read as _, Write as _};

use crate::program::{Home, Request, Server, read_until};

/// A model that says one word and then thinks for an hour.
const SLOW: &str = "default_model = \"slow\"\n\
                    [providers.slow]\nkind = \"echo\"\ninter_token_delay_ms = 3600000\n\
                    [models.slow]\nprovider = \"slow\"\ncontext_window = 4096\nmax_output_tokens = 64\n";

const SAY: &str = "{\"message\": \"one two\"}";

fn slow(drain_timeout_ms: u32) -> Home {
    Home::new().with_file(&format!("{SLOW}[server]\ndrain_timeout_ms = {drain_timeout_ms}\n"))
}

/// A turn that has said its first word.
fn begun(server: &Server, token: &str) -> std::net::TcpStream {
    let request =
        Request { line: "POST /chat/stream", token, accept: "application/x-ndjson", body: SAY };
    let mut stream = server.send(&request);
    read_until(&mut stream, "one ");
    stream
}

/// Asks until the server has heard the signal.
fn until_not_ready(server: &Server) {
    while server.answer(&Request::get("GET /readyz", "")).status != 503 {}
}

#[test]
fn an_idle_server_ends_at_sigterm_and_at_ctrl_c() {
    for signal in ["TERM", "INT"] {
        let server = Home::new().serve();
        server.signal(signal);
        let (status, said) = server.ended();
        assert_eq!(status.code(), Some(0), "{signal}: {said}");
    }
}

#[test]
fn while_turns_run_new_ones_are_refused_and_the_rest_is_answered() {
    let server = slow(600_000).serve();
    let token = server.token();
    let _running = begun(&server, &token);
    server.signal("TERM");
    until_not_ready(&server);
    let refused = server.answer(&Request::post("POST /chat/stream", &token, SAY));
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert_eq!(server.answer(&Request::get("GET /healthz", "")).status, 200);
    assert_eq!(server.answer(&Request::get("GET /v1/conversations", &token)).status, 200);
    // A further signal does not wait for the turn, which takes an hour.
    let (status, said) = server.ended_by("TERM");
    assert_eq!(status.code(), Some(0), "{said}");
}

#[test]
fn turns_that_outlast_the_patience_end_as_incomplete_and_are_stored() {
    let home = slow(100);
    let server = home.serve();
    let token = server.token();
    let mut running = begun(&server, &token);
    server.signal("TERM");
    let mut rest = String::new();
    running.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("server_shutdown"), "{rest}");
    assert!(rest.ends_with("0\r\n\r\n"), "the body has no proper end: {rest}");
    let (status, said) = server.ended();
    assert_eq!(status.code(), Some(0), "{said}");
    let again = home.serve();
    let list = again.answer(&Request::get("GET /v1/conversations", &token));
    let (_, id) = list.body.split_once("\"conv_").expect("the conversation");
    let path = format!("GET /v1/conversations/conv_{}/items", id.split('"').next().unwrap());
    let items = again.answer(&Request::get(&path, &token));
    assert!(items.body.contains("one two") && items.body.contains("incomplete"), "{}", items.body);
}

#[test]
fn a_signal_that_is_sent_twice_at_once_is_one() {
    let server = slow(100).serve();
    let token = server.token();
    let mut running = begun(&server, &token);
    server.signal("TERM");
    server.signal("TERM");
    let mut rest = String::new();
    running.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("server_shutdown"), "{rest}");
    server.ended();
}

#[test]
fn a_connection_that_is_only_kept_open_does_not_keep_the_server() {
    let server = Home::new().serve();
    let mut kept = std::net::TcpStream::connect(server.address()).unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    read_until(&mut kept, "ok\n");
    server.stopped();
    assert_eq!(kept.read(&mut [0]).unwrap(), 0);
}
