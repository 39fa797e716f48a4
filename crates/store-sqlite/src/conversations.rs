//! Statements about conversations.

use diesel::{dsl::SqlTypeOf, prelude::*, sqlite::Sqlite};
use loquat_domain::{Order, Scope, Timestamp, Title};
use loquat_store::{Archived, ConversationPatch, StoreError, json};

use crate::{
    clock::Clock,
    items::Tail,
    key::Key,
    rows::ConversationRow,
    schema::{conversations, items, responses},
    statement::{Statement, first_rows},
    threads::Outcome,
};

/// What a write has to know of the conversation that it changes.
#[derive(Debug, Queryable)]
pub(crate) struct Home {
    pub(crate) listed: bool,
    pub(crate) leaf: Option<Key>,
    leaf_position: Option<i64>,
    locked: Option<bool>,
    pub(crate) updated_at: i64,
    /// `None` until items have left the window.
    pub(crate) context_version: Option<i64>,
}

impl Home {
    /// The end of the active branch.
    pub(crate) fn tail(&self) -> Option<Tail> {
        self.leaf.zip(self.leaf_position).map(|(id, position)| Tail { id, position, active: true })
    }

    pub(crate) fn check_unlocked(&self) -> Result<(), StoreError> {
        if self.locked == Some(true) { Err(StoreError::Locked) } else { Ok(()) }
    }
}

