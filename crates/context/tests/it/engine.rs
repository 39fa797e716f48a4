//! The engine as the properties see it.

use std::sync::atomic::{AtomicU64, Ordering};

use loquat_context::{
    ContextError, Estimate, Loaded, ModelWindow, Need, NewTurn, Policy, Prompt, State,
    TokenCounter, build, plan,
};
use loquat_domain::{CounterId, ItemContent, Truncation};

/// What a turn asks for.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) policy: Policy,
    pub(crate) model: ModelWindow,
    pub(crate) turn: NewTurn,
    pub(crate) truncation: Truncation,
    pub(crate) input: Vec<ItemContent>,
    pub(crate) counter: Count,
}

/// Makes a prompt of what it has loaded.
pub(crate) trait Engine: Sync {
    fn prompt(
        &self,
        ask: Ask,
        state: &State,
        load: &dyn Fn(&Need) -> Loaded,
    ) -> Result<Prompt, ContextError>;
}

/// The engine.
pub(crate) struct Real;

impl Engine for Real {
    fn prompt(
        &self,
        ask: Ask,
        state: &State,
        load: &dyn Fn(&Need) -> Loaded,
    ) -> Result<Prompt, ContextError> {
        let need = plan(&ask.policy, ask.model, ask.turn, ask.truncation)?;
        build(&need, state, load(&need), ask.input, &ask.counter)
    }
}

/// Ways to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    Estimate,
    Words,
}

impl TokenCounter for Count {
    fn id(&self) -> CounterId {
        match self {
            Self::Estimate => CounterId::ESTIMATE,
            Self::Words => CounterId::new("words-1").expect("it is one"),
        }
    }

    fn is_exact(&self) -> bool {
        *self == Self::Words
    }

    fn text(&self, text: &str) -> u32 {
        COUNTED.with(|counted| counted.fetch_add(1, Ordering::Relaxed));
        match self {
            Self::Estimate => Estimate.text(text),
            // No rule of ours: a word has three tokens, and a line's end one.
            Self::Words => {
                let words = u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX);
                let lines = u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX);
                words.saturating_mul(3).saturating_add(lines)
            }
        }
    }
}

thread_local! {
    static COUNTED: AtomicU64 = const { AtomicU64::new(0) };
}

/// How many texts were counted on this thread while this ran.
pub(crate) fn texts_counted<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let now = || COUNTED.with(|counted| counted.load(Ordering::Relaxed));
    let before = now();
    let result = run();
    (result, now() - before)
}
