//! Looking up, following, stopping and deleting responses.

use std::time::Duration;

use loquat_domain::{ResponseId, Scope, TokenId};
use loquat_store::{StoreError, StoredResponse};
use tokio::time::Instant;

use crate::{ChatError, ChatService, Missing, Turn, ending::as_begun, service::Inner};

/// How long a caller waits for a stopped turn to store its end. The end is one commit, after at most
/// one sign of life where the turn runs elsewhere.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

impl ChatService {
    /// Looks a response up, whatever its status.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Store`].
    pub async fn response(
        &self,
        scope: &Scope,
        id: ResponseId,
    ) -> Result<StoredResponse, ChatError> {
        let found = self.inner.ports.turns.response(scope, id).await;
        // A hidden one is found by its request only.
        let found = found.and_then(|it| if it.hidden { Err(StoreError::NotFound) } else { Ok(it) });
        found.map_err(Inner::not_found(Missing::Response))
    }

    /// Reads a response's events after number `after`, or from the first on, whether it runs, here
    /// or elsewhere, or has ended. The last event comes in any case, so that a reader that has had
    /// it learns that nothing follows.
    ///
    /// Once its events are no longer kept, they are made anew from what is stored, numbered from 0,
    /// with each text in one piece; all of them, whatever `after` is, because their numbers are
    /// others.
    ///
    /// `token` is the one of whoever reads: when it is revoked, nothing follows any more.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Store`].
    pub async fn follow_response(
        &self,
        scope: &Scope,
        id: ResponseId,
        after: Option<u64>,
        token: Option<&TokenId>,
    ) -> Result<Turn, ChatError> {
        let stored = self.response(scope, id).await?;
        let events = self.inner.follow(scope, token, id, after);
        let (response, standings) = (as_begun(stored.response).into(), Vec::new());
        Ok(Turn { response, stored: true, events, standings })
    }

    /// Stops a running response, wherever it runs, and returns it as it is stored then. A response
    /// that has ended is returned as it is: stopping twice is no mistake.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Store`].
    pub async fn cancel_response(
        &self,
        scope: &Scope,
        id: ResponseId,
    ) -> Result<StoredResponse, ChatError> {
        if let Some(turn) = self.inner.live.named(scope, id) {
            turn.stop.cancel();
            let _ = tokio::time::timeout(STOP_PATIENCE, turn.ended.cancelled()).await;
            return self.response(scope, id).await;
        }
        let (turns, owner) = (self.inner.ports.turns.clone(), scope.clone());
        let asked = self.inner.detached(async move {
            let asked = turns.request_stop(&owner, id).await;
            asked.map_err(Inner::not_found(Missing::Response))
        });
        let is_running = asked.await?;
        let deadline = Instant::now() + STOP_PATIENCE;
        let mut stored = self.response(scope, id).await?;
        while is_running && !stored.response.status.is_terminal() && Instant::now() < deadline {
            tokio::time::sleep(self.inner.limits.follow_interval).await;
            stored = self.response(scope, id).await?;
        }
        Ok(stored)
    }

    /// Deletes a response; a running one is stopped, in another process at its next sign of life.
    /// Items of a listed conversation stay in it.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Store`].
    pub async fn delete_response(&self, scope: &Scope, id: ResponseId) -> Result<(), ChatError> {
        let inner = std::sync::Arc::clone(&self.inner);
        let scope = scope.clone();
        self.inner
            .detached(async move {
                let deleted = inner.ports.turns.delete_response(&scope, id).await;
                deleted.map_err(Inner::not_found(Missing::Response))?;
                if let Some(turn) = inner.live.named(&scope, id) {
                    turn.stop.cancel();
                }
                Ok(())
            })
            .await
    }
}
