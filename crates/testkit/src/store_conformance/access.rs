//! Revoked access, and the audit log.

use loquat_domain::{Order, RawJson, Scope, Timestamp, TokenId, UserId};
use loquat_store::{AuditEntry, Revocation, Revoked, StoreError};

use super::{
    Store,
    acts::{act, audited},
    person::Person,
    things::{fresh_id, moment, page},
};

/// In the past by every clock, and in the future.
const OVER: Timestamp = Timestamp::from_micros(1_600_000_000_000_000);
const TO_COME: Timestamp = Timestamp::from_micros(9_000_000_000_000_000);

fn user(name: &str) -> Revoked {
    Revoked::User(UserId::new(name).unwrap())
}

fn token(name: &str) -> Revoked {
    Revoked::Token(TokenId::new(name).unwrap())
}

fn revocation(whose: Revoked, until: Option<Timestamp>) -> Revocation {
    let revoked_by = UserId::new("root").unwrap();
    Revocation { whose, until, revoked_at: moment(70), revoked_by }
}

impl Person<'_> {
    async fn revoke(&self, whose: Revoked, until: Option<Timestamp>) {
        let revocation = revocation(whose, until);
        self.store.revoke(&self.scope, revocation, act("access.revoke")).await.unwrap();
    }

    async fn restore(&self, whose: Revoked) -> Result<(), StoreError> {
        self.store.restore(&self.scope, whose, act("access.restore")).await
    }

    async fn revoked(&self) -> Vec<Revoked> {
        let revocations = self.store.revocations(&self.scope).await.unwrap();
        revocations.into_iter().map(|revocation| revocation.whose).collect()
    }
}

/// The version of the list, and what every tenant's revocations are, in order.
async fn list(store: &dyn Store) -> (i64, Vec<(String, Revoked)>) {
    let list = store.revocation_list(None).await.unwrap().unwrap();
    let named = |(tenant, whose): (loquat_domain::TenantId, _)| (tenant.to_string(), whose);
    let mut revoked: Vec<_> = list.revoked.into_iter().map(named).collect();
    revoked.sort();
    (list.version, revoked)
}

/// What is revoked is so for everybody who enforces it, until it is given back.
pub async fn access_is_revoked_until_it_is_restored(store: &dyn Store) {
    let ada = Person::owner(store);
    assert_eq!(list(store).await.1, []);
    for whose in [Revoked::Tenant, user("bob"), token("t-1")] {
        ada.revoke(whose.clone(), Some(TO_COME)).await;
        let expected = revocation(whose.clone(), Some(TO_COME));
        assert_eq!(store.revocations(&ada.scope).await.unwrap(), [expected]);
        assert_eq!(list(store).await.1, [("acme".to_owned(), whose.clone())]);
        ada.restore(whose).await.unwrap();
        assert_eq!(ada.revoked().await, []);
        assert_eq!(list(store).await.1, []);
    }
}

/// What is revoked again is revoked as was said last.
pub async fn access_that_is_revoked_again_is_revoked_anew(store: &dyn Store) {
    let ada = Person::owner(store);
    ada.revoke(user("bob"), None).await;
    let revoked_by = UserId::new("other").unwrap();
    let again =
        Revocation { revoked_at: moment(80), revoked_by, ..revocation(user("bob"), Some(TO_COME)) };
    store.revoke(&ada.scope, again.clone(), act("again")).await.unwrap();
    assert_eq!(store.revocations(&ada.scope).await.unwrap(), [again]);
    ada.revoke(user("bob"), Some(OVER)).await;
    assert_eq!(ada.revoked().await, []);
    ada.revoke(user("bob"), None).await;
    assert_eq!(ada.revoked().await, [user("bob")]);
}

/// Access can be given back once, and only where it was revoked.
pub async fn access_is_restored_once(store: &dyn Store) {
    let ada = Person::owner(store);
    ada.revoke(user("bob"), None).await;
    // A token and a user of one name are two.
    for whose in [token("bob"), user("ada"), Revoked::Tenant] {
        let restored = ada.restore(whose).await;
        assert!(matches!(restored, Err(StoreError::NotFound)), "{restored:?}");
    }
    ada.restore(user("bob")).await.unwrap();
    let again = ada.restore(user("bob")).await;
    assert!(matches!(again, Err(StoreError::NotFound)), "{again:?}");
}

