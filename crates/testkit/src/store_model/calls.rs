//! Calls with their ids, and what they come to.

use std::{collections::HashMap, time::Duration};

use loquat_domain::{
    Conversation, ConversationId, CounterId, Event, EventKind, Fingerprint, IdempotencyKey, Item,
    ItemContent, ItemId, ItemStatus, Message, Metadata, Order, PageLimit, PageRequest, RawJson,
    Response, ResponseId, Role, Scope, Settings, Status, TenantId, Timestamp, UserId,
};
use loquat_store::{
    BeginTurn, Checkpoint, CheckpointLog, ContextChange, ContextStore as _, ContextUpdate,
    ConversationPatch, ConversationStore as _, Earlier, FinishTurn, HistoryStart, Once, Place,
    Reach, Segment, StoreError, Summary, TurnHome, TurnStore as _, json,
};
use uuid::Uuid;

use super::{
    bill,
    ops::{HOMES, Key, Manner, New, Op, Run, STRANGERS, Start},
};
use crate::{MemoryStore, store_conformance::Store};

/// A time that is not over during a test, and one that is over at once.
pub(super) const fn time(lasts: bool) -> Duration {
    if lasts { Duration::from_hours(1) } else { Duration::ZERO }
}

/// A call of one of the ports.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Create(Scope, Conversation, Vec<Item>, Option<Once>),
    Update(Scope, ConversationId, ConversationPatch, Timestamp),
    Delete(Scope, ConversationId),
    Append(Scope, ConversationId, Vec<Item>, Timestamp, Option<Once>),
    DeleteItem(Scope, ConversationId, ItemId, Timestamp),
    Activate(Scope, ConversationId, ItemId, Timestamp),
    Begin(Scope, BeginTurn),
    Checkpoint(Checkpoint, Duration),
    Finish(Scope, FinishTurn),
    Stop(Scope, ResponseId),
    DeleteResponse(Scope, ResponseId),
    PutSegment(Scope, ConversationId, i64, Segment),
    PutSummary(Scope, ConversationId, i64, Summary),
    /// Claims all jobs, and ends this one.
    EndJob(Scope, ConversationId, Option<Duration>),
    Bill(bill::Call),
    Forget,
}

/// Whose, and which conversation and response a call is about.
#[derive(Debug)]
pub(super) struct PlaceOfCall {
    pub(super) scope: Option<Scope>,
    pub(super) home: Option<ConversationId>,
    pub(super) response: Option<ResponseId>,
}

impl Call {
    pub(super) fn place(&self) -> PlaceOfCall {
        let (scope, home, response) = match self {
            Self::Create(scope, conversation, ..) => (scope, Some(conversation.id), None),
            Self::Update(scope, home, ..)
            | Self::Delete(scope, home)
            | Self::Append(scope, home, ..)
            | Self::DeleteItem(scope, home, ..)
            | Self::Activate(scope, home, ..)
            | Self::PutSegment(scope, home, ..)
            | Self::PutSummary(scope, home, ..)
            | Self::EndJob(scope, home, _) => (scope, Some(*home), None),
            Self::Begin(scope, turn) => (scope, Some(home_of(turn)), Some(turn.response.id)),
            Self::Finish(scope, turn) => {
                (scope, turn.response.conversation, Some(turn.response.id))
            }
            Self::Checkpoint(sign, _) => (&sign.scope, None, Some(sign.response)),
            Self::Stop(scope, response) | Self::DeleteResponse(scope, response) => {
                (scope, None, Some(*response))
            }
            Self::Forget | Self::Bill(_) => {
                return PlaceOfCall { scope: None, home: None, response: None };
            }
        };
        PlaceOfCall { scope: Some(scope.clone()), home, response }
    }
}

/// The conversation of a turn.
pub(super) fn home_of(turn: &BeginTurn) -> ConversationId {
    match &turn.home {
        TurnHome::New { conversation, .. } => conversation.id,
        TurnHome::Existing { id, .. } => *id,
    }
}

/// What a call came to.
#[derive(Debug)]
pub(super) struct Outcome {
    /// All that its caller can tell.
    pub(super) text: String,
    pub(super) is_ok: bool,
    pub(super) done: Option<Earlier>,
}

impl<T: std::fmt::Debug> From<Result<T, StoreError>> for Outcome {
    fn from(result: Result<T, StoreError>) -> Self {
        let (text, is_ok) = (format!("{result:?}"), result.is_ok());
        let done = match result {
            Err(StoreError::Done(earlier)) => Some(earlier),
            _ => None,
        };
        Self { text, is_ok, done }
    }
}

