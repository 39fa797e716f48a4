//! What happened on the way to an answer.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use loquat_domain::Usage;
use tokio::time::Instant;

/// Whom a provider that asks others would ask, and why: for receipts and dry runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The models that would be asked, one after the other, by their configured names. Never empty.
    pub models: Vec<String>,
    /// The rule that matched; `None` when none did.
    pub rule: Option<String>,
    /// How hard the request seems, from 0 to 100; `None` when no rule asks.
    pub complexity: Option<u8>,
    /// Why, one short statement each. None repeats anything of the request.
    pub why: Vec<String>,
}

/// One call of a model that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The model's configured name.
    pub model: String,
    /// The provider's configured name.
    pub provider: String,
    /// The model's name at its provider.
    pub upstream: String,
    /// How it came out.
    pub outcome: AttemptOutcome,
    /// What it had used by the provider's word when it failed; the trail fills it in.
    pub used: Option<Usage>,
}

/// How a call came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It was not made: the provider was known to be broken or busy, or time was up.
    NotMade(&'static str),
    /// It is under way, or was left.
    Open,
    /// It failed before the answer began, in this way: a name for programs.
    Failed(&'static str),
    /// It is whose answer is told.
    Answers,
}

impl Attempt {
    fn end(&mut self, outcome: AttemptOutcome, told: &mut Option<Usage>) {
        if matches!(outcome, AttemptOutcome::Failed(_)) {
            self.used = told.take();
        }
        self.outcome = outcome;
    }
}

/// Where whoever asks others writes down whom, as it happens: what is written is there also when the
/// call fails, and when it is dropped.
///
/// All clones are one trail.
#[derive(Clone, Default)]
pub struct Trail(Arc<Mutex<Written>>);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Written {
    choice: Option<Choice>,
    call: Option<Attempt>,
    input_tokens: u32,
    attempts: Vec<Attempt>,
    usage: Option<Usage>,
    heard_at: Option<Instant>,
}

impl Trail {
    /// Writes down what was chosen.
    pub fn choose(&self, choice: Choice) {
        self.written().choice = Some(choice);
    }

    /// Writes down the call itself, as whoever makes it sees it: all that is known where the one who
    /// is called writes no attempts down. The prompt has so many tokens by the caller's count.
    pub fn call(&self, call: Attempt, input_tokens: u32) {
        let mut written = self.written();
        (written.call, written.input_tokens) = (Some(call), input_tokens);
    }

    /// Writes down how the call itself came out. Of one that failed and told nothing that it used it
    /// is not known whether anybody was reached: it is as if it had not been made.
    pub fn called(&self, outcome: AttemptOutcome) {
        let Written { call, usage, .. } = &mut *self.written();
        if let Some(made) = call {
            made.end(outcome, usage);
        }
        call.take_if(|call| {
            matches!(call.outcome, AttemptOutcome::Failed(_)) && call.used.is_none()
        });
    }

    /// Writes down that a model is asked, or why it is not. Returns the number to
    /// [`end`](Self::end) it by.
    pub fn attempt(&self, attempt: Attempt) -> usize {
        let mut written = self.written();
        // What was used and heard before is not this one's.
        (written.usage, written.heard_at) = (None, None);
        written.attempts.push(attempt);
        written.attempts.len() - 1
    }

    /// Writes down how an attempt came out.
    pub fn end(&self, attempt: usize, outcome: AttemptOutcome) {
        let Written { attempts, usage, .. } = &mut *self.written();
        if let Some(attempt) = attempts.get_mut(attempt) {
            attempt.end(outcome, usage);
        }
    }

    /// Writes down what the newest attempt is known to have used before its answer's end: a provider
    /// that says it at the beginning. The answer's own usage replaces it.
    pub fn used(&self, usage: Usage) {
        self.written().usage = Some(usage);
    }

    /// Writes down that the newest attempt's provider says something at this moment, if only that it
    /// is there: so that a model that thinks for long is not taken for a provider that is gone.
    pub fn hear(&self) {
        self.written().heard_at = Some(Instant::now());
    }

    /// For how long the newest attempt's provider has said nothing, if it has said anything.
    pub fn silent_for(&self) -> Option<Duration> {
        self.written().heard_at.map(|at| at.elapsed())
    }

    /// What was chosen, if somebody chose.
    pub fn choice(&self) -> Option<Choice> {
        self.written().choice.clone()
    }

    /// The calls that there were, or were not made, in order: the attempts, or where none is written
    /// down, the call itself. Empty as long as nobody was called.
    pub fn calls(&self) -> Vec<Attempt> {
        let Written { attempts, call, .. } = &*self.written();
        if attempts.is_empty() { call.iter().cloned().collect() } else { attempts.clone() }
    }

    /// Tokens of the prompt, by the count of whoever calls.
    pub fn input_tokens(&self) -> u32 {
        self.written().input_tokens
    }

    /// The attempts so far, in order.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.written().attempts.clone()
    }

    /// What the newest attempt is known to have used so far, unless it has failed.
    pub fn usage(&self) -> Option<Usage> {
        self.written().usage
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Trail {
    /// Two trails are equal when they say the same.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || {
            let mine = self.written().clone();
            mine == *other.written()
        }
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written().fmt(f)
    }
}
