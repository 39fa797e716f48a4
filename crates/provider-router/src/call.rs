//! One call of one provider, from its admission to the end of its answer.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{Stream, StreamExt as _};
use loquat_domain::ConversationId;
use loquat_provider::{AnswerStream, AttemptOutcome, ProviderError, ProviderEvent, Trail};
use tokio::time::Instant;

use crate::{
    Target,
    guard::Admission,
    memory::{Last, Memory},
};

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
        self.admission.failed(error);
        self.trail.end(self.attempt, AttemptOutcome::Failed(error.code()));
    }

    /// There is no more time for it. Whether it is the provider that was slow is the caller's to
    /// know.
    pub(crate) fn ran_out_of_time(&mut self, code: &'static str, is_providers_fault: bool) {
        if is_providers_fault {
            self.admission.failed(&ProviderError::FirstTokenTimeout);
        }
        self.trail.end(self.attempt, AttemptOutcome::Failed(code));
    }
}

/// An answer, whose call ends with it.
pub(crate) struct Answer {
    stream: AnswerStream,
    /// `None` once there is nothing more to come.
    call: Option<Call>,
    has_begun: bool,
    is_finished: bool,
}

impl Answer {
    pub(crate) const fn new(stream: AnswerStream, call: Call) -> Self {
        Self { stream, call: Some(call), has_begun: false, is_finished: false }
    }

    /// Gives up an answer that has not begun.
    pub(crate) fn ran_out_of_time(mut self, code: &'static str, is_providers_fault: bool) {
        if let Some(call) = &mut self.call {
            call.ran_out_of_time(code, is_providers_fault);
        }
    }

    fn observe(&mut self, outcome: Option<&Result<ProviderEvent, ProviderError>>) {
        let Some(call) = &mut self.call else { return };
        match outcome {
            Some(Ok(event)) => {
                if !self.has_begun {
                    self.has_begun = true;
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
        let outcome = std::task::ready!(self.stream.poll_next_unpin(context));
        self.observe(outcome.as_ref());
        Poll::Ready(outcome)
    }
}
