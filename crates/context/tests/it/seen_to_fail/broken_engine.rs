//! An engine with one deliberate fault.

use std::sync::atomic::{AtomicU32, Ordering};

use loquat_context::{
    ContextError, Loaded, Need, Policy, Prompt, State, TokenCounter as _, Window, plan,
};
use loquat_domain::{ItemContent, Message, Part, Role};

use crate::engine::{Ask, Engine, Real};

/// What is wrong with an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    AcceptsForeign,
    BeginsInTheMiddle,
    CountsInThePrefix,
    CutsTheNewest,
    DependsOnACounter,
    DoublesAnItem,
    EvictsEachTurn,
    ExceedsTheBudget,
    FollowsTheSummary,
    ForgetsInTheReport,
    /// A thought stays when what it led to is left out.
    KeepsThoughts,
    LosesPins,
    LosesTheLead,
    NeverEvicts,
    ReadsEverything,
    RecallsWithoutGate,
    /// An old turn that does not fit is an error.
    RefusesLongTurns,
    SeparatesCalls,
    /// What does not fit into the quotation is passed over, and the next is tried.
    SkipsInRecall,
    SwapsItems,
}

/// The engine, with one fault.
pub(crate) struct BrokenEngine {
    fault: Fault,
    prompts: AtomicU32,
}

impl BrokenEngine {
    pub(crate) const fn with(fault: Fault) -> Self {
        Self { fault, prompts: AtomicU32::new(0) }
    }
}

impl Engine for BrokenEngine {
    fn prompt(
        &self,
        ask: Ask,
        state: &State,
        load: &dyn Fn(&Need) -> Loaded,
    ) -> Result<Prompt, ContextError> {
        let number = self.prompts.fetch_add(1, Ordering::Relaxed);
        let asked = self.asked(ask.clone(), load);
        let read = |need: &Need| self.loaded(&ask, state, need, load);
        let mut prompt = Real.prompt(asked, state, &read)?;
        self.spoil(&mut prompt, number, &ask, load)?;
        Ok(prompt)
    }
}

impl BrokenEngine {
    /// Asks for something else.
    fn asked(&self, mut ask: Ask, load: &dyn Fn(&Need) -> Loaded) -> Ask {
        match self.fault {
            Fault::ExceedsTheBudget => ask.model.context_window += 200,
            Fault::EvictsEachTurn => {
                if let Window::Marks { high, .. } = &mut ask.policy.window {
                    *high = 0;
                }
            }
            Fault::NeverEvicts => {
                ask.policy.window = Window::Marks { high: u32::MAX, low: u32::MAX };
            }
            Fault::RecallsWithoutGate => {
                ask.turn.message = Some("Do you remember the harbour and the lantern?".to_owned());
            }
            Fault::FollowsTheSummary => {
                let has_summary = needed(&ask).is_some_and(|need| load(&need).summary.is_some());
                if let (true, Window::Marks { high, low }) = (has_summary, ask.policy.window) {
                    ask.policy.window = Window::Marks { high: high / 2, low: low / 2 };
                }
            }
            _ => {}
        }
        ask
    }

    /// Reads something else.
    fn loaded(
        &self,
        ask: &Ask,
        state: &State,
        need: &Need,
        load: &dyn Fn(&Need) -> Loaded,
    ) -> Loaded {
        let mut loaded = match self.fault {
            Fault::ReadsEverything => {
                let mut everything = need.clone();
                everything.history_tokens = u64::MAX;
                everything.anchored = false;
                load(&everything)
            }
            _ => load(need),
        };
        match self.fault {
            Fault::AcceptsForeign => {
                let anchor = state.anchor.unwrap_or(0);
                let disguised = |position: i64| -1 - position;
                for hit in loaded.hits.iter_mut().filter(|hit| hit.position >= anchor) {
                    hit.position = disguised(hit.position);
                }
                for stored in loaded.found.iter_mut().filter(|it| it.position >= anchor) {
                    stored.position = disguised(stored.position);
                }
            }
            Fault::SkipsInRecall => skip(&mut loaded, ask),
            Fault::LosesPins => loaded.pinned.clear(),
            _ => {}
        }
        loaded
    }

