//! The active branch of an implicit conversation: the items that came first.

use loquat_domain::ConversationId;
use loquat_store::{HistoryStart, Place, StoreError, TurnHome};

use super::{
    Store,
    engine::{WITH_ALL, change, segment},
    person::{Done, HOUR, Person},
    things::{in_progress, messages, text},
};

impl Person<'_> {
    /// An implicit conversation of one turn.
    async fn chain(&self) -> (ConversationId, Done) {
        let begun = self.implicit_turn("a").await;
        let done = self.finish(begun, "b").await;
        let start = HistoryStart::Response(done.response.id);
        (self.history(start).await.head.conversation, done)
    }

    /// The texts of the active branch, oldest first.
    async fn line(&self, id: ConversationId) -> String {
        let line = self.store.span(&self.scope, id, 0, i64::MAX, 100).await.unwrap();
        line.iter().map(|stored| text(&stored.item)).collect()
    }

    async fn is_active(&self, done: &Done) -> bool {
        self.history(HistoryStart::Response(done.response.id)).await.head.active
    }
}

/// Who continues a response first is on the active branch, and so is who continues that.
pub async fn the_first_continuation_of_a_response_is_on_the_active_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, first) = ada.chain().await;
    let begun = ada.continue_response(first.response.id, "c").await;
    let second = ada.finish(begun, "d").await;
    let begun = ada.continue_response(first.response.id, "x").await;
    let aside = ada.finish(begun, "y").await;
    let begun = ada.continue_response(aside.response.id, "z").await;
    let further = ada.finish(begun, "!").await;
    let begun = ada.continue_response(second.response.id, "e").await;
    let third = ada.finish(begun, "f").await;
    assert_eq!(ada.line(id).await, "abcdef");
    for (done, active) in
        [(&first, true), (&second, true), (&third, true), (&aside, false), (&further, false)]
    {
        assert_eq!(ada.is_active(done).await, active, "{:?}", done.input);
    }
    let start = HistoryStart::Response(further.response.id);
    let history = ada.read(start, WITH_ALL).await;
    assert_eq!(history.items.len(), 6);
}

/// The place of an answer is that of its question, whoever answers first.
pub async fn an_answer_is_on_the_active_branch_if_its_question_is(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, first) = ada.chain().await;
    let one = ada.continue_response(first.response.id, "c").await;
    let two = ada.continue_response(first.response.id, "x").await;
    let two = ada.finish(two, "y").await;
    let one = ada.finish(one, "d").await;
    assert_eq!(ada.line(id).await, "abcd");
    assert_eq!((ada.is_active(&one).await, ada.is_active(&two).await), (true, false));
}

/// Where nothing was asked, who answers first is first.
pub async fn of_answers_without_questions_the_first_is_on_the_active_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, first) = ada.chain().await;
    let place = Place::After(Some(first.leaf()));
    let again = [(); 2].map(|()| in_progress(None, 20));
    for response in &again {
        let home = TurnHome::Existing { id, place };
        ada.begin(response, home, vec![], HOUR).await.unwrap();
    }
    ada.try_finish(&again[1], messages(&["first"])).await.unwrap();
    ada.try_finish(&again[0], messages(&["second"])).await.unwrap();
    assert_eq!(ada.line(id).await, "abfirst");
}

/// Of two continuations at once both succeed, and one is on the active branch.
pub async fn of_two_racing_continuations_one_is_on_the_active_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, first) = ada.chain().await;
    let first = first.response.id;
    let (one, two) =
        futures::join!(ada.continue_response(first, "c"), ada.continue_response(first, "x"));
    let (one, two) = futures::join!(ada.finish(one, "d"), ada.finish(two, "y"));
    let line = ada.line(id).await;
    assert!(["abcd", "abxy"].contains(&line.as_str()), "{line}");
    assert!(ada.is_active(&one).await != ada.is_active(&two).await);
}

/// An end that is deleted takes along what covers it, and makes room for another.
pub async fn a_deleted_end_takes_along_what_covers_it(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, first) = ada.chain().await;
    let place = Place::After(Some(first.leaf()));
    let begun = ada.try_change(id, place, change(None, 3)).await.unwrap();
    let second = ada.finish(begun, "d").await;
    let begun = ada.continue_response(first.response.id, "x").await;
    let aside = ada.finish(begun, "y").await;
    ada.put(id, segment(0, 1)).await.unwrap();
    ada.put(id, segment(2, 2)).await.unwrap();
    ada.summarise(id, 1).await;

    ada.delete_response(aside.response.id).await.unwrap();
    assert_eq!(ada.backlog(id).await.anchor, Some(3), "of another branch");
    ada.delete_response(second.response.id).await.unwrap();
    assert_eq!(ada.line(id).await, "ab");
    assert_eq!(ada.derived(id).await, (vec![(0, 1)], Some(1)));
    let start = HistoryStart::Response(first.response.id);
    let kept = ada.read(start, WITH_ALL).await.context.unwrap();
    assert_eq!((kept.version, kept.anchor), (2, None));
    let begun = ada.continue_response(first.response.id, "z").await;
    assert!(ada.history(HistoryStart::Response(begun.response.id)).await.head.active);

    ada.delete_response(begun.response.id).await.unwrap();
    ada.delete_response(first.response.id).await.unwrap();
    let gone = store.backlog(&ada.scope, id).await;
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
}
