//! The accounts of a process, and which of them have something to say to the store.

use std::{collections::VecDeque, sync::Arc};

use loquat_store::{Exchange, Exchanged};
use tokio::{sync::oneshot, time::Instant};

use crate::{
    account::{Account, Answer, Refusal, Sent, Served, Verdict},
    error::{Failed, Unavailable},
    holds::Hold,
    key::{ByKey, Key},
    rules::Count,
    standing::Level,
};

/// The most exchanges of a batch: a few milliseconds of a database.
const BATCH: usize = 256;

/// Of a batch, what those for whom somebody waits fill at the most while others have something to
/// say: leases are renewed in time however many wait.
const ASKING: usize = 192;

/// What is wanted of a count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Want<'a> {
    pub(crate) count: &'a Count,
    pub(crate) amount: u64,
}

/// How it came out that several amounts were wanted at once.
pub(crate) enum Attempt<'a> {
    /// All are taken.
    Taken(Vec<Hold>),
    /// Nothing is taken, and the store is asked for those that lack.
    Asked {
        /// Those that lack.
        asked: Vec<(&'a Count, oneshot::Receiver<Answer>)>,
        /// Those that fit now.
        others: Vec<Want<'a>>,
    },
    /// One cannot be had; nothing is taken.
    Reached(&'a Count, Refusal),
}

/// What goes to the store at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) exchanges: Vec<Exchange>,
    sent: Vec<(Arc<Key>, Sent)>,
}

#[derive(Default)]
pub(crate) struct Book {
    accounts: ByKey<Account>,
    /// Somebody waits for these.
    asking: VecDeque<Arc<Key>>,
    /// These give back, owe, or have a lease to renew.
    due: VecDeque<Arc<Key>>,
    /// Everything that is not in use is given back.
    everything: bool,
}

impl Book {
    fn account(&mut self, now: Instant, count: &Count) -> &mut Account {
        let account =
            self.accounts.entry(Arc::clone(&count.key)).or_insert_with(|| Account::new(count, now));
        account.go_by(count);
        account
    }

