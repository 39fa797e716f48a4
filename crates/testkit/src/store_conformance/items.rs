//! Items of a conversation: how they are appended, paged and deleted.

use loquat_domain::{ConversationId, ItemId, Order};
use loquat_store::{HistoryStart, Place, StoreError};

use super::{
    Store,
    person::{HOUR, Person},
    things::{item_id, message, messages, moment, page},
};

/// Reads the active branch, page by page.
async fn read(ada: &Person<'_>, id: ConversationId, order: Order, limit: i64) -> Vec<ItemId> {
    let mut ids = Vec::new();
    loop {
        let request = page(ids.last().copied(), order, limit);
        let read = ada.store.items(&ada.scope, id, request).await.unwrap();
        let full = i64::try_from(read.entries.len()).unwrap() == limit;
        assert!(full || !read.has_more, "a page that is not full says that more follows");
        assert!(ids.len() < 100, "the pages do not come to an end: {ids:?}");
        ids.extend(read.entries.iter().map(|stored| stored.item.id));
        if !read.has_more {
            return ids;
        }
    }
}

/// Whatever the size of a page, each item is on exactly one, in the order in which it was added.
pub async fn paging_visits_each_item_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d", "e", "f", "g"]).await;
    ada.conversation_of(&["of another conversation"]).await;
    let mut ids: Vec<_> = items.iter().map(|item| item.id).collect();
    for limit in 1..=8 {
        assert_eq!(read(&ada, id, Order::Ascending, limit).await, ids, "limit {limit}");
    }
    ids.reverse();
    for limit in 1..=8 {
        assert_eq!(read(&ada, id, Order::Descending, limit).await, ids, "limit {limit}");
    }
}

/// A page says that more follows exactly when more follows.
pub async fn a_page_knows_whether_more_items_follow(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a", "b", "c"]).await;
    for order in [Order::Ascending, Order::Descending] {
        for (limit, more) in [(2, true), (3, false), (4, false)] {
            let read = store.items(&ada.scope, id, page(None, order, limit)).await.unwrap();
            assert_eq!(read.has_more, more, "limit {limit}");
        }
    }
    let (empty, _) = ada.conversation_of(&[]).await;
    let read = store.items(&ada.scope, empty, page(None, Order::Descending, 5)).await.unwrap();
    assert_eq!((read.entries, read.has_more), (vec![], false));
}

/// Positions rise from the root to the leaf, over creation, appends and turns.
pub async fn positions_rise_strictly(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a", "b"]).await;
    ada.append(id, messages(&["c", "d"])).await.unwrap();
    let begun = ada.turn(id, "e").await;
    ada.finish(begun, "f").await;
    let active = ada.active(id).await;
    assert_eq!(active.len(), 6);
    assert!(active.is_sorted_by(|earlier, later| earlier.position < later.position));
}

/// Appended items follow what is there, in order, and are a change of the conversation.
pub async fn appended_items_follow_in_order(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&[]).await;
    let (other, _) = ada.conversation_of(&["other"]).await;
    ada.append(id, messages(&["a", "b"])).await.unwrap();
    let later = messages(&["c", "d", "e"]);
    store.append_items(&ada.scope, id, later.clone(), moment(4), None).await.unwrap();
    assert_eq!(ada.texts(id).await, ["a", "b", "c", "d", "e"]);
    assert_eq!(ada.see(id).await.updated_at, moment(4));
    assert_eq!(ada.see(id).await.created_at, moment(0));
    assert_eq!(store.item(&ada.scope, id, later[1].id).await.unwrap().item, later[1]);
    assert_eq!(ada.texts(other).await, ["other"]);
    assert_eq!(ada.see(other).await.updated_at, moment(0));
}

/// Who pages meets every item that is there the whole time, once, whatever comes and goes.
pub async fn paging_items_goes_on_under_appends_and_deletes(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d", "e", "f"]).await;
    let ids: Vec<_> = items.iter().map(|item| item.id).collect();
    let new = messages(&["g"]);
    ada.append(id, new.clone()).await.unwrap();
    ada.delete_item(id, ids[0]).await.unwrap();
    ada.delete_item(id, ids[3]).await.unwrap();
    let up = page(Some(ids[1]), Order::Ascending, 100);
    let up = store.items(&ada.scope, id, up).await.unwrap().entries;
    let up: Vec<_> = up.iter().map(|stored| stored.item.id).collect();
    assert_eq!(up, [ids[2], ids[4], ids[5], new[0].id]);
    let down = page(Some(ids[4]), Order::Descending, 100);
    let down = store.items(&ada.scope, id, down).await.unwrap().entries;
    let down: Vec<_> = down.iter().map(|stored| stored.item.id).collect();
    assert_eq!(down, [ids[2], ids[1]]);
}

/// Only an item of the active branch marks a place on it.
pub async fn a_cursor_off_the_active_branch_is_refused(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d"]).await;
    let (_, other) = ada.conversation_of(&["other"]).await;
    let place = Place::After(Some(items[0].id));
    let begun = ada.try_turn(id, place, &["new b"], HOUR).await.unwrap();
    ada.finish(begun, "new c").await;
    let deleted = ada.active(id).await[2].item.id;
    ada.delete_item(id, deleted).await.unwrap();
    for cursor in [items[1].id, items[3].id, other[0].id, deleted, item_id()] {
        for order in [Order::Ascending, Order::Descending] {
            let listed = store.items(&ada.scope, id, page(Some(cursor), order, 10)).await;
            assert!(matches!(listed, Err(StoreError::CursorNotFound)), "{listed:?}");
        }
    }
    let listed = page(Some(items[0].id), Order::Ascending, 10);
    let listed = store.items(&ada.scope, id, listed).await.unwrap().entries;
    assert_eq!(listed.len(), 1);
}

