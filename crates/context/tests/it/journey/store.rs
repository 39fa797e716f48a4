//! One conversation as a store keeps it, and what its jobs derive from it.

use loquat_context::{KnownSummary, Loaded, Need, Query, State, TokenCounter, index_items, search};
use loquat_domain::{Item, ItemContent, ItemId, ItemStatus, Role, StoredItem, Timestamp};
use uuid::Uuid;

const MINUTE: i64 = 60 * 1_000_000;

/// An index of a run of positions.
#[derive(Debug, Clone)]
struct Segment {
    first: i64,
    last: i64,
    data: Vec<u8>,
}

/// One conversation. Does what the ports' documents say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    /// The active branch, oldest first.
    pub(crate) items: Vec<StoredItem>,
    next_position: i64,
    next_id: u128,
    now: i64,
    /// Raised by each change of the state; what was made of another version is refused.
    pub(crate) version: u64,
    /// Raised by each edit of the branch.
    pub(crate) edits: u64,
    /// The engine's state, as JSON; none before the first eviction and after an edit.
    state: Option<String>,
    segments: Vec<Segment>,
    pub(crate) summary: Option<KnownSummary>,
}

impl Store {
    pub(crate) fn state(&self) -> State {
        self.state.as_deref().map_or_else(State::default, State::from_json)
    }

    fn anchor(&self) -> Option<i64> {
        self.state().anchor
    }

    /// Replaces the state, if it is still the one that the new one was made from.
    pub(crate) fn change(&mut self, made_from: u64, state: &State) {
        assert_eq!(made_from, self.version, "nobody else is here");
        self.version += 1;
        self.state = Some(state.to_json());
    }

    /// Keeps what an answer's usage says about the counts.
    pub(crate) fn calibrate(&mut self, state: &State) {
        if self.state.is_some() {
            self.state = Some(state.to_json());
        }
    }

    /// Puts an item at the end.
    pub(crate) fn append(&mut self, content: ItemContent, counter: &dyn TokenCounter) {
        self.next_id += 1;
        let item = Item {
            id: ItemId::from_uuid(Uuid::from_u128(self.next_id)),
            response: None,
            tokens: counter.item(&content),
            counter: counter.id(),
            content,
            status: ItemStatus::Completed,
            created_at: Timestamp::from_micros(self.now),
        };
        self.items.push(StoredItem { position: self.next_position, item });
        self.next_position += 1;
    }

    /// Time passes, or a clock is set back.
    pub(crate) fn wait(&mut self, minutes: i64) {
        self.now += minutes * MINUTE;
    }

    /// A number that no item has yet.
    pub(crate) fn number(&self) -> u128 {
        self.next_id + 1
    }

    /// Deletes an item: nothing that is derived from it stays.
    pub(crate) fn delete(&mut self, at: usize) {
        let gone = self.items.remove(at).position;
        self.segments.retain(|it| !(it.first..=it.last).contains(&gone));
        self.summary.take_if(|summary| summary.covers_to >= gone);
        self.edited();
    }

    /// Another branch becomes the active one, which has only the first `keep` items of this.
    pub(crate) fn branch(&mut self, keep: usize) {
        self.items.truncate(keep);
        let fork = self.items.last().map_or(-1, |last| last.position);
        self.segments.retain(|segment| segment.last <= fork);
        self.summary.take_if(|summary| summary.covers_to > fork);
        self.edited();
    }

    fn edited(&mut self) {
        self.edits += 1;
        self.version += 1;
        self.state = None;
    }

    /// Indexes what is before the anchor and not indexed yet.
    pub(crate) fn index(&mut self) {
        let Some(anchor) = self.anchor() else { return };
        let mut next = 0;
        let covered: Vec<(i64, i64)> = self.segments.iter().map(|it| (it.first, it.last)).collect();
        for (first, last) in covered.into_iter().chain([(anchor, anchor)]) {
            if next < first.min(anchor) {
                self.index_span(next, first.min(anchor) - 1);
            }
            next = last + 1;
        }
        self.segments.sort_by_key(|segment| segment.first);
    }

    fn index_span(&mut self, first: i64, last: i64) {
        let within = |stored: &&StoredItem| (first..=last).contains(&stored.position);
        let items: Vec<StoredItem> = self.items.iter().filter(within).cloned().collect();
        let before = self.items.iter().rev().find(|stored| stored.position < first);
        let data = index_items(&items, before.map(|stored| stored.item.created_at));
        self.segments.push(Segment { first, last, data });
    }

    /// A summary is written that covers what is before the anchor, but for the last `lag` items.
    pub(crate) fn summarise(&mut self, lag: usize, text: String) {
        let Some(anchor) = self.anchor() else { return };
        let before = self.items.iter().rev().filter(|stored| stored.position < anchor);
        let Some(last) = before.map(|stored| stored.position).nth(lag) else { return };
        if self.summary.as_ref().is_none_or(|summary| summary.covers_to < last) {
            self.summary = Some(KnownSummary { covers_to: last, text });
        }
    }

    /// What a turn that needs this reads.
    pub(crate) fn load(&self, need: &Need, pins: &[ItemId]) -> Loaded {
        let state = self.state();
        let mut loaded = self.history(need.first_tokens(), need.anchored);
        let falls_short = need.falls_short(&loaded.history, loaded.reached_root);
        if falls_short || need.wants_more(&state) {
            let anchored = need.anchored && !need.wants_more(&state);
            loaded = self.history(need.history_tokens, anchored);
        }
        let by_id = |ids: &[ItemId]| -> Vec<StoredItem> {
            self.items.iter().filter(|stored| ids.contains(&stored.item.id)).cloned().collect()
        };
        loaded.opening = by_id(&state.opening);
        loaded.pinned = by_id(pins);
        let head = self.items.last().map_or(-1, |last| last.position);
        loaded.summary = self.summary.clone().filter(|summary| summary.covers_to < head);
        if let Some(query) = &need.query
            && self.state.is_some()
        {
            self.look_up(query, need.candidates, &mut loaded);
        }
        loaded
    }

    fn history(&self, enough: u64, anchored: bool) -> Loaded {
        let head = self.items.last().map_or(-1, |last| last.position);
        let stop = self.anchor().filter(|anchor| anchored && head >= *anchor);
        let mut loaded = Loaded::default();
        let mut tokens = 0;
        for stored in self.items.iter().rev() {
            loaded.history.push(stored.clone());
            tokens += u64::from(stored.item.tokens);
            if tokens >= enough || stop.is_some_and(|stop| stored.position <= stop) {
                break;
            }
        }
        loaded.reached_root = loaded.history.len() == self.items.len();
        if !loaded.reached_root {
            loaded.lead = self.lead();
        }
        loaded
    }

    /// The operator's messages that the branch begins with.
    pub(crate) fn lead(&self) -> Vec<StoredItem> {
        let leads = |stored: &&StoredItem| {
            matches!(stored.item.content.role(), Some(Role::System | Role::Developer))
        };
        self.items.iter().take(Loaded::MOST_LEAD).take_while(leads).cloned().collect()
    }

    fn look_up(&self, query: &Query, most: usize, loaded: &mut Loaded) {
        let data: Vec<&[u8]> = self.segments.iter().map(|it| it.data.as_slice()).collect();
        let search = search(query, &data, most).expect("our own segments are whole");
        let is_hit =
            |stored: &&StoredItem| search.hits.iter().any(|it| it.position == stored.position);
        loaded.found = self.items.iter().filter(is_hit).cloned().collect();
        loaded.known_terms = search.known_terms;
        loaded.hits = search.hits;
    }
}
