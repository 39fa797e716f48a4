//! Walks from an item towards the root.

use diesel::{dsl::SqlTypeOf, prelude::*, sqlite::Sqlite};

use crate::{key::Key, rows::ItemRow, schema::items, statement::Statement, threads::Outcome};

/// The items from `end` towards the root, newest first, until one of the limits stops the walk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) end: Key,
    /// The walk ends before the first item whose position is less.
    pub(crate) from_position: i64,
    /// The walk ends with the item that brings the sum of tokens to this, or beyond.
    pub(crate) tokens: i64,
    /// The walk ends with the first item that is here or before, unless it begins before.
    pub(crate) anchor: Option<i64>,
}

/// The columns of an [`ItemRow`].
type ItemColumns = SqlTypeOf<<ItemRow as Selectable<Sqlite>>::SelectExpression>;

impl Walk<'_> {
    pub(crate) fn load(self, conn: &mut SqliteConnection) -> Outcome<Vec<ItemRow>> {
        let Self { tenant, end, from_position, tokens, anchor } = self;
        let walk = Statement::<8, ItemColumns>::new(
            "WITH RECURSIVE branch (rid, parent, total, position, stop) AS (
                SELECT rid, parent, tokens, position, CASE WHEN position >= ? THEN ? END
                FROM items
                WHERE tenant = ? AND id = ? AND position >= ?
                UNION ALL
                SELECT items.rid, items.parent, branch.total + items.tokens, items.position,
                    branch.stop
                FROM branch CROSS JOIN items ON items.tenant = ? AND items.id = branch.parent
                WHERE items.position >= ? AND branch.total < ?
                    AND (branch.stop IS NULL OR branch.position > branch.stop)
            )
            SELECT items.id, items.parent, items.position, items.response, items.content,
                items.status, items.tokens, items.created_at, items.counter, items.active
            FROM branch CROSS JOIN items ON items.rid = branch.rid",
            [
                anchor.into(),
                anchor.into(),
                tenant.into(),
                end.into(),
                from_position.into(),
                tenant.into(),
                from_position.into(),
                tokens.into(),
            ],
        );
        let mut rows: Vec<ItemRow> = walk.load(conn)?;
        // They come in this order, but SQL promises none.
        rows.sort_by_key(|row| std::cmp::Reverse(row.position));
        Ok(rows)
    }
}

/// Makes the branch that ends at `end` the active one: takes the marks from what is beyond the
/// fork and gives them to what leads from there to `end`. Returns the position of the fork.
pub(crate) fn activate(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    end: Option<Key>,
) -> Outcome<i64> {
    let mut inactive = Vec::new();
    let mut next = end;
    let mut fork = -1;
    while let Some(id) = next {
        let (rid, parent, position, active): (i64, Option<Key>, i64, bool) = items::table
            .filter(items::tenant.eq(tenant))
            .filter(items::id.eq(id))
            .select((items::rid, items::parent, items::position, items::active))
            .get_result(conn)?;
        if active {
            fork = position;
            break;
        }
        inactive.push(rid);
        next = parent;
    }
    let beyond = items::table
        .filter(items::tenant.eq(tenant))
        .filter(items::conversation.eq(conversation))
        .filter(items::active)
        .filter(items::position.gt(fork));
    diesel::update(beyond).set(items::active.eq(false)).execute(conn)?;
    for rid in inactive {
        diesel::update(items::table.find(rid)).set(items::active.eq(true)).execute(conn)?;
    }
    Ok(fork)
}