pub(super) async fn make(store: &dyn Store, call: &Call) -> Outcome {
    match call.clone() {
        Call::Create(scope, conversation, items, once) => {
            store.create_conversation(&scope, conversation, items, once).await.into()
        }
        Call::Update(scope, home, patch, now) => {
            store.update_conversation(&scope, home, patch, now).await.into()
        }
        Call::Delete(scope, home) => store.delete_conversation(&scope, home).await.into(),
        Call::Append(scope, home, items, now, once) => {
            store.append_items(&scope, home, items, now, once).await.into()
        }
        Call::DeleteItem(scope, home, item, now) => {
            store.delete_item(&scope, home, item, now).await.into()
        }
        Call::Activate(scope, home, leaf, now) => {
            store.activate_branch(&scope, home, leaf, now).await.into()
        }
        Call::Begin(scope, turn) => store.begin_turn(&scope, turn).await.into(),
        Call::Checkpoint(sign, lease) => store.checkpoint(vec![sign], lease).await.into(),
        Call::Finish(scope, turn) => store.finish_turn(&scope, turn).await.into(),
        Call::Stop(scope, response) => store.request_stop(&scope, response).await.into(),
        Call::DeleteResponse(scope, response) => {
            store.delete_response(&scope, response).await.into()
        }
        Call::PutSegment(scope, home, edits, segment) => {
            store.put_segment(&scope, home, edits, segment).await.into()
        }
        Call::PutSummary(scope, home, edits, summary) => {
            store.put_summary(&scope, home, edits, summary).await.into()
        }
        Call::EndJob(scope, home, again) => end_job(store, &scope, home, again).await.into(),
        Call::Bill(call) => bill::make(store, call).await,
        Call::Forget => store.forget_expired(1_000).await.into(),
    }
}

async fn end_job(
    store: &dyn Store,
    scope: &Scope,
    home: ConversationId,
    again: Option<Duration>,
) -> Result<Vec<(Scope, ConversationId, u32)>, StoreError> {
    let mut jobs = store.claim_context_jobs(1_000, Duration::ZERO).await?;
    // Those that were due first were so by different clocks.
    jobs.sort_by_key(|job| (job.scope.clone(), job.conversation));
    let found = jobs.iter().find(|job| job.scope == *scope && job.conversation == home);
    if let Some(job) = found {
        store.end_context_job(job.clone(), again).await?;
    }
    Ok(jobs.into_iter().map(|job| (job.scope, job.conversation, job.attempts)).collect())
}

/// Finds the ids for calls, and remembers which there have been.
#[derive(Debug, Default)]
pub(super) struct Player {
    items: Vec<ItemId>,
    responses: Vec<Response>,
    /// Where the last run of a turn ended.
    ends_of_runs: HashMap<ResponseId, u64>,
    steps: i64,
}

const fn uuid(kind: u128, n: u128) -> Uuid {
    Uuid::from_u128(kind << 64 | n)
}

/// One of a list; 255 is the last, so that numbers near it mean what was made just now.
fn pick<T>(list: &[T], n: u8) -> Option<&T> {
    list.iter().rev().cycle().take(256).nth(usize::from(u8::MAX - n))
}

impl Player {
    /// All people: two of each of two tenants.
    pub(super) fn people() -> [Scope; 4] {
        [("acme", "ada"), ("acme", "bob"), ("umbrella", "ada"), ("umbrella", "bob")].map(
            |(tenant, user)| Scope {
                tenant: TenantId::new(tenant).unwrap(),
                user: UserId::new(user).unwrap(),
            },
        )
    }

    /// All conversations that there may be.
    pub(super) fn homes() -> impl Iterator<Item = ConversationId> {
        (0..HOMES).map(home)
    }

    /// All responses that there may be.
    pub(super) fn responses(&self) -> impl Iterator<Item = ResponseId> {
        self.responses.iter().map(|response| response.id)
    }

