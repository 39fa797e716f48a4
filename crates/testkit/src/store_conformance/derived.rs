//! What is derived from the beginning of a conversation, and read of it for that.

use loquat_domain::{ConversationId, Item, StoredItem};
use loquat_store::{Backlog, HistoryStart, Reach, Segment, StoreError};

use super::{
    Store,
    engine::{WITH_ALL, segment, summary},
    person::Person,
    things::{item_id, message, text},
};

/// A conversation of six items, all of which but the last have left the window, in which each two
/// share a segment.
async fn shortened(ada: &Person<'_>) -> (ConversationId, Vec<Item>) {
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d", "e", "f"]).await;
    ada.evict(id, 6).await;
    for first in [2, 0, 4] {
        ada.put(id, segment(first, first + 1)).await.unwrap();
    }
    (id, items)
}

/// Segments come when they are asked for, in order and as they are.
pub async fn a_history_brings_its_segments_when_asked(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = shortened(&ada).await;
    let all = [segment(0, 1), segment(2, 3), segment(4, 5)];
    assert_eq!(ada.window(id).await.segments, all);
    let unasked = Reach { segments: false, ..WITH_ALL };
    assert_eq!(ada.read(HistoryStart::Conversation(id), unasked).await.segments, []);
    // At an earlier item, those that begin before it.
    let at = |n: usize| HistoryStart::Item(id, Some(items[n].id));
    assert_eq!(ada.read(at(3), WITH_ALL).await.segments, all[..2]);
    assert_eq!(ada.read(at(2), WITH_ALL).await.segments, all[..1]);
    assert_eq!(ada.read(HistoryStart::Item(id, None), WITH_ALL).await.segments, []);

    // Not for another branch, and not without an anchor.
    let old = ada.window(id).await.head.leaf;
    ada.turn_after(id, Some(items[3].id)).await;
    assert_eq!(ada.window(id).await.segments, []);
    ada.evict(id, 4).await;
    assert_eq!(ada.window(id).await.segments, all[..2]);
    assert_eq!(ada.read(HistoryStart::Item(id, old), WITH_ALL).await.segments, []);
}

/// Any bytes are kept, however many.
pub async fn a_segment_comes_back_byte_for_byte(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a", "b"]).await;
    ada.evict(id, 2).await;
    let many = (0..200_000_u32).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect();
    let all = [vec![], vec![0, 255, 0], many];
    for (n, data) in (0..).zip(&all) {
        ada.put(id, Segment { first: n, last: n, data: data.clone() }).await.unwrap();
    }
    let read = ada.window(id).await.segments.into_iter().map(|segment| segment.data);
    assert!(read.eq(all));
}

/// No item is in two segments.
pub async fn segments_do_not_overlap(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"; 9]).await;
    ada.evict(id, 9).await;
    ada.put(id, segment(2, 4)).await.unwrap();
    for (first, last) in [(2, 4), (0, 2), (4, 8), (3, 3), (0, 8), (2, 2), (4, 4)] {
        let put = ada.put(id, segment(first, last)).await;
        assert!(matches!(put, Err(StoreError::Conflict)), "{first} to {last}: {put:?}");
    }
    ada.put(id, segment(5, 5)).await.unwrap();
    ada.put(id, segment(0, 1)).await.unwrap();
    ada.put(id, segment(7, 8)).await.unwrap();
    ada.put(id, segment(6, 6)).await.unwrap();
    let covered = ada.derived(id).await.0;
    assert_eq!(covered, [(0, 1), (2, 4), (5, 5), (6, 6), (7, 8)]);
}

/// The last summary counts, and is told where something follows what it covers.
pub async fn a_summary_comes_back_as_it_was_kept(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = shortened(&ada).await;
    let told = async |start| ada.read(start, WITH_ALL).await.context.unwrap().summary;
    let whole = HistoryStart::Conversation(id);
    assert_eq!(told(whole).await, None);
    for covers_to in [1, 3] {
        ada.summarise(id, covers_to).await;
        assert_eq!(told(whole).await, Some(summary(covers_to)));
        assert_eq!(ada.backlog(id).await.summary, Some(summary(covers_to)));
    }
    let at = |n: usize| HistoryStart::Item(id, Some(items[n].id));
    assert_eq!(told(at(4)).await, Some(summary(3)));
    assert_eq!(told(at(3)).await, None);
    let old = HistoryStart::Item(id, ada.window(id).await.head.leaf);
    ada.turn_after(id, Some(items[4].id)).await;
    assert_eq!(told(whole).await, Some(summary(3)));
    assert_eq!(told(old).await, None, "of another branch");
}

/// Nothing of a deleted item stays, and everything else does.
pub async fn a_deleted_item_takes_along_what_covers_it(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = shortened(&ada).await;
    ada.summarise(id, 2).await;
    ada.delete_item(id, items[3].id).await.unwrap();
    assert_eq!(ada.derived(id).await, (vec![(0, 1), (4, 5)], Some(2)));
    ada.delete_item(id, items[4].id).await.unwrap();
    assert_eq!(ada.derived(id).await, (vec![(0, 1)], Some(2)));
    ada.delete_item(id, items[2].id).await.unwrap();
    assert_eq!(ada.derived(id).await, (vec![(0, 1)], None));
    ada.summarise(id, 0).await;
    ada.delete_item(id, items[0].id).await.unwrap();
    assert_eq!(ada.derived(id).await, (vec![], None));
}

