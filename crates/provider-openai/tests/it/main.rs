//! The provider against a real socket that says and does what each test tells it to.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too"
)]

mod conformance;
mod faults;
mod rechunking;
mod requests;
mod responses;
mod secrets;
mod transcripts;

use std::time::Duration;

use futures::StreamExt as _;
use loquat_domain::{ItemContent, Message, Role, Settings};
use loquat_provider::{AnswerStream, ChatProvider as _, ChatRequest, ProviderError, ProviderEvent};
use loquat_provider_http::Limits;
use loquat_provider_openai::{OpenAiOptions, OpenAiProvider};
use loquat_testkit::{ScriptedUpstream, UpstreamScript};

/// An upstream that plays the scripts one after the other, and a provider that asks it.
async fn playing(
    scripts: impl IntoIterator<Item = UpstreamScript>,
) -> (ScriptedUpstream, OpenAiProvider) {
    let upstream = ScriptedUpstream::queue(scripts).await.expect("a free port");
    let provider = provider(options(&upstream));
    (upstream, provider)
}

/// Options whose pauses between attempts are short.
fn options(upstream: &ScriptedUpstream) -> OpenAiOptions {
    OpenAiOptions::new(upstream.base_url()).with_limits(limits())
}

fn limits() -> Limits {
    Limits::default().with_retry_delay(Duration::from_millis(2))
}

fn provider(options: OpenAiOptions) -> OpenAiProvider {
    OpenAiProvider::new(options).expect("valid options")
}

fn request() -> ChatRequest {
    let hello = ItemContent::Message(Message::text(Role::User, "hello"));
    ChatRequest::new("m", Settings::default(), vec![hello])
}

/// How an answer went: its events, and the error that ended it.
type Heard = (Vec<ProviderEvent>, Option<ProviderError>);

/// Asks and listens to the end.
async fn hear(provider: &OpenAiProvider) -> Heard {
    match provider.start(request()).await {
        Ok(answer) => listen(answer).await,
        Err(error) => (Vec::new(), Some(error)),
    }
}

async fn listen(mut answer: AnswerStream) -> Heard {
    let mut events = Vec::new();
    while let Some(event) = answer.next().await {
        match event {
            Ok(event) => events.push(event),
            Err(error) => {
                assert!(answer.next().await.is_none(), "something follows the error {error}");
                return (events, Some(error));
            }
        }
    }
    (events, None)
}

/// The text of the answer.
fn said(events: &[ProviderEvent]) -> String {
    let text = |event: &ProviderEvent| match event {
        ProviderEvent::Text(text) => Some(text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

fn is_finished(events: &[ProviderEvent]) -> bool {
    events.iter().any(|event| matches!(event, ProviderEvent::Finished(_)))
}
