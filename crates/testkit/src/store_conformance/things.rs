//! What scenarios put into a store.

use std::{sync::LazyLock, time::Duration};

use loquat_domain::{
    Conversation, ConversationId, CounterId, Event, EventKind, Fingerprint, IdempotencyKey, Item,
    ItemContent, ItemId, ItemStart, ItemStatus, Message, Metadata, Order, PageLimit, PageRequest,
    Part, RawJson, Response, ResponseId, Role, Scope, Settings, Status, StreamKind, TenantId,
    Timestamp, Usage, UserId,
};
use loquat_store::{Checkpoint, CheckpointLog, FinishTurn, Once, json};

use uuid::Uuid;

use super::person::{Begun, HOUR};
use crate::FakeIds;

/// One source for all scenarios of a process: ids never meet by accident, also where stores share
/// a database.
static IDS: LazyLock<FakeIds> = LazyLock::new(FakeIds::new);

pub(super) fn conversation_id() -> ConversationId {
    ConversationId::from_uuid(IDS.next_id())
}

pub(super) fn item_id() -> ItemId {
    ItemId::from_uuid(IDS.next_id())
}

pub(super) fn response_id() -> ResponseId {
    ResponseId::from_uuid(IDS.next_id())
}

/// An id of something that has no type of its own.
pub(super) fn fresh_id() -> Uuid {
    IDS.next_id()
}

pub(super) fn scope(tenant: &str, user: &str) -> Scope {
    Scope { tenant: TenantId::new(tenant).unwrap(), user: UserId::new(user).unwrap() }
}

/// The n-th of a row of moments, a little more than a second apart; none is a whole millisecond.
pub(super) fn moment(n: i64) -> Timestamp {
    Timestamp::from_micros(1_760_000_000_000_007 + n * 1_000_003)
}

pub(super) fn conversation(created: i64) -> Conversation {
    Conversation {
        id: conversation_id(),
        title: None,
        metadata: Metadata::default(),
        archived: false,
        created_at: moment(created),
        updated_at: moment(created),
    }
}

/// A user's message of 10 tokens that belongs to no response.
pub(super) fn message(text: &str) -> Item {
    Item {
        id: item_id(),
        response: None,
        content: ItemContent::Message(Message::text(Role::User, text)),
        status: ItemStatus::Completed,
        tokens: 10,
        counter: CounterId::ESTIMATE,
        created_at: moment(0),
    }
}

pub(super) fn messages(texts: &[&str]) -> Vec<Item> {
    texts.iter().map(|text| message(text)).collect()
}

/// Messages that a response took as its input.
pub(super) fn asked(response: &Response, texts: &[&str]) -> Vec<Item> {
    let owned = |item| Item { response: Some(response.id), ..item };
    messages(texts).into_iter().map(owned).collect()
}

/// Messages that a response produced.
pub(super) fn answered(response: &Response, texts: &[&str]) -> Vec<Item> {
    let said = |text: &&str| Item {
        response: Some(response.id),
        content: ItemContent::Message(Message::text(Role::Assistant, *text)),
        ..message(text)
    };
    texts.iter().map(said).collect()
}

/// The text of a message of one part.
pub(super) fn text(item: &Item) -> &str {
    match &item.content {
        ItemContent::Message(Message { parts, .. }) => match parts.as_slice() {
            [Part::Text(text)] => text,
            _ => panic!("not one text part: {item:?}"),
        },
        _ => panic!("not a message: {item:?}"),
    }
}

/// A response that has just been accepted, at the given moment.
pub(super) fn in_progress(conversation: Option<ConversationId>, accepted: i64) -> Response {
    Response {
        id: response_id(),
        conversation,
        previous: None,
        model: "echo".to_owned(),
        settings: Settings::default(),
        metadata: Metadata::default(),
        background: false,
        status: Status::InProgress,
        usage: None,
        created_at: moment(accepted),
        completed_at: None,
    }
}

/// The same response as it has come to its end, ten moments later.
pub(super) fn ended(response: &Response, status: Status) -> Response {
    let usage = Usage { input_tokens: 20, output_tokens: 10, ..Usage::default() };
    let completed_at = Timestamp::from_micros(response.created_at.as_micros() + 10_000_030);
    Response { status, usage: Some(usage), completed_at: Some(completed_at), ..response.clone() }
}

/// A turn's end after ten events, none of which are kept.
pub(super) fn end(response: Response, output: Vec<Item>) -> FinishTurn {
    FinishTurn {
        response,
        output,
        last_sequence: 9,
        log: vec![],
        keep_log: Duration::ZERO,
        only_if_stale: false,
        context_state: None,
        route: None,
        charges: vec![],
    }
}

/// A sign of life without events.
pub(super) fn alive(scope: &Scope, response: ResponseId) -> Checkpoint {
    Checkpoint { scope: scope.clone(), response, at_work: true, log: None }
}

/// A sign of life that brings a run of events.
pub(super) fn telling(scope: &Scope, begun: &Begun, events: &[Event]) -> Checkpoint {
    Checkpoint { log: Some(run(events)), ..alive(scope, begun.response.id) }
}

/// Events as they are kept.
pub(super) fn run(events: &[Event]) -> CheckpointLog {
    let [first, last] = [events.first(), events.last()].map(|it| it.unwrap().sequence);
    CheckpointLog { first, last, events: json::encode_events(events) }
}

/// The first events of an answer that goes on and on.
pub(super) fn events(count: usize) -> Vec<Event> {
    let (id, kind) = (item_id(), StreamKind::Text);
    let beginning = [
        EventKind::Created,
        EventKind::InProgress,
        EventKind::ItemAdded { output: 0, id, start: ItemStart::Message },
        EventKind::PartAdded { output: 0, id, part: 0, kind },
    ];
    let text = |n| format!("piece {n} ");
    let delta = |n| EventKind::Delta { output: 0, id, part: 0, kind, text: text(n) };
    let kinds = beginning.into_iter().chain((0..).map(delta)).take(count);
    (0..).zip(kinds).map(|(sequence, kind)| Event { sequence, kind }).collect()
}

/// A wish that something is done once, remembered for longer than any test takes.
pub(super) fn once(key: &str) -> Once {
    Once {
        route: "/things",
        key: IdempotencyKey::new(key).unwrap(),
        fingerprint: Fingerprint([7; 32]),
        keep: HOUR,
    }
}

/// A context engine's report; stores do not read it.
pub(super) fn receipt() -> RawJson {
    RawJson::from_checked(r#"{"kept":2, "dropped":[]}"#)
}

pub(super) fn page<Id>(after: Option<Id>, order: Order, limit: i64) -> PageRequest<Id> {
    PageRequest { after, order, limit: PageLimit::new(limit).unwrap() }
}
