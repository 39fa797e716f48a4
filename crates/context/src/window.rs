//! Where the window begins.

use std::ops::Range;

use loquat_domain::{ItemContent, Role, StoredItem};

use crate::{Window, groups::Groups};

/// A history, oldest first, with what each item costs.
pub(crate) struct Costed<'a> {
    history: &'a [StoredItem],
    groups: &'a Groups,
    /// True when it begins with the conversation's first item.
    whole: bool,
    /// Tokens of the items from each index on; one more entry than items, the last of them 0.
    from: Vec<u32>,
}

/// Where the window begins, and what precedes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    /// Index of the first item of the window.
    pub(crate) at: usize,
    /// What the turn began with in whose middle that is.
    pub(crate) opening: Opening,
}

/// The messages that a turn began with in whose middle the window begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Opening {
    /// The window does not begin in the middle of a turn.
    None,
    /// Those of the anchor.
    Kept,
    /// These items of the history.
    At(Range<usize>),
}

/// How far the window may go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Beyond this many tokens it is cut.
    pub(crate) high: u32,
    /// Down to this many.
    pub(crate) low: u32,
    /// What cannot be exceeded even by a single turn. At least `high`.
    pub(crate) room: u32,
}

/// Where the window began before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anchor {
    pub(crate) position: i64,
    /// Tokens of the messages that the turn began with in whose middle that is.
    pub(crate) opening: Option<u32>,
}

impl<'a> Costed<'a> {
    pub(crate) fn new(
        history: &'a [StoredItem],
        groups: &'a Groups,
        whole: bool,
        tokens: impl Fn(&StoredItem) -> u32,
    ) -> Self {
        let mut sum = 0_u32;
        let mut from: Vec<u32> = history
            .iter()
            .zip(&groups.unsendable)
            .rev()
            .map(|(stored, why)| {
                sum = sum.saturating_add(if why.is_none() { tokens(stored) } else { 0 });
                sum
            })
            .collect();
        from.reverse();
        from.push(0);
        Self { history, groups, whole, from }
    }

    /// Tokens of the items from this index on.
    pub(crate) fn tokens_from(&self, at: usize) -> u32 {
        self.from.get(at).copied().unwrap_or(0)
    }

    /// The window of a policy; `None` when not even a part of the newest turn fits.
    pub(crate) fn start(
        &self,
        window: Window,
        bounds: Bounds,
        anchor: Option<Anchor>,
    ) -> Option<Start> {
        // Nothing before a compaction is sent, so that nothing before it can be a beginning.
        let compacted = self.history.iter().rposition(is_compaction);
        let before = match window {
            Window::Marks { .. } => self.anchored(anchor),
            Window::Last(messages) => {
                Start { at: self.last_messages(messages), opening: Opening::None }
            }
        };
        let before = match compacted {
            Some(at) if at > before.at => Start { at, opening: Opening::None },
            _ => before,
        };
        let kept = anchor.and_then(|it| it.opening).filter(|_| before.opening == Opening::Kept);
        let tokens = self.tokens_from(before.at).saturating_add(kept.unwrap_or(0));
        // A part of a history without its beginning may begin anywhere, which no window does.
        let begins = kept.is_some() || self.begins_turn(before.at);
        if begins && tokens <= bounds.high {
            return Some(before);
        }
        self.cut(&before, kept, begins, bounds)
    }

    /// The window of before, as far as it is still there.
    fn anchored(&self, anchor: Option<Anchor>) -> Start {
        let at = anchor.map_or(0, |anchor| {
            self.history.partition_point(|stored| stored.position < anchor.position)
        });
        let opened = anchor.is_some_and(|it| it.opening.is_some());
        if opened && (self.is_step(at) || at == self.history.len()) {
            return Start { at, opening: Opening::Kept };
        }
        // What it began with is gone, or is on another branch: then the next turn, or everything.
        let next = self.groups.turns.partition_point(|turn| *turn < at);
        let next = self.groups.turns.get(next).copied().unwrap_or(0);
        Start { at: if self.begins_turn(at) { at } else { next }, opening: Opening::None }
    }

    /// True when a window may begin there: with a person's message, or with the conversation.
    fn begins_turn(&self, at: usize) -> bool {
        at == 0 && self.whole || self.groups.turns.binary_search(&at).is_ok()
    }

    fn is_step(&self, at: usize) -> bool {
        self.groups.steps.binary_search(&at).is_ok()
    }

    /// Cuts whole turns until what is left has at most `low` tokens. The newest turn stays while it
    /// fits the room, and is cut into its steps when it does not.
    fn cut(
        &self,
        before: &Start,
        kept: Option<u32>,
        begins: bool,
        bounds: Bounds,
    ) -> Option<Start> {
        let mut later = self.groups.turns.iter().copied().filter(|turn| *turn > before.at);
        let newest = self.groups.turns.last().copied().filter(|turn| *turn > before.at);
        let fits = later.find(|turn| self.tokens_from(*turn) <= bounds.low);
        if let Some(at) = fits.or(newest) {
            if self.tokens_from(at) <= bounds.room {
                return Some(Start { at, opening: Opening::None });
            }
            return self.cut_turn(at, None, bounds.room);
        }
        let tokens = self.tokens_from(before.at).saturating_add(kept.unwrap_or(0));
        if begins && tokens <= bounds.room {
            return Some(before.clone());
        }
        self.cut_turn(before.at, kept, bounds.room)
    }

    /// Keeps the messages that a turn began with, and its newest steps in half of the room.
    fn cut_turn(&self, turn: usize, kept: Option<u32>, room: u32) -> Option<Start> {
        let opening = turn..turn + self.opening_len(turn, kept);
        let said = self.tokens_from(opening.start).saturating_sub(self.tokens_from(opening.end));
        // A turn that does not even begin in the room leaves altogether, unless a call of it is being
        // answered.
        let none = Start { at: self.history.len(), opening: Opening::None };
        let Some(left) = room.checked_sub(kept.unwrap_or(said)) else {
            return (!self.groups.open_at_end).then_some(none);
        };
        let mut steps = self.groups.steps.iter().copied().filter(|step| *step > opening.end);
        let fits = |most: u32| move |step: &usize| self.tokens_from(*step) <= most;
        let at = steps.clone().find(fits(left / 2)).or_else(|| steps.find(fits(left)));
        // Nothing of the turn but what it began with, unless a call of it is being answered.
        let at = at.or_else(|| (!self.groups.open_at_end).then_some(self.history.len()))?;
        let opening = match kept {
            Some(_) => Opening::Kept,
            None if opening.is_empty() => Opening::None,
            None => Opening::At(opening),
        };
        Some(Start { at, opening })
    }

    fn opening_len(&self, turn: usize, kept: Option<u32>) -> usize {
        let said = |stored: &&StoredItem| stored.item.content.role() == Some(Role::User);
        match kept {
            Some(_) => 0,
            None => self.history.iter().skip(turn).take_while(said).count(),
        }
    }

    /// Index from which on there are at most so many messages, at a turn's beginning; the newest
    /// turn's when it has more.
    fn last_messages(&self, most: u32) -> usize {
        let mut messages = 0;
        let mut start = None;
        for (at, stored) in self.history.iter().enumerate().rev() {
            messages += u32::from(matches!(stored.item.content, ItemContent::Message(_)));
            if messages > most && start.is_some() {
                break;
            }
            if self.begins_turn(at) {
                start = Some(at);
            }
        }
        start.unwrap_or(0)
    }
}

fn is_compaction(stored: &StoredItem) -> bool {
    matches!(stored.item.content, ItemContent::Compaction(_))
}
