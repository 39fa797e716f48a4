//! Loquat without HTTP: a program that keeps its conversations in a SQLite file and answers with a
//! model of its own.
//!
//! `cargo run -p loquat-chat --example own_provider` prints two answers of a model that counts how
//! often it was asked; that it can count is Loquat's doing, for the model remembers nothing.

use std::{error::Error, io::Write as _, sync::Arc};

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use loquat_chat::{
    ChatService, Clock as _, ContextWish, Limits, Model, ModelCatalog, Ports, SystemClock, Target,
    TurnRequest,
};
use loquat_context::{Estimate, Policy};
use loquat_domain::{
    ConversationId, EventKind, ItemContent, Message, Metadata, Role, Scope, Settings, TenantId,
    UserId,
};
use loquat_provider::{
    AnswerStream, ChatProvider, ChatRequest, FinishReason, ProviderError, ProviderEvent,
};
use loquat_store_sqlite::{SqliteOptions, SqliteStore};

/// A model of one's own: it is handed all that it shall see, and streams its answer.
struct Counting;

#[async_trait]
impl ChatProvider for Counting {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let asked = request.input.iter().filter(|it| it.role() == Some(Role::User)).count();
        let answer = [
            ProviderEvent::Text("You have asked me ".to_owned()),
            ProviderEvent::Text(format!("{asked} times.")),
            ProviderEvent::Finished(FinishReason::Stop),
        ];
        Ok(stream::iter(answer.map(Ok)).boxed())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("loquat-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let store = Arc::new(SqliteStore::open(&SqliteOptions::new(folder.join("chat.db")))?);
    let model = Model {
        id: "counting".to_owned(),
        owner: "me".to_owned(),
        upstream: "counting".to_owned(),
        provider: Arc::new(Counting),
        context_window: 8_192,
        max_output_tokens: 256,
        price: loquat_domain::Price::default(),
        tenants: None,
        counter: Arc::new(Estimate),
        policy: Policy::balanced(),
        created_at: SystemClock.now(),
    };
    let runtime = tokio::runtime::Handle::current();
    let ports = Ports::on(&store, ModelCatalog::new(vec![model], "counting")?, &runtime);
    let chat = ChatService::new(ports, Limits::default(), runtime);

    let scope = Scope { tenant: TenantId::new("home")?, user: UserId::new("me")? };
    let conversation = ask(&chat, &scope, Target::NewConversation, "Hello?").await?;
    ask(&chat, &scope, Target::Conversation(conversation), "And now?").await?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// Asks, prints the answer piece by piece, and returns the conversation that it belongs to.
async fn ask(
    chat: &ChatService,
    scope: &Scope,
    target: Target,
    text: &str,
) -> Result<ConversationId, Box<dyn Error>> {
    let request = TurnRequest {
        model: None,
        target,
        input: vec![ItemContent::Message(Message::text(Role::User, text))],
        settings: Settings::default(),
        context: ContextWish::default(),
        metadata: Metadata::default(),
        store: true,
        background: false,
        once: None,
        token: None,
    };
    let mut turn = chat.start_turn(scope, request).await?;
    let mut out = std::io::stdout();
    loop {
        for event in turn.events.next_batch().await {
            match event.kind {
                EventKind::Delta { text, .. } => write!(out, "{text}")?,
                EventKind::Ended(ended) => {
                    writeln!(out)?;
                    return ended.response.conversation.ok_or_else(|| "not listed".into());
                }
                _ => {}
            }
        }
    }
}
