//! Where a history may be cut.

use std::collections::{HashMap, HashSet};

use loquat_domain::{ItemContent, Role};

use crate::weighed::Weighed;

/// Where a history may be cut, and what of it cannot be sent.
#[derive(Debug)]
pub(crate) struct Groups {
    /// What stays out of the prompt wherever the window begins.
    pub(crate) unsendable: Vec<Option<Why>>,
    /// Before these items a turn begins: a person's message, or a compaction, with no call open.
    pub(crate) turns: Vec<usize>,
    /// Before these items a step of a turn begins: something that a model said or asked for, with
    /// no call open and without a thought that led to it.
    pub(crate) steps: Vec<usize>,
    /// True when the new items answer a call of the history.
    pub(crate) open_at_end: bool,
}

/// Why an item cannot be sent. Providers refuse a history with one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// An output whose call is gone.
    NoCall,
    /// A call that nothing answers.
    NeverAnswered,
    /// A thought of which nothing came that is sent.
    ThoughtOfNothing,
}

impl Why {
    /// In words for the receipt.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NoCall => "call_is_gone",
            Self::NeverAnswered => "never_answered",
            Self::ThoughtOfNothing => "led_to_nothing_sent",
        }
    }
}

impl Groups {
    /// Of a history, oldest first, and the new items that follow it.
    pub(crate) fn of(history: &[Weighed], input: &[ItemContent]) -> Self {
        let unsendable = unsendable(history, input);
        let (open, open_at_end) = open(history, input, &unsendable);
        let mut turns = Vec::new();
        let mut steps = Vec::new();
        // A thought, what it led to and what was said beside it are sent together or not at all.
        let mut thought = false;
        for (at, item) in history.iter().enumerate() {
            let is_open = open.get(at).copied().unwrap_or(false);
            match (item.content(), item.content().role()) {
                (ItemContent::Compaction(_), _) => {
                    // What it stands for is sent no more.
                    turns.clear();
                    steps.clear();
                    turns.push(at);
                    thought = false;
                }
                (_, Some(Role::User)) => {
                    turns.extend((!is_open).then_some(at));
                    thought = false;
                }
                (ItemContent::FunctionCallOutput(_), _) => thought = false,
                (_, Some(Role::System | Role::Developer)) => {
                    steps.extend((!is_open).then_some(at));
                    thought = false;
                }
                (content, _) => {
                    steps.extend((!is_open && !thought).then_some(at));
                    thought |= matches!(content, ItemContent::Reasoning(_));
                }
            }
        }
        Self { unsendable, turns, steps, open_at_end }
    }

    /// True when the item at this index can be sent.
    pub(crate) fn is_sendable(&self, at: usize) -> bool {
        !self.unsendable.get(at).is_some_and(Option::is_some)
    }
}

/// For each item: is a call before it answered by it or later? And is one answered by the new items?
fn open(history: &[Weighed], input: &[ItemContent], out: &[Option<Why>]) -> (Vec<bool>, bool) {
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
    for (at, item) in history.iter().enumerate() {
        if out.get(at).is_some_and(Option::is_some) {
            continue;
        }
        match item.content() {
            ItemContent::FunctionCall(call) => {
                called_at.insert(&call.call_id, at);
            }
            ItemContent::FunctionCallOutput(output) => {
                if let Some(call) = called_at.get(output.call_id.as_str()) {
                    span(*call, at);
                }
            }
            ItemContent::Compaction(_) => called_at.clear(),
            ItemContent::Message(_) | ItemContent::Reasoning(_) => {}
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

/// What cannot be sent of a run of items, oldest first, that others follow.
pub(crate) fn unsendable(items: &[Weighed], followed_by: &[ItemContent]) -> Vec<Option<Why>> {
    let mut calls = HashSet::new();
    let mut out: Vec<Option<Why>> = items
        .iter()
        .map(|item| match item.content() {
            ItemContent::FunctionCall(call) => {
                calls.insert(call.call_id.as_str());
                None
            }
            ItemContent::FunctionCallOutput(output) => {
                (!calls.contains(output.call_id.as_str())).then_some(Why::NoCall)
            }
            ItemContent::Compaction(_) => {
                calls.clear();
                None
            }
            ItemContent::Message(_) | ItemContent::Reasoning(_) => None,
        })
        .collect();
    let mut answered: HashSet<&str> = followed_by.iter().filter_map(output_id).collect();
    let mut follows = followed_by.first().map_or(Follows::Other, Follows::of);
    for (item, out) in items.iter().zip(&mut out).rev() {
        match item.content() {
            ItemContent::FunctionCallOutput(output) => {
                answered.insert(&output.call_id);
            }
            ItemContent::Compaction(_) => answered.clear(),
            // Models reuse ids: an output answers the last call before it, and no earlier one.
            ItemContent::FunctionCall(call) if !answered.remove(call.call_id.as_str()) => {
                *out = Some(Why::NeverAnswered);
            }
            ItemContent::Reasoning(_) if follows == Follows::Other => {
                *out = Some(Why::ThoughtOfNothing);
            }
            _ => {}
        }
        follows = match (&out, follows) {
            (None, _) => Follows::of(item.content()),
            // Of several calls that one thought led to, another may be sent.
            (Some(Why::NeverAnswered), Follows::Deed) => Follows::Deed,
            (Some(_), _) => Follows::Other,
        };
    }
    out
}

/// What comes after an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// A model's thought.
    Thought,
    /// A model's call or words.
    Deed,
    /// What no thought leads to.
    Other,
}

impl Follows {
    const fn of(content: &ItemContent) -> Self {
        match content {
            ItemContent::Reasoning(_) => Self::Thought,
            ItemContent::FunctionCall(_) => Self::Deed,
            ItemContent::Message(message) if matches!(message.role, Role::Assistant) => Self::Deed,
            ItemContent::Message(_)
            | ItemContent::FunctionCallOutput(_)
            | ItemContent::Compaction(_) => Self::Other,
        }
    }
}

fn output_id(content: &ItemContent) -> Option<&str> {
    match content {
        ItemContent::FunctionCallOutput(output) => Some(&output.call_id),
        _ => None,
    }
}
