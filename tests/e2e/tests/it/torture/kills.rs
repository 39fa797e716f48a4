//! `kill -9` at random moments under load, over and over.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    seed::{self, Seed},
    speech::{Speaker, Speech},
    thread::{Auditor, Place, Thread, Way},
};
use crate::harness::{Client, Config, Home, Request, Server, Store, on_both_stores};

/// Clients of each server.
const CLIENTS: usize = 10;

/// Within this time after a restart every turn of the dead process has ended.
const RECOVERED: Duration = Duration::from_secs(10);

/// Two seconds after its last sign of life a process is dead, so that a round is short.
const LEASE: &str = "[limits]\nlease_ms = 2_000";

/// Where another process ends the turns, one that only has to wait for its turn must not lose them.
const LEASE_OF_TWO: &str = "[limits]\nlease_ms = 4_000";

/// A thread begins anew after so many turns, so that one page shows all of it.
const LONGEST: usize = 20;

on_both_stores! {
    a_server_that_is_killed_over_and_over_loses_nothing: killed_and_restarted;
}

async fn killed_and_restarted(store: Store) {
    let seed = Seed::new();
    let mut trial = Trial::new(store, LEASE, &seed).await;
    let mut server = trial.home.serve().await;
    let mut dead: Option<(Instant, Vec<Thread>)> = None;
    for _ in 0..seed::kills() {
        let crowd = trial.crowd(&server).await;
        // What the last kill has left is looked after while there is already more to do.
        if let Some((died, threads)) = dead.take() {
            trial.check(&server, Some(died), threads).await;
        }
        trial.a_while().await;
        let died = kill(server).await;
        dead = Some((died, crowd.gone().await));
        server = trial.home.serve().await;
    }
    let (died, threads) = dead.expect("there was a kill");
    trial.check(&server, Some(died), threads).await;
    trial.check_all(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_on_one_database_each_ends_what_the_other_left_when_it_was_killed() {
    let seed = Seed::new();
    let mut trial = Trial::new(Store::Postgres, LEASE_OF_TWO, &seed).await;
    let mut survivor = trial.home.serve().await;
    for _ in 0..seed::kills().div_ceil(2) {
        let victim = std::mem::replace(&mut survivor, trial.home.serve().await);
        let (at_one, at_other) = (trial.crowd(&victim).await, trial.crowd(&survivor).await);
        trial.a_while().await;
        let died = kill(victim).await;
        // Nobody starts it again: the other one has to see to it, which has its own work.
        let left = at_one.gone().await;
        trial.check(&survivor, Some(died), left).await;
        let undisturbed = at_other.stop().await;
        trial.check(&survivor, None, undisturbed).await;
    }
    trial.check_all(&survivor).await;
}

/// Returns the moment up to which it lived at least.
async fn kill(server: Server) -> Instant {
    let died = Instant::now();
    let output = server.kill().await;
    assert!(!output.contains("panicked"), "{output}");
    died
}

/// What is the same in every round.
struct Trial {
    speaker: Arc<Speaker>,
    home: Home,
    random: fastrand::Rng,
    names: Names,
    /// Threads that were checked and go on.
    going_on: Vec<Thread>,
    /// Threads that nobody touches any more, with their items.
    kept: Vec<(String, Vec<(String, String)>)>,
}

/// Names that are given once.
#[derive(Debug, Clone, Default)]
struct Names(Arc<AtomicUsize>);

impl Names {
    fn next(&self) -> String {
        format!("speech-{}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

impl Trial {
    async fn new(store: Store, limits: &str, seed: &Seed) -> Self {
        let speaker = Arc::new(Speaker::new().await);
        let home = Home::on(store, Config::scripted(&speaker.upstream).table(limits)).await;
        let (random, names) = (seed.random(), Names::default());
        Self { speaker, home, random, names, going_on: Vec::new(), kept: Vec::new() }
    }

    async fn a_while(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.random.u64(200..2_200))).await;
    }

    /// Lets clients talk to a server.
    async fn crowd(&mut self, server: &Server) -> Crowd {
        let client = self.home.client(server).await;
        let stopped = Arc::<AtomicBool>::default();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let person = Person {
                client: client.clone(),
                random: self.random.fork(),
                names: self.names.clone(),
                stopped: Arc::clone(&stopped),
            };
            clients.spawn(person.talk(self.going_on.pop()));
        }
        Crowd { clients, stopped }
    }

    /// Checks everything that was said and heard in threads.
    async fn check(&mut self, server: &Server, died: Option<Instant>, threads: Vec<Thread>) {
        let client = self.home.client(server).await;
        let auditor = Auditor { client, died, deadline: Instant::now() + RECOVERED };
        let mut checks = JoinSet::new();
        for mut thread in threads {
            let (auditor, speaker) = (auditor.clone(), Arc::clone(&self.speaker));
            let next = Speech::brief(self.names.next());
            checks.spawn(async move {
                auditor.check(&mut thread, &speaker, next).await;
                let items = match &thread.place {
                    Place::Conversation(id) => auditor.client.items(id).await,
                    Place::Chain(_) => Vec::new(),
                };
                (thread, items)
            });
        }
        while let Some(checked) = checks.join_next().await {
            let (thread, items) = checked.unwrap();
            if thread.turns.len() < LONGEST && self.random.bool() {
                self.going_on.push(thread);
            } else if let Place::Conversation(id) = thread.place {
                self.kept.push((id, items));
            }
        }
    }

    /// At the end: nothing is at work, also not what nobody has heard of, and no later kill has
    /// changed what was checked after an earlier one.
    async fn check_all(&self, server: &Server) {
        let data = self.home.data();
        let asked = Instant::now();
        while data.unended().await > 0 {
            assert!(asked.elapsed() < RECOVERED, "something never ends");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        data.assert_sound().await;
        let client = self.home.client(server).await;
        assert!(!self.kept.is_empty(), "nothing was tried");
        for (conversation, items) in &self.kept {
            assert_eq!(&client.items(conversation).await, items);
        }
    }
}

/// Clients at work.
struct Crowd {
    clients: JoinSet<Vec<Thread>>,
    stopped: Arc<AtomicBool>,
}

impl Crowd {
    /// What they had when their server died.
    async fn gone(self) -> Vec<Thread> {
        self.clients.join_all().await.into_iter().flatten().collect()
    }

    /// Lets each turn come to its end, and no other begin.
    async fn stop(self) -> Vec<Thread> {
        self.stopped.store(true, Ordering::Relaxed);
        self.gone().await
    }
}

/// A client that has always something to say.
struct Person {
    client: Client,
    random: fastrand::Rng,
    names: Names,
    stopped: Arc<AtomicBool>,
}

impl Person {
    /// Talks in one thread after the other, until the server dies or nobody shall talk any more.
    async fn talk(mut self, mut thread: Option<Thread>) -> Vec<Thread> {
        let mut threads = Vec::new();
        while !self.stopped.load(Ordering::Relaxed) {
            let goes_on = self.random.u8(..4) > 0;
            let mut current = match thread.take() {
                Some(thread) if goes_on && thread.turns.len() < LONGEST => thread,
                ended => {
                    threads.extend(ended);
                    let Some(place) = self.place().await else { break };
                    Thread::new(place)
                }
            };
            let speech = self.speech();
            let way = Way::ALL[self.random.usize(..Way::ALL.len())];
            let whole = current.ask(&self.client, speech, way).await;
            thread = Some(current);
            if !whole {
                break;
            }
        }
        threads.extend(thread);
        threads
    }

    /// `None` when the server is dead.
    async fn place(&mut self) -> Option<Place> {
        if self.random.u8(..4) == 0 {
            return Some(Place::Chain(None));
        }
        let mut created =
            self.client.attempt(&Request::post("/v1/conversations", json!({}))).await?;
        if !created.read_to_end().await {
            return None;
        }
        let conversation: Value = serde_json::from_slice(created.bytes()).unwrap();
        Some(Place::Conversation(conversation["id"].as_str().unwrap().to_owned()))
    }

    fn speech(&mut self) -> Speech {
        let words = self.random.usize(1..300);
        let pause = Duration::from_millis(self.random.u64(4..20));
        Speech { name: self.names.next(), words, pause }
    }
}
