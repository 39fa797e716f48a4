//! Requests that come again: what they did is not done again.

use loquat_domain::{Fingerprint, Scope, Status, TokenId};
use loquat_store::{Earlier, Made, Once};

use crate::{ChatError, Missing, OnceKey, Turn, ending::as_begun, service::Inner};

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
        token: Option<&TokenId>,
        earlier: Earlier,
        fingerprint: Fingerprint,
    ) -> Result<Turn, ChatError> {
        let Made::Response(id) = made(earlier, Some(fingerprint))? else {
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
                let failure = failure.clone();
                return Err(ChatError::Failed { failure, retry_after: None });
            }
            _ => {}
        }
        Ok(Turn {
            response: as_begun(stored.response).into(),
            stored: !stored.hidden,
            events: self.follow(scope, token, id, None),
            standings: Vec::new(),
        })
    }
}

/// What the same request made before.
///
/// # Errors
///
/// [`ChatError::KeyReused`] when it was another request.
pub(crate) fn made(earlier: Earlier, fingerprint: Option<Fingerprint>) -> Result<Made, ChatError> {
    if fingerprint == Some(earlier.fingerprint) {
        Ok(earlier.made)
    } else {
        Err(ChatError::KeyReused)
    }
}
