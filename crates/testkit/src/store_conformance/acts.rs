//! What administrators do.

use loquat_domain::{Order, PageLimit, PageRequest, RawJson, Scope, UserId};
use loquat_store::AuditEntry;

use super::{
    Store,
    things::{fresh_id, moment},
};

/// An entry of the audit log about something that is done now.
pub(super) fn act(what: &str) -> AuditEntry {
    AuditEntry {
        id: fresh_id(),
        at: moment(60),
        actor: UserId::new("root").unwrap(),
        act: what.to_owned(),
        subject: "user ada".to_owned(),
        details: RawJson::from_checked("{ \"why\": \"\\u00e4\" }"),
    }
}

/// The audit log of the scope's tenant, oldest first.
pub(super) async fn audited(store: &dyn Store, scope: &Scope) -> Vec<AuditEntry> {
    let request = PageRequest { after: None, order: Order::Ascending, limit: PageLimit::MAX };
    let page = store.audit(scope, request).await.unwrap();
    assert!(!page.has_more, "more than a page of acts");
    page.entries
}
