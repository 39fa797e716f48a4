//! The provider against a real socket that says and does what each test tells it to.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod answers;
mod conformance;
mod conversations;
mod requests;
mod secrets;

use std::time::Duration;

use futures::StreamExt as _;
use loquat_domain::{
    FunctionCall, FunctionCallOutput, ItemContent, Message, Part, Reasoning, Role, Settings,
};
use loquat_provider::{ChatProvider as _, ChatRequest, ProviderError, ProviderEvent};
use loquat_provider_anthropic::{AnthropicOptions, AnthropicProvider};
use loquat_provider_http::Limits;
use loquat_testkit::{ScriptedUpstream, UpstreamRequest, UpstreamScript};
use serde_json::{Value, json};

fn options(upstream: &ScriptedUpstream) -> AnthropicOptions {
    let limits = Limits::default().with_retry_delay(Duration::from_millis(2));
    AnthropicOptions::new(upstream.base_url()).with_limits(limits)
}

fn provider(options: AnthropicOptions) -> AnthropicProvider {
    AnthropicProvider::new(options).expect("valid options")
}

/// A model that thinks by efforts and takes sampling.
fn request(settings: Settings, input: Vec<ItemContent>) -> ChatRequest {
    ChatRequest::new("claude-opus-4-6", settings, input)
}

fn hello() -> ChatRequest {
    request(Settings::default(), vec![user("hello")])
}

/// How an answer went: its events, and the error that ended it.
type Heard = (Vec<ProviderEvent>, Option<ProviderError>);

/// Asks and listens to the end.
async fn hear(provider: &AnthropicProvider, request: ChatRequest) -> Heard {
    let mut answer = match provider.start(request).await {
        Ok(answer) => answer,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut events = Vec::new();
    while let Some(event) = answer.next().await {
        match event {
            Ok(event) => events.push(event),
            Err(error) => return (events, Some(error)),
        }
    }
    (events, None)
}

/// Sends the request and returns what the endpoint saw.
async fn sent_with(
    request: ChatRequest,
    configure: impl FnOnce(AnthropicOptions) -> AnthropicOptions,
) -> UpstreamRequest {
    let script = UpstreamScript::sse().event(&json!({"type": "message_stop"}));
    let upstream = ScriptedUpstream::always(script).await.unwrap();
    let (_, error) = hear(&provider(configure(options(&upstream))), request).await;
    assert!(error.is_none(), "{error:?}");
    upstream.requests().remove(0)
}

async fn sent(request: ChatRequest) -> Value {
    sent_with(request, |options| options).await.json()
}

/// Adds an event under its own name, as the endpoint writes it.
trait Events {
    fn event(self, event: &Value) -> Self;
}

impl Events for UpstreamScript {
    fn event(self, event: &Value) -> Self {
        let name = event["type"].as_str().unwrap_or_default();
        self.body(format!("event: {name}\ndata: {event}\n\n"))
    }
}

fn said(role: Role, text: &str) -> ItemContent {
    ItemContent::Message(Message::text(role, text))
}

fn user(text: &str) -> ItemContent {
    said(Role::User, text)
}

fn assistant(text: &str) -> ItemContent {
    said(Role::Assistant, text)
}

fn parts(role: Role, parts: Vec<Part>) -> ItemContent {
    ItemContent::Message(Message { role, parts, phase: None })
}

fn call(call_id: &str, arguments: &str) -> ItemContent {
    let (call_id, arguments) = (call_id.to_owned(), arguments.to_owned());
    ItemContent::FunctionCall(FunctionCall { call_id, name: "f".to_owned(), arguments })
}

fn output(call_id: &str, output: &str) -> ItemContent {
    let (call_id, output) = (call_id.to_owned(), output.to_owned());
    ItemContent::FunctionCallOutput(FunctionCallOutput { call_id, output })
}

fn thought(text: &str, encrypted: Option<String>) -> ItemContent {
    ItemContent::Reasoning(Reasoning { text: text.to_owned(), encrypted, ..Reasoning::default() })
}
