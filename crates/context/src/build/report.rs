//! What the receipt says of the conversation.

use crate::{
    Dropped, Evicted, SummaryReport, WindowReport,
    compaction::summary_message,
    groups::Why,
    shortened,
    weighed::{Weighed, total},
};

use super::{
    KnownSummary,
    assemble::{Parts, Summarised},
};

impl Parts<'_> {
    /// The summary, when it is about what comes before the window; to be sent when it fits.
    pub(super) fn summary(&self, known: Option<KnownSummary>) -> Option<Summarised> {
        let known = known.filter(|_| self.need.policy.summary.is_some() && !self.is_whole())?;
        let first = self.first_position();
        if known.covers_to >= first {
            return None;
        }
        let before = self.start.at.checked_sub(1).and_then(|at| self.history.get(at));
        let may_miss = known.covers_to.saturating_add(1) < first;
        let stale = may_miss && before.is_none_or(|item| item.position() > known.covers_to);
        // It was written for another room: a longer count, more instructions. Its beginning is the
        // same in each prompt of the same room.
        let frame = self.counter.item(&summary_message(""));
        let text = shortened(&known.text, self.room.summary.saturating_sub(frame), self.counter);
        let message = summary_message(text);
        let tokens = self.counter.item(&message);
        let sent = !text.is_empty() && tokens <= self.room.summary;
        let excerpt = sent && text.len() < known.text.len();
        let report = SummaryReport { covers_to: known.covers_to, stale, sent, excerpt };
        Some(Summarised { report, message: sent.then_some((message, tokens)) })
    }

    /// Items of the window that cannot be sent.
    pub(super) fn unsendable(&self) -> Vec<Dropped> {
        let window = self.history.iter().zip(&self.groups.unsendable).skip(self.start.at);
        window.filter_map(|(item, why)| Some(dropped(item, (*why)?))).collect()
    }

    pub(super) fn window_report(&self) -> Option<WindowReport> {
        let last = self.history.last()?;
        let first = self.history.get(self.start.at);
        Some(WindowReport {
            from: first.map(Weighed::public_id),
            to: first.map(|_| last.public_id()),
            opening: public_ids(&self.opened),
            high: self.room.bounds.high,
            low: self.room.bounds.low,
            evicted: self.evicted(),
        })
    }

    /// What left the window with this prompt.
    fn evicted(&self) -> Option<Evicted> {
        if self.change.is_none() && self.need.anchored {
            return None;
        }
        // What was before the anchor has left with an earlier prompt.
        let left = self.history.iter().take(self.start.at).filter(|item| {
            self.state.anchor.is_none_or(|anchor| item.position() >= anchor)
                && !self.opened.iter().any(|it| it.id() == item.id())
        });
        let left: Vec<&Weighed> = left.collect();
        let (from, to) = (left.first()?, left.last()?);
        Some(Evicted {
            from: from.public_id(),
            to: to.public_id(),
            items: left.len(),
            tokens: total(left.iter().copied()),
        })
    }
}

pub(super) fn dropped(item: &Weighed, why: Why) -> Dropped {
    Dropped { item: item.public_id(), tokens: item.tokens, why: why.as_str() }
}

pub(super) fn public_ids(items: &[Weighed]) -> Vec<String> {
    items.iter().map(Weighed::public_id).collect()
}
