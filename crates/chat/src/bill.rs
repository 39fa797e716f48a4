//! What calls of providers cost, and who is told.

use std::{sync::Arc, time::Duration};

use loquat_domain::{
    Charge, ConversationId, Micros, Price, Purpose, ResponseId, Scope, TokenParts, Usage,
};
use loquat_provider::{Attempt, AttemptOutcome, Trail};
use loquat_store::StoreError;

use crate::{Model, service::Inner};

/// Waits between attempts to add a charge while the store cannot be reached.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
];

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
    pub(crate) asked: Arc<Model>,
    /// Tokens of the prompt by our count: what a call that was left has used, for all we know.
    pub(crate) input_tokens: u32,
}

impl Account {
    /// The call that there was when whoever was called wrote nothing down: that of a provider which
    /// asks nobody else.
    fn one_call(&self) -> Attempt {
        Attempt {
            model: self.asked.id.clone(),
            provider: self.asked.owner.clone(),
            upstream: self.asked.upstream.clone(),
            outcome: AttemptOutcome::Answers,
            used: None,
        }
    }

    /// What a call used, where `answered` is what the answer did, if this was the one.
    fn usage(&self, attempt: &Attempt, answered: Option<Usage>) -> Option<Usage> {
        match attempt.outcome {
            AttemptOutcome::NotMade(_) => None,
            // Refused, or broken before it began: mostly nobody is known to have counted anything.
            AttemptOutcome::Failed(_) => Some(attempt.used.unwrap_or_default()),
            AttemptOutcome::Open | AttemptOutcome::Answers => Some(answered.unwrap_or(Usage {
                input_tokens: self.input_tokens.into(),
                estimated: true,
                ..Usage::default()
            })),
        }
    }
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
        let mut attempts = trail.attempts();
        if attempts.is_empty() {
            attempts.push(account.one_call());
        }
        let is_open = |attempt: &Attempt| {
            matches!(attempt.outcome, AttemptOutcome::Open | AttemptOutcome::Answers)
        };
        let last = attempts.iter().rposition(is_open);
        let mut charges = Vec::with_capacity(attempts.len());
        for (at, attempt) in attempts.into_iter().enumerate() {
            let answered = answered.filter(|_| last == Some(at));
            if let Some(usage) = account.usage(&attempt, answered) {
                charges.push(self.charge(account, at, attempt, usage));
            }
        }
        charges
    }

    fn charge(&self, account: &Account, at: usize, attempt: Attempt, usage: Usage) -> Charge {
        let Attempt { model, provider, upstream, .. } = attempt;
        let price = self.price_of(&model, &account.asked);
        let tokens = TokenParts::from(usage);
        Charge {
            id: self.ports.ids.next(),
            at: self.ports.clock.now(),
            purpose: account.purpose,
            conversation: account.conversation,
            response: account.response,
            attempt: account.first_attempt.saturating_add(u32::try_from(at).unwrap_or(u32::MAX)),
            model,
            asked: account.asked.id.clone(),
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
    fn price_of(&self, model: &str, asked: &Model) -> Price {
        self.ports.models.get(model).map_or(asked.price, |model| model.price)
    }

    /// Charges the calls of a trail that no turn's end will charge.
    pub(crate) fn charge_unstored(self: &Arc<Self>, account: &Account, trail: &Trail) {
        // Nobody was called, or nobody who says so.
        if trail.attempts().is_empty() && trail.usage().is_none() {
            return;
        }
        let charges = self.charges(account, trail, trail.usage());
        let (tokens, cost) = total(&charges);
        self.ports.limiter.debit(&account.scope, &account.asked.id, tokens, cost);
        self.record(account.scope.clone(), charges);
    }

    /// Adds charges that come with no turn's end. Goes on while the store cannot be reached, in a
    /// task of its own; [`ChatService::drain`](crate::ChatService::drain) waits for it.
    pub(crate) fn record(self: &Arc<Self>, scope: Scope, charges: Vec<Charge>) {
        if charges.is_empty() {
            return;
        }
        let ledger = Arc::clone(&self.ports.ledger);
        self.spawn_turn(async move {
            let mut pauses = PAUSES.iter();
            while let Err(error) = ledger.record(&scope, charges.clone()).await {
                if let (StoreError::Unavailable(_), Some(pause)) = (&error, pauses.next()) {
                    tokio::time::sleep(*pause).await;
                } else {
                    let error: &dyn std::error::Error = &error;
                    let (tokens, cost) = total(&charges);
                    tracing::error!(error, tokens, cost = cost.0, "charges are lost");
                    return;
                }
            }
        });
    }

    /// Watches over calls that belong to no turn.
    pub(crate) fn billed(self: &Arc<Self>, account: Account) -> Billed {
        Billed { inner: Arc::clone(self), account, trail: Trail::default() }
    }
}

/// Calls that belong to no turn: when it is dropped, whatever became of them, they are charged.
pub(crate) struct Billed {
    inner: Arc<Inner>,
    account: Account,
    trail: Trail,
}

impl Billed {
    /// For whoever calls.
    pub(crate) fn trail(&self) -> Trail {
        self.trail.clone()
    }

    /// The number of the first call that follows these.
    pub(crate) fn next_attempt(&self) -> u32 {
        let calls = self.trail.attempts().len().max(1);
        self.account.first_attempt.saturating_add(u32::try_from(calls).unwrap_or(u32::MAX))
    }
}

impl Drop for Billed {
    fn drop(&mut self) {
        self.inner.charge_unstored(&self.account, &self.trail);
    }
}
