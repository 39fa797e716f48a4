//! Walks from an item towards the root.

use diesel::{
    dsl::SqlTypeOf,
    prelude::*,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types::{BigInt, Binary, Text},
    sqlite::Sqlite,
};

use crate::{
    items::Tail,
    key::Key,
    rows::ItemRow,
    schema::items::{self, dsl},
    threads::Outcome,
};

/// The items from `end` towards the root, newest first, until either limit stops the walk.
///
/// One recursive statement in SQLite's own words, which diesel has none for. It is prepared once,
/// unlike what is passed to [`diesel::sql_query`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) end: Key,
    /// The walk ends before the first item whose position is less.
    pub(crate) from_position: i64,
    /// The walk ends with the item that brings the sum of tokens to this, or beyond.
    pub(crate) tokens: i64,
}

impl Walk<'_> {
    pub(crate) fn load(self, conn: &mut SqliteConnection) -> Outcome<Vec<ItemRow>> {
        let mut rows: Vec<ItemRow> = RunQueryDsl::load(self, conn)?;
        // They come in this order, but SQL promises none.
        rows.sort_by_key(|row| std::cmp::Reverse(row.position));
        Ok(rows)
    }
}

impl QueryFragment<Sqlite> for Walk<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(
            "WITH RECURSIVE branch (rid, parent, total) AS (
                SELECT rid, parent, tokens FROM items WHERE tenant = ",
        );
        out.push_bind_param::<Text, _>(self.tenant)?;
        out.push_sql(" AND id = ");
        out.push_bind_param::<Binary, _>(&self.end)?;
        out.push_sql(" AND position >= ");
        out.push_bind_param::<BigInt, _>(&self.from_position)?;
        out.push_sql(
            " UNION ALL
                SELECT items.rid, items.parent, branch.total + items.tokens
                FROM branch CROSS JOIN items ON items.id = branch.parent AND items.tenant = ",
        );
        out.push_bind_param::<Text, _>(self.tenant)?;
        out.push_sql(" WHERE items.position >= ");
        out.push_bind_param::<BigInt, _>(&self.from_position)?;
        out.push_sql(" AND branch.total < ");
        out.push_bind_param::<BigInt, _>(&self.tokens)?;
        // The columns of `ItemRow`, in its order.
        out.push_sql(
            ") SELECT items.id, items.parent, items.position, items.response, items.content,
                items.status, items.tokens, items.created_at
            FROM branch CROSS JOIN items ON items.rid = branch.rid",
        );
        Ok(())
    }
}

impl QueryId for Walk<'_> {
    type QueryId = Walk<'static>;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Walk<'_> {
    type SqlType = SqlTypeOf<<ItemRow as Selectable<Sqlite>>::SelectExpression>;
}

impl RunQueryDsl<SqliteConnection> for Walk<'_> {}

/// Makes the branch that ends at `end` the active one: takes the marks from what is beyond the
/// fork and gives them to what leads from there to `end`.
pub(crate) fn activate(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    end: Option<Tail>,
) -> Outcome<()> {
    let mut inactive = Vec::new();
    let mut next = end.map(|tail| tail.id);
    let mut fork = i64::MIN;
    while let Some(id) = next {
        let (rid, parent, position, active): (i64, Option<Key>, i64, bool) = items::table
            .filter(items::tenant.eq(tenant))
            .filter(items::id.eq(id))
            .select((items::rid, items::parent, items::position, items::active))
            .first(conn)?;
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
    diesel::update(beyond).set(dsl::active.eq(false)).execute(conn)?;
    for rid in inactive {
        diesel::update(items::table.find(rid)).set(dsl::active.eq(true)).execute(conn)?;
    }
    Ok(())
}
