//! A stop under load: nobody new is let in, everybody inside hears an end.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use super::{
    speech::{Speaker, Speech},
    thread::code,
};
use crate::harness::{Client, Config, Format, Home, SOON, on_both_stores, soon};

/// Streams that run when the signal comes.
const STREAMS: usize = 50;

const DELAY: Duration = Duration::from_millis(600);
const PATIENCE: Duration = Duration::from_secs(2);

fn config(speaker: &Speaker) -> Config {
    let (delay, patience) = (DELAY.as_millis(), PATIENCE.as_millis());
    let times = format!("drain_delay_ms = {delay}\ndrain_timeout_ms = {patience}");
    Config::scripted(&speaker.upstream).table(&format!("[server]\n{times}"))
}

/// Waits until the server has heard the signal.
async fn until_not_ready(client: &Client) {
    soon("the server hears the signal", async {
        while client.get("/readyz").await.status == 200 {}
    })
    .await;
    assert_eq!(client.get("/readyz").await.status, 503);
}

on_both_stores! {
    a_stop_lets_short_streams_end_and_ends_long_ones_in_order: async |store| {
        let speaker = Speaker::new().await;
        let home = Home::on(store, config(&speaker)).await;
        let server = home.serve().await;
        let client = home.client(&server).await;
        let mut streams = JoinSet::new();
        for number in 0..STREAMS {
            let name = format!("stop-{number}");
            // Every other one would go on for much longer than anybody waits.
            let words = if number % 2 == 0 { 20 + number } else { 2_000 };
            let speech = Speech { name, words, pause: Duration::from_millis(20) };
            let mut exchange = client.open(&Format::Responses.ask(&speech.message())).await;
            exchange.read_until(".0 ").await;
            streams.spawn(async move { (Format::Responses.read(exchange).await, speech) });
        }
        let stopped = Instant::now();
        server.terminate().await;
        until_not_ready(&client).await;
        let refused = client.open(&Format::Responses.ask("One more?")).await;
        assert_eq!(refused.status(), 503);
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=120).contains(&wait), "{wait}");
        assert_eq!(client.get("/v1/conversations").await.status, 200, "reading goes on");

        let mut ends = Vec::new();
        for (said, speech) in streams.join_all().await {
            match (said.status.as_str(), said.why.as_deref()) {
                ("completed", None) => assert_eq!(said.text, speech.text()),
                ("incomplete", Some("server_shutdown")) => {
                    assert!(speech.text().starts_with(&said.text));
                    assert_eq!(speech.words, 2_000, "it would have ended by itself");
                }
                end => panic!("{end:?}"),
            }
            ends.push(said.last);
        }
        assert_eq!(server.stopped().await.code(), Some(0));
        let took = stopped.elapsed();
        assert!(took < SOON && took >= PATIENCE, "{took:?}");

        let server = home.serve().await;
        let client = home.client(&server).await;
        for end in ends {
            let id = end["id"].as_str().unwrap();
            assert_eq!(client.found(&format!("/v1/responses/{id}")).await, end, "told and stored");
        }
        assert_eq!(home.data().unended().await, 0);
    };
}

#[tokio::test]
async fn a_stop_with_nothing_to_end_still_gives_those_outside_time_to_see_it() {
    let speaker = Speaker::new().await;
    let home = Home::new(config(&speaker));
    let server = home.serve().await;
    let client = home.client(&server).await;
    let stopped = Instant::now();
    server.terminate().await;
    until_not_ready(&client).await;
    let refused = client.post("/v1/responses", json!({"input": "Hi"})).await;
    assert_eq!((refused.status, code(&refused).as_str()), (503, "server_shutting_down"));
    assert_eq!(server.stopped().await.code(), Some(0));
    assert!(stopped.elapsed() >= DELAY, "{:?}", stopped.elapsed());
}

#[tokio::test]
async fn a_second_signal_ends_at_once_and_is_not_taken_for_the_wish_of_a_user() {
    let speaker = Speaker::new().await;
    let patient = "[server]\ndrain_timeout_ms = 600_000\n[limits]\nlease_ms = 1_000";
    let home = Home::new(Config::scripted(&speaker.upstream).table(patient));
    let server = home.serve().await;
    let client = home.client(&server).await;
    let speech = Speech { name: "long".to_owned(), words: 5_000, pause: Duration::from_millis(10) };
    let mut exchange = client.open(&Format::Responses.ask(&speech.message())).await;
    exchange.read_until(".0 ").await;
    let id = exchange.response_id();
    server.terminate().await;
    until_not_ready(&client).await;
    // A signal that follows the first within 100 ms is its echo.
    tokio::time::sleep(Duration::from_millis(150)).await;
    server.terminate().await;
    server.stopped().await;
    let server = home.serve().await;
    let client = home.client(&server).await;
    let path = format!("/v1/responses/{id}");
    soon("the turn ends", async { while client.found(&path).await["status"] == "in_progress" {} })
        .await;
    let response = client.found(&path).await;
    assert_eq!(response["status"], "incomplete");
    // As far as the server gets.
    let reason = response["incomplete_details"]["reason"].as_str().unwrap();
    assert!(["server_shutdown", "server_restart"].contains(&reason), "{response}");
}
