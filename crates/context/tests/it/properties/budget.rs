//! Budgets.

use loquat_context::{Policy, TokenCounter as _};
use loquat_domain::Truncation;

use super::{Broken, holds, view::View};
use crate::{
    engine::{Ask, Engine},
    journey::{Taken, take},
};

/// The most tokens that a prompt may have, by our count.
pub(crate) fn budget(taken: &Taken<'_>) -> u32 {
    let Ask { policy, model, .. } = &taken.ask;
    ours(taken, model.max_input().min(policy.max_input.unwrap_or(u32::MAX)))
}

/// The provider's tokens as ours.
pub(crate) fn ours(taken: &Taken<'_>, tokens: u32) -> u32 {
    let model = &taken.ask.model;
    let known =
        taken.state.calibration.as_ref().filter(|it| !model.exact && it.model == model.model);
    let eighths = known.map_or(8, |it| u64::from(it.eighths));
    u32::try_from(u64::from(tokens) * 8 / eighths).unwrap_or(u32::MAX)
}

pub(crate) fn is_kept(taken: &Taken<'_>) -> Result<(), Broken> {
    let Some(view) = View::of(taken) else { return Ok(()) };
    let (budget, counter) = (budget(taken), taken.ask.counter);
    let input: u32 = view.prompt.input.iter().map(|content| counter.item(content)).sum();
    let tokens = taken.ask.turn.instructions + taken.ask.turn.tools + input;
    holds!(tokens <= budget, "{tokens} tokens of {budget}");
    let claimed = view.prompt.receipt.budget;
    holds!(claimed.used <= budget, "{} tokens of {budget} are claimed", claimed.used);
    holds!(claimed.max_input == budget, "{budget}, not {}, are the most", claimed.max_input);
    Ok(())
}

/// By how much less is tried.
const LESS: [u32; 6] = [1, 2, 13, 80, 320, 900];

pub(crate) fn more_keeps_more(taken: &Taken<'_>, engine: &dyn Engine) -> Result<(), Broken> {
    if taken.ask.truncation == Truncation::Disabled {
        return Ok(());
    }
    let most = taken.ask.model.max_input().min(taken.ask.policy.max_input.unwrap_or(u32::MAX));
    // One of them, but always the same for the same turn; all where something is chosen.
    let one = (taken.store.items.len() + taken.ask.input.len()) % LESS.len();
    let chooses = taken.result.as_ref().is_ok_and(|prompt| prompt.receipt.gate.fired);
    for (at, less) in LESS.into_iter().enumerate() {
        if let Some(less) = most.checked_sub(less).filter(|_| chooses || at == one) {
            keeps_more_than(taken, engine, less)?;
        }
    }
    Ok(())
}

/// What is kept of so many tokens is kept of as many as the turn has.
fn keeps_more_than(taken: &Taken<'_>, engine: &dyn Engine, less: u32) -> Result<(), Broken> {
    let policy = Policy { max_input: Some(less), ..taken.ask.policy };
    let ask = Ask { policy, ..taken.ask.clone() };
    let smaller = take(engine, taken.store, ask, taken.pins.clone(), None);
    let Some(small) = View::of(&smaller) else { return Ok(()) };
    // Of a turn whose beginning it did not read it keeps steps alone, which have room for more.
    let at = small.window_at();
    let begins = at < small.history.len() && small.begins_turn(at) || !small.opening().is_empty();
    // And where it did not read a call, its group has fallen apart.
    let is_cut = (0..small.history.len()).any(|index| small.is_orphan(index));
    let reads = |taken: &Taken<'_>| taken.needed.as_ref().map(|(_, it)| it.history.len());
    if (!begins || is_cut) && reads(&smaller) < reads(taken) {
        return Ok(());
    }
    let Some(large) = View::of(taken) else {
        return Err(format!("{less} tokens are enough, more are not"));
    };
    // A pinned call may seem answered by an output of another with the same id, until that is in the
    // window.
    let is_pinned =
        |id: &String| small.prompt.receipt.pinned.contains(id) && !id.starts_with("msg");
    let large = large.kept();
    let kept = small.kept();
    let lost: Vec<_> = kept.difference(&large).filter(|id| !is_pinned(id)).collect();
    holds!(lost.is_empty(), "{less} tokens keep {lost:?}, more do not");
    Ok(())
}
