//! A database that is restarted in the middle, and one with a single connection.

use std::time::Duration;

use loquat_testkit::{ClusterOptions, Gate, PrivateCluster, ScriptedUpstream, UpstreamScript};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    speech::{Speaker, Speech},
    thread::{code, text_of},
};
use crate::harness::{Config, Format, Home, Store};

/// Turns that the restart breaks in upon.
const TURNS: usize = 50;

/// Whatever the restart costs the database, it is back within this time.
const BACK: Duration = Duration::from_secs(15);

/// The turns end before, during and after the restart. All of them must be told whole, and an end
/// is told only when the database has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_restarted_in_the_middle_of_fifty_turns_costs_none_of_them() {
    let safe = ClusterOptions::default().with_setting("fsync", "on");
    let cluster = PrivateCluster::start(safe.with_setting("full_page_writes", "on")).await;
    let speaker = Speaker::new().await;
    let home = Home::on_cluster(&cluster, Config::scripted(&speaker.upstream)).await;
    let mut server = home.serve().await;
    let client = home.client(&server).await;

    let mut turns = JoinSet::new();
    for number in 0..TURNS {
        let speech = Speech {
            name: format!("restart-{number}"),
            words: 80 + 5 * number,
            pause: Duration::from_millis(15),
        };
        let conversation = client.conversation().await;
        let request = Format::Responses.ask_in(&speech.message(), &json!(conversation));
        let exchange = client.open(&request).await;
        assert_eq!(exchange.status(), 200);
        turns.spawn(async move { (Format::Responses.read(exchange).await, speech, conversation) });
    }
    cluster.stop_immediate().await;
    let refused = client.whole(&Format::Responses.ask("Is anybody there?")).await;
    assert_eq!((refused.status, code(&refused).as_str()), (503, "store_unavailable"));
    assert_eq!(client.get("/healthz").await.status, 200);
    cluster.launch().await;

    let mut completed = 0;
    while let Some(told) = turns.join_next().await {
        let (said, speech, conversation) = told.unwrap();
        assert_eq!(said.text, speech.text(), "a stream does not need the database to go on");
        let id = said.last["id"].as_str().unwrap();
        let stored = client.found(&format!("/v1/responses/{id}")).await;
        match (said.status.as_str(), said.why.as_deref()) {
            ("completed", None) => {
                completed += 1;
                assert_eq!(stored, said.last, "told and stored differ");
                let both = [("user", speech.message()), ("assistant", speech.text())];
                let both = both.map(|(role, text)| (role.to_owned(), text));
                assert_eq!(client.items(&conversation).await, both);
            }
            ("failed", Some("storage")) => assert_ne!(stored["status"], "completed"),
            end => panic!("neither stored nor said so: {end:?}"),
        }
    }
    assert_eq!(completed, TURNS, "the database was away for a moment only");
    assert!(server.is_alive());
    let after = Speech::brief("after");
    let response = client.posted("/v1/responses", json!({"input": after.message()})).await;
    assert_eq!(text_of(&response), after.text());
    home.data().assert_sound().await;
    assert!(!server.kill().await.contains("panicked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_for_long_is_found_again() {
    let cluster = PrivateCluster::start(ClusterOptions::default()).await;
    let speaker = Speaker::new().await;
    let home = Home::on_cluster(&cluster, Config::scripted(&speaker.upstream)).await;
    let server = home.serve().await;
    let client = home.client(&server).await;
    let speech = Speech::brief("before");
    let response = client.posted("/v1/responses", json!({"input": speech.message()})).await;
    let path = format!("/v1/responses/{}", response["id"].as_str().unwrap());
    cluster.kill().await;
    for _ in 0..3 {
        let answer = client.get(&path).await;
        assert_eq!((answer.status, code(&answer).as_str()), (503, "store_unavailable"));
    }
    cluster.launch().await;
    let again = tokio::time::timeout(BACK, async {
        while client.get(&path).await.status == 503 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    assert!(again.await.is_ok(), "it is not found again");
    assert_eq!(client.found(&path).await, response);
}

/// Nobody's answer goes on before everybody's has begun, so a turn that held the connection while
/// it streams would hold up all others for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_turns_stream_at_once_over_one_connection_to_the_database() {
    const TURNS: usize = 100;
    let gate = Gate::default();
    let mut script = UpstreamScript::sse().role().text("begun ").wait(&gate);
    for _ in 0..100 {
        script = script.text("and so on ").delay(Duration::from_millis(20));
    }
    let script = script.finish("stop").usage(10, 100).done();
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    // A hundred beginnings wait for one another; how long depends on the machine only.
    let limits = "[database]\nmax_connections = 1\nwait_timeout_ms = 20_000";
    let home = Home::on(Store::Postgres, Config::scripted(&upstream).table(limits)).await;
    let server = home.serve().await;
    let client = home.client(&server).await;
    let mut turns = JoinSet::new();
    for number in 0..TURNS {
        let client = client.clone();
        turns.spawn(async move {
            let request = Format::Responses.ask(&format!("turn {number}"));
            let mut exchange = client.open(&request).await;
            assert_eq!(exchange.status(), 200);
            exchange.read_until("begun").await;
            exchange
        });
    }
    let all_have_begun = turns.join_all().await;
    let mut ends = JoinSet::new();
    for exchange in all_have_begun {
        gate.open();
        ends.spawn(Format::Responses.read(exchange));
    }
    for said in ends.join_all().await {
        assert_eq!(said.status, "completed");
        let id = said.last["id"].as_str().unwrap();
        assert_eq!(client.found(&format!("/v1/responses/{id}")).await, said.last);
    }
    home.data().assert_sound().await;
}
