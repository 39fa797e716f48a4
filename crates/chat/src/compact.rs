//! A conversation in short.

use std::{collections::HashMap, sync::Arc, time::Duration};

use loquat_context::{ContextError, TokenCounter, seal};
use loquat_domain::{
    ConversationId, Item, ItemContent, Purpose, ResponseId, Role, Scope, Timestamp, Usage,
};
use loquat_provider::About;
use loquat_store::Reach;

use crate::{
    ChatError, ChatService, Material, Model, ModelSummariser, Summariser as _, SummaryError,
    Target,
    bill::{Account, Billed},
    prompt::{history_start, missing, running},
    service::Inner,
    summary::at_once,
};

/// The longest conversation that is summarised at once, in tokens. What models take is less.
const LONGEST: u32 = 1_048_576;

/// How long all of it may take. Nobody waits for longer.
const PATIENCE: Duration = Duration::from_mins(5);

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

impl From<CompactHistory> for Target {
    fn from(history: CompactHistory) -> Self {
        match history {
            CompactHistory::Nothing => Self::Nothing,
            CompactHistory::Response(id) => Self::Response(id),
            CompactHistory::Conversation(id) => Self::Conversation(id),
        }
    }
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
    /// [`ChatError::NotFound`]; [`ChatError::Context`] when the conversation is too long for that;
    /// [`ChatError::Summary`] when the model gave none; [`ChatError::Store`].
    pub async fn compact(
        &self,
        scope: &Scope,
        request: CompactRequest,
    ) -> Result<Compacted, ChatError> {
        let model = self.inner.model(scope, request.model.as_deref())?;
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
        let history = {
            let scope = scope.clone();
            async move { inner.whole_history(&scope, request.history).await }
        };
        // Who goes away stops the model, but no step of the store.
        let mut contents = self.detached(history).await?;
        contents.extend(request.input);
        let counter = Arc::clone(&model.counter);
        let Parts { lead, middle, newest } = parts(contents.clone(), counter.as_ref());
        let id = ResponseId::from_uuid(self.ports.ids.next());
        let summariser = ModelSummariser::new(Arc::clone(&model));
        let steps = steps(middle, summariser.step_tokens(), counter.as_ref());
        let max_tokens = self.limits.summary_tokens;
        let mut admission = self.ports.limiter.admit(&scope, &model.id).await?;
        let (input, output) = summariser.at_most(&steps, max_tokens);
        admission.reserve(input + output, model.price.at_most(input, output)).await?;
        let about = About { scope: Some(scope.clone()), ..About::default() };
        let account = Account {
            scope,
            purpose: Purpose::Compaction,
            conversation: None,
            response: Some(id),
            first_attempt: 0,
            asked: model.id.clone(),
            price: model.price,
        };
        let bill = self.billed(account, Some(admission));
        let in_short = in_short(&summariser, steps, max_tokens, about, bill);
        let in_short = tokio::time::timeout(PATIENCE, in_short).await;
        let (summary, usage) =
            in_short.map_err(|_| ChatError::Summary(SummaryError::TimedOut))??;
        let mut short = lead;
        short.extend(summary.map(|summary| ItemContent::Compaction(seal(&summary))));
        short.extend(newest);
        // What was short already stays as it is.
        let is_shorter = counter.items(&short) < counter.items(&contents);
        let contents = if is_shorter { short } else { contents };
        let items = self.new_items(counter.as_ref(), contents, None);
        Ok(Compacted { id, items, usage, created_at: self.ports.clock.now() })
    }

    async fn whole_history(
        &self,
        scope: &Scope,
        history: CompactHistory,
    ) -> Result<Vec<ItemContent>, ChatError> {
        let target = Target::from(history);
        let Some(start) = history_start(target) else { return Ok(Vec::new()) };
        let read = self.ports.turns.history(scope, start, Reach::tokens(LONGEST.into())).await;
        let read = read.map_err(Self::not_found(missing(target)))?;
        if read.head.running {
            return Err(running(target));
        }
        if !read.reached_root {
            let tokens = read.items.iter().map(|stored| stored.item.tokens);
            return Err(ChatError::Context(ContextError::TooLarge {
                what: "the last items of the conversation",
                tokens: tokens.fold(0, u32::saturating_add),
                budget: LONGEST,
            }));
        }
        Ok(read.items.into_iter().rev().map(|stored| stored.item.content).collect())
    }
}

