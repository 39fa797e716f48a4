//! What calls of providers cost, and who is told.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use loquat_domain::{
    Charge, ConversationId, Micros, Price, Purpose, ResponseId, Scope, TokenParts, Usage,
};
use loquat_limits::Admission;
use loquat_provider::{AnswerStream, Attempt, AttemptOutcome, ChatRequest, ProviderError, Trail};
use loquat_store::StoreError;

use crate::{Model, service::Inner};

/// Waits between attempts to add a charge while the store cannot be reached. The last is repeated
/// for as long as the process runs.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
];

/// Waits between the last attempts, once the process is being stopped: shorter in all than what a
/// stop has for its last commits.
const LAST_PAUSES: [Duration; 5] = [Duration::from_millis(600); 5];

/// The most charges of turns' ends and of other calls that wait for the store at once, some kibibytes
/// each. Without a store no turn begins, so that only those are there that ran when it went away.
pub(crate) const MOST_UNRECORDED: usize = 10_000;

/// What calls were for.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) scope: Scope,
    pub(crate) purpose: Purpose,
    /// The listed conversation, if there is one.
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) response: Option<ResponseId>,
    /// How many calls for that response and purpose have been charged before.
    pub(crate) first_attempt: u32,
    /// The model that was asked for.
    pub(crate) asked: String,
    /// What that one costs.
    pub(crate) price: Price,
}

impl Model {
    /// Asks the model. That it was asked, and how that came out, is on the request's trail.
    pub(crate) async fn ask(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let trail = request.trail.clone();
        let call = Attempt {
            model: self.id.clone(),
            provider: self.owner.clone(),
            upstream: self.upstream.clone(),
            outcome: AttemptOutcome::Open,
            used: None,
        };
        trail.call(call, request.about.input_tokens);
        let answered = self.provider.start(request).await;
        trail.called(match &answered {
            Ok(_) => AttemptOutcome::Answers,
            Err(error) => AttemptOutcome::Failed(error.code()),
        });
        answered
    }
}

const fn is_open(call: &Attempt) -> bool {
    matches!(call.outcome, AttemptOutcome::Open | AttemptOutcome::Answers)
}

const fn was_made(call: &Attempt) -> bool {
    !matches!(call.outcome, AttemptOutcome::NotMade(_))
}

/// Whether there is a call whose use is still open: one that answers, or was left.
pub(crate) fn is_under_way(trail: &Trail) -> bool {
    trail.calls().iter().any(is_open)
}

/// What a call of the trail used, where `answered` is what the answer did, if this was the one.
fn usage(call: &Attempt, trail: &Trail, answered: Option<Usage>) -> Option<Usage> {
    match call.outcome {
        AttemptOutcome::NotMade(_) => None,
        // Refused, or broken before it began: mostly nobody is known to have counted anything.
        AttemptOutcome::Failed(_) => Some(call.used.unwrap_or_default()),
        // A call that was left has used its prompt, for all we know.
        AttemptOutcome::Open | AttemptOutcome::Answers => Some(answered.unwrap_or(Usage {
            input_tokens: trail.input_tokens().into(),
            estimated: true,
            ..Usage::default()
        })),
    }
}

