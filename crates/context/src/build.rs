//! The prompt, of what was loaded.

use std::collections::HashSet;

use loquat_domain::{ItemContent, StoredItem, Truncation};

use crate::{ContextError, Dropped, Need, Receipt, Section, SectionKind, TokenCounter};

/// What was loaded as [`Need`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The conversation's newest items, newest first, without a gap.
    pub history: Vec<StoredItem>,
    /// True when the last of them is the conversation's first.
    pub reached_root: bool,
}

/// What the model shall see, beside instructions and tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The conversation, oldest first, the new items last.
    pub input: Vec<ItemContent>,
    /// What was kept and dropped.
    pub receipt: Receipt,
}

/// Makes the prompt: the newest items that fit, in order and without a gap, then the new ones.
///
/// A function call and its output are both in or both out. An output whose call is gone is left
/// out by itself.
///
/// # Errors
///
/// [`ContextError::TooLarge`] when truncation is disabled and not all fits, or when the call that
/// a new output answers does not fit; [`ContextError::UnknownCall`] when there is no such call.
pub fn build(
    need: &Need,
    loaded: Loaded,
    input: Vec<ItemContent>,
    counter: &dyn TokenCounter,
) -> Result<Prompt, ContextError> {
    let mut history = loaded.history;
    history.reverse();
    let start = window_start(&history, need.history_tokens);
    check_new_outputs(&history, start, loaded.reached_root, &input, need)?;
    let orphans = orphan_outputs(&history);
    let whole = loaded.reached_root && start == 0;
    if need.truncation == Truncation::Disabled && !whole {
        let tokens =
            history.iter().fold(need.turn.input, |sum, it| sum.saturating_add(it.item.tokens));
        return Err(ContextError::TooLarge {
            what: "the conversation and the new items",
            tokens,
            budget: need.window.max_input(),
        });
    }

    let mut dropped = Vec::new();
    let mut kept: Vec<StoredItem> = Vec::with_capacity(history.len());
    for (at, stored) in history.into_iter().enumerate() {
        if at < start {
            dropped.push(drop_item(&stored, "does not fit"));
        } else if orphans.contains(&at) {
            dropped.push(drop_item(&stored, "its function call is gone"));
        } else {
            kept.push(stored);
        }
    }
    let history_tokens = kept.iter().map(|it| it.item.tokens).fold(0, u32::saturating_add);
    let sections = vec![
        Section { kind: SectionKind::Tools, tokens: need.turn.tools, items: 0 },
        Section { kind: SectionKind::Instructions, tokens: need.turn.instructions, items: 0 },
        Section { kind: SectionKind::History, tokens: history_tokens, items: kept.len() },
        Section { kind: SectionKind::Input, tokens: need.turn.input, items: input.len() },
    ];
    let receipt = Receipt {
        v: 1,
        counter: counter.id(),
        model_window: need.window.context_window,
        reserved_output: need.window.reserved_output,
        max_input: need.window.max_input(),
        used: sections.iter().map(|section| section.tokens).fold(0, u32::saturating_add),
        sections,
        dropped,
        oldest_item: kept.first().map(|stored| stored.item.public_id()),
        whole_history: whole,
    };
    let input = kept.into_iter().map(|stored| stored.item.content).chain(input).collect();
    Ok(Prompt { input, receipt })
}

/// Index of the oldest item of the longest run of newest items that fits and cuts no call from its
/// output.
fn window_start(history: &[StoredItem], budget: u32) -> usize {
    let mut left = budget;
    let mut start = history.len();
    for (at, stored) in history.iter().enumerate().rev() {
        let Some(rest) = left.checked_sub(stored.item.tokens) else { break };
        left = rest;
        start = at;
    }
    while let Some(cut) = last_cut_output(history, start) {
        // Moving the start past that output may cut off the outputs of calls that came before it.
        start = cut + 1;
    }
    start
}

/// Index of the last output from `start` on whose call stands before `start` only.
fn last_cut_output(history: &[StoredItem], start: usize) -> Option<usize> {
    let outside: HashSet<&str> = history.iter().take(start).filter_map(call_id).collect();
    let mut inside = HashSet::new();
    let mut last = None;
    for (at, stored) in history.iter().enumerate().skip(start) {
        inside.extend(call_id(stored));
        if output_id(stored).is_some_and(|id| outside.contains(id) && !inside.contains(id)) {
            last = Some(at);
        }
    }
    last
}

/// Indices of outputs that answer no call before them.
fn orphan_outputs(history: &[StoredItem]) -> HashSet<usize> {
    let mut calls = HashSet::new();
    let mut orphans = HashSet::new();
    for (at, stored) in history.iter().enumerate() {
        calls.extend(call_id(stored));
        if output_id(stored).is_some_and(|id| !calls.contains(id)) {
            orphans.insert(at);
        }
    }
    orphans
}

fn check_new_outputs(
    history: &[StoredItem],
    start: usize,
    reached_root: bool,
    input: &[ItemContent],
    need: &Need,
) -> Result<(), ContextError> {
    let mut calls: HashSet<&str> = history.iter().skip(start).filter_map(call_id).collect();
    for (index, content) in input.iter().enumerate() {
        match content {
            ItemContent::FunctionCall(call) => {
                calls.insert(&call.call_id);
            }
            ItemContent::FunctionCallOutput(output) if !calls.contains(output.call_id.as_str()) => {
                let is_older = history.iter().any(|it| call_id(it) == Some(&output.call_id));
                return Err(if is_older || !reached_root {
                    ContextError::TooLarge {
                        what: "the function call of a new output and all that follows it",
                        tokens: history
                            .iter()
                            .fold(0, |sum, it| sum.saturating_add(it.item.tokens)),
                        budget: need.history_tokens,
                    }
                } else {
                    ContextError::UnknownCall { index }
                });
            }
            _ => {}
        }
    }
    Ok(())
}

fn call_id(stored: &StoredItem) -> Option<&str> {
    match &stored.item.content {
        ItemContent::FunctionCall(call) => Some(&call.call_id),
        _ => None,
    }
}

fn output_id(stored: &StoredItem) -> Option<&str> {
    match &stored.item.content {
        ItemContent::FunctionCallOutput(output) => Some(&output.call_id),
        _ => None,
    }
}

fn drop_item(stored: &StoredItem, why: &'static str) -> Dropped {
    Dropped { item: stored.item.public_id(), tokens: stored.item.tokens, why }
}

#[cfg(test)]
mod tests;
