//! Statements about revoked access.

use diesel::{
    prelude::*,
    sql_types::{BigInt, Nullable, Text},
};
use loquat_domain::{Timestamp, TokenId};
use loquat_store::{Revocation, RevocationList, Revoked, StoreError};

use crate::{
    clock,
    rows::{read_tenant, read_user},
    statement::{Statement, Value, first_rows},
    threads::Outcome,
};

const TENANT: &str = "tenant";
const USER: &str = "user";
const TOKEN: &str = "token";

fn columns(whose: &Revoked) -> [Value<'_>; 2] {
    let columns = match whose {
        Revoked::Tenant => [TENANT, ""],
        Revoked::User(user) => [USER, user.as_str()],
        Revoked::Token(token) => [TOKEN, token.as_str()],
    };
    columns.map(Value::from)
}

fn read_whose(whose: &str, name: &str) -> Result<Revoked, StoreError> {
    match whose {
        TENANT => Ok(Revoked::Tenant),
        USER => Ok(Revoked::User(read_user("name", name)?)),
        TOKEN => {
            let token = TokenId::new(name).map_err(|_| StoreError::Corrupt { column: "name" })?;
            Ok(Revoked::Token(token))
        }
        _ => Err(StoreError::Corrupt { column: "whose" }),
    }
}

/// SQL for whether a revocation holds.
macro_rules! holds {
    () => {
        concat!("(until IS NULL OR until > ", clock::now!(), ")")
    };
}

pub(crate) fn set(
    conn: &mut SqliteConnection,
    tenant: &str,
    revocation: &Revocation,
) -> Outcome<()> {
    let [whose, name] = columns(&revocation.whose);
    let upsert = Statement::<6>::new(
        "INSERT INTO revocations (tenant, whose, name, until, revoked_at, revoked_by)
        VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET until = excluded.until, revoked_at = excluded.revoked_at,
            revoked_by = excluded.revoked_by",
        [
            tenant.into(),
            whose,
            name,
            revocation.until.map(Timestamp::as_micros).into(),
            revocation.revoked_at.as_micros().into(),
            revocation.revoked_by.as_str().into(),
        ],
    );
    upsert.execute(conn)?;
    raise_version(conn)
}

/// Takes a revocation away that holds.
pub(crate) fn remove(conn: &mut SqliteConnection, tenant: &str, whose: &Revoked) -> Outcome<()> {
    let [whose, name] = columns(whose);
    let delete = Statement::<3>::new(
        concat!(
            "DELETE FROM revocations WHERE tenant = ? AND whose = ? AND name = ? AND ",
            holds!()
        ),
        [tenant.into(), whose, name],
    );
    if delete.execute(conn)? == 0 {
        return Err(StoreError::NotFound.into());
    }
    raise_version(conn)
}

fn raise_version(conn: &mut SqliteConnection) -> Outcome<()> {
    let text = "UPDATE revocations_version SET version = version + 1 WHERE id = 1";
    Statement::<0>::new(text, []).execute(conn)?;
    Ok(())
}

type Row = (String, String, Option<i64>, i64, String);

fn read((whose, name, until, revoked_at, revoked_by): Row) -> Result<Revocation, StoreError> {
    Ok(Revocation {
        whose: read_whose(&whose, &name)?,
        until: until.map(Timestamp::from_micros),
        revoked_at: Timestamp::from_micros(revoked_at),
        revoked_by: read_user("revoked_by", &revoked_by)?,
    })
}

/// A tenant's revocations that hold, in order.
pub(crate) fn all(conn: &mut SqliteConnection, tenant: &str) -> Outcome<Vec<Revocation>> {
    let query = Statement::<1, (Text, Text, Nullable<BigInt>, BigInt, Text)>::new(
        concat!(
            "SELECT whose, name, until, revoked_at, revoked_by FROM revocations
            WHERE tenant = ? AND ",
            holds!()
        ),
        [tenant.into()],
    );
    let rows: Vec<Row> = query.load(conn)?;
    let mut revocations = rows.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    revocations.sort_by(|one, other| one.whose.cmp(&other.whose));
    Ok(revocations)
}

/// Every tenant's revocations that hold, unless their version is known.
pub(crate) fn list(
    conn: &mut SqliteConnection,
    known: Option<i64>,
) -> Outcome<Option<RevocationList>> {
    let version = "SELECT version FROM revocations_version WHERE id = 1";
    let (version,) = Statement::<0, (BigInt,)>::new(version, []).get_result(conn)?;
    if known == Some(version) {
        return Ok(None);
    }
    let query = Statement::<0, (Text, Text, Text)>::new(
        concat!("SELECT tenant, whose, name FROM revocations WHERE ", holds!()),
        [],
    );
    let rows: Vec<(String, String, String)> = query.load(conn)?;
    let read = |(tenant, whose, name): (String, String, String)| {
        Ok((read_tenant(&tenant)?, read_whose(&whose, &name)?))
    };
    let revoked = rows.into_iter().map(read).collect::<Result<_, StoreError>>()?;
    Ok(Some(RevocationList { version, revoked }))
}

/// Drops up to `most` revocations whose time is over, those first whose is for longest; returns how
/// many.
pub(crate) fn forget(conn: &mut SqliteConnection, most: usize) -> Outcome<usize> {
    let over = Statement::<0, (Text, Text, Text)>::new(
        concat!(
            "SELECT tenant, whose, name FROM revocations WHERE until <= ",
            clock::now!(),
            " ORDER BY until",
        ),
        [],
    );
    let over: Vec<(String, String, String)> = first_rows(over, conn, most)?;
    for (tenant, whose, name) in &over {
        let delete = Statement::<3>::new(
            "DELETE FROM revocations WHERE tenant = ? AND whose = ? AND name = ?",
            [tenant, whose, name].map(|name| name.as_str().into()),
        );
        delete.execute(conn)?;
    }
    if !over.is_empty() {
        raise_version(conn)?;
    }
    Ok(over.len())
}
