//! The turns in progress in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use loquat_domain::{ConversationId, ResponseId, Scope};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::log::Log;

/// A turn in progress in this process.
#[derive(Debug)]
pub(crate) struct LiveTurn {
    pub(crate) scope: Scope,
    pub(crate) response: ResponseId,
    /// False for a turn that leaves no trace: nobody can name it.
    pub(crate) stored: bool,
    /// The conversation that it takes place in, if that is listed.
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) log: Arc<Log>,
    pub(crate) stop: Arc<Stop>,
    /// Cancelled once the turn has ended and its end is stored.
    pub(crate) ended: CancellationToken,
    pub(crate) last_sign_of_life: Mutex<Instant>,
}

/// Asks a turn to end.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    token: CancellationToken,
    reason: OnceLock<StopReason>,
}

/// Why a turn was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// Its owner stopped it, or its last reader went away.
    Cancelled,
    /// The process is being stopped.
    Shutdown,
}

impl Stop {
    /// Asks the turn to end; the first reason counts.
    pub(crate) fn ask(&self, reason: StopReason) {
        self.reason.get_or_init(|| reason);
        self.token.cancel();
    }

    /// Completes when the turn was asked to end.
    pub(crate) async fn asked(&self) -> StopReason {
        self.token.cancelled().await;
        self.reason()
    }

    /// The reason, if the turn was asked to end.
    pub(crate) fn was_asked(&self) -> Option<StopReason> {
        self.token.is_cancelled().then(|| self.reason())
    }

    fn reason(&self) -> StopReason {
        self.reason.get().copied().unwrap_or(StopReason::Cancelled)
    }
}

/// All turns in progress in this process.
#[derive(Debug, Default)]
pub(crate) struct LiveTurns(Mutex<HashMap<(Scope, ResponseId), Arc<LiveTurn>>>);

impl LiveTurns {
    pub(crate) fn insert(&self, turn: &Arc<LiveTurn>) {
        self.lock().insert((turn.scope.clone(), turn.response), Arc::clone(turn));
    }

    pub(crate) fn remove(&self, turn: &LiveTurn) {
        self.lock().remove(&(turn.scope.clone(), turn.response));
    }

    /// The stored turn of that response.
    pub(crate) fn get(&self, scope: &Scope, response: ResponseId) -> Option<Arc<LiveTurn>> {
        self.lock().get(&(scope.clone(), response)).filter(|turn| turn.stored).cloned()
    }

    pub(crate) fn in_conversation(&self, scope: &Scope, id: ConversationId) -> Vec<Arc<LiveTurn>> {
        self.lock()
            .values()
            .filter(|turn| turn.conversation == Some(id) && turn.scope == *scope)
            .cloned()
            .collect()
    }

    pub(crate) fn all(&self) -> Vec<Arc<LiveTurn>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Scope, ResponseId), Arc<LiveTurn>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
