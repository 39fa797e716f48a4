//! The prompt, of what was loaded.

use std::collections::HashSet;

use loquat_domain::{ItemContent, ItemId, Part, Role, StoredItem, Truncation};

use crate::{
    Budget, CacheReport, ContextError, Counted, Dropped, Evicted, GateReport, Hit, Need, Receipt,
    Recalled, Section, SectionKind, State, SummaryReport, TokenCounter, Window, WindowReport,
    compaction::{opened, summary_message},
    groups::{Groups, Why},
    plan::scaled,
    recall::{self, Candidate, Selection},
    window::{Anchor, Bounds, Costed, Opening, Start},
};

/// What was loaded as [`Need`] says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    /// The branch's newest items, newest first, without a gap.
    pub history: Vec<StoredItem>,
    /// True when the last of them is the branch's first.
    pub reached_root: bool,
    /// When it was not reached: the operator's messages that begin the conversation, oldest first.
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
    /// How many of them are repeated by later prompts until the next eviction.
    pub stable_items: usize,
    /// What was kept and dropped.
    pub receipt: Receipt,
    /// The conversation's state after this turn, when it is another one: something was evicted.
    pub change: Option<State>,
}

/// Makes the prompt of what was loaded.
///
/// A turn begins with a person's message. The window is a run of whole turns, the newest ones; only
/// of a turn that does not fit by itself the oldest steps are left out. A function call and its
/// output are both in or both out.
///
/// # Errors
///
/// [`ContextError::TooLarge`] when what must be sent does not fit, or truncation is disabled and not
/// all does; [`ContextError::UnknownCall`] when a new output answers no call.
pub fn build(
    need: &Need,
    state: &State,
    loaded: Loaded,
    input: Vec<ItemContent>,
    counter: &dyn TokenCounter,
) -> Result<Prompt, ContextError> {
    let Loaded { history, reached_root, lead, opening, pinned, summary, hits, known_terms, found } =
        loaded;
    let mut history = history;
    history.reverse();
    let lead = if reached_root { split_lead(&mut history) } else { lead };
    let count = |stored: &StoredItem| counter.stored(&stored.item);
    let total = |items: &[StoredItem]| items.iter().map(count).fold(0, u32::saturating_add);
    // The same items may be in the window: then they are not sent twice, but their room is kept, so
    // that the window begins where it will begin without them.
    let room = Room::of(need, state, total(&lead).saturating_add(total(&pinned)))?;

    let groups = Groups::of(&history, &input);
    let costed = Costed::new(&history, &groups, reached_root, count);
    if need.truncation == Truncation::Disabled
        && !(reached_root && costed.tokens_from(0) <= room.bounds.room)
    {
        return Err(ContextError::TooLarge {
            what: "the conversation and the new items",
            tokens: costed.tokens_from(0).saturating_add(need.turn.tokens()),
            budget: room.budget,
        });
    }
    let anchor = state.anchor.filter(|_| need.anchored && need.fits(state));
    let anchor = anchor.map(|position| Anchor {
        position,
        opening: (!opening.is_empty()).then(|| total(&opening)),
    });
    let too_large = || ContextError::TooLarge {
        what: "the newest turn and the new items",
        tokens: costed.tokens_from(groups.turns.last().copied().unwrap_or(0)).saturating_add(need.turn.tokens()),
        budget: room.budget,
    };
    let start = costed.start(need.policy.window, room.bounds, anchor).ok_or_else(too_large)?;
    check_new_outputs(&history, &groups, &start, reached_root, &input, too_large)?;

    let opened: Vec<StoredItem> = match &start.opening {
        Opening::None => Vec::new(),
        Opening::Kept => opening,
        Opening::At(range) => history.get(range.clone()).unwrap_or_default().to_vec(),
    };
    let change = next_state(need, state, &history, &start, &opened, reached_root);
    let parts = Parts { need, room, counter, lead, pinned, opened, start, groups, reached_root };
    let whole = parts.is_whole();
    let summary = parts.summary(summary, &history);
    let (recalled, gate) = parts.recall(&history, &hits, known_terms, &found, whole);
    Ok(parts.assemble(state, history, input, summary, &found, recalled, gate, change))
}

