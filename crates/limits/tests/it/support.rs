//! A store whose clock is the runtime's, which counts its calls and fails when it is told to.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use loquat_domain::{Limit, LimitKey, Meter, RawJson, Scope, TenantId, Timestamp, UserId, Whom};
use loquat_limits::{ConfiguredLimits, LimitError, Limiter};
use loquat_store::{AllowanceKey, AuditEntry, Exchange, Exchanged, LimitStore, StoreError};
use loquat_testkit::{FakeClock, MemoryStore};
use tokio::{runtime::Handle, time::Instant};
use uuid::Uuid;

pub(crate) const MODEL: &str = "small";

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").expect("a name")
}

pub(crate) fn scope(user: &str) -> Scope {
    Scope { tenant: tenant(), user: UserId::new(user).expect("a name") }
}

pub(crate) fn limit(whom: Whom, meter: Meter, most: u64) -> Limit {
    Limit { key: LimitKey { whom, model: None, meter }, most: Some(most) }
}

pub(crate) fn of_tenant(meter: Meter, most: u64) -> ConfiguredLimits {
    configured([limit(Whom::Tenant, meter, most)])
}

pub(crate) fn configured(limits: impl IntoIterator<Item = Limit>) -> ConfiguredLimits {
    ConfiguredLimits { every_tenant: limits.into_iter().collect(), ..Default::default() }
}

/// Lets everything happen that happens within this time.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

pub(crate) async fn pass_secs(secs: u64) {
    pass(Duration::from_secs(secs)).await;
}

/// Lets so much time pass that it must be done in one step.
pub(crate) async fn skip(time: Duration) {
    tokio::time::advance(time).await;
}

pub(crate) fn is_reached<T>(result: &Result<T, LimitError>) -> bool {
    matches!(result, Err(LimitError::Reached { .. }))
}

/// How calls fail.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// Nothing has taken place, and nobody can know.
    Lost,
    /// It has taken place, and nobody can know.
    Unheard,
    /// Nothing has taken place, as everybody knows.
    Refused,
}

impl Fault {
    fn error(self) -> StoreError {
        match self {
            Self::Lost | Self::Unheard => StoreError::Unavailable("cut off".into()),
            Self::Refused => StoreError::Internal("refused".into()),
        }
    }
}

pub(crate) struct TestStore {
    inner: MemoryStore,
    clock: FakeClock,
    start: Instant,
    /// How long a call is on its way, there and back each.
    way: Duration,
    fault: Mutex<Option<Fault>>,
    exchanges: AtomicU64,
    readings: AtomicU64,
}

impl TestStore {
    /// A store that is a millisecond away, there and back.
    pub(crate) fn new() -> Arc<Self> {
        Self::at(Duration::from_micros(500))
    }

    pub(crate) fn at(way: Duration) -> Arc<Self> {
        let clock = FakeClock::default();
        Arc::new(Self {
            inner: MemoryStore::with_clock(clock.clone()),
            clock,
            start: Instant::now(),
            way,
            fault: Mutex::default(),
            exchanges: AtomicU64::new(0),
            readings: AtomicU64::new(0),
        })
    }

    /// A limiter of this process, which is the one with this number.
    pub(crate) fn limiter(self: &Arc<Self>, number: u128, limits: ConfiguredLimits) -> Limiter {
        let store: Arc<dyn LimitStore> = Arc::<Self>::clone(self);
        Limiter::new(store, limits, Uuid::from_u128(number), &Handle::current())
    }

    /// All calls fail like this from now on, or none.
    pub(crate) fn fail(&self, fault: Option<Fault>) {
        *self.fault.lock().expect("nobody panics") = fault;
    }

    pub(crate) fn exchanges(&self) -> u64 {
        self.exchanges.load(Ordering::SeqCst)
    }

    pub(crate) fn readings(&self) -> u64 {
        self.readings.load(Ordering::SeqCst)
    }

    /// What all have taken together of what the tenant is limited in.
    pub(crate) async fn taken(&self, meter: Meter) -> u64 {
        self.set_clock();
        let key = AllowanceKey { tenant: tenant(), user: None, model: None, meter };
        let look = Exchange { key, most: 0, returned: 0, returned_to: None, need: 0, want: 0 };
        let answer = self.inner.exchange(Uuid::nil(), Duration::ZERO, vec![look]).await;
        answer.expect("a store that works").first().expect("an answer").taken
    }

    pub(crate) async fn set(&self, limit: Limit) {
        let audit = AuditEntry {
            id: Uuid::nil(),
            at: self.clock.now(),
            actor: scope("root").user,
            act: AuditEntry::SET_LIMIT.to_owned(),
            subject: "acme".to_owned(),
            details: RawJson::from_checked("{}"),
        };
        self.inner.set_limit(&scope("root"), limit, audit).await.expect("a store that works");
    }

    /// The store's clock shows the time that has passed by that of the runtime.
    fn set_clock(&self) {
        let began = Timestamp::from_micros(1_756_684_800_000_000);
        self.clock.set(began.plus(self.start.elapsed()));
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        tokio::time::sleep(self.way).await;
        self.set_clock();
        let fault = *self.fault.lock().expect("nobody panics");
        let answer = match fault {
            Some(fault @ (Fault::Lost | Fault::Refused)) => Err(fault.error()),
            Some(fault @ Fault::Unheard) => call.await.and(Err(fault.error())),
            None => call.await,
        };
        tokio::time::sleep(self.way).await;
        answer
    }
}

#[async_trait]
impl LimitStore for TestStore {
    async fn exchange(
        &self,
        holder: Uuid,
        lease: Duration,
        batch: Vec<Exchange>,
    ) -> Result<Vec<Exchanged>, StoreError> {
        self.exchanges.fetch_add(1, Ordering::SeqCst);
        self.call(self.inner.exchange(holder, lease, batch)).await
    }

    async fn limits(&self, scope: &Scope) -> Result<Vec<Limit>, StoreError> {
        self.readings.fetch_add(1, Ordering::SeqCst);
        self.call(self.inner.limits(scope)).await
    }

    async fn set_limit(&self, _: &Scope, _: Limit, _: AuditEntry) -> Result<(), StoreError> {
        unreachable!("the limiter sets no limits")
    }

    async fn remove_limit(&self, _: &Scope, _: LimitKey, _: AuditEntry) -> Result<(), StoreError> {
        unreachable!("the limiter removes no limits")
    }
}