    /// The call that an operation means now.
    pub(super) async fn call(&mut self, op: &Op, witness: &MemoryStore) -> Call {
        self.steps += 1;
        let now = self.now();
        match *op {
            Op::Create { who, home, items, key } => {
                let items = self.items(items, None);
                Call::Create(person(who), self.conversation(home), items, once(key, "create"))
            }
            Op::Update { who, home: at, archived } => {
                let archived = Some(archived);
                let patch = ConversationPatch { archived, ..ConversationPatch::default() };
                Call::Update(visitor(who, home(at), witness).await, home(at), patch, now)
            }
            Op::Delete { who, home: at } => {
                Call::Delete(visitor(who, home(at), witness).await, home(at))
            }
            Op::Append { who, home: at, items, key } => {
                let items = self.items(items, None);
                let scope = visitor(who, home(at), witness).await;
                Call::Append(scope, home(at), items, now, once(key, "append"))
            }
            Op::DeleteItem { who, home: at, item } => {
                let scope = visitor(who, home(at), witness).await;
                let item = self.item_of(&scope, home(at), item, witness).await;
                Call::DeleteItem(scope, home(at), item, now)
            }
            Op::Activate { who, home: at, branch } => {
                let request =
                    PageRequest { after: None, order: Order::Ascending, limit: PageLimit::MAX };
                let scope = visitor(who, home(at), witness).await;
                let branches = witness.branches(&scope, home(at), request).await;
                let leaves: Vec<_> = branches
                    .map(|page| page.entries.iter().map(|branch| branch.leaf).collect())
                    .unwrap_or_default();
                // Now and then something that is no branch.
                let leaf = pick(&leaves, branch).filter(|_| branch > 30).copied();
                let leaf = leaf.unwrap_or_else(|| self.known_item(branch));
                Call::Activate(scope, home(at), leaf, now)
            }
            Op::Begin { who, start, items, manner, key, evict } => {
                let scope = self.starter(who, start, witness).await;
                let home = self.start(&scope, start, witness).await;
                let mut turn = self.begin(home, items, manner, key);
                if let Some(evict) = evict {
                    let version = version(&scope, home_of(&turn), witness).await;
                    let state = self.notes();
                    let expected = if evict.late { Some(99) } else { version };
                    let anchor = i64::from(evict.anchor);
                    turn.context = Some(ContextChange { expected, anchor, state });
                }
                Call::Begin(scope, turn)
            }
            Op::PutSegment { who, home: at, first, size, late } => {
                let scope = visitor(who, home(at), witness).await;
                let edits = edits(&scope, home(at), late, witness).await;
                let (first, data) = (i64::from(first), vec![first, size, 0]);
                let segment = Segment { first, last: first + i64::from(size), data };
                Call::PutSegment(scope, home(at), edits, segment)
            }
            Op::PutSummary { who, home: at, covers_to, late } => {
                let scope = visitor(who, home(at), witness).await;
                let edits = edits(&scope, home(at), late, witness).await;
                let summary = Summary {
                    covers_to: i64::from(covers_to),
                    text: format!("in short {}", self.steps),
                    tokens: 3,
                    counter: CounterId::ESTIMATE,
                    model: "echo".to_owned(),
                    created_at: now,
                };
                Call::PutSummary(scope, home(at), edits, summary)
            }
            Op::EndJob { who, home: at, again } => {
                let scope = visitor(who, home(at), witness).await;
                Call::EndJob(scope, home(at), again.then_some(Duration::ZERO))
            }
            Op::Checkpoint { who, turn, alive, at_work, run } => {
                let (scope, Response { id: response, .. }) = self.turn(who, turn, witness).await;
                let log = run.map(|run| self.run(response, run));
                let sign = Checkpoint { scope, response, at_work, log };
                Call::Checkpoint(sign, time(alive))
            }
            Op::Finish { who, turn, items, ref runs, keep, only_if_stale, notes, ref spent } => {
                let (scope, response) = self.turn(who, turn, witness).await;
                let log = runs.iter().map(|run| self.run(response.id, *run)).collect();
                let output = self.items(items, Some(response.id));
                let charge = |(n, it): (u128, &_)| self.charge(&scope, n, *it, Some(response.id));
                let charges = (0..).zip(spent).map(charge).collect();
                let status = Status::Completed;
                let response = Response { status, completed_at: Some(now), ..response };
                let keep_log = time(keep);
                let context_state = match notes {
                    None => None,
                    Some(late) => {
                        let head = HistoryStart::Response(response.id);
                        let read = witness.history(&scope, head, Reach::tokens(0)).await;
                        let kept = read.ok().and_then(|read| read.context);
                        let version = kept.map_or(1, |kept| kept.version);
                        let expected = if late { 99 } else { version };
                        Some(ContextUpdate { expected, state: self.notes() })
                    }
                };
                Call::Finish(
                    scope,
                    FinishTurn {
                        response,
                        output,
                        last_sequence: 30,
                        log,
                        keep_log,
                        only_if_stale,
                        context_state,
                        route: notes.map(|_| self.notes()),
                        charges,
                    },
                )
            }
            Op::Stop { who, turn } => {
                let (scope, response) = self.turn(who, turn, witness).await;
                Call::Stop(scope, response.id)
            }
            Op::DeleteResponse { who, turn } => {
                let (scope, response) = self.turn(who, turn, witness).await;
                Call::DeleteResponse(scope, response.id)
            }
            Op::Bill(ref op) => Call::Bill(self.bill(op)),
            Op::Forget | Op::Reopen => Call::Forget,
        }
    }

