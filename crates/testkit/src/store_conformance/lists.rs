//! Lists of conversations.

use loquat_domain::{Conversation, ConversationId, Order};
use loquat_store::{Archived, ConversationPatch, StoreError};

use super::{
    Store,
    person::Person,
    things::{conversation, conversation_id, moment, page},
};

/// Reads a whole list, page by page.
async fn read(
    ada: &Person<'_>,
    archived: Archived,
    order: Order,
    limit: i64,
) -> Vec<ConversationId> {
    let mut ids = Vec::new();
    loop {
        let request = page(ids.last().copied(), order, limit);
        let read = ada.store.conversations(&ada.scope, archived, request).await.unwrap();
        let full = i64::try_from(read.entries.len()).unwrap() == limit;
        assert!(full || !read.has_more, "a page that is not full says that more follows");
        assert!(ids.len() < 100, "the pages do not come to an end: {ids:?}");
        ids.extend(read.entries.iter().map(|conversation| conversation.id));
        if !read.has_more {
            return ids;
        }
    }
}

/// Conversations, made at the given moments in the given order.
async fn made_at(ada: &Person<'_>, moments: &[i64]) -> Vec<ConversationId> {
    let mut ids = Vec::new();
    for at in moments {
        let made = conversation(*at);
        ids.push(made.id);
        ada.create(made, vec![]).await.unwrap();
    }
    ids
}

/// Their time of creation orders conversations, whatever their ids or the order of their storing.
pub async fn conversations_are_listed_by_their_time_of_creation(store: &dyn Store) {
    let ada = Person::owner(store);
    let [c, a, b] = made_at(&ada, &[3, 1, 2]).await[..] else { unreachable!() };
    let touched = ConversationPatch { archived: Some(false), ..ConversationPatch::default() };
    store.update_conversation(&ada.scope, a, touched, moment(9)).await.unwrap();
    assert_eq!(read(&ada, Archived::Both, Order::Ascending, 10).await, [a, b, c]);
    assert_eq!(read(&ada, Archived::Both, Order::Descending, 10).await, [c, b, a]);
}

/// Conversations of the same moment are ordered by id.
pub async fn conversations_of_one_moment_are_listed_by_id(store: &dyn Store) {
    let ada = Person::owner(store);
    let mut ids: Vec<_> = (0..6).map(|_| conversation_id()).collect();
    for id in ids.iter().rev() {
        ada.create(Conversation { id: *id, ..conversation(1) }, vec![]).await.unwrap();
    }
    for limit in [1, 2, 10] {
        assert_eq!(read(&ada, Archived::Both, Order::Ascending, limit).await, ids);
    }
    ids.reverse();
    for limit in [1, 2, 10] {
        assert_eq!(read(&ada, Archived::Both, Order::Descending, limit).await, ids);
    }
}

/// Whatever the size of a page, each conversation is on exactly one.
pub async fn paging_visits_each_conversation_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let mut ids = made_at(&ada, &[1, 2, 2, 3, 4, 4, 4, 5]).await;
    for limit in 1..=9 {
        assert_eq!(read(&ada, Archived::Both, Order::Ascending, limit).await, ids, "{limit}");
    }
    ids.reverse();
    for limit in 1..=9 {
        assert_eq!(read(&ada, Archived::Both, Order::Descending, limit).await, ids, "{limit}");
    }
}

/// A page says that more follows exactly when more follows.
pub async fn a_page_knows_whether_more_conversations_follow(store: &dyn Store) {
    let ada = Person::owner(store);
    made_at(&ada, &[1, 2, 3]).await;
    for (limit, more) in [(2, true), (3, false), (4, false)] {
        let request = page(None, Order::Descending, limit);
        let read = store.conversations(&ada.scope, Archived::Both, request).await.unwrap();
        assert_eq!(read.has_more, more, "limit {limit}");
    }
    let nothing = page(None, Order::Descending, 5);
    let archived = store.conversations(&ada.scope, Archived::Only, nothing).await.unwrap();
    assert_eq!((archived.entries, archived.has_more), (vec![], false));
}

/// Who pages meets every conversation that is there the whole time, once, whatever comes and goes.
pub async fn paging_conversations_goes_on_under_inserts_and_deletes(store: &dyn Store) {
    let ada = Person::owner(store);
    for order in [Order::Ascending, Order::Descending] {
        let old = made_at(&ada, &[10, 20, 30, 40, 50, 60]).await;
        let mut following = old.clone();
        if order == Order::Descending {
            following.reverse();
        }
        let first =
            store.conversations(&ada.scope, Archived::Both, page(None, order, 2)).await.unwrap();
        let seen: Vec<_> = first.entries.iter().map(|conversation| conversation.id).collect();
        assert_eq!(seen, following[..2]);

        let behind = if order == Order::Ascending { 5 } else { 65 };
        let new = made_at(&ada, &[behind, 35]).await;
        store.delete_conversation(&ada.scope, following[0]).await.unwrap();
        store.delete_conversation(&ada.scope, following[4]).await.unwrap();
        let rest = page(Some(following[1]), order, 100);
        let rest = store.conversations(&ada.scope, Archived::Both, rest).await.unwrap();
        let rest: Vec<_> = rest.entries.iter().map(|conversation| conversation.id).collect();
        assert_eq!(rest, [following[2], new[1], following[3], following[5]]);

        for id in ada.list().await {
            store.delete_conversation(&ada.scope, id).await.unwrap();
        }
    }
}

/// The filter shows what it names.
pub async fn archived_conversations_are_listed_apart(store: &dyn Store) {
    let ada = Person::owner(store);
    let ids = made_at(&ada, &[1, 2, 3, 4]).await;
    for id in [ids[1], ids[3]] {
        let put_away = ConversationPatch { archived: Some(true), ..ConversationPatch::default() };
        store.update_conversation(&ada.scope, id, put_away, moment(9)).await.unwrap();
    }
    for limit in [1, 10] {
        let order = Order::Ascending;
        assert_eq!(read(&ada, Archived::Only, order, limit).await, [ids[1], ids[3]]);
        assert_eq!(read(&ada, Archived::Without, order, limit).await, [ids[0], ids[2]]);
        assert_eq!(read(&ada, Archived::Both, order, limit).await, ids);
    }
}

/// An entry that is archived while somebody pages still says where that reader was.
pub async fn a_cursor_that_was_archived_meanwhile_keeps_its_place(store: &dyn Store) {
    let ada = Person::owner(store);
    let ids = made_at(&ada, &[1, 2, 3]).await;
    let put_away = ConversationPatch { archived: Some(true), ..ConversationPatch::default() };
    store.update_conversation(&ada.scope, ids[1], put_away, moment(9)).await.unwrap();
    for (order, next) in [(Order::Ascending, ids[2]), (Order::Descending, ids[0])] {
        let request = page(Some(ids[1]), order, 10);
        let rest = store.conversations(&ada.scope, Archived::Without, request).await.unwrap();
        assert_eq!(rest.entries.iter().map(|it| it.id).collect::<Vec<_>>(), [next]);
    }
}

/// A conversation that is gone marks no place.
pub async fn a_deleted_conversation_is_no_cursor(store: &dyn Store) {
    let ada = Person::owner(store);
    let ids = made_at(&ada, &[1, 2, 3]).await;
    store.delete_conversation(&ada.scope, ids[1]).await.unwrap();
    let request = page(Some(ids[1]), Order::Ascending, 10);
    let listed = store.conversations(&ada.scope, Archived::Both, request).await;
    assert!(matches!(listed, Err(StoreError::CursorNotFound)), "{listed:?}");
}
