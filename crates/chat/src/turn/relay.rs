//! The middle: what the provider says becomes events, until it has said all or must stop.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use futures::StreamExt as _;
use loquat_domain::{Failure, FailureCode, IncompleteReason, Response, Status, Usage};
use loquat_provider::{AnswerStream, FinishReason, ProviderError, ProviderEvent};
use tokio::time::Instant;

use super::{
    Run, Started,
    begin::{Opening, Refused},
};
use crate::{failure::failure, transcript::Transcript};

/// How an answer came to its end.
pub(super) struct Outcome {
    pub(super) status: Status,
    /// What the provider says that was used, if it said.
    pub(super) usage: Option<Usage>,
    /// How long the provider wants to be left alone, if it said.
    pub(super) retry_after: Option<Duration>,
}

impl Outcome {
    pub(super) fn of(status: Status) -> Self {
        Self { status, usage: None, retry_after: None }
    }

    fn failed_by(error: &ProviderError) -> Self {
        let status = Status::Failed(failure(error));
        Self { retry_after: error.retry_after(), ..Self::of(status) }
    }

    fn failed(code: FailureCode, message: &str) -> Self {
        Self::of(Status::Failed(Failure { code, message: message.to_owned() }))
    }

    /// A panic, caught.
    pub(super) fn fault() -> Self {
        Self::failed(FailureCode::ServerError, "the server made a mistake; it was logged")
    }

    fn timed_out() -> Self {
        Self::failed(FailureCode::TurnTimeout, "the whole answer took too long")
    }
}

impl Run {
    pub(super) async fn relay(
        &self,
        opening: Opening,
        response: &Arc<Response>,
        transcript: &mut Transcript,
        started: &mut Started,
    ) -> Outcome {
        let deadline = Instant::now() + self.inner.limits.turn_timeout;
        let answer = match self.accepted(opening, response, deadline, started).await {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        started.tell(Ok(Arc::clone(response)));
        self.listen(answer, transcript, deadline).await
    }

    /// Waits for the provider to accept. When that takes longer than the grace, the caller is told
    /// that the turn has started, and the waiting goes on.
    async fn accepted(
        &self,
        opening: Opening,
        response: &Arc<Response>,
        deadline: Instant,
        started: &mut Started,
    ) -> Result<AnswerStream, Outcome> {
        let mut call = match opening {
            Opening::Answered(answered) => return answered.map_err(refused),
            Opening::Pending(call) => call,
        };
        let grace = tokio::time::sleep(self.inner.limits.acceptance_grace);
        tokio::pin!(grace);
        loop {
            tokio::select! {
                biased;
                answered = &mut call => return answered.map_err(refused),
                status = self.stopped() => return Err(Outcome::of(status)),
                () = tokio::time::sleep_until(deadline) => return Err(Outcome::timed_out()),
                () = &mut grace, if !started.is_told() => started.tell(Ok(Arc::clone(response))),
            }
        }
    }

    /// Relays the answer until it ends, fails, is stopped or is too long.
    async fn listen(
        &self,
        mut answer: AnswerStream,
        transcript: &mut Transcript,
        deadline: Instant,
    ) -> Outcome {
        let tools = self.inner.tools(self.model.counter.as_ref());
        let limits = &self.inner.limits;
        let mut interrupted = std::pin::pin!(self.interrupted(deadline));
        let mut finished: Option<FinishReason> = None;
        let mut usage = None;
        loop {
            if finished.is_none()
                && let Some(status) = self.was_stopped()
            {
                return Outcome::of(status);
            }
            let event = match next(&mut answer, interrupted.as_mut()).await {
                Next::Event(event) => event,
                Next::End => break,
                // The model has said all: what happens on the way to its usage takes nothing away.
                Next::Error(_) | Next::Interrupted(_) if finished.is_some() => break,
                Next::Error(error) => return broken(&error, transcript),
                Next::Interrupted(outcome) => return outcome,
            };
            match event {
                ProviderEvent::Finished(reason) => {
                    finished.get_or_insert(reason);
                }
                ProviderEvent::Usage(told) => usage = Some(told),
                _ if finished.is_some() => {}
                content => {
                    let mut is_full = false;
                    let mut emit = |kind| is_full = self.live.log.push(kind);
                    if transcript.push(content, &tools, &mut emit).is_err() {
                        return broken(&ProviderError::Protocol("mixed tool calls"), transcript);
                    }
                    if transcript.bytes() > limits.max_answer_bytes {
                        return Outcome::of(Status::Incomplete(IncompleteReason::MaxOutputTokens));
                    }
                    if is_full {
                        tokio::select! {
                            () = self.make_room() => {}
                            outcome = interrupted.as_mut() => return outcome,
                        }
                    }
                }
            }
        }
        let status = match finished {
            Some(FinishReason::Stop | FinishReason::ToolCalls) => Status::Completed,
            Some(FinishReason::Length) => Status::Incomplete(IncompleteReason::MaxOutputTokens),
            Some(FinishReason::ContentFilter) => {
                Status::Incomplete(IncompleteReason::ContentFilter)
            }
            None => Status::Incomplete(IncompleteReason::UpstreamDisconnected),
        };
        Outcome { usage, ..Outcome::of(status) }
    }

    async fn make_room(&self) {
        if self.live.log.wants_saving() {
            self.inner.save_now.notify_one();
        }
        self.live.log.wait_for_room(self.inner.limits.slow_reader).await;
    }

    /// Completes when the turn must end although the provider has not.
    async fn interrupted(&self, deadline: Instant) -> Outcome {
        tokio::select! {
            status = self.stopped() => Outcome::of(status),
            () = tokio::time::sleep_until(deadline) => Outcome::timed_out(),
        }
    }
}

enum Next {
    Event(ProviderEvent),
    End,
    Error(ProviderError),
    Interrupted(Outcome),
}

async fn next(
    answer: &mut AnswerStream,
    interrupted: Pin<&mut impl Future<Output = Outcome>>,
) -> Next {
    // The provider first: while it has something to say, nothing else is looked at, which is
    // cheaper. A provider that never waits is stopped by the check before each event.
    tokio::select! {
        biased;
        event = answer.next() => match event {
            None => Next::End,
            Some(Ok(event)) => Next::Event(event),
            Some(Err(error)) => Next::Error(error),
        },
        outcome = interrupted => Next::Interrupted(outcome),
    }
}

/// A refusal before the answer began.
fn refused(refused: Refused) -> Outcome {
    match refused {
        Refused::Error(error) => {
            log(&error);
            Outcome::failed_by(&error)
        }
        Refused::Panic => Outcome::fault(),
    }
}

/// An error in the middle of the answer. A broken connection leaves an incomplete answer; anything
/// else is a failure.
fn broken(error: &ProviderError, transcript: &Transcript) -> Outcome {
    log(error);
    match error {
        ProviderError::Disconnected(_) if transcript.has_content() => {
            Outcome::of(Status::Incomplete(IncompleteReason::UpstreamDisconnected))
        }
        _ => Outcome::failed_by(error),
    }
}

fn log(error: &ProviderError) {
    let error: &dyn std::error::Error = error;
    tracing::warn!(error, "the provider failed");
}
