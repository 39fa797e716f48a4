//! What a context engine does with a store.

use loquat_domain::{ConversationId, CounterId, ItemId, RawJson};
use loquat_store::{
    Backlog, BeginTurn, ContextChange, History, HistoryStart, KeptContext, Place, Reach, Segment,
    StoreError, Summary, TurnHome,
};

use super::{
    person::{Begun, HOUR, Person, beginning},
    things::{asked, in_progress, moment},
};

/// As far as the anchor, with everything.
pub(super) const WITH_ALL: Reach = Reach { tokens: u64::MAX, anchored: true, segments: true };

/// An engine's notes; stores do not read them.
pub(super) fn notes(what: &str) -> RawJson {
    RawJson::from_checked(format!("{{ \"noted\":\"{what}\" }}"))
}

/// Items before `anchor` leave the window.
pub(super) fn change(expected: Option<i64>, anchor: i64) -> ContextChange {
    ContextChange { expected, anchor, state: notes("changed") }
}

/// A segment whose data tells it from others.
pub(super) fn segment(first: i64, last: i64) -> Segment {
    Segment { first, last, data: format!("{first} to {last}\0").into_bytes() }
}

pub(super) fn summary(covers_to: i64) -> Summary {
    Summary {
        covers_to,
        text: format!("in short, as far as {covers_to}"),
        tokens: 12,
        counter: CounterId::new("o200k-1").unwrap(),
        model: "echo".to_owned(),
        created_at: moment(50),
    }
}

impl Person<'_> {
    /// What a context engine is told at the end of the active branch of a listed conversation.
    pub(super) async fn window(&self, id: ConversationId) -> History {
        self.read(HistoryStart::Conversation(id), WITH_ALL).await
    }

    pub(super) async fn read(&self, start: HistoryStart, reach: Reach) -> History {
        self.store.history(&self.scope, start, reach).await.unwrap()
    }

    /// What is kept of a listed conversation's context.
    pub(super) async fn kept(&self, id: ConversationId) -> Option<KeptContext> {
        self.window(id).await.context
    }

    /// Begins a turn that changes the context, or fails to.
    pub(super) async fn try_change(
        &self,
        id: ConversationId,
        place: Place,
        change: ContextChange,
    ) -> Result<Begun, StoreError> {
        let response = in_progress(Some(id), 10);
        let input = asked(&response, &["q"]);
        let home = TurnHome::Existing { id, place };
        let context = Some(change);
        self.start(BeginTurn { context, ..beginning(&response, home, input.clone()) }).await?;
        Ok(Begun { response, input })
    }

    /// A whole turn of two items at the end of a listed conversation, at whose start those before
    /// `anchor` leave the window. Returns the version of the context then.
    pub(super) async fn evict(&self, id: ConversationId, anchor: i64) -> i64 {
        let History { head, context, .. } = self.window(id).await;
        let change = change(context.map(|context| context.version), anchor);
        let version = change.version();
        let begun = self.try_change(id, Place::Leaf(head.leaf), change).await.unwrap();
        self.finish(begun, "a").await;
        version
    }

    /// A whole turn after an item, which makes a branch where that is not the end.
    pub(super) async fn turn_after(&self, id: ConversationId, after: Option<ItemId>) -> Begun {
        let begun = self.try_turn(id, Place::After(after), &["q"], HOUR).await.unwrap();
        self.finish(begun.clone(), "a").await;
        begun
    }

    pub(super) async fn backlog(&self, id: ConversationId) -> Backlog {
        self.store.backlog(&self.scope, id).await.unwrap()
    }

    /// Keeps a segment that was made just now, or fails to.
    pub(super) async fn put(&self, id: ConversationId, segment: Segment) -> Result<(), StoreError> {
        let edits = self.backlog(id).await.edits;
        self.store.put_segment(&self.scope, id, edits, segment).await
    }

    /// Keeps a summary that was made just now.
    pub(super) async fn summarise(&self, id: ConversationId, covers_to: i64) {
        let edits = self.backlog(id).await.edits;
        self.store.put_summary(&self.scope, id, edits, summary(covers_to)).await.unwrap();
    }

    /// The positions that segments cover, and that a summary covers to.
    pub(super) async fn derived(&self, id: ConversationId) -> (Vec<(i64, i64)>, Option<i64>) {
        let Backlog { covered, summary, .. } = self.backlog(id).await;
        let covered = covered.into_iter().map(std::ops::RangeInclusive::into_inner);
        (covered.collect(), summary.map(|summary| summary.covers_to))
    }
}
