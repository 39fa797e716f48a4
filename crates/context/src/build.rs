//! The prompt, of what was loaded.

mod assemble;
mod report;
mod room;

use std::collections::HashSet;

use loquat_domain::{ItemContent, ItemId, StoredItem, Truncation};

use crate::{
    ContextError, Hit, Need, Receipt, State, TokenCounter,
    groups::Groups,
    weighed::{Weighed, total},
    window::{Anchor, Costed, Known, Opening, Start},
};

use assemble::Parts;
use room::Room;

/// What was loaded as [`Need`] says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// The branch's newest items, newest first, without a gap.
    pub history: Vec<StoredItem>,
    /// True when the last of them is the branch's first.
    pub reached_root: bool,
    /// When it was not reached: the operator's messages that begin the conversation, at most
    /// [`Loaded::MOST_LEAD`], oldest first; also those of them that `history` has. (Of what only
    /// `history` has, nobody knows whether it is from the beginning.)
    pub lead: Vec<StoredItem>,
    /// The messages of [`State::opening`].
    pub opening: Vec<StoredItem>,
    /// What the caller has pinned, oldest first.
    pub pinned: Vec<StoredItem>,
    /// The summary of what came before the window.
    pub summary: Option<KnownSummary>,
    /// The best hits, best first.
    pub hits: Vec<Hit>,
    /// How many words of the new message the conversation knows.
    pub known_terms: usize,
    /// The items of the hits, in any order. Those that are not messages are passed over.
    pub found: Vec<StoredItem>,
}

impl Loaded {
    /// The most messages of the operator's that a conversation begins with and that stay: the
    /// further ones leave with the turns around them.
    pub const MOST_LEAD: usize = 16;
}

/// A summary of the beginning of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSummary {
    /// Position of the last item that it covers.
    pub covers_to: i64,
    /// What it says.
    pub text: String,
}

/// What the model shall see, beside instructions and tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What was said, in order of stability: what begins the conversation and what is pinned, the
    /// summary, the window, the new items.
    pub input: Vec<ItemContent>,
    /// After how many items a part of it ends that later prompts repeat, ascending: what begins the
    /// conversation, is pinned and summarised; then the window. The last is repeated until the next
    /// eviction, as long as pins and summary stay the same and no output arrives for a call that was
    /// passed over. Empty when nothing came before.
    pub cache_ends: Vec<usize>,
    /// What was kept and dropped.
    pub receipt: Receipt,
    /// The conversation's state after this turn, when it is another one: something was evicted.
    pub change: Option<State>,
}

impl Prompt {
    /// How many items later prompts repeat until the next eviction.
    pub fn stable_items(&self) -> usize {
        self.cache_ends.last().copied().unwrap_or_default()
    }
}

/// Makes the prompt of what was loaded.
///
/// A turn begins with a person's message. The window is a run of whole turns, the newest ones; only
/// of a turn that does not fit by itself the oldest steps are left out, and when not even what it
/// began with fits, all of it. A function call and its output are both in or both out.
///
/// # Errors
///
/// [`ContextError::TooLarge`] when what must be sent does not fit, or truncation is disabled and not
/// all does; [`ContextError::UnknownCall`] when a new output answers no call that the window has.
pub fn build(
    need: &Need,
    state: &State,
    loaded: Loaded,
    input: Vec<ItemContent>,
    counter: &dyn TokenCounter,
) -> Result<Prompt, ContextError> {
    let Loaded { history, reached_root, lead, opening, pinned, summary, hits, known_terms, found } =
        loaded;
    let weigh = |items| Weighed::all(items, counter);
    let mut history = weigh(history);
    history.reverse();
    let state = &state.of_history(history.last().map(Weighed::position));
    let lead = if reached_root { split_lead(&mut history) } else { weigh(lead) };
    let repeated = history.iter().take_while(|item| lead.iter().any(|it| it.id() == item.id()));
    let repeated = repeated.count();
    history.drain(..repeated);
    let opening = weigh(opening);
    let pinned = each_once(weigh(pinned));
    // The same items may be in the window: then they are not sent twice, but their room is kept, so
    // that the window begins where it will begin without them.
    let room = Room::of(need, state, total(&lead).saturating_add(total(&pinned)))?;

    let groups = Groups::of(&history, &input);
    let costed = Costed::new(&history, &groups, reached_root, &input);
    if need.truncation == Truncation::Disabled {
        let all = costed.beginning();
        let tokens = costed.tokens_from(all.unwrap_or(0));
        if all.is_none() || tokens > room.bounds.room {
            // What was not read costs something too.
            let least = room.budget.saturating_add(1);
            return Err(ContextError::TooLarge {
                what: "the conversation and the new items",
                tokens: tokens.saturating_add(room.fixed).max(least),
                budget: room.budget,
            });
        }
    }
    let anchor = anchor(need, state, &opening);
    let (start, room) = match costed.start(need.policy.window, room.bounds, anchor) {
        Some(start) => (start, room),
        None => match costed.least(anchor, room.free()) {
            // What is kept takes what else would be a summary's and a quotation's.
            Ok(start) if start.at < history.len() => (start, room.for_the_least()),
            Ok(nothing) => (nothing, room),
            Err(tokens) => {
                return Err(ContextError::TooLarge {
                    what: "the newest turn and the new items",
                    tokens: tokens.saturating_add(room.fixed),
                    budget: room.budget,
                });
            }
        },
    };
    check_new_outputs(&history, &groups, &start, &input)?;

    let opened = match &start.opening {
        Opening::None => Vec::new(),
        Opening::Kept => opening,
        Opening::At(range) => history.get(range.clone()).unwrap_or_default().to_vec(),
    };
    let change = next_state(need, state, &history, &start, &opened, reached_root);
    let parts = Parts {
        need,
        state,
        room,
        counter,
        lead,
        pinned,
        opened,
        history,
        start,
        groups,
        change,
        reached_root,
    };
    let summary = parts.summary(summary);
    let (recalled, gate) = parts.recall(&hits, known_terms, &found);
    Ok(parts.assemble(input, summary, recalled, gate))
}

