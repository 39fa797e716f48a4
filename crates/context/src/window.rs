//! Where the window begins.

use std::ops::Range;

use loquat_domain::{ItemContent, Role};

use crate::{
    Window,
    groups::Groups,
    weighed::{Weighed, total},
};

/// A history, oldest first, with what the window costs from each item on.
pub(crate) struct Costed<'a> {
    history: &'a [Weighed],
    groups: &'a Groups,
    /// True when it begins with the conversation's first item.
    whole: bool,
    /// True when one of the new items stands for all of it.
    compacted: bool,
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
    /// The window does not begin in the middle of a turn, or in that of one whose beginning is gone.
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
    pub(crate) opening: Known,
}

/// The messages that a turn began with in whose middle the anchor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// There were none.
    None,
    /// There were some, and they were deleted.
    Gone,
    /// They have so many tokens.
    Tokens(u32),
}

/// A place where the window could begin, and whether it is one where it may.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    start: Start,
    /// Tokens of the opening messages of the anchor, if it goes on with them.
    kept: Option<u32>,
    begins: bool,
    /// Where it may be cut: before the turns from this index on.
    cut_from: usize,
}

impl<'a> Costed<'a> {
    pub(crate) fn new(
        history: &'a [Weighed],
        groups: &'a Groups,
        whole: bool,
        input: &[ItemContent],
    ) -> Self {
        let mut sum = 0_u32;
        let mut from: Vec<u32> = history
            .iter()
            .zip(&groups.unsendable)
            .rev()
            .map(|(item, why)| {
                sum = sum.saturating_add(if why.is_none() { item.tokens } else { 0 });
                sum
            })
            .collect();
        from.reverse();
        from.push(0);
        let compacted = !groups.open_at_end && input.iter().any(is_compaction);
        Self { history, groups, whole, compacted, from }
    }

    /// Tokens of the items from this index on.
    pub(crate) fn tokens_from(&self, at: usize) -> u32 {
        self.from.get(at).copied().unwrap_or(0)
    }

    /// Index of the first item that would be sent if there were room for all, if it is known.
    pub(crate) fn beginning(&self) -> Option<usize> {
        self.floor().or(self.whole.then_some(0))
    }

    /// The window of a policy; `None` when not even a part of the newest turn fits.
    pub(crate) fn start(
        &self,
        window: Window,
        bounds: Bounds,
        anchor: Option<Anchor>,
    ) -> Option<Start> {
        let place = match (window, anchor) {
            (Window::Marks { .. }, Some(anchor)) => self.anchored(anchor),
            (Window::Marks { .. }, None) => self.first(),
            (Window::Last(messages), _) => self.turn_from(self.last_messages(messages)),
        };
        // Nothing before a compaction is sent, so that nothing before it can be a beginning.
        let place = match self.floor() {
            Some(at) if at > place.start.at => Place::at(at, true),
            _ => place,
        };
        let tokens = self.tokens_from(place.start.at).saturating_add(place.kept.unwrap_or(0));
        if place.begins && tokens <= bounds.high {
            return Some(place.start);
        }
        self.cut(&place, bounds)
    }

    /// The least that can be sent of the history: nothing, unless the new items answer a call. Then
    /// it is the step that they answer, and what its turn began with; `Err` says how many tokens that
    /// has.
    pub(crate) fn least(&self, anchor: Option<Anchor>, room: u32) -> Result<Start, u32> {
        if !self.groups.open_at_end {
            return Ok(self.history.len().into());
        }
        let place = anchor.map_or_else(|| self.first(), |anchor| self.anchored(anchor));
        let newest = self.later_turns(&place).last();
        let turn = newest.unwrap_or(place.start.at);
        let kept = place.kept.filter(|_| newest.is_none());
        let opening = self.opening(turn, kept);
        let said = kept.unwrap_or_else(|| self.tokens_of(&opening));
        let (start, tokens) = if let Some(step) = self.steps_after(opening.end).last() {
            let start = Start { at: step, opening: named(opening, kept) };
            (start, said.saturating_add(self.tokens_from(step)))
        } else {
            let opening = if kept.is_some() { Opening::Kept } else { Opening::None };
            let tokens = self.tokens_from(turn).saturating_add(kept.unwrap_or(0));
            (Start { at: turn, opening }, tokens)
        };
        if tokens <= room { Ok(start) } else { Err(tokens) }
    }

    /// Before what nothing is sent: the newest item that stands for everything before it.
    fn floor(&self) -> Option<usize> {
        if self.compacted {
            return Some(self.history.len());
        }
        self.history.iter().rposition(|item| is_compaction(item.content()))
    }

    /// The window of before, as far as it is still there.
    fn anchored(&self, anchor: Anchor) -> Place {
        let first = self.history.first().map(Weighed::position);
        if !self.whole && first.is_some_and(|first| first > anchor.position) {
            // It was not read that far, so that nobody knows what is in between.
            return self.first();
        }
        let at = self.history.partition_point(|item| item.position() < anchor.position);
        // Positions have gaps: what comes next after what has left is the first of the window.
        let is_exact = self.history.get(at).is_none_or(|item| item.position() == anchor.position);
        let is_there = at > 0 || is_exact;
        match anchor.opening {
            Known::Tokens(tokens) => {
                // Its first item may be gone: then the next. If its whole turn is over, what it
                // began with stays all the same, until the window is too large.
                let turn = self.groups.turns.iter().copied().find(|turn| *turn >= at);
                let at = [self.steps_from(at).next(), turn].into_iter().flatten().min();
                let start = Start { at: at.unwrap_or(self.history.len()), opening: Opening::Kept };
                // Also before the turn that it goes on with.
                let cut_from = start.at;
                Place { start, kept: Some(tokens), begins: true, cut_from }
            }
            Known::None if is_there && (self.is_step(at) || at == self.history.len()) => {
                Place::at(at, true)
            }
            Known::None | Known::Gone => self.turn_from(at),
        }
    }