/// What covers an item that was left for another branch goes, and what is before the fork stays.
pub async fn another_branch_takes_along_what_covers_the_old_one(store: &dyn Store) {
    let ada = Person::owner(store);
    for (fork, segments, short) in [
        (5, vec![(0, 1), (2, 3), (4, 5)], Some(3)),
        (4, vec![(0, 1), (2, 3)], Some(3)),
        (3, vec![(0, 1), (2, 3)], Some(3)),
        (2, vec![(0, 1)], None),
        (0, vec![], None),
    ] {
        let (id, items) = shortened(&ada).await;
        ada.summarise(id, 3).await;
        let old = ada.window(id).await.head.leaf.unwrap();
        ada.turn_after(id, Some(items[fork].id)).await;
        assert_eq!(ada.derived(id).await, (segments.clone(), short), "after item {fork}");
        // Back again: what is gone is gone.
        ada.activate(id, old).await.unwrap();
        assert_eq!(ada.derived(id).await, (segments, short), "back from item {fork}");
    }
    let (id, _) = shortened(&ada).await;
    ada.turn_after(id, None).await;
    assert_eq!(ada.derived(id).await, (vec![], None));
}

/// What was made of items that were read before an edit cannot be kept after it.
pub async fn what_was_derived_before_an_edit_is_not_kept_after_it(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d", "e"]).await;
    let early = ada.put(id, segment(0, 0)).await;
    assert!(matches!(early, Err(StoreError::Conflict)), "nothing has left: {early:?}");
    ada.evict(id, 3).await;
    let put =
        async |edits, first| store.put_segment(&ada.scope, id, edits, segment(first, first)).await;
    // What is appended, or leaves the window, is no edit.
    let edits = ada.backlog(id).await.edits;
    ada.append(id, vec![message("f")]).await.unwrap();
    ada.evict(id, 4).await;
    put(edits, 0).await.unwrap();
    ada.delete_item(id, items[4].id).await.unwrap();
    for late in [edits, edits + 2] {
        assert!(matches!(put(late, 1).await, Err(StoreError::Conflict)));
        let late = store.put_summary(&ada.scope, id, late, summary(0)).await;
        assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    }
    let after = ada.backlog(id).await.edits;
    put(after, 1).await.unwrap();
    store.put_summary(&ada.scope, id, after, summary(0)).await.unwrap();
    ada.turn_after(id, Some(items[2].id)).await;
    assert!(matches!(put(after, 2).await, Err(StoreError::Conflict)));
    assert_eq!(ada.derived(id).await, (vec![(0, 0), (1, 1)], Some(0)));
}

/// What there is to do is told with the anchor.
pub async fn a_backlog_says_what_is_covered(store: &dyn Store) {
    let ada = Person::owner(store);
    let (quiet, _) = ada.conversation_of(&["a"]).await;
    let nothing = Backlog { edits: 0, anchor: None, covered: vec![], summary: None };
    assert_eq!(ada.backlog(quiet).await, nothing);
    let (id, items) = shortened(&ada).await;
    ada.summarise(id, 1).await;
    let backlog = ada.backlog(id).await;
    assert_eq!((backlog.edits, backlog.anchor), (0, Some(6)));
    assert_eq!(backlog.covered, [0..=1, 2..=3, 4..=5]);
    assert_eq!(backlog.summary, Some(summary(1)));
    for (edits, item) in (1..).zip([&items[2], &items[5]]) {
        ada.delete_item(id, item.id).await.unwrap();
        assert_eq!(ada.backlog(id).await.edits, edits);
    }
    assert_eq!(ada.backlog(id).await.anchor, None);
}

fn said(stored: &[StoredItem]) -> Vec<&str> {
    stored.iter().map(|stored| text(&stored.item)).collect()
}

/// Items are found by their places on the active branch.
pub async fn items_are_found_by_their_positions(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d"]).await;
    let at = async |positions: &[i64]| store.items_at(&ada.scope, id, positions).await.unwrap();
    assert_eq!(at(&[]).await, []);
    assert_eq!(
        at(&[2, 0, 2, 9, -1]).await,
        [0, 2]
            .map(|n| StoredItem { position: n, item: items[usize::try_from(n).unwrap()].clone() })
    );
    ada.turn_after(id, Some(items[0].id)).await;
    assert_eq!(said(&at(&[0, 1, 2, 3]).await), ["a", "q", "a"]);
}

/// Pins stay where they are, also off the active branch.
pub async fn pins_are_found_on_any_branch(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d"]).await;
    let (_, elsewhere) = ada.conversation_of(&["x"]).await;
    ada.turn_after(id, Some(items[0].id)).await;
    let pins = [items[3].id, elsewhere[0].id, items[0].id, item_id(), items[3].id, items[1].id];
    let pinned = store.pinned(&ada.scope, id, &pins).await.unwrap();
    assert_eq!(said(&pinned), ["a", "b", "d"]);
    let positions: Vec<_> = pinned.iter().map(|stored| stored.position).collect();
    assert_eq!(positions, [0, 1, 3]);
    assert_eq!(store.pinned(&ada.scope, id, &[]).await.unwrap(), []);
}

/// A part of the active branch is read in steps.
pub async fn a_span_is_read_in_steps(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d", "e"]).await;
    let span = async |from, to, limit| {
        let read = store.span(&ada.scope, id, from, to, limit).await.unwrap();
        said(&read).concat()
    };
    assert_eq!(span(0, 9, 9).await, "abcde");
    assert_eq!(span(1, 4, 9).await, "bcd");
    assert_eq!(span(1, 4, 2).await, "bc");
    assert_eq!(span(3, 4, 2).await, "d");
    assert_eq!(span(4, 4, 9).await, "");
    assert_eq!(span(4, 1, 9).await, "");
    assert_eq!(span(0, 9, 0).await, "");
    ada.turn_after(id, Some(items[1].id)).await;
    assert_eq!(span(1, i64::MAX, 9).await, "bqa");
}
