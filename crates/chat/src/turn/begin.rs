//! The start: history, prompt, commit; and the provider's call beside the commit.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures::{FutureExt as _, future::BoxFuture};
use loquat_context::State;
use loquat_domain::{ConversationId, Item, Purpose, RawJson, Response};
use loquat_limits::Admission;
use loquat_provider::{AnswerStream, ChatRequest, ProviderError};
use loquat_store::{BeginTurn, Head, Place, StoreError, TurnHome};

use super::Run;
use crate::{
    ChatError, Target, TurnRequest,
    bill::Account,
    ending::at_first,
    live::Trace,
    prompt::{Asked, Question, missing, running},
    service::Inner,
};

/// How often a start is tried again when the conversation moved on between reading and writing.
const ATTEMPTS: u32 = 3;

/// A turn whose start is stored.
pub(super) struct Begun {
    pub(super) response: Arc<Response>,
    /// Tokens of the prompt, by our count.
    pub(super) input_tokens: u32,
    /// What the conversation remembers from now on, and the version of that.
    pub(super) state: Option<(i64, State)>,
    /// What was taken of the limits that hold for it.
    pub(super) admission: Admission,
}

/// A start that was stored, with the call that was begun beside it.
struct Committed {
    response: Arc<Response>,
    input_tokens: u32,
    state: Option<(i64, State)>,
    opening: Opening,
}

/// A provider's call that was started beside the commit.
pub(super) enum Opening {
    /// The provider has not answered yet.
    Pending(BoxFuture<'static, Result<AnswerStream, Refused>>),
    /// The provider has accepted or refused.
    Answered(Result<AnswerStream, Refused>),
}

/// Why there is no answer.
pub(super) enum Refused {
    /// The provider said why.
    Error(ProviderError),
    /// The provider panicked. Caught, because the commit beside it must not be dropped.
    Panic,
}

impl Run {
    pub(super) async fn begin(&self, request: TurnRequest) -> Result<(Begun, Opening), ChatError> {
        let question = Question { scope: &self.live.scope, model: &self.model, request: &request };
        let counter = self.model.counter.as_ref();
        let input = self.inner.new_items(counter, request.input.clone(), Some(self.live.response));
        let input_tokens = input.iter().map(|item| item.tokens).fold(0, u32::saturating_add);
        let need = self.inner.plan(question, input_tokens)?;
        let mut admission =
            self.inner.ports.limiter.admit(&self.live.scope, &self.model.id).await?;
        let mut is_reserved = false;
        let mut attempt = 1;
        loop {
            let asked = self.inner.ask(question, &need).await?;
            if asked.head.is_some_and(|head| head.running) {
                // Seen before the provider is called in vain; the commit would refuse it too.
                return Err(running(request.target));
            }
            if !is_reserved {
                self.reserve(question, asked.prompt.receipt.budget.used, &mut admission).await?;
                is_reserved = true;
            }
            match self.commit(question, asked, &input).await {
                Err(ChatError::Store(StoreError::Conflict)) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
                Ok(Committed { response, input_tokens, state, opening }) => {
                    let begun = Begun { response, input_tokens, state, admission };
                    return Ok((begun, opening));
                }
            }
        }
    }

    /// Takes what the turn can use at most of the limits that hold for it.
    async fn reserve(
        &self,
        question: Question<'_>,
        input_tokens: u32,
        admission: &mut Admission,
    ) -> Result<(), ChatError> {
        let (input, output) = (u64::from(input_tokens), u64::from(question.reserved_output()));
        admission.reserve(input + output, self.model.price.at_most(input, output)).await?;
        self.live.standings.get_or_init(|| admission.standings());
        Ok(())
    }

    /// Whom the turn's calls are charged to.
    pub(super) fn account(&self) -> Account {
        Account {
            scope: self.live.scope.clone(),
            purpose: Purpose::Answer,
            conversation: self.live.conversation.get().copied(),
            response: Some(self.live.response),
            first_attempt: 0,
            asked: self.model.id.clone(),
            price: self.model.price,
        }
    }