    /// The conversation's beginning, or no beginning when there is more of it than was read: then it
    /// is cut, because more is read than the window may have.
    fn first(&self) -> Place {
        Place { cut_from: usize::from(self.whole), ..Place::at(0, self.whole) }
    }

    /// The first turn from this item on; if there is none, this item, which is no beginning.
    fn turn_from(&self, at: usize) -> Place {
        let turn = self.groups.turns.iter().copied().find(|turn| *turn >= at);
        let turn = if self.begins_turn(at) { Some(at) } else { turn };
        Place::at(turn.unwrap_or(at), turn.is_some())
    }

    /// True when a window may begin there: with a person's message, or with the conversation.
    fn begins_turn(&self, at: usize) -> bool {
        at == 0 && self.whole || self.groups.turns.binary_search(&at).is_ok()
    }

    fn is_step(&self, at: usize) -> bool {
        self.groups.steps.binary_search(&at).is_ok()
    }

    fn steps_from(&self, at: usize) -> impl Iterator<Item = usize> {
        self.groups.steps.iter().copied().filter(move |step| *step >= at)
    }

    fn steps_after(&self, at: usize) -> impl Iterator<Item = usize> {
        self.steps_from(at + 1)
    }

    /// The turns before which it may be cut.
    fn later_turns(&self, place: &Place) -> impl Iterator<Item = usize> {
        let from = place.cut_from;
        self.groups.turns.iter().copied().filter(move |turn| *turn >= from)
    }

    fn tokens_of(&self, range: &Range<usize>) -> u32 {
        total(self.history.get(range.clone()).unwrap_or_default())
    }

    /// Cuts whole turns until what is left has at most `low` tokens. The newest turn stays while it
    /// fits the room, and is cut into its steps when it does not.
    fn cut(&self, place: &Place, bounds: Bounds) -> Option<Start> {
        let fits = self.later_turns(place).find(|turn| self.tokens_from(*turn) <= bounds.low);
        if let Some(at) = fits.or_else(|| self.later_turns(place).last()) {
            if self.tokens_from(at) <= bounds.room {
                return Some(at.into());
            }
            return self.cut_turn(at, None, bounds.room);
        }
        let tokens = self.tokens_from(place.start.at).saturating_add(place.kept.unwrap_or(0));
        if place.begins && tokens <= bounds.room {
            return Some(place.start.clone());
        }
        self.cut_turn(place.start.at, place.kept, bounds.room)
    }

    /// Keeps the messages that a turn began with, and of its newest steps as many as half of the rest
    /// of the room takes; the newest also if it takes all of that. So a larger room never keeps less.
    fn cut_turn(&self, turn: usize, kept: Option<u32>, room: u32) -> Option<Start> {
        let opening = self.opening(turn, kept);
        let said = kept.unwrap_or_else(|| self.tokens_of(&opening));
        let left = room.checked_sub(said)?;
        let fits = |most: u32| move |step: &usize| self.tokens_from(*step) <= most;
        let at = self.steps_after(opening.end).find(fits(left / 2));
        let at = at.or_else(|| self.steps_after(opening.end).last().filter(fits(left)));
        // Nothing of the turn but what it began with, unless a call of it is being answered.
        let at = at.or_else(|| (!self.groups.open_at_end).then_some(self.history.len()))?;
        Some(Start { at, opening: named(opening, kept) })
    }

    /// The messages that a turn begins with, if they are not those of the anchor.
    fn opening(&self, turn: usize, kept: Option<u32>) -> Range<usize> {
        let opens = |item: &&Weighed| {
            item.content().role() == Some(Role::User) || is_compaction(item.content())
        };
        match kept {
            Some(_) => turn..turn,
            None => turn..turn + self.history.iter().skip(turn).take_while(opens).count(),
        }
    }

    /// Index from which on there are at most so many messages, at a turn's beginning; the newest
    /// turn's when it has more.
    fn last_messages(&self, most: u32) -> usize {
        let mut messages = 0;
        let mut start = None;
        for (at, item) in self.history.iter().enumerate().rev() {
            messages += u32::from(matches!(item.content(), ItemContent::Message(_)));
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

impl Place {
    fn at(at: usize, begins: bool) -> Self {
        Self { start: at.into(), kept: None, begins, cut_from: at + 1 }
    }
}

impl From<usize> for Start {
    fn from(at: usize) -> Self {
        Self { at, opening: Opening::None }
    }
}

fn named(opening: Range<usize>, kept: Option<u32>) -> Opening {
    match kept {
        Some(_) => Opening::Kept,
        None if opening.is_empty() => Opening::None,
        None => Opening::At(opening),
    }
}

const fn is_compaction(content: &ItemContent) -> bool {
    matches!(content, ItemContent::Compaction(_))
}
