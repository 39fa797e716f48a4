//! The start of a turn.

use diesel::prelude::*;
use loquat_domain::{ItemId, Scope};
use loquat_store::{BeginTurn, ContextChange, Made, Once, Place, StoreError, TurnHome};

use crate::{
    branches,
    clock::Clock,
    context,
    conversations::{self, Start},
    items::{self, Branch, Tail},
    key::Key,
    leaves::Tree,
    once,
    rows::{ConversationRow, NewItem, NewResponse},
    schema::responses,
    threads::Outcome,
};

/// A turn's start in the form of its rows.
#[derive(Debug)]
pub(crate) struct Begin {
    response: NewResponse,
    home: Home,
    input: Vec<NewItem>,
    lease_until: Clock,
    made: Made,
    once: Option<Once>,
    context: Option<ContextChange>,
}

#[derive(Debug)]
enum Home {
    New { row: ConversationRow, listed: bool },
    Existing { id: Key, place: Place },
}

impl TryFrom<BeginTurn> for Begin {
    type Error = StoreError;

    fn try_from(turn: BeginTurn) -> Result<Self, StoreError> {
        let id = turn.response.id;
        Ok(Self {
            response: NewResponse::new(turn.response, turn.hidden, &turn.receipt)?,
            home: match turn.home {
                TurnHome::New { conversation, listed } => {
                    Home::New { row: conversation.into(), listed }
                }
                TurnHome::Existing { id, place } => Home::Existing { id: id.into(), place },
            },
            input: turn.input.iter().map(NewItem::from).collect(),
            lease_until: Clock::after(turn.lease),
            made: Made::Response(id),
            once: turn.once,
            context: turn.context,
        })
    }
}

/// Stores a turn's start.
pub(crate) fn begin(conn: &mut SqliteConnection, scope: &Scope, turn: Begin) -> Outcome<()> {
    let Begin { response, home, input, lease_until, made, once, context } = turn;
    once::claim(conn, scope, once.as_ref())?;
    let (conversation, leaf) = match home {
        Home::New { row, listed } => {
            context::check_version(None, context.as_ref())?;
            begin_in_new(conn, scope, &response, row, listed, &input)?
        }
        Home::Existing { id, place } => {
            let change = context.as_ref();
            (id, begin_in_existing(conn, scope, &response, id, place, &input, change)?)
        }
    };
    if let Some(change) = &context {
        context::change(conn, scope.tenant.as_str(), conversation, change)?;
    }
    diesel::insert_into(responses::table)
        .values((
            &response,
            responses::tenant.eq(scope.tenant.as_str()),
            responses::user.eq(scope.user.as_str()),
            responses::conversation.eq(conversation),
            responses::leaf.eq(leaf),
            responses::lease_until.eq(lease_until),
        ))
        .execute(conn)?;
    once::remember(conn, scope, once.as_ref(), &made)
}

fn begin_in_new(
    conn: &mut SqliteConnection,
    scope: &Scope,
    response: &NewResponse,
    row: ConversationRow,
    listed: bool,
    input: &[NewItem],
) -> Outcome<(Key, Option<Key>)> {
    let id = row.id;
    let leaf = input.last().map(|item| item.id);
    let start =
        Start { listed, leaf: leaf.filter(|_| listed), turn: listed.then_some(response.id) };
    let updated_at = row.updated_at.max(response.created_at);
    conversations::insert(conn, scope, &ConversationRow { updated_at, ..row }, start)?;
    let branch = Branch { tenant: scope.tenant.as_str(), conversation: id, active: true };
    items::attach(conn, branch, None, input)?;
    Ok((id, leaf))
}

fn begin_in_existing(
    conn: &mut SqliteConnection,
    scope: &Scope,
    response: &NewResponse,
    id: Key,
    place: Place,
    input: &[NewItem],
    change: Option<&ContextChange>,
) -> Outcome<Option<Key>> {
    let tenant = scope.tenant.as_str();
    let home = conversations::home(conn, scope, id)?;
    home.check_unlocked()?;
    context::check_version(home.context_version, change)?;
    let after = match place {
        Place::Leaf(leaf) if leaf.map(Key::from) != home.leaf => {
            return Err(StoreError::Conflict.into());
        }
        Place::Leaf(_) => home.tail(),
        Place::After(item) => {
            let after = tail(conn, tenant, id, item)?;
            if home.listed && after.map(|tail| tail.id) != home.leaf {
                let tree = Tree { tenant, conversation: id, active_leaf: home.leaf };
                tree.leave(conn, after.map(|tail| tail.id))?;
                let fork = branches::activate(conn, tenant, id, after.map(|tail| tail.id))?;
                if home.context_version.is_some() {
                    context::edit(conn, tenant, id, fork + 1..=i64::MAX)?;
                }
            }
            after
        }
    };
    let active = home.listed || items::comes_first(conn, tenant, id, after)?;
    let branch = Branch { tenant, conversation: id, active };
    let leaf = items::attach(conn, branch, after, input)?.map(|tail| tail.id);
    if home.listed {
        let updated_at = home.updated_at.max(response.created_at);
        conversations::set_turn(conn, scope, id, leaf, Some(response.id), updated_at)?;
    }
    Ok(leaf)
}

fn tail(
    conn: &mut SqliteConnection,
    tenant: &str,
    conversation: Key,
    item: Option<ItemId>,
) -> Outcome<Option<Tail>> {
    item.map(|item| items::tail(conn, tenant, conversation, item.into())).transpose()
}
