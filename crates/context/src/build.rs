//! The prompt, of what was loaded.

use std::collections::{HashMap, HashSet};

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
/// out by itself, and so is a call that was never answered.
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
    let unanswered = unanswered_calls(&history, &input);
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
        } else if unanswered.contains(&at) {
            dropped.push(drop_item(&stored, "its function call was never answered"));
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
    past_cut_outputs(history, start)
}

/// The start, moved past every output whose call it would leave outside. Moving it past one may
/// leave the calls of further ones outside, which all come later.
fn past_cut_outputs(history: &[StoredItem], mut start: usize) -> usize {
    let mut called_at: HashMap<&str, usize> = HashMap::new();
    for (at, stored) in history.iter().enumerate() {
        if let Some(id) = call_id(stored) {
            called_at.insert(id, at);
        }
        let call = output_id(stored).and_then(|id| called_at.get(id));
        if at >= start && call.is_some_and(|call| *call < start) {
            start = at + 1;
        }
    }
    start
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

/// Indices of calls that no later output answers, of the history or of the new items: the model was
/// cut off, or the caller went on without answering. Providers refuse such a history.
fn unanswered_calls(history: &[StoredItem], input: &[ItemContent]) -> HashSet<usize> {
    let mut answered: HashSet<&str> = input
        .iter()
        .filter_map(|content| match content {
            ItemContent::FunctionCallOutput(output) => Some(output.call_id.as_str()),
            _ => None,
        })
        .collect();
    let mut unanswered = HashSet::new();
    for (at, stored) in history.iter().enumerate().rev() {
        answered.extend(output_id(stored));
        if call_id(stored).is_some_and(|id| !answered.contains(id)) {
            unanswered.insert(at);
        }
    }
    unanswered
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
