//! A good provider of the Chat Completions wire, with one fault.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures::{StreamExt as _, future, stream};
use loquat_provider::{
    AnswerStream, ChatProvider, ChatRequest, FinishReason, ProviderError, ProviderEvent, Trail,
};
use loquat_provider_http::Limits;
use loquat_provider_openai::{Auth, OpenAiOptions, OpenAiProvider};
use loquat_testkit::provider_conformance::{
    ChatCompletionsPen, Dialect, Endpoint, Pen, UpstreamFault,
};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::Fault;

/// Makes providers with this fault.
pub(super) struct Faulty(pub(super) Fault);

impl Dialect for Faulty {
    fn provider(&self, endpoint: &Endpoint) -> Box<dyn ChatProvider> {
        let patience = endpoint.patience;
        let tries_itself = !matches!(self.0, Fault::NeverTriesAgain | Fault::TriesEverythingAgain);
        let limits = Limits::default()
            .with_connect_timeout(patience.connect)
            .with_first_token_timeout(patience.first_token)
            .with_idle_timeout(patience.idle)
            .with_retries(if tries_itself { patience.retries } else { 0 })
            .with_retry_delay(patience.retry_delay);
        let auth = match self.0 {
            Fault::SendsNoKey => Auth::None,
            _ => Auth::Bearer(endpoint.key.clone().into()),
        };
        let options = OpenAiOptions::new(&endpoint.base_url).with_auth(auth).with_limits(limits);
        let good = Arc::new(OpenAiProvider::new(options).expect("valid options"));
        Box::new(Broken { good, fault: self.0, turn: Arc::default() })
    }

    fn pen(&self) -> Box<dyn Pen> {
        Box::new(ChatCompletionsPen)
    }

    fn error_document(&self, fault: UpstreamFault, words: &str) -> Value {
        ChatCompletionsPen::error_document(fault, words)
    }
}

struct Broken {
    good: Arc<OpenAiProvider>,
    fault: Fault,
    turn: Arc<Mutex<()>>,
}

type Event = Result<ProviderEvent, ProviderError>;

#[async_trait]
impl ChatProvider for Broken {
    async fn start(&self, mut request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        match self.fault {
            Fault::AsksSomethingElse => request.input.clear(),
            Fault::ForgetsTheTrail => request.trail = Trail::default(),
            _ => {}
        }
        let started = Instant::now();
        let answer = match self.fault {
            Fault::TriesEverythingAgain => self.try_everything_again(request).await,
            Fault::IsDetached => self.detach(request).await,
            Fault::TriesAgainInTheMiddle => {
                let answer = self.good.start(request.clone()).await?;
                Ok(try_again_in_the_middle(answer, Arc::clone(&self.good), request))
            }
            Fault::OneAtATime => {
                let turn = Arc::clone(&self.turn).lock_owned().await;
                let answer = self.good.start(request).await?;
                Ok(answer.map(move |event| (event, &turn).0).boxed())
            }
            Fault::Buffers => {
                let answer = self.good.start(request).await?;
                Ok(stream::iter(answer.collect::<Vec<_>>().await).boxed())
            }
            _ => self.good.start(request).await,
        };
        match answer {
            Ok(answer) => Ok(self.spoil(answer, started)),
            Err(_) if self.fault == Fault::ConfusesErrors => Err(ProviderError::Failed),
            Err(error) => Err(error),
        }
    }
}

impl Broken {
    async fn try_everything_again(
        &self,
        request: ChatRequest,
    ) -> Result<AnswerStream, ProviderError> {
        let mut error = ProviderError::Failed;
        for _ in 0..5 {
            match self.good.start(request.clone()).await {
                Ok(mut answer) => match answer.next().await {
                    Some(Err(failed)) => error = failed,
                    first => return Ok(stream::iter(first).chain(answer).boxed()),
                },
                Err(failed) => error = failed,
            }
        }
        Err(error)
    }

    #[expect(clippy::disallowed_methods, reason = "that is what is wrong with it")]
    async fn detach(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let good = Arc::clone(&self.good);
        let (accept, accepted) = oneshot::channel();
        let (tell, told) = mpsc::channel(1 << 16);
        tokio::spawn(async move {
            match good.start(request).await {
                Ok(mut answer) => {
                    let _ = accept.send(Ok(()));
                    while let Some(event) = answer.next().await {
                        let _ = tell.send(event).await;
                    }
                }
                Err(error) => drop(accept.send(Err(error))),
            }
        });
        accepted.await.expect("the task lives")?;
        let events = stream::unfold(told, async |mut told| Some((told.recv().await?, told)));
        Ok(events.boxed())
    }