/// Revocations come in the order of whose they are.
pub async fn revocations_are_listed_by_whose_they_are(store: &dyn Store) {
    let ada = Person::owner(store);
    let ordered = [Revoked::Tenant, user("A"), user("a"), user("b"), token("A"), token("a")];
    for n in [3, 0, 5, 1, 4, 2] {
        ada.revoke(ordered[n].clone(), None).await;
    }
    assert_eq!(ada.revoked().await, ordered);
}

/// The list has another version after each change and no other without one: who knows it is told
/// nothing twice.
pub async fn the_list_of_revocations_has_a_version(store: &dyn Store) {
    let ada = Person::owner(store);
    let [eve, _] = Person::strangers(store);
    let mut versions = vec![list(store).await.0];
    let mut changed = async || {
        let last = *versions.last().unwrap();
        let told = store.revocation_list(Some(last)).await.unwrap();
        let version = told.unwrap().version;
        assert!(!versions.contains(&version), "an old version: {version} of {versions:?}");
        versions.push(version);
        assert_eq!(store.revocation_list(Some(version)).await.unwrap(), None);
        let earlier = store.revocation_list(Some(last)).await.unwrap();
        assert_eq!(earlier.map(|list| list.version), Some(version));
    };
    ada.revoke(user("bob"), None).await;
    changed().await;
    ada.revoke(user("bob"), Some(TO_COME)).await;
    changed().await;
    eve.revoke(token("t"), Some(TO_COME)).await;
    changed().await;
    ada.restore(user("bob")).await.unwrap();
    changed().await;

    let version = list(store).await.0;
    assert!(ada.restore(user("bob")).await.is_err());
    let begun = ada.implicit_turn("q").await;
    ada.finish(begun, "a").await;
    store.forget_expired(100).await.unwrap();
    store.revocations(&eve.scope).await.unwrap();
    assert_eq!(store.revocation_list(Some(version)).await.unwrap(), None);
}

/// A revocation whose time is over is none, and is forgotten in the end.
pub async fn a_revocation_whose_time_is_over_is_none(store: &dyn Store) {
    let ada = Person::owner(store);
    for n in 0..3 {
        ada.revoke(token(&format!("t-{n}")), Some(OVER)).await;
    }
    ada.revoke(token("t-9"), Some(TO_COME)).await;
    ada.revoke(user("bob"), None).await;
    let kept = [user("bob"), token("t-9")];
    for forgotten in [2, 1, 0] {
        assert_eq!(ada.revoked().await, kept);
        let listed: Vec<_> = list(store).await.1.into_iter().map(|(_, whose)| whose).collect();
        assert_eq!(listed, kept);
        let restored = ada.restore(token("t-1")).await;
        assert!(matches!(restored, Err(StoreError::NotFound)), "{restored:?}");
        assert_eq!(store.forget_expired(2).await.unwrap(), forgotten);
    }
    assert_eq!(ada.revoked().await, kept);
}

/// Each tenant has its own revocations, and whoever enforces them is told all; who of a tenant asks
/// does not matter.
pub async fn revocations_of_another_tenant_do_not_exist(store: &dyn Store) {
    let ada = Person::owner(store);
    let [eve, bob] = Person::strangers(store);
    ada.revoke(user("bob"), None).await;
    assert_eq!(eve.revoked().await, []);
    let restored = eve.restore(user("bob")).await;
    assert!(matches!(restored, Err(StoreError::NotFound)), "{restored:?}");
    eve.revoke(user("bob"), Some(TO_COME)).await;
    eve.revoke(Revoked::Tenant, None).await;
    assert_eq!(bob.revoked().await, [user("bob")]);
    let named = |tenant: &str, whose| (tenant.to_owned(), whose);
    let all = [
        named("acme", user("bob")),
        named("umbrella", Revoked::Tenant),
        named("umbrella", user("bob")),
    ];
    assert_eq!(list(store).await.1, all);
    bob.restore(user("bob")).await.unwrap();
    assert_eq!(ada.revoked().await, []);
    assert_eq!(list(store).await.1, all[1..]);
}

