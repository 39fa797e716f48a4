//! What a turn would send, what that would cost, and whom it would ask.

use std::sync::Arc;

use loquat_context::Receipt;
use loquat_domain::Scope;
use loquat_provider::Choice;

use crate::{
    ChatError, ChatService, Model, TurnRequest,
    prompt::{Asked, Question},
};

impl ChatService {
    /// Says what a turn would send, without taking it: nothing is stored and no model is asked.
    ///
    /// # Errors
    ///
    /// [`ChatError`], as the turn itself would fail before its model is asked.
    pub async fn preview(&self, scope: &Scope, request: TurnRequest) -> Result<Receipt, ChatError> {
        let (_, _, asked) = self.asked(scope, request).await?;
        Ok(asked.prompt.receipt)
    }

    /// Says which model a turn would ask and why, without taking it.
    ///
    /// # Errors
    ///
    /// [`ChatError`], as the turn itself would fail before its model is asked.
    pub async fn choose(&self, scope: &Scope, request: TurnRequest) -> Result<Chosen, ChatError> {
        let (model, request, Asked { head, prompt, .. }) = self.asked(scope, request).await?;
        let question = Question { scope, model: &model, request: &request };
        let to_ask = question.to_ask(prompt, head.map(|head| head.conversation));
        let choice = model.provider.choose(&to_ask).unwrap_or_else(|| Choice {
            models: vec![model.id.clone()],
            rule: None,
            complexity: None,
            why: vec!["this model answers itself".to_owned()],
        });
        Ok(Chosen { model: model.id.clone(), input_tokens: to_ask.about.input_tokens, choice })
    }

    async fn asked(
        &self,
        scope: &Scope,
        request: TurnRequest,
    ) -> Result<(Arc<Model>, TurnRequest, Asked), ChatError> {
        let model = self.inner.model(scope, request.model.as_deref())?;
        self.inner.check_contents(&request.input, "input")?;
        let (inner, scope) = (Arc::clone(&self.inner), scope.clone());
        // Counting may block, which the caller's thread must not.
        self.inner
            .detached(async move {
                let question = Question { scope: &scope, model: &model, request: &request };
                let need = inner.plan(question, model.counter.items(&request.input))?;
                let asked = inner.ask(question, &need).await?;
                Ok((model, request, asked))
            })
            .await
    }
}

/// Whom a turn would ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The model that was asked for.
    pub model: String,
    /// Tokens of the prompt, by our count.
    pub input_tokens: u32,
    /// Which would be asked, and why.
    pub choice: Choice,
}