/// The number of a call, where `last` is the one whose answer counts: that one's is always the same,
/// however much is known of the others.
fn number(at: usize, last: usize) -> u32 {
    let number = match at.cmp(&last) {
        Ordering::Equal => 0,
        Ordering::Less => at + 1,
        Ordering::Greater => at,
    };
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// All that was charged together.
pub(crate) fn total(charges: &[Charge]) -> (u64, Micros) {
    charges.iter().fold((0, Micros::default()), |(tokens, cost), charge| {
        (tokens.saturating_add(charge.tokens.total()), cost.plus(charge.cost))
    })
}

impl Inner {
    /// A charge for each call of the trail. `answered` is what the last one used that was not left
    /// before.
    pub(crate) fn charges(
        &self,
        account: &Account,
        trail: &Trail,
        answered: Option<Usage>,
    ) -> Vec<Charge> {
        let calls = trail.calls();
        let open = calls.iter().rposition(is_open);
        let last = open.or_else(|| calls.iter().rposition(was_made)).unwrap_or_default();
        let mut charges = Vec::with_capacity(calls.len());
        for (at, call) in calls.into_iter().enumerate() {
            let answered = answered.filter(|_| open == Some(at));
            if let Some(usage) = usage(&call, trail, answered) {
                charges.push(self.charge(account, number(at, last), call, usage));
            }
        }
        charges
    }

    fn charge(&self, account: &Account, number: u32, call: Attempt, usage: Usage) -> Charge {
        let Attempt { model, provider, upstream, .. } = call;
        let price = self.price_of(&model, account);
        let tokens = TokenParts::from(usage);
        Charge {
            id: self.ports.ids.next(),
            at: self.ports.clock.now(),
            purpose: account.purpose,
            conversation: account.conversation,
            response: account.response,
            attempt: account.first_attempt.saturating_add(number),
            model,
            asked: account.asked.clone(),
            provider,
            upstream,
            tokens,
            price,
            cost: price.of(tokens),
            estimated: usage.estimated,
        }
    }

    /// What the model costs now; one that nobody has configured, what the one costs that was asked
    /// for.
    fn price_of(&self, model: &str, account: &Account) -> Price {
        self.ports.models.get(model).map_or(account.price, |model| model.price)
    }

    /// Charges the calls of a trail that no turn's end will charge. What they used is taken from what
    /// was set aside, if anything was.
    pub(crate) fn charge_unstored(
        self: &Arc<Self>,
        account: &Account,
        trail: &Trail,
        set_aside: Option<&mut Admission>,
    ) {
        let charges = self.charges(account, trail, trail.usage());
        let (tokens, cost) = total(&charges);
        match set_aside {
            Some(admission) => admission.spend(tokens, cost),
            None if charges.is_empty() => {}
            None => self.ports.limiter.debit(&account.scope, &account.asked, tokens, cost),
        }
        self.record(account.scope.clone(), charges);
    }

    /// Adds charges that come with no turn's end. Goes on while the store cannot be reached, in a
    /// task of its own; [`ChatService::drain`](crate::ChatService::drain) waits for it.
    pub(crate) fn record(self: &Arc<Self>, scope: Scope, charges: Vec<Charge>) {
        if charges.is_empty() {
            return;
        }
        let Ok(place) = Arc::clone(&self.unrecorded).try_acquire_owned() else {
            return lost(&scope, &charges, &TooMany);
        };
        let inner = Arc::clone(self);
        self.spawn_turn(async move {
            if let Err(error) = inner.recorded(&scope, &charges).await {
                lost(&scope, &charges, &error);
            }
            drop(place);
        });
    }

    async fn recorded(&self, scope: &Scope, charges: &[Charge]) -> Result<(), StoreError> {
        let mut pauses = PAUSES.into_iter().chain(PAUSES.last().copied().into_iter().cycle());
        let mut last_pauses = LAST_PAUSES.into_iter();
        loop {
            let recorded = self.ports.ledger.record(scope, charges.to_vec()).await;
            if !matches!(recorded, Err(StoreError::Unavailable(_))) {
                return recorded;
            }
            if !self.shutdown.is_cancelled() {
                let pause = tokio::time::sleep(pauses.next().unwrap_or_default());
                self.shutdown.run_until_cancelled(pause).await;
            } else if let Some(pause) = last_pauses.next() {
                tokio::time::sleep(pause).await;
            } else {
                return recorded;
            }
        }
    }

    /// Watches over calls that belong to no turn, for which this is set aside.
    pub(crate) fn billed(
        self: &Arc<Self>,
        account: Account,
        set_aside: Option<Admission>,
    ) -> Billed {
        Billed { inner: Arc::clone(self), account, set_aside, trail: Trail::default() }
    }
}

/// More charges wait for the store than it is worth to keep.
#[derive(Debug, thiserror::Error)]
#[error("too many charges wait for the store")]
struct TooMany;

/// Says whose charges are lost, and which: whoever keeps the books can enter them by hand.
fn lost(scope: &Scope, charges: &[Charge], error: &(dyn std::error::Error + 'static)) {
    for charge in charges {
        tracing::error!(
            error,
            tenant = scope.tenant.as_str(),
            user = scope.user.as_str(),
            purpose = charge.purpose.as_str(),
            response = charge.response.map(tracing::field::display),
            conversation = charge.conversation.map(tracing::field::display),
            model = charge.model,
            input = charge.tokens.input,
            cached = charge.tokens.cached,
            cache_write = charge.tokens.cache_write,
            output = charge.tokens.output,
            reasoning = charge.tokens.reasoning,
            cost = charge.cost.0,
            "a charge is lost"
        );
    }
}

/// Calls that belong to no turn. Each is charged when the next is made or this is dropped, whatever
/// became of it.
pub(crate) struct Billed {
    inner: Arc<Inner>,
    account: Account,
    set_aside: Option<Admission>,
    trail: Trail,
}

impl Billed {
    /// For the next call.
    pub(crate) fn next(&mut self) -> Trail {
        self.charge();
        self.trail.clone()
    }

    fn charge(&mut self) {
        let trail = std::mem::take(&mut self.trail);
        self.inner.charge_unstored(&self.account, &trail, self.set_aside.as_mut());
        let calls = u32::try_from(trail.calls().len()).unwrap_or(u32::MAX);
        self.account.first_attempt = self.account.first_attempt.saturating_add(calls);
    }
}

impl Drop for Billed {
    fn drop(&mut self) {
        self.charge();
    }
}