    /// A turn, mostly one that runs, and mostly on behalf of its owner.
    async fn turn(&self, who: u8, n: u8, witness: &MemoryStore) -> (Scope, Response) {
        let mut running = Vec::new();
        for id in self.responses() {
            for scope in Player::people() {
                let stored = witness.response(&scope, id).await;
                let stored = stored.ok().map(|stored| stored.response);
                running.extend(stored.filter(|it| !it.status.is_terminal()).map(|it| (scope, it)));
            }
        }
        if let Some((scope, response)) = pick(&running, n).filter(|_| !n.is_multiple_of(4)) {
            let scope = if who < STRANGERS { person(who) } else { scope.clone() };
            return (scope, response.clone());
        }
        let response = self.response(n);
        (caller(who, response.id, witness).await, response)
    }

    /// Who begins a turn.
    async fn starter(&self, who: u8, start: Start, witness: &MemoryStore) -> Scope {
        match start {
            Start::New { .. } => person(who),
            Start::End { home: at }
            | Start::Leaf { home: at, .. }
            | Start::After { home: at, .. } => visitor(who, home(at), witness).await,
            Start::Response { turn } => caller(who, self.response(turn).id, witness).await,
        }
    }

    fn notes(&self) -> RawJson {
        RawJson::from_checked(self.steps.to_string())
    }

