//! Statements about branches: the leaves of those that are not active have rows of their own, and
//! the active one ends where its conversation says.

use std::collections::{BTreeSet, HashMap};

use diesel::{
    connection::DefaultLoadingMode,
    prelude::*,
    sql_types::{BigInt, Binary, Bool, Text},
};
use loquat_domain::{Branch, ItemKind, Order, Timestamp};
use loquat_store::StoreError;

use crate::{
    error::Failed,
    items,
    key::Key,
    schema::{self, branches},
    statement::{Statement, first_rows, run},
    threads::Outcome,
};

/// A listed conversation, and where its active branch ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) conversation: Key,
    pub(crate) active_leaf: Option<Key>,
}

/// The last item of a branch.
#[derive(Debug, Queryable)]
struct Leaf {
    id: Key,
    kind: String,
    created_at: i64,
}

/// A part of a branch, from an item on towards the root.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// How many items there are that are not active.
    beyond: i64,
    /// The position of the first that is.
    fork: Option<i64>,
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
        self.remove(conn, gone)?;
        match before {
            Some(before)
                if self.active_leaf != Some(gone)
                    && self.active_leaf != Some(before)
                    && items::is_leaf(conn, self.tenant, self.conversation, before)? =>
            {
                self.add(conn, before)
            }
            _ => Ok(()),
        }
    }

    /// Fails when no branch ends at an item. Asks the items: rows may be missing where an earlier
    /// version is at work.
    pub(crate) fn check_leaf(self, conn: &mut SqliteConnection, leaf: Key) -> Outcome<()> {
        let Self { tenant, conversation, .. } = self;
        items::tail(conn, tenant, conversation, leaf)?;
        if items::is_leaf(conn, tenant, conversation, leaf)? {
            return Ok(());
        }
        Err(StoreError::NotFound.into())
    }

    /// Up to `most` branches, in order. Any item may mark the place after which they begin.
    pub(crate) fn page(
        self,
        conn: &mut SqliteConnection,
        order: Order,
        after: Option<Key>,
        most: usize,
    ) -> Outcome<Vec<Branch>> {
        if let Some(after) = after {
            let place = items::tail(conn, self.tenant, self.conversation, after);
            place.map_err(|Failed(error)| match error {
                StoreError::NotFound => StoreError::CursorNotFound,
                error => error,
            })?;
        }
        let leaves = self.leaves(conn, order, after, most)?;
        self.branches(conn, leaves)
    }

    fn leaves(
        self,
        conn: &mut SqliteConnection,
        order: Order,
        after: Option<Key>,
        most: usize,
    ) -> Outcome<Vec<Leaf>> {
        let after = after.unwrap_or(match order {
            Order::Ascending => Key::FIRST,
            Order::Descending => Key::LAST,
        });
        // A row may be no leaf's any more where an earlier version is at work.
        macro_rules! leaves {
            ($order:literal) => {
                concat!(
                    "SELECT items.id, items.kind, items.created_at
                    FROM branches CROSS JOIN items
                        ON items.tenant = branches.tenant AND items.id = branches.leaf
                    WHERE branches.tenant = ? AND branches.conversation = ?
                        AND items.conversation = branches.conversation
                        AND NOT EXISTS (
                            SELECT 1 FROM items AS later
                            WHERE later.tenant = branches.tenant
                                AND later.conversation = branches.conversation
                                AND later.parent = branches.leaf
                        )
                        AND branches.leaf ",
                    $order
                )
            };
        }
        let text = match order {
            Order::Ascending => leaves!("> ? ORDER BY branches.leaf"),
            Order::Descending => leaves!("< ? ORDER BY branches.leaf DESC"),
        };
        let inactive = Statement::<3, (Binary, Text, BigInt)>::new(
            text,
            [self.tenant.into(), self.conversation.into(), after.into()],
        );
        let mut leaves: Vec<Leaf> = first_rows(inactive, conn, most)?;
        let follows = |id: &Key| match order {
            Order::Ascending => *id > after,
            Order::Descending => *id < after,
        };
        if let Some(active) = self.active_leaf.filter(follows) {
            leaves.retain(|leaf| leaf.id != active);
            leaves.push(self.leaf(conn, active)?);
        }
        leaves.sort_by(|one, other| match order {
            Order::Ascending => one.id.cmp(&other.id),
            Order::Descending => other.id.cmp(&one.id),
        });
        leaves.truncate(most);
        Ok(leaves)
    }

    /// The branch that ends at an item.
    pub(crate) fn branch(self, conn: &mut SqliteConnection, leaf: Key) -> Outcome<Branch> {
        let leaf = self.leaf(conn, leaf)?;
        let branch = self.branches(conn, vec![leaf])?.pop();
        Ok(branch.ok_or(StoreError::NotFound)?)
    }

    fn leaf(self, conn: &mut SqliteConnection, id: Key) -> Outcome<Leaf> {
        use schema::items;
        Ok(items::table
            .filter(items::tenant.eq(self.tenant))
            .filter(items::id.eq(id))
            .select((items::id, items::kind, items::created_at))
            .get_result(conn)?)
    }

    /// The branches that end at these items. A stored size would have to be changed in many rows
    /// where an item of many branches is deleted, so that items are counted: each that is not
    /// active once, however many of the branches share it, and those that are active once by their
    /// index.
    fn branches(self, conn: &mut SqliteConnection, leaves: Vec<Leaf>) -> Outcome<Vec<Branch>> {
        let mut known = HashMap::new();
        let ways = leaves.iter().map(|leaf| self.way(conn, leaf.id, &mut known));
        let ways = ways.collect::<Outcome<Vec<_>>>()?;
        let shared = self.shared(conn, ways.iter().filter_map(|way| way.fork).collect())?;
        let branch = |(leaf, way): (Leaf, Way)| {
            let kind = ItemKind::ALL.into_iter().find(|known| known.as_str() == leaf.kind);
            let shared = way.fork.and_then(|fork| shared.get(&fork)).copied().unwrap_or_default();
            Ok(Branch {
                leaf: leaf.id.into(),
                leaf_kind: kind.ok_or(StoreError::Corrupt { column: "kind" })?,
                size: u64::try_from(way.beyond + shared).unwrap_or_default(),
                active: self.active_leaf == Some(leaf.id),
                updated_at: Timestamp::from_micros(leaf.created_at),
            })
        };
        leaves.into_iter().zip(ways).map(branch).collect()
    }

    /// The way from an item to the active branch, or to the root; `known` are items that other ways
    /// have passed.
    fn way(
        self,
        conn: &mut SqliteConnection,
        from: Key,
        known: &mut HashMap<i64, Way>,
    ) -> Outcome<Way> {
        let walk = Statement::<3, (BigInt, BigInt, Bool)>::new(
            "WITH RECURSIVE branch (rid, parent, position, active) AS (
                SELECT rid, parent, position, active FROM items WHERE tenant = ? AND id = ?
                UNION ALL
                SELECT items.rid, items.parent, items.position, items.active
                FROM branch CROSS JOIN items ON items.tenant = ? AND items.id = branch.parent
                WHERE NOT branch.active
            )
            SELECT rid, position, active FROM branch",
            [self.tenant.into(), from.into(), self.tenant.into()],
        );
        let mut way = Way { beyond: 0, fork: None };
        let mut passed = Vec::new();
        // Each row is found by the one before, so that they come in this order, and only as far as
        // they are asked for.
        for row in walk.load_iter::<(i64, i64, bool), DefaultLoadingMode>(conn)? {
            let (rid, position, active) = row?;
            if active {
                way.fork = Some(position);
                break;
            }
            if let Some(rest) = known.get(&rid) {
                way = *rest;
                break;
            }
            passed.push(rid);
        }
        for rid in passed.into_iter().rev() {
            way.beyond += 1;
            known.insert(rid, way);
        }
        Ok(way)
    }

    /// How many items of the active branch there are up to each of these positions.
    fn shared(
        self,
        conn: &mut SqliteConnection,
        forks: BTreeSet<i64>,
    ) -> Outcome<HashMap<i64, i64>> {
        use schema::items;
        let (mut after, mut count) = (i64::MIN, 0);
        let mut shared = HashMap::new();
        for fork in forks {
            count += items::table
                .filter(items::tenant.eq(self.tenant))
                .filter(items::conversation.eq(self.conversation))
                .filter(items::active)
                .filter(items::position.gt(after))
                .filter(items::position.le(fork))
                .count()
                .get_result::<i64>(conn)?;
            shared.insert(fork, count);
            after = fork;
        }
        Ok(shared)
    }

    fn add(self, conn: &mut SqliteConnection, leaf: Key) -> Outcome<()> {
        let insert = Statement::<3>::new(
            "INSERT INTO branches (tenant, conversation, leaf) VALUES (?, ?, ?)
            ON CONFLICT DO NOTHING",
            [self.tenant.into(), self.conversation.into(), leaf.into()],
        );
        insert.execute(conn)?;
        Ok(())
    }

    fn remove(self, conn: &mut SqliteConnection, leaf: Key) -> Outcome<()> {
        let row = branches::table.find((self.tenant, self.conversation, leaf));
        diesel::delete(row).execute(conn)?;
        Ok(())
    }
}

