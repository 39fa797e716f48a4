//! Clients that stop reading take a bounded amount of memory, and are ended in the end.

use std::time::Duration;

use loquat_testkit::{ScriptedUpstream, UpstreamScript};
use serde_json::json;

use crate::harness::{Config, Home, Request, SOON};

/// How many clients do not read.
const CLIENTS: u64 = 20;

/// What a stream may take of the server's memory, in bytes.
const PER_STREAM: u64 = 256 * 1024;

/// Resident memory of a process, in bytes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

#[tokio::test]
async fn clients_that_do_not_read_take_little_memory_and_are_ended() {
    let piece = "many words without an end ".repeat(160);
    // A little less than the longest answer that is kept, 2 MiB.
    let script = (0..480).fold(UpstreamScript::sse().role(), |script, _| script.text(&piece));
    let upstream = ScriptedUpstream::always(script.finish("stop").done()).await.unwrap();
    let home = Home::new(Config::scripted(&upstream).table("[limits]\nslow_reader_ms = 2_000"));
    let server = home.serve().await;
    let client = home.client(&server).await;
    let message = json!({"message": "Hi"});
    let mut reader = client.open(&Request::post("/chat/stream", message.clone())).await;
    assert!(reader.read_to_end().await, "the first client reads, so that all code is warm");

    let before = resident(server.pid());
    let mut streams = Vec::new();
    for _ in 0..CLIENTS {
        let mut request = Request::post("/chat/stream", message.clone());
        request.receive_buffer = Some(4 * 1024);
        streams.push(client.send(&request).await);
    }
    let mut most = before;
    let mut sampling = tokio::time::interval(Duration::from_millis(20));
    for request in 1..=streams.len() {
        let ended = upstream.wait_request_closed(request, SOON);
        tokio::pin!(ended);
        loop {
            tokio::select! {
                closed = &mut ended => {
                    assert!(closed.is_some(), "a client that does not read is never ended");
                    break;
                }
                _ = sampling.tick() => most = most.max(resident(server.pid())),
            }
        }
    }
    let grown = most - before;
    assert!(
        grown < CLIENTS * PER_STREAM,
        "{CLIENTS} streams took {} KiB each",
        grown / CLIENTS / 1024
    );
}
