//! Two hundred clients of twenty tenants who come and go at random moments: nobody ever sees what
//! is another's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinSet;

use super::{
    seed::{self, Seed},
    speech::{Speaker, Speech},
};
use crate::harness::{Client, Config, Format, Home, Leave, Request, SOON, Store, on_both_stores};

const TENANTS: usize = 20;
const CLIENTS: usize = 200;

/// A storm lasts until so many turns were answered, and not only asked for and left: on a machine
/// that has other things to do, for up to a minute longer.
const ENOUGH: usize = CLIENTS;
const AT_MOST: Duration = Duration::from_mins(1);

/// What every text contains, followed by whose it is.
const CANARY: &str = "canary-";

const FORMATS: [Format; 5] =
    [Format::Text, Format::Lines, Format::ChatEvents, Format::Responses, Format::Completions];

on_both_stores! {
    of_clients_that_leave_at_any_moment_nobody_gets_what_is_anothers: storm;
}

async fn storm(store: Store) {
    let seed = Seed::new();
    let mut random = seed.random();
    let speaker = Speaker::new().await;
    // Only Postgres has connections that could be mixed up.
    let scarce = "[database]\nmax_connections = 2";
    let config = Config::scripted(&speaker.upstream).table(scarce).logging("debug");
    let home = Arc::new(Home::on(store, config).await);
    let mut server = home.serve().await;
    let clients = tenants(&home, server.address).await;
    let end = Instant::now() + Duration::from_secs(seed::storm_seconds());
    let answered = Arc::<AtomicUsize>::default();
    let mut people = JoinSet::new();
    for number in 0..CLIENTS {
        let (tenant, client) = clients[number % TENANTS].clone();
        let (random, answered) = (random.fork(), Arc::clone(&answered));
        let person = Person { tenant, number, client, random, answered, conversation: None };
        people.spawn(person.until(end));
    }
    people.join_all().await;
    let answered = answered.load(Ordering::Relaxed);
    assert!(answered >= ENOUGH, "that was no storm: {answered} turns");

    assert!(server.is_alive());
    for (tenant, client) in &clients {
        answers(client, tenant).await;
        reads_its_own(client, tenant).await;
    }
    let data = home.data();
    let calm = Instant::now();
    while data.unended().await > 0 {
        assert!(calm.elapsed() < SOON, "a turn goes on without anybody");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    data.assert_sound().await;
    for row in data.rows().await {
        assert_own(&row.tenant, &row.text, &row.table);
    }
    let log = server.kill().await;
    assert!(!log.contains("panicked"), "{log}");
    let line = log.lines().find(|line| line.contains(CANARY));
    assert_eq!(line, None, "the log holds what somebody said");
}

/// A client for each tenant.
async fn tenants(home: &Arc<Home>, address: std::net::SocketAddr) -> Vec<(String, Client)> {
    let mut minting = JoinSet::new();
    for number in 0..TENANTS {
        let home = Arc::clone(home);
        minting.spawn(async move {
            let tenant = format!("t{number:02}");
            let token = home.token(&tenant, "ada").await;
            (tenant, Client::new(address, &token))
        });
    }
    minting.join_all().await
}

/// Fails when a text has a canary that is not the tenant's.
fn assert_own(tenant: &str, text: &str, place: &str) {
    for after in text.split(CANARY).skip(1) {
        assert!(after.starts_with(tenant), "{tenant} has in {place}: {CANARY}{after}");
    }
}

async fn answers(client: &Client, tenant: &str) {
    let speech = Speech::brief(format!("{CANARY}{tenant}-afterwards"));
    let response = client.posted("/v1/responses", json!({"input": speech.message()})).await;
    assert_eq!(response["output"][0]["content"][0]["text"], speech.text());
}

/// What a tenant finds by its lists.
async fn reads_its_own(client: &Client, tenant: &str) {
    let list = client.found("/v1/conversations?limit=20").await;
    assert_own(tenant, &list.to_string(), "the list");
    for conversation in list["data"].as_array().unwrap() {
        let id = conversation["id"].as_str().unwrap();
        let items = client.found(&format!("/v1/conversations/{id}/items?limit=100")).await;
        assert_own(tenant, &items.to_string(), "the items");
        assert!(items.to_string().contains(CANARY), "nothing was kept");
    }
}

struct Person {
    tenant: String,
    number: usize,
    client: Client,
    random: fastrand::Rng,
    /// Counts those of everybody that were.
    answered: Arc<AtomicUsize>,
    conversation: Option<String>,
}

impl Person {
    async fn until(mut self, end: Instant) {
        let mut turn = 0;
        while !self.has_had_enough(end) {
            turn += 1;
            match self.random.u8(..8) {
                0 => self.background(turn).await,
                _ => self.streamed(turn).await,
            }
            tokio::time::sleep(Duration::from_millis(self.random.u64(..3_000))).await;
        }
    }

    fn has_had_enough(&self, end: Instant) -> bool {
        let now = Instant::now();
        let is_enough = self.answered.load(Ordering::Relaxed) >= ENOUGH;
        now > end && (is_enough || now > end + AT_MOST)
    }

    fn speech(&mut self, turn: usize) -> Speech {
        let name = format!("{CANARY}{}-{}-{turn}", self.tenant, self.number);
        let pause = Duration::from_millis(self.random.u64(1..20));
        Speech { name, words: self.random.usize(1..60), pause }
    }

    /// Listens for a while and leaves, or stays to the end.
    async fn streamed(&mut self, turn: usize) {
        let speech = self.speech(turn);
        let format = FORMATS[self.random.usize(..FORMATS.len())];
        let place = self.conversation.take_if(|_| self.random.bool());
        let request = format.ask_in(&speech.message(), &json!(place));
        let stays = match self.random.u8(..4) {
            0 => self.random.u64(..50),
            1 | 2 => self.random.u64(..1_000),
            _ => 20_000,
        };
        let stays = Duration::from_millis(stays);
        let how = if self.random.bool() { Leave::Close } else { Leave::Reset };
        // Before the head has come there is nothing but a socket to be dropped.
        let heard = tokio::time::timeout(stays, self.client.attempt(&request)).await;
        let Ok(exchange) = heard else { return };
        let mut exchange = exchange.expect("the server lives");
        assert_usual(exchange.status(), exchange.bytes());
        let left = tokio::time::timeout(stays, exchange.read_to_end()).await.is_err();
        assert_own(&self.tenant, &exchange.text(), "a stream");
        if exchange.status() == 200 {
            self.answered.fetch_add(1, Ordering::Relaxed);
            self.conversation = exchange.header("x-conversation-id").map(str::to_owned);
        }
        if left {
            exchange.leave(how).await;
        }
    }

    /// Goes on without a listener, and is stopped or asked for.
    async fn background(&mut self, turn: usize) {
        let body = json!({"input": self.speech(turn).message(), "background": true});
        let begun = self.client.post("/v1/responses", body).await;
        assert_usual(begun.status, &begun.body);
        if begun.status != 200 {
            return;
        }
        let path = format!("/v1/responses/{}", begun.json()["id"].as_str().unwrap());
        let request = match self.random.u8(..3) {
            0 => Request::post(format!("{path}/cancel"), json!({})),
            1 => Request::new("GET", format!("{path}?stream=true")),
            _ => Request::new("GET", path),
        };
        let answer = self.client.whole(&request).await;
        assert_usual(answer.status, &answer.body);
        assert_own(&self.tenant, &answer.text(), "an answer");
    }
}

/// A conversation that is in use, a queue that is full and a database that is busy are no faults.
fn assert_usual(status: u16, body: &[u8]) {
    let is_usual = matches!(status, 200 | 409 | 429 | 503);
    assert!(is_usual, "{status}: {}", String::from_utf8_lossy(body));
}
