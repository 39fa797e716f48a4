//! One count, as far as this process has a part in it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use loquat_domain::{Meter, Timestamp};
use loquat_store::{AllowanceKey, Exchange, Exchanged};
use tokio::{sync::oneshot, time::Instant};

use crate::{demand::Demand, error::Failed, holds::Grant, key::Key, rules::Count, standing::Level};

/// How long streams stay counted for a process that is not heard of. Long enough for a store that
/// fails over, short enough that a process that died keeps nobody waiting.
pub(crate) const LEASE: Duration = Duration::from_secs(15);

/// When streams are counted anew: two attempts may fail.
const RENEW_AFTER: Duration = Duration::from_secs(5);

/// How long it is believed that there is no more than the store said.
const BELIEVED: Duration = Duration::from_millis(250);

/// When everything that is not in use is given back.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// When an account that nobody uses is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(10);

/// When to come again for what will come back: nobody knows when a stream ends.
const RETRY_SOON: Duration = Duration::from_secs(1);

/// The part of what is left that is taken in advance at the most: one in so many. With a few
/// processes, what lies about unused is a small part of what is left.
const ADVANCE: u64 = 16;

/// The most that may wait for one answer of the store; beyond that it is not keeping up.
pub(crate) const MOST_WAITING: usize = 1_024;

/// What becomes of somebody who waits.
pub(crate) type Answer = Result<Option<Grant>, Refused>;

/// Why somebody who waited gets nothing.
pub(crate) enum Refused {
    Reached(Refusal),
    /// The store has failed.
    Failed(Failed),
    /// Too many wait already.
    Crowded,
    /// Nobody will answer any more.
    GivenUp,
}

/// A limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) level: Level,
    /// `None` where it is no use to come again.
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// How long it will be the same.
    pub(crate) fn lasts(&self) -> Duration {
        self.retry_after.unwrap_or(Duration::MAX)
    }
}

/// Somebody who waits for an amount.
struct Waiting {
    amount: u64,
    answer: oneshot::Sender<Answer>,
}

/// An answer that is to be sent once nothing is locked.
pub(crate) struct Served {
    pub(crate) answer: oneshot::Sender<Answer>,
    pub(crate) outcome: Outcome,
}

/// What somebody who waited got.
pub(crate) enum Outcome {
    /// Only wanted to know.
    Told,
    Taken(Taken),
    Refused(Refused),
}

/// An amount that was taken from an account, to be given back to it in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) amount: u64,
    /// In which period.
    period: Option<Timestamp>,
}

/// Whether an amount can be had.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// At once.
    Fits,
    /// No, as the store has said a moment ago.
    Reached(Refusal),
    /// The store has to be asked.
    Ask,
}

/// What an exchange that is on its way was about, in case that it fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    most: u64,
    surplus: u64,
    debt: u64,
    period: Option<Timestamp>,
    /// Everything that the store may have had of ours was given back, to be taken anew.
    anew: bool,
    /// Nothing was given back or paid, whatever there was: it was not known whether the store is there.
    is_probe: bool,
}

/// What the store has said.
#[derive(Debug, Clone, Copy)]
struct Seen {
    taken: u64,
    period: Timestamp,
    /// Never, for streams.
    ends: Option<Instant>,
    /// When it was asked, which is no later than when it answered: periods end too early here rather
    /// than too late, and so do leases.
    asked_at: Instant,
    heard_at: Instant,
}

impl Seen {
    /// Whether it was said a moment ago.
    fn is_recent(&self, now: Instant) -> bool {
        now < self.heard_at + BELIEVED
    }
}

/// What this process has of one count: what it took and did not use, and what it used and did not
/// take.
pub(crate) struct Account {
    key: Arc<Key>,
    most: u64,
    /// When that was known.
    as_of: Instant,
    /// What is there for whoever comes.
    balance: u64,
    /// What was used and is still to be taken, whatever the limit is. Never beside a balance.
    debt: u64,
    /// What is on its way back to the store.
    away: u64,
    /// What the store has said of the present period. `None` for streams when it is not known what
    /// the store has of ours: then there is no balance, and everything is taken anew.
    seen: Option<Seen>,
    /// How many amounts are out that will be given back; for streams, each is one.
    out: u64,
    /// How much that is together, of the present period; what of it is not used will come back.
    amount_out: u64,
    /// The limit has become less: what was taken before is to be given back and asked for again.
    recalled: bool,
    waiting: VecDeque<Waiting>,
    demand: Demand,
    used_at: Instant,
    /// Stands in the queue of those for whom somebody waits.
    pub(crate) is_queued: bool,
    contact: Contact,
}

