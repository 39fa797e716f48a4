//! The fake passes the suite that every store passes, and does what only a fake can.

#![expect(clippy::expect_used, reason = "helpers of tests panic where a test would")]

use std::time::Duration;

use loquat_domain::{
    Conversation, ConversationId, Metadata, RawJson, Response, ResponseId, Scope, Settings, Status,
    TenantId, UserId,
};
use loquat_store::{
    BeginTurn, ConversationStore as _, StoreError, TurnHome, TurnStore as _, Upkeep as _,
};
use loquat_testkit::{FakeClock, FakeIds, MemoryStore, StoreCall};

loquat_testkit::store_conformance!(async { (MemoryStore::default(), ()) });
loquat_testkit::store_model!(async { MemoryStore::default() });

fn scope() -> Scope {
    let (tenant, user) = (TenantId::new("acme"), UserId::new("ada"));
    Scope { tenant: tenant.expect("a name"), user: user.expect("a name") }
}

fn conversation(clock: &FakeClock, ids: &FakeIds) -> Conversation {
    Conversation {
        id: ConversationId::from_uuid(ids.next_id()),
        title: None,
        metadata: Metadata::default(),
        archived: false,
        created_at: clock.now(),
        updated_at: clock.now(),
    }
}

#[tokio::test]
async fn a_lease_ends_when_the_clock_says_so() {
    let (clock, ids) = (FakeClock::default(), FakeIds::new());
    let store = MemoryStore::with_clock(clock.clone());
    let response = Response {
        id: ResponseId::from_uuid(ids.next_id()),
        conversation: None,
        previous: None,
        model: "echo".to_owned(),
        settings: Settings::default(),
        metadata: Metadata::default(),
        background: false,
        status: Status::InProgress,
        usage: None,
        created_at: clock.now(),
        completed_at: None,
    };
    let home = TurnHome::New { conversation: conversation(&clock, &ids), listed: false };
    let receipt = RawJson::from_checked("{}");
    let lease = Duration::from_secs(30);
    let (hidden, input, once) = (false, vec![], None);
    let turn = BeginTurn { response, hidden, home, input, receipt, lease, once };
    store.begin_turn(&scope(), turn).await.unwrap();

    clock.advance(Duration::from_micros(29_999_999));
    assert_eq!(store.stale_turns(1).await.unwrap(), []);
    clock.advance(Duration::from_micros(1));
    assert_eq!(store.stale_turns(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_fails_as_planned_once_and_changes_nothing() {
    let (clock, ids) = (FakeClock::default(), FakeIds::new());
    let store = MemoryStore::default();
    let made = conversation(&clock, &ids);
    store.fail_next(StoreCall::CreateConversation, StoreError::Unavailable("down".into()));
    store.fail_next(StoreCall::CreateConversation, StoreError::Locked);

    let first = store.create_conversation(&scope(), made.clone(), vec![], None).await;
    assert!(matches!(first, Err(StoreError::Unavailable(_))), "{first:?}");
    let seen = store.conversation(&scope(), made.id).await;
    assert!(matches!(seen, Err(StoreError::NotFound)), "{seen:?}");
    let second = store.create_conversation(&scope(), made.clone(), vec![], None).await;
    assert!(matches!(second, Err(StoreError::Locked)), "{second:?}");
    store.create_conversation(&scope(), made, vec![], None).await.unwrap();
}

#[tokio::test]
async fn a_held_call_does_nothing_until_it_is_released() {
    let (clock, ids) = (FakeClock::default(), FakeIds::new());
    let store = MemoryStore::default();
    let made = conversation(&clock, &ids);
    let mut held = store.hold_next(StoreCall::CreateConversation);
    let scope = scope();
    let call = store.create_conversation(&scope, made.clone(), vec![], None);
    let test = async {
        assert!(held.arrived().await);
        let seen = store.conversation(&scope, made.id).await;
        assert!(matches!(seen, Err(StoreError::NotFound)), "{seen:?}");
        held.release();
    };
    let (done, ()) = futures::join!(call, test);
    done.unwrap();
    assert_eq!(store.conversation(&scope, made.id).await.unwrap(), made);
}

#[tokio::test]
async fn a_held_call_whose_caller_goes_away_never_happens() {
    let (clock, ids) = (FakeClock::default(), FakeIds::new());
    let store = MemoryStore::default();
    let made = conversation(&clock, &ids);
    let scope = scope();
    let mut held = store.hold_next(StoreCall::CreateConversation);
    {
        let call = store.create_conversation(&scope, made.clone(), vec![], None);
        futures::pin_mut!(call);
        assert!(futures::poll!(&mut call).is_pending());
        assert!(held.arrived().await);
    }
    held.release();
    let seen = store.conversation(&scope, made.id).await;
    assert!(matches!(seen, Err(StoreError::NotFound)), "{seen:?}");
}
