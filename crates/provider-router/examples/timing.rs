//! How long a decision takes: `cargo run --release -p loquat-provider-router --example timing`.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

#[path = "../labelled/set.rs"]
#[expect(dead_code, reason = "only the texts are scored here")]
mod set;

use std::{hint::black_box, sync::Arc, time::Instant};

use futures::StreamExt as _;
use loquat_domain::{
    ConversationId, ItemContent, Message, Micros, Price, Role, Scope, Settings, TenantId, UserId,
};
use loquat_provider::{ChatProvider, ChatRequest, EchoProvider};
use loquat_provider_router::{
    Capabilities, Complexity, Conditions, GuardOptions, Replicas, RouteOptions, RoutedModel, Rule,
    Target, Upstream,
};
use uuid::Uuid;

const ROUNDS: usize = 20_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let model = model(100)?;
    println!("what                                                   p50 µs   p99 µs");
    let hard = "Compare the trade-offs of two-phase commit and sagas for an order service, and say \
                which failures each of them survives.";
    time("100 rules, none matches, a question of 120 letters", || model.choose(&request(1, hard)));
    let long = "What is meant by this paragraph? ".repeat(60);
    time("100 rules, none matches, a message of 2 KB", || model.choose(&request(1, &long)));
    let request = deep();
    time("100 rules, none matches, the last of 200 messages", || model.choose(&request));
    let set = [set::TUNING, set::HELD_OUT, set::CONTRARY, set::FRESH];
    let requests: Vec<_> = set.into_iter().flat_map(set::prompts).map(|it| it.request()).collect();
    let mut next = requests.iter().cycle();
    time("the score alone, over the labelled prompts", || next.next().map(Complexity::of));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let echo = EchoProvider::default();
    let answer = |provider: &dyn ChatProvider| runtime.block_on(answered(provider));
    time("an answer of ten words by the echo itself", || answer(&echo));
    let only = RoutedModel::only(Arc::new(target("only")));
    time("the same by a model that asks the echo only", || answer(&only));
    let two = RoutedModel::new(vec![pair("usual")], Vec::new(), RouteOptions::default())?;
    time("the same by a model of two replicas", || answer(&two));
    let huge = self::request(1, &"word ".repeat(200_000));
    time("the score alone, a message of 1 MB", || Complexity::of(&huge));
    Ok(())
}

/// How many events an answer has.
async fn answered(provider: &dyn ChatProvider) -> Option<usize> {
    let words = "one two three four five six seven eight nine ten";
    Some(provider.start(request(1, words)).await.ok()?.count().await)
}

/// Prints how long a call takes. The time to make its request is part of it.
fn time<T>(what: &str, mut call: impl FnMut() -> T) {
    for _ in 0..ROUNDS / 10 {
        black_box(call());
    }
    let mut nanos: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            black_box(call());
            started.elapsed().as_nanos()
        })
        .collect();
    nanos.sort_unstable();
    let at = |share: usize| nanos.get(ROUNDS * share / 100).copied().unwrap_or_default();
    let micros = |nanos: u128| format!("{}.{}", nanos / 1_000, nanos % 1_000 / 100);
    println!("{what:<54} {:>7} {:>8}", micros(at(50)), micros(at(99)));
}

/// A model whose rules all have to be looked at, each for another reason.
fn model(rules: u32) -> Result<RoutedModel, Failure> {
    let rules = (0..rules).map(rule).collect::<Result<Vec<_>, Failure>>()?;
    Ok(RoutedModel::new(vec![pair("usual")], rules, RouteOptions::default())?)
}

fn rule(number: u32) -> Result<Rule, Failure> {
    let when = match number % 5 {
        0 => Conditions { input_tokens_at_least: Some(1_000_000), ..Conditions::default() },
        1 => Conditions { images: Some(true), tools: Some(false), ..Conditions::default() },
        2 => Conditions {
            metadata: vec![format!("team={number}").parse()?],
            ..Conditions::default()
        },
        3 => Conditions {
            tenants: (0..10)
                .map(|other| TenantId::new(&format!("tenant-{number}-{other}")))
                .collect::<Result<_, _>>()?,
            ..Conditions::default()
        },
        _ => Conditions {
            complexity_at_least: Some(100),
            tools: Some(true),
            complexity_at_most: Some(100),
            ..Conditions::default()
        },
    };
    // One that asks for the complexity of everything.
    let when = if number == 50 {
        Conditions { complexity_at_least: Some(100), ..Conditions::default() }
    } else {
        when
    };
    Ok(Rule { name: format!("rule-{number}"), when, route: vec![pair("special")] })
}

fn pair(name: &str) -> Replicas {
    let replica = |at: &str, weight| (Arc::new(target(&format!("{name}-{at}"))), weight);
    Replicas::weighted(vec![replica("eu", 2), replica("us", 1)])
}

fn target(model: &str) -> Target {
    let echo = Arc::new(EchoProvider::default());
    let price = Micros(1_000_000);
    Target {
        model: model.to_owned(),
        upstream: Arc::new(Upstream::new("echo", echo, GuardOptions::default())),
        upstream_model: model.to_owned(),
        context_window: 128_000,
        max_output_tokens: 4_000,
        price: Price { input: price, output: price, ..Price::default() },
        tenants: None,
        capabilities: Capabilities::default(),
    }
}

fn request(messages: usize, text: &str) -> ChatRequest {
    let input =
        (0..messages).map(|_| ItemContent::Message(Message::text(Role::User, text))).collect();
    let mut request = ChatRequest::new("auto", Settings::default(), input);
    request.about.input_tokens = 2_000;
    request.about.conversation = Some(ConversationId::from_uuid(Uuid::from_u128(42)));
    request.about.scope = TenantId::new("acme")
        .and_then(|tenant| Ok(Scope { tenant, user: UserId::new("ada")? }))
        .ok();
    request
}

fn deep() -> ChatRequest {
    request(200, "And what would change if the second replica were a day behind the first?")
}
