//! The service and what it is made of.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use loquat_context::TokenCounter;
use loquat_domain::{
    Item, ItemContent, ItemId, ItemStatus, ResponseId, Scope, Timestamp, check_text,
};
use loquat_limits::{ConfiguredLimits, Limiter};
use loquat_store::{
    AccessStore, ContextStore, ConversationStore, Ledger, LimitStore, Store, TurnStore, Upkeep,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore},
};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};

use crate::{
    ChatError, Clock, IdSource, Limits, Missing, Model, ModelCatalog, Summariser, SystemClock,
    SystemIds, access::Access, live::LiveTurns, transcript,
};

/// How long the ends of the turns that a stop has cut off may take to be stored.
const LAST_COMMITS: Duration = Duration::from_secs(4);

/// How long the store may take to hear what of the limits is not needed any more.
const LAST_EXCHANGE: Duration = Duration::from_secs(1);

/// Everything outside that the service needs.
#[derive(Clone)]
pub struct Ports {
    /// What people see and edit.
    pub conversations: Arc<dyn ConversationStore>,
    /// The work of producing answers.
    pub turns: Arc<dyn TurnStore>,
    /// What is derived from the beginning of long conversations.
    pub context: Arc<dyn ContextStore>,
    /// What has to be done from time to time.
    pub upkeep: Arc<dyn Upkeep>,
    /// What was used and what it cost.
    pub ledger: Arc<dyn Ledger>,
    /// The limits that were set while processes run.
    pub limits: Arc<dyn LimitStore>,
    /// Who may use how much.
    pub limiter: Limiter,
    /// Whose access is revoked, and the audit log.
    pub access: Arc<dyn AccessStore>,
    /// Who writes summaries; `None` for none.
    pub summariser: Option<Arc<dyn Summariser>>,
    /// The models that callers may name.
    pub models: ModelCatalog,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
}

impl Ports {
    /// Everything on one store, by the machine's clock and randomness; without configured limits, and
    /// without anybody who writes summaries.
    pub fn on<S: Store>(store: &Arc<S>, models: ModelCatalog, runtime: &Handle) -> Self {
        let limits: Arc<dyn LimitStore> = Arc::<S>::clone(store);
        Self {
            conversations: Arc::<S>::clone(store),
            turns: Arc::<S>::clone(store),
            context: Arc::<S>::clone(store),
            upkeep: Arc::<S>::clone(store),
            ledger: Arc::<S>::clone(store),
            limiter: Limiter::new(
                Arc::clone(&limits),
                ConfiguredLimits::default(),
                SystemIds.next(),
                runtime,
            ),
            limits,
            access: Arc::<S>::clone(store),
            summariser: None,
            models,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
        }
    }
}

/// The use cases. Cheap to clone; all clones are one service.
#[derive(Clone)]
pub struct ChatService {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) ports: Ports,
    pub(crate) limits: Limits,
    pub(crate) live: LiveTurns,
    /// Whose access is revoked, as this process knows it.
    pub(crate) access: Access,
    /// Rung when a turn has more unsaved events than can wait for the next round.
    pub(crate) save_now: Notify,
    /// Places for turns in the background, those that wait and those that are at work.
    pub(crate) background: Arc<Semaphore>,
    /// Places for turns in the background that are at work.
    pub(crate) at_work: Semaphore,
    /// Places for charges that wait for the store.
    pub(crate) unrecorded: Arc<Semaphore>,
    /// Cancelled when the turns that still run must end.
    pub(crate) shutdown: CancellationToken,
    draining: AtomicBool,
    tasks: TaskTracker,
    runtime: Handle,
}

impl ChatService {
    /// A service whose turns run on `runtime`, which must be a multi-thread runtime: turns go on
    /// when their callers' futures are dropped. Starts the tasks that write checkpoints, recover
    /// turns of dead processes and forget what is over; they end when the last clone is dropped.
    pub fn new(ports: Ports, limits: Limits, runtime: Handle) -> Self {
        let inner = Arc::new(Inner {
            ports,
            limits,
            live: LiveTurns::default(),
            access: Access::default(),
            save_now: Notify::new(),
            background: Arc::new(Semaphore::new(
                limits.background_at_work.saturating_add(limits.background_queue),
            )),
            at_work: Semaphore::new(limits.background_at_work),
            unrecorded: Arc::new(Semaphore::new(crate::bill::MOST_UNRECORDED)),
            shutdown: CancellationToken::new(),
            draining: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            runtime,
        });
        inner.runtime.spawn(crate::checkpoints::run(Arc::downgrade(&inner)));
        inner.runtime.spawn(crate::recovery::run(Arc::downgrade(&inner)));
        inner.runtime.spawn(crate::upkeep::run(Arc::downgrade(&inner)));
        inner.runtime.spawn(crate::derived::run(Arc::downgrade(&inner)));
        inner.runtime.spawn(crate::access::run(Arc::downgrade(&inner)));
        Self { inner }
    }

    /// The models that callers may name.
    pub fn models(&self) -> &ModelCatalog {
        &self.inner.ports.models
    }

    /// The models that this scope may name, by name.
    pub fn models_for(&self, scope: &Scope) -> impl Iterator<Item = &Arc<Model>> {
        self.models().iter().filter(|model| model.is_for(&scope.tenant))
    }

    /// What time it is for the service.
    pub fn now(&self) -> Timestamp {
        self.inner.ports.clock.now()
    }

