//! Asks one after the other until an answer begins.

use std::{collections::VecDeque, future::Future, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use loquat_domain::Settings;
use loquat_provider::{AnswerStream, Attempt, AttemptOutcome, ChatRequest, ProviderError, Trail};
use tokio::time::{Instant, timeout_at};

use crate::{
    Refusal, Target,
    call::{Answer, Call, Remembering, TimeLimit},
    guard::Elsewhere,
    plan::longest_answer,
};

pub(super) struct Chain {
    /// Who has not been asked yet.
    targets: VecDeque<Arc<Target>>,
    request: ChatRequest,
    trail: Trail,
    budget: Option<Budget>,
    remembering: Option<Remembering>,
}

/// How long all attempts together may take.
#[derive(Debug, Clone, Copy)]
struct Budget {
    whole: Duration,
    until: Instant,
}

/// Why there is no answer of this one.
enum Missed {
    NotMade(Refusal),
    Failed(ProviderError),
}

impl Missed {
    const OUT_OF_TIME: Self = Self::Failed(ProviderError::FirstTokenTimeout);
}

impl Chain {
    pub(super) fn new(
        targets: Vec<Arc<Target>>,
        request: ChatRequest,
        budget: Option<Duration>,
        remembering: Option<Remembering>,
    ) -> Self {
        let budget = budget.map(|whole| Budget { whole, until: Instant::now() + whole });
        let trail = request.trail.clone();
        Self { targets: targets.into(), request, trail, budget, remembering }
    }

    pub(super) async fn start(mut self) -> Result<AnswerStream, ProviderError> {
        // A call that was made says more than one that was not. Of several calls the last counts, of
        // several refusals the one after which it is soonest worth to come again.
        let (mut failure, mut refusal) = (None, None);
        while let Some(target) = self.targets.pop_front() {
            match self.ask(&target).await {
                Ok(answer) => return Ok(answer),
                Err(Missed::NotMade(why)) => {
                    self.write(&target, AttemptOutcome::NotMade(why.code()));
                    refusal = [refusal, Some(why)].into_iter().flatten().min_by_key(Refusal::wait);
                }
                Err(Missed::Failed(error)) => {
                    self.keep_who_may_do_better(&target, &error);
                    failure = Some(error);
                }
            }
        }
        let refused = || refusal.map_or(ProviderError::Unavailable(None), Into::into);
        Err(failure.unwrap_or_else(refused))
    }

    async fn ask(&mut self, target: &Arc<Target>) -> Result<AnswerStream, Missed> {
        let deadline = self.deadline();
        let admission = within(deadline, target.upstream.admit(self.elsewhere(target))).await;
        let Some(admission) = admission else {
            self.write(target, AttemptOutcome::NotMade(TimeLimit::CODE));
            return Err(Missed::OUT_OF_TIME);
        };
        let mut call = Call {
            admission: admission.map_err(Missed::NotMade)?,
            attempt: self.write(target, AttemptOutcome::Open),
            trail: self.trail.clone(),
            remembering: self.remembering.clone().map(|it| it.at(target)),
        };
        let limit = deadline.map(|until| self.time_limit(until));
        let asked = target.upstream.provider().start(self.request_for(target));
        let mut answer = match within(deadline, asked).await {
            Some(Ok(stream)) => Answer::new(stream, call, limit),
            Some(Err(error)) => {
                call.failed(&error);
                return Err(Missed::Failed(error));
            }
            None => {
                call.ran_out_of_time(limit);
                return Err(Missed::OUT_OF_TIME);
            }
        };
        if self.targets.is_empty() {
            return Ok(answer.boxed());
        }
        match answer.next().await {
            Some(Ok(event)) => Ok(stream::iter([Ok(event)]).chain(answer).boxed()),
            Some(Err(error)) => Err(Missed::Failed(error)),
            None => Err(Missed::Failed(ProviderError::Disconnected(None))),
        }
    }

    /// A request that was refused as it stands is so by everybody, unless only this endpoint cannot:
    /// its wire has no words for it, it has not enough money for it (402), the model is closed to us
    /// (403) or gone (404). One that is too long is so to all whose window is no larger.
    fn keep_who_may_do_better(&mut self, than: &Target, error: &ProviderError) {
        match error {
            ProviderError::Rejected { status: 402..=404 }
            | ProviderError::Inexpressible
            | ProviderError::AccountEmpty
            | ProviderError::Busy
            | ProviderError::Resting { .. }
            | ProviderError::RateLimited { .. }
            | ProviderError::Unavailable(_)
            | ProviderError::ConnectTimeout
            | ProviderError::FirstTokenTimeout
            | ProviderError::IdleTimeout
            | ProviderError::Authentication
            | ProviderError::Protocol(_)
            | ProviderError::Failed
            | ProviderError::Disconnected(_) => {}
            ProviderError::Rejected { .. } => self.targets.clear(),
            ProviderError::ContextLengthExceeded => {
                self.targets.retain(|target| target.context_window > than.context_window);
            }
        }
    }

    /// When this attempt has to be given up: half of what is left is for the others.
    fn deadline(&self) -> Option<Instant> {
        let until = self.budget?.until;
        if self.targets.is_empty() {
            return Some(until);
        }
        let now = Instant::now();
        Some(now + until.saturating_duration_since(now) / 2)
    }

    /// Who has a fifth of all the time, from now on, and does not begin, is too slow: so much has
    /// each of three, less what the others have taken to say no.
    fn time_limit(&self, until: Instant) -> TimeLimit {
        let time = until.saturating_duration_since(Instant::now());
        let is_enough = self.budget.is_some_and(|budget| time >= budget.whole / 5);
        TimeLimit { until, is_enough }
    }

    /// Whether somebody at another provider would be asked next.
    fn elsewhere(&self, target: &Target) -> Elsewhere {
        let other = |other: &Arc<Target>| {
            !Arc::ptr_eq(&other.upstream, &target.upstream) && other.upstream.refusal().is_none()
        };
        if self.targets.iter().any(other) { Elsewhere::Somebody } else { Elsewhere::Nobody }
    }

    /// The request in the target's words. The last of the chain gets it without a copy.
    fn request_for(&mut self, target: &Target) -> ChatRequest {
        let mut request = if self.targets.is_empty() {
            let nothing = ChatRequest::new(String::new(), Settings::default(), Vec::new());
            std::mem::replace(&mut self.request, nothing)
        } else {
            self.request.clone()
        };
        request.model.clone_from(&target.upstream_model);
        let asked = request.settings.max_output_tokens;
        request.settings.max_output_tokens = Some(longest_answer(target, asked));
        request
    }

    fn write(&self, target: &Target, outcome: AttemptOutcome) -> usize {
        self.trail.attempt(Attempt {
            model: target.model.clone(),
            provider: target.upstream.name().to_owned(),
            upstream: target.upstream_model.clone(),
            outcome,
            used: None,
        })
    }
}

/// `None` when the deadline has passed; the future is dropped then.
async fn within<F: Future>(deadline: Option<Instant>, future: F) -> Option<F::Output> {
    match deadline {
        None => Some(future.await),
        Some(deadline) => timeout_at(deadline, future).await.ok(),
    }
}
