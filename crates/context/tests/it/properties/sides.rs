//! What a prompt does not depend on.

use std::cell::Cell;

use loquat_context::{Gate, Hit, Need, Query, SectionKind, asks};

use super::{Broken, holds, view::View};
use crate::{
    engine::{Engine, texts_counted},
    journey::Taken,
};

pub(crate) fn is_deterministic(taken: &Taken<'_>, engine: &dyn Engine) -> Result<(), Broken> {
    let again = taken.again(engine, taken.ask.clone());
    holds!(again == taken.result, "the second time it is another prompt");
    let elsewhere = std::thread::scope(|scope| {
        let thread = scope.spawn(|| taken.again(engine, taken.ask.clone()));
        thread.join().expect("the engine does not panic")
    });
    holds!(elsewhere == taken.result, "on another thread it is another prompt");
    Ok(())
}

/// Texts of one item that are counted at most, by whichever counter.
const TEXTS_PER_ITEM: u64 = 4;
/// Times that a candidate is written and counted at most, until it is short enough.
const TIMES_PER_CANDIDATE: u64 = 24;
/// Headings and the like.
const BESIDE: u64 = 8;

pub(crate) fn work_is_bounded(taken: &Taken<'_>, engine: &dyn Engine) -> Result<(), Broken> {
    let Some((_, needed)) = &taken.needed else { return Ok(()) };
    let read = Cell::new(0);
    let load = |need: &Need| {
        let loaded = taken.store.load(need, &taken.pins);
        read.set(read.get() + loaded.history.len());
        loaded
    };
    let ask = taken.ask.clone();
    let (_, counted) = texts_counted(|| engine.prompt(ask, &taken.state, &load));
    let (read, enough) = (read.get(), needed.history.len());
    holds!(read <= enough, "{read} items are read, {enough} are enough");
    let count = |items: usize| u64::try_from(items).unwrap_or(u64::MAX);
    let items = count(enough + needed.lead.len() + needed.opening.len() + needed.pinned.len());
    let found = count(needed.found.len());
    let most = TEXTS_PER_ITEM * items + TIMES_PER_CANDIDATE * found + BESIDE;
    holds!(counted <= most, "{counted} texts are counted, {most} are enough");
    Ok(())
}

pub(crate) fn gate_holds(taken: &Taken<'_>) -> Result<(), Broken> {
    let Some(view) = View::of(taken) else { return Ok(()) };
    let receipt = &view.prompt.receipt;
    let asked = match (&taken.ask.turn.message, &taken.ask.policy.recall) {
        (Some(message), Some(recall)) => {
            let terms = Query::of(message).content_terms();
            match recall.gate {
                Gate::Asking => terms >= 2 && asks(message),
                Gate::Known => terms >= 1,
            }
        }
        _ => false,
    };
    let fired = receipt.gate.fired;
    let tokens = view.section(SectionKind::Recalled);
    holds!(asked || !fired, "nothing is asked for, and yet something was looked for");
    holds!(fired || receipt.recalled.is_empty(), "{:?} is fetched back", receipt.recalled);
    holds!(fired || tokens == 0, "{tokens} tokens are fetched back");
    Ok(())
}

pub(crate) fn summary_moves_nothing(taken: &Taken<'_>, engine: &dyn Engine) -> Result<(), Broken> {
    let Some(view) = View::of(taken) else { return Ok(()) };
    if view.loaded.summary.is_none() {
        return Ok(());
    }
    let without = taken.again_with(engine, taken.ask.clone(), |loaded| loaded.summary = None);
    let without = without.map_err(|error| format!("without its summary: {error}"))?;
    let mut input = view.prompt.input.clone();
    if view.summary().is_some() {
        input.remove(view.prompt.receipt.lead.len() + view.prompt.receipt.pinned.len());
    }
    holds!(input == without.input, "without its summary it has other items");
    holds!(view.prompt.change == without.change, "without its summary the window moves");
    let (with, without) = (&view.prompt.receipt, &without.receipt);
    holds!(with.window == without.window, "without its summary it has another window");
    let same = with.lead == without.lead
        && with.pinned == without.pinned
        && with.recalled == without.recalled
        && with.dropped == without.dropped
        && with.gate == without.gate;
    holds!(same, "without its summary the account is another");
    Ok(())
}

pub(crate) fn foreign_is_refused(taken: &Taken<'_>, engine: &dyn Engine) -> Result<(), Broken> {
    let Some(view) = View::of(taken) else { return Ok(()) };
    let Some(newest) = view.window().last() else { return Ok(()) };
    let mut foreign = (*newest).clone();
    foreign.position += 1_000;
    let with = taken.again_with(engine, taken.ask.clone(), |loaded| {
        for stored in [*newest, &foreign] {
            let hit = Hit { position: stored.position, score: u32::MAX, terms: 9 };
            loaded.hits.insert(0, hit);
            loaded.found.push(stored.clone());
        }
    });
    holds!(with == taken.result, "what is in the window is fetched back");
    Ok(())
}
