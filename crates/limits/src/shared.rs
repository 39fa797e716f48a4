//! What the limiter, its admissions and its tasks share.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use loquat_domain::{Micros, Scope, TenantId};
use loquat_store::LimitStore;
use tokio::{
    runtime::Handle,
    sync::{Notify, oneshot},
    time::Instant,
};
use uuid::Uuid;

use crate::{
    ConfiguredLimits, LimitError, Standing,
    account::{Answer, LEASE, Outcome, Served},
    book::{Attempt, Batch, Book, Want},
    error::{Failed, Unavailable, caught},
    holds::{Grant, Hold, answer},
    rulebook::{Found, Read, Rulebook},
    rules::{Count, Rules},
};

pub(crate) struct Shared {
    store: Arc<dyn LimitStore>,
    /// What the store knows this process by.
    holder: Uuid,
    rulebook: Rulebook,
    book: Mutex<Book>,
    /// Those who wait for everything to be given back.
    closing: Mutex<Vec<oneshot::Sender<()>>>,
    /// Rung when somebody waits for the worker.
    pub(crate) wake: Notify,
    runtime: Handle,
}

impl Shared {
    pub(crate) fn new(
        store: Arc<dyn LimitStore>,
        configured: ConfiguredLimits,
        holder: Uuid,
        runtime: Handle,
    ) -> Self {
        let (rulebook, wake) = (Rulebook::new(configured), Notify::new());
        let (book, closing) = (Mutex::default(), Mutex::default());
        Self { store, holder, rulebook, book, closing, wake, runtime }
    }

    /// The limits that hold within the scope's tenant.
    pub(crate) async fn rules(self: &Arc<Self>, scope: &Scope) -> Result<Arc<Rules>, LimitError> {
        let (found, reads) = self.rulebook.look_up(Instant::now(), &scope.tenant);
        if reads {
            self.read(scope.clone());
        }
        match found {
            Found::Rules(rules) => Ok(rules),
            Found::Later(answered) => match answered.await {
                Ok(answer) => answer.map_err(|failed| LimitError::Store(failed.to_error())),
                Err(_) => Err(LimitError::Store(Unavailable::GivenUp.into())),
            },
            Found::Crowded => Err(LimitError::Store(Unavailable::Crowded.into())),
        }
    }

