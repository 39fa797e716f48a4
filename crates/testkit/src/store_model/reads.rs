//! All that can be read, in a form that can be compared.

use std::fmt::Debug;

use loquat_domain::{ConversationId, Order, PageLimit, PageRequest, ResponseId, Scope};
use loquat_store::{Archived, HistoryStart, Reach, StoreError};

use super::{
    bill,
    calls::{Call, Player},
};
use crate::store_conformance::Store;

/// More than any row of calls makes: a store that is wrong may have no last page.
const MOST_PAGES: usize = 64;

fn line<T: Debug>(what: &str, read: &Result<T, StoreError>) -> String {
    format!("{what}: {read:?}")
}

/// What a call may have changed.
pub(super) async fn around(store: &dyn Store, call: &Call, player: &Player) -> Vec<String> {
    let mut lines = Vec::new();
    if matches!(call, Call::Bill(_)) {
        bill::read(store, &mut lines).await;
        return lines;
    }
    let place = call.place();
    let Some(scope) = &place.scope else { return everything(store, player).await };
    if let Some(home) = place.home {
        conversation(store, scope, home, &mut lines).await;
    }
    if let Some(id) = place.response {
        response(store, scope, id, &mut lines).await;
    }
    lines
}

/// What everybody sees of everything, and what is stale.
pub(super) async fn everything(store: &dyn Store, player: &Player) -> Vec<String> {
    let mut lines = Vec::new();
    for scope in Player::people() {
        let page = PageRequest { after: None, order: Order::Descending, limit: PageLimit::MAX };
        let listed = store.conversations(&scope, Archived::Without, page).await;
        lines.push(line("conversations", &listed));
        for home in Player::homes() {
            conversation(store, &scope, home, &mut lines).await;
        }
        for id in player.responses() {
            response(store, &scope, id, &mut lines).await;
        }
    }
    bill::read(store, &mut lines).await;
    // Leases that ran out at once did so at different times by different clocks.
    let mut stale = store.stale_turns(1_000).await;
    if let Ok(stale) = &mut stale {
        stale.sort_by_key(|turn| (turn.response, turn.scope.clone()));
    }
    lines.push(line("stale", &stale));
    lines
}

async fn conversation(
    store: &dyn Store,
    scope: &Scope,
    id: ConversationId,
    lines: &mut Vec<String>,
) {
    let seen = store.conversation(scope, id).await;
    let is_there = seen.is_ok();
    lines.push(line("conversation", &seen));
    let history =
        store.history(scope, HistoryStart::Conversation(id), Reach::tokens(u64::MAX)).await;
    lines.push(line("history", &history));
    derived(store, scope, id, lines).await;
    // Elsewhere it is the same answer once more.
    if !is_there {
        return;
    }
    let mut after = None;
    for _ in 0..MOST_PAGES {
        let limit = PageLimit::new(3).unwrap_or(PageLimit::MAX);
        let page = PageRequest { after, order: Order::Descending, limit };
        let read = store.items(scope, id, page).await;
        lines.push(line("items", &read));
        match read {
            Ok(read) if read.has_more => after = read.entries.last().map(|last| last.item.id),
            _ => break,
        }
    }
    for (order, limit) in [(Order::Ascending, 100), (Order::Descending, 2)] {
        let limit = PageLimit::new(limit).unwrap_or(PageLimit::MAX);
        let branches = store.branches(scope, id, PageRequest { after: None, order, limit }).await;
        lines.push(line("branches", &branches));
        for branch in branches.into_iter().flat_map(|page| page.entries) {
            let start = HistoryStart::Item(id, Some(branch.leaf));
            lines.push(line("branch", &store.history(scope, start, Reach::tokens(u64::MAX)).await));
        }
    }
}

/// What the context engine reads of a conversation, listed or implicit.
async fn derived(store: &dyn Store, scope: &Scope, id: ConversationId, lines: &mut Vec<String>) {
    let backlog = store.backlog(scope, id).await;
    let is_there = backlog.is_ok();
    lines.push(line("backlog", &backlog));
    if !is_there {
        return;
    }
    lines.push(line("line", &store.span(scope, id, 0, i64::MAX, 1_000).await));
    lines.push(line("places", &store.items_at(scope, id, &[3, 1, 1, 0]).await));
    let reach = Reach { tokens: 25, anchored: true, segments: true };
    let history = store.history(scope, HistoryStart::Conversation(id), reach).await;
    lines.push(line("window", &history));
}

async fn response(store: &dyn Store, scope: &Scope, id: ResponseId, lines: &mut Vec<String>) {
    let stored = store.response(scope, id).await;
    let is_there = stored.is_ok();
    lines.push(line("response", &stored));
    if !is_there {
        return;
    }
    let history = store.history(scope, HistoryStart::Response(id), Reach::tokens(u64::MAX)).await;
    lines.push(line("chain", &history));
    let reach = Reach { tokens: 25, anchored: true, segments: true };
    let history = store.history(scope, HistoryStart::Response(id), reach).await;
    lines.push(line("window", &history));
    let mut from = 0;
    for _ in 0..MOST_PAGES {
        let log = store.events(scope, id, from, 2).await;
        lines.push(line("events", &log));
        match log.ok().and_then(|log| log.runs.last().map(|run| run.last)) {
            Some(last) => from = last + 1,
            None => break,
        }
    }
}
