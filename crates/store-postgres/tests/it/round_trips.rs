//! What a turn costs on the wire, counted there.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use loquat_domain::{ConversationId, ItemId, Meter};
use loquat_store::{
    AllowanceKey, Exchange, FinishTurn, HistoryStart, LimitStore as _, Reach, TurnStore as _,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    database::{database, options},
    notebook::{HOUR, Notebook, at_leaf, take},
};

/// Stands between a client and the server, and counts how often the server says that it is ready:
/// once for each round trip, and once when a connection is made.
struct Wire {
    port: u16,
    answers: Arc<AtomicU64>,
}

impl Wire {
    #[expect(clippy::disallowed_methods, reason = "the runtime is the test's own")]
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let wire = Self { port: listener.local_addr().unwrap().port(), answers: Arc::default() };
        let answers = Arc::clone(&wire.answers);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(
                    async move { tokio::io::copy(&mut from_client, &mut to_server).await },
                );
                let answers = Arc::clone(&answers);
                tokio::spawn(async move {
                    // A message is its kind and its length, which counts itself, and so many bytes.
                    while let Ok(kind) = from_server.read_u8().await {
                        let length = from_server.read_u32().await.unwrap();
                        let mut body = vec![0; usize::try_from(length).unwrap() - 4];
                        from_server.read_exact(&mut body).await.unwrap();
                        if kind == b'Z' {
                            answers.fetch_add(1, Ordering::SeqCst);
                        }
                        let head = [&[kind][..], &length.to_be_bytes()].concat();
                        if to_client.write_all(&[head, body].concat()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        wire
    }

    fn count(&self) -> u64 {
        self.answers.load(Ordering::SeqCst)
    }
}

/// A store with one connection, which goes through a wire that counts.
async fn tapped() -> (Notebook, Wire, loquat_testkit::TestDatabase) {
    let database = database().await;
    let url: tokio_postgres::Config = database.app_url().parse().unwrap();
    let port = url.get_ports()[0];
    let wire = Wire::to(port).await;
    let url = database.app_url().replace(&format!(":{port}"), &format!(":{}", wire.port));
    let url = format!("{url}?sslmode=disable");
    let options = options(&url).with_pool_size(std::num::NonZeroUsize::MIN);
    (Notebook::connect(&options).await, wire, database)
}

async fn start(
    notebook: &Notebook,
    id: ConversationId,
) -> (loquat_domain::Response, Option<ItemId>) {
    let from = HistoryStart::Conversation(id);
    let history = notebook.store.history(&notebook.scope, from, Reach::tokens(100)).await.unwrap();
    let leaf = history.head.leaf;
    (notebook.begin(at_leaf(id, leaf), "question").await.unwrap(), leaf)
}

#[tokio::test]
async fn a_turn_starts_in_two_round_trips_and_ends_in_one() {
    let (notebook, wire, _database) = tapped().await;
    let id = notebook.conversation_of(notebook.items(&["a"])).await;
    // Each function is prepared the first time that a connection calls it.
    let (warm, _) = start(&notebook, id).await;
    notebook.store.checkpoint(vec![notebook.sign(warm.id, 0)], HOUR).await.unwrap();
    notebook.finish(warm, "answer").await.unwrap();

    let (begun, transactions) = (wire.count(), notebook.store.transactions());
    let (response, _) = start(&notebook, id).await;
    // The issue allows three.
    assert_eq!(wire.count() - begun, 2);
    let signs = vec![notebook.sign(response.id, 0)];
    notebook.store.checkpoint(signs, HOUR).await.unwrap();
    assert_eq!(wire.count() - begun, 3);
    // With what its calls cost.
    let charges = vec![notebook.charge(Some(response.id)), notebook.charge(None)];
    let end = FinishTurn { charges, ..notebook.end(response, "answer") };
    notebook.store.finish_turn(&notebook.scope, end).await.unwrap();
    assert_eq!(wire.count() - begun, 4);
    assert_eq!(notebook.store.transactions() - transactions, 4);
}

#[tokio::test]
async fn a_window_its_segments_and_a_summary_come_in_one_round_trip() {
    let (notebook, wire, _database) = tapped().await;
    let id = notebook.conversation_of(notebook.items(&["a", "b"])).await;
    notebook.shorten(id).await;
    let reach = Reach { tokens: u64::MAX, anchored: true, segments: true };
    let read = async || {
        let start = HistoryStart::Conversation(id);
        notebook.store.history(&notebook.scope, start, reach).await.unwrap()
    };
    read().await;
    let begun = wire.count();
    let history = read().await;
    assert_eq!(wire.count() - begun, 1);
    assert_eq!((history.items.len(), history.segments.len()), (3, 1));
    assert!(history.context.is_some_and(|context| context.summary.is_some()));
}

#[tokio::test]
async fn one_round_trip_serves_the_checkpoints_of_many_turns_of_many_tenants() {
    let (notebook, wire, _database) = tapped().await;
    let mut signs = Vec::new();
    for n in 0..50 {
        let person = notebook.of(&format!("tenant{}", n % 7), &format!("user{n}"));
        let id = person.conversation_of(Vec::new()).await;
        let response = person.begin(at_leaf(id, None), "question").await.unwrap();
        signs.push(person.sign(response.id, 0));
    }
    notebook.store.checkpoint(signs.clone(), HOUR).await.unwrap();
    let before = wire.count();
    let interrupted = notebook.store.checkpoint(signs, HOUR).await.unwrap();
    assert_eq!((wire.count() - before, interrupted.len()), (1, 0));
}

#[tokio::test]
async fn one_round_trip_serves_the_exchanges_of_many_counts_of_many_tenants() {
    let (notebook, wire, _database) = tapped().await;
    let counts = (0..50).map(|n| {
        let person = notebook.of(&format!("tenant{}", n % 7), "ada");
        let model = Some(format!("model{n}"));
        take(AllowanceKey { model, ..person.count(Meter::ALL[n % 4]) }, 10, 1)
    });
    let counts: Vec<Exchange> = counts.collect();
    let holder = uuid::Uuid::from_u128(1);
    for times in 1..4 {
        let before = wire.count();
        let exchanged = notebook.store.exchange(holder, HOUR, counts.clone()).await.unwrap();
        assert_eq!(exchanged.len(), 50);
        // The first time, the function is prepared.
        assert_eq!(wire.count() - before == 1, times > 1);
    }
}
