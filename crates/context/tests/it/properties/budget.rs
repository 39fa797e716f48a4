//! Budgets.

use loquat_context::{Policy, TokenCounter as _};
use loquat_domain::Truncation;

use super::{Broken, holds, view::View};
use crate::{
    engine::{Ask, Engine},
    journey::Taken,
};

/// The most tokens that a prompt may have, by our count.
pub(crate) fn budget(taken: &Taken<'_>) -> u32 {
    let Ask { policy, model, truncation, .. } = &taken.ask;
    // Without truncation no policy counts: everything is sent, or nothing.
    let most = policy.max_input.filter(|_| *truncation == Truncation::Auto);
    ours(taken, model.max_input().min(most.unwrap_or(u32::MAX)))
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

pub(crate) fn more_keeps_more(taken: &Taken<'_>, engine: &dyn Engine) -> Result<(), Broken> {
    if taken.ask.truncation == Truncation::Disabled {
        return Ok(());
    }
    let most = taken.ask.model.max_input().min(taken.ask.policy.max_input.unwrap_or(u32::MAX));
    // Any number, but always the same for the same turn.
    let seed = taken.store.items.len() + taken.ask.input.len();
    let less = [1, 2, 13, 80, 320, 900][seed % 6];
    let Some(less) = most.checked_sub(less) else { return Ok(()) };
    let policy = Policy { max_input: Some(less), ..taken.ask.policy };
    let ask = Ask { policy, ..taken.ask.clone() };
    let smaller = super::super::journey::Taken {
        result: taken.again(engine, ask.clone()),
        needed: loquat_context::plan(
            &ask.policy,
            ask.model.clone(),
            ask.turn.clone(),
            ask.truncation,
        )
        .ok()
        .map(|need| (need.clone(), taken.store.load(&need, &taken.pins))),
        store: taken.store,
        state: taken.state.clone(),
        pins: taken.pins.clone(),
        before: None,
        ask,
    };
    let Some(small) = View::of(&smaller) else { return Ok(()) };
    // A store does not tell a lead at which reading ended from what comes later.
    if small.lead.len() < taken.store.lead().len() {
        return Ok(());
    }
    let Some(large) = View::of(taken) else {
        return Err(format!("{less} tokens are enough, {most} are not"));
    };
    if large.lead.len() < taken.store.lead().len() {
        return Ok(());
    }
    let (small, large) = (small.kept(), large.kept());
    let lost: Vec<_> = small.difference(&large).collect();
    holds!(lost.is_empty(), "{less} tokens keep {lost:?}, {most} do not");
    Ok(())
}
