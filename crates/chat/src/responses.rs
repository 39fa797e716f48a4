//! Looking up, stopping and deleting responses.

use std::{sync::Arc, time::Duration};

use loquat_domain::{ResponseId, Scope};
use loquat_store::StoredResponse;

use crate::{ChatError, ChatService, Missing, service::Inner};

/// How long a caller waits for a stopped turn to store its end. The end is one commit.
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
        found.map_err(Inner::not_found(Missing::Response))
    }

    /// Stops a running response and returns it as it is stored then. A response that has ended is
    /// returned as it is: stopping twice is no mistake.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Store`].
    pub async fn cancel_response(
        &self,
        scope: &Scope,
        id: ResponseId,
    ) -> Result<StoredResponse, ChatError> {
        if let Some(turn) = self.inner.live.get(scope, id) {
            turn.stop.cancel();
            let _ = tokio::time::timeout(STOP_PATIENCE, turn.ended.cancelled()).await;
        }
        self.response(scope, id).await
    }

    /// Deletes a response; a running one is stopped. Items of a listed conversation stay in it.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Store`].
    pub async fn delete_response(&self, scope: &Scope, id: ResponseId) -> Result<(), ChatError> {
        let inner = Arc::clone(&self.inner);
        let scope = scope.clone();
        self.inner
            .detached(async move {
                let deleted = inner.ports.turns.delete_response(&scope, id).await;
                deleted.map_err(Inner::not_found(Missing::Response))?;
                if let Some(turn) = inner.live.get(&scope, id) {
                    turn.stop.cancel();
                }
                Ok(())
            })
            .await
    }
}
