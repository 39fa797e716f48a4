//! What has to be loaded.

use loquat_domain::{ItemContent, Role, Settings, StoredItem, Truncation};

use crate::{Gate, Policy, Query, Recall, State, TokenCounter, Window, recall::message_text};

/// Tokens that a reply costs beside its text: OpenAI's rule of thumb for its chat models.
const TOKENS_PER_REPLY: u32 = 3;

/// Share of the window that is kept free because counts may be estimates: one part in this many.
const SAFETY_SHARE: u32 = 64;

/// The least candidates that are worth a look, and the most that may be loaded.
const CANDIDATES: (u32, u32) = (32, 1_024);

/// Tokens of a short message. As many candidates are loaded as of these fit what may be fetched.
const TOKENS_PER_CANDIDATE: u32 = 16;

/// Tokens of a long turn.
const ONE_TURN: u64 = 8_192;

/// Tokens of a message with what belongs to it. Where it is more, all is loaded.
const TOKENS_OF_LAST: u64 = 256;

/// What a model can take and give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelWindow {
    /// The model's name, to which a calibration belongs.
    pub model: String,
    /// Tokens of prompt and answer together.
    pub context_window: u32,
    /// Tokens that are kept free for the answer.
    pub reserved_output: u32,
    /// False when tokens are estimates: then they are calibrated, and a part of the window is kept
    /// free.
    pub exact: bool,
}

impl ModelWindow {
    /// The most tokens that a prompt may have.
    pub const fn max_input(&self) -> u32 {
        let safety = if self.exact { 0 } else { self.context_window / SAFETY_SHARE };
        self.context_window
            .saturating_sub(self.reserved_output)
            .saturating_sub(safety)
            .saturating_sub(TOKENS_PER_REPLY)
    }
}

/// What must be in the prompt, whatever else is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewTurn {
    /// Tokens of the instructions.
    pub instructions: u32,
    /// Tokens of the tools.
    pub tools: u32,
    /// Tokens of the caller's new items.
    pub input: u32,
    /// The text of the newest of them that a person said; `None` when none did.
    pub message: Option<String>,
}

impl NewTurn {
    /// Of the caller's new items, which have so many tokens, and of how they shall be answered.
    pub fn of(
        settings: &Settings,
        input: &[ItemContent],
        input_tokens: u32,
        counter: &dyn TokenCounter,
    ) -> Self {
        let message = input.iter().rev().find_map(|content| match content {
            ItemContent::Message(message) if message.role == Role::User => {
                Some(message_text(message))
            }
            _ => None,
        });
        Self {
            instructions: counter.instructions(settings),
            tools: counter.tools(settings),
            input: input_tokens,
            message,
        }
    }

    pub(crate) fn tokens(&self) -> u32 {
        self.instructions.saturating_add(self.tools).saturating_add(self.input)
    }
}

/// What has to be loaded for [`build`](crate::build), and what it is for.
#[derive(Debug, Clone)]
pub struct Need {
    pub(crate) policy: Policy,
    pub(crate) model: ModelWindow,
    pub(crate) turn: NewTurn,
    pub(crate) truncation: Truncation,
    /// Load items newest first until their tokens add up to this, or the first item.
    pub history_tokens: u64,
    /// True when items before the conversation's anchor need not be loaded.
    pub anchored: bool,
    /// What to look for in the part of the conversation before the anchor; `None` when there is
    /// nothing to look for.
    pub query: Option<Query>,
    /// How many hits are worth loading.
    pub candidates: usize,
}

/// The prompt cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// What must be in the prompt does not fit the model's window.
    #[error("{what} of {tokens} tokens exceed the {budget} tokens that the model can take")]
    TooLarge {
        /// What is too large, in words for the caller.
        what: &'static str,
        /// Its tokens, by our count.
        tokens: u32,
        /// The most that would fit.
        budget: u32,
    },
    /// A new function output answers a call that the history does not have, or that has left the
    /// window since.
    #[error("no function call with the call_id of input item {index}")]
    UnknownCall {
        /// Index of the output among the new items.
        index: usize,
    },
}

