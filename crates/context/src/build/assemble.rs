//! A prompt is put together.

use std::collections::{BTreeMap, HashSet};

use loquat_domain::{ItemContent, ItemId, Part, Role, StoredItem};

use crate::{
    Budget, CacheReport, Counted, Dropped, GateReport, Hit, Need, Prompt, Receipt, Section,
    SectionKind, State, SummaryReport, TokenCounter,
    compaction::opened,
    groups::{Groups, Why, unsendable},
    recall::{self, Candidate, Selection},
    weighed::{Weighed, total},
    window::Start,
};

use super::{
    report::{dropped, public_ids},
    room::Room,
};

/// A receipt is stored with each response: it names no more items than these that stayed out.
const MOST_DROPPED: usize = 256;

/// What a prompt is made of.
pub(super) struct Parts<'a> {
    pub(super) need: &'a Need,
    pub(super) state: &'a State,
    pub(super) room: Room,
    pub(super) counter: &'a dyn TokenCounter,
    pub(super) lead: Vec<Weighed>,
    pub(super) pinned: Vec<Weighed>,
    pub(super) opened: Vec<Weighed>,
    /// Oldest first; the window is what it has from `start` on.
    pub(super) history: Vec<Weighed>,
    pub(super) start: Start,
    pub(super) groups: Groups,
    pub(super) change: Option<State>,
    pub(super) reached_root: bool,
}

/// A summary, and how it is sent.
pub(super) struct Summarised {
    pub(super) report: SummaryReport,
    pub(super) message: Option<(ItemContent, u32)>,
}

