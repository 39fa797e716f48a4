//! Statements about what is derived from the beginning of a conversation.

use std::ops::RangeInclusive;

use diesel::{
    OptionalExtension as _,
    dsl::SqlTypeOf,
    prelude::*,
    sql_types::{BigInt, Nullable, Text},
    sqlite::Sqlite,
};
use loquat_domain::{RawJson, Scope};
use loquat_store::{ContextChange, ContextUpdate, KeptContext, Segment, StoreError, Summary};

use crate::{
    clock,
    key::Key,
    rows::{SegmentRow, SummaryRow},
    schema::{segments, summaries},
    statement::{Statement, first_rows},
    threads::Outcome,
};

/// What a conversation's row says of its context.
#[derive(Debug, Clone, Queryable)]
pub(crate) struct ContextRow {
    pub(crate) version: Option<i64>,
    pub(crate) anchor: Option<i64>,
    state: Option<String>,
}

/// Where a history ends that is to be told of its context.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) conversation: Key,
    /// The position of its end, if that is on the active branch.
    pub(crate) position: Option<i64>,
}

impl ContextRow {
    /// What a history tells of it; `None` when nothing has ever left the window.
    pub(crate) fn kept(
        self,
        conn: &mut SqliteConnection,
        place: Place<'_>,
    ) -> Outcome<Option<KeptContext>> {
        let Some(version) = self.version else { return Ok(None) };
        let summary = match place.position {
            None => None,
            Some(position) => summary(conn, place.tenant, place.conversation)?
                .filter(|summary| summary.covers_to < position),
        };
        let state = self.state.map(RawJson::from_checked);
        Ok(Some(KeptContext { version, anchor: self.anchor, state, summary }))
    }
}

/// Refuses a change that was made from another version.
pub(crate) fn check_version(
    version: Option<i64>,
    change: Option<&ContextChange>,
) -> Result<(), StoreError> {
    match change {
        Some(change) if change.expected != version => Err(StoreError::Conflict),
        _ => Ok(()),
    }
}

/// Applies a checked change and queues a job.
pub(crate) fn change(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    change: &ContextChange,
) -> Outcome<()> {
    let update = Statement::<5>::new(
        "UPDATE conversations SET context_version = ?, anchor = ?, context_state = ?
        WHERE tenant = ? AND id = ?",
        [
            change.version().into(),
            change.anchor.into(),
            change.state.as_str().into(),
            tenant.into(),
            conversation.into(),
        ],
    );
    update.execute(conn)?;
    queue(conn, tenant, conversation)
}

/// Keeps notes, unless they belong to another version.
pub(crate) fn update_state(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    update: &ContextUpdate,
) -> Outcome<()> {
    let update = Statement::<4>::new(
        "UPDATE conversations SET context_state = ?
        WHERE tenant = ? AND id = ? AND context_version = ? AND anchor IS NOT NULL",
        [update.state.as_str().into(), tenant.into(), conversation.into(), update.expected.into()],
    );
    update.execute(conn)?;
    Ok(())
}

/// Takes away what is not true any more after an edit of the active branch of a conversation that
/// has a context, and queues a job where segments are left. `gone` are the positions where there was
/// an item that is not there any more.
pub(crate) fn edit(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    gone: RangeInclusive<i64>,
) -> Outcome<()> {
    let reset = Statement::<2>::new(
        "UPDATE conversations SET context_version = context_version + 1,
            context_edits = context_edits + 1, anchor = NULL, context_state = NULL
        WHERE tenant = ? AND id = ?",
        [tenant.into(), conversation.into()],
    );
    reset.execute(conn)?;
    let (from, to) = gone.into_inner();
    let within = segments::table
        .filter(segments::tenant.eq(tenant))
        .filter(segments::conversation.eq(conversation))
        .filter(segments::first.ge(from))
        .filter(segments::first.le(to));
    diesel::delete(within).execute(conn)?;
    // Of those that begin before, only the last can reach so far.
    let reaching = Statement::<6>::new(
        "DELETE FROM segments WHERE tenant = ? AND conversation = ? AND last >= ? AND first = (
            SELECT max(first) FROM segments WHERE tenant = ? AND conversation = ? AND first < ?
        )",
        [
            tenant.into(),
            conversation.into(),
            from.into(),
            tenant.into(),
            conversation.into(),
            from.into(),
        ],
    );
    reaching.execute(conn)?;
    let summary = summaries::table.find((tenant, conversation));
    diesel::delete(summary.filter(summaries::covers_to.ge(from))).execute(conn)?;
    let left = segments::table
        .filter(segments::tenant.eq(tenant))
        .filter(segments::conversation.eq(conversation));
    if diesel::select(diesel::dsl::exists(left)).get_result(conn)? {
        queue(conn, tenant, conversation)?;
    }
    Ok(())
}