/// Says what has to be loaded for a turn.
///
/// # Errors
///
/// [`ContextError::TooLarge`] when what must be sent alone exceeds the model's window.
pub fn plan(
    policy: &Policy,
    model: ModelWindow,
    turn: NewTurn,
    truncation: Truncation,
) -> Result<Need, ContextError> {
    // Without truncation there is no policy: everything is sent, or nothing.
    let policy = match truncation {
        Truncation::Auto => *policy,
        Truncation::Disabled => {
            Policy { max_input: policy.max_input, recall: None, summary: None, ..Policy::full() }
        }
    };
    let mut need = Need {
        anchored: truncation == Truncation::Auto && matches!(policy.window, Window::Marks { .. }),
        history_tokens: 0,
        query: None,
        candidates: 0,
        policy,
        model,
        turn,
        truncation,
    };
    // Estimates are calibrated by what is loaded only later, to the double at most.
    let double = need.budget(State::SMALLEST_EIGHTHS);
    let budget = if need.model.exact { need.budget(8) } else { double };
    let fixed = need.turn.tokens();
    if fixed > budget {
        return Err(ContextError::TooLarge {
            what: "the instructions, tools and new items",
            tokens: fixed,
            budget: need.budget(8),
        });
    }
    // More than there is room for, so that what stays out is noticed. Exact counts too are read to
    // the double, so that what a long turn began with is there still when its last step was large.
    need.history_tokens = u64::from(double - fixed) + 1;
    if let (Some(recall), Some(message)) = (policy.recall, &need.turn.message) {
        need.query = recall.query(message);
        let most = recall.max_tokens / TOKENS_PER_CANDIDATE;
        let most = most.clamp(CANDIDATES.0, CANDIDATES.1);
        need.candidates = usize::try_from(most).unwrap_or(usize::MAX);
    }
    Ok(need)
}

impl Need {
    /// How many tokens to load at first. The window is mostly found in fewer than there is room for:
    /// load all of [`Need::history_tokens`] only if it [falls short](Need::falls_short).
    pub fn first_tokens(&self) -> u64 {
        let first = match self.policy.window {
            // What is beyond the double is not looked at, unless a single turn is longer.
            Window::Marks { high, .. } => u64::from(high) * 2 + ONE_TURN,
            Window::Last(messages) => u64::from(messages) * TOKENS_OF_LAST,
        };
        first.min(self.history_tokens)
    }

    /// True when what was loaded at first, newest first, has not all that the window may take.
    pub fn falls_short(&self, loaded: &[StoredItem], reached_root: bool) -> bool {
        let tokens: u64 = loaded.iter().map(|it| u64::from(it.item.tokens)).sum();
        let was_cut_short = !reached_root && tokens >= self.first_tokens();
        was_cut_short && self.first_tokens() < self.history_tokens && !self.has_enough(loaded)
    }

    fn has_enough(&self, loaded: &[StoredItem]) -> bool {
        let asked = loaded.iter().filter(|it| it.item.content.role() == Some(Role::User)).count();
        match self.policy.window {
            // The newest turn is whole, and there is one before it.
            Window::Marks { .. } => asked > 1,
            // One more, before which a turn may begin; and what the newest turn began with.
            Window::Last(messages) => {
                let said = |it: &&StoredItem| matches!(it.item.content, ItemContent::Message(_));
                let has = loaded.iter().filter(said).count();
                asked > 0 && u32::try_from(has).is_ok_and(|has| has > messages)
            }
        }
    }

    /// True when the history has to be loaded again without regard to the anchor: the window was cut
    /// for a policy or a model that takes less.
    pub fn wants_more(&self, state: &State) -> bool {
        self.anchored && !self.fits(state) && state.anchor.is_some()
    }

    /// True when a window that was cut then is one of this policy.
    pub(crate) fn fits(&self, state: &State) -> bool {
        self.policy.cut_to(self.model.context_window) <= state.cut_to
    }