    /// Takes all amounts or none.
    pub(crate) fn attempt<'a>(&mut self, now: Instant, wants: &[Want<'a>]) -> Attempt<'a> {
        let mut latest: Option<(&Count, Refusal)> = None;
        let (mut lacking, mut others) = (Vec::new(), Vec::new());
        for want in wants {
            match self.account(now, want.count).verdict(now, want.amount) {
                Verdict::Fits => others.push(*want),
                Verdict::Ask => lacking.push(*want),
                Verdict::Reached(refusal) => {
                    if latest.is_none_or(|(_, other)| other.lasts() < refusal.lasts()) {
                        latest = Some((want.count, refusal));
                    }
                }
            }
        }
        if let Some((count, refusal)) = latest {
            Attempt::Reached(count, refusal)
        } else if lacking.is_empty() {
            Attempt::Taken(wants.iter().map(|want| self.take(now, want)).collect())
        } else {
            let ask = |want: Want<'a>| (want.count, self.ask(now, want));
            Attempt::Asked { asked: lacking.into_iter().map(ask).collect(), others }
        }
    }

    fn take(&mut self, now: Instant, want: &Want<'_>) -> Hold {
        let taken = self.account(now, want.count).take(now, want.amount);
        Hold { key: Arc::clone(&want.count.key), taken }
    }

    /// Waits for an amount, or for what the store says, if that is 0.
    pub(crate) fn ask(&mut self, now: Instant, want: Want<'_>) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let account = self.account(now, want.count);
        account.wait(now, want.amount, answer);
        if !std::mem::replace(&mut account.is_queued, true) {
            self.asking.push_back(Arc::clone(&want.count.key));
        }
        answered
    }

    /// What is left, if the store has said it a moment ago.
    pub(crate) fn is_known(&self, now: Instant, count: &Count) -> bool {
        self.accounts.get(&count.key).is_some_and(|account| account.is_known(now))
    }

    pub(crate) fn level(&mut self, now: Instant, count: &Count) -> Level {
        self.account(now, count).level(now)
    }

    pub(crate) fn debit(&mut self, now: Instant, count: &Count, amount: u64) {
        if amount > 0 {
            self.account(now, count).debit(now, amount);
        }
    }

    /// Of what was taken `used` was used.
    pub(crate) fn spend(&mut self, now: Instant, hold: &mut Hold, used: u64) {
        // An account stays as long as something of it is out.
        if let Some(account) = self.accounts.get_mut(&hold.key) {
            account.spend(now, &mut hold.taken, used);
        }
    }

    /// Ends what was taken: what is left of it can be had again.
    pub(crate) fn give_back(&mut self, now: Instant, hold: &Hold) {
        if let Some(account) = self.accounts.get_mut(&hold.key) {
            account.give_back(now, hold.taken);
        }
    }

    /// Of what was taken from one account `used` was used together. What was used without anything
    /// having been taken is owed.
    pub(crate) fn spend_of<'a>(
        &mut self,
        now: Instant,
        count: &Count,
        holds: impl Iterator<Item = &'a mut Hold>,
        used: u64,
    ) {
        let mut left = used;
        let mut holds = holds.peekable();
        if holds.peek().is_none() {
            self.debit(now, count, used);
        }
        while let Some(hold) = holds.next() {
            let is_last = holds.peek().is_none();
            let of_this = if is_last { left } else { hold.taken.amount.min(left) };
            left -= of_this;
            self.spend(now, hold, of_this);
        }
    }

    /// From time to time: finds the accounts that have something to say though nobody waits, and
    /// forgets those that nobody needs. False when there are none of the first kind. Everything that
    /// is not in use is given back if `everything` is.
    pub(crate) fn tick(&mut self, now: Instant, everything: bool) -> bool {
        self.everything = everything;
        self.accounts.retain(|_, account| !account.is_forgettable(now));
        if self.due.is_empty() {
            let due = self.accounts.iter_mut().filter_map(|(key, account)| {
                account.is_due(now, everything).then(|| Arc::clone(key))
            });
            self.due.extend(due);
        }
        !self.due.is_empty()
    }

    /// What to say to the store next; `None` when there is nothing.
    pub(crate) fn batch(&mut self, now: Instant) -> Option<Batch> {
        let mut batch = Batch::default();
        self.fill(now, &mut batch, ASKING, |book| book.asking.pop_front());
        self.fill(now, &mut batch, BATCH, |book| book.due.pop_front());
        self.fill(now, &mut batch, BATCH, |book| book.asking.pop_front());
        (!batch.sent.is_empty()).then_some(batch)
    }

    fn fill(
        &mut self,
        now: Instant,
        batch: &mut Batch,
        most: usize,
        next: impl Fn(&mut Self) -> Option<Arc<Key>>,
    ) {
        while batch.sent.len() < most
            && let Some(key) = next(self)
        {
            let Some(account) = self.accounts.get_mut(&key) else { continue };
            account.is_queued = false;
            if let Some((exchange, sent)) = account.exchange(now, self.everything) {
                batch.exchanges.push(exchange);
                batch.sent.push((key, sent));
            }
        }
    }

    /// What the store has answered to a batch.
    pub(crate) fn answered(
        &mut self,
        asked_at: Instant,
        now: Instant,
        batch: Batch,
        answer: Result<&[Exchanged], &Failed>,
    ) -> Vec<(Arc<Key>, Served)> {
        let mut all = Vec::new();
        for (place, (key, sent)) in batch.sent.into_iter().enumerate() {
            let Some(account) = self.accounts.get_mut(&key) else { continue };
            let served = match answer.map(|exchanged| exchanged.get(place)) {
                Ok(Some(exchanged)) => account.exchanged(now, asked_at, sent, *exchanged),
                Ok(None) => account.failed(sent, &Failed::new(Unavailable::Silent.into())),
                Err(failed) => account.failed(sent, failed),
            };
            if account.has_waiting() && !std::mem::replace(&mut account.is_queued, true) {
                self.asking.push_back(Arc::clone(&key));
            }
            all.extend(served.into_iter().map(|served| (Arc::clone(&key), served)));
        }
        all
    }
}
