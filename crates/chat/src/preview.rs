//! What a turn would send, and what that would cost.

use std::sync::Arc;

use loquat_context::Receipt;
use loquat_domain::Scope;

use crate::{ChatError, ChatService, TurnRequest, prompt::Question};

impl ChatService {
    /// Says what a turn would send, without taking it: nothing is stored and no model is asked.
    ///
    /// # Errors
    ///
    /// [`ChatError`], as the turn itself would fail before its model is asked.
    pub async fn preview(&self, scope: &Scope, request: TurnRequest) -> Result<Receipt, ChatError> {
        let model = self.inner.model(request.model.as_deref())?;
        self.inner.check_contents(&request.input, "input")?;
        let (inner, scope) = (Arc::clone(&self.inner), scope.clone());
        // Counting may block, which the caller's thread must not.
        self.inner
            .detached(async move {
                let question = Question { scope: &scope, model: &model, request: &request };
                let need = inner.plan(question, model.counter.items(&request.input))?;
                Ok(inner.ask(question, &need).await?.prompt.receipt)
            })
            .await
    }
}
