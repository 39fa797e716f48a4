//! The API on a store in memory, models that are played, and a verifier that believes what it is
//! told.

use std::{future::poll_fn, pin::Pin, sync::Arc};

use actix_http::Request;
use actix_web::{
    App,
    body::{BoxBody, MessageBody as _},
    dev::Payload,
    error::PayloadError,
    http::{Method, header},
    test::{TestRequest, init_service, try_call_service},
    web::Bytes,
};
use async_trait::async_trait;
use futures::Stream;
use loquat_auth::{AuthError, InvalidReason, Permission, Permissions, Principal, TokenVerifier};
use loquat_chat::{ChatService, Limits, Model, ModelCatalog, ModelSummariser, Ports, Summariser};
use loquat_context::{Estimate, Policy};
use loquat_domain::{Micros, Price, Scope, TenantId, Timestamp, TokenId, UserId};
use loquat_http::HttpState;
use loquat_provider::{
    AnswerStream, Attempt, AttemptOutcome, ChatProvider, ChatRequest, Choice, EchoProvider,
    ProviderError,
};
use loquat_store::{
    AccessStore, ContextStore, ConversationStore, Ledger, LimitStore, TurnStore, Upkeep,
};
use loquat_testkit::{FakeClock, FakeIds, MemoryStore, Script, ScriptedProvider};
use serde_json::Value;

/// The API and the other ends of it.
pub(crate) struct Stage {
    /// The store, where it is the one in memory.
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) chat: ChatService,
    /// The model `scripted`.
    pub(crate) model: ScriptedProvider,
    /// The service's and the store's.
    pub(crate) clock: FakeClock,
    pub(crate) state: HttpState,
}

/// A token that speaks for a person: `tenant/user`, or `tenant/user|granted,words|name`.
pub(crate) const ANNA: &str = "acme/anna";
/// Another user of Anna's tenant.
pub(crate) const BERT: &str = "acme/bert";
/// A user of another tenant who has Anna's name.
pub(crate) const STRANGER: &str = "other/anna";
/// A token that nobody believes.
pub(crate) const FORGED: &str = "forged";

pub(crate) fn scope(token: &str) -> Option<Scope> {
    let (tenant, user) = token.split_once('/')?;
    Some(Scope { tenant: TenantId::new(tenant).ok()?, user: UserId::new(user).ok()? })
}

/// The token of a person that grants this.
pub(crate) fn granting(permission: Permission, token: &str) -> String {
    format!("{token}|{permission}")
}

/// The token of a person that grants everything.
pub(crate) fn all_powerful(token: &str) -> String {
    format!("{token}|{}", Permission::ALL.map(Permission::as_str).join(","))
}

/// The token of a person that has a name of its own.
pub(crate) fn named(id: &str, token: &str) -> String {
    format!("{token}||{id}")
}

/// What a verifier says of a token.
type Verdict = fn(&str) -> Result<Principal, AuthError>;

struct Believer(Verdict);

#[async_trait]
impl TokenVerifier for Believer {
    async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        self.0(token)
    }
}

fn believe(token: &str) -> Result<Principal, AuthError> {
    let mut parts = token.split('|');
    let scope = parts.next().and_then(scope);
    let scope = scope.ok_or(AuthError::Invalid(InvalidReason::Signature))?;
    let words = parts.next().unwrap_or_default().split(',').filter(|word| !word.is_empty());
    let permissions = Permissions::new(words).unwrap();
    let token_id = parts.next().map(|id| TokenId::new(id).unwrap());
    let expires_at = Timestamp::from_micros(i64::MAX);
    Ok(Principal { scope, permissions, token_id, expires_at })
}

/// All ports of a store.
pub(crate) trait AnyStore:
    ConversationStore + TurnStore + Upkeep + ContextStore + Ledger + LimitStore + AccessStore
{
}

impl<S> AnyStore for S where
    S: ConversationStore + TurnStore + Upkeep + ContextStore + Ledger + LimitStore + AccessStore
{
}

/// A model that chooses others, and whose first choice is away.
struct Chooser(EchoProvider);

impl Chooser {
    fn choice() -> Choice {
        Choice {
            models: vec!["away".to_owned(), "echo".to_owned()],
            rule: Some("short".to_owned()),
            complexity: Some(7),
            why: vec!["it is short".to_owned()],
        }
    }
}