    /// Reads what is set for the scope's tenant, whether or not somebody goes on waiting for it.
    fn read(self: &Arc<Self>, scope: Scope) {
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            loop {
                let begun_at = Instant::now();
                let result = caught(shared.store.limits(&scope)).await;
                match shared.rulebook.read(begun_at, Instant::now(), &scope.tenant, result) {
                    Read::Again => {}
                    Read::Failed => break,
                    Read::Count(rules, debits) => {
                        for ((user, model), (tokens, cost)) in debits {
                            shared.debit_all(&rules.counts(&user, &model), tokens, cost);
                        }
                        break;
                    }
                }
            }
        });
    }

    /// See [`Rulebook::changed`].
    pub(crate) fn changed(&self, tenant: &TenantId) {
        self.rulebook.changed(tenant);
    }

    /// Counts what was used without having been taken; kept until it is known in which counts.
    pub(crate) fn debit_by_rules(&self, scope: &Scope, model: &str, tokens: u64, cost: Micros) {
        let used = (tokens, cost);
        if let Some(rules) = self.rulebook.rules_or_keep(Instant::now(), scope, model, used) {
            self.debit_all(&rules.counts(&scope.user, model), tokens, cost);
        }
    }

    fn debit_all(&self, counts: &[Count], tokens: u64, cost: Micros) {
        let now = Instant::now();
        let mut book = self.book();
        for count in counts {
            book.debit(now, count, count.share(tokens, cost));
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closing(&self) -> MutexGuard<'_, Vec<oneshot::Sender<()>>> {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn attempt<'a>(&self, wants: &[Want<'a>]) -> Attempt<'a> {
        let attempt = self.book().attempt(Instant::now(), wants);
        if matches!(attempt, Attempt::Asked { .. }) {
            self.wake.notify_one();
        }
        attempt
    }

    /// Ends what was taken; what is left of it can be had again.
    pub(crate) fn give_back(&self, holds: impl IntoIterator<Item = Hold>) {
        let mut holds = holds.into_iter().peekable();
        if holds.peek().is_some() {
            let now = Instant::now();
            let mut book = self.book();
            for hold in holds {
                book.give_back(now, &hold);
            }
        }
    }

    /// All of what was taken was used.
    pub(crate) fn use_up(&self, mut holds: Vec<Hold>) {
        if holds.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut book = self.book();
        for hold in &mut holds {
            let amount = hold.taken.amount;
            book.spend(now, hold, amount);
            book.give_back(now, hold);
        }
    }

    /// Of what was taken from these counts so much was used.
    pub(crate) fn spend(&self, counts: &[Count], holds: &mut [Hold], tokens: u64, cost: Micros) {
        let now = Instant::now();
        let mut book = self.book();
        for count in counts {
            let of_count = holds.iter_mut().filter(|hold| hold.key == count.key);
            book.spend_of(now, count, of_count, count.share(tokens, cost));
        }
    }

    pub(crate) fn standings(&self, counts: &[Count]) -> Vec<Standing> {
        let now = Instant::now();
        let mut book = self.book();
        counts.iter().map(|count| book.level(now, count).of(count.limit.clone())).collect()
    }

    /// Asks the store about the counts of which it has said nothing for a moment.
    pub(crate) async fn look(&self, counts: &[Count]) -> Result<(), LimitError> {
        for (count, answered) in self.ask(counts) {
            answer(count, answered).await?;
        }
        Ok(())
    }

    fn ask<'a>(&self, counts: &'a [Count]) -> Vec<(&'a Count, oneshot::Receiver<Answer>)> {
        let now = Instant::now();
        let mut book = self.book();
        let mut asked = Vec::new();
        for count in counts {
            if !book.is_known(now, count) {
                asked.push((count, book.ask(now, Want { count, amount: 0 })));
            }
        }
        self.wake.notify_one();
        asked
    }

    /// Gives back what is not in use, and returns when that is done or has failed.
    pub(crate) async fn close(&self) {
        let (done, is_done) = oneshot::channel();
        self.closing().push(done);
        self.wake.notify_one();
        // Without a worker nothing can be given back, and nobody answers.
        drop(is_done.await);
    }

    /// Those who wait for everything to be given back.
    pub(crate) fn closers(&self) -> Vec<oneshot::Sender<()>> {
        mem::take(&mut *self.closing())
    }

    /// See [`Rulebook::tick`] and [`Book::tick`].
    pub(crate) fn tick(self: &Arc<Self>, everything: bool) -> bool {
        let now = Instant::now();
        for scope in self.rulebook.tick(now) {
            self.read(scope);
        }
        self.book().tick(now, everything)
    }

    pub(crate) fn batch(&self) -> Option<Batch> {
        self.book().batch(Instant::now())
    }

    /// Says it to the store, and answers those who wait for it.
    pub(crate) async fn exchange(self: &Arc<Self>, mut batch: Batch) -> Result<(), Failed> {
        let asked_at = Instant::now();
        let exchanges = mem::take(&mut batch.exchanges);
        let answer = caught(self.store.exchange(self.holder, LEASE, exchanges)).await;
        let said = answer.as_ref().map(Vec::as_slice);
        let served = self.book().answered(asked_at, Instant::now(), batch, said);
        for (key, Served { answer, outcome }) in served {
            let outcome = match outcome {
                Outcome::Told => Ok(None),
                Outcome::Taken(taken) => Ok(Some(Grant::new(self, Hold { key, taken }))),
                Outcome::Refused(refused) => Err(refused),
            };
            // What does not arrive is given back.
            drop(answer.send(outcome));
        }
        answer.map(drop)
    }
}