/// Who has revoked and restored access is kept in the same step; what was not done is not.
pub async fn changes_of_access_are_in_the_audit_log(store: &dyn Store) {
    let ada = Person::owner(store);
    let entries = ["revoke", "revoke again", "restore", "restore again"].map(act);
    for entry in &entries[..2] {
        let revocation = revocation(user("bob"), None);
        store.revoke(&ada.scope, revocation, entry.clone()).await.unwrap();
    }
    for entry in &entries[2..] {
        let _ = store.restore(&ada.scope, user("bob"), entry.clone()).await;
    }
    assert_eq!(audited(store, &ada.scope).await, entries[..3]);
    // An entry that is there already is left as it is.
    let again = AuditEntry { act: "something else".to_owned(), ..entries[0].clone() };
    store.revoke(&ada.scope, revocation(user("cy"), None), again).await.unwrap();
    assert_eq!(audited(store, &ada.scope).await[0].act, "revoke");
    assert_eq!(ada.revoked().await, [user("cy")]);
}

/// An entry of the log is what was said, byte for byte.
pub async fn an_entry_of_the_audit_log_comes_back_byte_for_byte(store: &dyn Store) {
    let ada = Person::owner(store);
    let entry = AuditEntry {
        id: fresh_id(),
        at: Timestamp::from_micros(-1),
        actor: UserId::new("auth0|6f-2_1@example.org").unwrap(),
        act: "access.revoke".to_owned(),
        subject: " user 'ä' ".to_owned(),
        details: RawJson::from_checked("{ \"b\":1.50,\"a\" : \"\\u0000\", \"b\":2 }"),
    };
    let revocation = revocation(Revoked::Tenant, None);
    store.revoke(&ada.scope, revocation, entry.clone()).await.unwrap();
    assert_eq!(audited(store, &ada.scope).await, [entry]);
}

/// A log of so many entries, whose order is not that of their writing.
async fn log_of(store: &dyn Store, scope: &Scope, count: usize) -> Vec<AuditEntry> {
    let mut entries: Vec<_> = (0..count).map(|n| act(&format!("act {n}"))).collect();
    for n in 0..count {
        let entry = entries[n * 5 % count].clone();
        store.revoke(scope, revocation(Revoked::Tenant, None), entry).await.unwrap();
    }
    entries.sort_by_key(|entry| entry.id);
    entries
}

/// Whatever the size of a page, each entry of the log is on exactly one, in the order of ids.
pub async fn paging_visits_each_entry_of_the_audit_log_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let mut entries = log_of(store, &ada.scope, 7).await;
    for order in [Order::Ascending, Order::Descending] {
        for limit in 1..=8 {
            let mut read = Vec::<AuditEntry>::new();
            loop {
                let request = page(read.last().map(|entry| entry.id), order, limit);
                let page = store.audit(&ada.scope, request).await.unwrap();
                let follows = read.len() + page.entries.len() < entries.len();
                assert_eq!(page.has_more, follows, "{limit} a page");
                let full = i64::try_from(page.entries.len()).unwrap() == limit;
                assert!(full || !page.has_more, "a page that is not full says that more follows");
                read.extend(page.entries);
                if !page.has_more {
                    break;
                }
            }
            assert_eq!(read, entries, "{limit} a page, {order:?}");
        }
        entries.reverse();
    }
}

/// Another tenant's entry is no place in the log, and looks like an unknown one.
pub async fn an_entry_of_another_tenants_log_is_no_cursor(store: &dyn Store) {
    let ada = Person::owner(store);
    let [eve, bob] = Person::strangers(store);
    let entries = log_of(store, &ada.scope, 3).await;
    log_of(store, &eve.scope, 2).await;
    for cursor in [entries[0].id, fresh_id()] {
        for order in [Order::Ascending, Order::Descending] {
            let read = store.audit(&eve.scope, page(Some(cursor), order, 10)).await;
            assert!(matches!(read, Err(StoreError::CursorNotFound)), "{read:?}");
        }
    }
    // The log is the tenant's, whoever of it reads.
    assert_eq!(audited(store, &bob.scope).await, entries);
    assert_eq!(audited(store, &eve.scope).await.len(), 2);
}
