//! Clients that stop reading take a bounded amount of memory, and are ended in the end.

use std::time::Duration;

use loquat_testkit::{ScriptedUpstream, UpstreamScript};

use crate::harness::{Config, Format, Home, SOON};

/// How many clients do not read.
const CLIENTS: u64 = 20;

/// What a stream may take of the server's memory, in bytes, whatever the length of its answer.
const PER_STREAM: u64 = 1024 * 1024;

/// Longer than all buffers between the provider and a client together, and so long that a server
/// that held it would be seen at once: 50 MB.
const PIECES: usize = 12_500;

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
    let beginning = UpstreamScript::sse().text(&piece);
    let again = std::iter::repeat_n(beginning.steps()[1].clone(), PIECES);
    let long = UpstreamScript::new(beginning.steps().iter().cloned().chain(again));
    let upstream = ScriptedUpstream::choosing(move |request| {
        let is_first = request.connection == 0;
        if is_first { UpstreamScript::answer(["short"]).cut_fin() } else { long.clone() }
    });
    let upstream = upstream.await.unwrap();
    let limits = "[limits]\nslow_reader_ms = 2_000\nmax_answer_bytes = 100_000_000";
    let home = Home::new(Config::scripted(&upstream).table(limits));
    let server = home.serve().await;
    let client = home.client(&server).await;
    // All code is warm when the measurement begins.
    Format::Text.read(client.open(&Format::Text.ask("Hi")).await).await;

    let before = resident(server.pid());
    let mut streams = Vec::new();
    for _ in 0..CLIENTS {
        let mut request = Format::Text.ask("Hi");
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
