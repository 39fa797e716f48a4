//! Requests that come again: what they did is not done again.

use loquat_domain::{Fingerprint, ResponseId, Scope, Status};
use loquat_store::{Earlier, Made, Once, StoreError};

use crate::{
    ChatError, Missing, OnceKey, Turn,
    follow::{EventReader, Follower, as_begun},
    service::Inner,
};

impl Inner {
    /// The same as the store has it.
    pub(crate) fn once(&self, key: OnceKey) -> Once {
        let OnceKey { route, key, fingerprint } = key;
        Once { route, key, fingerprint, keep: self.limits.idempotency_keep }
    }

    /// The turn that a request began when it came first, told from its start.
    pub(crate) async fn told_again(
        &self,
        scope: &Scope,
        earlier: Earlier,
        fingerprint: Fingerprint,
    ) -> Result<Turn, ChatError> {
        let Made::Response(id) = made(earlier, fingerprint)? else {
            return Err(ChatError::Internal);
        };
        let stored = self.ports.turns.response(scope, id).await;
        let stored = stored.map_err(Self::not_found(Missing::Response))?;
        let has_answered = !stored.output.is_empty();
        match &stored.response.status {
            Status::Queued | Status::InProgress => {
                return Err(ChatError::BeingAnswered((!stored.hidden).then_some(id)));
            }
            // One in the background had been accepted before it failed.
            Status::Failed(failure) if !has_answered && !stored.response.background => {
                return Err(ChatError::Failed(failure.clone()));
            }
            _ => {}
        }
        Ok(Turn {
            response: as_begun(stored.response).into(),
            stored: !stored.hidden,
            events: self.follow(scope, id, None),
        })
    }

    /// Reads the events of a turn after that number, or from the first on, wherever it runs or ran.
    pub(crate) fn follow(&self, scope: &Scope, id: ResponseId, after: Option<u64>) -> EventReader {
        let joined = self.live.named(scope, id).and_then(|turn| turn.log.join());
        let turns = std::sync::Arc::clone(&self.ports.turns);
        let pause = self.limits.follow_interval;
        let follower = Follower::new(turns, scope.clone(), id, pause, joined).after(after);
        EventReader::stored(follower)
    }
}

/// What the same request made before.
///
/// # Errors
///
/// [`ChatError::KeyReused`] when it was another request.
pub(crate) fn made(earlier: Earlier, fingerprint: Fingerprint) -> Result<Made, ChatError> {
    if earlier.fingerprint == fingerprint { Ok(earlier.made) } else { Err(ChatError::KeyReused) }
}

/// Takes what was made before out of a write's result.
pub(crate) fn unless_done<T>(
    result: Result<T, StoreError>,
) -> Result<Result<T, Earlier>, StoreError> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(StoreError::Done(earlier)) => Ok(Err(earlier)),
        Err(error) => Err(error),
    }
}
