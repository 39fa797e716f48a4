//! Statements about items.

use std::ops::Range;

use diesel::{connection::DefaultLoadingMode, prelude::*};
use loquat_domain::{Order, Role};
use loquat_store::{History, StoreError};

use crate::{
    key::Key,
    rows::{ItemRow, NewItem},
    schema::items,
    statement::first_rows,
    threads::Outcome,
};

/// The item that the next one follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) id: Key,
    pub(crate) position: i64,
    /// Whether it is on the active branch.
    pub(crate) active: bool,
}

impl Tail {
    /// The position of what follows `after`.
    pub(crate) fn next_position(after: Option<Self>) -> i64 {
        after.map_or(0, |tail| tail.position + 1)
    }
}

/// Whose items, and where they go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branch<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) conversation: Key,
    /// Whether it is, or continues, the active one.
    pub(crate) active: bool,
}

/// Puts items after `after`, in order, and returns the end of the branch then.
pub(crate) fn attach(
    conn: &mut SqliteConnection,
    branch: Branch<'_>,
    mut after: Option<Tail>,
    new: &[NewItem],
) -> Outcome<Option<Tail>> {
    // One statement an item: it stays prepared, which one of varying length would not.
    for item in new {
        let position = Tail::next_position(after);
        diesel::insert_into(items::table)
            .values((
                item,
                items::role.eq(item.role),
                items::tenant.eq(branch.tenant),
                items::conversation.eq(branch.conversation),
                items::parent.eq(after.map(|tail| tail.id)),
                items::position.eq(position),
                items::active.eq(branch.active),
            ))
            .execute(conn)?;
        after = Some(Tail { id: item.id, position, active: branch.active });
    }
    Ok(after)
}

pub(crate) fn find(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    id: Key,
) -> Outcome<ItemRow> {
    Ok(items::table
        .filter(items::tenant.eq(tenant))
        .filter(items::id.eq(id))
        .filter(items::conversation.eq(conversation))
        .select(ItemRow::as_select())
        .get_result(conn)?)
}

/// The place of an item, on whichever branch it is.
pub(crate) fn tail(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    id: Key,
) -> Outcome<Tail> {
    let (position, active) = items::table
        .filter(items::tenant.eq(tenant))
        .filter(items::id.eq(id))
        .filter(items::conversation.eq(conversation))
        .select((items::position, items::active))
        .get_result(conn)?;
    Ok(Tail { id, position, active })
}

/// Whether what is put after `after` in an implicit conversation is on its active branch, which is
/// made of the items that came first.
pub(crate) fn comes_first(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    after: Option<Tail>,
) -> Outcome<bool> {
    if after.is_some_and(|tail| !tail.active) {
        return Ok(false);
    }
    let came_before = items::table
        .filter(items::tenant.eq(tenant))
        .filter(items::conversation.eq(conversation))
        .filter(items::active)
        .filter(items::position.ge(Tail::next_position(after)));
    Ok(!diesel::select(diesel::dsl::exists(came_before)).get_result::<bool>(conn)?)
}

/// The item of the active branch at a position.
pub(crate) fn at(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    position: i64,
) -> Outcome<Option<ItemRow>> {
    let row = items::table
        .filter(items::tenant.eq(tenant))
        .filter(items::conversation.eq(conversation))
        .filter(items::active)
        .filter(items::position.eq(position))
        .select(ItemRow::as_select())
        .get_result(conn);
    Ok(row.optional()?)
}

/// Up to `most` items of the active branch within these positions, in order.
pub(crate) fn span(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    positions: Range<i64>,
    most: usize,
) -> Outcome<Vec<ItemRow>> {
    let within = items::table
        .filter(items::tenant.eq(tenant))
        .filter(items::conversation.eq(conversation))
        .filter(items::active)
        .filter(items::position.ge(positions.start))
        .filter(items::position.lt(positions.end))
        .order(items::position)
        .select(ItemRow::as_select());
    Ok(first_rows(within, conn, most)?)
}

/// The first items of the active branch that are the operator's words, up to a position.
pub(crate) fn lead(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    to: i64,
) -> Outcome<Vec<ItemRow>> {
    let first = items::table
        .filter(items::tenant.eq(tenant))
        .filter(items::conversation.eq(conversation))
        .filter(items::active)
        .filter(items::position.le(to))
        .order(items::position)
        .select((items::role, ItemRow::as_select()));
    let mut lead = Vec::new();
    // Rows are found as they are asked for, so those after the lead cost nothing.
    for row in first.load_iter::<(Option<String>, ItemRow), DefaultLoadingMode>(conn)? {
        let (role, item) = row?;
        let leads = [Role::System, Role::Developer].map(|role| Some(role.as_str()));
        if lead.len() >= History::MOST_LEAD || !leads.contains(&role.as_deref()) {
            break;
        }
        lead.push(item);
    }
    Ok(lead)
}

/// The place of an item of the active branch.
pub(crate) fn cursor(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    id: Key,
) -> Outcome<i64> {
    let position = items::table
        .filter(items::tenant.eq(tenant))
        .filter(items::id.eq(id))
        .filter(items::conversation.eq(conversation))
        .filter(items::active.eq(true))
        .select(items::position)
        .get_result(conn)
        .optional()?;
    Ok(position.ok_or(StoreError::CursorNotFound)?)
}

/// Up to `most` items of the active branch from a position on.
pub(crate) fn page(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    order: Order,
    after: Option<i64>,
    most: usize,
) -> Outcome<Vec<ItemRow>> {
    let active = items::table
        .filter(items::tenant.eq(tenant))
        .filter(items::conversation.eq(conversation))
        .filter(items::active)
        .select(ItemRow::as_select());
    let rows = match order {
        Order::Ascending => {
            let later = active.filter(items::position.gt(after.unwrap_or(i64::MIN)));
            first_rows(later.order(items::position.asc()), conn, most)
        }
        Order::Descending => {
            let earlier = active.filter(items::position.lt(after.unwrap_or(i64::MAX)));
            first_rows(earlier.order(items::position.desc()), conn, most)
        }
    };
    Ok(rows?)
}

/// Lets what follows an item follow something else.
pub(crate) fn move_children(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    from: Key,
    to: Option<Key>,
) -> Outcome<()> {
    let children = items::table
        .filter(items::tenant.eq(tenant))
        .filter(items::conversation.eq(conversation))
        .filter(items::parent.eq(from));
    diesel::update(children).set(items::parent.eq(to)).execute(conn)?;
    Ok(())
}

/// True when nothing follows an item.
pub(crate) fn is_leaf(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    id: Key,
) -> Outcome<bool> {
    let children = items::table
        .filter(items::tenant.eq(tenant))
        .filter(items::conversation.eq(conversation))
        .filter(items::parent.eq(id));
    Ok(!diesel::select(diesel::dsl::exists(children)).get_result::<bool>(conn)?)
}

/// What an item was.
#[derive(Debug, Queryable)]
pub(crate) struct Gone {
    /// What it followed.
    pub(crate) parent: Option<Key>,
    pub(crate) position: i64,
    pub(crate) active: bool,
}

/// Deletes an item.
pub(crate) fn delete(conn: &mut SqliteConnection, tenant: &str, id: Key) -> Outcome<Gone> {
    let target = items::table.filter(items::tenant.eq(tenant)).filter(items::id.eq(id));
    let gone = (items::parent, items::position, items::active);
    Ok(diesel::delete(target).returning(gone).get_result(conn)?)
}