/// The operator's messages that a conversation begins with.
fn split_lead(history: &mut Vec<StoredItem>) -> Vec<StoredItem> {
    let is_lead = |stored: &StoredItem| {
        matches!(stored.item.content.role(), Some(Role::System | Role::Developer))
    };
    let lead = history.iter().take_while(|stored| is_lead(stored)).count();
    history.drain(..lead).collect()
}

/// How much room there is for what.
#[derive(Debug, Clone, Copy)]
struct Room {
    eighths: u8,
    budget: u32,
    bounds: Bounds,
    summary: u32,
    recall: u32,
}

/// A summary has at most this part of the room for a conversation.
const SUMMARY_SHARE: u32 = 8;

impl Room {
    fn of(need: &Need, state: &State, beside: u32) -> Result<Self, ContextError> {
        let eighths = if need.model.exact { 8 } else { state.eighths(&need.model.model) };
        let budget = need.budget(eighths);
        let fixed = need.turn.tokens().saturating_add(beside);
        let free = budget.checked_sub(fixed).ok_or(ContextError::TooLarge {
            what: "the instructions, tools, pinned and new items",
            tokens: fixed,
            budget,
        })?;
        let policy = &need.policy;
        let summary =
            policy.summary.map_or(0, |most| scaled(most, eighths).min(free / SUMMARY_SHARE));
        let recall = policy.recall.map_or(0, |recall| {
            let share = u64::from(free) * u64::from(recall.max_share) / 100;
            scaled(recall.max_tokens, eighths).min(u32::try_from(share).unwrap_or(u32::MAX))
        });
        let room = free.saturating_sub(summary).saturating_sub(recall);
        let bounds = match policy.window {
            Window::Marks { high, low } => {
                let high = scaled(high, eighths).min(room);
                Bounds { high, low: scaled(low, eighths).min(high / 2), room }
            }
            Window::Last(_) => Bounds { high: room, low: room, room },
        };
        Ok(Self { eighths, budget, bounds, summary, recall })
    }
}

