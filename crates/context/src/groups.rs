//! Where a history may be cut.

use std::collections::{HashMap, HashSet};

use loquat_domain::{ItemContent, Role, StoredItem};

/// Where a history may be cut, and what of it cannot be sent.
#[derive(Debug)]
pub(crate) struct Groups {
    /// What stays out of the prompt wherever the window begins.
    pub(crate) unsendable: Vec<Option<Why>>,
    /// Before these items a turn begins: a person's message, with no call open.
    pub(crate) turns: Vec<usize>,
    /// Before these items a step of a turn begins: something that a model said or asked for, with
    /// no call open.
    pub(crate) steps: Vec<usize>,
    /// True when the new items answer a call of the history.
    pub(crate) open_at_end: bool,
}

/// Why an item cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// An output whose call is gone.
    NoCall,
    /// A call that nothing answers.
    NeverAnswered,
    /// A thought whose consequence is not sent.
    ThoughtOfNothing,
}

impl Groups {
    /// Of a history, oldest first, and the new items that follow it.
    pub(crate) fn of(history: &[StoredItem], input: &[ItemContent]) -> Self {
        let unsendable = unsendable(history, input);
        let (open, open_at_end) = open(history, input, &unsendable);
        let mut turns = Vec::new();
        let mut steps = Vec::new();
        for (at, stored) in history.iter().enumerate() {
            let after_thought = at
                .checked_sub(1)
                .and_then(|before| history.get(before))
                .is_some_and(|before| matches!(before.item.content, ItemContent::Reasoning(_)));
            if open.get(at).copied().unwrap_or(false) {
                continue;
            }
            match (&stored.item.content, stored.item.content.role()) {
                (_, Some(Role::User)) => turns.push(at),
                (ItemContent::Compaction(_), _) => {
                    // What it stands for is sent no more.
                    turns.clear();
                    steps.clear();
                    turns.push(at);
                }
                (ItemContent::FunctionCallOutput(_), _) => {}
                _ if after_thought => {}
                _ => steps.push(at),
            }
        }
        Self { unsendable, turns, steps, open_at_end }
    }
}

/// For each item: is a call before it answered by it or later? And is one answered by the new items?
fn open(
    history: &[StoredItem],
    input: &[ItemContent],
    out: &[Option<Why>],
) -> (Vec<bool>, bool) {
    let mut called_at: HashMap<&str, usize> = HashMap::new();
    // How many calls become open, and are no longer, with each item.
    let mut opened = vec![0_i64; history.len() + 1];
    let mut span = |call: usize, until: usize| {
        // Cutting before the call itself separates nothing.
        for (at, by) in [(call + 1, 1), (until + 1, -1)] {
            if let Some(count) = opened.get_mut(at) {
                *count += by;
            }
        }
    };
    for (at, stored) in history.iter().enumerate() {
        if out.get(at).is_some_and(Option::is_some) {
            continue;
        }
        match &stored.item.content {
            ItemContent::FunctionCall(call) => {
                called_at.insert(&call.call_id, at);
            }
            ItemContent::FunctionCallOutput(output) => {
                if let Some(call) = called_at.get(output.call_id.as_str()) {
                    span(*call, at);
                }
            }
            _ => {}
        }
    }
    let mut open_at_end = false;
    for content in input {
        if let ItemContent::FunctionCallOutput(output) = content
            && let Some(call) = called_at.get(output.call_id.as_str())
        {
            span(*call, history.len());
            open_at_end = true;
        }
    }
    let mut count = 0;
    let open = opened
        .iter()
        .take(history.len())
        .map(|by| {
            count += by;
            count > 0
        })
        .collect();
    (open, open_at_end)
}

/// What cannot be sent: outputs without a call before them, calls without an output after them, and
/// the thoughts that led to such a call. Providers refuse such a history.
fn unsendable(history: &[StoredItem], input: &[ItemContent]) -> Vec<Option<Why>> {
    let mut calls = HashSet::new();
    let mut out: Vec<Option<Why>> = history
        .iter()
        .map(|stored| match &stored.item.content {
            ItemContent::FunctionCall(call) => {
                calls.insert(call.call_id.as_str());
                None
            }
            ItemContent::FunctionCallOutput(output) => {
                (!calls.contains(output.call_id.as_str())).then_some(Why::NoCall)
            }
            _ => None,
        })
        .collect();
    let mut answered: HashSet<&str> = input.iter().filter_map(output_id).collect();
    let mut next = None;
    for (stored, out) in history.iter().zip(&mut out).rev() {
        match &stored.item.content {
            ItemContent::FunctionCallOutput(output) => {
                answered.insert(&output.call_id);
            }
            ItemContent::FunctionCall(call) if !answered.contains(call.call_id.as_str()) => {
                *out = Some(Why::NeverAnswered);
            }
            ItemContent::Reasoning(_)
                if matches!(next, Some(Why::NeverAnswered | Why::ThoughtOfNothing)) =>
            {
                *out = Some(Why::ThoughtOfNothing);
            }
            _ => {}
        }
        next = *out;
    }
    out
}

fn output_id(content: &ItemContent) -> Option<&str> {
    match content {
        ItemContent::FunctionCallOutput(output) => Some(&output.call_id),
        _ => None,
    }
}