impl Parts<'_> {
    pub(super) const fn is_whole(&self) -> bool {
        self.reached_root && self.start.at == 0
    }

    /// Where the window begins.
    pub(super) fn first_position(&self) -> i64 {
        self.history.get(self.start.at).map_or(i64::MAX, Weighed::position)
    }

    /// What is fetched back, and why.
    pub(super) fn recall(
        &self,
        hits: &[Hit],
        known_terms: usize,
        found: &[StoredItem],
    ) -> (Selection, GateReport) {
        let closed = |why| (Selection::default(), GateReport { fired: false, why });
        let Some(recall) = &self.need.policy.recall else { return closed("no_recall") };
        if self.need.turn.message.is_none() {
            return closed("no_message");
        }
        let Some(query) = &self.need.query else { return closed("not_asked") };
        if self.is_whole() {
            return closed("nothing_evicted");
        }
        if known_terms < recall.least_terms() {
            return closed("too_few_known_terms");
        }
        let first = self.first_position();
        let sent = [&self.lead, &self.pinned, &self.opened].into_iter().flatten();
        let sent: HashSet<ItemId> = sent.map(Weighed::id).collect();
        // Each is taken out, so that it is quoted once at most.
        let mut found: BTreeMap<i64, &StoredItem> =
            found.iter().map(|stored| (stored.position, stored)).collect();
        let candidates: Vec<Candidate<'_>> = hits
            .iter()
            .filter_map(|hit| {
                let stored = found.remove(&hit.position)?;
                let is_sent = stored.position >= first || sent.contains(&stored.item.id);
                (!is_sent).then_some(Candidate { hit: *hit, stored })
            })
            .collect();
        let selection = recall::select(&candidates, recall, self.room.recall, query, self.counter);
        (selection, GateReport { fired: true, why: "asked" })
    }

    pub(super) fn assemble(
        mut self,
        mut input: Vec<ItemContent>,
        summary: Option<Summarised>,
        recalled: Selection,
        gate: GateReport,
    ) -> Prompt {
        let whole_history = self.is_whole();
        let window = self.window_report();
        let mut dropped = self.unsendable();
        let pinned = self.pinned_apart(&mut dropped);
        dropped.extend(recalled.left_out);

        let mut out = Sections::default();
        let turn = &self.need.turn;
        out.push_text(SectionKind::Tools, turn.tools);
        out.push_text(SectionKind::Instructions, turn.instructions);
        let lead_ids = public_ids(&self.lead);
        let pinned_ids = public_ids(&pinned);
        out.push(SectionKind::Lead, self.lead);
        let unchanging = out.tokens();
        out.push(SectionKind::Pinned, pinned);
        let (summary, message) = summary.map_or((None, None), |it| (Some(it.report), it.message));
        if let Some((message, tokens)) = message {
            out.sections.push(Section { kind: SectionKind::Summary, tokens, items: 1 });
            out.input.push(message);
        }
        let before_window = out.input.len();
        let newest_turn = self.groups.turns.last().copied().filter(|turn| *turn >= self.start.at);
        let mut sent = self.opened;
        let mut newest = 0_u32;
        for (at, item) in self.history.into_iter().enumerate().skip(self.start.at) {
            if self.groups.is_sendable(at) {
                if newest_turn.is_none_or(|turn| at >= turn) {
                    newest = newest.saturating_add(item.tokens);
                }
                sent.push(item);
            }
        }
        out.push(SectionKind::Window, sent);
        let mut cache_ends = vec![before_window, out.input.len()];
        cache_ends.retain(|end| *end > 0);
        cache_ends.dedup();
        let stable_prefix_tokens = out.tokens();
        // What the provider has seen before: all but the newest turn, or only what never changes.
        let expected_hit_tokens = match &self.change {
            _ if cache_ends.is_empty() => 0,
            Some(_) => unchanging,
            None => stable_prefix_tokens - newest,
        };
        let prefix_hash = fingerprint(&out.input);

        if let Some(quotation) = recalled.text {
            quote(&mut input, quotation);
        }
        let (tokens, items) = (recalled.tokens, recalled.quoted.len());
        out.sections.push(Section { kind: SectionKind::Recalled, tokens, items });
        let (tokens, items) = (turn.input, input.len());
        out.sections.push(Section { kind: SectionKind::Input, tokens, items });
        let model = &self.need.model;
        let more_dropped = dropped.len().saturating_sub(MOST_DROPPED);
        dropped.truncate(MOST_DROPPED);
        let receipt = Receipt {
            v: 2,
            counter: Counted {
                id: self.counter.id().to_string(),
                exact: model.exact,
                eighths: self.room.eighths,
            },
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
            recalled: recalled.quoted,
            dropped,
            more_dropped,
            gate,
            cache: CacheReport { stable_prefix_tokens, prefix_hash, expected_hit_tokens },
            whole_history,
        };
        let mut prompt = out.input;
        prompt.extend(input.into_iter().map(opened));
        Prompt { input: prompt, cache_ends, receipt, change: self.change }
    }

    /// The pinned items that are not sent as something else already, and can be sent.
    fn pinned_apart(&mut self, out: &mut Vec<Dropped>) -> Vec<Weighed> {
        let window = self.history.iter().skip(self.start.at);
        let sent = self.lead.iter().chain(&self.opened).chain(window);
        let sent: HashSet<ItemId> = sent.map(Weighed::id).collect();
        let mut pinned = std::mem::take(&mut self.pinned);
        pinned.retain(|item| !sent.contains(&item.id()));
        // Nobody knows whether what follows a thought here is what it led to.
        let why = unsendable(&pinned, &[]).into_iter().zip(&pinned).map(|(why, item)| {
            let is_thought = matches!(item.content(), ItemContent::Reasoning(_));
            if is_thought { Some(Why::ThoughtOfNothing) } else { why }
        });
        let why: Vec<Option<Why>> = why.collect();
        out.extend(pinned.iter().zip(&why).filter_map(|(it, why)| Some(dropped(it, (*why)?))));
        let mut why = why.iter();
        pinned.retain(|_| why.next().is_none_or(Option::is_none));
        pinned
    }
}

/// A prompt in the making.
#[derive(Default)]
struct Sections {
    sections: Vec<Section>,
    input: Vec<ItemContent>,
}

impl Sections {
    /// Something that is sent beside the items.
    fn push_text(&mut self, kind: SectionKind, tokens: u32) {
        self.sections.push(Section { kind, tokens, items: 0 });
    }

    fn push(&mut self, kind: SectionKind, items: Vec<Weighed>) {
        self.sections.push(Section { kind, tokens: total(&items), items: items.len() });
        self.input.extend(items.into_iter().map(|item| opened(item.stored.item.content)));
    }

    fn tokens(&self) -> u32 {
        self.sections.iter().map(|section| section.tokens).fold(0, u32::saturating_add)
    }
}

/// Puts the quotation into the newest message that a person said, before its own words.
fn quote(input: &mut [ItemContent], quotation: String) {
    let newest = input.iter_mut().rev().find_map(|content| match content {
        ItemContent::Message(message) if message.role == Role::User => Some(message),
        _ => None,
    });
    if let Some(message) = newest {
        message.parts.insert(0, Part::Text(quotation));
    }
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