/// A summary of the items, step by step; `None` of nothing.
async fn in_short(
    summariser: &ModelSummariser,
    steps: Vec<Vec<ItemContent>>,
    max_tokens: u32,
    about: About,
    mut bill: Billed,
) -> Result<(Option<String>, Usage), ChatError> {
    let (mut summary, mut usage) = (None, Usage::default());
    for items in steps {
        let (before, about, trail) = (summary.take(), about.clone(), bill.next());
        let material = Material { before, items, max_tokens, about, trail: trail.clone() };
        let written = summariser.summarise(material).await.map_err(ChatError::Summary)?;
        let used = trail.usage().unwrap_or_default();
        usage.input_tokens += used.input_tokens;
        usage.cached_tokens += used.cached_tokens;
        usage.cache_write_tokens += used.cache_write_tokens;
        usage.output_tokens += used.output_tokens;
        usage.reasoning_tokens += used.reasoning_tokens;
        usage.estimated |= used.estimated;
        summary = Some(written.text);
    }
    Ok((summary, usage))
}

/// A conversation in three parts.
struct Parts {
    lead: Vec<ItemContent>,
    middle: Vec<ItemContent>,
    newest: Vec<ItemContent>,
}

/// Parts the items so that no call is cut from its output, and none that waits for its output is
/// summarised.
fn parts(mut items: Vec<ItemContent>, counter: &dyn TokenCounter) -> Parts {
    let lead = items.iter().take_while(|it| it.is_operators()).count();
    let mut middle = items.split_off(lead);
    let newest = middle.split_off(newest(&middle, counter));
    Parts { lead: items, middle, newest }
}

/// Where the part begins that stays as it is: with the last user message before which no call is
/// open, or else, when that is too long, with the first call that nobody has answered.
fn newest(items: &[ItemContent], counter: &dyn TokenCounter) -> usize {
    let Cuts { whole, unanswered } = cuts(items);
    let turns = items.iter().zip(&whole).rposition(|(it, whole)| *whole && is_users(it));
    if let Some(turn) = turns
        && counter.items(items.get(turn..).unwrap_or_default()) <= NEWEST_TURN
    {
        return turn;
    }
    let Some(unanswered) = unanswered else { return items.len() };
    let before = whole.iter().take(unanswered + 1).rposition(|whole| *whole).unwrap_or(0);
    // Some models want their thoughts back with the call that came of them.
    let thoughts = items.iter().take(before).rev();
    let thoughts = thoughts.take_while(|it| matches!(it, ItemContent::Reasoning(_))).count();
    before - thoughts
}

fn is_users(content: &ItemContent) -> bool {
    content.role() == Some(Role::User)
}

/// Where items can be cut.
struct Cuts {
    /// Whether no call before the item is answered at or after it, or never.
    whole: Vec<bool>,
    /// The first call without an output.
    unanswered: Option<usize>,
}

fn cuts(items: &[ItemContent]) -> Cuts {
    // An output answers the last call of its name; a name may be used again.
    let mut calls = HashMap::new();
    // The end of each call's last output.
    let mut ends: Vec<Option<usize>> = vec![Some(0); items.len()];
    for (at, item) in items.iter().enumerate() {
        let (call, end) = match item {
            ItemContent::FunctionCall(call) => {
                calls.insert(call.call_id.as_str(), at);
                (Some(at), None)
            }
            ItemContent::FunctionCallOutput(output) => {
                (calls.get(output.call_id.as_str()).copied(), Some(at + 1))
            }
            _ => continue,
        };
        if let Some(of_call) = call.and_then(|call| ends.get_mut(call)) {
            *of_call = end;
        }
    }
    let mut open_to = 0;
    let whole = ends.iter().enumerate().map(|(at, end)| {
        let is_whole = open_to <= at;
        open_to = open_to.max(end.unwrap_or(usize::MAX));
        is_whole
    });
    Cuts { whole: whole.collect(), unanswered: ends.iter().position(Option::is_none) }
}

