//! Statements about requests that are done once.

use diesel::{
    prelude::*,
    sql_types::{Binary, Bool, Text},
};
use loquat_domain::{ConversationId, Fingerprint, Scope};
use loquat_store::{Earlier, Made, Once, StoreError};

use crate::{
    clock,
    key::Key,
    responses,
    schema::idempotency_keys,
    statement::{Statement, first_rows},
    threads::Outcome,
};

/// What was done with a key.
#[derive(Debug, Queryable)]
struct KeyRow {
    fingerprint: Vec<u8>,
    made: String,
    ids: Vec<u8>,
    expired: bool,
}

impl TryFrom<KeyRow> for Earlier {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        let fingerprint = row.fingerprint.try_into();
        Ok(Self {
            fingerprint: fingerprint
                .map(Fingerprint)
                .map_err(|_| StoreError::Corrupt { column: "fingerprint" })?,
            made: read_made(&row.made, &row.ids)?,
        })
    }
}

const RESPONSE: &str = "response";
const CONVERSATION: &str = "conversation";
const ITEMS: &str = "items";

/// What a key made, as a kind and the ids one after another.
fn written_made(made: &Made) -> (&'static str, Vec<u8>) {
    let (kind, first, rest) = match made {
        Made::Response(id) => (RESPONSE, Key::from(*id), &[][..]),
        Made::Conversation(id) => (CONVERSATION, Key::from(*id), &[][..]),
        Made::Items(id, items) => (ITEMS, Key::from(*id), &items[..]),
    };
    let mut ids = first.as_bytes().to_vec();
    for item in rest {
        ids.extend_from_slice(Key::from(*item).as_bytes());
    }
    (kind, ids)
}

fn read_made(kind: &str, ids: &[u8]) -> Result<Made, StoreError> {
    let corrupt = StoreError::Corrupt { column: "ids" };
    let Some(keys) = Key::split(ids) else { return Err(corrupt) };
    match (kind, keys.as_slice()) {
        (RESPONSE, [id]) => Ok(Made::Response((*id).into())),
        (CONVERSATION, [id]) => Ok(Made::Conversation((*id).into())),
        (ITEMS, [id, items @ ..]) => {
            let items = items.iter().map(|item| (*item).into()).collect();
            Ok(Made::Items(ConversationId::from(*id), items))
        }
        _ => Err(corrupt),
    }
}

/// What was done with a key, as long as that is remembered.
pub(crate) fn earlier(
    conn: &mut SqliteConnection,
    scope: &Scope,
    once: &Once,
) -> Outcome<Option<Earlier>> {
    let row = find(conn, scope, once)?.filter(|row| !row.expired);
    Ok(row.map(Earlier::try_from).transpose()?)
}

/// Refuses what has been done before; afterwards the key is free.
pub(crate) fn claim(
    conn: &mut SqliteConnection,
    scope: &Scope,
    once: Option<&Once>,
) -> Outcome<()> {
    let Some(once) = once else { return Ok(()) };
    match find(conn, scope, once)? {
        None => Ok(()),
        Some(row) if row.expired => forget(conn, scope, once.route, once.key.as_str()),
        Some(row) => Err(StoreError::Done(row.try_into()?).into()),
    }
}

/// SQL for whether a key is to be forgotten: its time is over, and the turn that it began, if it
/// began one, has ended.
macro_rules! is_over {
    () => {
        concat!(
            "expires_at <= ",
            clock::now!(),
            " AND NOT EXISTS (
                SELECT 1 FROM responses
                WHERE idempotency_keys.made = 'response'
                    AND responses.tenant = idempotency_keys.tenant
                    AND responses.id = idempotency_keys.ids
                    AND responses.user = idempotency_keys.user
                    AND responses.lease_until IS NOT NULL
            )"
        )
    };
}

fn find(conn: &mut SqliteConnection, scope: &Scope, once: &Once) -> Outcome<Option<KeyRow>> {
    let query = Statement::<4, (Binary, Text, Binary, Bool)>::new(
        concat!(
            "SELECT fingerprint, made, ids, ",
            is_over!(),
            " FROM idempotency_keys WHERE tenant = ? AND user = ? AND route = ? AND key = ?",
        ),
        [
            scope.tenant.as_str().into(),
            scope.user.as_str().into(),
            once.route.into(),
            once.key.as_str().into(),
        ],
    );
    Ok(query.get_result(conn).optional()?)
}

/// Keeps in mind what was done with a key that is free.
pub(crate) fn remember(
    conn: &mut SqliteConnection,
    scope: &Scope,
    once: Option<&Once>,
    made: &Made,
) -> Outcome<()> {
    let Some(once) = once else { return Ok(()) };
    let (kind, ids) = written_made(made);
    let insert = Statement::<8>::new(
        concat!(
            "INSERT INTO idempotency_keys
                (tenant, user, route, key, fingerprint, made, ids, expires_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ",
            clock::now!(),
            " + ?)",
        ),
        [
            scope.tenant.as_str().into(),
            scope.user.as_str().into(),
            once.route.into(),
            once.key.as_str().into(),
            once.fingerprint.0.as_slice().into(),
            kind.into(),
            ids.as_slice().into(),
            clock::micros(once.keep).into(),
        ],
    );
    insert.execute(conn)?;
    Ok(())
}

/// The tenants, users, routes and names of up to `most` keys that are to be forgotten, those that
/// were to be forgotten first.
pub(crate) fn expired(
    conn: &mut SqliteConnection,
    most: usize,
) -> Outcome<Vec<(String, String, String, String)>> {
    let query = Statement::<0, (Text, Text, Text, Text)>::new(
        concat!(
            "SELECT tenant, user, route, key FROM idempotency_keys WHERE ",
            is_over!(),
            " ORDER BY expires_at",
        ),
        [],
    );
    Ok(first_rows(query, conn, most)?)
}

/// Forgets a key, and with it what was kept only to answer it again.
pub(crate) fn forget(
    conn: &mut SqliteConnection,
    scope: &Scope,
    route: &str,
    key: &str,
) -> Outcome<()> {
    let name = (scope.tenant.as_str(), scope.user.as_str(), route, key);
    let (made, ids): (String, Vec<u8>) = diesel::delete(idempotency_keys::table.find(name))
        .returning((idempotency_keys::made, idempotency_keys::ids))
        .get_result(conn)?;
    // A key that cannot be read is forgotten all the same.
    if let Ok(Made::Response(id)) = read_made(&made, &ids) {
        responses::remove_hidden(conn, scope, id.into())?;
    }
    Ok(())
}
