//! The database's own clock, which leases run on: it means the same to every process.

use std::time::Duration;

use diesel::{
    RunQueryDsl as _, SqliteConnection,
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    prelude::QueryResult,
    query_builder::{AstPass, QueryFragment, QueryId},
    sql_types::{BigInt, Nullable},
    sqlite::Sqlite,
};
use loquat_domain::Timestamp;

use crate::{statement::Statement, threads::Outcome};

/// SQL for the time of the statement, in microseconds.
macro_rules! now {
    () => {
        "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
    };
}
pub(crate) use now;

/// The time of the statement.
pub(crate) fn read(conn: &mut SqliteConnection) -> Outcome<Timestamp> {
    let now = Statement::<0, (BigInt,)>::new(concat!("SELECT ", now!()), []);
    let (now,) = now.get_result(conn)?;
    Ok(Timestamp::from_micros(now))
}

/// A duration that can be added to the time of day: no more than half of what a column holds.
pub(crate) fn micros(duration: Duration) -> i64 {
    let far = i64::MAX / 2;
    i64::try_from(duration.as_micros()).map_or(far, |micros| micros.min(far))
}

/// A time as diesel's expression, which may stay prepared; text passed to [`diesel::dsl::sql`] may
/// not.
#[derive(Debug, Clone, Copy, QueryId)]
pub(crate) struct Clock {
    plus_micros: i64,
}

impl Clock {
    pub(crate) const NOW: Self = Self { plus_micros: 0 };

    /// The time after a duration; the far future when that does not fit.
    pub(crate) fn after(duration: Duration) -> Self {
        Self { plus_micros: micros(duration) }
    }
}

/// Nullable, because the columns are that it is compared with.
impl Expression for Clock {
    type SqlType = Nullable<BigInt>;
}

impl QueryFragment<Sqlite> for Clock {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(concat!("(", now!(), " + "));
        out.push_bind_param::<BigInt, _>(&self.plus_micros)?;
        out.push_sql(")");
        Ok(())
    }
}

impl<GroupBy> ValidGrouping<GroupBy> for Clock {
    type IsAggregate = is_aggregate::Never;
}

impl<Source> AppearsOnTable<Source> for Clock {}

impl<Source> SelectableExpression<Source> for Clock {}