/// How an account stands with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contact {
    Good,
    /// An exchange is on its way.
    UnderWay,
    /// Nobody knows whether an exchange has taken place, and none has succeeded since.
    Lost,
}

impl Account {
    pub(crate) fn new(count: &Count, now: Instant) -> Self {
        Self {
            key: Arc::clone(&count.key),
            most: count.most,
            as_of: count.as_of,
            balance: 0,
            debt: 0,
            away: 0,
            seen: None,
            out: 0,
            amount_out: 0,
            recalled: false,
            waiting: VecDeque::new(),
            demand: Demand::new(now),
            used_at: now,
            is_queued: false,
            contact: Contact::Good,
        }
    }

    /// Goes by this limit, unless a later one is known.
    pub(crate) fn go_by(&mut self, count: &Count) {
        if count.as_of > self.as_of {
            self.recalled |= count.most < self.most;
            (self.most, self.as_of) = (count.most, count.as_of);
        }
    }

    fn counts_streams(&self) -> bool {
        self.key.meter == Meter::Streams
    }

    /// Ends the period or the lease that is over.
    fn turn(&mut self, now: Instant) {
        let is_over = self.seen.is_some_and(|seen| match seen.ends {
            Some(ends) => ends <= now,
            None => seen.asked_at + LEASE <= now,
        });
        if is_over {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.seen = None;
        self.balance = 0;
        self.debt = 0;
        self.amount_out = 0;
    }

    /// What all have taken, as far as is known.
    fn taken(&self) -> u64 {
        self.seen.map_or(0, |seen| seen.taken).saturating_add(self.debt)
    }

    /// What nobody has taken, and what this process has and does not use.
    fn within_reach(&self) -> u64 {
        let unused = self.balance.saturating_add(self.away);
        self.most.saturating_sub(self.taken().saturating_sub(unused))
    }

    fn period(&self) -> Option<Timestamp> {
        self.seen.map(|seen| seen.period)
    }

    pub(crate) fn level(&mut self, now: Instant) -> Level {
        self.turn(now);
        let ends = self.seen.and_then(|seen| seen.ends);
        let resets_in = match ends {
            Some(ends) => ends.saturating_duration_since(now),
            None if self.counts_streams() => RETRY_SOON,
            None => Duration::ZERO,
        };
        Level { most: self.most, remaining: self.within_reach(), resets_in }
    }

    /// How much of what is out may come back. A request is used by being let in, though that is said a
    /// moment later.
    fn may_come_back(&self) -> u64 {
        if self.key.meter == Meter::RequestsPerMinute { 0 } else { self.amount_out }
    }

    fn refusal(&mut self, now: Instant, amount: u64) -> Refusal {
        let level = self.level(now);
        let with_what_is_out = level.remaining.saturating_add(self.may_come_back());
        let retry_after = if amount > self.most {
            None
        } else if amount <= with_what_is_out {
            Some(RETRY_SOON)
        } else {
            Some(level.resets_in)
        };
        Refusal { level, retry_after }
    }

    /// Whether an amount can be had.
    pub(crate) fn verdict(&mut self, now: Instant, amount: u64) -> Verdict {
        self.turn(now);
        if amount <= self.balance && self.waiting.is_empty() && !self.recalled {
            return Verdict::Fits;
        }
        let can_be = if self.is_known(now) { self.within_reach() } else { self.most };
        if amount > can_be && self.seen.is_some() {
            return Verdict::Reached(self.refusal(now, amount));
        }
        Verdict::Ask
    }

    /// Whether what the store has said is a moment old at the most.
    pub(crate) fn is_known(&self, now: Instant) -> bool {
        self.seen.is_some_and(|seen| seen.is_recent(now))
    }

    /// Takes an amount that fits.
    pub(crate) fn take(&mut self, now: Instant, amount: u64) -> Taken {
        self.balance = self.balance.saturating_sub(amount);
        self.out = self.out.saturating_add(1);
        self.amount_out = self.amount_out.saturating_add(amount);
        self.demand.add(now, amount);
        self.used_at = now;
        Taken { amount, period: self.period() }
    }

    /// Waits for an amount; 0 waits for what the store says.
    pub(crate) fn wait(&mut self, now: Instant, amount: u64, answer: oneshot::Sender<Answer>) {
        self.used_at = now;
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(Waiting { amount, answer });
        } else {
            // Nobody can have dropped the other end yet.
            drop(answer.send(Err(Refused::Crowded)));
        }
    }

