//! Statements about limits that were set.

use diesel::{
    prelude::*,
    sql_types::{BigInt, Nullable, Text},
};
use loquat_domain::{Limit, LimitKey, Whom};
use loquat_store::StoreError;

use crate::{
    rows::{amount, read_amount, read_meter, read_user},
    statement::{Statement, Value},
    threads::Outcome,
};

const TENANT: &str = "tenant";
const EACH_USER: &str = "each_user";
const USER: &str = "user";

fn columns(key: &LimitKey) -> [Value<'_>; 4] {
    let (whom, user) = match &key.whom {
        Whom::Tenant => (TENANT, ""),
        Whom::EachUser => (EACH_USER, ""),
        Whom::User(user) => (USER, user.as_str()),
    };
    [whom, user, key.model.as_deref().unwrap_or_default(), key.meter.as_str()].map(Value::from)
}

type Row = (String, String, String, String, Option<i64>);

fn read((whom, user, model, meter, most): Row) -> Result<Limit, StoreError> {
    let whom = match whom.as_str() {
        TENANT => Whom::Tenant,
        EACH_USER => Whom::EachUser,
        USER => Whom::User(read_user("user", &user)?),
        _ => return Err(StoreError::Corrupt { column: "whom" }),
    };
    let model = Some(model).filter(|model| !model.is_empty());
    let key = LimitKey { whom, model, meter: read_meter(&meter)? };
    let most = most.map(|most| read_amount("most", most)).transpose()?;
    Ok(Limit { key, most })
}

/// The limits that were set for a tenant, in order.
pub(crate) fn all(conn: &mut SqliteConnection, tenant: &str) -> Outcome<Vec<Limit>> {
    let query = Statement::<1, (Text, Text, Text, Text, Nullable<BigInt>)>::new(
        "SELECT whom, user, model, meter, most FROM limit_overrides WHERE tenant = ?",
        [tenant.into()],
    );
    let rows: Vec<Row> = query.load(conn)?;
    let mut limits = rows.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    limits.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(limits)
}

pub(crate) fn set(conn: &mut SqliteConnection, tenant: &str, limit: &Limit) -> Outcome<()> {
    let [whom, user, model, meter] = columns(&limit.key);
    let upsert = Statement::<6>::new(
        "INSERT INTO limit_overrides (tenant, whom, user, model, meter, most)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET most = excluded.most",
        [tenant.into(), whom, user, model, meter, limit.most.map(amount).into()],
    );
    upsert.execute(conn)?;
    Ok(())
}

/// Takes a limit away that was set.
pub(crate) fn remove(conn: &mut SqliteConnection, tenant: &str, key: &LimitKey) -> Outcome<()> {
    let [whom, user, model, meter] = columns(key);
    let delete = Statement::<5>::new(
        "DELETE FROM limit_overrides
        WHERE tenant = ? AND whom = ? AND user = ? AND model = ? AND meter = ?",
        [tenant.into(), whom, user, model, meter],
    );
    if delete.execute(conn)? == 0 { Err(StoreError::NotFound.into()) } else { Ok(()) }
}
