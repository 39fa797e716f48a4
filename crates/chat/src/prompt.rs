//! What the model is told: what is loaded for it, and what the context engine makes of that.

use loquat_context::{
    KnownSummary, Loaded, ModelWindow, Need, NewTurn, Policy, Prompt, State, TokenCounter, build,
    plan, search,
};
use loquat_domain::{ConversationId, ItemContent, ItemId, RawJson, Scope, Settings};
use loquat_provider::{About, ChatRequest};
use loquat_store::{ContextChange, Head, History, HistoryStart, Reach, Segment};

use crate::{ChatError, Missing, Model, Target, TurnRequest, service::Inner};

/// More bytes of segments than these are searched off the runtime's workers: some two milliseconds.
const SEARCHED_AT_ONCE: usize = 512 * 1024;

/// What shall be answered.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) model: &'a Model,
    pub(crate) request: &'a TurnRequest,
}

/// A prompt, and the place that it was made for.
pub(crate) struct Asked {
    /// `None` when nothing came before.
    pub(crate) head: Option<Head>,
    pub(crate) prompt: Prompt,
    /// What the conversation remembers from now on, when that is something new.
    pub(crate) change: Option<ContextChange>,
    /// What it remembers after this turn, and the version of that.
    pub(crate) state: Option<(i64, State)>,
}

/// What was read of a conversation.
struct Read {
    head: Head,
    version: Option<i64>,
    state: State,
    segments: Vec<Segment>,
    loaded: Loaded,
}

impl Question<'_> {
    fn counter(&self) -> &dyn TokenCounter {
        self.model.counter.as_ref()
    }

    /// Tokens that are kept free for the answer.
    pub(crate) fn reserved_output(&self) -> u32 {
        let wanted = self.request.settings.max_output_tokens.unwrap_or(u32::MAX);
        wanted.min(self.model.max_output_tokens)
    }

    /// What the model is asked.
    pub(crate) fn to_ask(
        self,
        prompt: Prompt,
        conversation: Option<ConversationId>,
    ) -> ChatRequest {
        let settings = Settings {
            max_output_tokens: Some(self.reserved_output()),
            ..self.request.settings.clone()
        };
        ChatRequest {
            cache_ends: prompt.cache_ends,
            about: About {
                scope: Some(self.scope.clone()),
                conversation,
                metadata: self.request.metadata.clone(),
                input_tokens: prompt.receipt.budget.used,
            },
            ..ChatRequest::new(&self.model.upstream, settings, prompt.input)
        }
    }
}

impl Inner {
    /// What has to be loaded. `input_tokens` is what the new items cost.
    pub(crate) fn plan(
        &self,
        question: Question<'_>,
        input_tokens: u32,
    ) -> Result<Need, ChatError> {
        let Question { model, request, .. } = question;
        let policy = request.context.policy.unwrap_or(model.policy);
        // Where nobody writes a summary, its room is the window's.
        let summary = policy.summary.filter(|_| self.ports.summariser.is_some());
        let counter = question.counter();
        let window = ModelWindow {
            model: model.upstream.clone(),
            context_window: model.context_window,
            reserved_output: question.reserved_output(),
            exact: counter.is_exact(),
        };
        let settings = &request.settings;
        let turn = NewTurn::of(settings, &request.input, input_tokens, counter);
        plan(&Policy { summary, ..policy }, window, turn, settings.truncation)
            .map_err(ChatError::Context)
    }

    /// Loads what the plan says and makes the prompt of it.
    pub(crate) async fn ask(
        &self,
        question: Question<'_>,
        need: &Need,
    ) -> Result<Asked, ChatError> {
        let read = self.read(question, need).await?;
        let (head, version, state, loaded) = match read {
            None => {
                (None, None, State::default(), Loaded { reached_root: true, ..Loaded::default() })
            }
            Some(read) => {
                let (head, version, state) = (read.head, read.version, read.state.clone());
                (Some(head), version, state, self.recall(question.scope, need, read).await?)
            }
        };
        let input = question.request.input.clone();
        let prompt =
            build(need, &state, loaded, input, question.counter()).map_err(ChatError::Context)?;
        // Forks of an implicit conversation share its state, which is the first branch's.
        let remembers = head.is_some_and(|head| head.active);
        let change = prompt.change.as_ref().filter(|_| remembers).and_then(|next| {
            Some(ContextChange {
                expected: version,
                anchor: next.anchor?,
                state: RawJson::from_checked(next.to_json()),
            })
        });
        let after = change.as_ref().map(ContextChange::version).or(version);
        let state = prompt.change.clone().unwrap_or(state);
        let state = after.filter(|_| remembers).map(|version| (version, state));
        Ok(Asked { head, prompt, change, state })
    }

