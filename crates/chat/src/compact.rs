//! A conversation in short.

use std::sync::Arc;

use loquat_context::{TokenCounter, seal};
use loquat_domain::{ConversationId, Item, ItemContent, ResponseId, Role, Scope, Timestamp, Usage};
use loquat_store::{HistoryStart, Reach};

use crate::{
    ChatError, ChatService, Material, Missing, Model, ModelSummariser, Summariser as _,
    service::Inner,
};

/// The longest conversation that is summarised at once, in tokens. What models take is less.
const LONGEST: u64 = 1_048_576;

/// The most tokens that are summarised in one step: what a small model can take.
const STEP: u32 = 12_000;

/// The newest turn stays as it is if it has at most so many tokens.
const NEWEST_TURN: u32 = 2_048;

/// A wish for a conversation in short.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactRequest {
    /// The model that writes it; `None` takes the default model.
    pub model: Option<String>,
    /// What comes before the new items.
    pub history: CompactHistory,
    /// The new items, in order.
    pub input: Vec<ItemContent>,
}

/// What comes before the new items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompactHistory {
    /// Nothing.
    Nothing,
    /// An earlier response, and all that it continued.
    Response(ResponseId),
    /// The active branch of a conversation.
    Conversation(ConversationId),
}

/// A conversation in short: to be sent in its place. It is stored nowhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Compacted {
    /// A name for it in logs and bills. Nobody can look it up.
    pub id: ResponseId,
    /// The operator's messages that begin it, what stands for the rest, and the newest turn if that
    /// is short.
    pub items: Vec<Item>,
    /// What writing it used.
    pub usage: Usage,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ChatService {
    /// Has a model put a conversation into few words. It is never longer than the conversation.
    ///
    /// Dropping the future cancels the work.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotFound`]; [`ChatError::Summary`] when the model gave none;
    /// [`ChatError::Store`].
    pub async fn compact(
        &self,
        scope: &Scope,
        request: CompactRequest,
    ) -> Result<Compacted, ChatError> {
        let model = self.inner.model(request.model.as_deref())?;
        self.inner.accepts_turns()?;
        self.inner.check_contents(&request.input, "input")?;
        let (inner, scope) = (Arc::clone(&self.inner), scope.clone());
        self.inner.attached(async move { inner.compact(&scope, model, request).await }).await
    }
}

impl Inner {
    async fn compact(
        self: &Arc<Self>,
        scope: &Scope,
        model: Arc<Model>,
        request: CompactRequest,
    ) -> Result<Compacted, ChatError> {
        let (inner, scope) = (Arc::clone(self), scope.clone());
        let history = async move { inner.whole_history(&scope, request.history).await };
        // Who goes away stops the model, but no step of the store.
        let mut contents = self.detached(history).await?;
        contents.extend(request.input);
        let counter = Arc::clone(&model.counter);
        let Parts { lead, middle, newest } = parts(contents.clone(), counter.as_ref());
        let (summary, usage) = self.in_short(model, middle).await?;
        let mut short = lead;
        short.extend(summary.map(|summary| ItemContent::Compaction(seal(&summary))));
        short.extend(newest);
        // What was short already stays as it is.
        let is_shorter = counter.items(&short) < counter.items(&contents);
        let contents = if is_shorter { short } else { contents };
        let items = self.new_items(counter.as_ref(), contents, None);
        let id = ResponseId::from_uuid(self.ports.ids.next());
        Ok(Compacted { id, items, usage, created_at: self.ports.clock.now() })
    }

    async fn whole_history(
        &self,
        scope: &Scope,
        history: CompactHistory,
    ) -> Result<Vec<ItemContent>, ChatError> {
        let (start, missing) = match history {
            CompactHistory::Nothing => return Ok(Vec::new()),
            CompactHistory::Response(id) => (HistoryStart::Response(id), Missing::PreviousResponse),
            CompactHistory::Conversation(id) => {
                (HistoryStart::Conversation(id), Missing::Conversation)
            }
        };
        let read = self.ports.turns.history(scope, start, Reach::tokens(LONGEST)).await;
        let read = read.map_err(Self::not_found(missing))?;
        if read.head.running {
            return Err(match history {
                CompactHistory::Response(_) => ChatError::PreviousRunning,
                _ => ChatError::Locked,
            });
        }
        Ok(read.items.into_iter().rev().map(|stored| stored.item.content).collect())
    }

