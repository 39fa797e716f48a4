//! When a provider is asked and when it is not: pure, but for the moments that it is told.

use std::time::Duration;

use loquat_provider::ProviderError;
use tokio::time::Instant;

use super::{Circuit, GuardOptions, LastFailure, Refusal};

/// How long a provider is left alone that asks to slow down without saying for how long.
const SLOW_DOWN: Duration = Duration::from_secs(1);

/// Whether a call could be made to somebody else instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    Somebody,
    Nobody,
}

/// In which right a call was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    Ordinary,
    /// It tries a provider that failed before; only one call at a time does, and each has its number.
    Trial(u64),
}

/// What the operator should know.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It failed once: who has somebody else to ask leaves it alone.
    InDoubt { code: &'static str, wait: Duration },
    /// It failed too often: nobody asks it.
    Opened { code: &'static str, wait: Duration },
    /// It answers.
    Closed,
}

#[derive(Debug)]
pub(super) struct Breaker {
    options: GuardOptions,
    /// There since a call failed and until one is answered.
    trouble: Option<Trouble>,
    /// Answers in a row that broke off.
    cuts: u32,
    not_before: Option<Instant>,
    last_failure: Option<(&'static str, Instant)>,
    /// How many calls have tried it.
    trials: u64,
}

#[derive(Debug, Clone, Copy)]
struct Trouble {
    /// Calls in a row that failed before an answer began.
    failures: u32,
    /// Whether nobody asks it any more, or only those who have nobody else.
    is_open: bool,
    /// How long it is left alone before it is tried.
    wait: Duration,
    /// When it is tried.
    try_at: Instant,
    /// The call that tries it.
    on_trial: Option<u64>,
}

impl Breaker {
    pub(super) const fn new(options: GuardOptions) -> Self {
        Self { options, trouble: None, cuts: 0, not_before: None, last_failure: None, trials: 0 }
    }

    pub(super) fn refusal(&self, now: Instant, elsewhere: Elsewhere) -> Option<Refusal> {
        if let Some(wait) = self.asked_to_wait(now) {
            return Some(Refusal::AskedToWait(wait));
        }
        let is_left_alone = |it: &Trouble| it.on_trial.is_some() || now < it.try_at;
        let trouble = self.trouble.filter(is_left_alone)?;
        match elsewhere {
            _ if trouble.is_open => {
                Some(Refusal::CircuitOpen(trouble.try_at.saturating_duration_since(now)))
            }
            Elsewhere::Somebody => Some(Refusal::InDoubt),
            Elsewhere::Nobody => None,
        }
    }

    pub(super) fn pass(&mut self, now: Instant, elsewhere: Elsewhere) -> Result<Pass, Refusal> {
        if let Some(refusal) = self.refusal(now, elsewhere) {
            return Err(refusal);
        }
        match &mut self.trouble {
            Some(trouble) if trouble.on_trial.is_none() && trouble.try_at <= now => {
                self.trials += 1;
                trouble.on_trial = Some(self.trials);
                Ok(Pass::Trial(self.trials))
            }
            Some(_) | None => Ok(Pass::Ordinary),
        }
    }

    /// A provider that says something is there, whoever asked it.
    pub(super) fn answers(&mut self) -> Option<Change> {
        self.trouble.take().map(|_| Change::Closed)
    }

    pub(super) const fn whole(&mut self) {
        self.cuts = 0;
    }

    /// A call that nobody waited for any more says nothing.
    pub(super) fn left(&mut self, pass: Pass) {
        if let Some(trouble) = self.trouble.as_mut().filter(|trouble| trouble.is_tried_by(pass)) {
            trouble.on_trial = None;
        }
    }

    /// `pass` is there when the answer had not begun.
    pub(super) fn failed(
        &mut self,
        pass: Option<Pass>,
        error: &ProviderError,
        now: Instant,
    ) -> Option<Change> {
        match error {
            ProviderError::RateLimited { retry_after } => {
                let wait = retry_after.unwrap_or(SLOW_DOWN).min(self.options.retry_after_at_most);
                self.not_before = self.not_before.max(Some(now + wait));
                return self.answers();
            }
            // The request was never sent.
            ProviderError::Inexpressible | ProviderError::Busy | ProviderError::Resting { .. } => {
                if let Some(pass) = pass {
                    self.left(pass);
                }
                return None;
            }
            ProviderError::Rejected { .. } | ProviderError::ContextLengthExceeded => {
                return self.answers();
            }
            ProviderError::Unavailable(_)
            | ProviderError::ConnectTimeout
            | ProviderError::FirstTokenTimeout
            | ProviderError::IdleTimeout
            | ProviderError::Authentication
            | ProviderError::AccountEmpty
            | ProviderError::Protocol(_)
            | ProviderError::Failed
            | ProviderError::Disconnected(_) => {}
        }
        let code = error.code();
        self.last_failure = Some((code, now));
        if pass.is_none() {
            self.cuts = self.cuts.saturating_add(1);
            if self.cuts < self.options.failures {
                return None;
            }
        }
        let before = self.trouble;
        let mut trouble = before.unwrap_or(Trouble {
            failures: 0,
            is_open: false,
            wait: self.options.open_for.min(self.options.open_at_most),
            try_at: now + self.options.open_for.min(self.options.open_at_most),
            on_trial: None,
        });
        trouble.failures = trouble.failures.saturating_add(1);
        // No call will fare better until the operator has done something.
        let is_operators =
            matches!(error, ProviderError::Authentication | ProviderError::AccountEmpty);
        if is_operators {
            trouble.put_off(self.options.open_at_most, now);
        } else if pass.is_some_and(|pass| trouble.is_tried_by(pass)) {
            trouble.put_off((trouble.wait * 2).min(self.options.open_at_most), now);
        }
        // Those who were let in before it opened say nothing new.
        trouble.is_open |=
            trouble.failures >= self.options.failures || pass.is_none() || is_operators;
        self.trouble = Some(trouble);
        let Trouble { is_open, wait, .. } = trouble;
        match before {
            None if !is_open => Some(Change::InDoubt { code, wait }),
            Some(before) if before.is_open || !is_open => None,
            Some(_) | None => Some(Change::Opened { code, wait }),
        }
    }

    /// For how long the provider wants to be left alone.
    pub(super) fn asked_to_wait(&self, now: Instant) -> Option<Duration> {
        let wait = self.not_before?.saturating_duration_since(now);
        (!wait.is_zero()).then_some(wait)
    }

    pub(super) fn circuit(&self, now: Instant) -> Circuit {
        match self.trouble {
            None => Circuit::Closed,
            Some(trouble) if !trouble.is_open => Circuit::InDoubt,
            Some(trouble) if now < trouble.try_at => Circuit::Open,
            Some(_) => Circuit::HalfOpen,
        }
    }

    /// Calls in a row that failed, or broke off.
    pub(super) fn failures(&self) -> u32 {
        self.trouble.map_or(0, |trouble| trouble.failures).max(self.cuts)
    }

    pub(super) fn last_failure(&self, now: Instant) -> Option<LastFailure> {
        self.last_failure.map(|(code, at)| LastFailure { code, ago: now - at })
    }

    /// When the provider is tried, if it is left alone until then.
    pub(super) fn next_probe_in(&self, now: Instant) -> Option<Duration> {
        let wait = self.trouble?.try_at.saturating_duration_since(now);
        (!wait.is_zero()).then_some(wait)
    }
}

impl Trouble {
    fn put_off(&mut self, wait: Duration, now: Instant) {
        self.wait = wait;
        self.try_at = now + wait;
        self.on_trial = None;
    }

    fn is_tried_by(&self, pass: Pass) -> bool {
        matches!(pass, Pass::Trial(trial) if self.on_trial == Some(trial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_that_is_over_says_nothing_of_the_next() {
        let options = GuardOptions { failures: 1, ..GuardOptions::default() };
        let (mut breaker, start) = (Breaker::new(options), Instant::now());
        let unavailable = ProviderError::Unavailable(None);
        breaker.failed(Some(Pass::Ordinary), &unavailable, start);
        let first = breaker.pass(start + options.open_for, Elsewhere::Nobody).unwrap();
        // An answer that was let in before begins meanwhile, and then it fails again.
        breaker.answers();
        breaker.failed(Some(Pass::Ordinary), &unavailable, start + options.open_for);
        let now = start + options.open_for * 2;
        let second = breaker.pass(now, Elsewhere::Nobody).unwrap();
        assert!(matches!(second, Pass::Trial(_)) && second != first);

        breaker.left(first);
        assert!(breaker.pass(now, Elsewhere::Nobody).is_err(), "the second still tries it");
        breaker.failed(Some(first), &unavailable, now);
        assert!(breaker.pass(now, Elsewhere::Nobody).is_err(), "the second still tries it");
        breaker.left(second);
        assert!(breaker.pass(now, Elsewhere::Nobody).is_ok());
    }
}