/// The items in runs that can be summarised at once.
fn steps(
    mut items: Vec<ItemContent>,
    most: u32,
    counter: &dyn TokenCounter,
) -> Vec<Vec<ItemContent>> {
    let mut steps = Vec::new();
    while !items.is_empty() {
        let fitting = at_once(items.iter().map(|item| counter.item(item)), most);
        let rest = items.split_off(fitting.min(items.len()));
        steps.push(std::mem::replace(&mut items, rest));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use loquat_context::Estimate;
    use loquat_domain::{FunctionCall, FunctionCallOutput, Message};
    use loquat_store::{Head, History, MockTurnStore};
    use proptest::prelude::*;

    use crate::test_service::{new_id, scope, service};

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
        let steps = steps(items.clone(), 12_000, &Estimate);
        assert!(steps.len() > 2);
        assert!(steps.iter().all(|step| Estimate.items(step) <= 12_000));
        assert_eq!(steps.concat(), items);
    }

    fn call(id: u8) -> ItemContent {
        let (name, arguments) = ("look".to_owned(), "{}".to_owned());
        ItemContent::FunctionCall(FunctionCall { call_id: id.to_string(), name, arguments })
    }

    fn output(id: u8, words: usize) -> ItemContent {
        let output = "word ".repeat(words);
        ItemContent::FunctionCallOutput(FunctionCallOutput { call_id: id.to_string(), output })
    }

    #[test]
    fn a_call_that_waits_stays_with_the_turn_that_asked_for_it() {
        let items = vec![
            said(Role::User, "one"),
            said(Role::User, "two"),
            call(1),
            said(Role::User, "three"),
        ];
        assert_eq!(parts(items.clone(), &Estimate).newest, items[1..]);
    }

    #[test]
    fn of_a_long_turn_only_what_still_waits_stays() {
        let items = vec![
            said(Role::User, "one"),
            call(1),
            output(1, 9_000),
            ItemContent::Reasoning(loquat_domain::Reasoning::default()),
            call(2),
            call(3),
            output(2, 1),
        ];
        assert_eq!(parts(items.clone(), &Estimate).newest, items[3..]);
    }

    fn any_item() -> impl Strategy<Value = ItemContent> {
        prop_oneof![
            Just(said(Role::User, "hi")),
            Just(said(Role::User, &"word ".repeat(1_500))),
            Just(said(Role::Assistant, "hello")),
            (0_u8..4).prop_map(call),
            (0_u8..4, prop_oneof![Just(1_usize), Just(1_500)])
                .prop_map(|(id, words)| output(id, words)),
        ]
    }

    /// Every output comes after a call of its name.
    fn answers_its_calls(items: &[ItemContent]) -> bool {
        let mut called = std::collections::BTreeSet::new();
        items.iter().all(|item| match item {
            ItemContent::FunctionCall(call) => {
                called.insert(&call.call_id);
                true
            }
            ItemContent::FunctionCallOutput(output) => called.contains(&output.call_id),
            _ => true,
        })
    }

    proptest! {
        #[test]
        fn calls_and_outputs_are_never_cut_apart(
            items in prop::collection::vec(any_item(), 0..24)
                .prop_filter("outputs have calls", |items| answers_its_calls(items))
        ) {
            let Parts { lead, middle, newest } = parts(items.clone(), &Estimate);
            let kept = [lead.clone(), newest.clone()].concat();
            prop_assert!(answers_its_calls(&kept));
            prop_assert!(cuts(&middle).unanswered.is_none(), "nothing that waits is summarised");
            prop_assert_eq!([lead, middle, newest].concat(), items);
        }
    }

    fn cut_history() -> History {
        let conversation = ConversationId::from_uuid(new_id());
        History {
            head: Head { conversation, listed: false, leaf: None, running: false, active: true },
            items: Vec::new(),
            reached_root: false,
            lead: Vec::new(),
            context: None,
            segments: Vec::new(),
        }
    }

    #[tokio::test]
    async fn what_is_longer_than_can_be_read_is_refused() {
        let mut turns = MockTurnStore::new();
        turns.expect_history().returning(|_, _, _| Ok(cut_history()));
        let request = CompactRequest {
            model: None,
            history: CompactHistory::Response(ResponseId::from_uuid(new_id())),
            input: Vec::new(),
        };
        let refused = service(turns).compact(&scope(), request).await;
        let too_large = ContextError::TooLarge {
            what: "the last items of the conversation",
            tokens: 0,
            budget: LONGEST,
        };
        assert!(matches!(refused, Err(ChatError::Context(error)) if error == too_large));
    }
}