    /// Makes something else of the prompt.
    fn spoil(
        &self,
        prompt: &mut Prompt,
        number: u32,
        ask: &Ask,
        load: &dyn Fn(&Need) -> Loaded,
    ) -> Result<(), ContextError> {
        let beside = prompt.receipt.lead.len() + prompt.receipt.pinned.len();
        let stable = prompt.stable_items();
        let is_output =
            |content: &ItemContent| matches!(content, ItemContent::FunctionCallOutput(_));
        match self.fault {
            Fault::ExceedsTheBudget => {
                // It does not even say so.
                prompt.receipt.budget.max_input =
                    needed(ask).map_or(0, |_| prompt.receipt.budget.max_input - 200);
            }
            Fault::LosesTheLead => {
                prompt.input.drain(..prompt.receipt.lead.len());
            }
            Fault::CutsTheNewest => {
                if let Some(ItemContent::Message(message)) = prompt.input.last_mut()
                    && let Some(Part::Text(text)) = message.parts.last_mut()
                {
                    text.pop();
                }
            }
            Fault::RefusesLongTurns => {
                let is_empty = prompt.receipt.window.as_ref().is_some_and(|it| it.from.is_none());
                if is_empty {
                    let (tokens, budget) = (u32::MAX, prompt.receipt.budget.max_input);
                    return Err(ContextError::TooLarge { what: "an old turn", tokens, budget });
                }
            }
            Fault::SeparatesCalls => {
                if let Some(at) = prompt.input.iter().position(is_output) {
                    prompt.input.remove(at);
                }
            }
            Fault::KeepsThoughts => {
                let deed = |content: &ItemContent| matches!(content, ItemContent::Reasoning(_));
                if let Some(at) = prompt.input.iter().position(deed) {
                    prompt.input.remove(at + 1);
                }
            }
            Fault::SwapsItems if stable > beside + 1 => {
                prompt.input.swap(stable - 1, stable - 2);
            }
            Fault::DoublesAnItem if stable > 0 => {
                let last = prompt.input[stable - 1].clone();
                prompt.input.insert(stable, last);
            }
            Fault::BeginsInTheMiddle => begin_later(prompt, ask, load),
            Fault::CountsInThePrefix if stable > 0 => {
                if let Some(ItemContent::Message(message)) = prompt.input.first_mut() {
                    message.parts.push(Part::Text(format!("Prompt {number}.")));
                }
            }
            Fault::DependsOnACounter => {
                prompt.input.push(ItemContent::Message(Message::text(
                    Role::User,
                    format!("Prompt {number}."),
                )));
            }
            Fault::ForgetsInTheReport => {
                prompt.receipt.dropped.clear();
                if let Some(window) = &mut prompt.receipt.window {
                    window.evicted = None;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn needed(ask: &Ask) -> Option<Need> {
    plan(&ask.policy, ask.model.clone(), ask.turn.clone(), ask.truncation).ok()
}

/// Takes of the hits what fits, whatever did not before it.
fn skip(loaded: &mut Loaded, ask: &Ask) {
    let Policy { max_input, recall: Some(recall), .. } = ask.policy else { return };
    let most = ask.model.max_input().min(max_input.unwrap_or(u32::MAX));
    let fixed = ask.turn.instructions + ask.turn.tools + ask.turn.input;
    let share = most.saturating_sub(fixed) * u32::from(recall.max_share.min(100)) / 100;
    let mut left = share.min(recall.max_tokens).saturating_sub(60);
    let found = &loaded.found;
    loaded.hits.retain(|hit| {
        let stored = found.iter().find(|stored| stored.position == hit.position);
        let tokens = stored.map_or(0, |stored| ask.counter.stored(&stored.item));
        let fits = tokens <= left;
        left -= if fits { tokens } else { 0 };
        fits
    });
}

/// Leaves out what the window begins with.
fn begin_later(prompt: &mut Prompt, ask: &Ask, load: &dyn Fn(&Need) -> Loaded) {
    let Some((need, window)) = needed(ask).zip(prompt.receipt.window.as_mut()) else { return };
    let history = load(&need).history;
    let from = history.iter().position(|it| Some(it.item.public_id()) == window.from);
    let Some(next) = from.and_then(|from| from.checked_sub(1)) else { return };
    window.from = Some(history[next].item.public_id());
    let at = prompt.receipt.lead.len() + prompt.receipt.pinned.len();
    prompt.input.remove(at);
    if let Some(last) = prompt.cache_ends.last_mut() {
        *last -= 1;
    }
}
