//! A model whose every word the test has written.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use loquat_domain::Usage;
use loquat_provider::{
    AnswerStream, ChatProvider, ChatRequest, FinishReason, ProviderError, ProviderEvent,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// One step of a [`Script`].
#[derive(Debug)]
pub enum Step {
    /// The request is accepted: [`ChatProvider::start`] returns. What stands before this step
    /// happens inside `start`; in a script without it the request is accepted at once.
    Accept,
    /// The answer goes on.
    Event(ProviderEvent),
    /// Nothing happens for a while, by tokio's clock, which a test can pause.
    Delay(Duration),
    /// Nothing happens until the test cancels the token.
    Until(CancellationToken),
    /// Nothing happens any more.
    StallForever,
    /// The provider fails, and nothing follows: before [`Step::Accept`] the start, after it the
    /// answer.
    Fail(ProviderError),
    /// The provider panics, in these words.
    Panic(&'static str),
}

/// What happens in one call of a [`ScriptedProvider`], step by step. After the last step the
/// answer ends, whether it was finished or not.
#[derive(Debug, Default)]
pub struct Script {
    steps: VecDeque<Step>,
}

impl Script {
    /// A script of these steps.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect() }
    }

    /// A whole answer in these pieces of text, which uses a token a piece and none for the prompt.
    pub fn answer<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Self {
        let text = |piece: &str| ProviderEvent::Text(piece.to_owned());
        let mut events: Vec<_> = pieces.into_iter().map(text).collect();
        let output_tokens = u64::try_from(events.len()).unwrap_or(u64::MAX);
        events.push(ProviderEvent::Finished(FinishReason::Stop));
        events.push(ProviderEvent::Usage(Usage { output_tokens, ..Usage::default() }));
        Self::new(events.into_iter().map(Step::Event))
    }

    /// These events, and then the end.
    pub fn events(events: impl IntoIterator<Item = ProviderEvent>) -> Self {
        Self::new(events.into_iter().map(Step::Event))
    }

    /// The request is not accepted.
    pub fn refusal(error: ProviderError) -> Self {
        Self::new([Step::Fail(error), Step::Accept])
    }

    /// This script with a further step at its end.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    /// Splits off what happens before the request is accepted.
    fn before_acceptance(&mut self) -> VecDeque<Step> {
        match self.steps.iter().position(|step| matches!(step, Step::Accept)) {
            None => VecDeque::new(),
            Some(at) => {
                let after = self.steps.split_off(at);
                std::mem::replace(&mut self.steps, after)
            }
        }
    }
}

/// How a call came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallEnd {
    /// When the answer's stream was dropped or read to its end; when there was no stream yet, when
    /// the start's future was dropped or had failed.
    pub at: Instant,
    /// How many events had been read by then.
    pub events: usize,
    /// True when the stream had been read to its end, or failed. False when the caller left
    /// before.
    pub complete: bool,
}

/// One call that a [`ScriptedProvider`] has received.
#[derive(Debug, Clone)]
pub struct ProviderCall {
    /// What was asked.
    pub request: ChatRequest,
    end: watch::Receiver<Option<CallEnd>>,
}

impl ProviderCall {
    /// How the call ended, if it has.
    pub fn end(&self) -> Option<CallEnd> {
        *self.end.borrow()
    }

    /// Waits until the caller has dropped the call or read it to its end.
    pub async fn wait_until_dropped(&self) -> CallEnd {
        let mut end = self.end.clone();
        loop {
            if let Some(end) = *end.borrow_and_update() {
                return end;
            }
            // The sender sits in the call and tells the end when it goes.
            if end.changed().await.is_err() {
                futures::future::pending::<()>().await;
            }
        }
    }
}

type Answer = dyn FnMut(&ChatRequest) -> Script + Send;

/// A provider that does what its scripts say and remembers what it was asked.
///
/// Clones share scripts and calls: a test keeps one and hands the other on.
#[derive(Clone)]
pub struct ScriptedProvider {
    answer: Arc<Mutex<Answer>>,
    calls: Arc<watch::Sender<Vec<ProviderCall>>>,
}

impl ScriptedProvider {
    /// A provider that follows one script a call, in this order.
    ///
    /// # Panics
    ///
    /// A call for which no script is left panics.
    pub fn queue(scripts: impl IntoIterator<Item = Script>) -> Self {
        let mut scripts: VecDeque<Script> = scripts.into_iter().collect();
        let mut made = 0;
        Self::answering(move |_| {
            made += 1;
            let Some(script) = scripts.pop_front() else { panic!("no script for call {made}") };
            script
        })
    }

    /// A provider that lets `answer` write the script for each call.
    pub fn answering(answer: impl FnMut(&ChatRequest) -> Script + Send + 'static) -> Self {
        Self { answer: Arc::new(Mutex::new(answer)), calls: Arc::new(watch::Sender::default()) }
    }

    /// Every call so far, in the order in which they were made.
    pub fn calls(&self) -> Vec<ProviderCall> {
        self.calls.borrow().clone()
    }

    /// Waits until the n-th call has been made, counted from 0, and returns it.
    pub async fn wait_for_call(&self, n: usize) -> ProviderCall {
        let mut calls = self.calls.subscribe();
        loop {
            if let Some(call) = calls.borrow_and_update().get(n) {
                return call.clone();
            }
            // The sender lives as long as `self`, so that this cannot fail.
            if calls.changed().await.is_err() {
                futures::future::pending::<()>().await;
            }
        }
    }
}

impl fmt::Debug for ScriptedProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedProvider").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

#[async_trait]
impl ChatProvider for ScriptedProvider {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let (end, ended) = watch::channel(None);
        let mut running = Running { end, events: 0, complete: false };
        self.calls.send_modify(|calls| {
            calls.push(ProviderCall { request: request.clone(), end: ended });
        });
        let mut script = {
            let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
            answer(&request)
        };
        let mut before = script.before_acceptance();
        match next(&mut before).await {
            None => {}
            Some(Ok(event)) => panic!("{event:?} stands before the request is accepted"),
            Some(Err(error)) => {
                running.complete = true;
                return Err(error);
            }
        }
        let state = (script.steps, running);
        Ok(stream::unfold(state, |(mut steps, mut running)| async move {
            if running.complete {
                return None;
            }
            let outcome = next(&mut steps).await;
            running.events += usize::from(matches!(outcome, Some(Ok(_))));
            running.complete = !matches!(outcome, Some(Ok(_)));
            outcome.map(|outcome| (outcome, (steps, running)))
        })
        .boxed())
    }
}

/// Plays steps until one of them shows.
async fn next(steps: &mut VecDeque<Step>) -> Option<Result<ProviderEvent, ProviderError>> {
    loop {
        match steps.pop_front()? {
            Step::Accept => {}
            Step::Event(event) => return Some(Ok(event)),
            Step::Delay(duration) => tokio::time::sleep(duration).await,
            Step::Until(token) => token.cancelled().await,
            Step::StallForever => futures::future::pending().await,
            Step::Fail(error) => return Some(Err(error)),
            Step::Panic(words) => panic!("{words}"),
        }
    }
}

/// Tells the end of a call when it is dropped with whatever holds it.
struct Running {
    end: watch::Sender<Option<CallEnd>>,
    events: usize,
    complete: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        let Self { events, complete, .. } = *self;
        self.end.send_replace(Some(CallEnd { at: Instant::now(), events, complete }));
    }
}
