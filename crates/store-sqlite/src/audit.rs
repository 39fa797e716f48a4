//! Statements about what administrators have done.

use diesel::{
    prelude::*,
    sql_types::{BigInt, Binary, Text},
};
use loquat_domain::{Order, Page, PageRequest, RawJson, Timestamp};
use loquat_store::{AuditEntry, StoreError};
use uuid::Uuid;

use crate::{
    key::Key,
    rows::read_user,
    statement::{Statement, first_rows},
    threads::Outcome,
};

/// Keeps an entry of the audit log, once.
pub(crate) fn keep(conn: &mut SqliteConnection, tenant: &str, entry: &AuditEntry) -> Outcome<()> {
    let insert = Statement::<7>::new(
        "INSERT INTO audit_log (tenant, id, at, actor, act, subject, details)
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            tenant.into(),
            Key::from(entry.id).into(),
            entry.at.as_micros().into(),
            entry.actor.as_str().into(),
            entry.act.as_str().into(),
            entry.subject.as_str().into(),
            entry.details.as_str().into(),
        ],
    );
    insert.execute(conn)?;
    Ok(())
}

type Columns = (Binary, BigInt, Text, Text, Text, Text);
type Row = (Key, i64, String, String, String, String);

fn read((id, at, actor, act, subject, details): Row) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: id.into(),
        at: Timestamp::from_micros(at),
        actor: read_user("actor", &actor)?,
        act,
        subject,
        details: RawJson::from_checked(details),
    })
}

/// A page of a tenant's log.
pub(crate) fn page(
    conn: &mut SqliteConnection,
    tenant: &str,
    request: PageRequest<Uuid>,
) -> Outcome<Page<AuditEntry>> {
    let after = request.after.map(Key::from);
    if let Some(after) = after {
        check_cursor(conn, tenant, after)?;
    }
    let most = usize::from(request.limit.get()) + 1;
    let rows: Vec<Row> = match request.order {
        Order::Ascending => {
            let query = Statement::<2, Columns>::new(
                "SELECT id, at, actor, act, subject, details FROM audit_log
                WHERE tenant = ? AND id > ? ORDER BY id",
                [tenant.into(), after.unwrap_or(Key::FIRST).into()],
            );
            first_rows(query, conn, most)?
        }
        Order::Descending => {
            let query = Statement::<2, Columns>::new(
                "SELECT id, at, actor, act, subject, details FROM audit_log
                WHERE tenant = ? AND id < ? ORDER BY id DESC",
                [tenant.into(), after.unwrap_or(Key::LAST).into()],
            );
            first_rows(query, conn, most)?
        }
    };
    let entries = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Page::from_read_ahead(entries, request.limit))
}

fn check_cursor(conn: &mut SqliteConnection, tenant: &str, entry: Key) -> Outcome<()> {
    let query = Statement::<2, (BigInt,)>::new(
        "SELECT 1 FROM audit_log WHERE tenant = ? AND id = ?",
        [tenant.into(), entry.into()],
    );
    let found: Option<(i64,)> = query.get_result(conn).optional()?;
    found.map(drop).ok_or_else(|| StoreError::CursorNotFound.into())
}