    async fn read(&self, question: Question<'_>, need: &Need) -> Result<Option<Read>, ChatError> {
        let pins = &question.request.context.pins;
        let Some(start) = history_start(question.request.target) else {
            // Where nothing came before there is nothing to pin.
            return if pins.is_empty() {
                Ok(None)
            } else {
                Err(ChatError::NotFound(Missing::Item))
            };
        };
        let mut reach = Reach {
            tokens: need.first_tokens(),
            anchored: need.anchored,
            segments: need.query.is_some(),
        };
        let mut history = self.history(question, start, reach).await?;
        let mut state = state_of(&history);
        let falls_short = need.falls_short(&history.items, history.reached_root);
        // The anchor of another branch says nothing about this one.
        let is_elsewhere = !history.head.active && !history.reached_root && reach.anchored;
        if falls_short || need.wants_more(&state) || is_elsewhere {
            reach.tokens = need.history_tokens;
            reach.anchored &= !need.wants_more(&state) && !is_elsewhere;
            history = self.history(question, start, reach).await?;
            state = state_of(&history);
        }
        let History { head, items, reached_root, lead, context, segments } = history;
        let scope = question.scope;
        let opening = self.pinned(scope, head.conversation, &state.opening).await?;
        let pinned = self.pinned(scope, head.conversation, pins).await?;
        if pinned.len() != pins.len() {
            return Err(ChatError::NotFound(Missing::Item));
        }
        if pinned.iter().any(|stored| !matches!(stored.item.content, ItemContent::Message(_))) {
            // A call without its output, or the other way round, is what no provider takes.
            let message = "only messages can be pinned".to_owned();
            return Err(ChatError::Invalid { param: "context.pins", message });
        }
        let version = context.as_ref().map(|context| context.version);
        let summary = context
            .and_then(|context| context.summary)
            .map(|summary| KnownSummary { covers_to: summary.covers_to, text: summary.text });
        let loaded = Loaded {
            history: items,
            reached_root,
            lead,
            opening,
            pinned,
            summary,
            ..Loaded::default()
        };
        Ok(Some(Read { head, version, state, segments, loaded }))
    }

    async fn history(
        &self,
        question: Question<'_>,
        start: HistoryStart,
        reach: Reach,
    ) -> Result<History, ChatError> {
        let history = self.ports.turns.history(question.scope, start, reach).await;
        history.map_err(Self::not_found(missing(question.request.target)))
    }

    async fn pinned(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        ids: &[ItemId],
    ) -> Result<Vec<loquat_domain::StoredItem>, ChatError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let pinned = self.ports.context.pinned(scope, conversation, ids).await;
        pinned.map_err(ChatError::Store)
    }

    /// Looks for what the new message is about in what has left the window.
    async fn recall(&self, scope: &Scope, need: &Need, read: Read) -> Result<Loaded, ChatError> {
        let Read { head, segments, mut loaded, .. } = read;
        let Some(query) = need.query.clone().filter(|_| !segments.is_empty()) else {
            return Ok(loaded);
        };
        let most = need.candidates;
        let bytes: usize = segments.iter().map(|segment| segment.data.len()).sum();
        let look = move || {
            let data: Vec<&[u8]> = segments.iter().map(|segment| segment.data.as_slice()).collect();
            search(&query, &data, most)
        };
        let found = if bytes > SEARCHED_AT_ONCE { self.off_workers(look).await? } else { look() };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                // The answer is worth more than what could have been fetched back for it.
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, conversation = %head.conversation, "an index cannot be read");
                return Ok(loaded);
            }
        };
        let positions: Vec<i64> = found.hits.iter().map(|hit| hit.position).collect();
        loaded.known_terms = found.known_terms;
        loaded.hits = found.hits;
        if !positions.is_empty() {
            let items = self.ports.context.items_at(scope, head.conversation, &positions).await;
            loaded.found = items.map_err(ChatError::Store)?;
        }
        Ok(loaded)
    }
}

/// What the conversation remembers for the branch that was read.
fn state_of(history: &History) -> State {
    let json = history.context.as_ref().and_then(|context| context.state.as_ref());
    let state = json.map_or_else(State::default, |json| State::from_json(json.as_str()));
    if history.head.active { state } else { state.without_window() }
}

/// The target is in the way: a turn runs there.
pub(crate) const fn running(target: Target) -> ChatError {
    match target {
        Target::Response(_) => ChatError::PreviousRunning,
        _ => ChatError::Locked,
    }
}

pub(crate) const fn history_start(target: Target) -> Option<HistoryStart> {
    match target {
        Target::Nothing | Target::NewConversation => None,
        Target::Conversation(id) => Some(HistoryStart::Conversation(id)),
        Target::After(id, item) => Some(HistoryStart::Item(id, item)),
        Target::Response(id) => Some(HistoryStart::Response(id)),
    }
}

/// What is not there when the target is not.
pub(crate) const fn missing(target: Target) -> Missing {
    match target {
        Target::Response(_) => Missing::PreviousResponse,
        Target::After(_, Some(_)) => Missing::Item,
        _ => Missing::Conversation,
    }
}
