//! The turns in progress in this process.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use loquat_domain::{CancelReason, ConversationId, ResponseId, Scope, TokenId};
use loquat_limits::Standing;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::log::Log;

/// A turn in progress in this process.
#[derive(Debug)]
pub(crate) struct LiveTurn {
    pub(crate) scope: Scope,
    /// The token that it was begun with, if that has a name.
    pub(crate) token: Option<TokenId>,
    pub(crate) response: ResponseId,
    pub(crate) trace: Trace,
    /// The conversation that it takes place in, if that is listed, once that is known.
    pub(crate) conversation: OnceLock<ConversationId>,
    pub(crate) log: Arc<Log>,
    /// Cancelled when its owner stops it, or may have it no longer.
    pub(crate) stop: CancellationToken,
    /// True when its owner's access was revoked while it ran.
    revoked: AtomicBool,
    /// Cancelled once the turn has ended and its end is stored.
    pub(crate) ended: CancellationToken,
    pub(crate) last_sign_of_life: Mutex<Instant>,
    /// False while it waits in the queue.
    pub(crate) at_work: AtomicBool,
    /// How much is left of the limits that hold for it, once that is known.
    pub(crate) standings: OnceLock<Vec<Standing>>,
}

impl LiveTurn {
    pub(crate) fn new(begin: NewLiveTurn, log: Arc<Log>) -> Self {
        let NewLiveTurn { scope, token, response, trace, at_work } = begin;
        Self {
            scope,
            token,
            response,
            trace,
            conversation: OnceLock::new(),
            log,
            stop: CancellationToken::new(),
            revoked: AtomicBool::new(false),
            ended: CancellationToken::new(),
            last_sign_of_life: Mutex::new(Instant::now()),
            at_work: AtomicBool::new(at_work),
            standings: OnceLock::new(),
        }
    }

    /// Ends it, because its owner's access was revoked.
    pub(crate) fn revoke(&self) {
        if !self.stop.is_cancelled() {
            self.revoked.store(true, Ordering::SeqCst);
            self.stop.cancel();
        }
    }

    /// Why it is stopped, once it is.
    pub(crate) fn stopped_by(&self) -> Option<CancelReason> {
        let by = if self.revoked.load(Ordering::SeqCst) {
            CancelReason::AccessRevoked
        } else {
            CancelReason::ByOwner
        };
        self.stop.is_cancelled().then_some(by)
    }
}

/// What is known of a turn before it begins.
pub(crate) struct NewLiveTurn {
    pub(crate) scope: Scope,
    pub(crate) token: Option<TokenId>,
    pub(crate) response: ResponseId,
    pub(crate) trace: Trace,
    pub(crate) at_work: bool,
}

/// What of a turn is left when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trace {
    /// A response that its owner can name.
    Response,
    /// A response that only the same request finds again.
    Hidden,
    /// Nothing.
    None,
}

impl Trace {
    /// False when nothing is stored.
    pub(crate) fn is_stored(self) -> bool {
        self != Self::None
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

    /// The turn of that response.
    pub(crate) fn get(&self, scope: &Scope, response: ResponseId) -> Option<Arc<LiveTurn>> {
        self.lock().get(&(scope.clone(), response)).cloned()
    }

    /// The turn of that response, if its owner can name it.
    pub(crate) fn named(&self, scope: &Scope, response: ResponseId) -> Option<Arc<LiveTurn>> {
        self.get(scope, response).filter(|turn| turn.trace == Trace::Response)
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
