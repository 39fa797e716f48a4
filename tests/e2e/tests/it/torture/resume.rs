//! A stream that is taken up again is the same stream: the same bytes, from any event on, while it
//! runs and after its end, and after the server was started again.

use loquat_testkit::{Gate, ResponsesStreamChecker, ScriptedUpstream, UpstreamScript};
use serde_json::json;

use super::thread::frames;
use crate::harness::{Client, Config, Exchange, Format, Home, Request, Store, on_both_stores};

const WORDS: [&str; 6] = ["Once ", "upon ", "a ", "time ", "there ", "was"];

/// Says a word whenever the gate opens.
fn word_by_word(gate: &Gate) -> UpstreamScript {
    let script = UpstreamScript::sse().role().reasoning("Hm.");
    let say = |script: UpstreamScript, word| script.wait(gate).text(word);
    WORDS.into_iter().fold(script, say).wait(gate).finish("stop").usage(10, 7).done()
}

fn path(id: &str, after: Option<u64>) -> String {
    let after = after.map(|after| format!("&starting_after={after}")).unwrap_or_default();
    format!("/v1/responses/{id}?stream=true{after}")
}

async fn taken_up(client: &Client, id: &str, after: Option<u64>) -> Exchange {
    let exchange = client.open(&Request::new("GET", path(id, after))).await;
    assert_eq!(exchange.status(), 200);
    exchange
}

/// What a client that has had the events up to this one must be told.
fn rest(whole: &[u8], after: Option<u64>) -> &[u8] {
    let had = after.map_or(0, |after| usize::try_from(after).unwrap() + 1);
    let length: usize = frames(whole).take(had).map(<[u8]>::len).sum();
    &whole[length..]
}

/// Everybody who asks gets what `first` gets, whenever they come and whatever they have had.
async fn all_get_the_same(client: &Client, id: &str, mut first: Exchange, gate: &Gate) -> Vec<u8> {
    let mut others = Vec::new();
    for (number, word) in (0..).zip(WORDS) {
        gate.open();
        first.read_until(word.trim_end()).await;
        for after in [None, Some(0), Some(1), Some(2 + 2 * number)] {
            others.push((after, taken_up(client, id, after).await));
        }
    }
    gate.open();
    assert!(first.read_to_end().await);
    let whole = first.bytes().to_vec();
    ResponsesStreamChecker::check(&whole).unwrap();
    for (after, mut other) in others {
        assert!(other.read_to_end().await);
        assert_eq!(other.text().as_bytes(), rest(&whole, after), "while it ran, after {after:?}");
    }
    whole
}

async fn assert_same(client: &Client, id: &str, whole: &[u8], when: &str) {
    let events = u64::try_from(frames(whole).count() - 1).unwrap();
    for after in std::iter::once(None).chain((0..events).map(Some)) {
        let again = client.get(&path(id, after)).await;
        assert_eq!(again.text().as_bytes(), rest(whole, after), "{when}, after {after:?}");
    }
}

on_both_stores! {
    a_stream_is_taken_up_again_byte_for_byte: async |store| {
        let gate = Gate::default();
        let upstream = ScriptedUpstream::always(word_by_word(&gate)).await.unwrap();
        let home = Home::on(store, Config::scripted(&upstream)).await;
        let server = home.serve().await;
        let client = home.client(&server).await;
        let mut first = client.open(&Format::Responses.ask("Tell me.")).await;
        first.read_until("response.in_progress").await;
        let id = first.response_id();
        let whole = all_get_the_same(&client, &id, first, &gate).await;
        assert_same(&client, &id, &whole, "after its end").await;
        server.kill().await;
        let server = home.serve().await;
        assert_same(&home.client(&server).await, &id, &whole, "after a restart").await;
    };
    a_turn_in_the_background_is_told_to_everybody_alike: async |store| {
        let gate = Gate::default();
        let upstream = ScriptedUpstream::always(word_by_word(&gate)).await.unwrap();
        let home = Home::on(store, Config::scripted(&upstream)).await;
        let server = home.serve().await;
        let client = home.client(&server).await;
        let body = json!({"input": "Tell me.", "background": true});
        let begun = client.posted("/v1/responses", body).await;
        let id = begun["id"].as_str().unwrap();
        let first = taken_up(&client, id, None).await;
        let whole = all_get_the_same(&client, id, first, &gate).await;
        assert_same(&client, id, &whole, "after its end").await;
    };
    a_turn_in_the_background_goes_on_when_its_reader_has_left: leaving;
}

async fn leaving(store: Store) {
    let gate = Gate::default();
    let upstream = ScriptedUpstream::always(word_by_word(&gate)).await.unwrap();
    let home = Home::on(store, Config::scripted(&upstream)).await;
    let server = home.serve().await;
    let client = home.client(&server).await;
    let body = json!({"input": "Tell me.", "background": true, "stream": true});
    let mut first = client.open(&Request::post("/v1/responses", body)).await;
    gate.open();
    first.read_until("Once").await;
    let id = first.response_id();
    let had = first.bytes().to_vec();
    drop(first);
    for _ in WORDS {
        gate.open();
    }
    let last = u64::try_from(frames(&had).count() - 1).unwrap();
    let mut second = taken_up(&client, &id, Some(last)).await;
    assert!(second.read_to_end().await);
    let all: Vec<u8> = frames(&had).flatten().chain(second.bytes()).copied().collect();
    let stream = ResponsesStreamChecker::check(&all).unwrap();
    assert_eq!((stream.text, stream.status.as_str()), (WORDS.concat(), "completed"));
}
