//! Asking and listening.

use std::time::Duration;

use futures::StreamExt as _;
use loquat_domain::{ItemContent, Message, Role, Settings, Usage};
use loquat_provider::{
    AnswerStream, ChatProvider, ChatRequest, FinishReason, ProviderError, ProviderEvent,
};

use super::{Dialect, Endpoint, Inexpressible, Patience, Say, UpstreamFault};
use crate::{ScriptedUpstream, UpstreamScript, UpstreamStep};

/// Longer than anything on loopback takes; a test that waits this long has failed.
pub(super) const SOON: Duration = Duration::from_secs(5);

/// A time limit that passes quickly.
pub(super) const SHORT: Duration = Duration::from_millis(60);

/// The key that every provider under test has.
pub(super) const KEY: &str = "sk-canary-5f1c-conformance";

/// What is asked.
pub(super) const QUESTION: &str = "a question that nobody repeats";

/// How an answer went: its events, and the error that ended it.
pub(super) type Heard = (Vec<ProviderEvent>, Option<ProviderError>);

/// A provider under test and its endpoint.
pub(super) struct Stage {
    pub(super) upstream: ScriptedUpstream,
    pub(super) provider: Box<dyn ChatProvider>,
}

impl Stage {
    pub(super) async fn hear(&self) -> Heard {
        hear(&*self.provider, request()).await
    }

    /// How often it was asked.
    pub(super) fn asked(&self) -> usize {
        self.upstream.requests().len()
    }
}

/// An endpoint that plays the scripts one after the other, and who asks it.
pub(super) async fn playing(
    dialect: &dyn Dialect,
    scripts: impl IntoIterator<Item = UpstreamScript>,
) -> Stage {
    playing_for(dialect, Patience::default(), scripts).await
}

pub(super) async fn playing_for(
    dialect: &dyn Dialect,
    patience: Patience,
    scripts: impl IntoIterator<Item = UpstreamScript>,
) -> Stage {
    let upstream = ScriptedUpstream::queue(scripts).await.expect("a free port");
    let provider = provider(dialect, &upstream, patience);
    Stage { upstream, provider }
}

/// An endpoint that always plays the same script, and who asks it.
pub(super) async fn always(
    dialect: &dyn Dialect,
    patience: Patience,
    script: UpstreamScript,
) -> Stage {
    let upstream = ScriptedUpstream::always(script).await.expect("a free port");
    let provider = provider(dialect, &upstream, patience);
    Stage { upstream, provider }
}

fn provider(
    dialect: &dyn Dialect,
    upstream: &ScriptedUpstream,
    patience: Patience,
) -> Box<dyn ChatProvider> {
    dialect.provider(&endpoint(upstream.base_url(), patience))
}

pub(super) fn endpoint(base_url: String, patience: Patience) -> Endpoint {
    Endpoint { base_url, key: KEY.to_owned(), patience }
}

/// What the endpoint writes to say this, a write for each step; the head comes first.
pub(super) fn script(dialect: &dyn Dialect, says: &[Say]) -> Result<UpstreamScript, Inexpressible> {
    Ok(written(dialect, says)?.into_iter().fold(UpstreamScript::sse(), UpstreamScript::body))
}

/// The bytes of each step.
pub(super) fn written(dialect: &dyn Dialect, says: &[Say]) -> Result<Vec<Vec<u8>>, Inexpressible> {
    let mut pen = dialect.pen();
    says.iter().map(|say| pen.write(say).ok_or(Inexpressible)).collect()
}

/// A whole answer of these pieces of text, as it should be.
pub(super) fn answer(
    dialect: &dyn Dialect,
    pieces: &[&str],
) -> Result<UpstreamScript, Inexpressible> {
    script(dialect, &answer_of(pieces))
}

pub(super) fn answer_of(pieces: &[&str]) -> Vec<Say> {
    let mut says = vec![Say::Begin(None)];
    says.extend(pieces.iter().map(|piece| Say::text(piece)));
    says.push(Say::Finish(FinishReason::Stop, Some(USAGE)));
    says.push(Say::Done);
    says
}

/// The beginning of an answer: these pieces of text.
pub(super) fn beginning(
    dialect: &dyn Dialect,
    pieces: &[&str],
) -> Result<UpstreamScript, Inexpressible> {
    let mut says = vec![Say::Begin(None)];
    says.extend(pieces.iter().map(|piece| Say::text(piece)));
    script(dialect, &says)
}

pub(super) const USAGE: Usage = Usage {
    input_tokens: 10,
    cached_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: 2,
    reasoning_tokens: 0,
    estimated: false,
};

/// An error with this status.
pub(super) fn status(dialect: &dyn Dialect, status: u16) -> UpstreamScript {
    let words = "words that nobody passes on";
    UpstreamScript::json(status, &dialect.error_document(UpstreamFault::Other, words))
}

pub(super) fn request() -> ChatRequest {
    let question = ItemContent::Message(Message::text(Role::User, QUESTION));
    let settings = Settings { max_output_tokens: Some(64), ..Settings::default() };
    ChatRequest::new("some-model", settings, vec![question])
}

