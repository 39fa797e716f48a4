//! Turns of a conversation, by the chat service: what is stored between them is what is sent again.

use std::sync::Arc;

use loquat_chat::{
    ChatService, ContextWish, Limits, Model, ModelCatalog, Ports, SystemClock, Target, TurnRequest,
};
use loquat_context::{Estimate, Policy};
use loquat_domain::{
    ConversationId, EventKind, ItemContent, Message, Metadata, Price, Role, Scope, Settings,
    Status, TenantId, UserId,
};
use loquat_testkit::{MemoryStore, ScriptedUpstream, UpstreamScript};
use serde_json::{Value, json};

use super::{answer, begun, completed, message, responses, script, thoughts};
use crate::provider;

/// An answer with sealed thoughts, as the tests' own words have it.
fn thoughtful(number: usize) -> UpstreamScript {
    let (thinking, thought) = thoughts(0, &["hm ", "hm"], &format!("gAAA{number}:=="));
    let (saying, said) = message(1, &["an", "swer"]);
    let end = completed(&[thought, said]);
    script(begun().into_iter().chain(thinking).chain(saying).chain([end]))
}

/// A service whose only model is at this upstream.
fn service(upstream: &ScriptedUpstream) -> ChatService {
    let model = Model {
        id: "m".to_owned(),
        owner: "p".to_owned(),
        upstream: "m".to_owned(),
        provider: Arc::new(provider(responses(upstream))),
        context_window: 8_192,
        max_output_tokens: 256,
        price: Price::default(),
        tenants: None,
        counter: Arc::new(Estimate),
        policy: Policy::balanced(),
        created_at: loquat_chat::Clock::now(&SystemClock),
    };
    let runtime = tokio::runtime::Handle::current();
    let models = ModelCatalog::new(vec![model], "m").unwrap();
    let ports = Ports::on(&Arc::new(MemoryStore::default()), models, &runtime);
    ChatService::new(ports, Limits::default(), runtime)
}

/// Asks, waits for the end, and returns the conversation.
async fn ask(chat: &ChatService, target: Target, text: &str) -> ConversationId {
    let scope = Scope { tenant: TenantId::new("acme").unwrap(), user: UserId::new("ann").unwrap() };
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
    let mut turn = chat.start_turn(&scope, request).await.unwrap();
    loop {
        for event in turn.events.next_batch().await {
            if let EventKind::Ended(ended) = event.kind {
                assert_eq!(ended.response.status, Status::Completed);
                return ended.response.conversation.unwrap();
            }
        }
    }
}

fn said(role: &str, text: &str) -> Value {
    json!({"type": "message", "role": role, "content": text})
}

fn thought(number: usize) -> Value {
    json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm hm"}],
        "encrypted_content": format!("gAAA{number}:==")})
}

#[tokio::test]
async fn a_conversation_takes_its_sealed_thoughts_along_from_turn_to_turn() {
    let scripts = [thoughtful(1), thoughtful(2), answer(&["done"])];
    let upstream = ScriptedUpstream::queue(scripts).await.unwrap();
    let chat = service(&upstream);
    let conversation = ask(&chat, Target::NewConversation, "first").await;
    ask(&chat, Target::Conversation(conversation), "second").await;
    ask(&chat, Target::Conversation(conversation), "third").await;
    let input = upstream.requests()[2].json()["input"].take();
    let expected = json!([
        said("user", "first"),
        thought(1),
        said("assistant", "answer"),
        said("user", "second"),
        thought(2),
        said("assistant", "answer"),
        said("user", "third"),
    ]);
    assert_eq!(input, expected);
}