    /// Succeeds when new turns can be accepted: the store answers and the process is not being
    /// stopped.
    ///
    /// # Errors
    ///
    /// [`ChatError::ShuttingDown`]; [`ChatError::Store`].
    pub async fn ready(&self) -> Result<(), ChatError> {
        self.inner.accepts_turns()?;
        self.inner.ports.upkeep.ping().await.map_err(ChatError::Store)
    }

    /// Refuses new turns from now on.
    pub fn refuse_turns(&self) {
        self.inner.draining.store(true, Ordering::SeqCst);
    }

    /// Refuses new turns from now on and ends the running ones as incomplete, without waiting for
    /// that.
    pub fn stop_turns(&self) {
        self.refuse_turns();
        self.inner.shutdown.cancel();
    }

    /// Refuses new turns from now on, waits up to `patience` for the running ones, then ends those
    /// that are left as incomplete, with what they have stored.
    pub async fn drain(&self, patience: Duration) {
        self.refuse_turns();
        self.inner.tasks.close();
        if tokio::time::timeout(patience, self.inner.tasks.wait()).await.is_err() {
            self.stop_turns();
            // A store that does not answer must not hold up the stop: what is not stored by then is
            // ended by whoever finds it.
            let _ = tokio::time::timeout(LAST_COMMITS, self.inner.tasks.wait()).await;
        }
        // What was set aside and is not needed any more.
        let _ = tokio::time::timeout(LAST_EXCHANGE, self.inner.ports.limiter.close()).await;
    }
}

impl Inner {
    pub(crate) fn accepts_turns(&self) -> Result<(), ChatError> {
        if self.draining.load(Ordering::SeqCst) { Err(ChatError::ShuttingDown) } else { Ok(()) }
    }

    /// The model of that name, or the one of those who name none. One that the tenant may not use
    /// is not there.
    pub(crate) fn model(&self, scope: &Scope, name: Option<&str>) -> Result<Arc<Model>, ChatError> {
        let models = &self.ports.models;
        let model = match name {
            Some(name) => models.get(name),
            None => Some(models.default_model()),
        };
        let model = model.filter(|model| model.is_for(&scope.tenant));
        model.cloned().ok_or(ChatError::NotFound(Missing::Model))
    }

    /// Runs a turn as a task that [`ChatService::drain`] waits for.
    pub(crate) fn spawn_turn(&self, turn: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(turn, &self.runtime);
    }

    /// Runs work to its end even if the caller's future is dropped.
    pub(crate) async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ChatError>> + Send + 'static,
    ) -> Result<T, ChatError> {
        self.runtime.spawn(work).await.unwrap_or(Err(ChatError::Internal))
    }

    /// Runs work on the runtime and cancels it when the caller's future is dropped.
    pub(crate) async fn attached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ChatError>> + Send + 'static,
    ) -> Result<T, ChatError> {
        let work = AbortOnDropHandle::new(self.runtime.spawn(work));
        work.await.unwrap_or(Err(ChatError::Internal))
    }

    /// Does what takes a processor long, and waits for nothing, beside the runtime's workers.
    pub(crate) async fn off_workers<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ChatError> {
        self.runtime.spawn_blocking(work).await.map_err(|_| ChatError::Internal)
    }

    pub(crate) fn tools<'a>(&'a self, counter: &'a dyn TokenCounter) -> transcript::Tools<'a> {
        transcript::Tools {
            ids: self.ports.ids.as_ref(),
            clock: self.ports.clock.as_ref(),
            counter,
        }
    }

    /// Counts what no model has been chosen for yet.
    pub(crate) fn default_counter(&self) -> &dyn TokenCounter {
        self.ports.models.default_model().counter.as_ref()
    }

    /// Makes items of what a caller sent.
    pub(crate) fn new_items(
        &self,
        counter: &dyn TokenCounter,
        contents: Vec<ItemContent>,
        response: Option<ResponseId>,
    ) -> Vec<Item> {
        contents
            .into_iter()
            .map(|content| Item {
                id: ItemId::from_uuid(self.ports.ids.next()),
                response,
                tokens: counter.item(&content),
                counter: counter.id(),
                content,
                status: ItemStatus::Completed,
                created_at: self.ports.clock.now(),
            })
            .collect()
    }

    /// Refuses what no store can keep or what is too large.
    pub(crate) fn check_contents(
        &self,
        contents: &[ItemContent],
        param: &'static str,
    ) -> Result<(), ChatError> {
        if contents.len() > self.limits.max_turn_items {
            let message = format!("at most {} items at a time", self.limits.max_turn_items);
            return Err(ChatError::Invalid { param, message });
        }
        for content in contents {
            let texts = content.texts();
            if texts.iter().any(|text| check_text(text).is_err()) {
                return Err(ChatError::InvalidText { param });
            }
            let bytes: usize = texts.iter().map(|text| text.len()).sum();
            if bytes > self.limits.max_item_bytes {
                let message = format!(
                    "an item has at most {} bytes of text, this one has {bytes}",
                    self.limits.max_item_bytes
                );
                return Err(ChatError::Invalid { param, message });
            }
        }
        Ok(())
    }

    pub(crate) fn not_found(missing: Missing) -> impl Fn(loquat_store::StoreError) -> ChatError {
        move |error| ChatError::from_store(error, missing)
    }
}
