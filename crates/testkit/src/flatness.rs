//! Does the cost of a call grow with what there is already? A measurement, not a test: its figures
//! are for people, in `docs/performance.md`.

#![expect(clippy::unwrap_used, reason = "a measurement of a store that fails has no figures")]

use std::{
    fmt,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use loquat_domain::{
    Conversation, ConversationId, CounterId, Item, ItemContent, ItemId, ItemStatus, Message,
    Metadata, Order, PageLimit, PageRequest, RawJson, Response, ResponseId, Role, Scope, Settings,
    Status, TenantId, Timestamp, UserId,
};
use loquat_store::{Archived, BeginTurn, FinishTurn, HistoryStart, Place, Reach, TurnHome};

use crate::{FakeIds, store_conformance::Store};

/// How many entries the small and the large one of each pair have.
const SMALL: usize = 10;

/// How often each call is measured: enough for a median that stands still.
const ROUNDS: usize = 300;

/// How many calls fill a store at a time.
const AT_ONCE: usize = 32;

/// Items that are appended at a time while a conversation is filled.
const CHUNK: usize = 500;

/// Tokens of history that a turn reads: about 20 messages.
const HISTORY_TOKENS: u64 = 1_000;

/// What a call takes, with little and with much in the store.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// The call.
    pub call: &'static str,
    /// Median with 10 entries.
    pub small: Duration,
    /// Median with many.
    pub large: Duration,
}

impl Cost {
    /// How many times as long it takes with many entries.
    pub fn ratio(&self) -> f64 {
        self.large.as_secs_f64() / self.small.as_secs_f64()
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, small, large } = self;
        let micros = |time: &Duration| time.as_secs_f64() * 1e6;
        let (small, large) = (micros(small), micros(large));
        write!(f, "| {call} | {small:.0} µs | {large:.0} µs | {:.2} |", self.ratio())
    }
}

/// Measures what append, page, the start of a turn and the list of conversations take with 10
/// entries and with `many`, turn and turn about, in a store that is empty at the beginning.
///
/// # Panics
///
/// When a call fails.
pub async fn flatness(store: &dyn Store, many: usize) -> Vec<Cost> {
    let bench = Bench { store, ids: FakeIds::new() };
    let scope =
        |user| Scope { tenant: TenantId::new("flat").unwrap(), user: UserId::new(user).unwrap() };
    let (few_user, many_user) = (scope("few"), scope("many"));
    let few = bench.conversation_of(&few_user, SMALL).await;
    let lots = bench.conversation_of(&many_user, many).await;
    bench.conversations_of(&few_user, SMALL - 1).await;
    bench.conversations_of(&many_user, many - 1).await;
    let sides = [(&few_user, few), (&many_user, lots)];
    let mut costs = Vec::new();
    for (call, place) in [
        ("newest page of items", From::Newest),
        ("oldest page of items", From::Oldest),
        ("page from the middle, back", From::Middle(Order::Descending)),
        ("page from the middle, on", From::Middle(Order::Ascending)),
    ] {
        costs.push(
            compare(call, sides, async |(scope, at)| bench.items(scope, at, place).await).await,
        );
    }
    for (call, order) in [
        ("newest page of conversations", Order::Descending),
        ("oldest page of conversations", Order::Ascending),
    ] {
        costs.push(compare(call, sides, async |(scope, _)| bench.list(scope, order).await).await);
    }
    costs.push(
        compare("append of one item", sides, async |(scope, at)| bench.append(scope, at).await)
            .await,
    );
    costs.push(
        compare("start of a turn", sides, async |(scope, at)| bench.turn(scope, at).await).await,
    );
    costs
}

type Side<'a> = (&'a Scope, Filled);

/// A conversation, and an item in its middle.
#[derive(Debug, Clone, Copy)]
struct Filled {
    id: ConversationId,
    middle: ItemId,
}

#[derive(Debug, Clone, Copy)]
enum From {
    Newest,
    Oldest,
    Middle(Order),
}

async fn compare<'a>(
    call: &'static str,
    sides: [Side<'a>; 2],
    measured: impl AsyncFn(Side<'a>) -> Duration,
) -> Cost {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        // Turn and turn about, and each first as often as the other: whatever drifts, drifts for
        // both.
        for side in [round % 2, 1 - round % 2] {
            if let (Some(side), Some(times)) = (sides.get(side), times.get_mut(side)) {
                times.push(measured(*side).await);
            }
        }
    }
    let [small, large] = times.map(median);
    Cost { call, small, large }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

struct Bench<'a> {
    store: &'a dyn Store,
    ids: FakeIds,
}

