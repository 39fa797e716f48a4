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
    /// The conversation that it takes place in, if that is listed, once that is known.
    pub(crate) conversation: OnceLock<ConversationId>,
    pub(crate) log: Arc<Log>,
    /// Cancelled when its owner stops it.
    pub(crate) stop: CancellationToken,
    /// Cancelled once the turn has ended and its end is stored.
    pub(crate) ended: CancellationToken,
    pub(crate) last_sign_of_life: Mutex<Instant>,
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
            .filter(|turn| turn.conversation.get() == Some(&id) && turn.scope == *scope)
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
