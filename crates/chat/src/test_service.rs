//! A service on mocked ports, for unit tests that must see single calls.

use std::sync::Arc;

use loquat_context::{Estimate, Policy};
use loquat_domain::{
    Metadata, Response, ResponseId, Scope, Settings, Status, TenantId, Timestamp, UserId,
};
use loquat_limits::{ConfiguredLimits, Limiter};
use loquat_provider::MockChatProvider;
use loquat_store::{
    LimitStore, MockAccessStore, MockContextStore, MockConversationStore, MockLedger,
    MockLimitStore, MockTurnStore, MockUpkeep, RevocationList,
};
use uuid::Uuid;

use crate::{
    ChatService, IdSource as _, Limits, Model, ModelCatalog, Ports, SystemClock, SystemIds,
};

/// A service whose turns are stored by `turns`, where nothing is stale or over.
pub(crate) fn service(turns: MockTurnStore) -> ChatService {
    let mut upkeep = nothing_over();
    upkeep.expect_stale_turns().returning(|_| Ok(Vec::new()));
    service_with(turns, upkeep)
}

/// A service whose turns are stored by `turns`, and which calls nothing else but `upkeep`.
pub(crate) fn service_with(turns: MockTurnStore, upkeep: MockUpkeep) -> ChatService {
    let model = Model {
        id: "mock".to_owned(),
        owner: "test".to_owned(),
        upstream: "mock".to_owned(),
        provider: Arc::new(MockChatProvider::new()),
        context_window: 1_024,
        max_output_tokens: 128,
        price: loquat_domain::Price::default(),
        tenants: None,
        counter: Arc::new(Estimate),
        policy: Policy::full(),
        created_at: Timestamp::from_micros(0),
    };
    let ports = Ports {
        turns: Arc::new(turns),
        upkeep: Arc::new(upkeep),
        context: Arc::new(no_jobs()),
        ..mocked_ports(ModelCatalog::new(vec![model], "mock").unwrap())
    };
    ChatService::new(ports, Limits::default(), tokio::runtime::Handle::current())
}

/// Ports to stores of which nothing is expected but that nobody is limited or revoked.
pub(crate) fn mocked_ports(models: ModelCatalog) -> Ports {
    let mut limits = MockLimitStore::new();
    limits.expect_limits().returning(|_| Ok(Vec::new()));
    let limits: Arc<dyn LimitStore> = Arc::new(limits);
    let mut access = MockAccessStore::new();
    access.expect_revocation_list().returning(|_| Ok(Some(RevocationList::default())));
    let runtime = tokio::runtime::Handle::current();
    Ports {
        conversations: Arc::new(MockConversationStore::new()),
        turns: Arc::new(MockTurnStore::new()),
        upkeep: Arc::new(MockUpkeep::new()),
        context: Arc::new(MockContextStore::new()),
        ledger: Arc::new(MockLedger::new()),
        limiter: Limiter::new(
            Arc::clone(&limits),
            ConfiguredLimits::default(),
            SystemIds.next(),
            &runtime,
        ),
        limits,
        access: Arc::new(access),
        summariser: None,
        models,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    }
}

/// A store in which there is nothing to derive.
fn no_jobs() -> MockContextStore {
    let mut context = MockContextStore::new();
    context.expect_claim_context_jobs().returning(|_, _| Ok(Vec::new()));
    context
}

/// A store in which nothing is over.
pub(crate) fn nothing_over() -> MockUpkeep {
    let mut upkeep = MockUpkeep::new();
    upkeep.expect_forget_expired().returning(|_| Ok(0));
    upkeep
}

pub(crate) fn scope() -> Scope {
    Scope { tenant: TenantId::new("acme").unwrap(), user: UserId::new("anna").unwrap() }
}

pub(crate) fn new_id() -> Uuid {
    SystemIds.next()
}

/// A response in progress.
pub(crate) fn response() -> Response {
    Response {
        id: ResponseId::from_uuid(new_id()),
        conversation: None,
        previous: None,
        model: "mock".to_owned(),
        settings: Settings::default(),
        metadata: Metadata::default(),
        background: false,
        status: Status::InProgress,
        usage: None,
        created_at: Timestamp::from_micros(0),
        completed_at: None,
    }
}
