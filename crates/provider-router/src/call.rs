//! One call of one provider, from its admission to the end of its answer.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream};
use loquat_domain::ConversationId;
use loquat_provider::{AnswerStream, AttemptOutcome, ProviderError, ProviderEvent, Trail};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    Target,
    guard::Admission,
    memory::{Last, Memory},
};

/// A provider that has said nothing for so long is not there. Those that give signs of life while a
/// model thinks give one each 15 s at the least.
const LIFELESS: Duration = Duration::from_secs(30);

/// What a call leaves behind: a line in the trail, a lesson for the guard, and where the
/// conversation was. It has its place at the provider as long as it lives.
pub(crate) struct Call {
    pub(crate) admission: Admission,
    pub(crate) trail: Trail,
    pub(crate) attempt: usize,
    pub(crate) remembering: Option<(Remembering, Arc<Target>)>,
}

/// What to remember of a conversation when its answer begins.
#[derive(Clone)]
pub(crate) struct Remembering {
    pub(crate) memory: Arc<Memory>,
    pub(crate) conversation: ConversationId,
    pub(crate) input_tokens: u32,
}

impl Remembering {
    /// Who is to be remembered.
    pub(crate) fn at(self, target: &Arc<Target>) -> (Self, Arc<Target>) {
        (self, Arc::clone(target))
    }
}

impl Call {
    fn begins(&mut self) {
        self.admission.answers();
        self.trail.end(self.attempt, AttemptOutcome::Answers);
        if let Some((remembering, target)) = self.remembering.take() {
            let Remembering { memory, conversation, input_tokens } = remembering;
            memory.remember(conversation, Last { target, input_tokens, at: Instant::now() });
        }
    }

    /// It failed before its answer began.
    pub(crate) fn failed(&mut self, error: &ProviderError) {
        if !matches!(error, ProviderError::FirstTokenTimeout) || !self.says_that_it_is_there() {
            self.admission.failed(error);
        }
        self.trail.end(self.attempt, AttemptOutcome::Failed(error.code()));
    }

    fn says_that_it_is_there(&self) -> bool {
        self.trail.silent_for().is_some_and(|silence| silence < LIFELESS)
    }

    /// Its time was over before its answer began.
    pub(crate) fn ran_out_of_time(&mut self, limit: Option<TimeLimit>) {
        if limit.is_some_and(|limit| limit.is_enough) && !self.says_that_it_is_there() {
            self.admission.failed(&ProviderError::FirstTokenTimeout);
        }
        self.trail.end(self.attempt, AttemptOutcome::Failed(TimeLimit::CODE));
    }
}

/// When an answer must have begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    pub(crate) until: Instant,
    /// Whoever has not begun by then is to blame for it.
    pub(crate) is_enough: bool,
}

impl TimeLimit {
    /// What is told of an attempt for which there was no time, or not enough.
    pub(crate) const CODE: &str = "time_budget";
}

/// An answer, whose call ends with it.
pub(crate) struct Answer {
    stream: AnswerStream,
    /// `None` once there is nothing more to come.
    call: Option<Call>,
    /// `None` once it has begun.
    limit: Option<(TimeLimit, Pin<Box<Sleep>>)>,
    has_begun: bool,
    is_finished: bool,
}

impl Answer {
    pub(crate) fn new(stream: AnswerStream, call: Call, limit: Option<TimeLimit>) -> Self {
        let timed = |limit: TimeLimit| (limit, Box::pin(sleep_until(limit.until)));
        let limit = limit.map(timed);
        Self { stream, call: Some(call), limit, has_begun: false, is_finished: false }
    }

    /// Gives it up when it has not begun in time.
    fn poll_limit(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some((limit, sleep)) = &mut self.limit else { return Poll::Pending };
        ready!(sleep.as_mut().poll(context));
        let limit = *limit;
        if let Some(mut call) = self.call.take() {
            call.ran_out_of_time(Some(limit));
        }
        self.limit = None;
        self.stream = stream::empty().boxed();
        Poll::Ready(())
    }

    fn observe(&mut self, outcome: Option<&Result<ProviderEvent, ProviderError>>) {
        let Some(call) = &mut self.call else { return };
        match outcome {
            Some(Ok(event)) => {
                if !self.has_begun {
                    self.has_begun = true;
                    self.limit = None;
                    call.begins();
                }
                if matches!(event, ProviderEvent::Finished(_)) {
                    self.is_finished = true;
                    call.admission.whole();
                }
                return;
            }
            Some(Err(error)) if self.has_begun => call.admission.failed(error),
            Some(Err(error)) => call.failed(error),
            None if self.is_finished => {}
            None if self.has_begun => call.admission.failed(&ProviderError::Disconnected(None)),
            None => call.failed(&ProviderError::Disconnected(None)),
        }
        self.call = None;
    }
}

impl Stream for Answer {
    type Item = Result<ProviderEvent, ProviderError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(outcome) = self.stream.poll_next_unpin(context) {
            self.observe(outcome.as_ref());
            return Poll::Ready(outcome);
        }
        ready!(self.poll_limit(context));
        Poll::Ready(Some(Err(ProviderError::FirstTokenTimeout)))
    }
}
