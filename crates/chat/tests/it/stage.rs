//! What the tests play on.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use loquat_chat::{
    ChatService, ContextWish, IdSource, Limits, Model, ModelCatalog, Ports, SystemIds, Target,
    Turn, TurnRequest,
};
use loquat_context::{Estimate, Policy};
use loquat_domain::{
    Ended, Event, EventKind, ItemContent, Message, Metadata, Micros, Price, Role, Scope, Settings,
    TenantId, Timestamp, UserId,
};
use loquat_provider::{
    AnswerStream, ChatProvider, ChatRequest, FinishReason, ProviderError, ProviderEvent,
};
use loquat_testkit::{FakeClock, MemoryStore};
use tokio::sync::{Mutex, mpsc, oneshot};

/// What the model costs, in micro-units a million tokens.
pub(crate) const PRICE: Price = Price {
    input: Micros(3_000_000),
    cached: Micros(300_000),
    cache_write: Micros(3_750_000),
    output: Micros(15_000_000),
    reasoning: Micros(15_000_000),
};

/// The service on a store in memory, and the other end of its model.
pub(crate) struct Stage {
    pub(crate) chat: ChatService,
    pub(crate) store: Arc<MemoryStore>,
    /// The store's own clock, which leases and keys run on.
    pub(crate) clock: FakeClock,
    calls: Mutex<mpsc::Receiver<Call>>,
}

/// One call of the model, which the test answers.
pub(crate) struct Call {
    pub(crate) request: ChatRequest,
    accept: oneshot::Sender<Result<AnswerStream, ProviderError>>,
}

/// An answer that the test speaks.
pub(crate) struct Answer(mpsc::Sender<Result<ProviderEvent, ProviderError>>);

struct PlayedByHand(mpsc::Sender<Call>);

#[async_trait]
impl ChatProvider for PlayedByHand {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        let (accept, accepted) = oneshot::channel();
        self.0.send(Call { request, accept }).await.expect("the stage is there");
        accepted.await.unwrap_or(Err(ProviderError::Unavailable(None)))
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        let clock = FakeClock::default();
        let store = Arc::new(MemoryStore::with_clock(clock.clone()));
        let (call, calls) = mpsc::channel(8);
        let model = Model {
            id: "played".to_owned(),
            owner: "test".to_owned(),
            upstream: "played-upstream".to_owned(),
            provider: Arc::new(PlayedByHand(call)),
            context_window: 4_096,
            max_output_tokens: 512,
            price: PRICE,
            tenants: None,
            counter: Arc::new(Estimate),
            policy: Policy::balanced(),
            created_at: Timestamp::from_micros(0),
        };
        let models = ModelCatalog::new(vec![model], "played").unwrap();
        let runtime = tokio::runtime::Handle::current();
        let chat = ChatService::new(Ports::on(&store, models, &runtime), limits, runtime);
        Self { chat, store, clock, calls: Mutex::new(calls) }
    }

    /// Another process that serves the same store and the same model.
    pub(crate) fn elsewhere(&self) -> ChatService {
        let runtime = tokio::runtime::Handle::current();
        let ports = Ports::on(&self.store, self.chat.models().clone(), &runtime);
        ChatService::new(ports, Limits::default(), runtime)
    }

    /// The next call of the model.
    pub(crate) async fn call(&self) -> Call {
        self.calls.lock().await.recv().await.expect("the model is called")
    }

    /// Starts a turn whose model has accepted.
    pub(crate) async fn turn(&self, request: TurnRequest) -> (Turn, Answer) {
        let scope = anna();
        let (turn, answer) = tokio::join!(self.chat.start_turn(&scope, request), async {
            self.call().await.accept()
        });
        (turn.expect("the turn starts"), answer)
    }

    /// Runs a whole turn that answers `answer`.
    pub(crate) async fn complete(&self, request: TurnRequest, answer: &str) -> Arc<Ended> {
        let (turn, said) = self.turn(request).await;
        said.text(answer).await;
        said.finish(FinishReason::Stop).await;
        end(turn).await
    }
}

