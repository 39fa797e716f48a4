//! Changes of revocations, as those meet them who obey the list.

use loquat_domain::{TenantId, TokenId, UserId};
use loquat_store::{AccessStore as _, RevocationList, Revoked, Upkeep as _};

use crate::{
    database::client,
    notebook::{LONG_AGO, NOW, Notebook},
};

fn of(tenant: &str, whose: Revoked) -> (TenantId, Revoked) {
    (TenantId::new(tenant).unwrap(), whose)
}

async fn list(notebook: &Notebook, known: Option<i64>) -> Option<RevocationList> {
    notebook.store.revocation_list(known).await.unwrap()
}

#[tokio::test]
async fn a_change_that_takes_longer_than_a_later_one_is_not_missed() {
    let (acme, database) = Notebook::open().await;
    let umbrella = acme.of("umbrella", "eve");
    let bob = Revoked::User(UserId::new("bob").unwrap());
    // Before anything was ever revoked, and after.
    for _ in 0..2 {
        let before = list(&acme, None).await.unwrap().version;
        let slow = client(&database.app_url()).await;
        slow.batch_execute("BEGIN").await.unwrap();
        let revoke = "SELECT outcome FROM loquat.revoke_v1('acme', 'ada', 'tenant', '', NULL, 7,
            'ada', gen_random_uuid(), 7, 'ada', 'access.revoke', 'acme', '{}')";
        slow.query(revoke, &[]).await.unwrap();
        // Who changes another tenant's does not wait for it.
        umbrella.revoke(bob.clone(), None).await;
        let between = list(&acme, Some(before)).await.unwrap();
        assert_eq!(between.revoked, [of("umbrella", bob.clone())]);
        slow.batch_execute("COMMIT").await.unwrap();
        let after = list(&acme, Some(between.version)).await.unwrap();
        assert_eq!(after.revoked.len(), 2);
        assert_eq!(list(&acme, Some(after.version)).await, None);
        let audit = acme.audit("access.restore");
        acme.store.restore(&acme.scope, Revoked::Tenant, audit).await.unwrap();
        let audit = umbrella.audit("access.restore");
        umbrella.store.restore(&umbrella.scope, bob.clone(), audit).await.unwrap();
        assert_eq!(list(&acme, Some(after.version)).await.unwrap().revoked, []);
    }
}

#[tokio::test]
async fn what_time_does_to_the_list_is_a_change_of_it() {
    let (acme, database) = Notebook::open().await;
    let admin = client(&database.admin_url()).await;
    let token = Revoked::Token(TokenId::new("jti").unwrap());
    let far = NOW.plus(std::time::Duration::from_hours(24 * 365 * 100));
    acme.revoke(Revoked::Tenant, None).await;
    acme.revoke(token.clone(), Some(far)).await;
    let before = list(&acme, None).await.unwrap();
    assert_eq!(before.revoked.len(), 2);
    // As if a hundred years had gone by.
    let later = "UPDATE loquat.revocations SET until = loquat.now_v1() WHERE kind = 'token'";
    assert_eq!(admin.execute(later, &[]).await.unwrap(), 1);
    let after = list(&acme, Some(before.version)).await.unwrap();
    assert_eq!(after.revoked, [of("acme", Revoked::Tenant)]);
    // That it is forgotten by and by changes nothing for anybody.
    assert_eq!(acme.store.forget_expired(9).await.unwrap(), 1);
    assert_eq!(list(&acme, Some(after.version)).await, None);
    assert_eq!(acme.store.forget_expired(9).await.unwrap(), 0);

    // In the place of one that has run out and was not forgotten.
    acme.revoke(token.clone(), Some(far)).await;
    admin.execute(later, &[]).await.unwrap();
    let known = list(&acme, None).await.unwrap().version;
    acme.revoke(token.clone(), Some(far)).await;
    assert_eq!(list(&acme, Some(known)).await.unwrap().revoked.len(), 2);
}

#[tokio::test]
async fn a_revocation_that_somebody_changes_is_forgotten_another_time() {
    let (acme, database) = Notebook::open().await;
    acme.revoke(Revoked::User(UserId::new("bob").unwrap()), Some(LONG_AGO)).await;
    let admin = client(&database.admin_url()).await;
    admin.batch_execute("BEGIN; SELECT FROM loquat.revocation_changes FOR UPDATE").await.unwrap();
    assert_eq!(acme.store.forget_expired(9).await.unwrap(), 0);
    admin.batch_execute("COMMIT").await.unwrap();
    assert_eq!(acme.store.forget_expired(9).await.unwrap(), 1);
}
