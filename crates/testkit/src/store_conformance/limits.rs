//! Limits that are set while a service runs.

use loquat_domain::{Limit, LimitKey, Meter, Scope, UserId, Whom};
use loquat_store::{Exchange, StoreError};

use super::{
    Store,
    acts::{act, audited},
    person::Person,
};

fn key(whom: Whom, model: Option<&str>, meter: Meter) -> LimitKey {
    LimitKey { whom, model: model.map(str::to_owned), meter }
}

fn tokens_of_all() -> LimitKey {
    key(Whom::Tenant, None, Meter::TokensPerDay)
}

async fn set(store: &dyn Store, scope: &Scope, key: LimitKey, most: Option<u64>) {
    store.set_limit(scope, Limit { key, most }, act("limits.set")).await.unwrap();
}

/// There is one limit for each thing, the one that was set last.
pub async fn a_limit_that_is_set_again_is_replaced(store: &dyn Store) {
    let ada = Person::owner(store);
    let scope = &ada.scope;
    assert_eq!(store.limits(scope).await.unwrap(), []);
    for most in [Some(5), None, Some(0), Some(Exchange::MOST), Some(7)] {
        set(store, scope, tokens_of_all(), most).await;
        let kept = store.limits(scope).await.unwrap();
        assert_eq!(kept, [Limit { key: tokens_of_all(), most }]);
    }
    // One that no column holds is as good as the greatest that one does.
    set(store, scope, tokens_of_all(), Some(u64::MAX)).await;
    assert_eq!(store.limits(scope).await.unwrap()[0].most, Some(Exchange::MOST));
}

/// A limit can be taken away once.
pub async fn a_limit_is_removed_once(store: &dyn Store) {
    let ada = Person::owner(store);
    let other = key(Whom::EachUser, None, Meter::TokensPerDay);
    set(store, &ada.scope, tokens_of_all(), Some(5)).await;
    set(store, &ada.scope, other.clone(), Some(6)).await;
    let remove = async || store.remove_limit(&ada.scope, tokens_of_all(), act("remove")).await;
    remove().await.unwrap();
    assert_eq!(store.limits(&ada.scope).await.unwrap(), [Limit { key: other, most: Some(6) }]);
    let again = remove().await;
    assert!(matches!(again, Err(StoreError::NotFound)), "{again:?}");
    set(store, &ada.scope, tokens_of_all(), Some(7)).await;
    assert_eq!(store.limits(&ada.scope).await.unwrap().len(), 2);
}

/// Limits come in the order of what they are about, and each as it was set.
pub async fn limits_are_listed_by_their_keys(store: &dyn Store) {
    let ada = Person::owner(store);
    let user = |name| Whom::User(UserId::new(name).unwrap());
    let whoms = [Whom::Tenant, Whom::EachUser, user("each_user"), user("z"), user("zz")];
    let mut limits = Vec::new();
    for whom in whoms {
        for model in [None, Some("B"), Some("a"), Some("ä")] {
            for meter in Meter::ALL {
                let most = Some(u64::try_from(limits.len()).unwrap()).filter(|n| n % 5 > 0);
                limits.push(Limit { key: key(whom.clone(), model, meter), most });
            }
        }
    }
    // In an order that is not that of their keys.
    for n in 0..limits.len() {
        let Limit { key, most } = limits[n * 7 % limits.len()].clone();
        set(store, &ada.scope, key, most).await;
    }
    assert_eq!(store.limits(&ada.scope).await.unwrap(), limits);
}

/// Each tenant has its own limits; who of it asks does not matter.
pub async fn limits_of_another_tenant_do_not_exist(store: &dyn Store) {
    let ada = Person::owner(store);
    let [eve, bob] = Person::strangers(store);
    set(store, &ada.scope, tokens_of_all(), Some(5)).await;
    assert_eq!(store.limits(&eve.scope).await.unwrap(), []);
    let removed = store.remove_limit(&eve.scope, tokens_of_all(), act("remove")).await;
    assert!(matches!(removed, Err(StoreError::NotFound)), "{removed:?}");
    set(store, &eve.scope, tokens_of_all(), Some(50)).await;
    let five = [Limit { key: tokens_of_all(), most: Some(5) }];
    assert_eq!(store.limits(&ada.scope).await.unwrap(), five);
    assert_eq!(store.limits(&bob.scope).await.unwrap(), five);
    store.remove_limit(&bob.scope, tokens_of_all(), act("remove")).await.unwrap();
    assert_eq!(store.limits(&ada.scope).await.unwrap(), []);
    assert_eq!(store.limits(&eve.scope).await.unwrap().len(), 1);
}

/// Who has set and removed limits is kept in the same step; what was not done is not.
pub async fn changes_of_limits_are_in_the_audit_log(store: &dyn Store) {
    let ada = Person::owner(store);
    let entries = ["set", "set again", "remove", "remove again"].map(act);
    let limit = Limit { key: tokens_of_all(), most: Some(5) };
    for entry in &entries[..2] {
        store.set_limit(&ada.scope, limit.clone(), entry.clone()).await.unwrap();
    }
    for entry in &entries[2..] {
        let _ = store.remove_limit(&ada.scope, tokens_of_all(), entry.clone()).await;
    }
    assert_eq!(audited(store, &ada.scope).await, entries[..3]);
    let [eve, _] = Person::strangers(store);
    assert_eq!(audited(store, &eve.scope).await, []);
}