/// The operator's messages that a conversation begins with.
fn split_lead(history: &mut Vec<Weighed>) -> Vec<Weighed> {
    let lead = history.iter().take(Loaded::MOST_LEAD).take_while(|item| item.is_operators());
    let lead = lead.count();
    history.drain(..lead).collect()
}

fn each_once(mut items: Vec<Weighed>) -> Vec<Weighed> {
    let mut seen = HashSet::new();
    items.retain(|item| seen.insert(item.id()));
    items
}

/// Where the window began before, if that is a window of this policy.
fn anchor(need: &Need, state: &State, opening: &[Weighed]) -> Option<Anchor> {
    let position = state.anchor.filter(|_| need.anchored && need.fits(state))?;
    let opening = match (state.opening.is_empty(), opening.is_empty()) {
        (true, _) => Known::None,
        (false, true) => Known::Gone,
        (false, false) => Known::Tokens(total(opening)),
    };
    Some(Anchor { position, opening })
}

/// Refuses a new output that would be sent without its call.
fn check_new_outputs(
    history: &[Weighed],
    groups: &Groups,
    start: &Start,
    input: &[ItemContent],
) -> Result<(), ContextError> {
    let sent = history.iter().enumerate().skip(start.at).filter(|(at, _)| groups.is_sendable(*at));
    let mut known: HashSet<&str> = sent.filter_map(|(_, item)| call_id(item.content())).collect();
    for (index, content) in input.iter().enumerate() {
        known.extend(call_id(content));
        if let ItemContent::FunctionCallOutput(output) = content
            && !known.contains(output.call_id.as_str())
        {
            return Err(ContextError::UnknownCall { index });
        }
    }
    Ok(())
}

fn call_id(content: &ItemContent) -> Option<&str> {
    match content {
        ItemContent::FunctionCall(call) => Some(&call.call_id),
        _ => None,
    }
}

/// True when the window begins at this position, or with the first item behind it: positions have
/// gaps, and the anchor of an empty window is before the item that came next.
fn begins_at(history: &[Weighed], start: &Start, position: i64) -> bool {
    let is_exact = history.get(start.at).is_some_and(|item| item.position() == position);
    let before = history.partition_point(|item| item.position() < position);
    is_exact || start.at > 0 && start.at == before
}

/// The state after this turn, when the window begins elsewhere than it says.
fn next_state(
    need: &Need,
    state: &State,
    history: &[Weighed],
    start: &Start,
    opened: &[Weighed],
    reached_root: bool,
) -> Option<State> {
    let last = history.last()?;
    let is_first = reached_root && start.at == 0;
    if !need.anchored || is_first && state.anchor.is_none() {
        return None;
    }
    let anchor = history.get(start.at).map_or(last.position() + 1, Weighed::position);
    let opening: Vec<ItemId> = opened.iter().map(Weighed::id).collect();
    let is_there = state.anchor.is_some_and(|anchor| begins_at(history, start, anchor));
    if is_there && state.opening == opening && need.fits(state) {
        return None;
    }
    let cut_to = need.policy.cut_to(need.model.context_window);
    Some(State { anchor: Some(anchor), cut_to, opening, calibration: state.calibration.clone() })
}