/// Queues a job, which is due at once.
fn queue(conn: &mut SqliteConnection, tenant: &str, conversation: Key) -> Outcome<()> {
    let insert = Statement::<2>::new(
        concat!(
            "INSERT INTO context_jobs (tenant, conversation, user, due_at, attempts, ticket)
            SELECT tenant, id, user, ",
            clock::now!(),
            ", 0, ",
            clock::now!(),
            " FROM conversations WHERE tenant = ? AND id = ?
            ON CONFLICT (tenant, conversation) DO UPDATE SET attempts = 0,
                held = iif(held > 0 AND due_at > excluded.due_at, 2, 0),
                ticket = iif(held > 0 AND due_at > excluded.due_at, ticket,
                    max(ticket + 1, excluded.ticket)),
                due_at = iif(held > 0, max(due_at, excluded.due_at), excluded.due_at)",
        ),
        [tenant.into(), conversation.into()],
    );
    insert.execute(conn)?;
    Ok(())
}

/// What those who do the jobs have to know of a conversation.
#[derive(Debug, Clone, Copy, Queryable)]
pub(crate) struct Owned {
    version: Option<i64>,
    pub(crate) edits: i64,
    pub(crate) anchor: Option<i64>,
}

/// A conversation of the scope, listed or implicit.
pub(crate) fn owned(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<Owned> {
    let find = Statement::<3, (Nullable<BigInt>, BigInt, Nullable<BigInt>)>::new(
        "SELECT context_version, context_edits, anchor FROM conversations
        WHERE tenant = ? AND id = ? AND user = ?",
        [scope.tenant.as_str().into(), id.into(), scope.user.as_str().into()],
    );
    Ok(find.get_result(conn)?)
}

/// Refuses what was derived from items that were read before an edit.
pub(crate) fn check_edits(
    conn: &mut SqliteConnection,
    scope: &Scope,
    id: Key,
    edits: i64,
) -> Outcome<()> {
    let owned = owned(conn, scope, id)?;
    if owned.version.is_some() && owned.edits == edits {
        Ok(())
    } else {
        Err(StoreError::Conflict.into())
    }
}

/// The segments that begin before a position, in order.
pub(crate) fn segments_before(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    position: i64,
) -> Outcome<Vec<Segment>> {
    let rows: Vec<SegmentRow> = segments::table
        .filter(segments::tenant.eq(tenant))
        .filter(segments::conversation.eq(conversation))
        .filter(segments::first.lt(position))
        .order(segments::first)
        .select(SegmentRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Segment::from).collect())
}

/// The positions that segments cover, in order.
pub(crate) fn covered(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
) -> Outcome<Vec<(i64, i64)>> {
    Ok(segments::table
        .filter(segments::tenant.eq(tenant))
        .filter(segments::conversation.eq(conversation))
        .order(segments::first)
        .select((segments::first, segments::last))
        .load(conn)?)
}

/// Keeps a segment that overlaps no other.
pub(crate) fn insert_segment(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    segment: Segment,
) -> Outcome<()> {
    let before = segments::table
        .filter(segments::tenant.eq(tenant))
        .filter(segments::conversation.eq(conversation))
        .filter(segments::first.le(segment.last))
        .order(segments::first.desc())
        .select(segments::last);
    let before: Vec<i64> = first_rows(before, conn, 1)?;
    if before.iter().any(|last| *last >= segment.first) {
        return Err(StoreError::Conflict.into());
    }
    diesel::insert_into(segments::table)
        .values((
            segments::tenant.eq(tenant),
            segments::conversation.eq(conversation),
            SegmentRow::from(segment),
        ))
        .execute(conn)?;
    Ok(())
}