/// Asks, and waits until the answer is accepted.
pub(super) async fn start(provider: &dyn ChatProvider) -> AnswerStream {
    let answer = tokio::time::timeout(SOON, provider.start(request())).await;
    answer.expect("it is not accepted").unwrap()
}

/// Asks and listens to the end, and holds the provider to the order that the port promises.
pub(super) async fn hear(provider: &dyn ChatProvider, request: ChatRequest) -> Heard {
    match provider.start(request).await {
        Ok(answer) => listen(answer).await,
        Err(error) => (Vec::new(), Some(error)),
    }
}

pub(super) async fn listen(mut answer: AnswerStream) -> Heard {
    let mut heard = (Vec::new(), None);
    let listening = async {
        while let Some(event) = answer.next().await {
            match event {
                Ok(event) => heard.0.push(event),
                Err(error) => {
                    assert!(answer.next().await.is_none(), "something follows the error {error}");
                    heard.1 = Some(error);
                    break;
                }
            }
        }
    };
    let is_over = tokio::time::timeout(SOON * 4, listening).await;
    assert!(is_over.is_ok(), "the answer does not end after {:?}", heard.0.last());
    assert_orderly(&heard.0);
    heard
}

/// The next event of an answer that goes on.
pub(super) async fn next(answer: &mut AnswerStream) -> ProviderEvent {
    let event = tokio::time::timeout(SOON, answer.next()).await.expect("nothing comes");
    event.expect("the answer ends").unwrap()
}

/// What holds for every answer: no empty piece; arguments after their call's name; the reason to
/// stop once and after all content; usage once and after it.
fn assert_orderly(events: &[ProviderEvent]) {
    let mut calls = Vec::new();
    let (mut is_finished, mut is_billed) = (false, false);
    for event in events {
        let piece = match event {
            ProviderEvent::Text(piece)
            | ProviderEvent::Refusal(piece)
            | ProviderEvent::Reasoning(piece)
            | ProviderEvent::ReasoningSealed(piece)
            | ProviderEvent::ReasoningSummary { delta: piece, .. }
            | ProviderEvent::ToolCallArguments { delta: piece, .. } => piece,
            ProviderEvent::ToolCallStarted { index, call_id, name } => {
                assert!(!calls.contains(index), "call {index} begins twice");
                assert!(!call_id.is_empty(), "a call without an id");
                calls.push(*index);
                name
            }
            ProviderEvent::Finished(_) => {
                assert!(!is_finished, "two reasons to stop: {events:?}");
                is_finished = true;
                continue;
            }
            ProviderEvent::Usage(_) => {
                assert!(is_finished && !is_billed, "usage out of its place: {events:?}");
                is_billed = true;
                continue;
            }
        };
        assert!(!piece.is_empty(), "an empty piece: {events:?}");
        assert!(!is_finished, "something follows the reason to stop: {events:?}");
        if let ProviderEvent::ToolCallArguments { index, .. } = event {
            assert!(calls.contains(index), "arguments of nothing: {events:?}");
        }
    }
}

/// The text of the answer.
pub(super) fn said(events: &[ProviderEvent]) -> String {
    let text = |event: &ProviderEvent| match event {
        ProviderEvent::Text(text) => Some(text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

/// Events with neighbouring pieces of one text joined: how text is cut into pieces is the
/// provider's affair.
pub(super) fn joined(events: &[ProviderEvent]) -> Vec<ProviderEvent> {
    let mut joined: Vec<ProviderEvent> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (Some(ProviderEvent::Text(text)), ProviderEvent::Text(more))
            | (Some(ProviderEvent::Refusal(text)), ProviderEvent::Refusal(more))
            | (Some(ProviderEvent::Reasoning(text)), ProviderEvent::Reasoning(more)) => {
                text.push_str(more);
            }
            (
                Some(ProviderEvent::ToolCallArguments { index, delta }),
                ProviderEvent::ToolCallArguments { index: same, delta: more },
            ) if index == same => delta.push_str(more),
            (
                Some(ProviderEvent::ReasoningSummary { part, delta }),
                ProviderEvent::ReasoningSummary { part: same, delta: more },
            ) if part == same => delta.push_str(more),
            _ => joined.push(event.clone()),
        }
    }
    joined
}

pub(super) fn is_finished(events: &[ProviderEvent]) -> bool {
    events.iter().any(|event| matches!(event, ProviderEvent::Finished(_)))
}

pub(super) fn usage_of(events: &[ProviderEvent]) -> Option<Usage> {
    events.iter().find_map(|event| match event {
        ProviderEvent::Usage(usage) => Some(*usage),
        _ => None,
    })
}

/// Asserts that the answer ended without an error.
pub(super) fn whole((events, error): Heard) -> Vec<ProviderEvent> {
    assert!(error.is_none(), "{error:?} after {events:?}");
    events
}

/// The script with other bytes for its body.
pub(super) fn map_body(script: &UpstreamScript, map: impl Fn(&[u8]) -> Vec<u8>) -> UpstreamScript {
    UpstreamScript::new(script.steps().iter().map(|step| match step {
        UpstreamStep::Body(bytes) => UpstreamStep::Body(map(bytes).into()),
        step => step.clone(),
    }))
}