    /// A summary of the items, step by step; `None` of nothing.
    async fn in_short(
        &self,
        model: Arc<Model>,
        items: Vec<ItemContent>,
    ) -> Result<(Option<String>, Usage), ChatError> {
        let counter = Arc::clone(&model.counter);
        let summariser = ModelSummariser::new(model);
        let (mut summary, mut usage) = (None, Usage::default());
        for step in steps(items, counter.as_ref()) {
            let max_tokens = self.limits.summary_tokens;
            let material = Material { before: summary.take(), items: step, max_tokens };
            let written = summariser.summarise(material).await.map_err(ChatError::Summary)?;
            if let Some(used) = written.usage {
                usage.input_tokens += used.input_tokens;
                usage.cached_tokens += used.cached_tokens;
                usage.cache_write_tokens += used.cache_write_tokens;
                usage.output_tokens += used.output_tokens;
                usage.reasoning_tokens += used.reasoning_tokens;
            } else {
                usage.estimated = true;
                usage.output_tokens += u64::from(counter.text(&written.text));
            }
            summary = Some(written.text);
        }
        Ok((summary, usage))
    }
}

/// A conversation in three parts.
struct Parts {
    lead: Vec<ItemContent>,
    middle: Vec<ItemContent>,
    newest: Vec<ItemContent>,
}

fn parts(mut items: Vec<ItemContent>, counter: &dyn TokenCounter) -> Parts {
    let is_operators = |it: &ItemContent| matches!(it.role(), Some(Role::System | Role::Developer));
    let lead = items.iter().take_while(|it| is_operators(it)).count();
    let mut middle = items.split_off(lead);
    let newest = middle.iter().rposition(|it| it.role() == Some(Role::User));
    let newest = newest.map_or_else(Vec::new, |at| middle.split_off(at));
    if counter.items(&newest) > NEWEST_TURN {
        middle.extend(newest);
        return Parts { lead: items, middle, newest: Vec::new() };
    }
    Parts { lead: items, middle, newest }
}

/// The items in runs that can be summarised at once.
fn steps(items: Vec<ItemContent>, counter: &dyn TokenCounter) -> Vec<Vec<ItemContent>> {
    let mut steps: Vec<Vec<ItemContent>> = Vec::new();
    let mut left = 0_u32;
    for item in items {
        let tokens = counter.item(&item);
        match steps.last_mut() {
            Some(step) if tokens <= left => step.push(item),
            _ => {
                steps.push(vec![item]);
                left = STEP;
            }
        }
        left = left.saturating_sub(tokens);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use loquat_context::Estimate;
    use loquat_domain::Message;

    fn said(role: Role, text: &str) -> ItemContent {
        ItemContent::Message(Message::text(role, text))
    }

    #[test]
    fn the_operators_words_and_the_newest_turn_stay() {
        let items = vec![
            said(Role::System, "be brief"),
            said(Role::User, "one"),
            said(Role::Assistant, "two"),
            said(Role::User, "three"),
            said(Role::Assistant, "four"),
        ];
        let Parts { lead, middle, newest } = parts(items.clone(), &Estimate);
        assert_eq!((lead.as_slice(), middle.as_slice()), (&items[..1], &items[1..3]));
        assert_eq!(newest, items[3..]);
    }

    #[test]
    fn a_long_newest_turn_is_shortened_like_the_rest() {
        let items = vec![said(Role::User, &"word ".repeat(4_000))];
        let parts = parts(items.clone(), &Estimate);
        assert_eq!((parts.middle, parts.newest), (items, Vec::new()));
    }

    #[test]
    fn steps_take_as_much_as_fits_and_lose_nothing() {
        let items: Vec<_> = (0..40).map(|_| said(Role::User, &"word ".repeat(1_000))).collect();
        let steps = steps(items.clone(), &Estimate);
        assert!(steps.len() > 2);
        assert!(steps.iter().all(|step| Estimate.items(step) <= STEP));
        assert_eq!(steps.concat(), items);
    }
}