#[async_trait]
impl ChatProvider for Chooser {
    async fn start(&self, request: ChatRequest) -> Result<AnswerStream, ProviderError> {
        request.trail.choose(Self::choice());
        let attempts =
            [("away", AttemptOutcome::NotMade("circuit_open")), ("echo", AttemptOutcome::Answers)];
        for (model, outcome) in attempts {
            request.trail.attempt(Attempt {
                model: model.to_owned(),
                provider: "test".to_owned(),
                upstream: model.to_owned(),
                outcome,
                used: None,
            });
        }
        self.0.start(request).await
    }

    fn choose(&self, _: &ChatRequest) -> Option<Choice> {
        Some(Self::choice())
    }
}

/// What a million tokens of the models cost: each part something else.
pub(crate) const PRICE: Price = Price {
    input: Micros(1_000_000),
    cached: Micros(100_000),
    cache_write: Micros(1_250_000),
    output: Micros(5_000_000),
    reasoning: Micros(6_000_000),
};

fn model(id: &str, provider: Arc<dyn ChatProvider>) -> Model {
    Model {
        id: id.to_owned(),
        owner: "test".to_owned(),
        upstream: id.to_owned(),
        provider,
        context_window: 4_096,
        max_output_tokens: 512,
        price: PRICE,
        tenants: None,
        counter: Arc::new(Estimate),
        policy: Policy::balanced(),
        created_at: Timestamp::from_micros(1_700_000_000_000_000),
    }
}

impl Stage {
    /// A stage whose model `scripted` answers every call with these words.
    pub(crate) fn new() -> Self {
        Self::with_verifier(believe)
    }

    pub(crate) fn with_verifier(verdict: Verdict) -> Self {
        let model = ScriptedProvider::answering(|_| Script::answer(["Once ", "upon."]));
        Self::of(model, verdict, Limits::default())
    }

    pub(crate) fn with_model(scripted: ScriptedProvider) -> Self {
        Self::with_limits(scripted, Limits::default())
    }

    pub(crate) fn with_limits(scripted: ScriptedProvider, limits: Limits) -> Self {
        Self::of(scripted, believe, limits)
    }

    fn of(scripted: ScriptedProvider, verdict: Verdict, limits: Limits) -> Self {
        let clock = FakeClock::default();
        let store = Arc::new(MemoryStore::with_clock(clock.clone()));
        Self::assembled(&Arc::clone(&store), store, clock, scripted, None, verdict, limits)
    }

    /// A stage on this store, whose summaries `notes` writes.
    pub(crate) fn with_notes<S: AnyStore>(
        store: &Arc<S>,
        scripted: ScriptedProvider,
        notes: ScriptedProvider,
    ) -> Self {
        let notes = ModelSummariser::new(Arc::new(model("notes", Arc::new(notes))));
        let notes: Arc<dyn Summariser> = Arc::new(notes);
        let limits = Limits { summary_tokens: 120, ..Limits::default() };
        let unused = Arc::new(MemoryStore::default());
        let clock = FakeClock::default();
        Self::assembled(store, unused, clock, scripted, Some(notes), believe, limits)
    }

    fn assembled<S: AnyStore>(
        store: &Arc<S>,
        memory: Arc<MemoryStore>,
        clock: FakeClock,
        scripted: ScriptedProvider,
        summariser: Option<Arc<dyn Summariser>>,
        verdict: Verdict,
        limits: Limits,
    ) -> Self {
        let models = vec![
            model("echo", Arc::new(EchoProvider::default())),
            model("scripted", Arc::new(scripted.clone())),
            model("with/slash", Arc::new(EchoProvider::default())),
            Model {
                tenants: Some(Arc::new([TenantId::new("other").unwrap()].into())),
                ..model("for-others", Arc::new(Chooser(EchoProvider::default())))
            },
        ];
        let runtime = tokio::runtime::Handle::current();
        let ports = Ports {
            summariser,
            clock: Arc::new(clock.clone()),
            ids: Arc::new(FakeIds::new()),
            ..Ports::on(store, ModelCatalog::new(models, "echo").unwrap(), &runtime)
        };
        let chat = ChatService::new(ports, limits, runtime);
        let state = HttpState::new(chat.clone(), Arc::new(Believer(verdict)));
        Self { store: memory, chat, model: scripted, clock, state }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: TestRequest) -> Answer {
        self.answer(request.to_request()).await
    }

    /// Sends a request whose body comes as it comes.
    pub(crate) async fn send_streaming(
        &self,
        request: TestRequest,
        body: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
    ) -> Answer {
        let mut request = request.to_request();
        let body: Pin<Box<dyn Stream<Item = _>>> = Box::pin(body);
        *request.payload() = Payload::from(body);
        self.answer(request).await
    }