    /// Stores the start while the provider's call is under way. A start that is not stored drops
    /// the call.
    async fn commit(
        &self,
        question: Question<'_>,
        asked: Asked,
        input: &[Item],
    ) -> Result<Committed, ChatError> {
        let Asked { head, prompt, change, state } = asked;
        // What reads a conversation and leaves no trace in it changes nothing of it.
        let is_there = self.live.trace == Trace::Response;
        let (change, state) = (change.filter(|_| is_there), state.filter(|_| is_there));
        let request = question.request;
        let receipt = serde_json::to_string(&prompt.receipt).map_err(|_| ChatError::Internal)?;
        let input_tokens = prompt.receipt.budget.used;
        let home = self.home(request.target, head);
        let chat = ChatRequest {
            trail: self.trail.clone(),
            ..question.to_ask(prompt, Some(home.conversation()))
        };
        let model = Arc::clone(&self.model);
        let call = AssertUnwindSafe(async move { model.ask(chat).await }).catch_unwind();
        let mut opening = Opening::Pending(Box::pin(async move {
            call.await.map_or(Err(Refused::Panic), |answered| answered.map_err(Refused::Error))
        }));

        let conversation = listed(&home, head);
        if let Some(id) = conversation {
            // Known before the commit, so that a deletion cannot pass between the two unseen.
            self.live.conversation.get_or_init(|| id);
        }
        let response = Arc::new(self.response(request, conversation));
        if self.live.trace.is_stored() {
            let begin = BeginTurn {
                response: response.as_ref().clone(),
                hidden: self.live.trace == Trace::Hidden,
                home,
                input: input.to_vec(),
                receipt: RawJson::from_checked(receipt),
                context: change,
                lease: self.inner.limits.lease,
                once: request.once.clone().map(|once| self.inner.once(once)),
            };
            let commit = self.inner.ports.turns.begin_turn(&self.live.scope, begin);
            // A request that may have come before, or that has to wait, calls nobody yet.
            let committed = if request.background || request.once.is_some() {
                commit.await
            } else {
                opening.beside(commit).await
            };
            self.unless_stored(committed)
                .await
                .map_err(Inner::not_found(missing(request.target)))?;
        }
        Ok(Committed { response, input_tokens, state, opening })
    }

    /// A commit whose answer was lost may have taken place all the same: then the turn has begun.
    async fn unless_stored(&self, committed: Result<(), StoreError>) -> Result<(), StoreError> {
        let Err(StoreError::Unavailable(lost)) = committed else { return committed };
        let stored = self.inner.ports.turns.response(&self.live.scope, self.live.response).await;
        stored.map(drop).map_err(|_| StoreError::Unavailable(lost))
    }

    fn home(&self, target: Target, head: Option<Head>) -> TurnHome {
        match (target, head) {
            // It leaves no trace in the conversation that it has read.
            _ if self.live.trace == Trace::Hidden => self.new_home(false),
            (Target::Conversation(id), Some(head)) => {
                TurnHome::Existing { id, place: Place::Leaf(head.leaf) }
            }
            (Target::After(id, item), _) => TurnHome::Existing { id, place: Place::After(item) },
            (Target::Response(_), Some(head)) => {
                TurnHome::Existing { id: head.conversation, place: Place::After(head.leaf) }
            }
            (target, _) => self.new_home(target == Target::NewConversation),
        }
    }

    fn new_home(&self, listed: bool) -> TurnHome {
        let conversation = self.inner.new_conversation(None, loquat_domain::Metadata::default());
        TurnHome::New { conversation, listed }
    }

    fn response(&self, request: &TurnRequest, conversation: Option<ConversationId>) -> Response {
        Response {
            id: self.live.response,
            conversation,
            previous: match request.target {
                Target::Response(id) => Some(id),
                _ => None,
            },
            model: self.model.id.clone(),
            settings: request.settings.clone(),
            metadata: request.metadata.clone(),
            background: request.background,
            status: at_first(request.background),
            usage: None,
            created_at: self.inner.ports.clock.now(),
            completed_at: None,
        }
    }
}

/// The conversation that callers may see.
fn listed(home: &TurnHome, head: Option<Head>) -> Option<ConversationId> {
    match home {
        TurnHome::New { conversation, listed } => listed.then_some(conversation.id),
        TurnHome::Existing { id, .. } => head.is_some_and(|head| head.listed).then_some(*id),
    }
}

impl Opening {
    /// Lets the provider's call go on while `commit` is awaited. The commit is never dropped.
    async fn beside<T>(&mut self, commit: impl Future<Output = T>) -> T {
        tokio::pin!(commit);
        if let Self::Pending(call) = self {
            tokio::select! {
                biased;
                committed = &mut commit => return committed,
                answered = call => *self = Self::Answered(answered),
            }
        }
        commit.await
    }
}
