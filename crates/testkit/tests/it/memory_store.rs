//! The fake passes the suite that every store passes, and does what only a fake can.

#![expect(clippy::expect_used, reason = "helpers of tests panic where a test would")]

use std::time::Duration;

use loquat_domain::{
    Conversation, ConversationId, Fingerprint, IdempotencyKey, Metadata, Meter, RawJson, Response,
    ResponseId, Scope, Settings, Status, TenantId, UserId,
};
use loquat_store::{
    AccessStore as _, AllowanceKey, AuditEntry, BeginTurn, CheckpointLog, ConversationStore as _,
    Exchange, Exchanged, FinishTurn, LimitStore as _, Once, Revocation, Revoked, StoreError,
    TurnHome, TurnStore as _, Upkeep as _, json,
};
use loquat_testkit::{FakeClock, FakeIds, MemoryStore, StoreCall};
use uuid::Uuid;

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

/// A turn in a new implicit conversation, alive for 30 seconds.
fn turn(clock: &FakeClock, ids: &FakeIds) -> BeginTurn {
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
    BeginTurn {
        response,
        hidden: false,
        home: TurnHome::New { conversation: conversation(clock, ids), listed: false },
        input: vec![],
        receipt: RawJson::from_checked("{}"),
        context: None,
        lease: Duration::from_secs(30),
        once: None,
    }
}

#[tokio::test]
async fn a_lease_ends_when_the_clock_says_so() {
    let (clock, ids) = (FakeClock::default(), FakeIds::new());
    let store = MemoryStore::with_clock(clock.clone());
    store.begin_turn(&scope(), turn(&clock, &ids)).await.unwrap();

    clock.advance(Duration::from_micros(29_999_999));
    assert_eq!(store.stale_turns(1).await.unwrap(), []);
    clock.advance(Duration::from_micros(1));
    assert_eq!(store.stale_turns(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn keys_and_events_are_kept_until_the_clock_says_so() {
    let (clock, ids) = (FakeClock::default(), FakeIds::new());
    let store = MemoryStore::with_clock(clock.clone());
    let once = Once {
        route: "/things",
        key: IdempotencyKey::new("k").unwrap(),
        fingerprint: Fingerprint([1; 32]),
        keep: Duration::from_secs(10),
    };
    let turn = BeginTurn { once: Some(once.clone()), ..turn(&clock, &ids) };
    let response = Response { status: Status::Completed, ..turn.response.clone() };
    let id = response.id;
    store.begin_turn(&scope(), turn).await.unwrap();
    let log = vec![CheckpointLog { first: 0, last: 0, events: json::encode_events([]) }];
    let keep_log = Duration::from_secs(20);
    let end = FinishTurn {
        response,
        output: vec![],
        last_sequence: 1,
        log,
        keep_log,
        only_if_stale: false,
        context_state: None,
        route: None,
        charges: vec![],
    };
    store.finish_turn(&scope(), end).await.unwrap();

    for (seconds, has_key, has_events, forgotten) in
        [(9, true, true, 0), (1, false, true, 1), (9, false, true, 0), (1, false, false, 1)]
    {
        clock.advance(Duration::from_secs(seconds));
        assert_eq!(store.earlier(&scope(), &once).await.unwrap().is_some(), has_key);
        let log = store.events(&scope(), id, 0, 1).await.unwrap();
        assert_eq!((log.runs.len() == 1, log.end.unwrap().kept), (has_events, has_events));
        assert_eq!(store.forget_expired(10).await.unwrap(), forgotten);
    }
    assert_eq!(store.forget_expired(10).await.unwrap(), 0);
}

/// What a holder comes to who takes one of ten.
async fn take(store: &MemoryStore, holder: u128, meter: Meter, lease: Duration) -> Exchanged {
    let Scope { tenant, .. } = scope();
    let key = AllowanceKey { tenant, user: None, model: None, meter };
    let exchange = Exchange { key, most: 10, returned: 0, returned_to: None, need: 1, want: 1 };
    let exchanged = store.exchange(Uuid::from_u128(holder), lease, vec![exchange]).await;
    exchanged.expect("a memory store is there").remove(0)
}

#[tokio::test]
async fn counts_begin_anew_when_the_clock_says_so() {
    let clock = FakeClock::default();
    let store = MemoryStore::with_clock(clock.clone());
    for (meter, secs) in [
        (Meter::RequestsPerMinute, 60),
        (Meter::TokensPerDay, 86_400),
        (Meter::MicrosPerMonth, 30 * 86_400),
    ] {
        let (began, length) = (clock.now(), Duration::from_secs(secs));
        assert_eq!(take(&store, 1, meter, Duration::ZERO).await.taken, 1);
        clock.advance(length.saturating_sub(Duration::from_micros(1)));
        let last = take(&store, 2, meter, Duration::ZERO).await;
        assert_eq!((last.taken, last.ends), (2, began.plus(length)));
        clock.advance(Duration::from_micros(1));
        let first = take(&store, 1, meter, Duration::ZERO).await;
        assert_eq!((first.taken, first.period), (1, clock.now()), "{meter:?}");
        clock.set(began);
    }
}

#[tokio::test]
async fn streams_are_held_until_the_clock_says_so() {
    let (clock, lease) = (FakeClock::default(), Duration::from_secs(10));
    let store = MemoryStore::with_clock(clock.clone());
    take(&store, 1, Meter::Streams, lease).await;
    clock.advance(Duration::from_secs(9));
    assert_eq!(take(&store, 2, Meter::Streams, lease).await.taken, 2);
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.forget_expired(9).await.unwrap(), 1);
    assert_eq!(take(&store, 2, Meter::Streams, lease).await.taken, 2);
}

#[tokio::test]
async fn a_revocation_holds_until_the_clock_says_so() {
    let clock = FakeClock::default();
    let store = MemoryStore::with_clock(clock.clone());
    let until = Some(clock.now().plus(Duration::from_secs(10)));
    let (whose, actor) = (Revoked::Tenant, scope().user);
    let revocation =
        Revocation { whose, until, revoked_at: clock.now(), revoked_by: actor.clone() };
    let audit = AuditEntry {
        id: FakeIds::new().next_id(),
        at: clock.now(),
        actor,
        act: "access.revoke".to_owned(),
        subject: "acme".to_owned(),
        details: RawJson::from_checked("{}"),
    };
    store.revoke(&scope(), revocation, audit).await.unwrap();
    let known = store.revocation_list(None).await.unwrap().unwrap().version;
    clock.advance(Duration::from_secs(9));
    assert_eq!(store.forget_expired(9).await.unwrap(), 0);
    assert_eq!(store.revocations(&scope()).await.unwrap().len(), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.revocations(&scope()).await.unwrap(), []);
    // Whoever enforces the list is told when it is forgotten.
    assert_eq!(store.revocation_list(Some(known)).await.unwrap(), None);
    assert_eq!(store.forget_expired(9).await.unwrap(), 1);
    assert_eq!(store.revocation_list(Some(known)).await.unwrap().unwrap().revoked, []);
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
