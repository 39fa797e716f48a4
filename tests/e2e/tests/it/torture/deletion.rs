//! A conversation or a response is deleted while its turn runs, at any moment of it: deletion wins.

use std::{sync::Arc, time::Duration};

use loquat_testkit::ClosedBy;
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    seed::{self, Seed},
    speech::{Speaker, Speech},
    thread::text_of,
};
use crate::harness::{Client, Config, Format, Home, Request, SOON, Store, on_both_stores};

/// So many races are run at the same time.
const AT_ONCE: usize = 8;

/// What is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Conversation,
    Response,
}

on_both_stores! {
    what_is_deleted_while_it_is_produced_stays_deleted: deletion_wins;
}

async fn deletion_wins(store: Store) {
    let seed = Seed::new();
    let mut random = seed.random();
    let speaker = Arc::new(Speaker::new().await);
    let home = Home::on(store, Config::scripted(&speaker.upstream)).await;
    let server = home.serve().await;
    let client = home.client(&server).await;
    let mut races = JoinSet::new();
    for number in 0..seed::races() {
        if races.len() == AT_ONCE {
            races.join_next().await.unwrap().unwrap();
        }
        let race = Race {
            client: client.clone(),
            speaker: Arc::clone(&speaker),
            what: if number % 2 == 0 { What::Conversation } else { What::Response },
            number,
            // From before the first word to about the moment when the last one is stored.
            words: if random.bool() { 500 } else { random.usize(1..10) },
            seen: random.usize(0..12),
        };
        races.spawn(race.run());
    }
    races.join_all().await;

    // Nothing came back behind anybody's back.
    for row in home.data().rows().await {
        let of_conversation = row.text.contains("deleted-Conversation");
        assert!(!of_conversation, "in {}: {}", row.table, row.text);
        // Items of a conversation outlive the response that brought them.
        let of_response = row.text.contains("deleted-Response");
        assert!(!of_response || row.table == "items", "in {}: {}", row.table, row.text);
    }
    assert_eq!(home.data().unended().await, 0);
    home.data().assert_sound().await;
    assert!(!server.kill().await.contains("panicked"));
}

struct Race {
    client: Client,
    speaker: Arc<Speaker>,
    what: What,
    number: usize,
    words: usize,
    /// So many words are seen before the deletion.
    seen: usize,
}

impl Race {
    async fn run(self) {
        let Self { client, speaker, what, number, words, seen } = self;
        let name = format!("deleted-{what:?}-{number}");
        let speech = Speech { name, words, pause: Duration::from_millis(3) };
        let conversation = client.conversation().await;
        let request = Format::Responses.ask_in(&speech.message(), &json!(conversation));
        let mut exchange = client.open(&request).await;
        exchange.read_until("response.in_progress").await;
        let id = exchange.response_id();
        for word in (0..words).take(seen) {
            exchange.read_until(&speech.word(word)).await;
        }

        let conversation_path = format!("/v1/conversations/{conversation}");
        let response_path = format!("/v1/responses/{id}");
        let gone = match what {
            What::Conversation => vec![
                conversation_path.clone(),
                format!("{conversation_path}/items"),
                response_path,
                format!("/v1/responses/{id}?stream=true"),
            ],
            What::Response => vec![response_path, format!("/v1/responses/{id}?stream=true")],
        };
        let deleted = client.whole(&Request::new("DELETE", gone[0].as_str())).await;
        assert_eq!(deleted.status, 200, "{}", deleted.text());
        assert_gone(&client, &gone).await;
        // However the stream ends for the one who reads it, it does.
        exchange.read_to_end().await;
        if words == 500 {
            let asked = speaker.asked(&speech);
            let closed = speaker.upstream.wait_closed(asked[0].connection, SOON).await;
            assert_eq!(closed.expect("the provider works on").by, ClosedBy::Client);
        }
        assert_gone(&client, &gone).await;
        if what == What::Response {
            let next = Speech::brief(format!("after-{number}"));
            let body = json!({"input": next.message(), "conversation": conversation});
            let answer = loop {
                let answer = client.post("/v1/responses", body.clone()).await;
                if answer.status != 409 {
                    break answer;
                }
            };
            assert_eq!(answer.status, 200, "the conversation is not free: {}", answer.text());
            assert_eq!(text_of(&answer.json()), next.text());
        }
    }
}

async fn assert_gone(client: &Client, paths: &[String]) {
    for path in paths {
        assert_eq!(client.get(path).await.status, 404, "{path}");
    }
}