    async fn answer(&self, request: Request) -> Answer {
        let Opened { status, headers, body, .. } = self.begin(request).await;
        let (body, broken) = match actix_web::body::to_bytes(body).await {
            Ok(body) => (body.to_vec(), false),
            Err(_) => (Vec::new(), true),
        };
        Answer { status, headers, body, broken }
    }

    /// Sends a request and returns when the head of the answer is there.
    pub(crate) async fn open(&self, request: TestRequest) -> Opened {
        self.begin(request.to_request()).await
    }

    async fn begin(&self, request: Request) -> Opened {
        let app = App::new().configure(loquat_http::configure(self.state.clone()));
        let app = init_service(app).await;
        let response = match try_call_service(&app, request).await {
            Ok(response) => response.map_into_boxed_body().into_parts().1,
            Err(error) => error.error_response().map_into_boxed_body(),
        };
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned()))
            .collect();
        Opened { status, headers, body: response.into_body(), read: Vec::new() }
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.send(request(Method::GET, token, path)).await
    }

    pub(crate) async fn delete(&self, token: &str, path: &str) -> Answer {
        self.send(request(Method::DELETE, token, path)).await
    }

    pub(crate) async fn put(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.send(request(Method::PUT, token, path).set_json(body)).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.send(request(Method::POST, token, path).set_json(body)).await
    }

    /// What Anna gets when she posts something that succeeds.
    pub(crate) async fn posted(&self, path: &str, body: &Value) -> Value {
        self.post(ANNA, path, body).await.expect(200)
    }

    /// What Anna gets when she asks for something that is there.
    pub(crate) async fn found(&self, path: &str) -> Value {
        self.get(ANNA, path).await.expect(200)
    }
}

pub(crate) fn request(method: Method, token: &str, path: &str) -> TestRequest {
    TestRequest::with_uri(path)
        .method(method)
        .insert_header((header::AUTHORIZATION, format!("Bearer {token}")))
}

/// An answer that is still coming. Dropping it is a client that goes away.
pub(crate) struct Opened {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: BoxBody,
    /// What has come.
    read: Vec<u8>,
}

impl Opened {
    /// Reads until the text has come, and returns all that has.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        loop {
            let read = String::from_utf8_lossy(&self.read).into_owned();
            if read.contains(text) {
                return read;
            }
            match poll_fn(|cx| Pin::new(&mut self.body).poll_next(cx)).await {
                Some(Ok(more)) => self.read.extend_from_slice(&more),
                _ => panic!("{text} never came: {read}"),
            }
        }
    }

    /// Reads the rest.
    pub(crate) async fn whole(self) -> Answer {
        let Self { status, headers, body, mut read } = self;
        let rest = actix_web::body::to_bytes(body).await;
        let broken = rest.is_err();
        read.extend_from_slice(&rest.unwrap_or_default());
        Answer { status, headers, body: read, broken }
    }

    /// The id of the response whose events these are.
    pub(crate) async fn response(&mut self) -> String {
        let read = self.until("\n\n").await;
        let (_, data) = read.split_once("data: ").expect("an event");
        let event: Value = serde_json::from_str(data.lines().next().unwrap()).unwrap();
        event["response"]["id"].as_str().expect("the first event has the response").to_owned()
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// True when the body broke off.
    pub(crate) broken: bool,
}

impl Answer {
    /// The frames of a stream of events; the number of each but the last is its place.
    pub(crate) fn frames(&self) -> Vec<String> {
        let text = String::from_utf8(self.body.clone()).unwrap();
        text.split_inclusive("\n\n").map(str::to_owned).collect()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// The body of an answer that must have this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// Checks that this is an error object of this status and code, and returns its `param`.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        let object = body.as_object().expect("an object");
        assert_eq!(object.keys().collect::<Vec<_>>(), ["error"], "{body}");
        let error = body["error"].as_object().expect("the error object");
        let mut keys: Vec<_> = error.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["code", "message", "param", "type"], "{body}");
        assert!(error["message"].as_str().is_some_and(|it| !it.is_empty()), "{body}");
        assert!(error["type"].is_string(), "{body}");
        assert_eq!(error["code"], code, "{body}");
        error["param"].clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All that a caller sees, but what is different for every request.
    pub(crate) fn without_request_id(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "x-request-id");
        self.headers.sort();
        self
    }
}
