//! What a provider's cache asks for.

use loquat_context::{Recall, SectionKind, Window};
use loquat_domain::ItemContent;

use super::{
    Broken,
    budget::{budget, ours},
    holds,
    view::View,
};
use crate::journey::{Before, Taken};

pub(crate) fn prefix_is_stable(taken: &Taken<'_>) -> Result<(), Broken> {
    let (Some(view), Some(before)) = (View::of(taken), taken.before) else { return Ok(()) };
    let Before { prompt: earlier, anchored, edits } = before;
    let (then, now) = (&earlier.receipt, &view.prompt.receipt);
    let goes_on = *anchored && taken.is_anchored() && *edits == taken.store.edits;
    if !goes_on || view.prompt.change.is_some() || then.pinned != now.pinned {
        return Ok(());
    }
    let beside = then.lead.len() + then.pinned.len();
    let sent = then.summary.as_ref().is_some_and(|summary| summary.sent);
    let summary = sent.then(|| &earlier.input[beside]);
    if summary != view.summary() {
        return Ok(());
    }
    // An output has arrived for a call that had been passed over.
    let dropped = view.dropped();
    let is_sent = |id: &str| view.sent_window().iter().any(|it| it.item.public_id() == id);
    if then.dropped.iter().any(|it| !dropped.contains(it.item.as_str()) && is_sent(&it.item)) {
        return Ok(());
    }
    let prefix = &earlier.input[..earlier.stable_items()];
    let differs = prefix.iter().zip(&view.prompt.input).position(|(then, now)| then != now);
    holds!(differs.is_none(), "item {differs:?} of the prefix has changed");
    holds!(view.prompt.stable_items() >= prefix.len(), "the prefix has become shorter");
    Ok(())
}

/// The marks that hold for this turn: high, low, room.
fn marks(view: &View<'_>) -> Option<(u32, u32, u32)> {
    let taken = view.taken;
    let Window::Marks { high, low } = taken.ask.policy.window else { return None };
    let beside = view.lead.iter().copied().chain(&view.loaded.pinned);
    let beside: u32 = beside.map(|stored| view.tokens(stored)).sum();
    let turn = &taken.ask.turn;
    let free = budget(taken) - (turn.instructions + turn.tools + turn.input + beside);
    let summary = taken
        .ask
        .policy
        .summary
        .map_or(0, |most| ours(taken, most).min(budget(taken) / 8).min(free));
    let free = free - summary;
    let recall = taken.ask.policy.recall.map_or(0, |Recall { max_tokens, max_share, .. }| {
        ours(taken, max_tokens).min(free * u32::from(max_share.min(100)) / 100)
    });
    let most = ours(taken, high).min(free - recall);
    let low = u64::from(most) * u64::from(low.min(high)) / u64::from(high.max(1));
    let low = u32::try_from(low).expect("it is less");
    Some((most, low, free - recall))
}

/// Why something of a window is not sent.
const UNSENDABLE: [&str; 3] = ["call_is_gone", "never_answered", "led_to_nothing_sent"];

pub(crate) fn evictions_are_few(taken: &Taken<'_>) -> Result<(), Broken> {
    let Some(view) = View::of(taken) else { return Ok(()) };
    let Some((high, low, room)) = marks(&view).filter(|_| taken.is_anchored()) else {
        return Ok(());
    };
    let tokens = view.section(SectionKind::Window);
    let is_one_turn =
        !(view.window_at() + 1..view.history.len()).any(|index| view.begins_turn(index));
    holds!(tokens <= high || is_one_turn, "the window has {tokens} tokens, at most {high}");
    holds!(tokens <= room || is_one_turn, "the window has {tokens} tokens of {room}");

    let Some(change) = &view.prompt.change else { return Ok(()) };
    let anchor = taken.state.anchor;
    // A window that was cut for a policy that takes less is found again.
    let grows = !fits(taken);
    if !grows {
        holds!(change.anchor >= anchor, "{:?} is before {anchor:?}", change.anchor);
    }
    let old = view.history.iter().filter(|it| anchor.is_none_or(|anchor| it.position >= anchor));
    let opened = view.loaded.opening.iter().map(|stored| view.tokens(stored)).sum::<u32>();
    // What cannot be sent now was not sent before. What is pinned may be dropped beside the window.
    let dropped = view.prompt.receipt.dropped.iter().filter(|it| UNSENDABLE.contains(&it.why));
    let dropped: Vec<&str> = dropped.map(|dropped| dropped.item.as_str()).collect();
    let is_pinned = |id| view.loaded.pinned.iter().any(|pinned| pinned.item.id == id);
    let old = old.filter(|stored| {
        !dropped.contains(&stored.item.public_id().as_str()) || is_pinned(stored.item.id)
    });
    let old_tokens = old.map(|stored| view.tokens(stored)).sum::<u32>() + opened;
    let is_compaction = |content: &ItemContent| matches!(content, ItemContent::Compaction(_));
    let compacted = view.history.iter().any(|stored| is_compaction(&stored.item.content))
        || taken.ask.input.iter().any(is_compaction);
    // A long conversation may have been read from anywhere: reading goes by the counts that are
    // stored, which may be another counter's.
    let read = view.loaded.history.last().map(|stored| stored.position);
    let finds = !view.loaded.reached_root && (anchor.is_none() || read > anchor);
    let may = old_tokens > high || compacted || grows || finds;
    let then = &taken.state;
    holds!(may, "{old_tokens} of {high} tokens, and yet {change:?} follows {then:?}");
    holds!(tokens <= low || is_one_turn || compacted || grows, "{tokens} tokens are left of {low}");
    Ok(())
}

fn fits(taken: &Taken<'_>) -> bool {
    let Window::Marks { low, .. } = taken.ask.policy.window else { return false };
    low.min(taken.ask.model.context_window / 2) <= taken.state.cut_to
}
