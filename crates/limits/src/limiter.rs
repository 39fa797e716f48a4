//! The limiter.

use std::sync::Arc;

use loquat_domain::{Micros, Scope, TenantId};
use loquat_store::LimitStore;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::{Admission, ConfiguredLimits, LimitError, Standing, shared::Shared, worker};

/// Keeps everybody within the limits. Cheap to clone; all clones are one limiter.
///
/// Limits hold for all processes that share a store, each with a limiter of its own.
#[derive(Clone)]
pub struct Limiter {
    shared: Arc<Shared>,
    /// Only to end it.
    _worker: Arc<AbortOnDropHandle<()>>,
}

impl Limiter {
    /// A limiter for the process that the store is to know as `holder`, which no other process is.
    /// Starts a task on `runtime` that ends with the last clone and the last admission.
    pub fn new(
        store: Arc<dyn LimitStore>,
        configured: ConfiguredLimits,
        holder: Uuid,
        runtime: &Handle,
    ) -> Self {
        let shared = Arc::new(Shared::new(store, configured, holder, runtime.clone()));
        let worker = runtime.spawn(worker::run(Arc::clone(&shared)));
        Self { shared, _worker: Arc::new(AbortOnDropHandle::new(worker)) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Counts a request and a stream for this scope and model.
    ///
    /// The request is counted for its minute whatever becomes of it; the stream until the admission
    /// is dropped. Dropping the future counts nothing.
    ///
    /// # Errors
    ///
    /// [`LimitError::Reached`] when there is no room for the request or the stream within one of the
    /// limits; [`LimitError::Store`] when the store has to be asked and does not answer. Nothing is
    /// counted then.
    pub async fn admit(&self, scope: &Scope, model: &str) -> Result<Admission, LimitError> {
        let rules = self.shared.rules(scope).await?;
        Admission::new(self.clone(), rules.counts(&scope.user, model)).await
    }

    /// Counts what was used without having been set aside, whatever the limits are: what nobody was
    /// asked about, and turns that were taken over from another process.
    pub fn debit(&self, scope: &Scope, model: &str, tokens: u64, cost: Micros) {
        self.shared.debit_by_rules(scope, model, tokens, cost);
    }

    /// The limits that hold for this scope and what is left of each, for all models together and
    /// for the one that is named, or for each if none is. Asks the store about those of which it has
    /// said nothing for a moment.
    ///
    /// # Errors
    ///
    /// [`LimitError::Store`] when the store does not answer.
    pub async fn standings(
        &self,
        scope: &Scope,
        model: Option<&str>,
    ) -> Result<Vec<Standing>, LimitError> {
        let rules = self.shared.rules(scope).await?;
        let counts = match model {
            Some(model) => rules.counts(&scope.user, model),
            None => rules.counts_of_all_models(&scope.user).into(),
        };
        self.shared.look(&counts).await?;
        Ok(self.shared.standings(&counts))
    }

    /// Forgets what is known of the limits that are set for a tenant, because they were just changed:
    /// whoever asks next goes by the new ones. Without this, as in other processes, they hold after
    /// five seconds.
    pub fn changed(&self, tenant: &TenantId) {
        self.shared.changed(tenant);
    }

    /// Gives back what was taken in advance, and returns when the store knows of it or does not
    /// answer; for the end of a process, when its admissions are gone. The limiter can be used
    /// afterwards.
    pub async fn close(&self) {
        self.shared.close().await;
    }
}