    /// How many calls there were.
    pub(super) const fn step(&self) -> i64 {
        self.steps
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_760_000_000_000_000 + self.steps * 1_000_001)
    }

    fn conversation(&self, at: u8) -> Conversation {
        Conversation {
            id: home(at),
            title: None,
            metadata: Metadata::default(),
            archived: false,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    fn known_item(&self, n: u8) -> ItemId {
        pick(&self.items, n).copied().unwrap_or(ItemId::from_uuid(Uuid::nil()))
    }

    /// Mostly an item of the active branch, else any.
    async fn item_of(
        &self,
        scope: &Scope,
        home: ConversationId,
        n: u8,
        witness: &MemoryStore,
    ) -> ItemId {
        let start = HistoryStart::Conversation(home);
        let active = witness.history(scope, start, Reach::tokens(u64::MAX)).await;
        let active: Vec<_> = active
            .map(|history| history.items.iter().map(|stored| stored.item.id).collect())
            .unwrap_or_default();
        let near = pick(&active, n).filter(|_| n.is_multiple_of(2)).copied();
        near.unwrap_or_else(|| self.known_item(n))
    }

    fn items(&mut self, new: New, response: Option<ResponseId>) -> Vec<Item> {
        let mut ids: Vec<ItemId> = (0..new.count)
            .map(|n| {
                // Their order is not that of their making.
                let made = u128::try_from(self.items.len()).unwrap() + u128::from(n);
                ItemId::from_uuid(uuid(2, made * 7_919 % 1_009 + 1))
            })
            .collect();
        if let (Some(last), Some(used)) = (ids.last_mut(), new.used) {
            *last = pick(&self.items, used).copied().unwrap_or(*last);
        }
        self.items.extend(&ids);
        let role = if self.steps % 3 == 0 { Role::User } else { Role::System };
        let item = |id: ItemId| Item {
            id,
            response,
            content: ItemContent::Message(Message::text(role, format!("{:?}", self.steps))),
            status: ItemStatus::Completed,
            tokens: 10,
            counter: CounterId::ESTIMATE,
            created_at: self.now(),
        };
        ids.into_iter().map(item).collect()
    }

    async fn start(&self, scope: &Scope, start: Start, witness: &MemoryStore) -> TurnHome {
        let head = async |start| {
            witness.history(scope, start, Reach::tokens(0)).await.ok().map(|read| read.head)
        };
        let (id, place) = match start {
            Start::New { home, listed } => {
                return TurnHome::New { conversation: self.conversation(home), listed };
            }
            Start::End { home: at } => {
                let head = head(HistoryStart::Conversation(home(at))).await;
                (home(at), Place::Leaf(head.and_then(|head| head.leaf)))
            }
            Start::Leaf { home: at, item } => {
                (home(at), Place::Leaf(item.map(|item| self.known_item(item))))
            }
            Start::After { home: at, item } => {
                let after = match item {
                    Some(item) => Some(self.item_of(scope, home(at), item, witness).await),
                    None => None,
                };
                (home(at), Place::After(after))
            }
            Start::Response { turn } => {
                let response = self.response(turn).id;
                match head(HistoryStart::Response(response)).await {
                    Some(head) => (head.conversation, Place::After(head.leaf)),
                    None => (home(turn % HOMES), Place::After(None)),
                }
            }
        };
        TurnHome::Existing { id, place }
    }

    fn begin(&mut self, home: TurnHome, items: New, manner: Manner, key: Option<Key>) -> BeginTurn {
        let n = u128::try_from(self.responses.len()).unwrap();
        let used = manner.used.and_then(|used| pick(&self.responses, used));
        let id = used.map_or(ResponseId::from_uuid(uuid(3, n)), |used| used.id);
        let conversation = match &home {
            TurnHome::New { conversation, .. } => conversation.id,
            TurnHome::Existing { id, .. } => *id,
        };
        let response = Response {
            id,
            conversation: Some(conversation),
            previous: None,
            model: "echo".to_owned(),
            settings: Settings::default(),
            metadata: Metadata::default(),
            background: manner.queued,
            status: if manner.queued { Status::Queued } else { Status::InProgress },
            usage: None,
            created_at: self.now(),
            completed_at: None,
        };
        self.responses.push(response.clone());
        BeginTurn {
            input: self.items(items, Some(id)),
            response,
            hidden: manner.hidden && key.is_some(),
            home,
            receipt: RawJson::from_checked("{}"),
            context: None,
            lease: time(manner.alive),
            once: once(key, "begin"),
        }
    }

    fn response(&self, n: u8) -> Response {
        let unknown = || Response {
            id: ResponseId::from_uuid(Uuid::nil()),
            conversation: None,
            previous: None,
            model: "echo".to_owned(),
            settings: Settings::default(),
            metadata: Metadata::default(),
            background: false,
            status: Status::InProgress,
            usage: None,
            created_at: self.now(),
            completed_at: None,
        };
        pick(&self.responses, n).cloned().unwrap_or_else(unknown)
    }

    fn run(&mut self, response: ResponseId, run: Run) -> CheckpointLog {
        let next = self.ends_of_runs.entry(response).or_default();
        let first = run.first.map_or(*next, u64::from);
        let last = first + u64::from(run.count) - 1;
        *next = last + 1;
        let kind = |sequence| {
            if sequence == 0 { EventKind::Created } else { EventKind::InProgress }
        };
        let events: Vec<_> =
            (first..=last).map(|sequence| Event { sequence, kind: kind(sequence) }).collect();
        CheckpointLog { first, last, events: json::encode_events(&events) }
    }
}

pub(super) fn person(n: u8) -> Scope {
    let [first, second, third, fourth] = Player::people();
    match n % 4 {
        0 => first,
        1 => second,
        2 => third,
        _ => fourth,
    }
}

/// Mostly somebody whose conversation it is, else anybody.
async fn visitor(who: u8, home: ConversationId, witness: &MemoryStore) -> Scope {
    for n in (who..who + 4).filter(|_| who >= STRANGERS) {
        if witness.conversation(&person(n), home).await.is_ok() {
            return person(n);
        }
    }
    person(who)
}

/// Mostly somebody whose response it is, else anybody.
async fn caller(who: u8, response: ResponseId, witness: &MemoryStore) -> Scope {
    for n in (who..who + 4).filter(|_| who >= STRANGERS) {
        if witness.response(&person(n), response).await.is_ok() {
            return person(n);
        }
    }
    person(who)
}

/// The version of a listed conversation's context. An implicit one changes from none only.
async fn version(scope: &Scope, home: ConversationId, witness: &MemoryStore) -> Option<i64> {
    let start = HistoryStart::Conversation(home);
    let read = witness.history(scope, start, Reach::tokens(0)).await;
    read.ok().and_then(|read| read.context).map(|context| context.version)
}

/// How often a conversation was edited; something else when that was meanwhile.
async fn edits(scope: &Scope, home: ConversationId, late: bool, witness: &MemoryStore) -> i64 {
    let edits = witness.backlog(scope, home).await.map_or(0, |backlog| backlog.edits);
    if late { edits - 1 } else { edits }
}

fn home(n: u8) -> ConversationId {
    ConversationId::from_uuid(uuid(1, u128::from(n)))
}

pub(super) fn once(key: Option<Key>, route: &'static str) -> Option<Once> {
    let Key { name, keep, says } = key?;
    Some(Once {
        route,
        key: IdempotencyKey::new(format!("k{name}")).unwrap(),
        fingerprint: Fingerprint([says; 32]),
        keep: time(keep),
    })
}