/// A conversation of the scope, listed or implicit.
pub(crate) fn home(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<Home> {
    let turn = responses::tenant
        .eq(conversations::tenant)
        .and(responses::id.nullable().eq(conversations::turn));
    let leaf =
        items::tenant.eq(conversations::tenant).and(items::id.nullable().eq(conversations::leaf));
    Ok(conversations::table
        .left_join(responses::table.on(turn))
        .left_join(items::table.on(leaf))
        .filter(conversations::tenant.eq(scope.tenant.as_str()))
        .filter(conversations::id.eq(id))
        .filter(conversations::user.eq(scope.user.as_str()))
        .select((
            conversations::listed,
            conversations::leaf,
            items::position.nullable(),
            responses::lease_until.gt(Clock::NOW).nullable(),
            conversations::updated_at,
            conversations::context_version,
        ))
        .get_result(conn)?)
}

/// A conversation that the scope's user sees.
pub(crate) fn listed_home(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<Home> {
    let home = home(conn, scope, id)?;
    if home.listed { Ok(home) } else { Err(StoreError::NotFound.into()) }
}

/// The branch and the lock that a conversation is made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) listed: bool,
    pub(crate) leaf: Option<Key>,
    pub(crate) turn: Option<Key>,
}

pub(crate) fn insert(
    conn: &mut SqliteConnection,
    scope: &Scope,
    row: &ConversationRow,
    start: Start,
) -> Outcome<()> {
    diesel::insert_into(conversations::table)
        .values((
            row,
            conversations::tenant.eq(scope.tenant.as_str()),
            conversations::user.eq(scope.user.as_str()),
            conversations::listed.eq(start.listed),
            conversations::leaf.eq(start.leaf),
            conversations::turn.eq(start.turn),
        ))
        .execute(conn)?;
    Ok(())
}

pub(crate) fn find(
    conn: &mut SqliteConnection,
    scope: &Scope,
    id: Key,
) -> Outcome<ConversationRow> {
    Ok(conversations::table
        .find((scope.tenant.as_str(), id))
        .filter(conversations::user.eq(scope.user.as_str()))
        .filter(conversations::listed)
        .select(ConversationRow::as_select())
        .get_result(conn)?)
}

/// The end of the active branch of a conversation that the scope's user sees.
pub(crate) fn leaf(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<Option<Key>> {
    Ok(conversations::table
        .find((scope.tenant.as_str(), id))
        .filter(conversations::user.eq(scope.user.as_str()))
        .filter(conversations::listed)
        .select(conversations::leaf)
        .get_result(conn)?)
}

/// Where a page of conversations starts: after this time and, among its equals, this id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    created_at: i64,
    id: Key,
}

impl Cursor {
    /// Before the first conversation in an order.
    pub(crate) const fn start(order: Order) -> Self {
        match order {
            Order::Ascending => Self { created_at: i64::MIN, id: Key::FIRST },
            Order::Descending => Self { created_at: i64::MAX, id: Key::LAST },
        }
    }
}

/// The place of a conversation in the list, archived or not.
pub(crate) fn cursor(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<Cursor> {
    let created_at = conversations::table
        .find((scope.tenant.as_str(), id))
        .filter(conversations::user.eq(scope.user.as_str()))
        .filter(conversations::listed)
        .select(conversations::created_at)
        .get_result(conn)
        .optional()?;
    let created_at = created_at.ok_or(StoreError::CursorNotFound)?;
    Ok(Cursor { created_at, id })
}

/// Up to `most` conversations from a cursor on.
pub(crate) fn page(
    conn: &mut SqliteConnection,
    scope: &Scope,
    archived: Archived,
    order: Order,
    after: Cursor,
    most: usize,
) -> Outcome<Vec<ConversationRow>> {
    // The index has the two kinds apart, so that one hides the other at no cost; both together are
    // the two merged.
    let kinds: &[bool] = match archived {
        Archived::Only => &[true],
        Archived::Without => &[false],
        Archived::Both => &[false, true],
    };
    let mut rows = Vec::new();
    for archived in kinds {
        rows.extend(page_of_kind(conn, scope, *archived, order, after, most)?);
    }
    rows.sort_by(|one, other| {
        let ascending = (one.created_at, one.id).cmp(&(other.created_at, other.id));
        if order == Order::Ascending { ascending } else { ascending.reverse() }
    });
    rows.truncate(most);
    Ok(rows)
}

/// The columns of a [`ConversationRow`].
type Columns = SqlTypeOf<<ConversationRow as Selectable<Sqlite>>::SelectExpression>;

fn page_of_kind(
    conn: &mut SqliteConnection,
    scope: &Scope,
    archived: bool,
    order: Order,
    after: Cursor,
    most: usize,
) -> Outcome<Vec<ConversationRow>> {
    // Time and id are compared as a pair: two comparisons, diesel's only way, would walk all
    // conversations of the same moment.
    let text = match order {
        Order::Ascending => {
            "SELECT id, title, metadata, archived, created_at, updated_at FROM conversations
            WHERE tenant = ? AND user = ? AND archived = ? AND listed AND (created_at, id) > (?, ?)
            ORDER BY created_at, id"
        }
        Order::Descending => {
            "SELECT id, title, metadata, archived, created_at, updated_at FROM conversations
            WHERE tenant = ? AND user = ? AND archived = ? AND listed AND (created_at, id) < (?, ?)
            ORDER BY created_at DESC, id DESC"
        }
    };
    let query = Statement::<5, Columns>::new(
        text,
        [
            scope.tenant.as_str().into(),
            scope.user.as_str().into(),
            archived.into(),
            after.created_at.into(),
            after.id.into(),
        ],
    );
    Ok(first_rows(query, conn, most)?)
}

/// Changes a conversation's own fields.
pub(crate) fn update(
    conn: &mut SqliteConnection,
    scope: &Scope,
    id: Key,
    patch: &ConversationPatch,
    now: Timestamp,
) -> Outcome<ConversationRow> {
    let target = conversations::table
        .find((scope.tenant.as_str(), id))
        .filter(conversations::user.eq(scope.user.as_str()))
        .filter(conversations::listed);
    let title = patch.title.as_ref().map(|title| title.as_ref().map(Title::as_str));
    let metadata = patch.metadata.as_ref().map(json::encode_metadata);
    Ok(diesel::update(target)
        .set((
            title.map(|title| conversations::title.eq(title)),
            metadata.map(|metadata| conversations::metadata.eq(metadata)),
            patch.archived.map(|archived| conversations::archived.eq(archived)),
            conversations::updated_at.eq(now.as_micros()),
        ))
        .returning(ConversationRow::as_returning())
        .get_result(conn)?)
}

/// Moves the end of the active branch. Whoever does that keeps the table of branches, and says so.
pub(crate) fn set_leaf(
    conn: &mut SqliteConnection,
    scope: &Scope,
    id: Key,
    leaf: Option<Key>,
    updated_at: i64,
) -> Outcome<ConversationRow> {
    let update = Statement::<4, Columns>::new(
        "UPDATE conversations SET leaf = ?, updated_at = ?, branches_kept = 1 - branches_kept
        WHERE tenant = ? AND id = ?
        RETURNING id, title, metadata, archived, created_at, updated_at",
        [leaf.into(), updated_at.into(), scope.tenant.as_str().into(), id.into()],
    );
    Ok(update.get_result(conn)?)
}

/// The same, and says which turn holds the lock.
pub(crate) fn set_turn(
    conn: &mut SqliteConnection,
    scope: &Scope,
    id: Key,
    leaf: Option<Key>,
    turn: Option<Key>,
    updated_at: i64,
) -> Outcome<()> {
    let update = Statement::<5>::new(
        "UPDATE conversations SET leaf = ?, turn = ?, updated_at = ?,
            branches_kept = 1 - branches_kept
        WHERE tenant = ? AND id = ?",
        [leaf.into(), turn.into(), updated_at.into(), scope.tenant.as_str().into(), id.into()],
    );
    update.execute(conn)?;
    Ok(())
}

/// Takes the lock from a turn, if it is this one that holds it.
pub(crate) fn free(conn: &mut SqliteConnection, scope: &Scope, id: Key, turn: Key) -> Outcome<()> {
    let target =
        conversations::table.find((scope.tenant.as_str(), id)).filter(conversations::turn.eq(turn));
    diesel::update(target).set(conversations::turn.eq(None::<Key>)).execute(conn)?;
    Ok(())
}

/// Deletes a conversation with everything below it.
pub(crate) fn delete(conn: &mut SqliteConnection, scope: &Scope, id: Key) -> Outcome<()> {
    let target = conversations::table
        .find((scope.tenant.as_str(), id))
        .filter(conversations::user.eq(scope.user.as_str()));
    if diesel::delete(target).execute(conn)? == 0 {
        return Err(StoreError::NotFound.into());
    }
    Ok(())
}
