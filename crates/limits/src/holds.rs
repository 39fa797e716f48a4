//! What was taken from accounts, until it is given back.

use std::{mem, sync::Arc};

use loquat_domain::{Meter, Micros};
use tokio::sync::oneshot;

use crate::{
    LimitError,
    account::{Answer, Refused, Taken},
    book::{Attempt, Want},
    error::Unavailable,
    key::Key,
    rules::Count,
    shared::Shared,
};

/// What was taken from one account.
pub(crate) struct Hold {
    pub(crate) key: Arc<Key>,
    pub(crate) taken: Taken,
}

/// What somebody who waited got; given back when it does not arrive.
pub(crate) struct Grant {
    shared: Arc<Shared>,
    hold: Option<Hold>,
}

impl Grant {
    pub(crate) fn new(shared: &Arc<Shared>, hold: Hold) -> Self {
        Self { shared: Arc::clone(shared), hold: Some(hold) }
    }

    fn accept(mut self) -> Option<Hold> {
        self.hold.take()
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.shared.give_back(self.hold.take());
    }
}

/// What was taken from any number of accounts; given back when dropped.
pub(crate) struct Holds {
    shared: Arc<Shared>,
    holds: Vec<Hold>,
}

impl Holds {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), holds: Vec::new() }
    }

    /// Takes all that is wanted, and nothing when that cannot be had; waits for the store where it
    /// has to be asked. What fits is taken last, so that whoever waits keeps nobody else out.
    pub(crate) async fn take(&mut self, mut wants: Vec<Want<'_>>) -> Result<(), LimitError> {
        wants.retain(|want| want.amount > 0);
        let mut taken = Self::new(&self.shared);
        loop {
            match self.shared.attempt(&wants) {
                Attempt::Taken(holds) => {
                    self.holds.append(&mut taken.holds);
                    self.holds.extend(holds);
                    return Ok(());
                }
                Attempt::Reached(count, refusal) => {
                    return Err(Refused::Reached(refusal).into_error(count));
                }
                Attempt::Asked { asked, others } => {
                    for (count, answered) in asked {
                        taken.holds.extend(answer(count, answered).await?);
                    }
                    wants = others;
                }
            }
        }
    }

    /// What was taken is used.
    pub(crate) fn use_up(&mut self) {
        self.shared.use_up(mem::take(&mut self.holds));
    }

    /// What was taken of one meter, to be held apart.
    pub(crate) fn split_off(&mut self, meter: Meter) -> Self {
        let holds = self.holds.extract_if(.., |hold| hold.key.meter == meter).collect();
        Self { shared: Arc::clone(&self.shared), holds }
    }

    /// Of what was taken from these counts so much was used.
    pub(crate) fn spend(&mut self, counts: &[Count], tokens: u64, cost: Micros) {
        self.shared.spend(counts, &mut self.holds, tokens, cost);
    }

    /// Gives everything back that is left.
    pub(crate) fn give_back(&mut self) {
        self.shared.give_back(mem::take(&mut self.holds));
    }
}

impl Drop for Holds {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Waits for what the store says about a count.
pub(crate) async fn answer(
    count: &Count,
    answered: oneshot::Receiver<Answer>,
) -> Result<Option<Hold>, LimitError> {
    match answered.await.unwrap_or(Err(Refused::GivenUp)) {
        Ok(grant) => Ok(grant.and_then(Grant::accept)),
        Err(refused) => Err(refused.into_error(count)),
    }
}

impl Refused {
    fn into_error(self, count: &Count) -> LimitError {
        match self {
            Self::Reached(refusal) => LimitError::Reached {
                standing: refusal.level.of(count.limit.clone()),
                retry_after: refusal.retry_after,
            },
            Self::Failed(failed) => LimitError::Store(failed.to_error()),
            Self::Crowded => LimitError::Store(Unavailable::Crowded.into()),
            Self::GivenUp => LimitError::Store(Unavailable::GivenUp.into()),
        }
    }
}
