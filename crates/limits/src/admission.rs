//! A request that was let in.

use std::sync::Arc;

use loquat_domain::{Meter, Micros};

use crate::{LimitError, Limiter, Standing, book::Want, holds::Holds, rules::Count};

/// A request that was let in, and what is set aside for it. Dropping it ends its stream and gives back
/// what was set aside and not settled.
pub struct Admission {
    limiter: Limiter,
    /// Everything that it is counted in.
    counts: Arc<[Count]>,
    /// Given back when dropped.
    _stream: Holds,
    reserved: Holds,
}

impl Admission {
    pub(crate) async fn new(limiter: Limiter, counts: Arc<[Count]>) -> Result<Self, LimitError> {
        let mut taken = Holds::new(limiter.shared());
        taken.take(counts.iter().filter_map(of_admission).collect()).await?;
        let stream = taken.split_off(Meter::Streams);
        taken.use_up();
        let reserved = Holds::new(limiter.shared());
        Ok(Self { limiter, counts, _stream: stream, reserved })
    }

    /// Sets aside what will be used at the most, beside what is set aside already.
    ///
    /// Dropping the future sets nothing aside.
    ///
    /// # Errors
    ///
    /// [`LimitError::Reached`] when one of the limits has not so much left, or is less than that
    /// altogether; [`LimitError::Store`] when the store has to be asked and does not answer. Nothing
    /// is set aside then, and what was before is kept.
    pub async fn reserve(&mut self, tokens: u64, cost: Micros) -> Result<(), LimitError> {
        let wants =
            self.counts.iter().map(|count| Want { count, amount: count.share(tokens, cost) });
        self.reserved.take(wants.collect()).await
    }

    /// The limits that this request is counted in, and what is left of them, as far as is known.
    pub fn standings(&self) -> Vec<Standing> {
        self.limiter.shared().standings(&self.counts)
    }

    /// Says what was really used so far, and keeps the rest set aside. What was used beyond what was
    /// set aside is counted, whatever the limits are.
    ///
    /// What was set aside in a day or month that is over changes nothing in the present one.
    pub fn spend(&mut self, tokens: u64, cost: Micros) {
        self.reserved.spend(&self.counts, tokens, cost);
    }

    /// The same, and gives back what is left of what was set aside. What is said after that is counted
    /// too, as used without anything having been set aside.
    pub fn settle(&mut self, tokens: u64, cost: Micros) {
        self.spend(tokens, cost);
        self.reserved.give_back();
    }
}

fn of_admission(count: &Count) -> Option<Want<'_>> {
    let is_of_admission = matches!(count.key.meter, Meter::RequestsPerMinute | Meter::Streams);
    is_of_admission.then_some(Want { count, amount: 1 })
}
