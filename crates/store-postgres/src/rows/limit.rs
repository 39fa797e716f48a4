//! Limits, and what is taken of what is limited.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Nullable, Text},
};
use loquat_domain::{Limit, LimitKey, Meter, Timestamp, UserId, Whom};
use loquat_store::{Exchanged, StoreError};

use super::count;

/// A limit that was set.
#[derive(Debug, QueryableByName)]
pub(crate) struct LimitRow {
    #[diesel(sql_type = Text)]
    whom: String,
    #[diesel(sql_type = Text)]
    user_id: String,
    #[diesel(sql_type = Text)]
    model: String,
    #[diesel(sql_type = Text)]
    meter: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    most: Option<i64>,
}

impl TryFrom<LimitRow> for Limit {
    type Error = StoreError;

    fn try_from(row: LimitRow) -> Result<Self, StoreError> {
        let corrupt = |column| StoreError::Corrupt { column };
        let whom = match row.whom.as_str() {
            "tenant" => Whom::Tenant,
            "each_user" => Whom::EachUser,
            "user" => Whom::User(UserId::new(&row.user_id).map_err(|_| corrupt("user_id"))?),
            _ => return Err(corrupt("whom")),
        };
        let meter = Meter::ALL.into_iter().find(|meter| meter.as_str() == row.meter);
        Ok(Self {
            key: LimitKey {
                whom,
                model: Some(row.model).filter(|model| !model.is_empty()),
                meter: meter.ok_or(corrupt("meter"))?,
            },
            most: row.most.map(|most| count(most, "most")).transpose()?,
        })
    }
}

/// How an exchange came out.
#[derive(Debug, QueryableByName)]
pub(crate) struct ExchangedRow {
    /// Its number in the call, counted from 1.
    #[diesel(sql_type = BigInt)]
    pub(crate) exchange: i64,
    #[diesel(sql_type = BigInt)]
    granted: i64,
    #[diesel(sql_type = BigInt)]
    taken: i64,
    #[diesel(sql_type = BigInt)]
    period: i64,
    #[diesel(sql_type = BigInt)]
    ends: i64,
    #[diesel(sql_type = BigInt)]
    moment: i64,
}

impl TryFrom<ExchangedRow> for Exchanged {
    type Error = StoreError;

    fn try_from(row: ExchangedRow) -> Result<Self, StoreError> {
        Ok(Self {
            granted: count(row.granted, "granted")?,
            taken: count(row.taken, "taken")?,
            period: Timestamp::from_micros(row.period),
            now: Timestamp::from_micros(row.moment),
            ends: Timestamp::from_micros(row.ends),
        })
    }
}