/// The columns of a [`SummaryRow`].
type SummaryColumns = SqlTypeOf<<SummaryRow as Selectable<Sqlite>>::SelectExpression>;

/// The summary of a conversation, if there is one.
pub(crate) fn summary(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
) -> Outcome<Option<Summary>> {
    let find = Statement::<2, SummaryColumns>::new(
        "SELECT covers_to, text, tokens, counter, model, created_at FROM summaries
        WHERE tenant = ? AND conversation = ?",
        [tenant.into(), conversation.into()],
    );
    let row: Option<SummaryRow> = find.get_result(conn).optional()?;
    Ok(row.map(Summary::try_from).transpose()?)
}

/// Keeps a summary in place of the one that there is.
pub(crate) fn replace_summary(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    summary: &Summary,
) -> Outcome<()> {
    let replace = Statement::<8>::new(
        "INSERT OR REPLACE INTO summaries
            (tenant, conversation, covers_to, text, tokens, counter, model, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            tenant.into(),
            conversation.into(),
            summary.covers_to.into(),
            summary.text.as_str().into(),
            i64::from(summary.tokens).into(),
            summary.counter.as_str().into(),
            summary.model.as_str().into(),
            summary.created_at.as_micros().into(),
        ],
    );
    replace.execute(conn)?;
    Ok(())
}

/// A job that somebody may do.
#[derive(Debug, Queryable)]
pub(crate) struct DueJob {
    pub(crate) tenant: String,
    pub(crate) user: String,
    pub(crate) conversation: Key,
    pub(crate) attempts: i64,
}

/// Up to `most` jobs of all tenants that are due, those that were due first first.
pub(crate) fn due(conn: &mut SqliteConnection, most: usize) -> Outcome<Vec<DueJob>> {
    let due = Statement::<0, (Text, Text, diesel::sql_types::Binary, BigInt)>::new(
        concat!(
            "SELECT tenant, user, conversation, attempts FROM context_jobs WHERE due_at <= ",
            clock::now!(),
            " ORDER BY due_at, conversation",
        ),
        [],
    );
    Ok(first_rows(due, conn, most)?)
}

/// Claims a job for some microseconds and returns the ticket.
pub(crate) fn claim(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    lease: i64,
) -> Outcome<i64> {
    let claim = Statement::<3, BigInt>::new(
        concat!(
            "UPDATE context_jobs SET due_at = ",
            clock::now!(),
            " + ?, held = 1, ticket = max(ticket + 1, ",
            clock::now!(),
            ") WHERE tenant = ? AND conversation = ? RETURNING ticket",
        ),
        [lease.into(), tenant.into(), conversation.into()],
    );
    Ok(claim.get_result(conn)?)
}

/// Ends a claim, unless the ticket is another by now: the job is due again after some microseconds,
/// or is gone; if it was queued anew meanwhile, it is due at once.
pub(crate) fn end_job(
    conn: &mut SqliteConnection,
    scope: &Scope,
    conversation: Key,
    ticket: i64,
    again: Option<i64>,
) -> Outcome<()> {
    let (tenant, user) = (scope.tenant.as_str(), scope.user.as_str());
    let queued_anew = Statement::<4>::new(
        concat!(
            "UPDATE context_jobs SET held = 0, ticket = ticket + 1, due_at = ",
            clock::now!(),
            " WHERE tenant = ? AND conversation = ? AND user = ? AND ticket = ? AND held = 2",
        ),
        [tenant.into(), conversation.into(), user.into(), ticket.into()],
    );
    if queued_anew.execute(conn)? > 0 {
        return Ok(());
    }
    match again {
        None => Statement::<4>::new(
            "DELETE FROM context_jobs
            WHERE tenant = ? AND conversation = ? AND user = ? AND ticket = ?",
            [tenant.into(), conversation.into(), user.into(), ticket.into()],
        )
        .execute(conn)?,
        Some(wait) => Statement::<5>::new(
            concat!(
                "UPDATE context_jobs SET attempts = attempts + 1, held = 0, due_at = ",
                clock::now!(),
                " + ? WHERE tenant = ? AND conversation = ? AND user = ? AND ticket = ?",
            ),
            [wait.into(), tenant.into(), conversation.into(), user.into(), ticket.into()],
        )
        .execute(conn)?,
    };
    Ok(())
}