/// While a turn runs, nothing is put between its question and its answer, and nothing taken away.
pub async fn a_running_turn_locks_the_items(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    let (free, _) = ada.conversation_of(&["other"]).await;
    let begun = ada.turn(id, "c").await;
    let before = ada.see(id).await;
    let appended = ada.append(id, vec![message("x")]).await;
    assert!(matches!(appended, Err(StoreError::Locked)), "{appended:?}");
    let deleted = ada.delete_item(id, items[0].id).await;
    assert!(matches!(deleted, Err(StoreError::Locked)), "{deleted:?}");
    assert_eq!(ada.texts(id).await, ["a", "b", "c"]);
    assert_eq!(ada.see(id).await, before);
    ada.append(free, vec![message("x")]).await.unwrap();

    ada.finish(begun, "d").await;
    ada.append(id, vec![message("e")]).await.unwrap();
    ada.delete_item(id, items[0].id).await.unwrap();
    assert_eq!(ada.texts(id).await, ["b", "c", "d", "e"]);
}

/// What followed a deleted item follows its predecessor; nobody else moves.
pub async fn a_deleted_item_leaves_no_gap(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c", "d"]).await;
    let mut expected = ada.active(id).await;
    let conversation = store.delete_item(&ada.scope, id, items[1].id, moment(6)).await.unwrap();
    assert_eq!(conversation.updated_at, moment(6));
    assert_eq!(conversation, ada.see(id).await);
    expected.remove(1);
    assert_eq!(ada.active(id).await, expected);
    assert_eq!(ada.told(HistoryStart::Conversation(id)).await, ["a", "c", "d"]);
    let gone = store.item(&ada.scope, id, items[1].id).await;
    assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    let again = ada.delete_item(id, items[1].id).await;
    assert!(matches!(again, Err(StoreError::NotFound)), "{again:?}");
    ada.append(id, messages(&["e"])).await.unwrap();
    assert_eq!(ada.texts(id).await, ["a", "c", "d", "e"]);
}

/// After its last item was deleted, a branch ends at the one before.
pub async fn a_deleted_leaf_leaves_its_predecessor_as_the_end(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b", "c"]).await;
    ada.delete_item(id, items[2].id).await.unwrap();
    let history = ada.history(HistoryStart::Conversation(id)).await;
    assert_eq!(history.head.leaf, Some(items[1].id));
    let begun = ada.try_turn(id, Place::Leaf(Some(items[1].id)), &["d"], HOUR).await.unwrap();
    ada.finish(begun, "e").await;
    assert_eq!(ada.texts(id).await, ["a", "b", "d", "e"]);
}

/// After its first item was deleted, a branch begins at the next; after its last, it is empty.
pub async fn a_deleted_root_leaves_its_successor_as_the_root(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    ada.delete_item(id, items[0].id).await.unwrap();
    let history = ada.history(HistoryStart::Conversation(id)).await;
    assert_eq!((history.items.len(), history.reached_root), (1, true));
    ada.delete_item(id, items[1].id).await.unwrap();
    let history = ada.history(HistoryStart::Conversation(id)).await;
    assert_eq!((history.items, history.reached_root), (vec![], true));
    assert_eq!(history.head.leaf, None);
    assert_eq!(ada.texts(id).await, [""; 0]);
    ada.append(id, messages(&["c"])).await.unwrap();
    assert_eq!(ada.texts(id).await, ["c"]);
}

/// Both branches of a deleted fork go on from its predecessor.
pub async fn a_deleted_fork_leaves_both_branches(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "fork"]).await;
    let fork = Place::After(Some(items[1].id));
    let first = ada.try_turn(id, fork, &["b"], HOUR).await.unwrap();
    let first = ada.finish(first, "c").await;
    let second = ada.try_turn(id, fork, &["new b"], HOUR).await.unwrap();
    let second = ada.finish(second, "new c").await;
    ada.delete_item(id, items[1].id).await.unwrap();
    assert_eq!(ada.texts(id).await, ["a", "new b", "new c"]);
    assert_eq!(ada.told(HistoryStart::Response(first.response.id)).await, ["a", "b", "c"]);
    let second = HistoryStart::Response(second.response.id);
    assert_eq!(ada.told(second).await, ["a", "new b", "new c"]);
}

/// An item off the active branch can be deleted too, and the active branch stays as it is.
pub async fn an_item_of_an_old_branch_can_be_deleted(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, items) = ada.conversation_of(&["a", "b"]).await;
    let old = ada.turn(id, "old").await;
    let old = ada.finish(old, "answer").await;
    let place = Place::After(Some(items[1].id));
    let new = ada.try_turn(id, place, &["new"], HOUR).await.unwrap();
    ada.finish(new, "other answer").await;
    let before = ada.active(id).await;
    ada.delete_item(id, old.input[0].id).await.unwrap();
    assert_eq!(ada.active(id).await, before);
    let start = HistoryStart::Response(old.response.id);
    assert_eq!(ada.told(start).await, ["a", "b", "answer"]);
}

/// A response whose items were deleted is continued from where they stood.
pub async fn a_response_outlives_its_deleted_items(store: &dyn Store) {
    let ada = Person::owner(store);
    let (id, _) = ada.conversation_of(&["a"]).await;
    let begun = ada.turn(id, "b").await;
    let done = ada.finish(begun, "c").await;
    let start = HistoryStart::Response(done.response.id);
    ada.delete_item(id, done.output[0].id).await.unwrap();
    assert_eq!(ada.response(done.response.id).await.unwrap().output, []);
    assert_eq!(ada.told(start).await, ["a", "b"]);
    ada.delete_item(id, done.input[0].id).await.unwrap();
    assert_eq!(ada.told(start).await, ["a"]);
}
