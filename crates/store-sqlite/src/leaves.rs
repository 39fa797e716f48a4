//! Statements about branches: the leaves of those that are not active have rows of their own, and
//! the active one ends where its conversation says.

use diesel::{
    prelude::*,
    sql_types::{BigInt, Nullable},
};
use loquat_domain::{Branch, ItemKind, Order, Timestamp};
use loquat_store::StoreError;

use crate::{
    items,
    key::Key,
    schema::{self, branches},
    statement::{Statement, first_rows},
    threads::Outcome,
};

/// A listed conversation, and where its active branch ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) conversation: Key,
    pub(crate) active_leaf: Option<Key>,
}

impl Tree<'_> {
    /// Lets another branch become the active one: the old one gets a row, unless it ends within
    /// another; the new one needs none.
    pub(crate) fn leave(self, conn: &mut SqliteConnection, new_end: Option<Key>) -> Outcome<()> {
        if let Some(old) = self.active_leaf
            && items::is_leaf(conn, self.tenant, self.conversation, old)?
        {
            self.add(conn, old)?;
        }
        if let Some(new) = new_end {
            self.remove(conn, new)?;
        }
        Ok(())
    }

    /// Moves the end of a branch that is not active from `from`, which may be no branch's end, to
    /// what was put after it.
    pub(crate) fn extend(
        self,
        conn: &mut SqliteConnection,
        from: Option<Key>,
        to: Key,
    ) -> Outcome<()> {
        if let Some(from) = from {
            self.remove(conn, from)?;
        }
        self.add(conn, to)
    }

    /// Shortens the branch that ends at `gone`, if one does: it ends at `before` then, unless
    /// something else follows that.
    pub(crate) fn shorten(
        self,
        conn: &mut SqliteConnection,
        gone: Key,
        before: Option<Key>,
    ) -> Outcome<()> {
        if !self.remove(conn, gone)? {
            return Ok(());
        }
        match before {
            Some(before)
                if self.active_leaf != Some(before)
                    && items::is_leaf(conn, self.tenant, self.conversation, before)? =>
            {
                self.add(conn, before)
            }
            _ => Ok(()),
        }
    }

    /// True when a branch that is not active ends at an item.
    pub(crate) fn has(self, conn: &mut SqliteConnection, leaf: Key) -> Outcome<bool> {
        let row = branches::table.find((self.tenant, self.conversation, leaf));
        Ok(diesel::select(diesel::dsl::exists(row)).get_result(conn)?)
    }

    /// The leaves of up to `most` branches, in order.
    pub(crate) fn page(
        self,
        conn: &mut SqliteConnection,
        order: Order,
        after: Option<Key>,
        most: usize,
    ) -> Outcome<Vec<Key>> {
        if let Some(after) = after
            && self.active_leaf != Some(after)
            && !self.has(conn, after)?
        {
            return Err(StoreError::CursorNotFound.into());
        }
        let inactive = branches::table
            .filter(branches::tenant.eq(self.tenant))
            .filter(branches::conversation.eq(self.conversation))
            .select(branches::leaf);
        let (mut leaves, active): (Vec<Key>, _) = match order {
            Order::Ascending => {
                let after = after.unwrap_or(Key::FIRST);
                let later = inactive.filter(branches::leaf.gt(after)).order(branches::leaf.asc());
                (first_rows(later, conn, most)?, self.active_leaf.filter(|leaf| *leaf > after))
            }
            Order::Descending => {
                let after = after.unwrap_or(Key::LAST);
                let later = inactive.filter(branches::leaf.lt(after)).order(branches::leaf.desc());
                (first_rows(later, conn, most)?, self.active_leaf.filter(|leaf| *leaf < after))
            }
        };
        leaves.extend(active);
        leaves.sort_by(|one, other| match order {
            Order::Ascending => one.cmp(other),
            Order::Descending => other.cmp(one),
        });
        leaves.truncate(most);
        Ok(leaves)
    }

    /// The branch that ends at an item.
    pub(crate) fn branch(self, conn: &mut SqliteConnection, leaf: Key) -> Outcome<Branch> {
        use schema::items;
        let (kind, created_at): (String, i64) = items::table
            .filter(items::tenant.eq(self.tenant))
            .filter(items::id.eq(leaf))
            .select((items::kind, items::created_at))
            .get_result(conn)?;
        let kind = ItemKind::ALL.into_iter().find(|known| known.as_str() == kind);
        Ok(Branch {
            leaf: leaf.into(),
            leaf_kind: kind.ok_or(StoreError::Corrupt { column: "kind" })?,
            size: self.size(conn, leaf)?,
            active: self.active_leaf == Some(leaf),
            updated_at: Timestamp::from_micros(created_at),
        })
    }

    /// How many items there are up to `leaf`: those beyond the active branch one by one, and those
    /// of the active branch by its index. A stored number would have to be changed in many rows
    /// where an item of many branches is deleted.
    fn size(self, conn: &mut SqliteConnection, leaf: Key) -> Outcome<u64> {
        let walk = Statement::<3, (BigInt, Nullable<BigInt>)>::new(
            "WITH RECURSIVE branch (parent, position, active) AS (
                SELECT parent, position, active FROM items WHERE tenant = ? AND id = ?
                UNION ALL
                SELECT items.parent, items.position, items.active
                FROM branch CROSS JOIN items ON items.tenant = ? AND items.id = branch.parent
                WHERE NOT branch.active
            )
            SELECT count(*) FILTER (WHERE NOT active), max(position) FILTER (WHERE active)
            FROM branch",
            [self.tenant.into(), leaf.into(), self.tenant.into()],
        );
        let (beyond, fork): (i64, Option<i64>) = walk.get_result(conn)?;
        let shared: i64 = match fork {
            None => 0,
            Some(fork) => schema::items::table
                .filter(schema::items::tenant.eq(self.tenant))
                .filter(schema::items::conversation.eq(self.conversation))
                .filter(schema::items::active)
                .filter(schema::items::position.le(fork))
                .count()
                .get_result(conn)?,
        };
        Ok(u64::try_from(beyond + shared).unwrap_or_default())
    }

    fn add(self, conn: &mut SqliteConnection, leaf: Key) -> Outcome<()> {
        let insert = Statement::<3>::new(
            "INSERT INTO branches (tenant, conversation, leaf) VALUES (?, ?, ?)",
            [self.tenant.into(), self.conversation.into(), leaf.into()],
        );
        insert.execute(conn)?;
        Ok(())
    }

    /// True when there was such a row.
    fn remove(self, conn: &mut SqliteConnection, leaf: Key) -> Outcome<bool> {
        let row = branches::table.find((self.tenant, self.conversation, leaf));
        Ok(diesel::delete(row).execute(conn)? > 0)
    }
}
