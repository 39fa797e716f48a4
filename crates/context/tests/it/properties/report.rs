//! What the receipt says.

use std::collections::HashSet;

use loquat_context::{SectionKind, TokenCounter as _};

use super::{Broken, holds, view::View};
use crate::journey::Taken;

pub(crate) fn receipt_adds_up(taken: &Taken<'_>) -> Result<(), Broken> {
    let Some(view) = View::of(taken) else { return Ok(()) };
    sections_add_up(&view)?;
    everything_is_somewhere(&view)
}

fn sections_add_up(view: &View<'_>) -> Result<(), Broken> {
    let receipt = &view.prompt.receipt;
    let (turn, counter) = (&view.taken.ask.turn, view.taken.ask.counter);
    let sum: u32 = receipt.sections.iter().map(|section| section.tokens).sum();
    holds!(sum == receipt.budget.used, "{sum} are not {}", receipt.budget.used);
    let of = |ids: &[String]| -> Result<u32, Broken> {
        Ok(view.items(ids)?.iter().map(|stored| view.tokens(stored)).sum())
    };
    let window: u32 = view.sent_window().iter().map(|stored| view.tokens(stored)).sum();
    let summary = view.summary().map_or(0, |message| counter.item(message));
    let quotation = quotation(view).map_or(0, |text| counter.text(&text));
    for (kind, tokens) in [
        (SectionKind::Tools, turn.tools),
        (SectionKind::Instructions, turn.instructions),
        (SectionKind::Lead, of(&receipt.lead)?),
        (SectionKind::Pinned, of(&receipt.pinned)?),
        (SectionKind::Summary, summary),
        (SectionKind::Window, of(view.opening())? + window),
        (SectionKind::Input, turn.input),
    ] {
        let said = view.section(kind);
        holds!(said == tokens, "{kind:?} has {tokens} tokens, not {said}");
    }
    let said = view.section(SectionKind::Recalled);
    // Counted line by line, which is more than as one text.
    holds!(quotation <= said, "the quotation has {quotation} tokens, not {said}");
    holds!(
        (quotation == 0) == (said == 0),
        "a quotation of {quotation} tokens is said to be {said}"
    );
    let stable = receipt.cache.stable_prefix_tokens;
    let expected = sum - said - turn.input;
    holds!(stable == expected, "the prefix has {expected} tokens, not {stable}");
    holds!(receipt.cache.expected_hit_tokens <= stable, "a hit larger than the prefix");
    Ok(())
}

/// What was put into the newest message.
fn quotation(view: &View<'_>) -> Option<String> {
    let new = &view.prompt.input[view.prompt.stable_items()..];
    let texts = new.iter().flat_map(loquat_domain::ItemContent::texts);
    let texts: Vec<&str> = texts.collect();
    let given: Vec<&str> =
        view.taken.ask.input.iter().flat_map(loquat_domain::ItemContent::texts).collect();
    (texts.len() > given.len())
        .then(|| texts.iter().find(|text| text.starts_with("<past_messages>")))?
        .map(|text| (*text).to_owned())
}

fn everything_is_somewhere(view: &View<'_>) -> Result<(), Broken> {
    let receipt = &view.prompt.receipt;
    let mut told: HashSet<String> = view.kept();
    told.extend(view.window().iter().map(|stored| stored.item.public_id()));
    for dropped in &receipt.dropped {
        let id = &dropped.item;
        let stored = view.item(id).ok_or(format!("{id} was not loaded"))?;
        let tokens = view.tokens(stored);
        holds!(dropped.tokens == tokens, "{id} has {tokens} tokens, not {}", dropped.tokens);
        holds!(!view.kept().contains(id), "{id} is said to be sent and not");
        told.insert(id.clone());
    }
    let anchor = view.taken.state.anchor;
    let left = |position: i64| anchor.is_some_and(|anchor| position < anchor);
    let evicted = receipt.window.as_ref().and_then(|window| window.evicted.as_ref());
    if let Some(evicted) = evicted {
        let place =
            |id: &String| view.history.iter().position(|stored| stored.item.public_id() == *id);
        let run = place(&evicted.from).zip(place(&evicted.to)).ok_or("what left was not loaded")?;
        let run = view.history[run.0..=run.1].iter().map(|stored| stored.item.public_id());
        let run: Vec<String> = run.filter(|id| !view.opening().contains(id)).collect();
        holds!(run.len() == evicted.items, "{} items left, not {}", run.len(), evicted.items);
        let window: HashSet<String> =
            view.window().iter().map(|stored| stored.item.public_id()).collect();
        holds!(run.iter().all(|id| !window.contains(id)), "what left is in the window");
        told.extend(run);
    }
    for stored in view.loaded.history.iter().chain(&view.loaded.lead).chain(&view.loaded.pinned) {
        let id = stored.item.public_id();
        let is_told = told.contains(&id) || left(stored.position);
        holds!(is_told, "the receipt does not say where {id} is");
    }
    for stored in view.loaded.found.iter().filter(|_| receipt.gate.fired) {
        let id = stored.item.public_id();
        holds!(told.contains(&id), "the receipt does not say what became of {id}");
    }
    Ok(())
}