    /// Of what was taken `used` was used: it stays taken for good, and what was used beyond it is
    /// owed. Changes nothing but the amount once the period is over that it was taken in.
    pub(crate) fn spend(&mut self, now: Instant, taken: &mut Taken, used: u64) {
        self.turn(now);
        let of_it = used.min(taken.amount);
        taken.amount -= of_it;
        if self.is_present(*taken) {
            self.amount_out = self.amount_out.saturating_sub(of_it);
            self.debt = self.debt.saturating_add(used - of_it);
            self.pay();
        }
    }

    /// Ends what was taken: what is left of it can be had again, unless the period is over that it was
    /// taken in.
    pub(crate) fn give_back(&mut self, now: Instant, taken: Taken) {
        self.turn(now);
        self.out = self.out.saturating_sub(1);
        if self.is_present(taken) {
            self.amount_out = self.amount_out.saturating_sub(taken.amount);
            self.balance = self.balance.saturating_add(taken.amount);
            self.pay();
        }
    }

    /// Whether it was taken in the present period.
    fn is_present(&self, taken: Taken) -> bool {
        self.seen.is_some() && taken.period == self.period()
    }

    /// Counts what was used without having been taken, in the present period.
    pub(crate) fn debit(&mut self, now: Instant, amount: u64) {
        self.turn(now);
        self.used_at = now;
        self.debt = self.debt.saturating_add(amount);
        self.pay();
    }

    fn pay(&mut self) {
        let paid = self.debt.min(self.balance);
        self.debt -= paid;
        self.balance -= paid;
    }

    /// What is worth having in advance.
    fn portion(&mut self, now: Instant, lack: u64) -> u64 {
        if self.seen.is_none() || self.recalled {
            return 0;
        }
        let free = self.most.saturating_sub(self.taken());
        let spare = free.saturating_sub(lack) / ADVANCE;
        self.demand.of_last_second(now).min(spare)
    }

    /// What is not worth having any longer. Twice the portion may lie about, so that what comes and
    /// goes does not make an exchange each time.
    fn surplus(&mut self, now: Instant, everything: bool) -> u64 {
        // What is given back to a store that is not there is lost until the period ends.
        if self.contact == Contact::Lost || !self.waiting.is_empty() && !self.recalled {
            return 0;
        }
        let is_idle = now.saturating_duration_since(self.used_at) >= IDLE_AFTER;
        let keep = if everything || is_idle { 0 } else { self.portion(now, 0) };
        if self.balance > keep.saturating_mul(2) { self.balance - keep } else { 0 }
    }

    /// Whether there is something to say to the store, though nobody waits.
    pub(crate) fn is_due(&mut self, now: Instant, everything: bool) -> bool {
        self.turn(now);
        let renews = self.counts_streams()
            && self.balance.saturating_add(self.out) > 0
            && self.seen.is_none_or(|seen| seen.asked_at + RENEW_AFTER <= now);
        renews
            || self.debt > 0
            || self.contact == Contact::Lost && self.balance > 0
            || self.recalled && self.balance > 0
            || self.surplus(now, everything) > 0
    }

    /// Whether nothing is lost when the account is.
    pub(crate) fn is_forgettable(&self, now: Instant) -> bool {
        let is_empty = self.balance == 0 && self.debt == 0 && self.out == 0;
        let is_under_way = self.contact == Contact::UnderWay;
        let is_old = now.saturating_duration_since(self.used_at) >= FORGET_AFTER;
        is_empty && is_old && !is_under_way && self.waiting.is_empty() && !self.is_queued
    }

    /// What to say to the store now, if anything.
    pub(crate) fn exchange(&mut self, now: Instant, everything: bool) -> Option<(Exchange, Sent)> {
        self.forget_who_left();
        let is_idle = self.waiting.is_empty() && !self.is_due(now, everything);
        if is_idle || self.contact == Contact::UnderWay {
            return None;
        }
        self.turn(now);
        let anew = self.counts_streams() && self.seen.is_none();
        let is_probe = self.contact == Contact::Lost;
        let surplus = self.surplus(now, everything);
        // What was owed in the call of which nobody knows may be counted; not again by each that fails.
        let debt = if is_probe { 0 } else { self.debt };
        let sent = Sent { most: self.most, surplus, debt, period: self.period(), anew, is_probe };
        self.contact = Contact::UnderWay;
        self.balance -= surplus;
        self.away = surplus;
        self.debt -= debt;
        // What is granted in a call of which nobody hears is lost, too.
        let (need, want) = match (anew, is_probe) {
            (true, _) => self.wanted(now, self.out),
            (false, true) => (0, 0),
            (false, false) => self.wanted(now, 0),
        };
        let exchange = Exchange {
            key: AllowanceKey::clone(&self.key),
            most: self.most,
            returned: if anew { i64::MAX } else { signed(surplus).saturating_sub(signed(debt)) },
            returned_to: sent.period,
            need,
            want,
        };
        Some((exchange, sent))
    }

