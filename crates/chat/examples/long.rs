//! How long the start of a turn takes in a long conversation, with and without looking something up
//! in what has left the window. Prints a table for `docs/performance.md`.
//!
//! `cargo run --release -p loquat-chat --example long [-- 1000 10000 100000]`: on SQLite, and on a
//! Postgres of its own, which syncs as a production one does.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use loquat_chat::{
    ChatService, ContextWish, Limits, Model, ModelCatalog, NewConversation, Ports, Target,
    TurnRequest,
};
use loquat_context::{Estimate, Policy};
use loquat_domain::{
    ConversationId, ItemContent, Message, Metadata, Role, Scope, Settings, TenantId, Timestamp,
    UserId,
};
use loquat_provider::EchoProvider;
use loquat_store::{ContextStore, Store};
use loquat_store_postgres::{PostgresOptions, PostgresStore};
use loquat_store_sqlite::{SqliteOptions, SqliteStore};
use loquat_testkit::{ClusterOptions, PrivateCluster, dialogues::dialogue};

/// How often each start is measured.
const ROUNDS: usize = 200;

/// Items that are appended at a time while a conversation is filled.
const CHUNK: usize = 500;

type Failure = Box<dyn Error>;

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
#[tokio::main]
async fn main() -> Result<(), Failure> {
    let sizes: Vec<usize> =
        std::env::args().skip(1).map(|it| it.parse()).collect::<Result<_, _>>()?;
    let sizes = if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes };
    println!("| store | items | a greeting: p50, p99 | a question: p50, p99 | quoted |");
    println!("|---|---|---|---|---|");

    let folder = std::env::temp_dir().join(format!("loquat-long-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let sqlite = Arc::new(SqliteStore::open(&SqliteOptions::new(folder.join("chat.db")))?);
    for size in &sizes {
        println!("| SQLite {}", measure(service(&sqlite)?, sqlite.as_ref(), *size).await?);
    }
    drop(sqlite);
    std::fs::remove_dir_all(folder)?;

    let options = ClusterOptions::default()
        .with_setting("fsync", "on")
        .with_setting("full_page_writes", "on")
        .with_setting("shared_buffers", "128MB");
    let cluster = PrivateCluster::start(options).await;
    let database = cluster
        .create_database("long", |url| async move {
            let options = PostgresOptions::new(&url).map_err(|error| error.to_string())?;
            PostgresStore::migrate(&options).await.map_err(|error| error.to_string())
        })
        .await;
    let options = PostgresOptions::new(&database.app_url())?;
    let postgres = Arc::new(PostgresStore::connect(&options).await?);
    for size in &sizes {
        println!("| Postgres {}", measure(service(&postgres)?, postgres.as_ref(), *size).await?);
    }
    Ok(())
}

fn service<S: Store>(store: &Arc<S>) -> Result<ChatService, Failure> {
    let model = Model {
        id: "echo".to_owned(),
        owner: "me".to_owned(),
        upstream: "echo".to_owned(),
        provider: Arc::new(EchoProvider::default()),
        context_window: 32_768,
        max_output_tokens: 1_024,
        price: loquat_domain::Price::default(),
        tenants: None,
        counter: Arc::new(Estimate),
        policy: Policy::balanced(),
        created_at: Timestamp::from_micros(0),
    };
    let runtime = tokio::runtime::Handle::current();
    let ports = Ports::on(store, ModelCatalog::new(vec![model], "echo")?, &runtime);
    Ok(ChatService::new(ports, Limits::default(), runtime))
}

async fn measure(
    chat: ChatService,
    store: &dyn ContextStore,
    size: usize,
) -> Result<String, Failure> {
    let scope = Scope { tenant: TenantId::new("long")?, user: UserId::new("anna")? };
    let dialogue = dialogue(1, size);
    let made = chat.create_conversation(&scope, NewConversation::default()).await?;
    for said in dialogue.messages.chunks(CHUNK) {
        let items = said
            .iter()
            .map(|said| ItemContent::Message(Message::text(Role::User, said.text.as_str())));
        chat.append_items(&scope, made.id, items.collect(), None).await?;
    }
    // The first turn evicts, which queues the job that makes the index.
    start(&chat, &scope, made.id, "Hello!").await?;
    while !is_indexed(store, &scope, made.id).await? {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (mut greetings, mut questions, mut quoted) = (Vec::new(), Vec::new(), 0);
    for round in 0..ROUNDS {
        greetings.push(start(&chat, &scope, made.id, "Hello!").await?.0);
        let questions_asked = &dialogue.questions;
        let question = questions_asked.get(round % questions_asked.len().max(1));
        let text = question.map_or("Where did we meet the other day?", |it| it.text.as_str());
        let (time, found) = start(&chat, &scope, made.id, text).await?;
        questions.push(time);
        quoted += found;
    }
    let (greetings, questions) = (percentiles(greetings), percentiles(questions));
    Ok(format!("| {size} | {greetings} | {questions} | {} |", quoted / ROUNDS))
}

async fn is_indexed(
    store: &dyn ContextStore,
    scope: &Scope,
    id: ConversationId,
) -> Result<bool, Failure> {
    let backlog = store.backlog(scope, id).await?;
    let covered = backlog.covered.last().map_or(0, |range| range.end() + 1);
    Ok(backlog.anchor.is_some_and(|anchor| covered >= anchor))
}

/// How long the start of a turn takes, and how many messages were quoted in its prompt.
async fn start(
    chat: &ChatService,
    scope: &Scope,
    id: ConversationId,
    text: &str,
) -> Result<(Duration, usize), Failure> {
    let request = TurnRequest {
        model: None,
        target: Target::Conversation(id),
        input: vec![ItemContent::Message(Message::text(Role::User, text))],
        settings: Settings::default(),
        context: ContextWish::default(),
        metadata: Metadata::default(),
        store: true,
        background: false,
        once: None,
        token: None,
    };
    let begin = Instant::now();
    let mut turn = chat.start_turn(scope, request).await?;
    let time = begin.elapsed();
    let id = turn.response.id;
    while !turn.events.next_batch().await.is_empty() {}
    let stored = chat.response(scope, id).await?;
    let receipt: serde_json::Value = serde_json::from_str(stored.receipt.as_str())?;
    let quoted = receipt.get("recalled").and_then(|it| it.as_array()).map_or(0, Vec::len);
    Ok((time, quoted))
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: usize| {
        times.get((times.len() * share / 100).min(times.len() - 1)).copied().unwrap_or_default()
    };
    format!("{:.1}, {:.1} ms", at(50).as_secs_f64() * 1e3, at(99).as_secs_f64() * 1e3)
}
