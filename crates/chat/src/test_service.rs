//! A service on mocked ports, for unit tests that must see single calls.

use std::sync::Arc;

use loquat_domain::{
    Metadata, Response, ResponseId, Scope, Settings, Status, TenantId, Timestamp, UserId,
};
use loquat_provider::MockChatProvider;
use loquat_store::{MockConversationStore, MockTurnStore};
use uuid::Uuid;

use crate::{
    ChatService, IdSource as _, Limits, Model, ModelCatalog, Ports, SystemClock, SystemIds,
};

/// A service whose turns are stored by `turns`, and which calls nothing else.
pub(crate) fn service(turns: MockTurnStore) -> ChatService {
    let model = Model {
        id: "mock".to_owned(),
        owner: "test".to_owned(),
        upstream: "mock".to_owned(),
        provider: Arc::new(MockChatProvider::new()),
        context_window: 1_024,
        max_output_tokens: 128,
        created_at: Timestamp::from_micros(0),
    };
    let ports = Ports {
        conversations: Arc::new(MockConversationStore::new()),
        turns: Arc::new(turns),
        models: ModelCatalog::new(vec![model], "mock").unwrap(),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    };
    ChatService::new(ports, Limits::default(), tokio::runtime::Handle::current())
}

/// A store that has no stale turns; recovery asks for them all the time.
pub(crate) fn nothing_stale() -> MockTurnStore {
    let mut turns = MockTurnStore::new();
    turns.expect_stale_turns().returning(|_| Ok(Vec::new()));
    turns
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
        status: Status::InProgress,
        usage: None,
        created_at: Timestamp::from_micros(0),
        completed_at: None,
    }
}