impl Call {
    pub(crate) fn accept(self) -> Answer {
        let (say, said) = mpsc::channel(64);
        let answer = stream::unfold(said, |mut said| async {
            let event = said.recv().await?;
            Some((event, said))
        });
        // A turn that was stopped meanwhile has dropped the call.
        let _ = self.accept.send(Ok(answer.boxed()));
        Answer(say)
    }

    pub(crate) fn refuse(self, error: ProviderError) {
        let _ = self.accept.send(Err(error));
    }

    /// Returns once the turn has dropped the call.
    pub(crate) async fn dropped(mut self) {
        self.accept.closed().await;
    }
}

impl Answer {
    pub(crate) async fn say(&self, event: ProviderEvent) {
        self.0.send(Ok(event)).await.expect("somebody listens");
    }

    pub(crate) async fn text(&self, text: &str) {
        self.say(ProviderEvent::Text(text.to_owned())).await;
    }

    pub(crate) async fn break_off(self, error: ProviderError) {
        self.0.send(Err(error)).await.expect("somebody listens");
    }

    /// Says why it stopped, and ends.
    pub(crate) async fn finish(self, reason: FinishReason) {
        self.say(ProviderEvent::Finished(reason)).await;
    }

    /// Returns once nobody listens any more.
    pub(crate) async fn unheard(&self) {
        self.0.closed().await;
    }
}

pub(crate) fn anna() -> Scope {
    scope("acme", "anna")
}

pub(crate) fn scope(tenant: &str, user: &str) -> Scope {
    Scope { tenant: TenantId::new(tenant).unwrap(), user: UserId::new(user).unwrap() }
}

pub(crate) fn message(role: Role, text: &str) -> ItemContent {
    ItemContent::Message(Message::text(role, text))
}

pub(crate) fn says(target: Target, text: &str) -> TurnRequest {
    TurnRequest {
        model: None,
        target,
        input: vec![message(Role::User, text)],
        settings: Settings::default(),
        context: ContextWish::default(),
        metadata: Metadata::default(),
        store: true,
        background: false,
        once: None,
        token: None,
    }
}

/// Reads a turn to its end; checks that its events are numbered without a gap and end once.
pub(crate) async fn read(mut turn: Turn) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let batch = turn.events.next_batch().await;
        if batch.is_empty() {
            break;
        }
        events.extend(batch);
    }
    for (at, event) in events.iter().enumerate() {
        assert_eq!(
            event.sequence,
            u64::try_from(at).unwrap(),
            "the events are numbered without a gap"
        );
    }
    let ends = events.iter().filter(|event| matches!(event.kind, EventKind::Ended(_))).count();
    assert_eq!(ends, 1, "a turn ends exactly once");
    events
}

/// Reads what is left of a turn of which some events were read already.
pub(crate) async fn rest(turn: &mut Turn) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let batch = turn.events.next_batch().await;
        if batch.is_empty() {
            return events;
        }
        events.extend(batch);
    }
}

pub(crate) async fn end(turn: Turn) -> Arc<Ended> {
    match read(turn).await.pop().expect("a turn has events").kind {
        EventKind::Ended(ended) => ended,
        other => panic!("the last event is {other:?}"),
    }
}

/// Waits for the next event that is a piece of text.
pub(crate) async fn next_text(turn: &mut Turn) -> String {
    loop {
        for event in turn.events.next_batch().await {
            if let EventKind::Delta { text, .. } = event.kind {
                return text;
            }
        }
    }
}

pub(crate) fn texts(items: &[ItemContent]) -> Vec<String> {
    items.iter().map(|content| content.texts().concat()).collect()
}

pub(crate) fn new_id() -> uuid::Uuid {
    SystemIds.next()
}

/// The end of a turn of which some events were read already.
pub(crate) async fn end_from(mut turn: Turn) -> Arc<Ended> {
    loop {
        let batch = turn.events.next_batch().await;
        assert!(!batch.is_empty(), "a turn ends with its last event");
        if let Some(EventKind::Ended(ended)) = batch.last().map(|event| &event.kind) {
            return Arc::clone(ended);
        }
    }
}
