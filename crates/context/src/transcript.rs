//! A conversation in memory.

use loquat_domain::{
    Item, ItemContent, ItemId, ItemStatus, Message, Settings, StoredItem, Timestamp, Truncation,
};
use uuid::Uuid;

use crate::{
    ContextError, Entry, Loaded, ModelWindow, NewTurn, Policy, Prompt, State, TokenCounter, build,
    index, plan, recall::message_text, search,
};

/// How many items are indexed together.
const SEGMENT: usize = 128;

/// A later message than this after the one before begins another session, in microseconds.
const SESSION_GAP: i64 = 4 * 60 * 60 * 1_000_000;

/// A conversation in memory, for whoever has no store: remembers what was said, indexes it as it
/// comes, and makes prompts.
pub struct Transcript<C> {
    policy: Policy,
    model: ModelWindow,
    counter: C,
    items: Vec<StoredItem>,
    /// For each item, who said it, and whether it begins a session.
    said: Vec<Said>,
    /// Of the oldest items, so many a segment.
    segments: Vec<Vec<u8>>,
    state: State,
}

impl<C: TokenCounter> Transcript<C> {
    /// A conversation in which nothing was said yet.
    pub fn new(policy: Policy, model: ModelWindow, counter: C) -> Self {
        Self {
            policy,
            model,
            counter,
            items: Vec::new(),
            said: Vec::new(),
            segments: Vec::new(),
            state: State::default(),
        }
    }

    /// Adds what was said. A long pause begins another session.
    pub fn push(&mut self, message: Message, at: Timestamp) {
        self.push_item(ItemContent::Message(message), at);
    }

    /// Adds what somebody with a name said, whether or not it begins another session.
    pub fn push_said(&mut self, author: &str, begins: bool, message: Message, at: Timestamp) {
        self.add(
            ItemContent::Message(message),
            at,
            Said { author: Some(author.to_owned()), begins },
        );
    }

    /// Adds a message, a function call or anything else.
    pub fn push_item(&mut self, content: ItemContent, at: Timestamp) {
        let begins = is_pause(self.items.last().map(|last| last.item.created_at), at);
        self.add(content, at, Said { author: None, begins });
    }

    fn add(&mut self, content: ItemContent, at: Timestamp, said: Said) {
        let position = self.items.last().map_or(0, |last| last.position + 1);
        let item = Item {
            id: ItemId::from_uuid(Uuid::from_u128(u128::from(position.unsigned_abs()) + 1)),
            response: None,
            tokens: self.counter.item(&content),
            counter: self.counter.id(),
            content,
            status: ItemStatus::Completed,
            created_at: at,
        };
        self.items.push(StoredItem { position, item });
        self.said.push(said);
        let indexed = self.segments.len() * SEGMENT;
        if self.items.len() == indexed + SEGMENT {
            self.segments.push(self.index_from(indexed));
        }
    }

    /// The index of what was said from this item on.
    fn index_from(&self, at: usize) -> Vec<u8> {
        let turns = self.items.iter().zip(&self.said).skip(at);
        index_said(turns.map(|(stored, said)| (stored, said.begins, said.author.as_deref())))
    }

    /// The prompt with this new message, which is not added. What leaves the window with it stays
    /// out of it from then on.
    ///
    /// # Errors
    ///
    /// [`ContextError`], when it cannot be made.
    pub fn prompt(&mut self, message: Message) -> Result<Prompt, ContextError> {
        let policy = self.policy;
        let prompt = self.prompt_by(&policy, message)?;
        if let Some(state) = &prompt.change {
            self.state = state.clone();
        }
        Ok(prompt)
    }

    /// The prompt that a policy would make with this new message. Nothing is changed.
    ///
    /// # Errors
    ///
    /// [`ContextError`], when it cannot be made.
    pub fn prompt_by(&self, policy: &Policy, message: Message) -> Result<Prompt, ContextError> {
        let input = vec![ItemContent::Message(message)];
        let tokens = self.counter.items(&input);
        let turn = NewTurn::of(&Settings::default(), &input, tokens, &self.counter);
        let need = plan(policy, self.model.clone(), turn, Truncation::Auto)?;
        let mut loaded = Loaded { reached_root: true, ..Loaded::default() };
        let mut tokens = 0_u64;
        for stored in self.items.iter().rev() {
            loaded.reached_root = tokens < need.history_tokens;
            if !loaded.reached_root {
                break;
            }
            tokens += u64::from(stored.item.tokens);
            loaded.history.push(stored.clone());
        }
        if !loaded.reached_root {
            let lead = self.items.iter().take(Loaded::MOST_LEAD);
            let lead = lead.take_while(|stored| stored.item.content.is_operators());
            loaded.lead = lead.cloned().collect();
        }
        let opens = |stored: &&StoredItem| self.state.opening.contains(&stored.item.id);
        if !self.state.opening.is_empty() {
            loaded.opening = self.items.iter().filter(opens).cloned().collect();
        }
        if let Some(query) = &need.query {
            self.look_up(query, need.candidates, &mut loaded);
        }
        build(&need, &self.state, loaded, input, &self.counter)
    }

    fn look_up(&self, query: &crate::Query, most: usize, loaded: &mut Loaded) {
        let indexed = self.segments.len() * SEGMENT;
        let rest = self.index_from(indexed);
        let segments: Vec<&[u8]> = self.segments.iter().chain([&rest]).map(Vec::as_slice).collect();
        // What was made here a moment ago is whole.
        let Ok(search) = search(query, &segments, most) else { return };
        loaded.known_terms = search.known_terms;
        let at = |position: i64| usize::try_from(position).ok().and_then(|at| self.items.get(at));
        loaded.found = search.hits.iter().filter_map(|hit| at(hit.position)).cloned().collect();
        loaded.hits = search.hits;
    }
}

/// Who said something, and whether it begins a session.
#[derive(Debug, Clone)]
struct Said {
    author: Option<String>,
    begins: bool,
}

fn is_pause(before: Option<Timestamp>, at: Timestamp) -> bool {
    before.is_none_or(|before| at.as_micros().saturating_sub(before.as_micros()) > SESSION_GAP)
}

/// The index of what was said in a run of items, to be looked up by [`search`]. `before` is when the
/// item before them was made; a long pause begins another session.
pub fn index_items(items: &[StoredItem], before: Option<Timestamp>) -> Vec<u8> {
    let mut before = before;
    index_said(items.iter().map(|stored| {
        let at = stored.item.created_at;
        let begins = is_pause(before.replace(at), at);
        (stored, begins, None)
    }))
}

fn index_said<'a>(turns: impl Iterator<Item = (&'a StoredItem, bool, Option<&'a str>)>) -> Vec<u8> {
    let turns: Vec<_> = turns
        .map(|(stored, begins, author)| {
            let text = match &stored.item.content {
                ItemContent::Message(message) => message_text(message),
                _ => String::new(),
            };
            (stored.position, begins, author, text)
        })
        .collect();
    index(turns.iter().map(|(position, starts_session, author, text)| Entry {
        position: *position,
        starts_session: *starts_session,
        author: *author,
        text,
    }))
}
