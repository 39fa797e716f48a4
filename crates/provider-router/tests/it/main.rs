//! A model made of models, over providers whose every word the tests have written.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod fallback;
mod guard;
mod labelled;
mod properties;
mod replicas;
mod rules;
#[path = "../../labelled/set.rs"]
mod set;
mod staying;

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use loquat_domain::{
    ConversationId, ItemContent, Message, Micros, Price, Role, Scope, Settings, TenantId, UserId,
};
use loquat_provider::{
    Attempt, AttemptOutcome, ChatProvider as _, ChatRequest, ProviderError, ProviderEvent,
};
use loquat_provider_router::{
    Capabilities, GuardOptions, Replicas, RouteOptions, RoutedModel, Rule, Target, Upstream,
};
use loquat_testkit::{Script, ScriptedProvider, Step};
use uuid::Uuid;

fn upstream(provider: &ScriptedProvider, options: GuardOptions) -> Arc<Upstream> {
    Arc::new(Upstream::new("somebody", Arc::new(provider.clone()), options))
}

/// A model with everything, for everybody, at this provider.
fn target(model: &str, upstream: &Arc<Upstream>) -> Target {
    Target {
        model: model.to_owned(),
        upstream: Arc::clone(upstream),
        upstream_model: format!("{model}-upstream"),
        context_window: 128_000,
        max_output_tokens: 4_000,
        price: Price::default(),
        tenants: None,
        capabilities: Capabilities::default(),
    }
}

/// A model at a provider of its own, with the usual guard.
fn model(model: &str, provider: &ScriptedProvider) -> Target {
    target(model, &upstream(provider, GuardOptions::default()))
}

/// A price in currency units per million tokens: input, cached input, output.
fn price(input: u64, cached: u64, output: u64) -> Price {
    let units = |units: u64| Micros(units * 1_000_000);
    Price {
        input: units(input),
        cached: units(cached),
        cache_write: units(input),
        output: units(output),
        reasoning: units(output),
    }
}

fn chain<const N: usize>(targets: [Target; N]) -> Vec<Replicas> {
    targets.into_iter().map(|target| Replicas::from(Arc::new(target))).collect()
}

fn routed<const N: usize>(targets: [Target; N]) -> RoutedModel {
    RoutedModel::new(chain(targets), Vec::new(), RouteOptions::default()).unwrap()
}

fn ruled(route: Vec<Replicas>, rules: Vec<Rule>) -> RoutedModel {
    RoutedModel::new(route, rules, RouteOptions::default()).unwrap()
}

/// A provider that always answers "hello".
fn willing() -> ScriptedProvider {
    ScriptedProvider::answering(|_| Script::answer(["hello"]))
}

/// A provider that cannot be reached.
fn dead() -> ScriptedProvider {
    ScriptedProvider::answering(|_| Script::refusal(ProviderError::Unavailable(None)))
}

/// A provider that always refuses in this way.
fn refusing(error: impl Fn() -> ProviderError + Send + 'static) -> ScriptedProvider {
    ScriptedProvider::answering(move |_| Script::refusal(error()))
}

/// A provider that accepts and then says nothing.
fn silent() -> ScriptedProvider {
    ScriptedProvider::answering(|_| Script::new([Step::Accept, Step::StallForever]))
}

fn request(text: &str) -> ChatRequest {
    let input = vec![ItemContent::Message(Message::text(Role::User, text))];
    let settings = Settings { max_output_tokens: Some(1_000), ..Settings::default() };
    ChatRequest::new("asked", settings, input)
}

fn conversation(number: u128) -> ConversationId {
    ConversationId::from_uuid(Uuid::from_u128(number))
}

/// A request of a conversation.
fn of(number: u128, text: &str) -> ChatRequest {
    let mut request = request(text);
    request.about.conversation = Some(conversation(number));
    request
}

fn on_behalf_of(tenant: &str) -> ChatRequest {
    let mut request = request("hello");
    let scope = Scope { tenant: tenant_id(tenant), user: UserId::new("ada").unwrap() };
    request.about.scope = Some(scope);
    request
}

fn tenant_id(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

/// The answer's text, and how it ended.
async fn answer(model: &RoutedModel, request: ChatRequest) -> (String, Result<(), ProviderError>) {
    let mut text = String::new();
    let mut stream = match model.start(request).await {
        Ok(stream) => stream,
        Err(error) => return (text, Err(error)),
    };
    while let Some(event) = stream.next().await {
        match event {
            Ok(ProviderEvent::Text(piece)) => text.push_str(&piece),
            Ok(_) => {}
            Err(error) => return (text, Err(error)),
        }
    }
    (text, Ok(()))
}

/// Who was asked and how that came out, as the request's trail tells it.
fn told(request: &ChatRequest) -> Vec<(String, AttemptOutcome)> {
    let attempts = request.trail.attempts().into_iter();
    attempts.map(|Attempt { model, outcome, .. }| (model, outcome)).collect()
}

/// Lets everything that can go on go on.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