fn check_new_outputs(
    history: &[StoredItem],
    groups: &Groups,
    start: &Start,
    reached_root: bool,
    input: &[ItemContent],
    too_large: impl Fn() -> ContextError,
) -> Result<(), ContextError> {
    let calls = |from: usize| history.iter().skip(from).filter_map(|it| call_id(&it.item.content));
    let mut known: HashSet<&str> = calls(start.at).collect();
    for (index, content) in input.iter().enumerate() {
        known.extend(call_id(content));
        let ItemContent::FunctionCallOutput(output) = content else { continue };
        if !known.contains(output.call_id.as_str()) {
            let is_older = calls(0).any(|id| id == output.call_id) || !reached_root;
            debug_assert!(groups.open_at_end || !calls(0).any(|id| id == output.call_id));
            return Err(if is_older { too_large() } else { ContextError::UnknownCall { index } });
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

/// The state after this turn, when the window begins elsewhere than it says.
fn next_state(
    need: &Need,
    state: &State,
    history: &[StoredItem],
    start: &Start,
    opened: &[StoredItem],
    reached_root: bool,
) -> Option<State> {
    let last = history.last()?;
    let is_first = reached_root && start.at == 0;
    if !need.anchored || is_first && state.anchor.is_none() {
        return None;
    }
    let anchor = history.get(start.at).map_or(last.position + 1, |stored| stored.position);
    let opening: Vec<ItemId> = opened.iter().map(|stored| stored.item.id).collect();
    if state.anchor == Some(anchor) && state.opening == opening && need.fits(state) {
        return None;
    }
    let cut_to = need.policy.cut_to(need.model.context_window);
    Some(State { anchor: Some(anchor), cut_to, opening, calibration: state.calibration.clone() })
}

/// What a prompt is assembled of.
struct Parts<'a> {
    need: &'a Need,
    room: Room,
    counter: &'a dyn TokenCounter,
    lead: Vec<StoredItem>,
    pinned: Vec<StoredItem>,
    opened: Vec<StoredItem>,
    start: Start,
    groups: Groups,
    reached_root: bool,
}

/// A summary, and how it is sent.
struct Summarised {
    report: SummaryReport,
    message: Option<(ItemContent, u32)>,
}

impl Parts<'_> {
    fn is_whole(&self) -> bool {
        self.reached_root && self.start.at == 0
    }

    /// The summary, when it is about what comes before the window and fits.
    fn summary(
        &self,
        known: Option<KnownSummary>,
        history: &[StoredItem],
    ) -> Option<Summarised> {
        let known = known.filter(|_| self.need.policy.summary.is_some() && !self.is_whole())?;
        let first = history.get(self.start.at).map_or(i64::MAX, |stored| stored.position);
        if known.covers_to >= first {
            return None;
        }
        let before = self.start.at.checked_sub(1).and_then(|at| history.get(at));
        let stale = before.is_none_or(|stored| stored.position > known.covers_to)
            && self.uncovered(known.covers_to, first);
        let message = summary_message(&known.text);
        let tokens = self.counter.item(&message);
        let sent = tokens <= self.room.summary;
        let report = SummaryReport { covers_to: known.covers_to, stale, sent };
        Some(Summarised { report, message: sent.then_some((message, tokens)) })
    }

    /// True when there may be items between a summary's last one and the window.
    const fn uncovered(&self, covers_to: i64, first: i64) -> bool {
        covers_to.saturating_add(1) < first
    }

    /// What is fetched back, and why.
    fn recall(
        &self,
        history: &[StoredItem],
        hits: &[Hit],
        known_terms: usize,
        found: &[StoredItem],
        whole: bool,
    ) -> (Selection, GateReport) {
        let closed = |why| (Selection::default(), GateReport { fired: false, why });
        let Some(recall) = &self.need.policy.recall else { return closed("no_recall") };
        if self.need.turn.message.is_none() {
            return closed("no_message");
        }
        let Some(query) = &self.need.query else { return closed("not_asked") };
        if whole {
            return closed("nothing_evicted");
        }
        if known_terms < recall.least_terms() {
            return closed("too_few_known_terms");
        }
        let first = history.get(self.start.at).map_or(i64::MAX, |stored| stored.position);
        let sent: HashSet<ItemId> = [&self.lead, &self.pinned, &self.opened]
            .into_iter()
            .flatten()
            .map(|stored| stored.item.id)
            .collect();
        let candidates: Vec<Candidate<'_>> = hits
            .iter()
            .filter_map(|hit| {
                let stored = found.iter().find(|it| it.position == hit.position)?;
                let is_sent = stored.position >= first || sent.contains(&stored.item.id);
                (!is_sent).then_some(Candidate { hit: *hit, stored })
            })
            .collect();
        let selection =
            recall::select(&candidates, recall, self.room.recall, query, self.counter);
        (selection, GateReport { fired: true, why: "asked" })
    }

    #[expect(clippy::too_many_arguments, reason = "these are the parts of a prompt")]
    fn assemble(
        self,
        state: &State,
        history: Vec<StoredItem>,
        mut input: Vec<ItemContent>,
        summary: Option<Summarised>,
        found: &[StoredItem],
        recalled: Selection,
        gate: GateReport,
        change: Option<State>,
    ) -> Prompt {
        let counter = self.counter;
        let whole = self.is_whole();
        let mut dropped = self.dropped(&history);
        let window = self.window_report(&history, state, change.as_ref());
        let sent: HashSet<ItemId> =
            history.iter().skip(self.start.at).map(|stored| stored.item.id).collect();
        let (pinned, doubled): (Vec<_>, Vec<_>) = self
            .pinned
            .into_iter()
            .partition(|stored| !sent.contains(&stored.item.id));
        drop(doubled);

        let mut out = Sections { counter, sections: Vec::new(), input: Vec::new() };
        let turn = &self.need.turn;
        out.push_text(SectionKind::Tools, turn.tools);
        out.push_text(SectionKind::Instructions, turn.instructions);
        let lead_ids = public_ids(&self.lead);
        let pinned_ids = public_ids(&pinned);
        out.push(SectionKind::Lead, self.lead);
        out.push(SectionKind::Pinned, pinned);
        let fixed = out.tokens();
        let summary = summary.map(|summarised| {
            if let Some((message, tokens)) = summarised.message {
                out.push_message(SectionKind::Summary, message, tokens);
            }
            summarised.report
        });
        let newest_turn = self.groups.turns.last().copied().filter(|turn| *turn >= self.start.at);
        let mut newest = 0_u32;
        let mut kept = self.opened;
        for (at, stored) in history.into_iter().enumerate().skip(self.start.at) {
            if self.groups.unsendable.get(at).is_some_and(Option::is_some) {
                continue;
            }
            if newest_turn.is_none_or(|turn| at >= turn) {
                newest = newest.saturating_add(counter.stored(&stored.item));
            }
            kept.push(stored);
        }
        out.push(SectionKind::Window, kept);
        let stable_items = out.input.len();
        let stable_prefix_tokens = out.tokens();
        // What the provider has seen before: all but the newest turn, or only what never changes.
        let expected_hit_tokens = if change.is_some() { fixed } else { stable_prefix_tokens - newest };
        let expected_hit_tokens = if stable_items == 0 { 0 } else { expected_hit_tokens };
        let prefix_hash = fingerprint(&out.input);

        let tokens_of = |position: &i64| {
            found.iter().find(|it| it.position == *position).map(|it| (it, counter.stored(&it.item)))
        };
        for (positions, why) in [(&recalled.below, "below_min_share"), (&recalled.over, "over_budget")] {
            dropped.extend(positions.iter().filter_map(tokens_of).map(|(stored, tokens)| {
                Dropped { item: stored.item.public_id(), tokens, why }
            }));
        }
        let quoted = recalled.quoted.iter().filter_map(|quoted| {
            let (stored, _) = tokens_of(&quoted.position)?;
            Some(Recalled {
                item: stored.item.public_id(),
                score: quoted.hit.score,
                terms: quoted.hit.terms,
                tokens: quoted.tokens,
                excerpt: quoted.excerpt,
            })
        });
        let quoted: Vec<Recalled> = quoted.collect();
        if !quoted.is_empty() {
            insert(&mut input, recalled.text());
        }
        out.sections.push(Section {
            kind: SectionKind::Recalled,
            tokens: recalled.tokens,
            items: quoted.len(),
        });
        out.sections.push(Section { kind: SectionKind::Input, tokens: turn.input, items: input.len() });
        let model = &self.need.model;
        let receipt = Receipt {
            v: 2,
            counter: Counted { id: counter.id().to_string(), exact: model.exact, eighths: self.room.eighths },
            budget: Budget {
                model_window: model.context_window,
                reserved_output: model.reserved_output,
                max_input: self.room.budget,
                used: out.tokens(),
            },
            sections: out.sections,
            lead: lead_ids,
            pinned: pinned_ids,
            window,
            summary,
            recalled: quoted,
            dropped,
            gate,
            cache: CacheReport { stable_prefix_tokens, prefix_hash, expected_hit_tokens },
            whole_history: whole,
        };
        let mut prompt = out.input;
        prompt.extend(input.into_iter().map(opened));
        Prompt { input: prompt, stable_items, receipt, change }
    }

    /// Items of the window that cannot be sent.
    fn dropped(&self, history: &[StoredItem]) -> Vec<Dropped> {
        let window = history.iter().zip(&self.groups.unsendable).skip(self.start.at);
        window
            .filter_map(|(stored, why)| {
                let why = match (*why)? {
                    Why::NoCall => "its function call is gone",
                    Why::NeverAnswered => "its function call was never answered",
                    Why::ThoughtOfNothing => "what it led to was never answered",
                };
                let tokens = self.counter.stored(&stored.item);
                Some(Dropped { item: stored.item.public_id(), tokens, why })
            })
            .collect()
    }

    fn window_report(
        &self,
        history: &[StoredItem],
        state: &State,
        change: Option<&State>,
    ) -> Option<WindowReport> {
        let last = history.last()?;
        let first = history.get(self.start.at);
        // What was before the anchor already has left with an earlier prompt.
        let left = history.iter().take(self.start.at).filter(|stored| {
            state.anchor.is_none_or(|anchor| stored.position >= anchor)
                && !self.opened.iter().any(|it| it.item.id == stored.item.id)
        });
        let left: Vec<&StoredItem> = left.collect();
        let evicted = match (left.first(), left.last()) {
            (Some(from), Some(to)) if change.is_some() || !self.need.anchored => Some(Evicted {
                from: from.item.public_id(),
                to: to.item.public_id(),
                items: left.len(),
                tokens: left
                    .iter()
                    .map(|stored| self.counter.stored(&stored.item))
                    .fold(0, u32::saturating_add),
            }),
            _ => None,
        };
        Some(WindowReport {
            from: first.map(|stored| stored.item.public_id()),
            to: first.map(|_| last.item.public_id()),
            opening: public_ids(&self.opened),
            high: self.room.bounds.high,
            low: self.room.bounds.low,
            evicted,
        })
    }
}

/// A prompt in the making.
struct Sections<'a> {
    counter: &'a dyn TokenCounter,
    sections: Vec<Section>,
    input: Vec<ItemContent>,
}

