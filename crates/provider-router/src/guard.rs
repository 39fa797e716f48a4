//! What stands around one provider.

mod breaker;
mod health;
mod options;
mod refusal;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use loquat_provider::{ChatProvider, ProviderError};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use breaker::{Breaker, Change};
pub(crate) use breaker::{Elsewhere, Pass};
pub use health::{Circuit, Health, LastFailure};
pub use options::GuardOptions;
pub use refusal::Refusal;

/// One provider and its guard, which all models at that provider share.
///
/// The guard limits how many answers the provider gives at once and lets a bounded number of further
/// calls wait; it stops calling a provider that is broken and tries it again with one call at a time;
/// and it keeps the provider's `Retry-After`.
pub struct Upstream {
    name: String,
    provider: Arc<dyn ChatProvider>,
    options: GuardOptions,
    places: Option<Arc<Semaphore>>,
    waiting: AtomicUsize,
    in_flight: AtomicUsize,
    breaker: Mutex<Breaker>,
}

impl Upstream {
    /// A provider by its configured name, of which nothing bad is known.
    pub fn new(
        name: impl Into<String>,
        provider: Arc<dyn ChatProvider>,
        options: GuardOptions,
    ) -> Self {
        Self {
            name: name.into(),
            provider,
            options,
            places: options.max_concurrent.map(|places| Arc::new(Semaphore::new(places))),
            waiting: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            breaker: Mutex::new(Breaker::new(options)),
        }
    }

    /// The provider's configured name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it stands at this moment.
    pub fn health(&self) -> Health {
        let (breaker, now) = (self.breaker(), Instant::now());
        Health {
            provider: self.name.clone(),
            circuit: breaker.circuit(now),
            failures: breaker.failures(),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
            max_concurrent: self.options.max_concurrent,
            last_failure: breaker.last_failure(now),
            next_probe_in: breaker.next_probe_in(now),
            asked_to_wait: breaker.asked_to_wait(now),
        }
    }

    pub(crate) fn provider(&self) -> &dyn ChatProvider {
        self.provider.as_ref()
    }

    /// Why a call would not be made at this moment, whatever the queue is like.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.breaker().refusal(Instant::now(), Elsewhere::Somebody)
    }

    /// Lets a call in, perhaps after a wait in the queue. Dropping the future leaves the queue.
    ///
    /// # Errors
    ///
    /// [`Refusal`] when the call must not be made; nobody was called.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        elsewhere: Elsewhere,
    ) -> Result<Admission, Refusal> {
        if let Some(refusal) = self.breaker().refusal(Instant::now(), elsewhere) {
            return Err(refusal);
        }
        let place = self.place().await?;
        // While it waited, the provider may have broken, or somebody else may be trying it. The place
        // goes on to the next then, so that a queue at a broken provider is told at once.
        let pass = self.breaker().pass(Instant::now(), elsewhere)?;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(Admission { upstream: Arc::clone(self), pass: Some(pass), _place: place })
    }

    async fn place(&self) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let Some(places) = &self.places else { return Ok(None) };
        if let Ok(place) = Arc::clone(places).try_acquire_owned() {
            return Ok(Some(place));
        }
        let _waiting = Waiting::join(&self.waiting, self.options.max_queue)?;
        let place = Arc::clone(places).acquire_owned();
        match tokio::time::timeout(self.options.queue_timeout, place).await {
            Ok(place) => Ok(place.ok()),
            Err(_) => Err(Refusal::QueueTimeout),
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies what a call has shown, and tells the operator when that changes the circuit.
    fn learn(&self, lesson: impl FnOnce(&mut Breaker) -> Option<Change>) {
        let change = lesson(&mut self.breaker());
        match change {
            None => {}
            Some(Change::InDoubt { code, wait }) => {
                let wait_ms = millis(wait);
                tracing::info!(provider = self.name, code, wait_ms, "provider is in doubt");
            }
            Some(Change::Opened { code, wait }) => {
                let wait_ms = millis(wait);
                tracing::warn!(
                    provider = self.name,
                    code,
                    wait_ms,
                    "provider is not asked for now"
                );
            }
            Some(Change::Closed) => {
                tracing::info!(provider = self.name, "provider answers again");
            }
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("health", &self.health()).finish_non_exhaustive()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A call that was let in. It has its place until it is dropped.
pub(crate) struct Admission {
    upstream: Arc<Upstream>,
    /// Taken when the call has shown what its provider is like.
    pass: Option<Pass>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Admission {
    /// The answer begins, or the provider has refused the request in its right mind.
    pub(crate) fn answers(&mut self) {
        self.pass = None;
        self.upstream.learn(Breaker::answers);
    }

    /// The answer is whole.
    pub(crate) fn whole(&mut self) {
        self.upstream.breaker().whole();
    }

    /// The call failed, before or after its answer began.
    pub(crate) fn failed(&mut self, error: &ProviderError) {
        let pass = self.pass.take();
        self.upstream.learn(|breaker| breaker.failed(pass, error, Instant::now()));
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.upstream.breaker().left(pass);
        }
        self.upstream.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place in the queue.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(waiting: &'a AtomicUsize, most: usize) -> Result<Self, Refusal> {
        let one_more = |now: usize| (now < most).then_some(now + 1);
        match waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Self(waiting)),
            Err(_) => Err(Refusal::QueueFull),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