    /// The least that is of use and the most that is wanted: for streams that run but are not
    /// counted, for those who wait, and some in advance.
    fn wanted(&mut self, now: Instant, uncounted: u64) -> (u64, u64) {
        let asked = self.waiting.iter().map(|waiting| waiting.amount).filter(|amount| *amount > 0);
        let least = asked.clone().min();
        let lack = asked.fold(uncounted, u64::saturating_add).saturating_sub(self.balance);
        let need = match least {
            _ if uncounted > 0 => uncounted,
            Some(least) => least.saturating_sub(self.balance).max(1),
            None => return (0, 0),
        };
        let want = lack.saturating_add(self.portion(now, lack)).min(Exchange::MOST);
        (need, want.max(need))
    }

    /// The store has answered: what can be served is.
    pub(crate) fn exchanged(
        &mut self,
        now: Instant,
        asked_at: Instant,
        sent: Sent,
        exchanged: Exchanged,
    ) -> Vec<Served> {
        self.contact = Contact::Good;
        self.away = 0;
        self.turn(now);
        if self.seen.is_some_and(|seen| seen.period != exchanged.period) {
            self.lose();
        }
        if let Some(seen) = self.seen_now(now, asked_at, sent, exchanged) {
            self.seen = Some(seen);
            self.balance = self.balance.saturating_add(exchanged.granted);
            if sent.anew {
                self.debt = self.debt.saturating_add(self.out);
            }
            self.pay();
            // What a probe kept is still to be given back.
            self.recalled &= sent.is_probe || sent.most > self.most;
        }
        self.serve(now)
    }

    /// What the store has said, unless it says nothing of the present: the period was over when the
    /// answer came, or it is not known whether the lease was over when the store was reached.
    fn seen_now(
        &self,
        now: Instant,
        asked_at: Instant,
        sent: Sent,
        exchanged: Exchanged,
    ) -> Option<Seen> {
        let Exchanged { taken, period, .. } = exchanged;
        let seen = Seen { taken, period, ends: None, asked_at, heard_at: now };
        if self.counts_streams() {
            return (sent.anew || self.seen.is_some()).then_some(seen);
        }
        let left = exchanged.ends.as_micros().saturating_sub(exchanged.now.as_micros());
        let ends = asked_at + Duration::from_micros(left.max(0).unsigned_abs());
        (now < ends).then_some(Seen { ends: Some(ends), ..seen })
    }

    /// First come, first served, as far as it fits; whoever cannot get it is told so. All go on waiting
    /// while the store has said nothing of the present.
    fn serve(&mut self, now: Instant) -> Vec<Served> {
        self.forget_who_left();
        let mut served = Vec::new();
        while self.seen.is_some()
            && let Some(amount) = self.waiting.front().map(|waiting| waiting.amount)
        {
            let outcome = if amount == 0 {
                Outcome::Told
            } else if self.recalled {
                break;
            } else if amount <= self.balance {
                Outcome::Taken(self.take(now, amount))
            } else if amount > self.within_reach() {
                Outcome::Refused(Refused::Reached(self.refusal(now, amount)))
            } else {
                break;
            };
            let Some(Waiting { answer, .. }) = self.waiting.pop_front() else { break };
            served.push(Served { answer, outcome });
        }
        served
    }

    /// The store has failed, and so has everybody who waited for it.
    pub(crate) fn failed(&mut self, sent: Sent, failed: &Failed) -> Vec<Served> {
        let is_lost = failed.is_ambiguous() || sent.is_probe;
        self.contact = if is_lost { Contact::Lost } else { Contact::Good };
        self.away = 0;
        if failed.is_ambiguous() && self.counts_streams() {
            self.lose();
        } else if self.period() == sent.period {
            self.debt = self.debt.saturating_add(sent.debt);
            if !failed.is_ambiguous() {
                self.balance = self.balance.saturating_add(sent.surplus);
            }
            self.pay();
        }
        let refused = |waiting: Waiting| {
            let outcome = Outcome::Refused(Refused::Failed(failed.clone()));
            Served { answer: waiting.answer, outcome }
        };
        self.waiting.drain(..).map(refused).collect()
    }

    fn forget_who_left(&mut self) {
        self.waiting.retain(|waiting| !waiting.answer.is_closed());
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