/// Makes the rows anew of those conversations that an earlier version, which knows nothing of them,
/// has changed, and drops what was derived from their items, which that version may have edited.
/// Costs nothing when there are none.
pub(crate) fn repair(conn: &mut SqliteConnection) -> Outcome<()> {
    for text in [
        "DELETE FROM branches WHERE (tenant, conversation) IN
            (SELECT tenant, id FROM conversations WHERE branches_kept IS NULL)",
        "INSERT INTO branches (tenant, conversation, leaf)
        SELECT items.tenant, items.conversation, items.id
        FROM conversations CROSS JOIN items
            ON items.tenant = conversations.tenant AND items.conversation = conversations.id
        WHERE conversations.branches_kept IS NULL AND conversations.listed
            AND items.id IS NOT conversations.leaf
            AND NOT EXISTS (
                SELECT 1 FROM items AS later
                WHERE later.tenant = items.tenant AND later.conversation = items.conversation
                    AND later.parent = items.id
            )",
        "DELETE FROM segments WHERE (tenant, conversation) IN
            (SELECT tenant, id FROM conversations WHERE branches_kept IS NULL)",
        "DELETE FROM summaries WHERE (tenant, conversation) IN
            (SELECT tenant, id FROM conversations WHERE branches_kept IS NULL)",
        "UPDATE conversations SET context_version = context_version + 1,
            context_edits = context_edits + 1, anchor = NULL, context_state = NULL
        WHERE branches_kept IS NULL AND context_version IS NOT NULL",
        "UPDATE conversations SET branches_kept = 0 WHERE branches_kept IS NULL",
    ] {
        run(conn, text)?;
    }
    Ok(())
}
