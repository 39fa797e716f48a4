//! The book of charges and the audit log in the file, which nobody can rewrite.

use std::time::Duration;

use diesel::{RunQueryDsl as _, SqliteConnection, sql_query};
use loquat_domain::{Charge, Meter, Micros, PageLimit, Scope, Timestamp};
use loquat_store::{
    AccessStore, AllowanceKey, Exchange, Ledger, LimitStore, Revocation, Revoked, UsageGroups,
    UsageQuery, Whose,
};
use loquat_store_sqlite::SqliteStore;
use uuid::Uuid;

use crate::notebook::{HOUR, NOW, Notebook};

fn refusal(conn: &mut SqliteConnection, statement: &str) -> String {
    sql_query(statement).execute(conn).unwrap_err().to_string()
}

#[tokio::test]
async fn usage_records_are_neither_changed_nor_deleted() {
    let notebook = Notebook::open();
    notebook.store.record(&notebook.scope, vec![notebook.charge(None)]).await.unwrap();
    let conn = &mut notebook.stranger();
    let changed = refusal(conn, "UPDATE usage_records SET cost = 0");
    assert_eq!(changed, "usage records are not changed");
    let deleted = refusal(conn, "DELETE FROM usage_records WHERE tenant = 'acme'");
    assert_eq!(deleted, "usage records are not deleted");
}

#[tokio::test]
async fn the_audit_log_is_neither_changed_nor_deleted() {
    let notebook = Notebook::open();
    let revoked_by = notebook.act().actor;
    let revocation =
        Revocation { whose: Revoked::Tenant, until: None, revoked_at: NOW, revoked_by };
    notebook.store.revoke(&notebook.scope, revocation, notebook.act()).await.unwrap();
    let conn = &mut notebook.stranger();
    let changed = refusal(conn, "UPDATE audit_log SET actor = 'nobody'");
    assert_eq!(changed, "the audit log is not changed");
    assert_eq!(refusal(conn, "DELETE FROM audit_log"), "the audit log is not deleted");
}

/// What the scope's user has spent.
pub(crate) async fn spent(store: &SqliteStore, scope: &Scope) -> u64 {
    let query = UsageQuery {
        whose: Whose::Own,
        from: Timestamp::from_micros(0),
        until: Timestamp::from_micros(i64::MAX),
        groups: UsageGroups::default(),
        after: None,
        limit: PageLimit::MAX,
    };
    let usage = store.usage(scope, query).await.unwrap();
    usage.entries.iter().map(|row| row.cost.0).sum()
}

/// Takes from a count of the whole tenant, and returns what all have taken then.
pub(crate) async fn take(notebook: &Notebook, meter: Meter, lease: Duration, want: u64) -> u64 {
    let key =
        AllowanceKey { tenant: notebook.scope.tenant.clone(), user: None, model: None, meter };
    let (returned, returned_to) = (0, None);
    let exchange = Exchange { key, most: 100, returned, returned_to, need: want, want };
    let exchanged = notebook.store.exchange(Uuid::from_u128(7), lease, vec![exchange]).await;
    exchanged.unwrap()[0].taken
}

#[tokio::test]
async fn what_is_charged_taken_and_revoked_outlives_the_process() {
    let notebook = Notebook::open();
    let dear = Charge { cost: Micros(40), ..notebook.charge(None) };
    notebook.store.record(&notebook.scope, vec![dear, notebook.charge(None)]).await.unwrap();
    take(&notebook, Meter::MicrosPerMonth, Duration::ZERO, 30).await;
    take(&notebook, Meter::Streams, HOUR, 3).await;
    let revoked_by = notebook.act().actor;
    let revocation =
        Revocation { whose: Revoked::Tenant, until: None, revoked_at: NOW, revoked_by };
    notebook.store.revoke(&notebook.scope, revocation, notebook.act()).await.unwrap();
    let list = notebook.store.revocation_list(None).await.unwrap();

    let notebook = notebook.reopen();
    assert_eq!(spent(&notebook.store, &notebook.scope).await, 45);
    assert_eq!(take(&notebook, Meter::MicrosPerMonth, HOUR, 0).await, 30);
    assert_eq!(take(&notebook, Meter::Streams, HOUR, 0).await, 3);
    assert_eq!(notebook.store.revocation_list(None).await.unwrap(), list);
}