impl Bench<'_> {
    async fn conversation_of(&self, scope: &Scope, items: usize) -> Filled {
        let conversation = self.conversation();
        let id = conversation.id;
        self.store.create_conversation(scope, conversation, Vec::new(), None).await.unwrap();
        let mut middle = None;
        let mut left = items;
        while left > 0 {
            let chunk: Vec<Item> = (0..left.min(CHUNK)).map(|_| self.item(Role::User)).collect();
            left -= chunk.len();
            if left <= items / 2 && middle.is_none() {
                middle = chunk.get(chunk.len() / 2).map(|item| item.id);
            }
            self.store.append_items(scope, id, chunk, now(), None).await.unwrap();
        }
        Filled { id, middle: middle.unwrap() }
    }

    async fn conversations_of(&self, scope: &Scope, count: usize) {
        let create = |_| async {
            self.store
                .create_conversation(scope, self.conversation(), Vec::new(), None)
                .await
                .unwrap();
        };
        stream::iter(0..count).map(create).buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    async fn items(&self, scope: &Scope, at: Filled, from: From) -> Duration {
        let (after, order) = match from {
            From::Newest => (None, Order::Descending),
            From::Oldest => (None, Order::Ascending),
            From::Middle(order) => (Some(at.middle), order),
        };
        let page = PageRequest { after, order, limit: PageLimit::new(4).unwrap() };
        let began = Instant::now();
        self.store.items(scope, at.id, page).await.unwrap();
        began.elapsed()
    }

    async fn list(&self, scope: &Scope, order: Order) -> Duration {
        let page = PageRequest { after: None, order, limit: PageLimit::new(8).unwrap() };
        let began = Instant::now();
        self.store.conversations(scope, Archived::Without, page).await.unwrap();
        began.elapsed()
    }

    async fn append(&self, scope: &Scope, at: Filled) -> Duration {
        let item = vec![self.item(Role::User)];
        let began = Instant::now();
        self.store.append_items(scope, at.id, item, now(), None).await.unwrap();
        began.elapsed()
    }

    /// The start is measured; the end is only there so that the next one can start.
    async fn turn(&self, scope: &Scope, at: Filled) -> Duration {
        let response = self.response(at.id);
        let input = vec![self.item(Role::User)];
        let began = Instant::now();
        let start = HistoryStart::Conversation(at.id);
        let history =
            self.store.history(scope, start, Reach::tokens(HISTORY_TOKENS)).await.unwrap();
        let turn = BeginTurn {
            response: response.clone(),
            hidden: false,
            home: TurnHome::Existing { id: at.id, place: Place::Leaf(history.head.leaf) },
            input,
            receipt: RawJson::from_checked("{}"),
            context: None,
            lease: Duration::from_mins(1),
            once: None,
        };
        self.store.begin_turn(scope, turn).await.unwrap();
        let took = began.elapsed();
        let finish = FinishTurn {
            response: Response { status: Status::Completed, completed_at: Some(now()), ..response },
            output: vec![self.item(Role::Assistant)],
            last_sequence: 0,
            log: Vec::new(),
            keep_log: Duration::ZERO,
            only_if_stale: false,
            context_state: None,
            route: None,
            charges: Vec::new(),
        };
        self.store.finish_turn(scope, finish).await.unwrap();
        took
    }

    fn conversation(&self) -> Conversation {
        Conversation {
            id: ConversationId::from_uuid(self.ids.next_id()),
            title: None,
            metadata: Metadata::default(),
            archived: false,
            created_at: now(),
            updated_at: now(),
        }
    }

    /// Some 200 bytes, counted as 50 tokens.
    fn item(&self, role: Role) -> Item {
        Item {
            id: ItemId::from_uuid(self.ids.next_id()),
            response: None,
            content: ItemContent::Message(Message::text(role, "many words ".repeat(18))),
            status: ItemStatus::Completed,
            tokens: 50,
            counter: CounterId::ESTIMATE,
            created_at: now(),
        }
    }

    fn response(&self, conversation: ConversationId) -> Response {
        Response {
            id: ResponseId::from_uuid(self.ids.next_id()),
            conversation: Some(conversation),
            previous: None,
            model: "echo".to_owned(),
            settings: Settings::default(),
            metadata: Metadata::default(),
            background: false,
            status: Status::InProgress,
            usage: None,
            created_at: now(),
            completed_at: None,
        }
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_760_000_000_000_000)
}