    /// The most tokens that the prompt may have, by our count, of which the provider counts so many
    /// eighths.
    pub(crate) fn budget(&self, eighths: u8) -> u32 {
        let most = self.model.max_input().min(self.policy.max_input.unwrap_or(u32::MAX));
        scaled(most, eighths)
    }
}

/// A number of the provider's tokens as one of ours.
pub(crate) fn scaled(tokens: u32, eighths: u8) -> u32 {
    let ours = u64::from(tokens) * 8 / u64::from(eighths.max(1));
    u32::try_from(ours).unwrap_or(u32::MAX)
}

impl Recall {
    /// What to look for, if the form of the message says that something should be.
    fn query(&self, message: &str) -> Option<Query> {
        let asked = match self.gate {
            Gate::Asking => crate::search::asks(message),
            Gate::Known => true,
        };
        let query = asked.then(|| Query::of(message))?;
        (query.content_terms() >= self.least_terms()).then_some(query)
    }

    /// How many words of the message the conversation must know.
    pub(crate) fn least_terms(&self) -> usize {
        match self.gate {
            Gate::Asking => 2,
            Gate::Known => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(context_window: u32, reserved_output: u32) -> ModelWindow {
        ModelWindow { model: "m".to_owned(), context_window, reserved_output, exact: false }
    }

    fn said(message: &str) -> NewTurn {
        NewTurn { message: Some(message.to_owned()), input: 10, ..NewTurn::default() }
    }

    fn query(policy: &Policy, message: &str) -> Option<Query> {
        let model = window(32_768, 1_024);
        plan(policy, model, said(message), Truncation::Auto).unwrap().query
    }

    #[test]
    fn the_answer_and_the_safety_margin_are_kept_free() {
        assert_eq!(window(1_024, 200).max_input(), 1_024 - 200 - 16 - 3);
        assert_eq!(ModelWindow { exact: true, ..window(1_024, 200) }.max_input(), 1_024 - 200 - 3);
    }

    #[test]
    fn what_must_be_sent_and_does_not_fit_is_refused() {
        let model = ModelWindow { exact: true, ..window(1_024, 200) };
        let turn = NewTurn { input: model.max_input() + 1, ..NewTurn::default() };
        assert!(matches!(
            plan(&Policy::balanced(), model, turn, Truncation::Auto),
            Err(ContextError::TooLarge { tokens: 822, budget: 821, .. })
        ));
    }

    #[test]
    fn a_reserve_larger_than_the_window_leaves_no_room() {
        assert_eq!(window(100, 200).max_input(), 0);
    }

    #[test]
    fn a_question_is_looked_for_and_a_greeting_is_not() {
        let policy = Policy::balanced();
        assert!(query(&policy, "Which restaurant did my sister recommend?").is_some());
        assert!(query(&policy, "Do you remember the contract with the harbour office").is_some());
        assert!(query(&policy, "Hello!").is_none());
        assert!(query(&policy, "How are you?").is_none());
        assert!(query(&policy, "The restaurant closes the kitchen at nine.").is_none());
    }

    #[test]
    fn what_is_asked_is_what_a_person_said_last() {
        let said = |role, text| ItemContent::Message(loquat_domain::Message::text(role, text));
        let message = |input: &[ItemContent]| {
            NewTurn::of(&Settings::default(), input, 0, &crate::Estimate).message
        };
        let input = [said(Role::User, "one"), said(Role::User, "two"), said(Role::Assistant, "no")];
        assert_eq!(message(&input).as_deref(), Some("two"));
        assert_eq!(message(&input[2..]), None);
    }

    #[test]
    fn nothing_is_looked_for_without_the_policy_for_it_or_when_everything_is_sent() {
        let question = "Which restaurant did my sister recommend?";
        assert!(query(&Policy::last(10), question).is_none());
        let need =
            plan(&Policy::balanced(), window(32_768, 1_024), said(question), Truncation::Disabled);
        assert!(need.unwrap().query.is_none());
    }
}