    /// What the fault makes of the events.
    fn spoil(&self, answer: AnswerStream, started: Instant) -> AnswerStream {
        use ProviderEvent as E;
        let fault = self.fault;
        match fault {
            Fault::TellsNoUsage => {
                answer.filter(|it| future::ready(!matches!(it, Ok(E::Usage(_))))).boxed()
            }
            Fault::LosesArguments => answer
                .filter(|event| {
                    let is_last = matches!(event, Ok(E::ToolCallArguments { delta, .. })
                        if delta.ends_with('}'));
                    future::ready(!is_last)
                })
                .boxed(),
            Fault::RefusesEmptyAnswers => {
                let mut is_empty = true;
                let refuse = move |event: Event| {
                    let is_over = matches!(event, Ok(E::Finished(_)));
                    let event =
                        if is_over && is_empty { Err(ProviderError::Failed) } else { event };
                    is_empty = false;
                    event
                };
                until_an_error(answer.map(refuse).boxed())
            }
            Fault::InventsTheEnd => {
                let mut is_finished = false;
                let good = answer.filter_map(move |event| {
                    is_finished |= matches!(event, Ok(E::Finished(_)));
                    future::ready(event.ok().map(|event| (event, is_finished)))
                });
                invent_the_end(good.boxed())
            }
            Fault::SwallowsErrors => {
                answer.take_while(|event| future::ready(event.is_ok())).boxed()
            }
            Fault::FailsAtTheEnd => {
                answer.chain(stream::iter([Err(ProviderError::IdleTimeout)])).boxed()
            }
            Fault::LeavesEarly => stream::unfold(Some(answer), async |answer| {
                let mut answer = answer?;
                let event = answer.next().await?;
                let is_over = matches!(event, Ok(E::Finished(_)));
                Some((event, (!is_over).then_some(answer)))
            })
            .boxed(),
            Fault::Dawdles => {
                let pause = stream::once(tokio::time::sleep(Duration::from_secs(2)));
                answer.chain(pause.filter_map(|()| future::ready(None))).boxed()
            }
            Fault::CountsOnlyPieces | Fault::BlamesTheReader | Fault::HasOneTimer => {
                time(answer, fault, started)
            }
            _ => answer.map(move |event| change(fault, event)).boxed(),
        }
    }
}

/// Events that are told, each as another.
fn change(fault: Fault, event: Event) -> Event {
    use ProviderEvent as E;
    match (fault, event) {
        (Fault::CountsCachedApart, Ok(E::Usage(mut usage))) => {
            usage.input_tokens -= usage.cached_tokens;
            Ok(E::Usage(usage))
        }
        (Fault::SaysEverything, Ok(E::Reasoning(text) | E::Refusal(text))) => Ok(E::Text(text)),
        (Fault::MixesCalls, Ok(E::ToolCallStarted { call_id, name, .. })) => {
            Ok(E::ToolCallStarted { index: 0, call_id, name })
        }
        (Fault::AlwaysDone, Ok(E::Finished(_))) => Ok(E::Finished(FinishReason::Stop)),
        (Fault::ConfusesErrors, Err(_)) => Err(ProviderError::Failed),
        (_, event) => event,
    }
}

fn until_an_error(answer: AnswerStream) -> AnswerStream {
    stream::unfold(Some(answer), async |answer| {
        let mut answer = answer?;
        let event = answer.next().await?;
        let goes_on = event.is_ok();
        Some((event, goes_on.then_some(answer)))
    })
    .boxed()
}

/// Ends well whatever happens.
fn invent_the_end(events: stream::BoxStream<'static, (ProviderEvent, bool)>) -> AnswerStream {
    stream::unfold((Some(events), false), async |(events, is_finished)| {
        let mut events = events?;
        match events.next().await {
            Some((event, is_finished)) => Some((Ok(event), (Some(events), is_finished))),
            None if is_finished => None,
            None => {
                let end = ProviderEvent::Finished(FinishReason::Stop);
                Some((Ok(end), (None, true)))
            }
        }
    })
    .boxed()
}

fn try_again_in_the_middle(
    answer: AnswerStream,
    good: Arc<OpenAiProvider>,
    request: ChatRequest,
) -> AnswerStream {
    stream::unfold((answer, good, request), async |(mut answer, good, request)| {
        loop {
            match answer.next().await? {
                Ok(event) => return Some((Ok(event), (answer, good, request))),
                Err(_) => answer = good.start(request.clone()).await.ok()?,
            }
        }
    })
    .boxed()
}

/// Timers that count what they must not.
fn time(answer: AnswerStream, fault: Fault, started: Instant) -> AnswerStream {
    const LIMIT: Duration = Duration::from_millis(60);
    let state = (Some(answer), started, Instant::now());
    stream::unfold(state, move |(answer, started, last)| async move {
        let mut answer = answer?;
        let late = Some((Err(ProviderError::IdleTimeout), (None, started, last)));
        let left = match fault {
            Fault::CountsOnlyPieces => LIMIT * 2,
            Fault::HasOneTimer => LIMIT.saturating_sub(started.elapsed()),
            _ => LIMIT.saturating_sub(last.elapsed()),
        };
        if left.is_zero() {
            return late;
        }
        match tokio::time::timeout(left, answer.next()).await {
            Ok(event) => Some((event?, (Some(answer), started, Instant::now()))),
            Err(_) => late,
        }
    })
    .boxed()
}