impl Sections<'_> {
    /// Something that is sent beside the items.
    fn push_text(&mut self, kind: SectionKind, tokens: u32) {
        self.sections.push(Section { kind, tokens, items: 0 });
    }

    fn push_message(&mut self, kind: SectionKind, message: ItemContent, tokens: u32) {
        self.sections.push(Section { kind, tokens, items: 1 });
        self.input.push(message);
    }

    fn push(&mut self, kind: SectionKind, items: Vec<StoredItem>) {
        let tokens =
            items.iter().map(|it| self.counter.stored(&it.item)).fold(0, u32::saturating_add);
        self.sections.push(Section { kind, tokens, items: items.len() });
        self.input.extend(items.into_iter().map(|stored| opened(stored.item.content)));
    }

    fn tokens(&self) -> u32 {
        self.sections.iter().map(|section| section.tokens).fold(0, u32::saturating_add)
    }
}

/// Puts the quotation into the newest message that a person said, before its own words.
fn insert(input: &mut [ItemContent], quotation: String) {
    let newest = input.iter_mut().rev().find_map(|content| match content {
        ItemContent::Message(message) if message.role == Role::User => Some(message),
        _ => None,
    });
    if let Some(message) = newest {
        message.parts.insert(0, Part::Text(quotation));
    }
}

fn public_ids(items: &[StoredItem]) -> Vec<String> {
    items.iter().map(|stored| stored.item.public_id()).collect()
}

/// FNV-1a, 64 bits, over the kinds and texts: the same on every platform and for ever.
fn fingerprint(input: &[ItemContent]) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let mut hash = OFFSET;
    let mut add = |bytes: &[u8]| {
        // A byte that no UTF-8 text has ends each piece.
        for byte in bytes.iter().chain(&[0xFF]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    };
    for content in input {
        add(content.kind().as_str().as_bytes());
        add(content.role().map_or("", Role::as_str).as_bytes());
        for text in content.texts() {
            add(text.as_bytes());
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests;
